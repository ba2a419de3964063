"""A small outside worker: it finds jobs in the system indices, claims them, and fills indexes, by the public API."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from elasticsearch import ApiError, ConflictError, Elasticsearch, helpers

CONNECTORS, JOBS = ".elastic-connectors", ".elastic-connectors-sync-jobs"
PIPELINE = "search-default-ingestion"
HIDDEN = {"expand_wildcards": "hidden"}

Item = dict[str, Any]


def now() -> str:
    return datetime.now(UTC).isoformat()


class Tickets:
    """What is to be brought: tickets by id, and who may see what."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        self.people: dict[str, list[str]] = {}
        self.clock = 0

    def put(self, id: str, **fields: Any) -> None:
        self.clock += 1
        stamp = f"2026-11-{1 + self.clock // 24:02}T{self.clock % 24:02}:00:00+00:00"
        self.items[id] = {"_timestamp": stamp, **fields}

    def walk(self) -> Iterator[Item]:
        for id, fields in self.items.items():
            yield {"id": id, "_id": id, **fields}


class Worker:
    """One process's worth of work, done when `poll` is called."""

    def __init__(self, es: Elasticsearch, service_type: str, source: Tickets, name: str = "worker") -> None:
        self.es, self.service_type, self.source, self.name = es, service_type, source, name
        self.lost = 0  # races that another worker has won
        self.requests = 0

    # --- finding work

    def connectors(self) -> list[Item]:
        query = {
            "bool": {
                "filter": [
                    {
                        "bool": {
                            "should": [{"terms": {"service_type": [self.service_type]}}, {"terms": {"_id": ["none"]}}]
                        }
                    },
                    {"bool": {"must_not": [{"term": {"deleted": True}}]}},
                ]
            }
        }
        return self._all(CONNECTORS, query, [{"created_at": {"order": "asc", "unmapped_type": "date"}}])

    def pending(self, connectors: list[str]) -> list[Item]:
        query = {
            "bool": {
                "must": [
                    {"terms": {"status": ["pending", "suspended"]}},
                    {"terms": {"connector.id": connectors}},
                    {"terms": {"job_type": ["full", "incremental", "access_control"]}},
                ]
            }
        }
        return self._all(JOBS, query, [{"created_at": "asc"}])

    def silent(self, connectors: list[str]) -> list[Item]:
        """Jobs at work that nobody has heard of for five minutes."""
        query = {
            "bool": {
                "filter": [
                    {"terms": {"connector.id": connectors}},
                    {"terms": {"status": ["in_progress", "canceling"]}},
                    {"range": {"last_seen": {"lte": "now-300s"}}},
                ]
            }
        }
        return self._all(JOBS, query)

    def _all(self, index: str, query: Item, sort: Any = None) -> list[Item]:
        found: list[Item] = []
        while True:
            page = self.es.search(
                index=index, query=query, sort=sort, from_=len(found), size=2, seq_no_primary_term=True, **HIDDEN
            )["hits"]
            found += page["hits"]
            if not page["hits"] or len(found) >= page["total"]["value"]:
                return found

    # --- doing it

    def poll(self) -> list[str]:
        """Run every job that waits; returns their ids."""
        ids = [hit["_id"] for hit in self.connectors()]
        for id in ids:
            self.es.connector.check_in(connector_id=id)
        done = []
        for hit in self.pending(ids):
            if self._begin(hit):
                self._run(hit["_id"], hit["_source"])
                done.append(hit["_id"])
        return done

    def _begin(self, job: Item) -> bool:
        connector = job["_source"]["connector"]["id"]
        held = self.es.get(index=CONNECTORS, id=connector)
        if held["_source"].get("last_sync_status") == "in_progress":
            return False
        try:
            self._update(
                CONNECTORS, held, {"status": "connected", "error": None, **self._syncing(job, "in_progress", None)}
            )
        except ConflictError:
            self.lost += 1
            return False
        self.es.connector.sync_job_claim(connector_sync_job_id=job["_id"], worker_hostname=self.name)
        return True

    def _syncing(self, job: Item, status: str, error: str | None) -> Item:
        kind = "access_control_sync" if job["_source"]["job_type"] == "access_control" else "sync"
        return {f"last_{kind}_status": status, f"last_{kind}_error": error}

    def _update(self, index: str, held: Item, doc: Item) -> Any:
        lock = {"if_seq_no": held["_seq_no"], "if_primary_term": held["_primary_term"]}
        return self.es.update(index=index, id=held["_id"], doc=doc, **lock)

    def _run(self, id: str, job: Item) -> None:
        index, counts, error = job["connector"]["index_name"], Counter[str](), None
        try:
            self._make(index)
            if job["job_type"] == "access_control":
                self._people(index, counts)
            else:
                self._bring(index, counts, skip=job["job_type"] == "incremental")
        except ApiError as failed:
            error = f"{failed.message}"
        self.es.connector.sync_job_update_stats(
            connector_sync_job_id=id,
            deleted_document_count=counts["deleted"],
            indexed_document_count=counts["indexed"],
            indexed_document_volume=0,
        )
        self.es.indices.refresh(index=index)
        total = self.es.count(index=index)["count"]
        self._end(id, job, counts, total, error)

    def _end(self, id: str, job: Item, counts: Counter[str], total: int, error: str | None) -> None:
        status = "error" if error else "completed"
        held = self.es.get(index=JOBS, id=id)
        ended = {
            "status": status,
            "error": error,
            "completed_at": now(),
            "last_seen": now(),
            "total_document_count": total,
        }
        self._update(JOBS, held, ended)
        connector = self.es.get(index=CONNECTORS, id=job["connector"]["id"])
        doc = {
            **self._syncing({"_source": job}, status, error),
            "last_synced": now(),
            "last_indexed_document_count": counts["indexed"],
            "last_deleted_document_count": counts["deleted"],
            "sync_cursor": {"at": self.source.clock},
        }
        self._update(CONNECTORS, connector, doc)

    # --- documents

    def _make(self, index: str) -> None:
        if not self.es.indices.exists(index=index, expand_wildcards="all"):
            text = {"type": "text", "fields": {"enum": {"type": "keyword", "ignore_above": 2048}}}
            template = {"data": {"match_mapping_type": "string", "mapping": text}}
            self.es.indices.create(index=index, mappings={"dynamic": "true", "dynamic_templates": [template]})

    def _held(self, index: str) -> dict[str, str | None]:
        hits = helpers.scan(self.es, index=index, size=100, _source=["id", "_timestamp"])
        return {hit["_id"]: hit["_source"].get("_timestamp") for hit in hits}

    def _bring(self, index: str, counts: Counter[str], *, skip: bool) -> None:
        held = self._held(index)
        operations: list[Item] = []
        for item in self.source.walk():
            stamp = held.pop(item["_id"], None)
            if not (skip and stamp == item["_timestamp"]):
                flags = {"_extract_binary_content": True, "_reduce_whitespace": True, "_run_ml_inference": True}
                document = {name: value for name, value in item.items() if name != "_id"} | flags
                operations += [{"index": {"_index": index, "_id": item["_id"]}}, document]
        operations += [{"delete": {"_index": index, "_id": id}} for id in held]
        self._send(operations, counts)

    def _people(self, index: str, counts: Counter[str]) -> None:
        held = self._held(index)
        operations: list[Item] = []
        for who, names in self.source.people.items():
            held.pop(who, None)
            operations += [{"index": {"_index": index, "_id": who}}, identity(who, names)]
        operations += [{"delete": {"_index": index, "_id": id}} for id in held]
        self._send(operations, counts)

    def _send(self, operations: list[Item], counts: Counter[str]) -> None:
        for begin in range(0, len(operations), 100):
            answer = self.es.perform_request(
                "PUT",
                f"/_bulk?pipeline={PIPELINE}",
                headers={"accept": "application/json", "content-type": "application/x-ndjson"},
                body=operations[begin : begin + 100],
            )
            assert not answer["errors"], answer
            for item in answer["items"]:
                for kind in item:
                    counts["deleted" if kind == "delete" else "indexed"] += 1


def identity(who: str, names: list[str]) -> Item:
    """What a worker writes of a person: the query that shows what the person may see."""
    public = {"bool": {"must_not": {"exists": {"field": "_allow_access_control"}}}}
    named = {"terms": {"_allow_access_control.enum": names}}
    return {
        "identity": {"name": who},
        "query": {"template": {"params": {"access_control": names}, "source": {"bool": {"should": [public, named]}}}},
    }
