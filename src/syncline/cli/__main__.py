"""`python -m syncline.cli` is the same as `syncline`."""

from __future__ import annotations

import sys

from syncline.cli import main

sys.exit(main())
