"""What one dialect makes, the others see: under their own words, with the same ids."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.dialects.kendra.desk import ROLE, Desk, document, name, refused, until
from tests.dialects.kendra.sites import page, serving
from tests.dialects.kendra.test_runs import crawler
from tests.serve.conftest import ROOT_SECRET


def cli(desk: Desk, *args: str, code: int = 0) -> Any:
    """What the command line answers, asking the same server."""
    done = subprocess.run(
        [sys.executable, "-m", "syncline.cli", "--json", "--server", desk.served.url, *args],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SYNCLINE_KEY": ROOT_SECRET},
    )
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout) if done.stdout else None


def test_a_data_source_of_boto3_in_the_command_line_and_the_native_api(desk: Desk, s3: Any) -> None:
    index = desk.index()
    bucket = desk.bucket(s3, {"a.txt": "a cassowary", "b.txt": "a kiwi"})
    source = desk.s3_source(index, bucket)
    listed = {one["id"]: one for one in cli(desk, "connector", "list")}
    assert listed[source]["kind"] == "s3"
    assert listed[source]["index"] == desk.index_name(index)
    done = cli(desk, "sync", listed[source]["name"])  # run by somebody else
    row = desk.history(index, source)[0]
    assert (row["ExecutionId"], row["Status"]) == (done["job_id"], "SUCCEEDED")
    told = cli(desk, "why", "a.txt", "--index", listed[source]["index"])
    assert told["stories"][0]["state"] == "live"
    with desk.served.client() as http:
        assert http.get(f"/v1/jobs/{row['ExecutionId']}").json()["inserted"] == 2
        jobs = http.get("/v1/jobs", params={"connector": source}).json()["items"]
        assert [one["id"] for one in jobs] == [row["ExecutionId"]]


def test_a_job_of_boto3_is_stopped_natively_and_the_other_way_round(desk: Desk) -> None:
    index = desk.index()
    with serving({"/": page("Home", "First words.", "/hangs")}) as site:
        source = desk.source(index, "WEBCRAWLER", crawler(site))
        execution = desk.start(index, source)
        until(lambda: "/hangs" in site.asked)
        cli(desk, "job", "stop", execution)
        assert desk.ended(index, source, execution)["Status"] == "ABORTED"
        with desk.served.client() as http:
            job = http.post(f"/v1/connectors/{source}/sync", json={}).raise_for_status().json()["job"]
            assert desk.history(index, source)[0]["ExecutionId"] == job["id"]
            with refused("ResourceInUseException", job["id"]):
                desk.start(index, source)
            desk.kendra.stop_data_source_sync_job(Id=source, IndexId=index)
            until(lambda: http.get(f"/v1/jobs/{job['id']}").json()["state"] == "stopped")


def native(desk: Desk, index: str, kind: str, settings: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A connector made natively."""
    with desk.served.client() as http:
        body = {"kind": kind, "settings": settings, "index": desk.index_name(index), "name": name("Native one"), **more}
        made: dict[str, Any] = http.post("/v1/connectors", json=body).raise_for_status().json()
    return made


NATIVE = [
    (
        "s3",
        {"bucket": "some-bucket", "prefixes": ["a/"], "include": ["glob:**/*.md"], "metadata_prefix": "m/"},
        "S3",
        {
            "S3Configuration": {
                "BucketName": "some-bucket",
                "InclusionPrefixes": ["a/"],
                "InclusionPatterns": ["**/*.md"],
                "DocumentsMetadataConfiguration": {"S3Prefix": "m/"},
            }
        },
    ),
    ("s3", {"bucket": "some-bucket", "include": ["*.md"]}, "TEMPLATE", None),
    (
        "web",
        {
            "urls": ["https://example.com/"],
            "max_depth": 3,
            "include": ["/docs/", "regex:.*x"],
            "requests_per_second": 1,
        },
        "WEBCRAWLER",
        {
            "WebCrawlerConfiguration": {
                "Urls": {"SeedUrlConfiguration": {"SeedUrls": ["https://example.com/"], "WebCrawlerMode": "HOST_ONLY"}},
                "CrawlDepth": 4,
                "MaxLinksPerPage": 1000,
                "MaxContentSizePerPageInMegaBytes": 32.0,
                "MaxUrlsPerMinuteCrawlRate": 60,
                "UrlInclusionPatterns": ["[a-z]+://[^/]*/docs/.*", ".*x"],
            }
        },
    ),
    (
        "postgresql",
        {
            "host": "db",
            "database": "shop",
            "table": "articles",
            "id": ["id"],
            "body": ["text"],
            "user": "u",
            "password": "p",
        },
        "DATABASE",
        None,
    ),
    ("postgresql", {"dsn": "postgresql://u:p@db/shop", "query": "select 1 as id", "id": ["id"]}, "TEMPLATE", None),
    ("push", {}, "CUSTOM", None),
]


