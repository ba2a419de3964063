"""The connector of ours behind a document: made when the document says enough, kept in step, set aside when it says
something else.

    document: service_type + index_name + a configuration that is valid ──join──▶ a connector, its index, its schedules

What it lacks to be one is noted in the link, and a job that is posted meanwhile fails with that. Deletions are not
withheld from connectors made here: Elastic's full sync removes what is gone, and nobody there could approve of it. They
still need the proof that the source was listed to its end. docs/decisions/20261122-elastic-connectors.md says more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from syncline.dialects import names
from syncline.dialects.elastic import indices, sources, timetable
from syncline.dialects.elastic.refusals import against_rule
from syncline.dialects.elastic.sealing import DIALECT
from syncline.dialects.host import Host
from syncline.model.connectors import Connector, Guard
from syncline.model.errors import Category, SynclineError
from syncline.service import connectors, jobs, reach
from syncline.store.relational.jobs import new_id
from syncline.wiring import Installation

OPEN: Final = Guard(max_deletes=1 << 53, max_percent=100.0)
_FOR_PEOPLE: Final = frozenset({Category.CONFIG, Category.CREDENTIALS, Category.PERMISSION, Category.SOURCE})

Link = dict[str, Any]


def blank() -> Link:
    """The link of a document with nothing behind it."""
    return {"connector": None, "retired": [], "schedules": {}, "touched": {}}


def of_foreign(connector: Connector) -> Link:
    """The link of the document of a connector that was made elsewhere."""
    return {**blank(), "foreign": True, **_seen(connector)}


def _seen(connector: Connector) -> Link:
    return {
        "connector": connector.id,
        "name": connector.name,
        "description": connector.description,
        "revision": connector.revision,
    }


def behind(room: Installation, link: Mapping[str, Any]) -> Connector | None:
    """The connector of the link; None when there is none, or it has been removed."""
    id = link.get("connector")
    found = None if id is None else room.control().connector(id)
    return found if found is not None and found.id == id else None


def join(
    host: Host, room: Installation, id: str, link: Link, before: Mapping[str, Any] | None, doc: Mapping[str, Any]
) -> Link:
    """The link after the document has changed; configurations are in clear. Call it in the transaction that stores the
    document. Raises Refused and what the change of a connector made elsewhere raises."""
    current = behind(room, link)
    if link.get("foreign") and current is not None and before is not None:
        return _changed_foreign(host, room, id, link, current, before, doc)
    type = sources.of(doc.get("service_type"), sources.outside(host.environ))
    index = doc.get("index_name")
    if type is None or not isinstance(index, str):
        return _without(room, {**link, "problem": None}, current)
    if current is not None and (current.kind != type.kind or current.index != indices.ours(index)):
        link, current = _without(room, link, current), None
    try:
        settings = sources.settings(type, doc["configuration"])
        current = _stored(host, room, id, link, current, type, settings, doc)
    except SynclineError as error:
        if error.category not in _FOR_PEOPLE:
            raise
        return _unsettled(room, link, current, before, doc, error)
    noted = _scheduled(room, link, current, before, doc)
    retired = [one for one in link.get("retired", []) if one != current.id]
    title = {"title": doc.get("name"), "text": doc.get("description")}
    return {**link, **_seen(current), **title, "retired": retired, "schedules": noted, "problem": None, "held": False}


def _unsettled(
    room: Installation,
    link: Link,
    current: Connector | None,
    before: Mapping[str, Any] | None,
    doc: Mapping[str, Any],
    error: SynclineError,
) -> Link:
    """The settings cannot be. The connector, if there is one, rests: it has others than the document says."""
    link = {**link, "problem": f"{error.message}. {error.remedy}".rstrip(". ") + "."}
    if current is None:
        return link
    current = connectors.pause(room, current)
    noted = _scheduled(room, link, current, before, doc)
    return {**link, "revision": current.revision, "held": True, "schedules": noted}


def _scheduled(
    room: Installation, link: Link, current: Connector, before: Mapping[str, Any] | None, doc: Mapping[str, Any]
) -> timetable.Noted:
    fresh = before is None or link.get("connector") != current.id
    held = {} if fresh or before is None else before.get("scheduling", {})
    return timetable.apply(room, current, held, doc["scheduling"], link.get("schedules", {}))


def _stored(
    host: Host,
    room: Installation,
    id: str,
    link: Link,
    current: Connector | None,
    type: sources.ServiceType,
    settings: Mapping[str, Any],
    doc: Mapping[str, Any],
) -> Connector:
    """The connector with those settings, made if there is none. Raises what is wrong with them."""
    control, paused = room.control(), bool(doc.get("deleted"))
    index = indices.ours(doc["index_name"])
    draft = connectors.draft(control, type.kind, settings, name="draft", index=index, guard=OPEN)
    reach.check_settings(type.kind, draft.config, host.folder_roots)
    if current is None:
        current = _retired_for(room, link, type.kind, index)
    if current is None:
        own = names.as_uuid(id)
        fresh = own if control.connector(own) is None else new_id()
        name = _name(room, id, doc, None)
        made = connectors.draft(control, type.kind, settings, name=name, index=index, guard=OPEN, id=fresh)
        made.description, made.paused = doc.get("description") or "", paused
        made.extras = {DIALECT: {"id": id}}
        indices.ensure(room, doc["index_name"])
        return connectors.add(room, made)
    given = {**dict.fromkeys(current.config), **settings}
    renamed = doc.get("name") != link.get("title")
    described = doc.get("description") != link.get("text")
    current.extras = {**current.extras, DIALECT: {"id": id}}
    return connectors.update(
        room,
        current,
        name=_name(room, id, doc, current) if renamed else None,
        description=(doc.get("description") or "") if described else None,
        settings=given,
        paused=paused if paused or link.get("rested") else None,
    )


def _name(room: Installation, id: str, doc: Mapping[str, Any], own: Connector | None) -> str:
    taken = {one.name for one in room.control().connectors() if own is None or one.number != own.number}
    return names.connector_name(doc.get("name") or id, taken)


def _retired_for(room: Installation, link: Link, kind: str, index: str) -> Connector | None:
    """One that was set aside and fits again."""
    for id in link.get("retired", []):
        found = behind(room, {"connector": id})
        if found is not None and found.kind == kind and found.index == index:
            found.paused = False
            return found
    return None


def _without(room: Installation, link: Link, current: Connector | None) -> Link:
    """The document has no connector of ours any more. Its documents stay in their index: the connector is set aside,
    or removed if it never ran."""
    if current is None:
        return {**link, "connector": None}
    control = room.control()
    timetable.clear(room, current)
    if not control.job_numbers(current.number):
        connectors.remove(room, current)
        return {**link, "connector": None, "schedules": {}}
    for job in control.active_jobs(current.number):
        jobs.stop(room, job.id)
    id = current.extras.get(DIALECT, {}).get("id", "")
    current.extras = {**current.extras, DIALECT: {"id": id, "retired": True}}
    connectors.update(room, current, paused=True)
    return {**link, "connector": None, "schedules": {}, "retired": [*link.get("retired", []), current.id]}


# --- connectors made elsewhere ----------------------------------------------------------------------------------------


def _changed_foreign(
    host: Host,
    room: Installation,
    id: str,
    link: Link,
    current: Connector,
    before: Mapping[str, Any],
    doc: Mapping[str, Any],
) -> Link:
    for fixed in ("index_name", "service_type"):
        if doc.get(fixed) != before.get(fixed):
            raise against_rule(f"[{fixed}] of connector [{id}] cannot be changed: it was not made with this API.")
    settings = _changed_settings(host, current, before, doc)
    renamed, described = doc["name"] != before["name"], doc.get("description") != before.get("description")
    rests = doc.get("deleted") != before.get("deleted")
    current.extras = {**current.extras, DIALECT: {"id": id}}
    current = connectors.update(
        room,
        current,
        name=_name(room, id, doc, current) if renamed else None,
        description=(doc.get("description") or "") if described else None,
        settings=settings,
        paused=bool(doc.get("deleted")) if rests else None,
    )
    noted = timetable.apply(room, current, before["scheduling"], doc["scheduling"], link.get("schedules", {}))
    return {**link, **_seen(current), "schedules": noted}


def _changed_settings(
    host: Host, current: Connector, before: Mapping[str, Any], doc: Mapping[str, Any]
) -> dict[str, Any] | None:
    """The settings that a change of the configuration asks for; None when it asks for none."""
    if doc["configuration"] == before["configuration"]:
        return None
    type = sources.TYPES.get(sources.word_for(current.kind, current.config))
    if type is None:
        raise against_rule(f"The configuration of a connector of the kind [{current.kind}] cannot be changed here.")
    wanted, held = sources.settings(type, doc["configuration"]), sources.settings(type, before["configuration"])
    changed = {name: wanted.get(name) for name in wanted.keys() | held.keys() if wanted.get(name) != held.get(name)}
    reach.check_bounds(current.kind)
    if reach.paths_of(current.kind) or changed.get("endpoint_url"):
        from syncline.sources.registry import validate

        full = {name: one for name, one in {**current.config, **changed}.items() if one is not None}
        checked = validate(current.kind, full) if reach.paths_of(current.kind) else full
        reach.check_settings(current.kind, checked, host.folder_roots)
    return changed
