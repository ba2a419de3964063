"""Indexes: made, described, counted, removed with everything in them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from typing import Any

from syncline.model.connectors import Connector
from syncline.model.errors import Category, Conflict, Mender, NotFound, SynclineError
from syncline.model.indexes import Index
from syncline.model.shapes import iso
from syncline.service import connectors
from syncline.store.sqlite.jobs import new_id
from syncline.store.sqlite.shelf import Shelf
from syncline.wiring import Installation, checked_index

TRASH = "trash"


class IndexInUse(SynclineError):
    """Connectors feed the index; it cannot be removed without them."""

    code = "index.in_use"
    category = Category.CONFIG
    mender = Mender.YOU
    default_remedy = "Remove its connectors first, or remove it together with them."


def add(installation: Installation, name: str, description: str = "") -> Index:
    """A new one, empty. Raises UsageError: "index.bad_name", "index.name_taken"."""
    now = installation.clock()
    index = Index(0, new_id(), checked_index(name), description, created_at=now)
    added = installation.control().add_index(index)
    installation.index(name, create=True)
    return added


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
    installation: Installation, index: Index, *, description: str | None = None, revision: int | None = None
) -> Index:
    """Change what is given. Raises Conflict unless it still has that revision."""
    if description is not None:
        index.description = description
    expected = index.revision if revision is None else revision
    installation.control().update_index(index, installation.clock(), expected)
    return get(installation, index.id)


def feeding(installation: Installation, index: Index) -> list[Connector]:
    """The connectors that feed it, by name."""
    return [one for one in installation.control().connectors() if one.index == index.name]


def remove(
    installation: Installation, index: Index, *, cascade: bool = False, revision: int | None = None
) -> Sequence[Connector]:
    """Remove it with its documents; with `cascade` also the connectors that feed it, which are returned. Raises
    IndexInUse, JobActive while a job of one of them has not ended, Conflict unless it still has that revision."""
    control, found = installation.control(), feeding(installation, index)
    if revision is not None and revision != index.revision:
        raise Conflict(f"index {index.name!r} has been changed since")
    if found and not cascade:
        names = [connector.name for connector in found]
        raise IndexInUse(f"{len(found)} connectors feed the index {index.name!r}", connectors=names[:100])
    for connector in found:
        connectors.check_idle(control, connector)
    for connector in found:
        connectors.remove(installation, connector)
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
    if os.path.exists(installation.truth_path(index.name)):
        counts = Shelf(installation.index(index.name).truth).counts()
    folder = installation.path("indexes", index.name)
    return {
        "index": index.name,
        **counts,
        "connectors": len(feeding(installation, index)),
        "truth_bytes": sum(_size(installation.truth_path(index.name) + end) for end in ("", "-wal")),
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
        "revision": index.revision,
        "created_at": iso(index.created_at or None),
        "updated_at": iso(index.updated_at or None),
    }
