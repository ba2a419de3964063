"""How fast it is: told, not asserted."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.dialects.airweave.labs import Lab, counters

CLIENTS, SECONDS = 4, 0.5


def rate(lab: Lab, path: str) -> float:
    """Answers in a second, by a few clients at once."""
    end = time.monotonic() + SECONDS

    def ask(_: int) -> int:
        count = 0
        while time.monotonic() < end:
            assert lab.raw.get(path).status_code == 200
            count += 1
        return count

    began = time.monotonic()
    with ThreadPoolExecutor(CLIENTS) as many:
        total = sum(many.map(ask, range(CLIENTS)))
    return total / (time.monotonic() - began)


def test_requests_in_a_second(lab: Lab, remark: Callable[[str], None]) -> None:
    made = lab.files(lab.folder({"a.md": "a"}))
    lab.ended(made.id)

    paths = {
        "sources": "/sources",
        "collection": f"/collections/{made.readable_collection_id}",
        "collections": "/collections?limit=20",
        "connection": f"/source-connections/{made.id}",
        "connections": "/source-connections?limit=20",
        "jobs": f"/source-connections/{made.id}/jobs",
    }
    rates = {name: rate(lab, path) for name, path in paths.items()}
    assert all(rates.values())
    remark("airweave: requests/s: " + ", ".join(f"{name} {value:.0f}" for name, value in rates.items()))


def test_300_small_files(lab: Lab, remark: Callable[[str], None]) -> None:
    place = lab.folder({f"{n}.md": f"# Note {n}\n\nwords of note {n}" for n in range(300)})
    made = lab.files(place, sync_immediately=False)

    asked = time.monotonic()
    job = lab.run(made.id)
    first = time.monotonic() - asked
    asked = time.monotonic()
    again = lab.run(made.id)
    second = time.monotonic() - asked

    assert (counters(job), counters(again)) == ((300, 0, 0, 0), (0, 0, 0, 0))
    remark(f"airweave: run to completed: 300 small files {first:.2f} s, again {second:.2f} s")


@pytest.mark.slow
def test_20_000_files_beside_the_command_line(lab: Lab, remark: Callable[[str], None]) -> None:
    place = lab.folder()
    for number in range(20_000):
        (place / f"{number}.md").write_text(f"# Note {number}\n\n" + f"words of note {number} " * 100)
    made = lab.files(place, sync_immediately=False)

    began = time.monotonic()
    job = lab.run(made.id)
    here = time.monotonic() - began
    command = [
        sys.executable,
        "-m",
        "syncline.cli",
        "sync",
        str(place),
        "--data-dir",
        str(lab.home / "alone"),
        "--json",
    ]
    began = time.monotonic()
    subprocess.run(command, check=True, capture_output=True)
    alone = time.monotonic() - began

    assert counters(job) == (20_000, 0, 0, 0)
    remark(f"airweave: 20,000 files through the dialect {here:.2f} s, by the command line {alone:.2f} s")
