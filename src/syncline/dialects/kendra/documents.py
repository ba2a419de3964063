"""BatchPutDocument, BatchDeleteDocument, BatchGetDocumentStatus.

    document ─▶ where does it belong? ─▶ what is it? ─▶ inbox of a pushing connector ─▶ a job takes it over
                data source, execution    FailedDocuments for what cannot be taken; the others go in

Documents without a data source belong to a connector of the index that is no data source.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Final

from syncline.dialects import names
from syncline.dialects.aws import Fault
from syncline.dialects.kendra.ending import is_deleting
from syncline.dialects.kendra.fields import fields_of
from syncline.dialects.kendra.ground import (
    DIALECT,
    IMPLICIT,
    Function,
    Ground,
    Place,
    Request,
    connectors_of,
    invalid,
    is_implicit,
    one_line,
    source_id,
)
from syncline.dialects.kendra.incoming import Aim, Refused, aim_of, check_body, document_of
from syncline.dialects.kendra.runs import LOOSE_PUSH
from syncline.dialects.kendra.standing import Standings
from syncline.model.connectors import Connector
from syncline.model.documents import Document
from syncline.model.errors import SynclineError
from syncline.model.keys import Scope
from syncline.service import connectors, executions, indexes, objects, pushing
from syncline.service.pushing import Sorted
from syncline.sources.s3.addressing import REGION

MAX_OBJECT_BYTES: Final = pushing.MAX_DOCUMENT_BYTES
INVALID: Final = "InvalidRequest"


def operations(ground: Ground) -> dict[str, Function]:
    """The three."""
    return {
        "BatchPutDocument": partial(put, ground),
        "BatchDeleteDocument": partial(delete, ground),
        "BatchGetDocumentStatus": partial(status, ground),
    }


@dataclass
class Batch:
    """What goes to one connector, in one execution or none. The last of an id counts."""

    connector: Connector
    execution: str | None
    documents: dict[str, Document] = field(default_factory=dict)
    deletions: list[str] = field(default_factory=list)

    def hand_over(self, place: Place, key_id: str) -> None:
        """Durable when it returns."""
        cause = LOOSE_PUSH if self.execution is None else executions.cause_of(self.execution)
        found = Sorted(list(self.documents.values()), self.deletions)
        pushing.hand_over(place.room, self.connector, found, cause=cause, same_cause=True, requested_by=key_id)


class Batches:
    """Documents and deletions on their way, and what is wrong with those that stay behind."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.failed: list[dict[str, Any]] = []
        self._batches: dict[tuple[int, str | None], Batch] = {}
        self._aims: dict[Aim, tuple[Connector, str | None]] = {}

    def of(self, connector: Connector, execution: str | None) -> Batch:
        """The batch for that connector in that execution."""
        return self._batches.setdefault((connector.number, execution), Batch(connector, execution))

    def aimed(self, aim: Aim) -> Batch:
        """The batch for what aims there. Raises Refused."""
        if aim not in self._aims:
            self._aims[aim] = self._resolved(aim)
        return self.of(*self._aims[aim])

    def _resolved(self, aim: Aim) -> tuple[Connector, str | None]:
        if aim.data_source is None:
            return implicit(self.place), None
        try:
            connector = self.place.data_source(aim.data_source)
        except Fault as fault:
            raise Refused(fault.message) from None
        return connector, execution_of(self.place, connector, aim.execution)

    def refuse(self, id: str, why: str, data_source: str | None = None, code: str = INVALID) -> None:
        """One stays behind."""
        self.failed.append(
            {"Id": id, "DataSourceId": data_source, "ErrorCode": code, "ErrorMessage": one_line(f"{why}.")}
        )

    def hand_over(self, ground: Ground, key_id: str) -> dict[str, Any]:
        """All that can be taken; the answer says what cannot."""
        for batch in self._batches.values():
            if batch.documents or batch.deletions:
                batch.hand_over(self.place, key_id)
        ground.host.wake()
        return {"FailedDocuments": self.failed}


