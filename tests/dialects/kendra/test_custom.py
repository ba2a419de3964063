"""Data sources that are pushed to: executions, their documents, their counts; also over a power cut."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from tests.dialects.kendra.conftest import environ_for
from tests.dialects.kendra.desk import Desk, document, refused, until
from tests.dialects.kendra.sites import page, serving
from tests.dialects.kendra.test_runs import crawler
from tests.serve.conftest import Served

OVER = ("SUCCEEDED", "FAILED", "INCOMPLETE", "ABORTED")


def stop(desk: Desk, index: str, source: str) -> None:
    desk.kendra.stop_data_source_sync_job(Id=source, IndexId=index)


def counts(row: dict[str, Any]) -> list[int]:
    """Added, modified, deleted, failed."""
    assert "DocumentsScanned" not in row["Metrics"]
    return [int(row["Metrics"][f"Documents{name}"]) for name in ("Added", "Modified", "Deleted", "Failed")]


def test_start_push_stop(desk: Desk) -> None:
    index = desk.index()
    source = desk.custom(index)
    execution = desk.start(index, source)
    row = desk.history(index, source)[0]
    assert (row["ExecutionId"], row["Status"]) == (execution, "SYNCING")
    with refused("ResourceInUseException", execution):
        desk.start(index, source)
    assert (
        desk.put(index, document("a", "the quick fox", source, execution), document("b", "x", source, execution)) == []
    )
    until(lambda: desk.status(index, "a", "b") == ["INDEXED", "INDEXED"])  # searchable before it is stopped
    assert desk.search(index, "fox") == ["a"]
    assert desk.history(index, source)[0]["Status"] == "SYNCING"
    stop(desk, index, source)
    row = desk.ended(index, source, execution)
    assert row["Status"] == "SUCCEEDED"
    assert counts(row) == [2, 0, 0, 0]
    assert len(desk.history(index, source)) == 1  # the jobs that took the documents over are not runs of their own
    stop(desk, index, source)  # nothing is open any more
    assert desk.history(index, source) == [row]


def test_a_document_counts_once_in_an_execution(desk: Desk) -> None:
    index = desk.index()
    source = desk.custom(index)
    first = desk.start(index, source)
    desk.put(index, *(document(id, "before", source, first) for id in "abcd"))
    stop(desk, index, source)
    assert counts(desk.ended(index, source, first)) == [4, 0, 0, 0]
    second = desk.start(index, source)
    target = {"DataSourceId": source, "DataSourceSyncJobId": second}
    for text in ("once", "twice", "three times"):  # each taken over by a job of its own
        desk.put(index, document("a", text, source, second), document("new", text, source, second))
        until(lambda: "PROCESSING" not in desk.status(index, "a", "new"))
    desk.put(index, document("b", "before", source, second))  # unchanged
    for id in ("c", "new"):
        assert (
            desk.kendra.batch_delete_document(
                IndexId=index, DocumentIdList=[id, "never there"], DataSourceSyncJobMetricTarget=target
            )["FailedDocuments"]
            == []
        )
    stop(desk, index, source)
    row = desk.ended(index, source, second)
    assert row["Status"] == "SUCCEEDED"
    assert counts(row) == [0, 1, 2, 0]
    assert desk.status(index, "a", "b", "c", "new") == ["UPDATED", "INDEXED", "NOT_FOUND", "NOT_FOUND"]


def test_attributes_say_where_a_document_belongs(desk: Desk) -> None:
    index, elsewhere = desk.index(), desk.index()
    source, other, foreign = desk.custom(index), desk.custom(index), desk.custom(elsewhere)
    execution = desk.start(index, source)
    foreign_execution = desk.start(elsewhere, foreign)
    failed = desk.put(
        index,
        document("running", "r", source),  # the running job is used, and counted
        document("loose", "l", other),  # nothing runs: it goes in without being counted
        document("neither", "n"),
        document("wrong", "w", source, "not-an-execution"),
        document("others", "o", other, execution),
        document("far", "f", foreign, foreign_execution),
        document("nowhere", "x", "no-such-source"),
        document("half", "h", None, execution),
    )
    assert {one["Id"]: one["ErrorCode"] for one in failed} == dict.fromkeys(
        ("wrong", "others", "far", "nowhere", "half"), "InvalidRequest"
    )
    until(lambda: desk.status(index, "running", "loose", "neither") == ["INDEXED"] * 3)
    stop(desk, index, source)
    assert counts(desk.ended(index, source, execution)) == [1, 0, 0, 0]
    assert desk.history(index, other) == []
    late = desk.put(index, document("late", "l", source, execution))  # its job is over
    assert [(one["Id"], one["DataSourceId"], one["ErrorCode"]) for one in late] == [("late", source, "InvalidRequest")]
    assert desk.status(index, "late", "wrong") == ["NOT_FOUND", "NOT_FOUND"]
    sources = desk.kendra.list_data_sources(IndexId=index)["SummaryItems"]
    assert [one["Id"] for one in sources] == [source, other]  # what has no data source is in none that is listed


def test_one_bad_document_keeps_no_other_out(desk: Desk) -> None:
    index = desk.index(Description="fields")
    desk.kendra.update_index(Id=index, DocumentMetadataConfigurationUpdates=[{"Name": "Team", "Type": "STRING_VALUE"}])

    def with_(id: str, *attributes: tuple[str, Any], **more: Any) -> dict[str, Any]:
        said = [{"Key": key, "Value": value} for key, value in attributes]
        return {"Id": id, "Blob": b"words", "Attributes": said, **more}

    allow = {"Name": "ann", "Type": "USER", "Access": "ALLOW"}
    group = {"Name": "staff", "Type": "GROUP", "Access": "ALLOW"}
    failed = desk.put(
        index,
        with_("good", ("Team", {"StringValue": "blue"}), ("_category", {"StringValue": "x"})),
        with_("undeclared", ("Colour", {"StringValue": "blue"})),
        with_("wrong type", ("Team", {"LongValue": 4})),
        with_("twice", ("Team", {"StringValue": "a"}), ("Team", {"StringValue": "b"})),
        with_("reserved", ("_document_body", {"StringValue": "a"})),
        {"Id": "no body"},
        with_("two bodies", S3Path={"Bucket": "some-bucket", "Key": "k"}),
        with_("levels", HierarchicalAccessControlList=[{"PrincipalList": [allow]}, {"PrincipalList": [group]}]),
        with_("é" * 2048),
    )
    reasons = {one["Id"]: one["ErrorMessage"] for one in failed}
    assert list(reasons) == [
        *("undeclared", "wrong type", "twice", "reserved", "no body", "two bodies", "levels"),
    ]
    assert "Colour" in reasons["undeclared"]
    assert "STRING_VALUE" in reasons["wrong type"]
    until(lambda: desk.status(index, "good") == ["INDEXED"])
    until(lambda: desk.status(index, "é" * 2048) == ["INDEXED"])


def test_a_document_that_cannot_be_read_makes_a_run_incomplete(desk: Desk) -> None:
    index = desk.index()
    source = desk.custom(index)
    execution = desk.start(index, source)
    broken = {**document("broken", "", source, execution), "Blob": b"%PDF-1.7 no more", "ContentType": "PDF"}
    assert desk.put(index, broken, document("fine", "fine", source, execution)) == []
    stop(desk, index, source)
    row = desk.ended(index, source, execution)
    assert row["Status"] == "INCOMPLETE"
    assert counts(row) == [1, 0, 0, 1]
    info = [{"DocumentId": "broken"}]
    said = desk.kendra.batch_get_document_status(IndexId=index, DocumentInfoList=info)["DocumentStatusList"][0]
    assert said["DocumentStatus"] == "FAILED"
    assert said["FailureCode"]
    assert said["FailureReason"]


def test_documents_that_lie_in_a_bucket(desk: Desk, s3: Any) -> None:
    index = desk.index()
    bucket = desk.bucket(s3, {"one.txt": "an okapi", "two.html": "<title>Two</title><p>a tapir</p>"})
    said = [{"Id": key, "S3Path": {"Bucket": bucket, "Key": key}} for key in ("one.txt", "two.html", "gone.txt")]
    failed = desk.put(index, *said)
    assert [one["Id"] for one in failed] == ["gone.txt"]
    assert "gone.txt" in failed[0]["ErrorMessage"]
    until(lambda: desk.search(index, "okapi") == ["one.txt"])
    assert desk.search(index, "tapir") == ["two.html"]
    writer = desk.key("write")
    failed = desk.put(index, said[0], client=writer)
    assert bucket in failed[0]["ErrorMessage"]  # whoever may write may not read whatever the server can
    desk.s3_source(index, bucket, InclusionPrefixes=["one"])
    assert [one["Id"] for one in desk.put(index, *said[:2], client=writer)] == ["two.html"]
    assert desk.put(index, {"Id": "x", "S3Path": {"Bucket": "no-such-bucket-here", "Key": "x"}})[0]["Id"] == "x"


def test_what_a_source_reads_itself_is_not_deleted_here(desk: Desk, s3: Any) -> None:
    index = desk.index()
    bucket = desk.bucket(s3, {"a.txt": "words"})
    source = desk.s3_source(index, bucket)
    desk.run(index, source)
    desk.put(index, document("mine", "m"))
    ids = [f"s3://{bucket}/a.txt", "mine", "unknown"]
    until(lambda: desk.status(index, *ids) == ["INDEXED", "INDEXED", "NOT_FOUND"])
    failed = desk.kendra.batch_delete_document(IndexId=index, DocumentIdList=ids)["FailedDocuments"]
    assert [(one["Id"], one["DataSourceId"]) for one in failed] == [(ids[0], source)]
    until(lambda: desk.status(index, *ids) == ["INDEXED", "NOT_FOUND", "NOT_FOUND"])
    target = {"DataSourceId": source}
    failed = desk.kendra.batch_delete_document(IndexId=index, DocumentIdList=ids, DataSourceSyncJobMetricTarget=target)[
        "FailedDocuments"
    ]
    assert [one["Id"] for one in failed] == ids


def test_status_looks_into_one_source_if_asked(desk: Desk) -> None:
    index = desk.index()
    one, other = desk.custom(index), desk.custom(index)
    desk.put(index, document("a", "words", one))
    until(lambda: desk.status(index, "a") == ["INDEXED"])
    attributes = lambda source: [{"Key": "datasourceId", "Value": {"StringValue": source}}]  # noqa: E731
    assert desk.status(index, "a", Attributes=attributes(one)) == ["INDEXED"]
    assert desk.status(index, "a", Attributes=attributes(other)) == ["NOT_FOUND"]
    answer = desk.kendra.batch_get_document_status(
        IndexId=index, DocumentInfoList=[{"DocumentId": "a", "Attributes": attributes("nobody")}]
    )
    assert answer["DocumentStatusList"] == []
    assert [(one["DocumentId"], one["ErrorCode"]) for one in answer["Errors"]] == [("a", "InvalidRequest")]


def test_a_next_run_may_begin_while_the_last_one_is_being_indexed(desk: Desk) -> None:
    index = desk.index()
    source = desk.custom(index)
    ids = []
    for n in range(3):
        execution = desk.start(index, source)
        ids.append(execution)
        assert desk.put(index, *(document(f"{n}-{k}", f"text {k}", source, execution) for k in range(10))) == []
        stop(desk, index, source)
    rows = [desk.ended(index, source, execution) for execution in ids]
    assert [row["Status"] for row in rows] == ["SUCCEEDED"] * 3
    assert [counts(row) for row in rows] == [[10, 0, 0, 0]] * 3  # each its own
    assert [row["ExecutionId"] for row in desk.history(index, source)] == ids[::-1]
    for status in ("SUCCEEDED", "SYNCING"):
        found = desk.history(index, source, StatusFilter=status)
        assert len(found) == (3 if status == "SUCCEEDED" else 0)


@pytest.fixture
def mortal(tmp_path: Path, moto_url: str) -> Iterator[Served]:
    """A server that may be killed."""
    made = Served(tmp_path / "state", **environ_for(moto_url, tmp_path / "secrets.json"))
    with made:
        yield made


def test_an_execution_outlives_power_cuts(mortal: Served, moto_url: str) -> None:
    desk = Desk(mortal, moto_url)
    index = desk.index()
    source = desk.custom(index)
    execution = desk.start(index, source)
    pushed = 0
    for _ in range(3):  # killed right after an acknowledgement: whatever it was doing
        for _ in range(3):
            documents = [document(str(pushed + n), f"text {pushed + n}", source, execution) for n in range(10)]
            assert desk.put(index, *documents) == []
            pushed += 10
        mortal.kill()
        mortal.start()
        desk = Desk(mortal, moto_url)
        assert desk.row(index, source, execution)["Status"] == "SYNCING"
        with refused("ResourceInUseException", execution):
            desk.start(index, source)
    stop(desk, index, source)
    mortal.kill()
    mortal.start()
    desk = Desk(mortal, moto_url)
    row = desk.ended(index, source, execution)
    assert row["Status"] == "SUCCEEDED"
    assert counts(row) == [pushed, 0, 0, 0]
    assert set(desk.status(index, *map(str, range(10)))) == {"INDEXED"}
    counted = desk.kendra.describe_index(Id=index)["IndexStatistics"]["TextDocumentStatistics"]
    assert counted["IndexedTextDocumentsCount"] == pushed
    assert desk.start(index, source) != execution
    assert desk.broken == []


def test_a_deletion_outlives_a_power_cut(mortal: Served, moto_url: str) -> None:
    desk = Desk(mortal, moto_url)
    index, kept = desk.index(), desk.index()
    with serving({"/": page("Home", "First words.", "/hangs")}) as site:
        source, other = (desk.source(one, "WEBCRAWLER", crawler(site)) for one in (index, kept))
        for place, id in ((index, source), (kept, other)):
            desk.start(place, id)
        until(lambda: site.asked.count("/hangs") == 2)
        deleting = threading.Thread(target=_unheard, args=(desk.kendra.delete_index,), kwargs={"Id": index})
        deleting.start()
        removing = threading.Thread(
            target=_unheard, args=(desk.client().delete_data_source,), kwargs={"Id": other, "IndexId": kept}
        )
        removing.start()
        records = lambda: _marks(mortal)  # noqa: E731
        until(lambda: len(records()) == 2 or not desk_sees(desk, index))
        mortal.kill()
        for thread in (deleting, removing):
            thread.join()
        mortal.start()
        again = Desk(mortal, moto_url)
        until(lambda: not desk_sees(again, index))
        until(lambda: again.kendra.list_data_sources(IndexId=kept)["SummaryItems"] == [])
        until(lambda: records() == [])
    assert again.broken == []


def _unheard(call: Callable[..., Any], **said: Any) -> None:
    """The answer does not come: the server is killed."""
    with suppress(Exception):
        call(**said)


def _marks(served: Served) -> list[str]:
    """What is marked as being deleted."""
    with closing(sqlite3.connect(f"file:{served.data_dir}/control.db?mode=ro", uri=True)) as db:
        return [id for (id,) in db.execute("select id from records where dialect = 'kendra' and kind = 'deleting'")]


def desk_sees(desk: Desk, index: str) -> bool:
    """Whether the index is listed."""
    listed = desk.kendra.list_indices(MaxResults=100)["IndexConfigurationSummaryItems"]
    return index in [one["Id"] for one in listed]


def test_what_failed_before_is_no_failure_of_the_next_run(desk: Desk) -> None:
    index = desk.index()
    source = desk.custom(index)
    for expected, said in ((1, b"%PDF-1.7 no more"), (0, None)):
        execution = desk.start(index, source)
        if said is not None:
            desk.put(index, {**document("broken", "", source, execution), "Blob": said, "ContentType": "PDF"})
        desk.put(index, document(f"fine {expected}", "fine", source, execution))
        stop(desk, index, source)
        row = desk.ended(index, source, execution)
        assert row["Status"] == ("INCOMPLETE" if expected else "SUCCEEDED")
        assert counts(row) == [1, 0, 0, expected]
    assert desk.status(index, "broken", "fine 0", "fine 1") == ["FAILED", "INDEXED", "INDEXED"]
