"""Elastic's settings against the real thing: a bucket, and a table of a PostgreSQL server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from tests.dialects.elastic.connector_labs import Lab, counted
from tests.sources.tables.conftest import Server, admin, make_table, server

__all__ = ["admin", "make_table", "server"]


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    """moto's server, speaking S3."""
    from moto.server import ThreadedMotoServer

    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    _, port = running.get_host_and_port()
    yield f"http://127.0.0.1:{port}"
    running.stop()


def test_a_bucket(lab: Lab, moto_url: str) -> None:
    s3 = boto3.client(
        "s3", endpoint_url=moto_url, region_name="us-east-1", aws_access_key_id="moto", aws_secret_access_key="moto"
    )
    s3.create_bucket(Bucket="elastic-handbook")
    for name in ("a.txt", "b.md", "c.txt"):
        s3.put_object(Bucket="elastic-handbook", Key=name, Body=f"words of {name}".encode())
    id = lab.connector(service_type="s3")
    schema = lab.doc(id)["configuration"]
    values = {"buckets": "elastic-handbook", "aws_access_key_id": "moto", "aws_secret_access_key": "moto"}
    given = {name: {**field, "value": values.get(name, field["value"])} for name, field in schema.items()}
    given["endpoint_url"] = {
        "label": "Endpoint",
        "type": "str",
        "value": moto_url,
    }  # a setting of ours, beside Elastic's
    lab.api.update_configuration(connector_id=id, configuration=given)
    assert counted(lab.run(id)) == (3, 0, 3)
    s3.delete_object(Bucket="elastic-handbook", Key="c.txt")
    s3.put_object(Bucket="elastic-handbook", Key="a.txt", Body=b"other words")
    assert counted(lab.run(id)) == (1, 1, 2)
    lab.api.update_configuration(connector_id=id, values={"aws_access_key_id": "moto", "buckets": "no-such-bucket"})
    job = lab.run(id)
    assert (job["status"], job["deleted_document_count"]) == ("error", 0)
    assert "no-such-bucket" in job["error"]
    assert lab.doc(id)["status"] == "error"


def test_a_table_of_postgresql(lab: Lab, server: Server, admin: Any, make_table: Callable[..., str]) -> None:
    table = make_table("id int primary key, title text, body text", "values (1, 'One', 'first'), (2, 'Two', 'second')")
    given = server.given
    id = lab.connector(service_type="postgresql")
    values = {
        "host": given["host"], "port": str(given["port"]), "username": given["user"], "database": given["database"],
        "password": given["password"] or "", "schema": "public", "tables": table,
    }  # fmt: skip
    lab.api.update_configuration(connector_id=id, values=values)
    job = lab.run(id)
    assert (job["status"], counted(job)) == ("completed", (2, 0, 2)), job.get("error")
    admin.execute(f"update {table} set body = 'changed' where id = 1")
    admin.execute(f"insert into {table} values (3, 'Three', 'third')")
    admin.execute(f"delete from {table} where id = 2")
    assert counted(lab.run(id, job_type="incremental")) == (2, 1, 2)
    assert lab.doc(id)["sync_cursor"]["place"]
    lab.api.update_configuration(connector_id=id, values={"tables": f"{table}_gone"})
    assert lab.run(id)["status"] == "error"
