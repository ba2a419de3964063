"""The same with everything in PostgreSQL, as several servers share it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.dialects.kendra.conftest import environ_for
from tests.dialects.kendra.desk import Desk, document, until
from tests.serve.conftest import Served


@pytest.fixture
def database(server: Any, admin: Any) -> Iterator[str]:
    """The URL of a database of its own."""
    name, given = server.name("kendra"), server.given
    admin.execute(f"create database {name}")
    yield f"postgresql://{given['user']}@/{name}?host={quote(given['host'], safe='/')}&port={given['port']}"
    admin.execute(f"drop database if exists {name} with (force)")


def test_a_bucket_an_execution_and_what_both_leave_behind(
    tmp_path: Path, moto_url: str, s3: Any, database: str
) -> None:
    environ = environ_for(moto_url, tmp_path / "secrets.json")
    with Served(tmp_path / "state", SYNCLINE_DATABASE_URL=database, **environ) as served:
        desk = Desk(served, moto_url)
        said = {"Name": "shared", "RoleArn": "arn:aws:iam::1:role/x", "ClientToken": "once"}
        index = desk.kendra.create_index(**said)["Id"]
        assert desk.kendra.create_index(**said)["Id"] == index
        bucket = desk.bucket(s3, {"a.txt": "a wallaby", "b.txt": "a wallaroo"})
        source, custom = desk.s3_source(index, bucket), desk.custom(index)
        assert desk.run(index, source)["Metrics"]["DocumentsAdded"] == "2"
        execution = desk.start(index, custom)
        assert desk.put(index, document("c", "a wallaby", custom, execution), document("d", "loose")) == []
        desk.kendra.stop_data_source_sync_job(Id=custom, IndexId=index)
        row = desk.ended(index, custom, execution)
        assert (row["Status"], row["Metrics"]["DocumentsAdded"]) == ("SUCCEEDED", "1")
        until(lambda: desk.status(index, "c", "d", f"s3://{bucket}/a.txt") == ["INDEXED"] * 3)
        found = desk.kendra.query(IndexId=index, QueryText="wallaby")["ResultItems"]
        assert {item["DocumentId"] for item in found} == {"c", f"s3://{bucket}/a.txt"}
        desk.kendra.delete_data_source(Id=custom, IndexId=index)
        assert len(desk.kendra.list_data_sources(IndexId=index)["SummaryItems"]) == 1
        desk.kendra.delete_index(Id=index)
        assert desk.kendra.list_indices()["IndexConfigurationSummaryItems"] == []
        assert desk.broken == []
