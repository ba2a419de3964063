"""What a sync job has brought, as it lies in the index."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from syncline.dialects.twinmaker.place import Place
from syncline.model.connectors import Connector
from syncline.model.destinations import Shown
from syncline.model.errors import NotFound
from syncline.sources.sitewise.documents import COMPONENT_TYPE, ENTITY
from syncline.sources.sitewise.inventory import PREFIX
from syncline.store.relational.farshelf import FarShelf
from syncline.store.relational.shelf import Shelf

BATCH: Final = 200
BASE: Final = "sitewiseBase"  # the component of every synced entity


def shelf(place: Place) -> Shelf | None:
    """The documents of the workspace; None before there are any."""
    try:
        return place.room.index(place.index.name).shelf()
    except NotFound:
        return None


def one(place: Place, id: str) -> Shown | None:
    """The document of that id that the sync job has brought."""
    job, documents = place.job, shelf(place)
    if job is None or documents is None:
        return None
    return next(iter(documents.one([job.number], id)), None)


def entity(place: Place, id: str) -> Shown | None:
    """The entity of that id."""
    found = one(place, id)
    return found if found is not None and found.metadata.get("twin") == ENTITY else None


def component_type(place: Place, id: str) -> Shown | None:
    """The component type of that id."""
    found = one(place, id) if id.startswith(PREFIX) else None
    return found if found is not None and found.metadata.get("twin") == COMPONENT_TYPE else None


def entities(place: Place, after: str, parent: str | None = None, type: str | None = None) -> Iterator[Shown]:
    """Entities by id, after that one; below that parent, or of that type."""
    job, documents = place.job, shelf(place)
    far = isinstance(documents, FarShelf)  # its documents lie elsewhere, and cannot be asked for like this
    while job is not None and documents is not None:
        if parent is not None and not far:
            found = documents.twins(job.number, "parent", parent, after, BATCH)
        elif type is not None and not far:
            found = documents.twins(job.number, "type", type, after, BATCH)
        else:
            found = documents.page((job.number, after), BATCH, 0, job.number)
        yield from (each for each in found if _suits(each.metadata, parent, type))
        if len(found) < BATCH:
            return
        after = found[-1].id


def _suits(metadata: Mapping[str, Any], parent: str | None, type: str | None) -> bool:
    return (
        metadata.get("twin") == ENTITY
        and parent in (None, metadata.get("parent"))
        and type in (None, metadata.get("component_type"))
    )


def component_types(place: Place, after: str) -> Iterator[Shown]:
    """Component types by id, after that one."""
    job, documents = place.job, shelf(place)
    after = max(after, PREFIX)
    while job is not None and documents is not None:
        found = documents.page((job.number, after), BATCH, 0, job.number)
        yield from (each for each in found if each.metadata.get("twin") == COMPONENT_TYPE)
        if len(found) < BATCH:
            return
        after = found[-1].id


class Times:
    """When things were written: the time at which the job began that brought them."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._known: dict[int, float] = {}

    def of(self, shown: Shown) -> float:
        """Unix seconds."""
        return self.of_job(shown.job)

    def of_job(self, number: int) -> float:
        """Unix seconds; when the connector was made, if the job is not known any more."""
        if number not in self._known:
            try:
                job = self._place.control.job(number)
                self._known[number] = job.started_at or job.created_at
            except NotFound:
                found: Connector | None = self._place.job
                self._known[number] = found.created_at if found else self._place.index.created_at
        return self._known[number]
