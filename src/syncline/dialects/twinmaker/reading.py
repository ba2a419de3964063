"""Values of properties: of hand-made ones as they are kept, of synced ones from SiteWise, when they are asked for."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from syncline.dialects.aws import Fault, Request
from syncline.dialects.host import Host
from syncline.dialects.twinmaker import components, entities, paging
from syncline.dialects.twinmaker.definitions import INVALID
from syncline.dialects.twinmaker.entities import Entity
from syncline.dialects.twinmaker.place import Place, find
from syncline.dialects.twinmaker.synced import BASE
from syncline.model.connectors import Connector
from syncline.model.errors import SynclineError
from syncline.sources.sitewise.client import NotThere, Patience
from syncline.sources.sitewise.source import SiteWiseSource
from syncline.sources.sitewise.values import Moment

NOT_FOUND: Final = "ResourceNotFoundException"
MEASURED: Final = "Property_"
OPEN: Final = 8  # sources that are kept open: each has a client of botocore
ENTITIES: Final = 100  # looked at for one page of a history of many
USUAL: Final = 100  # values of a page
QUICK: Final = Patience(connect=3.0, read=10.0, tries=2, throttled=3, cap=1.0)  # somebody waits for the answer

T = TypeVar("T")


@dataclass(slots=True)
class Asked:
    """One component of one entity, and its properties."""

    place: Place
    entity: Entity
    component: str
    properties: Mapping[str, Mapping[str, Any]]

    def reference(self, property: str) -> dict[str, Any]:
        """An EntityPropertyReference."""
        return {"componentName": self.component, "entityId": self.entity.id, "propertyName": property}

    @property
    def measured(self) -> bool:
        """Whether its values are in SiteWise."""
        return self.entity.synced is not None and self.component == BASE


def value(host: Host, request: Request) -> dict[str, Any]:
    """GetPropertyValue: the newest values."""
    with host.room() as room:
        place = find(host, room, request, NOT_FOUND)
        _check_plain(request)
        if "entityId" not in request:
            raise Fault(INVALID, "An entityId is needed, with the componentName.")
        asked = _asked(place, request, request["entityId"])
        found = {name: _latest(asked, name) for name in dict.fromkeys(request["selectedProperties"])}
        return {"propertyValues": found}


def history(host: Host, request: Request) -> dict[str, Any]:
    """GetPropertyValueHistory: of one entity, or of every entity with a component of a type."""
    begin, end = _stretch(request)
    if "interpolation" in request:
        raise Fault(INVALID, "Values are given as they are; interpolation is not offered.")
    with host.room() as room:
        place = find(host, room, request, NOT_FOUND)
        _check_plain(request)
        wanted = list(dict.fromkeys(request["selectedProperties"]))
        number, after, at, token = paging.place(request, 0, "", 0, "")
        room_for = request.get("maxResults") or USUAL
        found: list[dict[str, Any]] = []
        for asked, place_of in _all_asked(place, request, number, after):
            while at < len(wanted):
                page, token = _moments(asked, wanted[at], request, (begin, end), token, room_for)
                room_for -= len(page)
                found.append({"entityPropertyReference": asked.reference(wanted[at]), "values": page})
                if token or room_for <= 0:
                    here = (place_of[0], place_of[1], at if token else at + 1, token)
                    return {"propertyValues": found, "nextToken": paging.token(request, *here)}
                at += 1
            at = 0
            if len(found) >= ENTITIES and "entityId" not in request:
                break
        return {"propertyValues": found}


def _check_plain(request: Request) -> None:
    for member in ("tabularConditions", "propertyGroupName"):
        if member in request:
            raise Fault(INVALID, f"{member} needs a tabular connector, which is not offered.")
    if "componentPath" in request:
        raise Fault(INVALID, "Composite components are not offered; give componentName.")


def _stretch(request: Request) -> tuple[datetime, datetime]:
    begin = _time(request, "startTime") or request.get("startDateTime")
    end = _time(request, "endTime") or request.get("endDateTime")
    if begin is None or end is None:
        raise Fault(INVALID, "startTime and endTime are needed.")
    if begin > end:
        raise Fault(INVALID, "startTime is after endTime.")
    return begin, end


def _time(request: Request, member: str) -> datetime | None:
    if member not in request:
        return None
    try:
        found = datetime.fromisoformat(request[member])
    except ValueError:
        raise Fault(INVALID, f"{member} is not a time of ISO 8601.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


# --- what is asked for -----------------------------------------------------------------------------------------------


def _all_asked(place: Place, request: Request, number: int, after: str) -> Iterator[tuple[Asked, tuple[int, str]]]:
    """Each comes with where to begin to meet it again."""
    if "entityId" in request:
        yield _asked(place, request, request["entityId"]), (number, after)
        return
    if "componentTypeId" not in request:
        raise Fault(INVALID, "Either entityId and componentName, or componentTypeId is needed.")
    here = (number, after)
    for entity, there in entities.listed(place, {"componentTypeId": request["componentTypeId"]}, number, after):
        for name in _of_type(entity, request["componentTypeId"]):
            yield _component(place, entity, name, request["selectedProperties"]), here
        here = there


def _asked(place: Place, request: Request, id: str) -> Asked:
    entity = entities.load(place, id)
    if entity is None:
        raise Fault(NOT_FOUND, f"There is no entity {id}.")
    name = request.get("componentName")
    if name is None:
        if "componentTypeId" not in request:
            raise Fault(INVALID, "The componentName is needed.")
        names = _of_type(entity, request["componentTypeId"])
        if len(names) != 1:
            raise Fault(INVALID, f"The entity {id} has {len(names)} components of that type; give componentName.")
        name = names[0]
    return _component(place, entity, name, request["selectedProperties"])


def _of_type(entity: Entity, type: str) -> list[str]:
    own = [name for name, one in entity.own.items() if one.get("type") == type]
    of_asset = entity.synced is not None and entity.synced.metadata.get("component_type") == type
    return [BASE, *own] if of_asset else own


def _component(place: Place, entity: Entity, name: str, wanted: list[str]) -> Asked:
    if name == BASE and entity.synced is not None:
        properties = components.base_properties(place, entity.synced)
    elif name in entity.own:
        properties = components.properties_of(place, entity.own[name])
    else:
        raise Fault(NOT_FOUND, f"The entity {entity.id} has no component {name}.")
    for one in wanted:
        if one not in properties:
            raise Fault(INVALID, f"The component {name} of the entity {entity.id} has no property {one}.")
    return Asked(place, entity, name, properties)


# --- values ----------------------------------------------------------------------------------------------------------


def _latest(asked: Asked, property: str) -> dict[str, Any]:
    held = asked.properties[property]
    told: dict[str, Any] = {"propertyReference": asked.reference(property)}
    if asked.measured and property.startswith(MEASURED):
        id = property.removeprefix(MEASURED)
        moment = _from_sitewise(asked, lambda source: source.latest(asked.entity.id, id))
        value = None if moment is None else _data_value(moment)
        return {**told, "propertyValue": value} if value else told
    if "value" in held:
        return {**told, "propertyValue": held["value"]}
    if held["definition"]["isStoredExternally"]:
        raise _no_reader(asked, property)
    return told


def _moments(
    asked: Asked, property: str, request: Request, stretch: tuple[datetime, datetime], token: str, most: int
) -> tuple[list[dict[str, Any]], str]:
    """At most so many values, and where the next ones begin ("": there are none)."""
    if not (asked.measured and property.startswith(MEASURED)):
        if asked.properties[property]["definition"]["isStoredExternally"]:
            raise _no_reader(asked, property)
        raise Fault(INVALID, f"The property {property} is no time series.")
    id, descending = property.removeprefix(MEASURED), request.get("orderByTime") == "DESCENDING"
    timeline = _from_sitewise(
        asked,
        lambda source: source.history(
            asked.entity.id, id, *stretch, descending=descending, token=token or None, limit=max(most, 1)
        ),
    )
    found = [_property_value(moment, value) for moment in timeline.moments if (value := _data_value(moment))]
    filters = [one for one in request.get("propertyFilters", ()) if one.get("propertyName") in (None, property)]
    return [one for one in found if all(_passes(one["value"], each) for each in filters)], timeline.token or ""


def _no_reader(asked: Asked, property: str) -> Fault:
    return Fault(
        "ConnectorFailureException",
        f"The values of {property} of the component {asked.component} are read by a function, and functions are not "
        "run here.",
    )


def _data_value(moment: Moment) -> dict[str, Any] | None:
    value = moment.value
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return {"booleanValue": value}
    if isinstance(value, int):
        return {"integerValue": value} if -(2**31) <= value < 2**31 else {"longValue": value}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": value[:256]}


def _property_value(moment: Moment, value: Mapping[str, Any]) -> dict[str, Any]:
    whole = datetime.fromtimestamp(moment.seconds, UTC)
    time = f"{whole:%Y-%m-%dT%H:%M:%S}.{moment.nanos:09}Z"
    return {"timestamp": moment.seconds + moment.nanos / 1e9, "time": time, "value": dict(value)}


_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": lambda a, b: bool(a == b),
    "!=": lambda a, b: bool(a != b),
    "<": lambda a, b: bool(a < b),
    "<=": lambda a, b: bool(a <= b),
    ">": lambda a, b: bool(a > b),
    ">=": lambda a, b: bool(a >= b),
}


def _passes(value: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    compare = _COMPARE.get(wanted.get("operator", "="))
    if compare is None:
        raise Fault(INVALID, f"The operator of a filter is one of {' '.join(_COMPARE)}.")
    (own,), other = value.values(), next(iter(wanted.get("value", {}).values()), None)
    try:
        return compare(own, other)
    except TypeError:
        raise Fault(INVALID, "A filter compares a value with one of another type.") from None


# --- SiteWise --------------------------------------------------------------------------------------------------------


class Sources:
    """Sources of sync jobs that are kept open between requests, the last used ones. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: OrderedDict[tuple[str, int], SiteWiseSource] = OrderedDict()

    def of(self, place: Place, job: Connector) -> SiteWiseSource:
        """The source with the settings that the connector has now."""
        key = (job.id, job.revision)
        with self._lock:
            found = self._open.get(key)
            if found is None:
                found = self._open[key] = place.room.source(job)
                found.hasten(QUICK)
                while len(self._open) > OPEN:
                    self._open.popitem(last=False)
            self._open.move_to_end(key)
            return found


SOURCES: Final = Sources()


def _from_sitewise(asked: Asked, read: Callable[[SiteWiseSource], T]) -> T:
    job = asked.place.job
    if job is None:
        raise Fault(NOT_FOUND, f"There is no entity {asked.entity.id}.")
    try:
        return read(SOURCES.of(asked.place, job))
    except NotThere:
        raise Fault(NOT_FOUND, "SiteWise does not know the property any more.") from None
    except SynclineError as error:
        late = "Timeout" in error.message
        code = "ConnectorTimeoutException" if late else "ConnectorFailureException"
        raise Fault(code, error.message) from None
