"""One sync of the generated documents, in this process, through the Python API. Prints what it cost as JSON.

Called as `python -m bench.search.build DATA_DIR DOCUMENTS SEED`.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from bench.search.sampler import Sampler, disk_write_mb, status_mb
from syncline import Syncline
from syncline.model.reports import Progress

CONNECTOR = "generated"


class _Watch:
    """Remembers how many documents are done."""

    written = 0

    def __call__(self, progress: Progress) -> None:
        self.written = max(self.written, progress.written, progress.counters.inserted)


def sync(data_dir: str, documents: int, seed: int) -> dict[str, Any]:
    """Make the connector if it is not there, run one job, and say how it went."""
    watch = _Watch()
    with Syncline(data_dir) as syncline:
        if CONNECTOR not in {connector.name for connector in syncline.connectors()}:
            settings = {"count": documents, "seed": seed}
            syncline.add_connector("bench.generated:documents", settings, name=CONNECTOR)
        with Sampler(lambda: watch.written) as sampler:
            result = syncline.sync(CONNECTOR, on_progress=watch)
    return {
        "status": str(result.status),
        "counters": result.counters.as_dict(),
        "error": result.error,
        "samples": sampler.samples,
        "peak_mb": status_mb()["VmHWM"],
        "disk_write_mb": disk_write_mb(),
    }


if __name__ == "__main__":
    print(json.dumps(sync(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
