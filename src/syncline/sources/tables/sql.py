"""Whatever SQLAlchemy speaks to: the plain way, with the tightest isolation the database offers for one reading."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from socket import SHUT_RDWR
from typing import Any, Final, Protocol

from syncline.sources.tables import problems
from syncline.sources.tables.problems import Trouble
from syncline.sources.tables.rows import AT_ONCE, EVERYTHING_SETTLED, RowSession
from syncline.sources.tables.session import Rows, Wanted
from syncline.sources.tables.shape import Column, Kind, Relation

_ISOLATION: Final = ("SNAPSHOT", "REPEATABLE READ", "SERIALIZABLE")  # the first that the database knows
_COLON: Final = re.compile(r"(?<![:\w\\]):(?=\w)")


class Settings(Protocol):
    """What connecting needs; `config.py` says what it means."""

    dsn: str


class AnySQL:
    """A database behind a SQLAlchemy URL, as a `Database`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._session: SQLSession | None = None
        self._interrupted = False
        self.where = "the given dsn"

    def open(self, wanted: Sequence[Wanted]) -> SQLSession:
        """See `Database.open`."""
        if self._interrupted:
            raise Trouble(problems.let_go(), whole=True)
        try:
            from sqlalchemy import create_engine
            from sqlalchemy.pool import NullPool
        except ImportError as error:
            raise Trouble(problems.driver_missing("sqlalchemy", "sql"), whole=True) from error
        try:
            engine = create_engine(self._settings.dsn, poolclass=NullPool)
            connection = _isolated(engine)
        except ImportError as error:
            why = f"its driver is not installed ({error.name})"
            raise Trouble(problems.unreachable(self.where, why), whole=True) from None
        except Exception as error:
            raise Trouble(problems.unreachable(self.where, type(error).__name__), whole=True) from None
        self._session = SQLSession(connection, self)
        return self._session

    def interrupt(self) -> None:
        """See `Database.interrupt`: by whichever verb the driver has for it, else by closing its connection."""
        self._interrupted = True
        if self._session is not None:
            self._session.let_go()

    @property
    def interrupted(self) -> bool:
        """True once somebody asked to stop."""
        return self._interrupted


def _isolated(engine: Any) -> Any:
    known: Sequence[str] = ()
    with engine.connect() as connection, suppress(Exception):
        known = engine.dialect.get_isolation_level_values(connection.connection.dbapi_connection)
    for level in _ISOLATION:
        if level in known:
            return engine.connect().execution_options(isolation_level=level)
    return engine.connect()


