"""CreateDataSource, DescribeDataSource, UpdateDataSource, ListDataSources, DeleteDataSource.

A data source is a connector. What Kendra's clients said of it is kept beside it, and told again as long as nobody has
changed the connector in other words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from syncline.dialects import names
from syncline.dialects.aws import Fault
from syncline.dialects.kendra import kinds, tags
from syncline.dialects.kendra.ending import delete, is_deleting
from syncline.dialects.kendra.fields import fields_of
from syncline.dialects.kendra.ground import (
    DIALECT,
    Function,
    Ground,
    Pages,
    Place,
    Request,
    extras_of,
    invalid,
    one_line,
    source_id,
)
from syncline.dialects.kendra.kinds import Drawn, Surroundings
from syncline.dialects.kendra.kinds.database import secret_arn
from syncline.dialects.kendra.once import once
from syncline.dialects.kendra.secrets import Secrets
from syncline.model.connectors import Connector
from syncline.model.schedules import Dialect, Schedule
from syncline.service import connectors, reach, schedules
from syncline.sources.s3.addressing import REGION
from syncline.wiring import Installation

CUSTOM: Final = "CUSTOM"
SCHEDULE: Final = "kendra"  # name of the schedule that is made here
LANGUAGE: Final = "en"
KEPT: Final = ("Name", "RoleArn", "VpcConfiguration", "LanguageCode")
_CRON: Final = re.compile(r"cron\(.*\)", re.DOTALL)


def operations(ground: Ground) -> dict[str, Function]:
    """The five."""
    return {
        "CreateDataSource": partial(create, ground),
        "DescribeDataSource": partial(describe, ground),
        "UpdateDataSource": partial(update, ground),
        "ListDataSources": partial(listed, ground),
        "DeleteDataSource": partial(remove, ground),
    }


# --- made ------------------------------------------------------------------------------------------------------------


def create(ground: Ground, request: Request) -> dict[str, Any]:
    """It is ACTIVE at once. What cannot be run as it is meant is refused."""
    with ground.at(request, request["IndexId"]) as place:
        _check_free(ground, place, None)
        _check_common(request, request["Type"])
        if request["Type"] != CUSTOM and request.get("Configuration") is not None and "RoleArn" not in request:
            raise invalid(f"RoleArn must be given for a data source of the type {request['Type']}.")
        drawn = kinds.drawn(request["Type"], request.get("Configuration"), _around(ground, request, place))
        draft = _draft(ground, place, drawn)
        draft.description = request.get("Description", "")
        kept = {
            **{name: request[name] for name in KEPT if name in request},
            "tags": tags.checked(request.get("Tags", [])),
            "type": request["Type"],
            "configuration": request.get("Configuration"),
            "force": drawn.force,
        }
        make = partial(_add, place.room, request, draft, kept)
        id = once(ground, place.room, request, place.index.id, partial(_exists, place), make)
    return {"Id": id}


def _draft(ground: Ground, place: Place, drawn: Drawn) -> Connector:
    settings = {name: value for name, value in drawn.settings.items() if value is not None}
    draft = connectors.draft(place.room.control(), drawn.kind, settings, index=place.index.name)
    reach.check_settings(draft.kind, draft.config, ground.host.folder_roots)
    return draft


def _add(room: Installation, request: Request, draft: Connector, kept: Mapping[str, Any]) -> str:
    control = room.control()
    with control.writing("create_data_source"):
        draft.name = names.connector_name(request["Name"], [one.name for one in control.connectors()])
        added = connectors.add(room, draft)
        connectors.annotate(room, added, DIALECT, lambda _: {**kept, "seal": kinds.seal_of(added)})
        if request.get("Schedule"):
            _schedule(room, added, request["Schedule"])
    return added.id


def _exists(place: Place, id: str) -> bool:
    found = place.room.control().connector(id)
    return found is not None and found.index == place.index.name


def _around(ground: Ground, request: Request, place: Place, connector: Connector | None = None) -> Surroundings:
    keeps = None if connector is None else (secret_arn(connector), str(connector.config.get("host", "")))
    return Surroundings(
        Secrets(ground.host.environ),
        fields_of(place.index),
        request.region if REGION.fullmatch(request.region) else "",
        keeps,
    )


def _check_common(request: Request, type: str) -> None:
    if request.get("CustomDocumentEnrichmentConfiguration"):
        raise invalid("CustomDocumentEnrichmentConfiguration is not supported here.")
    if type == CUSTOM:
        for name in ("Configuration", "RoleArn", "Schedule"):
            if request.get(name):
                raise invalid(f"{name} cannot be given for a data source of the type CUSTOM.")
    schedule = request.get("Schedule")
    if schedule and not _CRON.fullmatch(schedule.strip()):
        raise invalid("Schedule must be a cron expression, such as cron(0 18 ? * MON-FRI *); rate() is not supported.")


def _check_free(ground: Ground, place: Place, connector: Connector | None) -> None:
    if is_deleting(ground, place, connector):
        what = "Data source" if connector is not None else "Index"
        raise Fault("ConflictException", f"{what} {(connector or place.index).id} is being deleted.")


# --- changed ---------------------------------------------------------------------------------------------------------


def update(ground: Ground, request: Request) -> None:
    """What is given; the rest stays."""
    with ground.at(request, request["IndexId"]) as place:
        connector = place.data_source(request["Id"])
        _check_free(ground, place, connector)
        type, _ = kinds.shown(connector)
        _check_common(request, type)
        changes: dict[str, Any] = {name: request[name] for name in KEPT if name in request}
        settings = None
        if "Configuration" in request:
            drawn = kinds.drawn(type, request["Configuration"], _around(ground, request, place, connector))
            if drawn.kind != connector.kind:
                raise invalid("A data source stays of the kind that it is; make another one.")
            _draft(ground, place, drawn)
            settings = drawn.settings
            changes |= {"type": type, "configuration": request["Configuration"], "force": drawn.force}
        with place.room.control().writing("update_data_source"):
            changed = connectors.update(
                place.room, connector, description=request.get("Description"), settings=settings
            )
            if settings is not None:
                changes["seal"] = kinds.seal_of(changed)
            connectors.annotate(place.room, changed, DIALECT, lambda kept: {**kept, **changes})
            if "Schedule" in request:
                _schedule(place.room, changed, request["Schedule"])


def _schedule(room: Installation, connector: Connector, expression: str) -> None:
    """Its one schedule in AWS's words; an empty text takes it off."""
    held = _aws_schedule(room, connector)
    if not expression.strip():
        if held is not None:
            schedules.remove(room, held)
    elif held is not None:
        schedules.update(room, held, {"expression": expression, "dialect": Dialect.AWS, "zone": "UTC"})
    else:
        schedules.add(room, connector, expression=expression, dialect=Dialect.AWS, name=SCHEDULE)


