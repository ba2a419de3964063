"""Runs and jobs: from the first sync to the last, with counters that are true."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from airweave.core.api_error import ApiError
from airweave.errors import NotFoundError
from tests.dialects.airweave.labs import ENDED, Lab, Site, counters, until

from syncline.service import connectors
from syncline.wiring import Installation


def slow(lab: Lab, site: Site, delay_s: float = 0.05) -> Any:
    """A connection whose run takes long."""
    site.delay_s = delay_s
    return lab.sdk.source_connections.create(
        short_name="web", readable_collection_id=lab.collection(), config=site.config(), sync_immediately=False
    )


def test_a_folder_is_followed_from_the_first_run_to_its_removal(lab: Lab) -> None:
    id, place = lab.collection(), lab.folder({f"{n}.md": f"# Note {n}\n\nabout apples" for n in range(5)})
    made = lab.files(place, id)
    first = lab.ended(made.id)
    assert (first.status, counters(first)) == ("completed", (5, 0, 0, 0))
    assert first.duration_seconds == pytest.approx((first.completed_at - first.started_at).total_seconds(), abs=1e-5)

    assert counters(lab.run(made.id)) == (0, 0, 0, 0)
    (place / "0.md").write_text("# Note 0\n\nabout pears, and much longer than it was")
    (place / "1.md").unlink()
    (place / "new.md").write_text("# New\n\nabout plums")
    second = lab.run(made.id)
    assert counters(second) == (1, 1, 1, 0)

    def names(query: str) -> set[str]:
        return {one.name for one in lab.sdk.collections.search.instant(id, query=query).results}

    assert names("plums") == {"New"}
    assert names("pears") == {"Note 0"}
    assert names("apples") == {"Note 2", "Note 3", "Note 4"}
    jobs = lab.sdk.source_connections.get_source_connection_jobs(made.id)
    assert [counters(job) for job in jobs] == [(1, 1, 1, 0), (0, 0, 0, 0), (5, 0, 0, 0)]
    assert len(lab.sdk.source_connections.get_source_connection_jobs(made.id, limit=2)) == 2
    lab.sdk.source_connections.delete(made.id)
    assert names("apples plums pears") == set()


def test_a_forced_run_reads_everything_and_rewrites_nothing(lab: Lab) -> None:
    place = lab.folder({f"{n}.md": f"note {n}" for n in range(3)})
    made = lab.files(place)
    lab.ended(made.id)

    forced = lab.run(made.id, force_full_sync=True)

    assert (forced.status, counters(forced)) == ("completed", (0, 0, 0, 0))
    job = lab.native.get(f"/v1/jobs/{forced.id}").json()
    assert (job["type"], job["kept"], job["force"]) == ("full", 3, True)
    (place / "0.md").write_text("another note, longer")
    assert counters(lab.run(made.id, force_full_sync=True)) == (0, 1, 0, 0)


def test_the_first_answer_of_a_run_is_pending_with_nothing_counted(lab: Lab) -> None:
    made = lab.files(lab.folder({"a.md": "a"}), sync_immediately=False)

    answer = lab.raw.post(f"/source-connections/{made.id}/run")

    job = answer.json()
    assert answer.status_code == 200
    assert set(job) == {
        "id", "source_connection_id", "status", "started_at", "completed_at", "duration_seconds",
        "entities_inserted", "entities_updated", "entities_deleted", "entities_failed",
        "error", "error_category", "error_details",
    }  # fmt: skip
    assert (job["status"], job["started_at"], job["source_connection_id"]) == ("pending", None, made.id)
    lab.ended(made.id)


def test_of_ten_runs_at_once_exactly_one_starts(lab: Lab, site: Site) -> None:
    made = slow(lab, site)

    def run(_: int) -> tuple[int, Any]:
        try:
            return 200, lab.sdk.source_connections.run(made.id).id
        except ApiError as refused:
            return refused.status_code, refused.body["detail"]

    with ThreadPoolExecutor(10) as many:
        answers = list(many.map(run, range(10)))

    started = [said for status, said in answers if status == 200]
    refused = {(status, said.rpartition(" ")[0]) for status, said in answers if status != 200}
    assert len(started) == 1
    assert refused == {(400, "Cannot start new sync: a sync job is already")}
    assert len(lab.sdk.source_connections.get_source_connection_jobs(made.id)) == 1
    lab.sdk.source_connections.delete(made.id)


def test_a_long_run_is_cancelled(lab: Lab, site: Site, remark: Callable[[str], None]) -> None:
    made = slow(lab, site)
    job = lab.sdk.source_connections.run(made.id)
    until(lambda: site.asked > 10, "pages to be read")
    shown = lab.sdk.source_connections.get(made.id)
    assert (shown.status, shown.sync.last_job.status) == ("syncing", "running")

    asked = time.monotonic()
    answer = lab.sdk.source_connections.cancel_job(source_connection_id=made.id, job_id=job.id)
    ended = lab.ended(made.id)
    remark(f"airweave: a run was cancelled {time.monotonic() - asked:.2f} s after it was asked to")

    assert (answer.id, answer.status) == (job.id, "cancelling")
    assert (ended.status, ended.error) == ("cancelled", None)
    assert ended.completed_at is not None
    with pytest.raises(ApiError) as over:
        lab.sdk.source_connections.cancel_job(source_connection_id=made.id, job_id=job.id)
    assert (over.value.status_code, over.value.body) == (400, {"detail": "Cannot cancel job in cancelled state"})
    assert lab.sdk.source_connections.get(made.id).status == "active"


def test_a_cancelled_run_counts_what_it_has_done(lab: Lab) -> None:
    place = lab.folder()
    for number in range(12_000):
        (place / f"{number}.txt").write_text(f"note {number}")
    made = lab.files(place)
    job = made.sync.last_job
    until(lambda: lab.sdk.source_connections.get(made.id).entities.total_entities, "the first documents")

    lab.sdk.source_connections.cancel_job(source_connection_id=made.id, job_id=job.id)
    ended = lab.ended(made.id)

    held = lab.sdk.source_connections.get(made.id).entities.total_entities
    assert (ended.status, counters(ended)) == ("cancelled", (held, 0, 0, 0))
    assert 0 < held < 12_000
    finished = lab.run(made.id)
    assert (finished.status, counters(finished)) == ("completed", (12_000 - held, 0, 0, 0))


def test_a_run_that_fails_tells_what_it_had_done(lab: Lab, site: Site) -> None:
    config = site.config(max_depth=0, urls=[f"{site.url}/page/{n}" for n in range(3)], user="reader")
    made = lab.sdk.source_connections.create(
        short_name="web", readable_collection_id=lab.collection(), config=config, sync_immediately=False
    )
    lab.run(made.id)
    site.password = "now it wants one"
    failed = lab.run(made.id)

    assert (failed.status, failed.completed_at, failed.duration_seconds) == ("failed", None, None)
    assert failed.error
    assert counters(failed)[2] == 0
    assert lab.sdk.source_connections.get(made.id).entities.total_entities == 3
    assert lab.sdk.source_connections.get(made.id).sync.failed_runs == 1


BROKEN = """
import time
from syncline import Document, source

