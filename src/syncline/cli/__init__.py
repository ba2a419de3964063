"""The `syncline` command: words and shapes over `syncline.api`.

    argv ─▶ root (lazy group) ─▶ a command ─▶ api ─▶ JSON for programs, or a page for people

Everything is imported when it is needed: `syncline --version` pays for nothing but Python itself.
"""

from __future__ import annotations

import gc
import sys


def main() -> int:
    """Run the command line in `sys.argv`; returns the exit code (see `syncline.cli.exits`)."""
    if sys.argv[1:] == ["--version"]:
        from syncline import __version__

        print(f"syncline {__version__}")
        return 0
    # Documents, entries and rows hold no cycles: looking for some every 700 of them costs a tenth of a job.
    gc.set_threshold(100_000, 50, 100)
    try:
        from syncline.cli.root import run

        return run(sys.argv[1:])
    except KeyboardInterrupt:
        return 130