def execution_of(place: Place, connector: Connector, said: str | None) -> str | None:
    """The execution that is open; None: there is none, and none was named. Raises Refused."""
    if connector.kind != "push":
        raise Refused(f"data source {source_id(connector)} is not of the type CUSTOM: it reads its documents itself")
    current = executions.current(place.room.control(), connector)
    if said is not None and (current is None or current.id != said):
        raise Refused(f"{said:.100} is not the execution that data source {source_id(connector)} is running")
    return None if current is None else current.id


def implicit(place: Place) -> Connector:
    """The connector for documents without a data source, made with the first of them."""
    found = place.implicit()
    if found is not None:
        return found
    control = place.room.control()
    with control.writing("make_implicit"):
        index = indexes.get(place.room, place.index.id)
        again = Place(place.room, index).implicit()
        if again is not None:
            return again
        name = names.connector_name(f"{index.name} documents", [one.name for one in control.connectors()])
        draft = connectors.draft(control, "push", {}, name=name, index=index.name)
        draft.extras[DIALECT] = {IMPLICIT: True}
        made = connectors.add(place.room, draft)
        place.index.extras = indexes.annotate(
            place.room, index, DIALECT, lambda kept: {**kept, IMPLICIT: made.id}
        ).extras
    return made


# --- put -------------------------------------------------------------------------------------------------------------


def put(ground: Ground, request: Request) -> dict[str, Any]:
    """Each document by itself; those that can be taken are durable when this returns."""
    if request.get("CustomDocumentEnrichmentConfiguration"):
        raise invalid("CustomDocumentEnrichmentConfiguration is not supported here.")
    with ground.at(request, request["IndexId"]) as place:
        _check_free(ground, place)
        batches, fields = Batches(place), fields_of(place.index)
        bodies = _Bodies(request, place)
        for said in request["Documents"]:
            aim = Aim(None, None)
            try:
                check_body(said)
                aim = aim_of(said)
                batch = batches.aimed(aim)
                document = document_of(said, fields, bodies.of(said))
                batch.documents[document.id] = document
            except Refused as error:
                batches.refuse(said["Id"], str(error), _shown(aim.data_source))
        return batches.hand_over(ground, request.key_id)


def _shown(data_source: str | None) -> str | None:
    """An id that an answer may hold."""
    return data_source if data_source and len(data_source) <= 100 and data_source[0].isalnum() else None


def _check_free(ground: Ground, place: Place) -> None:
    if is_deleting(ground, place):
        raise Fault("ConflictException", f"Index {place.index.id} is being deleted.")


class _Bodies:
    """Documents of a request that lie in S3, read bucket by bucket when the first of them is asked for. They are read
    with the credentials of the server: from where the index reads already, or for administrators from anywhere."""

    def __init__(self, request: Request, place: Place) -> None:
        self._request = request
        self._place = place
        self._read: dict[str, Mapping[str, Document | SynclineError]] = {}

    def of(self, said: Mapping[str, Any]) -> Document | None:
        """None when it is in the request itself. Raises Refused."""
        path = said.get("S3Path")
        if path is None:
            return None
        bucket = path["Bucket"]
        if not self._may_read(bucket, path["Key"]):
            raise Refused(f"no data source of the index reads s3://{bucket}/{path['Key']}, so this key may not name it")
        if bucket not in self._read:
            self._read[bucket] = self._all(bucket)
        found = self._read[bucket].get(path["Key"])
        if not isinstance(found, Document):
            raise Refused(found.message.rstrip(".") if found is not None else "its object cannot be read")
        return found

    def _all(self, bucket: str) -> Mapping[str, Document | SynclineError]:
        paths = [one["S3Path"] for one in self._request["Documents"] if "S3Path" in one]
        keys = [path["Key"] for path in paths if path["Bucket"] == bucket and self._may_read(bucket, path["Key"])]
        region = self._request.region if REGION.fullmatch(self._request.region) else ""
        try:
            return objects.read(self._place.room, bucket, keys, region=region, max_bytes=MAX_OBJECT_BYTES)
        except SynclineError as error:
            return dict.fromkeys(keys, error)

    def _may_read(self, bucket: str, key: str) -> bool:
        if self._request.caller.may(Scope.ADMIN):
            return True
        readers = [one.config for one in self._feeding if one.kind == "s3" and one.config.get("bucket") == bucket]
        return any(not one["prefixes"] or key.startswith(tuple(one["prefixes"])) for one in readers)

    @cached_property
    def _feeding(self) -> list[Connector]:
        return connectors_of(self._place.room, self._place.index)


