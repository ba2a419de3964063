"""A server of our own that is ended as by a power cut, and started again; and its replica."""

from __future__ import annotations

from pathlib import Path
from threading import Timer
from typing import Any

import pytest
from tests.destinations.postgresql.conftest import url_of
from tests.sources.tables.conftest import make_server
from tests.sources.tables.test_postgresql_faults import cluster

from syncline.engine import desk
from syncline.model.search import Reader, Request
from syncline.service import jobs, searching
from syncline.store.postgres.errors import StoreError
from syncline.store.postgres.place import SCHEMA_VARIABLE, VARIABLE, parsed
from syncline.store.postgres.store import Store
from syncline.wiring import Installation

__all__ = ["cluster", "make_server"]
REPLICA = 5433


@pytest.fixture(scope="module")
def given(cluster: Any) -> dict[str, Any]:
    """A database on it whose texts are UTF8."""
    cluster.server.connect().execute("create database unicode encoding 'UTF8' template template0")
    return {**cluster.server.given, "database": "unicode"}


@pytest.mark.parametrize("point", ["truth.commit.inside", "truth.commit.after", "control.end.inside"])
def test_a_job_outlives_a_restart_of_its_database(
    cluster: Any, given: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    monkeypatch.setenv(VARIABLE, url_of(given))
    monkeypatch.setenv(SCHEMA_VARIABLE, "store_" + point.replace(".", "_"))
    monkeypatch.setattr(desk, "BATCH_ROWS", 10)
    docs = tmp_path / "docs"
    docs.mkdir()
    for number in range(40):
        (docs / f"{number:02}.txt").write_text(f"word {number}")
    passed: list[str] = []

    def crash(where: str) -> None:
        passed.append(where)
        if where == point and passed.count(point) == (2 if "commit" in point else 1):
            cluster.stop(cluster.primary)
            Timer(0.5, cluster.start, [cluster.primary]).start()

    here = Installation(str(tmp_path / "state"), crash=crash)
    result = jobs.sync(here, jobs.Order(str(docs)))
    assert (result.status, result.counters.inserted, result.error) == ("succeeded", 40, None)
    stored = here.index("default").truth.after(0, 100)
    assert sorted(document.id for document in stored) == sorted(path.name for path in docs.iterdir())
    request = Request("word", limit=100, reader=Reader(unrestricted=True))
    assert searching.search(here, None, request).total == 40
    assert here.control().job(result.number).attempt == 1
    here.close()


def test_a_replica_and_a_database_that_is_not_in_utf8_cannot_be_the_store(cluster: Any, given: dict[str, Any]) -> None:
    cluster.make_replica()
    for settings, code in (
        ({**given, "port": REPLICA}, "store.read_only"),
        (cluster.server.given, "store.unsuitable"),  # SQL_ASCII
    ):
        store = Store(parsed(url_of(settings), "store_elsewhere"), lambda index: "", lambda index: None)
        with pytest.raises(StoreError) as caught:
            store.control()
        assert caught.value.code == code
        store.close()
