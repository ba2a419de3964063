"""The schema, made and brought up to date: numbered scripts under a lock, so that any number may begin at once.

The control plane lies in the schema that is named; the truth of each index in one of its own beside it, NAME_NUMBER.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from typing import Final

from syncline.model.errors import SynclineError
from syncline.store.postgres.errors import StoreError, StoreReadOnly, StoreUnsuitable
from syncline.store.postgres.place import Place
from syncline.store.postgres.wire import Link, Pool

FOLDER: Final = os.path.join(os.path.dirname(__file__), "migrations")
CONTROL, TRUTH = "control", "truth"
_MADE: Final = (
    "select exists (select from pg_class join pg_namespace on pg_namespace.oid = relnamespace"
    " where nspname = $1 and relname = 'meta')"
)

_seen: set[tuple[Place, int]] = set()  # schemas that were found to be up to date, by this process


def prepare(place: Place, *, create: bool) -> bool:
    """Whether the schema of the control plane is there and up to date; with `create` it is made so. Raises StoreError:
    "store.newer", "store.unsuitable", "store.read_only", "store.denied"."""
    if (place, 0) in _seen:
        return True
    pool = Pool.of(place)
    try:
        link = pool.take(place.schemas(0))
        try:
            found = _prepared(link, place, create)
        finally:
            pool.give(link)
    finally:
        pool.leave()
    if found:
        _seen.add((place, 0))
    return found


def forget(place: Place) -> None:
    """Look again: it may have been removed."""
    _seen.difference_update({seen for seen in _seen if seen[0] == place})


def _prepared(link: Link, place: Place, create: bool) -> bool:
    version = version_of(link, place, place.schema, CONTROL)
    if version == len(scripts(CONTROL)) or (version == 0 and not create):
        return version > 0
    _check_server(link, place)
    upgrade(link, place, place.schema, CONTROL)
    return True


def _check_server(link: Link, place: Place) -> None:
    rows, _ = link.run("select current_setting('server_encoding'), pg_is_in_recovery()", ())
    encoding, replica = rows[0]
    if encoding != "UTF8":
        raise StoreUnsuitable(f"the encoding of {place.shown} is {encoding}, and must be UTF8")
    if replica:
        raise StoreReadOnly(f"{place.shown} is a replica")


def prepare_truth(link: Link, place: Place, index: int) -> None:
    """Bring the schema of an index up to date. Raises StoreError ("store.newer")."""
    if (place, index) in _seen:
        return
    schema = place.truth(index)
    if version_of(link, place, schema, TRUTH) < len(scripts(TRUTH)):
        upgrade(link, place, schema, TRUTH)
    _seen.add((place, index))


def version_of(link: Link, place: Place, schema: str, kind: str) -> int:
    """Which scripts have been run there; 0: none. Raises StoreError when there are more than this version knows."""
    rows, _ = link.run(_MADE, [schema])  # to_regclass() would not see what another has made since we began
    if not rows[0][0]:
        return 0
    rows, _ = link.run(f"""select value from "{schema}".meta where key = 'schema'""", ())  # noqa: S608 - a checked name
    version, known = (int(rows[0][0]) if rows else 0), len(scripts(kind))
    if version > known:
        raise StoreError(
            f"{place.shown} was written by a newer version of Syncline (schema {version}, this one knows {known})",
            code="store.newer",
            remedy="Upgrade Syncline, or name another schema with SYNCLINE_DATABASE_SCHEMA.",
        )
    return version


def upgrade(link: Link, place: Place, schema: str, kind: str) -> None:
    """Run what is missing, all or nothing; whoever comes second finds it done."""
    link.script("begin")
    try:
        link.run("select pg_advisory_xact_lock($1, 0)", [place.key])
        write(link, place, schema, kind)
        link.script("commit")
    except BaseException:
        with suppress(SynclineError):
            link.script("rollback")
        raise


def write(link: Link, place: Place, schema: str, kind: str) -> None:
    """The same within a transaction of the caller."""
    version = version_of(link, place, schema, kind)
    if version == len(scripts(kind)):
        return
    if version == 0:
        link.script(f'create schema if not exists "{schema}"')
    with link.looking_in((schema,)):
        for number, script in enumerate(scripts(kind)[version:], version + 1):
            link.script(script)
            link.script(
                f"insert into meta (key, value) values ('schema', {number})"  # noqa: S608 - a number
                " on conflict (key) do update set value = excluded.value"
            )


@cache
def scripts(kind: str) -> tuple[str, ...]:
    """In order."""
    names = sorted(name for name in os.listdir(FOLDER) if name.startswith(kind + "_") and name.endswith(".sql"))
    found = []
    for name in names:
        with open(os.path.join(FOLDER, name), encoding="utf-8") as script:
            found.append(script.read())
    return tuple(found)