def _aws_schedule(room: Installation, connector: Connector) -> Schedule | None:
    found = [one for one in schedules.of(room, connector) if one.dialect is Dialect.AWS and one.zone == "UTC"]
    return next((one for one in found if _CRON.fullmatch(one.expression)), None)


def remove(ground: Ground, request: Request) -> None:
    """Its job is stopped, its documents and its history go."""
    with ground.at(request, request["IndexId"]) as place:
        connector = place.data_source(request["Id"])
        if is_deleting(ground, place):
            raise Fault("ConflictException", f"Index {place.index.id} is being deleted.")
        delete(ground, place, connector)


# --- looked at -------------------------------------------------------------------------------------------------------


def describe(ground: Ground, request: Request) -> dict[str, Any]:
    """As it was made, or in the nearest words for a connector of other origin."""
    with ground.at(request, request["IndexId"]) as place:
        connector = place.data_source(request["Id"])
        kept = extras_of(connector)
        schedule = _aws_schedule(place.room, connector)
        return {
            **_summary(ground, place, connector),
            "IndexId": place.index.id,
            "Configuration": kinds.shown(connector)[1],
            "Description": one_line(connector.description, 1000) or "",
            "Schedule": schedule.expression if schedule is not None else "",
            "RoleArn": kept.get("RoleArn"),
            "VpcConfiguration": kept.get("VpcConfiguration"),
        }


def listed(ground: Ground, request: Request) -> dict[str, Any]:
    """Oldest first."""
    pages = Pages(request, request["IndexId"])
    with ground.at(request, request["IndexId"]) as place:
        found = [one for one in place.data_sources() if one.number > pages.after][: pages.limit + 1]
        shown, token = pages.cut(found, [one.number for one in found])
        return {"SummaryItems": [_summary(ground, place, one) for one in shown], "NextToken": token}


def _summary(ground: Ground, place: Place, connector: Connector) -> dict[str, Any]:
    kept = extras_of(connector)
    return {
        "Name": kept.get("Name") or _name(connector.name),
        "Id": source_id(connector),
        "Type": kinds.type_of(connector),
        "CreatedAt": connector.created_at,
        "UpdatedAt": connector.updated_at or connector.created_at,
        "Status": "DELETING" if is_deleting(ground, place, connector) else "ACTIVE",
        "LanguageCode": kept.get("LanguageCode", LANGUAGE),
    }


def _name(name: str) -> str:
    """A name as Kendra's clients may know one."""
    return re.sub(r"[^a-zA-Z0-9_-]", "-", name).lstrip("_-")[:1000] or "data-source"
