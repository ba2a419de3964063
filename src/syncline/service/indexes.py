"""Indexes: made, described, counted, removed with everything in them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from syncline.destinations.kinds import EMBEDDED
from syncline.model.connectors import Connector
from syncline.model.errors import Category, Conflict, Mender, NotFound, SynclineError
from syncline.model.indexes import Index
from syncline.model.shapes import iso
from syncline.service import connectors, landing
from syncline.store.relational.jobs import new_id
from syncline.store.secrets import masked
from syncline.wiring import Installation, checked_index

TRASH = "trash"


class IndexInUse(SynclineError):
    """Connectors feed the index; it cannot be removed without them."""

    code = "index.in_use"
    category = Category.CONFIG
    mender = Mender.YOU
    default_remedy = "Remove its connectors first, or remove it together with them."


def add(
    installation: Installation,
    name: str,
    description: str = "",
    extras: Mapping[str, Any] | None = None,
    *,
    destination: str = EMBEDDED,
    settings: Mapping[str, Any] | None = None,
) -> Index:
    """A new one, empty; `extras` is what a dialect keeps with it. `settings` are those of the destination. Raises
    UsageError: "index.bad_name", "index.name_taken"; NotFound when there is no such destination, ConfigInvalid when the
    settings are wrong. Whether it can be written is proved by `check`."""
    added = register(installation, name, description, extras, destination=destination, settings=settings)
    installation.control().afterwards(lambda: installation.index(name, create=True))
    return added


def register(
    installation: Installation,
    name: str,
    description: str = "",
    extras: Mapping[str, Any] | None = None,
    *,
    destination: str = EMBEDDED,
    settings: Mapping[str, Any] | None = None,
) -> Index:
    """The same in the control plane only, as a part of a larger change of it; open it when that is done."""
    now = installation.clock()
    index = Index(0, new_id(), checked_index(name), description, dict(extras or {}), created_at=now)
    index.destination, index.settings = destination, landing.drafted_settings(index.id, destination, settings or {})
    control = installation.control()
    with control.writing("add_index"):  # sealed and stored in one: keys are rotated between, never within
        index.settings = installation.vault.keep(index.id, index.settings)
        return control.add_index(index)


def all(installation: Installation) -> list[Index]:
    """All of them, by name."""
    control = installation.control()
    found = control.indexes()
    strays = set(installation.indexes()) - {index.name for index in found}
    for name in strays:  # made without a connector, by an older version or `syncline init`
        control.ensure_index(name, installation.clock())
    return control.indexes() if strays else found


def get(installation: Installation, ref: str) -> Index:
    """By name or id. Raises NotFound."""
    found = installation.control().index(ref)
    if found is None and ref in installation.indexes():
        installation.control().ensure_index(ref, installation.clock())
        found = installation.control().index(ref)
    if found is None:
        raise NotFound(f"there is no index {ref!r:.200}", remedy="List the indexes to see which there are.")
    return found


def update(
    installation: Installation,
    index: Index,
    *,
    description: str | None = None,
    settings: Mapping[str, Any] | None = None,
    revision: int | None = None,
) -> Index:
    """Change what is given. Of `settings` each one given is set, None takes it back to its default, and asterisks keep
    the secret that is there. Raises Conflict unless it still has that revision, ConfigInvalid, CredentialsInvalid."""
    if description is not None:
        index.description = description
    expected = index.revision if revision is None else revision
    control = installation.control()
    if settings is not None:
        index.settings = landing.changed_settings(installation, index, settings)
    with control.writing("update_index"):
        index.settings = installation.vault.keep(index.id, index.settings)
        control.update_index(index, installation.clock(), expected)
    installation.forget(index.name)
    return get(installation, index.id)


def annotate(
    installation: Installation, index: Index, dialect: str, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]
) -> Index:
    """Change what a dialect keeps with it: `change` is given what is there now, and returns what is to be there. Nobody
    else changes it meanwhile. Raises NotFound."""
    control = installation.control()
    with control.writing("annotate_index"):
        found = get(installation, index.id)
        found.extras[dialect] = dict(change(found.extras.get(dialect, {})))
        control.update_index(found, installation.clock())
    return get(installation, index.id)


def feeding(installation: Installation, index: Index) -> list[Connector]:
    """The connectors that feed it, by name."""
    return installation.control().connectors_of(index.name)


def remove(
    installation: Installation,
    index: Index,
    *,
    cascade: bool = False,
    revision: int | None = None,
    abandon: bool = False,
) -> Sequence[Connector]:
    """Remove it with its documents; with `cascade` also the connectors that feed it, which are returned. Raises
    IndexInUse, JobActive while a job of one of them has not ended, Conflict unless it still has that revision, and
    DestinationError when its documents cannot be removed from where they lie; with `abandon` they are left there."""
    control, found = installation.control(), feeding(installation, index)
    if revision is not None and revision != index.revision:
        raise Conflict(f"index {index.name!r} has been changed since")
    if found and not cascade:
        names = [connector.name for connector in found]
        raise IndexInUse(f"{len(found)} connectors feed the index {index.name!r}", connectors=names[:100])
    for connector in found:
        connectors.check_idle(control, connector)
    with landing.abandonable():
        for connector in found:
            connectors.remove(installation, connector, abandon=abandon)
        if not abandon:
            landing.clear(installation, index)
    with control.writing("remove_index"):
        if feeding(installation, index):
            raise IndexInUse(f"a connector has been added to the index {index.name!r} meanwhile")
        trash = _set_aside(installation, index)
        control.remove_index(index.number)
    shutil.rmtree(trash, ignore_errors=True)
    return found


def _set_aside(installation: Installation, index: Index) -> str:
    """Its files under another name: whoever has them open keeps them, and nobody finds them any more."""
    folder, trash = installation.path("indexes", index.name), installation.path(TRASH, new_id())
    if os.path.isdir(folder):
        os.makedirs(os.path.dirname(trash), exist_ok=True)
        os.rename(folder, trash)
    return trash


def stats(installation: Installation, index: Index) -> dict[str, Any]:
    """How much is in it: documents, and bytes on disk of the truth and of the text index."""
    counts = dict.fromkeys(("documents", "filtered", "failed", "withheld_deletes"), 0)
    if installation.has_index(index.name):
        counts = installation.index(index.name).shelf().counts()
    folder = installation.path("indexes", index.name)
    return {
        "index": index.name,
        **counts,
        "connectors": len(feeding(installation, index)),
        "truth_bytes": installation.store.size(index.name),
        "text_bytes": sum(
            _size(os.path.join(at, name)) for at, _, names in os.walk(f"{folder}/text") for name in names
        ),
    }


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def shape(index: Index) -> dict[str, Any]:
    """One index as everybody may show it."""
    return {
        "id": index.id,
        "name": index.name,
        "description": index.description,
        "destination": index.destination,
        "settings": masked(index.settings),
        "revision": index.revision,
        "created_at": iso(index.created_at or None),
        "updated_at": iso(index.updated_at or None),
    }
