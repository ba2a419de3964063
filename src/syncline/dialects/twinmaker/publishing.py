"""What people have made becomes documents of the index, so that search finds it.

    change + note of it (one transaction) ─▶ push ─▶ note removed

A note that was left behind by a server that died is found by the clockwork.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any, Final

from syncline.dialects import names
from syncline.dialects.twinmaker.place import DIALECT, Place
from syncline.model.connectors import Connector
from syncline.service import connectors, pushing
from syncline.sources.sitewise.documents import COMPONENT_TYPE, ENTITY, MEDIA_TYPE
from syncline.store.relational.records import Record

BATCH: Final = 200
_ONE_AT_A_TIME: Final = threading.Lock()  # so that no older document overtakes a newer one
_TYPE: Final = "component-type/"  # before the id of a type's document: an entity may have the same id


def changed(place: Place, *, entity: str = "", type: str = "") -> None:
    """The document of that entity or type must follow. Within the transaction that changes it."""
    document = entity or _TYPE + type
    place.records.put("unsaid", place.key(document), {}, place.room.clock(), place.index.id)


def publish(place: Place) -> None:
    """Let the documents follow everything that has changed."""
    with _ONE_AT_A_TIME:
        while notes := place.records.page("unsaid", 0, BATCH, place.index.id):
            _push(place, notes)


def _push(place: Place, notes: list[Record]) -> None:
    connector = _inbox(place)
    made = {_document_of(note): _made(place, _document_of(note)) for note in notes}
    documents = [document for document in made.values() if document is not None]
    gone = [id for id, document in made.items() if document is None]
    pushing.push(place.room, connector, documents, gone)
    place.host.wake()
    with place.control.writing("twinmaker.published"):
        for note in notes:
            _settle(place, note)


def _settle(place: Place, note: Record) -> None:
    """Remove the note, unless the thing has changed again. When another server has removed it, what that pushed may be
    newer than what we did: once more."""
    now = place.records.get("unsaid", note.id)
    if now is None:
        place.records.put("unsaid", note.id, {}, place.room.clock(), place.index.id)
    elif now.number == note.number and now.revision == note.revision:
        place.records.remove("unsaid", note.id)


def _document_of(note: Record) -> str:
    return note.id.partition("/")[2]


def _inbox(place: Place) -> Connector:
    """The connector they are pushed to, made when it is first needed."""
    with place.control.writing("twinmaker.inbox"):
        for one in place.control.connectors():
            if one.index == place.index.name and one.extras.get(DIALECT, {}).get("inbox"):
                return one
        taken = (one.name for one in place.control.connectors())
        name = names.connector_name(f"{place.id} entities", taken)
        draft = connectors.draft(place.control, "push", {}, name=name, index=place.index.name)
        draft.extras[DIALECT] = {"inbox": True}
        draft.description = "Entities and component types of an IoT TwinMaker workspace that people have made."
        made = connectors.add(place.room, draft)
        for kind, prefix in (("entity", ""), ("type", _TYPE)):  # all over again, if somebody has removed it
            for record in place.records.all(kind, place.index.id):
                id = prefix + record.id.partition("/")[2]
                place.records.put("unsaid", place.key(id), {}, place.room.clock(), place.index.id)
    return made


def _made(place: Place, document: str) -> dict[str, Any] | None:
    """As it is pushed; None when it is gone."""
    is_type = document.startswith(_TYPE)
    id = document.removeprefix(_TYPE)
    record = place.records.get("type" if is_type else "entity", place.key(id))
    if record is None:
        return None
    made = _type(id, record.body) if is_type else _entity(id, record.body)
    return {"id": document, "media_type": MEDIA_TYPE, **made}


def _entity(id: str, body: Mapping[str, Any]) -> dict[str, Any]:
    components = body.get("components", {})
    types = sorted({one["type"] for one in components.values() if one.get("type")})
    lines = [body["name"], body.get("description", ""), id, *types, *_said(components)]
    metadata = {
        "twin": ENTITY,
        "name": body["name"],
        "description": body.get("description", ""),
        "parent": body["parent"],
        "component_type": types,
    }
    return _shaped(body["name"], lines, metadata)


def _type(id: str, given: Mapping[str, Any]) -> dict[str, Any]:
    name = given.get("componentTypeName") or id
    properties = given.get("propertyDefinitions", {})
    shown = [f"{key} {one.get('displayName', '')}".strip() for key, one in properties.items()]
    metadata = {
        "twin": COMPONENT_TYPE,
        "name": name,
        "description": given.get("description", ""),
        "properties": list(properties),
    }
    return _shaped(name, [name, given.get("description", ""), id, *shown], metadata)


def _shaped(title: str, lines: list[str], metadata: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in metadata.items() if value not in ("", [])}
    return {"title": title, "text": "\n".join(filter(None, lines)), "metadata": kept}


def _said(components: Mapping[str, Any]) -> Iterator[str]:
    """The texts among the values of properties."""
    for component in components.values():
        for name, one in component.get("properties", {}).items():
            value = one.get("value", {}).get("stringValue")
            if value:
                yield f"{name} {value}"
