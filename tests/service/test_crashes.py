"""A whole sync, from the job table to the text index, dies at each named point of the main thread and is run again."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from syncline.model.jobs import JobState
from syncline.model.search import Reader, Request
from syncline.service import care, jobs, searching
from syncline.testing import CrashRecorder, SimulatedCrash
from syncline.wiring import Installation


def fill(root: Path) -> None:
    root.mkdir(parents=True)
    for number in range(12):
        (root / f"d{number:02}.md").write_text(f"# Page {number}\n\nfirst words\n")


def edit(root: Path) -> None:
    for number in range(3):
        (root / f"d{number:02}.md").write_text(f"# Page {number}\n\nother words\n")
    os.unlink(root / "d05.md")
    (root / "new.md").write_text("# New\n")


def sync(installation: Installation, root: Path) -> object:
    return jobs.sync(installation, jobs.Order(str(root)))


def test_invariants_01_05_07_09_a_sync_that_dies_at_any_point_is_made_good_by_the_next(
    tmp_path: Path, remark: Callable[[str], None]
) -> None:
    recorder = CrashRecorder()
    fill(tmp_path / "recorded" / "docs")
    installation = Installation(str(tmp_path / "recorded" / "state"))
    sync(installation, tmp_path / "recorded" / "docs")
    edit(tmp_path / "recorded" / "docs")
    installation.close()
    installation = Installation(str(tmp_path / "recorded" / "state"), crash=recorder)
    sync(installation, tmp_path / "recorded" / "docs")
    installation.close()
    deaths = list(recorder.crashes(at_most=2))
    for crash in deaths:
        home = tmp_path / f"{crash.point}-{crash.nth}"
        fill(home / "docs")
        installation = Installation(str(home / "state"))
        sync(installation, home / "docs")
        edit(home / "docs")
        installation.close()
        installation = Installation(str(home / "state"), crash=crash)
        with pytest.raises(SimulatedCrash):
            sync(installation, home / "docs")
        installation.close()
        check(home, str(crash))
    remark(f"crash points of a whole sync: {len(recorder.counts)} named, {len(deaths)} deaths survived")
    assert {"control.add_job.inside", "control.claim.inside", "control.end.inside"} <= recorder.counts.keys()


def check(home: Path, what: str) -> None:
    installation = Installation(str(home / "state"))
    result = jobs.sync(installation, jobs.Order(str(home / "docs")))
    assert result.status is JobState.SUCCEEDED, what
    assert not [job for job in installation.control().jobs() if job.active], what
    report = care.verify(installation, None, repair=False, source=True)
    assert (report.problems, report.documents, report.searchable) == ([], 12, 12), what
    found = searching.search(installation, None, Request("other", reader=Reader(unrestricted=True)))
    assert sorted(hit.id for hit in found.hits) == ["d00.md", "d01.md", "d02.md"], what
    again = jobs.sync(installation, jobs.Order(str(home / "docs")))
    assert again.counters.changed == 0, what
    installation.close()