# --- delete ----------------------------------------------------------------------------------------------------------


def delete(ground: Ground, request: Request) -> dict[str, Any]:
    """From every connector of the index that was given the document; unknown ids are no errors. What a data source
    reads itself cannot be deleted here: its next job would bring it back."""
    target = request.get("DataSourceSyncJobMetricTarget")
    with ground.at(request, request["IndexId"]) as place:
        _check_free(ground, place)
        chosen = place.data_source(target["DataSourceId"]) if target is not None else None
        batches, ids = Batches(place), list(dict.fromkeys(request["DocumentIdList"]))
        try:
            counted = None
            if chosen is not None and target is not None:
                counted = execution_of(place, chosen, target.get("DataSourceSyncJobId"))
        except Refused as error:
            for id in ids:
                batches.refuse(id, str(error), source_id(chosen) if chosen is not None else None)
            return {"FailedDocuments": batches.failed}
        _deletions(place, batches, ids, chosen, counted)
        return batches.hand_over(ground, request.key_id)


def _deletions(
    place: Place, batches: Batches, ids: Sequence[str], chosen: Connector | None, counted: str | None
) -> None:
    """Each id goes to whoever was given it: the chosen one if it was, else all who were."""
    feeding = connectors_of(place.room, place.index)
    pushed = [one for one in feeding if one.kind == "push"]
    held = {one.number: pushing.held(place.room, one, ids) for one in pushed}
    standings = Standings(place, [one for one in feeding if one.kind != "push"])
    for id in ids:
        having = [one for one in pushed if id in held[one.number]]
        if chosen is not None and chosen.number in {one.number for one in having}:
            having = [chosen]
        for one in having:
            execution = counted if chosen is not None and one.number == chosen.number else None
            if chosen is None and not is_implicit(one):
                with suppress(Refused):
                    execution = execution_of(place, one, None)
            batches.of(one, execution).deletions.append(id)
        reader = standings.live_in(id) if not having else None
        if reader is not None:
            why = f"data source {source_id(reader)} reads this document itself; delete it there"
            batches.refuse(id, why, source_id(reader))


# --- status ----------------------------------------------------------------------------------------------------------


def status(ground: Ground, request: Request) -> dict[str, Any]:
    """What has become of documents, pushed or read."""
    errors: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    with ground.at(request, request["IndexId"]) as place:
        feeding = connectors_of(place.room, place.index)
        standings = Standings(place, feeding)
        for info in request["DocumentInfoList"]:
            id = info["DocumentId"]
            source = _named(info.get("Attributes", []), "datasourceId")
            try:
                chosen = None if source is None else [place.data_source(source)]
            except Fault as fault:
                errors.append(_status_error(id, source, fault.message))
            else:
                found.append(standings.of(id, chosen).shape(id))
    return {"Errors": errors, "DocumentStatusList": found}


def _named(attributes: Iterable[Mapping[str, Any]], key: str) -> str | None:
    value: Mapping[str, Any] = next((one["Value"] for one in attributes if one["Key"].lower() == key.lower()), {})
    text = value.get("StringValue")
    return text if isinstance(text, str) else None


def _status_error(id: str, source: str | None, why: str) -> dict[str, Any]:
    return {"DocumentId": id, "DataSourceId": _shown(source), "ErrorCode": INVALID, "ErrorMessage": one_line(why)}
