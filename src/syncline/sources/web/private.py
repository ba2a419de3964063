"""Whether sources may read private networks: whoever runs this process decides, not whoever sets a URL."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

ALLOW_PRIVATE: Final = "SYNCLINE_ALLOW_PRIVATE_TARGETS"


def private_allowed(environ: Mapping[str, str] | None = None) -> bool:
    """True when the environment says so."""
    said = (os.environ if environ is None else environ).get(ALLOW_PRIVATE, "")
    return said.strip().lower() in ("1", "true", "yes", "on")
