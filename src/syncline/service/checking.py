"""Checking a source before its connector is stored, in a process of its own: its code may hang, or die."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from syncline.service import connectors, jobs
from syncline.wiring import Installation

TASK: Final = "syncline.service.checking:check"
CHECK_S: Final = 30.0


def check(data_dir: str, kind: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Prove that a source with those settings, secrets in clear, can be read. Changes nothing. Raises what is wrong."""
    installation = Installation(data_dir)
    try:
        jobs.open_source(installation, connectors.draft(None, kind, settings)).check()
        return {"ok": True}
    finally:
        installation.close()
