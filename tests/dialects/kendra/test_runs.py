"""Sync jobs: started, watched, stopped."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.dialects.kendra.desk import NOBODY, Desk, refused, until
from tests.dialects.kendra.sites import Site, page, serving

from syncline.dialects.kendra.runs import status_of
from syncline.model.jobs import Job, JobState


def crawler(site: Site, **more: Any) -> dict[str, Any]:
    """A configuration that reads the site."""
    urls = {"SeedUrlConfiguration": {"SeedUrls": [f"{site.url}/"]}}
    return {"WebCrawlerConfiguration": {"Urls": urls, "MaxUrlsPerMinuteCrawlRate": 300, **more}}


def test_the_flow_of_aws_own_sample(desk: Desk, s3: Any) -> None:
    """Create an index, wait; create a data source, wait; start, poll History[0]; find."""
    kendra = desk.kendra
    index = kendra.create_index(Name="python-getting-started-index", RoleArn="arn:aws:iam::1:role/x")["Id"]
    while kendra.describe_index(Id=index)["Status"] == "CREATING":
        pass
    bucket = desk.bucket(s3, {"a.md": "# Apples\n\nThey are round.", "b/pears.txt": "Pears are not."})
    source = desk.s3_source(index, bucket)
    while kendra.describe_data_source(Id=source, IndexId=index)["Status"] == "CREATING":
        pass
    execution = kendra.start_data_source_sync_job(Id=source, IndexId=index)["ExecutionId"]

    def status() -> str:
        jobs = kendra.list_data_source_sync_jobs(Id=source, IndexId=index)
        assert jobs["History"][0]["ExecutionId"] == execution
        return str(jobs["History"][0]["Status"])

    until(lambda: status() not in ("SYNCING", "SYNCING_INDEXING"))
    assert status() == "SUCCEEDED"
    row = desk.history(index, source)[0]
    assert row["Metrics"] == {
        "DocumentsAdded": "2",
        "DocumentsModified": "0",
        "DocumentsDeleted": "0",
        "DocumentsFailed": "0",
        "DocumentsScanned": "2",
    }
    assert row["StartTime"] <= row["EndTime"]
    found = kendra.query(IndexId=index, QueryText="round")
    assert [item["DocumentId"] for item in found["ResultItems"]] == [f"s3://{bucket}/a.md"]
    assert found["ResultItems"][0]["DocumentTitle"]["Text"] == "Apples"
    counted = kendra.describe_index(Id=index)["IndexStatistics"]["TextDocumentStatistics"]
    assert counted["IndexedTextDocumentsCount"] == 2


def test_unknown_things_are_not_found(desk: Desk) -> None:
    index, other = desk.index(), desk.index()
    source = desk.custom(index)
    for call in ("start_data_source_sync_job", "stop_data_source_sync_job", "list_data_source_sync_jobs"):
        for id, where in ((source, NOBODY), ("nothing", index), (source, other)):
            with refused("ResourceNotFoundException", id if where != NOBODY else NOBODY):
                getattr(desk.kendra, call)(Id=id, IndexId=where)


def test_one_runs_at_a_time_and_stops_when_asked(desk: Desk, remark: Callable[[str], None]) -> None:
    index = desk.index()
    with serving({"/": page("Home", "First words.", "/hangs")}) as site:
        source = desk.source(index, "WEBCRAWLER", crawler(site))
        execution = desk.start(index, source)
        row = desk.history(index, source)[0]
        assert (row["ExecutionId"], row["Status"]) == (execution, "SYNCING")
        assert "EndTime" not in row
        until(lambda: "/hangs" in site.asked)
        with refused("ResourceInUseException", execution):
            desk.start(index, source)
        assert len(desk.history(index, source)) == 1  # a refused start leaves no row
        began = time.monotonic()
        desk.kendra.stop_data_source_sync_job(Id=source, IndexId=index)
        assert desk.history(index, source)[0]["Status"] in ("STOPPING", "ABORTED")
        desk.kendra.stop_data_source_sync_job(Id=source, IndexId=index)  # once more is no error
        row = desk.ended(index, source, execution)
        remark(f"kendra: Stop to ABORTED of a crawl that hangs: {time.monotonic() - began:.2f} s")
    assert row["Status"] == "ABORTED"
    assert row["EndTime"] >= row["StartTime"]
    assert "ErrorMessage" not in row


def test_a_stop_with_nothing_running_is_harmless(desk: Desk) -> None:
    index = desk.index()
    for source in (desk.custom(index), desk.s3_source(index, "no-such-bucket")):
        answer = desk.kendra.stop_data_source_sync_job(Id=source, IndexId=index)
        assert answer["ResponseMetadata"]["HTTPHeaders"]["content-length"] == "0"
        assert desk.history(index, source) == []


def test_different_sources_of_one_index_run_in_parallel(desk: Desk, s3: Any) -> None:
    index = desk.index()
    with serving({"/": page("Home", "First words.", "/hangs")}) as site:
        slow = desk.source(index, "WEBCRAWLER", crawler(site))
        desk.start(index, slow)
        until(lambda: "/hangs" in site.asked)
        quick = desk.s3_source(index, desk.bucket(s3, {"a.txt": "words"}))
        assert desk.run(index, quick)["Status"] == "SUCCEEDED"
        assert desk.history(index, slow)[0]["Status"] == "SYNCING"
        desk.kendra.delete_data_source(Id=slow, IndexId=index)


def test_what_changed_is_counted_and_nothing_else(desk: Desk, s3: Any) -> None:
    index = desk.index()
    bucket = desk.bucket(s3, {f"{n}.txt": f"text number {n}" for n in range(5)})
    source = desk.s3_source(index, bucket)
    assert desk.run(index, source)["Metrics"]["DocumentsAdded"] == "5"
    s3.put_object(Bucket=bucket, Key="1.txt", Body=b"another text")
    s3.delete_object(Bucket=bucket, Key="2.txt")
    metrics = desk.run(index, source)["Metrics"]
    assert [metrics[f"Documents{name}"] for name in ("Added", "Modified", "Deleted", "Failed", "Scanned")] == [
        "0", "1", "1", "0", "4",
    ]  # fmt: skip
    assert desk.status(index, f"s3://{bucket}/1.txt", f"s3://{bucket}/2.txt", f"s3://{bucket}/3.txt") == [
        "UPDATED", "NOT_FOUND", "INDEXED",
    ]  # fmt: skip


def test_a_run_with_failed_documents_is_incomplete_and_tries_them_again(desk: Desk, s3: Any) -> None:
    index = desk.index()
    bucket = desk.bucket(s3, {"good.txt": "fine", "bad.txt": "what", "bad.txt.metadata.json": "not JSON"})
    source = desk.s3_source(index, bucket)
    row = desk.run(index, source)
    assert row["Status"] == "INCOMPLETE"
    assert row["Metrics"]["DocumentsFailed"] == "1"
    failed = desk.kendra.batch_get_document_status(
        IndexId=index, DocumentInfoList=[{"DocumentId": f"s3://{bucket}/bad.txt"}]
    )["DocumentStatusList"][0]
    assert failed["DocumentStatus"] == "FAILED"
    assert "bad.txt.metadata.json" in failed["FailureReason"]
    s3.put_object(Bucket=bucket, Key="bad.txt.metadata.json", Body=b'{"Title": "Mended"}')
    assert desk.run(index, source)["Status"] == "SUCCEEDED"


def test_a_source_that_cannot_be_read_fails_and_deletes_nothing(desk: Desk, s3: Any) -> None:
    index = desk.index()
    bucket = desk.bucket(s3, {"a.txt": "keep me"})
    source = desk.s3_source(index, bucket)
    desk.run(index, source)
    s3.delete_object(Bucket=bucket, Key="a.txt")
    s3.delete_bucket(Bucket=bucket)
    row = desk.run(index, source)
    assert row["Status"] == "FAILED"
    assert row["ErrorCode"] in ("InvalidRequest", "InternalError")
    assert bucket in row["ErrorMessage"]
    assert row["DataSourceErrorCode"]
    assert desk.search(index, "keep") == ["a.txt"]


def test_the_history_is_paged_and_filtered(desk: Desk, s3: Any) -> None:
    index = desk.index()
    bucket = desk.bucket(s3, {"a.txt": "words"})
    source = desk.s3_source(index, bucket)
    ids = [desk.run(index, source)["ExecutionId"] for _ in range(4)]
    s3.put_object(Bucket=bucket, Key="b.txt", Body=b"x")
    s3.put_object(Bucket=bucket, Key="b.txt.metadata.json", Body=b"[")
    ids.append(desk.run(index, source)["ExecutionId"])
    newest_first = ids[::-1]

    def pages(**more: Any) -> list[str]:
        found, token = [], None
        while True:
            answer = desk.kendra.list_data_source_sync_jobs(
                Id=source, IndexId=index, **more, **({"NextToken": token} if token else {})
            )
            found += [row["ExecutionId"] for row in answer["History"]]
            token = answer.get("NextToken")
            if token is None:
                return found

    assert pages() == newest_first
    assert pages(MaxResults=2) == newest_first
    assert pages(MaxResults=1, StatusFilter="SUCCEEDED") == newest_first[1:]
    assert pages(StatusFilter="INCOMPLETE") == newest_first[:1]
    for none in ("SYNCING", "SYNCING_INDEXING", "STOPPING", "FAILED", "ABORTED"):
        assert pages(StatusFilter=none) == []
    started = {row["ExecutionId"]: row["StartTime"] for row in desk.history(index, source)}
    middle = started[ids[2]]
    assert set(pages(StartTimeFilter={"StartTime": middle})) >= set(ids[2:])
    assert set(pages(StartTimeFilter={"EndTime": middle})) >= set(ids[:3])
    assert pages(StartTimeFilter={"StartTime": middle.replace(year=2099)}) == []
    assert pages(StartTimeFilter={"EndTime": middle.replace(year=2020)}) == []


def test_a_token_belongs_to_its_list(desk: Desk, s3: Any) -> None:
    index = desk.index()
    source, other = (desk.s3_source(index, desk.bucket(s3, {"a.txt": "words"})) for _ in range(2))
    for _ in range(2):
        desk.run(index, source)
    call = desk.kendra.list_data_source_sync_jobs
    token = call(Id=source, IndexId=index, MaxResults=1)["NextToken"]
    assert len(call(Id=source, IndexId=index, MaxResults=1, NextToken=token)["History"]) == 1
    for wrong in (
        {"Id": other},
        {"StatusFilter": "FAILED"},
        {"NextToken": token[:-4]},
        {"NextToken": "AAAA"},
        {"NextToken": "é"},
    ):
        with refused("ValidationException", "NextToken"):
            call(**{"Id": source, "IndexId": index, "NextToken": token, **wrong})


def test_a_start_until_the_first_document_is_found(desk: Desk, s3: Any, remark: Callable[[str], None]) -> None:
    index = desk.index()
    source = desk.s3_source(index, desk.bucket(s3, {f"{n}.txt": f"quokka number {n}" for n in range(20)}))
    began = time.monotonic()
    desk.start(index, source)
    found = until(lambda: desk.search(index, "quokka"))
    remark(f"kendra: Start to first document found, 20 objects at moto: {time.monotonic() - began:.2f} s")
    assert found


@pytest.mark.parametrize("state", list(JobState))
def test_every_state_has_its_word(state: JobState) -> None:
    job = Job(1, "id", "connector", state=state)
    words = {
        JobState.STOPPING: "STOPPING",
        JobState.SUCCEEDED: "SUCCEEDED",
        JobState.INCOMPLETE: "INCOMPLETE",
        JobState.FAILED: "FAILED",
        JobState.STOPPED: "ABORTED",
    }
    for stage in ("", "listing", "applying", "deleting"):
        job.progress = {"stage": stage}
        assert status_of(job) == words.get(state, "SYNCING")
    job.progress = {"stage": "indexing"}
    assert status_of(job) == ("SYNCING_INDEXING" if state is JobState.RUNNING else words.get(state, "SYNCING"))


def test_a_forced_crawl_reads_everything_again(desk: Desk, s3: Any) -> None:
    index = desk.index()
    bucket = desk.bucket(s3, {"a.txt": "words", "b.txt": "more"})
    template = {
        "type": "S3",
        "version": "1.0.0",
        "syncMode": "FORCED_FULL_CRAWL",
        "connectionConfiguration": {"repositoryEndpointMetadata": {"BucketName": bucket}},
        "repositoryConfigurations": {"document": {"fieldMappings": []}},
    }
    source = desk.source(index, "TEMPLATE", {"TemplateConfiguration": {"Template": template}})
    desk.run(index, source)
    execution = desk.run(index, source)["ExecutionId"]
    with desk.served.client() as http:
        assert http.get(f"/v1/jobs/{execution}").json()["force"] is True