@source("broken")
def broken(config):
    for number in range(40):
        yield Document(f"{number}", text=f"words {number}")
    time.sleep(0.6)
    yield Document("one more", text="by now the others are durable")
    raise OSError("the line is down")
"""


def test_a_failed_run_counts_what_it_has_done(lab: Lab) -> None:
    """A source of somebody's own, made on the machine itself; run through this API."""
    module = lab.home / "broken_source.py"
    module.write_text(BROKEN)
    installation = Installation(str(lab.served.data_dir))
    kind, index = f"{module}:broken", lab.collection()
    draft = connectors.draft(installation.control(), kind, {}, name=lab.name("broken"), index=index)
    made = connectors.add(installation, draft)
    installation.close()

    failed = lab.run(made.id)

    shown = lab.sdk.source_connections.get(made.id)
    assert (failed.status, failed.error_category) == ("failed", None)
    assert "the line is down" in failed.error
    assert failed.entities_inserted == shown.entities.total_entities
    assert failed.entities_inserted >= 40
    assert (shown.short_name, shown.status, shown.error_message) == (kind, "error", failed.error)
    lab.sdk.source_connections.delete(made.id)


def test_surprising_deletions_wait_and_the_job_says_so(lab: Lab) -> None:
    place = lab.folder({f"{n}.txt": f"note {n}" for n in range(150)})
    made = lab.files(place)
    lab.ended(made.id)
    for number in range(120):
        (place / f"{number}.txt").unlink()

    job = lab.run(made.id)

    assert (job.status, counters(job), job.error) == ("completed", (0, 0, 0, 0), None)
    assert (job.error_details["code"], job.error_details["withheld_deletions"]) == ("deletion.withheld", 120)
    assert lab.native.post(f"/v1/connectors/{made.id}/approve").json()["approved"] == 120
    assert counters(lab.run(made.id)) == (0, 0, 120, 0)