class SQLSession(RowSession):
    """See `Session`."""

    def __init__(self, connection: Any, database: AnySQL) -> None:
        self._connection = connection
        self._database = database
        self._quote = connection.dialect.identifier_preparer.quote
        self._raw = connection.connection.dbapi_connection

    def select(self, what: str, sql: str, values: Sequence[Any] = ()) -> Rows:
        """See `RowSession.select`."""
        from sqlalchemy import text

        named = {f"p{number}": value for number, value in enumerate(values)}
        with self._translated(what):
            options = {"stream_results": True, "max_row_buffer": AT_ONCE}
            result = self._connection.execute(text(sql), named, execution_options=options)
            try:
                while rows := result.fetchmany(AT_ONCE):
                    yield [tuple(row) for row in rows]
            finally:
                result.close()

    def describe(self, wanted: Wanted) -> tuple[str, list[Column], tuple[str, ...]]:
        """See `RowSession.describe`."""
        if wanted.query:
            source = f"({_escaped(wanted.query)}\n) q"
            return source, self._columns_of(wanted.name, source), ()
        from sqlalchemy import inspect
        from sqlalchemy.exc import NoSuchTableError

        schema, dot, table = wanted.name.rpartition(".")
        place: tuple[str, str | None] = (table, schema) if dot else (wanted.name, None)
        with self._translated(wanted.name):
            try:
                told = inspect(self._connection).get_columns(*place)
                key = inspect(self._connection).get_pk_constraint(*place)["constrained_columns"]
            except NoSuchTableError:
                raise Trouble(problems.table_missing(wanted.name), whole=False) from None
        columns = [Column(c["name"], str(c["type"]), kind_of(c["type"]), bool(c.get("nullable", True))) for c in told]
        source = ".".join(self.quoted(part) for part in (place[1], place[0]) if part)
        return source, columns, tuple(key)

    def settled(self, relation: Relation, overlap_s: float) -> str:
        """By its own clock nothing is known of this database: every cursor counts as settled but that of the newest
        rows, which are compared by content."""
        assert relation.cursor is not None
        column = relation.columns[relation.cursor]
        if column.kind in (Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT, Kind.BINARY):
            return EVERYTHING_SETTLED
        from datetime import datetime, timedelta

        newest = f"select max({self.quoted(column.name)}) from {relation.source}"
        ((row,),) = self.select(relation.name, newest)
        value = datetime.fromisoformat(row[0]) if isinstance(row[0], str) else row[0]
        return (value - timedelta(seconds=overlap_s)).isoformat() if isinstance(value, datetime) else ""

    def quoted(self, name: str) -> str:
        """See `RowSession.quoted`."""
        return str(_escaped(self._quote(name)))

    def mark(self, number: int) -> str:
        """See `RowSession.mark`."""
        return f":p{number}"

    def now(self, back_s: float) -> str:
        """Not asked for, see `settled`."""
        raise NotImplementedError

    def finish(self) -> None:
        """See `Session.finish`."""
        with self._translated("the database"):
            self._connection.rollback()

    def close(self) -> None:
        """See `Session.close`."""
        with suppress(Exception):
            self._connection.invalidate()
        with suppress(Exception):
            self._connection.close()

    def let_go(self) -> None:
        """End what is running, from another thread."""
        socket = getattr(self._raw, "_sock", None)  # a driver written in Python: closing would not wake its reader
        if socket is not None:
            with suppress(Exception):
                socket.shutdown(SHUT_RDWR)
            return
        for verb in ("interrupt", "cancel", "_force_close", "close"):
            action = getattr(self._raw, verb, None)
            if callable(action):
                with suppress(Exception):
                    action()
                return

    def _read(self, relation: Relation, columns: Sequence[Column], *conditions: str) -> str:
        sql = super()._read(relation, columns, *conditions)
        return sql.replace(relation.where, _escaped(relation.where), 1) if relation.where else sql

    def _columns_of(self, what: str, source: str) -> list[Column]:
        from sqlalchemy import text

        with self._translated(what):
            result = self._connection.execute(text(f"select * from {source} where 1 = 0"))
            names = list(result.keys())
            result.close()
        return [Column(name, "", Kind.TEXT) for name in names]

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        try:
            yield
        except Trouble:
            raise
        except Exception as error:
            if self._database.interrupted:
                raise Trouble(problems.let_go(), whole=True) from None
            if not type(error).__module__.startswith("sqlalchemy"):
                raise
            lost = bool(getattr(error, "connection_invalidated", False))
            said = str(getattr(error, "orig", None) or type(error).__name__).partition("\n")[0][:200]
            told = problems.connection_lost(said) if lost else problems.unreadable(what, said)
            raise Trouble(told, whole=lost) from None


def kind_of(declared: Any) -> Kind:
    """The kind of a SQLAlchemy type."""
    from sqlalchemy import types

    kinds: Sequence[tuple[type[Any], Kind]] = (
        (types.Boolean, Kind.BOOLEAN),
        (types.Enum, Kind.OTHER),
        (types.JSON, Kind.JSON),
        (types.Float, Kind.FLOAT),
        (types.Numeric, Kind.DECIMAL),
        (types.Integer, Kind.INTEGER),
        (types.DateTime, Kind.TIME),
        (types.LargeBinary, Kind.BINARY),
        (types._Binary, Kind.BINARY),
        (types.Uuid, Kind.OTHER),
        (types.String, Kind.TEXT),
    )
    return next((kind for type_, kind in kinds if isinstance(declared, type_)), Kind.OTHER)


def _escaped(sql: str) -> str:
    """SQL of somebody else's, in which a colon means nothing to SQLAlchemy."""
    return _COLON.sub(r"\\:", sql)
