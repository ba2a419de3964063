"""Invariant 1 for hosted documents: what was acknowledged before a power cut is there after it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from elasticsearch import ApiError, Elasticsearch, TransportError
from tests.serve.conftest import ROOT_SECRET, Served

ROUNDS, WRITERS, BATCH = 3, 2, 40


class Writer(threading.Thread):
    """Sends bulks one after another, remembers what was acknowledged, ends when the server is gone."""

    def __init__(self, url: str, name: str, first: int) -> None:
        super().__init__(daemon=True)
        self._es = Elasticsearch(f"{url}/elastic", api_key=("root", ROOT_SECRET), max_retries=0, request_timeout=60)
        self._writer, self._next = name, first
        self.acknowledged: dict[str, int] = {}
        self.deleted: set[str] = set()
        self.bulks = 0

    def run(self) -> None:
        while True:
            operations, puts, gone = self._operations()
            try:
                answer = self._es.bulk(index="kept", operations=operations)
            except (ApiError, TransportError):
                return
            assert not answer["errors"], answer
            self.acknowledged.update(puts)
            for id in gone:
                self.acknowledged.pop(id, None)
                self.deleted.add(id)
            self.bulks += 1

    def _operations(self) -> tuple[list[Any], dict[str, int], list[str]]:
        puts, operations = {}, list[Any]()
        for number in range(self._next, self._next + BATCH):
            id = f"{self._writer}-{number}"
            puts[id] = number
            operations += [{"index": {"_id": id}}, {"n": number, "body": f"about number {number}"}]
        gone = list(self.acknowledged)[:3]
        operations += [{"delete": {"_id": id}} for id in gone]
        self._next += BATCH
        return operations, puts, gone


def test_acknowledged_documents_survive_kill_9_amid_bulks(tmp_path: Path, remark: Callable[[str], None]) -> None:
    acknowledged: dict[str, int] = {}
    deleted: set[str] = set()
    bulks = 0
    for round in range(ROUNDS):
        with Served(tmp_path / "state") as served:
            writers = [Writer(served.url, f"w{round}-{at}", 0) for at in range(WRITERS)]
            for writer in writers:
                writer.start()
            until_each_has_written(writers, 2 + round)
            served.kill()
            for writer in writers:
                writer.join(60)
                assert not writer.is_alive()
                acknowledged |= writer.acknowledged
                deleted |= writer.deleted
                bulks += writer.bulks
    with Served(tmp_path / "state") as served:
        es = Elasticsearch(f"{served.url}/elastic", api_key=("root", ROOT_SECRET), request_timeout=60)
        es.indices.refresh(index="kept")
        check_everything(es, acknowledged, deleted)
        shown = served.client().get("/v1/indexes/kept/stats").json()
        assert shown["documents"] == es.count(index="kept")["count"]
        es.close()
    remark(f"hosting, kill -9 amid {bulks} bulks: {len(acknowledged)} acknowledged documents, none lost")


def until_each_has_written(writers: list[Writer], bulks: int) -> None:
    end = time.monotonic() + 60
    while any(writer.bulks < bulks for writer in writers):
        assert time.monotonic() < end, "the writers did not get on"
        assert all(writer.is_alive() for writer in writers)
        time.sleep(0.01)


def check_everything(es: Elasticsearch, acknowledged: dict[str, int], deleted: set[str]) -> None:
    ids = sorted(acknowledged)
    for begin in range(0, len(ids), 1000):
        for doc in es.mget(index="kept", ids=ids[begin : begin + 1000])["docs"]:
            number = acknowledged[doc["_id"]]
            # A delete in the bulk that was cut off may have been made durable, and not been acknowledged.
            if doc["found"]:
                assert doc["_source"] == {"n": number, "body": f"about number {number}"}
            else:
                assert number < 3 * BATCH, doc
    gone = sorted(deleted)
    for begin in range(0, len(gone), 1000):
        found = [doc["_id"] for doc in es.mget(index="kept", ids=gone[begin : begin + 1000])["docs"] if doc["found"]]
        assert found == []
    for id in ids[:: max(1, len(ids) // 10)]:
        if es.exists(index="kept", id=id):
            query = {
                "bool": {"must": [{"match": {"body": str(acknowledged[id])}}], "filter": [{"ids": {"values": [id]}}]}
            }
            assert es.count(index="kept", query=query)["count"] == 1
