"""Being alive, proved by a lock that every server sees: the database takes it back when the connection is gone.

A killed process loses its connections at once; a machine that has vanished loses them when the server's keepalives are
not answered (wire.py), after about ten seconds.
"""

from __future__ import annotations

import time
import zlib
from typing import Final

from syncline.store.postgres.errors import StoreUnavailable
from syncline.store.postgres.place import Place
from syncline.store.postgres.wire import Link, Pool

_IS_FREE = (
    "select not exists (select 1 from pg_locks where locktype = 'advisory' and objsubid = 2 and granted"
    " and classid = $1::bigint::oid and objid = $2::bigint::oid"
    " and database = (select oid from pg_database where datname = current_database()))"
)


TAKEN_S: Final = 0.4  # for so long it is believed that somebody has it: supervisors ask at every change

_taken: dict[tuple[Place, tuple[int, int]], float] = {}


class Lease:
    """The right to do something that only one may do at a time, such as running the jobs of one connector."""

    def __init__(self, place: Place, name: str) -> None:
        self._place = place
        self._keys = (place.key, zlib.crc32(name.encode()) - (1 << 31))
        self._link: Link | None = None

    def acquire(self) -> bool:
        """Take it; False when a living process has it."""
        link = Link(self._place)
        link.open()
        try:
            rows, _ = link.run("select pg_try_advisory_lock($1, $2)", self._keys)
            if rows[0][0]:
                self._link = link
                return True
        except BaseException:
            link.close()
            raise
        link.close()
        return False

    @property
    def held(self) -> bool:
        """Whether we have it: the connection stands, as far as is known here."""
        return self._link is not None and not self._link.closed

    def release(self) -> None:
        """Give it back."""
        if self._link is not None:
            self._link.close()
            self._link = None

    def is_free(self) -> bool:
        """True when no living process has it."""
        key = (self._place, self._keys)
        if time.monotonic() - _taken.get(key, -TAKEN_S) < TAKEN_S:
            return False
        pool = Pool.of(self._place)
        try:
            link = pool.take(self._place.schemas(0))
            try:
                rows, _ = link.run(_IS_FREE, [key % (1 << 32) for key in self._keys])
            finally:
                pool.give(link)
        except StoreUnavailable:
            return False  # nobody can tell; whoever asks will ask again
        finally:
            pool.leave()
        if rows[0][0]:
            _taken.pop(key, None)
            return True
        _taken[key] = time.monotonic()
        return False