def test_documents_that_fail_are_counted(lab: Lab) -> None:
    place = lab.folder({"good.md": "good", "sheet.xlsx": "this is no workbook"})
    made = lab.files(place)

    job = lab.ended(made.id)

    assert (job.status, counters(job)) == ("completed", (1, 0, 0, 1))


def test_jobs_of_others_and_of_nobody_are_not_found(lab: Lab) -> None:
    mine, other = (lab.files(lab.folder({"a.md": "a"})) for _ in range(2))
    job = lab.ended(other.id)
    lab.ended(mine.id)

    for job_id in (job.id, str(uuid4())):
        with pytest.raises(NotFoundError) as unknown:
            lab.sdk.source_connections.cancel_job(source_connection_id=mine.id, job_id=job_id)
        assert unknown.value.body.detail == "Sync job not found"
    assert lab.raw.get(f"/source-connections/{other.id}/jobs/{job.id}").json()["id"] == job.id
    assert lab.raw.get(f"/source-connections/{other.id}/jobs/{job.id[:8]}").status_code == 422
    for ask in (lab.sdk.source_connections.run, lab.sdk.source_connections.get_source_connection_jobs):
        with pytest.raises(NotFoundError) as unknown:
            ask(str(uuid4()))
        assert unknown.value.body.detail == "Source connection not found"


def test_a_whole_collection_is_refreshed(lab: Lab) -> None:
    id = lab.collection()
    made = [lab.files(lab.folder({"a.md": "a"}), id, sync_immediately=False) for _ in range(2)]

    started = lab.raw.post(f"/collections/{id}/refresh_all/").json()

    assert {job["source_connection_id"] for job in started} == {one.id for one in made}
    assert {lab.ended(one.id).status for one in made} == {"completed"}


def test_a_job_of_another_origin_is_a_job(lab: Lab) -> None:
    made = lab.files(lab.folder({"a.md": "a"}), sync_immediately=False)

    job = lab.native.post(f"/v1/connectors/{made.id}/sync", json={}).json()["job"]

    assert lab.ended(made.id).id == job["id"]


def test_a_schedule_starts_runs_by_itself(lab: Lab) -> None:
    made = lab.sdk.source_connections.create(
        short_name="push", readable_collection_id=lab.collection(), sync_immediately=False,
        schedule={"cron": "* * * * *"},
    )  # fmt: skip
    soon = lab.native.get(f"/v1/connectors/{made.id}/schedules").json()["items"]
    assert any(one["expression"] == "* * * * *" and one["enabled"] for one in soon)
    assert made.schedule.next_run is not None
    lab.sdk.source_connections.delete(made.id)


def test_every_status_is_written_in_small_letters() -> None:
    from airweave.types.sync_job_status import SyncJobStatus

    from syncline.dialects.airweave.jobs import STATUS
    from syncline.model.jobs import JobState

    known = set(SyncJobStatus.__args__[0].__args__)
    assert set(STATUS) == set(JobState)
    assert set(STATUS.values()) <= known
    assert set(ENDED) <= known
