"""Where the documents of an index land: settings of its destination, validated and sealed; checked; cleared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from syncline.destinations.kinds import DestinationKind, available, find
from syncline.model.errors import ConfigInvalid, CredentialsInvalid, DestinationError
from syncline.model.indexes import Index
from syncline.service.reach import KindOutOfReach, imports_allowed
from syncline.store.secrets import MASK, Secret, drafted, values_of
from syncline.wiring import Installation, NearIndex


def drafted_settings(
    id: str, destination: str, settings: Mapping[str, Any], known: Mapping[str, Secret] | None = None
) -> dict[str, Any]:
    """The settings as an index may hold them: valid, with defaults, secrets sealed. `id` is that of the index. Raises
    NotFound, ConfigInvalid."""
    from syncline.sources.authoring import guarded_call, secret_texts
    from syncline.sources.registry import secret_fields, validate

    kind = find(destination)
    fields = secret_fields(kind)
    given = values_of(settings, fields)
    if MASK in given:
        what = "asterisks stand for a secret that is not there"
        raise ConfigInvalid(what, remedy="Give the secret itself, or leave it out.")
    return drafted(id, guarded_call(validate, kind, settings, secrets=secret_texts(given)), fields, known)


def changed_settings(installation: Installation, index: Index, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the index with these over its own. Raises ConfigInvalid when they say that its documents lie elsewhere
    while it has some, CredentialsInvalid when a secret that stays cannot be read."""
    kept = {name: value for name, value in index.settings.items() if name not in settings or settings[name] == MASK}
    held = installation.vault.open(index.id, kept)
    known = dict(held.secrets)
    with suppress(CredentialsInvalid):
        known |= installation.vault.open(index.id, index.settings).secrets
    given = {name: value for name, value in settings.items() if value is not None and value != MASK}
    wanted = drafted_settings(index.id, index.destination, {**held.config, **given}, known)
    moved = [name for name in find(index.destination).place if wanted.get(name) != index.settings.get(name)]
    if moved and installation.index(index.name).shelf().counts()["documents"]:
        raise ConfigInvalid(
            f"the documents of index {index.name!r} lie where {', '.join(moved)} says, and would not be found",
            code="index.place_fixed",
            remedy="Make another index for the other place, or remove its connectors first.",
        )
    return wanted


def check(installation: Installation, index: Index) -> list[str]:
    """Prove that its destination can be reached and written, changing nothing there. Raises what is wrong; returns what
    is worth knowing besides."""
    destination = installation.destination(index)
    if destination is None:
        return []
    try:
        destination.check()
    finally:
        destination.close()
    feeding = installation.control().connectors_of(index.name)
    opened = installation.index(index.name) if feeding else None
    if isinstance(opened, NearIndex) and any(opened.count(one.number)[0] for one in feeding):
        return opened.notes()
    return []  # before the first job there is no table to be asked about


def clear(installation: Installation, index: Index) -> None:
    """Remove everything of the index from where it lies. Raises DestinationError, CredentialsInvalid."""
    destination = installation.destination(index)
    if destination is not None:
        try:
            destination.drop(None)
        finally:
            destination.close()


@contextmanager
def abandonable() -> Iterator[None]:
    """Whoever removes an index, and cannot reach its documents, is told that they may be left where they are."""
    try:
        yield
    except (DestinationError, CredentialsInvalid) as error:
        remedy = f"{error.remedy} Or leave its documents where they are, and remove the index with --abandon."
        raise DestinationError(error.message, code=error.code, remedy=remedy) from error


def check_reach(destination: str, settings: Mapping[str, Any]) -> DestinationKind:
    """The kind, if somebody on the network may name it with these settings. Raises KindOutOfReach, NotFound."""
    if destination not in available() and not imports_allowed():
        if ":" in destination:
            raise KindOutOfReach(f"{destination!r:.200} names code, which requests may not")
        return find(destination)  # says what there is
    kind = find(destination)
    for name in kind.code:
        if ":" in str(settings.get(name) or "") and not imports_allowed():
            raise KindOutOfReach(f"the setting {name} names code, which requests may not")
    return kind
