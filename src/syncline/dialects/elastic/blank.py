"""What a connector document holds before anybody has set anything."""

from __future__ import annotations

from typing import Any, Final

from syncline.dialects.elastic import words

NEVER_RUNS: Final = "0 0 0 * * ?"  # the interval of a schedule that nobody has set; it is not enabled
SCHEDULES: Final = ("full", "incremental", "access_control")
SYNC_INFO: Final = (
    "last_access_control_sync_error",
    "last_access_control_sync_scheduled_at",
    "last_access_control_sync_status",
    "last_incremental_sync_scheduled_at",
    "last_sync_error",
    "last_sync_scheduled_at",
    "last_sync_status",
    "last_synced",
)
DEFAULT_RULE: Final = "DEFAULT"


def connector(given: dict[str, Any], now: str) -> dict[str, Any]:
    """A new document; `given` are the members of the body that made it, without those that are null."""
    native = bool(given.get("is_native", False))
    doc = {
        "configuration": {},
        "custom_scheduling": {},
        "filtering": [filtering(now)],
        "is_native": native,
        "name": given.get("name", ""),
        "scheduling": {name: {"enabled": False, "interval": NEVER_RUNS} for name in SCHEDULES},
        "status": words.NEEDS if native else words.CREATED,
        "sync_now": False,
        "deleted": False,
        **dict.fromkeys(SYNC_INFO),
    }
    return doc | {
        name: given[name] for name in ("description", "index_name", "language", "service_type") if name in given
    }


def filtering(now: str) -> dict[str, Any]:
    """Everything is taken, and nothing is being edited."""
    return {"active": rules(now), "domain": "DEFAULT", "draft": rules(now)}


def rules(now: str) -> dict[str, Any]:
    """A set of rules that takes everything."""
    return {
        "advanced_snippet": {"created_at": now, "updated_at": now, "value": {}},
        "rules": [default_rule(now, now, 0)],
        "validation": {"errors": [], "state": "valid"},
    }


def default_rule(created_at: str, updated_at: str, order: int) -> dict[str, Any]:
    """The rule behind all others."""
    return {
        "created_at": created_at,
        "field": "_",
        "id": DEFAULT_RULE,
        "order": order,
        "policy": "include",
        "rule": "regex",
        "updated_at": updated_at,
        "value": ".*",
    }


def job(connector: dict[str, Any], job_type: str, trigger: str, now: str) -> dict[str, Any]:
    """A new sync job; `connector` is the snapshot."""
    return {
        "connector": connector,
        "created_at": now,
        "deleted_document_count": 0,
        "indexed_document_count": 0,
        "indexed_document_volume": 0,
        "job_type": job_type,
        "last_seen": now,
        "metadata": {},
        "status": words.PENDING,
        "total_document_count": 0,
        "trigger_method": trigger,
    }


def snapshot(id: str, doc: dict[str, Any], job_type: str) -> dict[str, Any]:
    """What a job remembers of its connector; what is null is left out."""
    index = doc.get("index_name")
    if job_type == "access_control":
        index = f".search-acl-filter-{'null' if index is None else index}"
    rules = doc["filtering"][0]["active"] if doc.get("filtering") else None
    wanted = {
        "id": id,
        "filtering": rules,
        "index_name": index,
        "language": doc.get("language"),
        "pipeline": doc.get("pipeline"),
        "service_type": doc.get("service_type"),
        "configuration": doc.get("configuration"),
    }
    return {name: value for name, value in wanted.items() if value is not None}
