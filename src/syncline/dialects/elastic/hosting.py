"""The hosting half: as much of a search engine as a worker that fills indexes needs, and whoever looks at the result.

indexes, and what the engine says of itself     here
documents one by one, and many                  documents.py, documents_bulk.py
searches, counts, scrolls                       query_search.py and query_*.py, scroll.py
system indices of connectors and jobs           system.py
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from syncline.dialects.elastic import documents, documents_bulk, documents_pipeline, hosting_names, indices, system
from syncline.dialects.elastic.query_fields import check_mapping
from syncline.dialects.elastic.query_refusals import unsupported
from syncline.dialects.elastic.query_search import Searching
from syncline.dialects.elastic.query_values import spelled
from syncline.dialects.elastic.refusals import Refused, illegal, unparsable
from syncline.dialects.elastic.transport import Call, Reply, Route, Scope
from syncline.dialects.host import Host
from syncline.model.errors import Conflict
from syncline.model.indexes import Index
from syncline.service import hosting, indexes
from syncline.wiring import Installation

VERSION: Final = "9.9.0"  # at least that of any worker of the same generation
LICENSE: Final = "platinum"  # what workers ask for before they bring access control
_MASTER: Final = frozenset({"timeout", "master_timeout", "wait_for_active_shards"})
_READ: Final = hosting_names.FLAGS | {"local", "flat_settings", "include_defaults", "features", "master_timeout"}


def routes(host: Host) -> list[Route]:
    """All of them."""
    return [
        *_about_itself(),
        *_about_indexes(),
        *documents.routes(),
        *documents_bulk.routes(),
        *Searching(host.clock).routes(),
    ]


def _about_itself() -> list[Route]:
    health = frozenset({"level", "local", "wait_for_status", "wait_for_no_relocating_shards", "wait_for_nodes",
                        "wait_for_events", "wait_for_active_shards", "timeout", "master_timeout", "expand_wildcards",
                        "wait_for_no_initializing_shards"})  # fmt: skip
    license = frozenset({"local", "accept_enterprise"})
    return [
        Route("GET", "/", _root, body="none"),
        Route("HEAD", "/", _root_there, body="none"),
        Route("GET", "/_license", _license, license, body="none"),
        Route("GET", "/_cluster/health", _health, health, body="none"),
        Route("GET", "/_cluster/health/{index}", _health, health, body="none"),
        Route("GET", "/_ingest/pipeline/{id}", _pipeline, frozenset({"master_timeout", "summary"}), body="none"),
    ]


def _about_indexes() -> list[Route]:
    refresh = hosting_names.FLAGS | {"force"}
    return [
        Route("PUT", "/{index}", _create, _MASTER),
        Route("GET", "/{index}", _get, _READ, body="none"),
        Route("HEAD", "/{index}", _head, _READ, body="none"),
        Route("DELETE", "/{index}", _delete, hosting_names.FLAGS | _MASTER, Scope.ADMIN, "none"),
        Route("GET", "/{index}/_mapping", _get_mapping, _READ, body="none"),
        Route("PUT", "/{index}/_mapping", _put_mapping, _READ | _MASTER | {"write_index_only"}),
        Route("POST", "/{index}/_mapping", _put_mapping, _READ | _MASTER | {"write_index_only"}),
        Route("GET", "/{index}/_settings", _get_settings, _READ, body="none"),
        *(Route(method, path, _refresh, refresh, body="none") for method in ("GET", "POST")
          for path in ("/_refresh", "/{index}/_refresh")),
    ]  # fmt: skip


# --- what it is -------------------------------------------------------------------------------------------------------


def _root(_call: Call) -> Reply:
    version = {
        "number": VERSION,
        "build_flavor": "default",
        "build_type": "syncline",
        "build_hash": "syncline",
        "build_date": "2026-11-22T00:00:00.000000000Z",
        "build_snapshot": False,
        "lucene_version": "none",
        "minimum_wire_compatibility_version": "8.19.0",
        "minimum_index_compatibility_version": "8.0.0",
    }
    uuid = "syncline0000000000000g"
    return Reply({"name": "syncline", "cluster_name": "syncline", "cluster_uuid": uuid, "version": version})


def _root_there(_call: Call) -> Reply:
    return Reply(None)


def _license(_call: Call) -> Reply:
    told = {
        "status": "active",
        "uid": "00000000-0000-4000-8000-000000000000",
        "type": LICENSE,
        "issue_date": "2026-11-22T00:00:00.000Z",
        "issue_date_in_millis": 1_795_305_600_000,
        "max_nodes": None,
        "max_resource_units": None,
        "issued_to": "syncline",
        "issuer": "syncline",
        "start_date_in_millis": -1,
    }
    return Reply({"license": told})


def _health(call: Call) -> Reply:
    zeros = ("relocating_shards", "initializing_shards", "unassigned_shards", "unassigned_primary_shards",
             "delayed_unassigned_shards", "number_of_pending_tasks", "number_of_in_flight_fetch",
             "task_max_waiting_in_queue_millis")  # fmt: skip
    with call.room() as room:
        shards = len(hosting_names.several(call, room, call.parts.get("index")))
    return Reply(
        {
            "cluster_name": "syncline",
            "status": "green",
            "timed_out": False,
            "number_of_nodes": 1,
            "number_of_data_nodes": 1,
            "active_primary_shards": shards,
            "active_shards": shards,
            **dict.fromkeys(zeros, 0),
            "active_shards_percent_as_number": 100.0,
        }
    )


def _pipeline(call: Call) -> Reply:
    id = call.parts["id"]
    if id not in documents_pipeline.KNOWN:
        return Reply({}, 404)
    return Reply({id: {"description": "files become text, white space is reduced", "processors": []}})


# --- indexes ----------------------------------------------------------------------------------------------------------

_SETTINGS: Final = (
    "number_of_shards", "number_of_replicas", "auto_expand_replicas", "refresh_interval", "hidden", "max_result_window",
    "codec", "priority", "default_pipeline", "final_pipeline", "max_ngram_diff", "max_shingle_diff",
    "number_of_routing_shards", "max_inner_result_window", "max_terms_count", "max_regex_length",
)  # fmt: skip
_SETTING_GROUPS: Final = (
    "analysis.", "mapping.", "routing.allocation.", "translog.", "merge.", "unassigned.", "highlight.",
    "search.slowlog.", "indexing.slowlog.", "lifecycle.", "soft_deletes.",
)  # fmt: skip


def _create(call: Call) -> Reply:
    name, body = call.parts["index"], call.json()
    body = {} if body is None else body
    if not isinstance(body, Mapping):
        raise unparsable("[1:1] the body must be an object")
    odd = next((key for key in body if key not in ("settings", "mappings", "aliases")), None)
    if odd is not None:
        raise Refused(400, "parse_exception", f"unknown key [{odd:.200}] for create index")
    if body.get("aliases"):
        raise unsupported("[aliases] of an index")
    settings, mappings = _flat(body.get("settings") or {}), body.get("mappings") or {}
    _check_settings(settings)
    check_mapping(mappings)
    if name in system.NAMES:
        raise _there_already(name)
    indices.check(name)
    hosting_names.check_seen(call, name)
    with call.room() as room, room.control().writing("create_index"):
        if indices.find(room.control(), name) is not None:
            raise _there_already(name)
        index = indices.ensure(room, name)
        if settings or mappings:
            _keep(room, index, settings=settings, mappings=dict(mappings))
    return Reply({"acknowledged": True, "shards_acknowledged": True, "index": name})


def _there_already(name: str) -> Refused:
    reason = f"index [{name}] already exists"
    return Refused(400, "resource_already_exists_exception", reason, index_uuid="_na_", index=name)


def _keep(room: Installation, index: Index, **parts: Any) -> None:
    """Remember those parts of what clients have said of it."""
    index.extras = {**index.extras, indices.EXTRAS: {**index.extras.get(indices.EXTRAS, {}), **parts}}
    room.control().update_index(index, room.clock(), index.revision)


def _flat(said: Any, above: str = "") -> dict[str, Any]:
    """Settings by dotted name, without "index." before it; those of the analysis stay as they are."""
    if not isinstance(said, Mapping):
        raise Refused(400, "parse_exception", "[settings] must be an object")
    found: dict[str, Any] = {}
    for name, value in said.items():
        path = f"{above}{name}".removeprefix("index.")
        if path == "index":
            found |= _flat(value)
        elif isinstance(value, Mapping) and path != "analysis":
            found |= _flat(value, f"{path}.")
        else:
            found[path] = value
    return found


def _check_settings(settings: Mapping[str, Any]) -> None:
    for name, value in settings.items():
        if name not in _SETTINGS and name != "analysis" and not name.startswith(_SETTING_GROUPS):
            raise unsupported(f"the setting [index.{name:.200}]")
        if name in ("default_pipeline", "final_pipeline") and value is not None:
            known = (documents_pipeline.NONE, *(documents_pipeline.KNOWN if name == "default_pipeline" else ()))
            if value not in known:
                raise illegal(f"pipeline with id [{value!s:.200}] does not exist")


def _shown(named: hosting_names.Named) -> dict[str, Any]:
    """An index as it is shown."""
    extras = {} if named.index is None else named.index.extras.get(indices.EXTRAS, {})
    return {"aliases": {}, "mappings": extras.get("mappings", {}), "settings": {"index": _settings_of(named)}}


def _settings_of(named: hosting_names.Named) -> dict[str, Any]:
    index = named.index
    if index is None:
        return {"hidden": "true", "provided_name": system.real_name(named.name), "number_of_shards": "1"}
    shown: dict[str, Any] = {
        "number_of_shards": "1",
        "number_of_replicas": "0",
        "provided_name": named.name,
        "creation_date": str(int(index.created_at * 1000)),
        "uuid": index.id,
        "version": {"created": "9009000"},
    }
    for path, value in index.extras.get(indices.EXTRAS, {}).get("settings", {}).items():
        at = shown
        *above, last = [path] if path == "analysis" else path.split(".")
        for name in above:
            at = at.setdefault(name, {})
        at[last] = value if isinstance(value, dict | list) else spelled(value)
    return shown


def _each(call: Call, show: Callable[[hosting_names.Named], Any]) -> Reply:
    with call.room() as room:
        found = hosting_names.several(call, room, call.parts["index"])
        return Reply({_name_of(named): show(named) for named in found})


def _name_of(named: hosting_names.Named) -> str:
    return named.name if named.index is not None else system.real_name(named.name)


def _get(call: Call) -> Reply:
    parts = set(call.words("features")) or {"aliases", "mappings", "settings"}
    return _each(call, lambda named: {name: part for name, part in _shown(named).items() if name in parts})


def _get_mapping(call: Call) -> Reply:
    return _each(call, lambda named: {"mappings": _shown(named)["mappings"]})


def _get_settings(call: Call) -> Reply:
    return _each(call, lambda named: {"settings": _shown(named)["settings"]})


def _head(call: Call) -> Reply:
    with call.room() as room:
        try:
            found = hosting_names.several(call, room, call.parts["index"])
        except Refused as refused:
            return Reply(None, refused.status)
    return Reply(None, 200 if found else 404)


def _delete(call: Call) -> Reply:
    said = call.parts["index"]
    if "*" in said or said == "_all":
        raise illegal("Wildcard expressions or all indices are not allowed")
    with call.room() as room:
        found = hosting_names.several(call, room, said)
        for named in found:
            if named.index is None:
                raise illegal(f"the system index [{named.name}] cannot be deleted")
            hosting.check_alone(named.index, indexes.feeding(room, named.index))
        for named in found:
            assert named.index is not None
            indexes.remove(room, named.index, cascade=True)
    return Reply({"acknowledged": True})


# --- mappings ---------------------------------------------------------------------------------------------------------


def _put_mapping(call: Call) -> Reply:
    said = documents.body_of(call)
    check_mapping(said)
    with call.room() as room:
        for named in hosting_names.several(call, room, call.parts["index"]):
            if named.index is None:
                raise system.refuse_write(named.name)
            held = named.index.extras.get(indices.EXTRAS, {}).get("mappings", {})
            after = {**held, **said, "properties": _joined(held.get("properties", {}), said.get("properties", {}), "")}
            if after != held:
                try:
                    _keep(room, named.index, mappings=after)
                except Conflict as error:
                    raise Refused(409, "version_conflict_engine_exception", error.message) from None
    return Reply({"acknowledged": True})


def _joined(held: Mapping[str, Any], said: Mapping[str, Any], above: str) -> dict[str, Any]:
    """Properties with new ones added. Raises Refused when one that is there would become another type."""
    found = dict(held)
    for name, one in said.items():
        before = found.get(name)
        if before is None:
            found[name] = one
            continue
        was, now = before.get("type", "object"), one.get("type", "object")
        if was != now:
            raise illegal(f"mapper [{above}{name}] cannot be changed from type [{was}] to [{now}]")
        found[name] = {**before, **one}
        for part in ("properties", "fields"):
            if part in before or part in one:
                found[name][part] = _joined(before.get(part, {}), one.get(part, {}), f"{above}{name}.")
    return found


# --- refreshing -------------------------------------------------------------------------------------------------------


def _refresh(call: Call) -> Reply:
    with call.room() as room:
        found = hosting_names.several(call, room, call.parts.get("index"))
        for named in found:
            if named.index is not None:
                hosting.refresh(room, named.index)
    count = len(found)
    return Reply({"_shards": {"total": count, "successful": count, "failed": 0}})
