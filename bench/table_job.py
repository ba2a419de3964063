"""One sync job of a table, in a process of its own: what the benchmark of tables starts for Syncline.

python -m bench.table_job FOLDER JOB SETTINGS INTO URL          prints the job's counters and its peak
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

OURS, TEXT, THERE = "documents and ledger", "with text index", "into PostgreSQL"


def settings_of(host: str, changes: str) -> str:
    """The connector's settings, validated as when it was made."""
    from syncline.sources.registry import validate

    settings = {"host": host, "user": "postgres", "database": "postgres", "table": "w2", "changes": changes}
    return json.dumps(validate("postgresql", settings))


def main(folder: str, number: str, settings: str, into: str, url: str) -> None:
    """One job; prints its counters, and the highest memory of its process and of the largest one beside it."""
    job = int(number)
    from syncline.engine.job import run_job
    from syncline.engine.work import Work
    from syncline.model.ports import Ticket
    from syncline.sources.registry import open_source

    source = open_source("postgresql", json.loads(settings))
    index, close = _opened(folder, into, url)
    transforms = index.transforms() if into == THERE else ()
    ending = run_job(Work(Ticket(1, job, job), source, index, time.time, transforms=transforms))
    if ending.error is not None:
        raise SystemExit(str(ending.error.as_dict()))
    close()
    peaks = [resource.getrusage(who).ru_maxrss // 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(json.dumps({**{k: v for k, v in ending.counters.as_dict().items() if v}, "peak_mb": sum(peaks)}))


def _opened(folder: str, into: str, url: str) -> tuple[Any, Callable[[], None]]:
    """An index, and what closes it."""
    from syncline.store.sqlite.truth import Truth

    if into == TEXT:
        from syncline.wiring import Installation

        index = Installation(folder).open_index("w2", create=True)
        return index, index.close
    truth = Truth(os.path.join(folder, "truth.db"))
    if into != THERE:
        return truth, truth.close
    from types import SimpleNamespace

    from syncline.destinations.postgresql import KIND
    from syncline.destinations.remote import RemoteIndex
    from syncline.sources.registry import validate

    settings = validate(KIND, {"url": url, "table": "w2_documents", "language": "none"})
    return RemoteIndex(truth, KIND.load_source()(SimpleNamespace(**settings), index=folder)), truth.close


if __name__ == "__main__":
    main(*sys.argv[1:])
