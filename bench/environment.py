"""What a measured process sees of its environment, and where this repository lies."""

from __future__ import annotations

import os

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

_QUIET = {
    "DO_NOT_TRACK": "1",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "LANGSMITH_TRACING": "false",
    "COCOINDEX_DISABLE_USAGE_TRACKING": "1",
    "TQDM_DISABLE": "1",
}


def child_environment(*, finds_bench: bool = False) -> dict[str, str]:
    """The caller's, without what would change the measurement: no PYTHON* (so compiled files are written and used, and
    output is buffered) and no settings of Syncline. Telemetry of the peers is off. `finds_bench` lets the child
    import this package."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SYNCLINE_"))}
    kept.update(_QUIET)
    if finds_bench:
        kept["PYTHONPATH"] = ROOT
    return kept