@pytest.mark.parametrize(("kind", "settings", "type", "configuration"), NATIVE)
def test_native_connectors_have_the_nearest_type(
    desk: Desk, kind: str, settings: dict[str, Any], type: str, configuration: dict[str, Any] | None
) -> None:
    index = desk.index()
    made = native(desk, index, kind, settings, description="two\nlines")
    summary = desk.kendra.list_data_sources(IndexId=index)["SummaryItems"][0]
    assert (summary["Id"], summary["Type"], summary["Status"]) == (made["id"], type, "ACTIVE")
    told = desk.kendra.describe_data_source(Id=made["id"], IndexId=index)
    assert told["Name"] == made["name"].replace(" ", "-")
    assert told["Description"] == "two lines"
    if configuration is not None:
        assert told["Configuration"] == configuration
    elif type == "TEMPLATE":
        assert told["Configuration"]["TemplateConfiguration"]["Template"]["type"] == kind.upper()
        assert "u:p@" not in repr(told)
    elif type == "DATABASE":
        said = told["Configuration"]["DatabaseConfiguration"]["ConnectionConfiguration"]
        assert (said["DatabaseHost"], said["TableName"]) == ("db", "articles")
        # Told back as it is, it changes nothing: its secret stays.
        desk.kendra.update_data_source(Id=made["id"], IndexId=index, Configuration=told["Configuration"])
        moved = {**told["Configuration"]["DatabaseConfiguration"]}
        moved["ConnectionConfiguration"] = {**said, "DatabaseHost": "elsewhere"}
        with refused("ValidationException", said["SecretArn"]):  # it is not sent elsewhere
            desk.kendra.update_data_source(Id=made["id"], IndexId=index, Configuration={"DatabaseConfiguration": moved})
    desk.kendra.delete_data_source(Id=made["id"], IndexId=index)
    with desk.served.client() as http:
        assert http.get(f"/v1/connectors/{made['id']}").status_code == 404


def test_a_folder_is_run_and_explained(desk: Desk, tmp_path: Path) -> None:
    """Made by the command line in the data directory of the server."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("# A\n\na platypus")
    data = str(desk.served.data_dir)
    subprocess.run(
        [sys.executable, "-m", "syncline.cli", "--data-dir", data, "index", "add", index_name := name("native")],
        check=True,
        capture_output=True,
    )
    command = ["connector", "add", "folder", "--set", f"path={tmp_path / 'docs'}", "--index", index_name]
    subprocess.run(
        [sys.executable, "-m", "syncline.cli", "--data-dir", data, *command], check=True, capture_output=True
    )
    listed = desk.kendra.list_indices(MaxResults=100)["IndexConfigurationSummaryItems"]
    index = next(one["Id"] for one in listed if one["Name"] == index_name)
    source = desk.kendra.list_data_sources(IndexId=index)["SummaryItems"][0]["Id"]
    told = desk.kendra.describe_data_source(Id=source, IndexId=index)
    assert told["Type"] == "TEMPLATE"
    assert told["Configuration"]["TemplateConfiguration"]["Template"]["type"] == "FOLDER"
    assert desk.run(index, source)["Metrics"]["DocumentsAdded"] == "1"
    assert desk.search(index, "platypus") == ["a.md"]
    with refused("ValidationException"):
        desk.kendra.update_data_source(Id=source, IndexId=index, Configuration=told["Configuration"])
    desk.kendra.update_data_source(Id=source, IndexId=index, Description="described", RoleArn=ROLE)
    assert desk.kendra.describe_data_source(Id=source, IndexId=index)["Description"] == "described"


def test_native_pushes_show_beside_executions(desk: Desk) -> None:
    index = desk.index()
    source = desk.custom(index)
    with desk.served.client() as http:
        body = {"documents": [{"id": "n", "text": "native"}]}
        job = http.post(f"/v1/connectors/{source}/documents", json=body).raise_for_status().json()["job"]["id"]
        assert desk.ended(index, source, job)["Status"] == "SUCCEEDED"
        execution = desk.start(index, source)
        desk.put(index, document("k", "kendra", source, execution))
        desk.kendra.stop_data_source_sync_job(Id=source, IndexId=index)
        desk.ended(index, source, execution)
        rows = [(one["ExecutionId"], one["Metrics"]["DocumentsAdded"]) for one in desk.history(index, source)]
        assert rows == [(execution, "1"), (job, "1")]
        causes = [one["cause"] for one in http.get("/v1/jobs", params={"connector": source}).json()["items"]]
        assert f"execution {execution}" in causes
    found, token = [], None
    while True:  # page by page
        answer = desk.kendra.list_data_source_sync_jobs(
            Id=source, IndexId=index, MaxResults=1, **({"NextToken": token} if token else {})
        )
        found += [one["ExecutionId"] for one in answer["History"]]
        token = answer.get("NextToken")
        if token is None:
            break
    assert found == [execution, job]


def test_settings_changed_natively_are_told_as_they_are(desk: Desk) -> None:
    index = desk.index()
    source = desk.s3_source(index, "some-bucket", InclusionPrefixes=["a/"])
    with desk.served.client() as http:
        http.patch(f"/v1/connectors/{source}", json={"settings": {"prefixes": ["b/"]}}).raise_for_status()
    told = desk.kendra.describe_data_source(Id=source, IndexId=index)["Configuration"]["S3Configuration"]
    assert told["InclusionPrefixes"] == ["b/"]
