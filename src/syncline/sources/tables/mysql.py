"""MySQL and MariaDB: one consistent snapshot, rows as the text the server sends, page by page along the key."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, Protocol

from syncline.model.errors import SourceUnavailable
from syncline.sources.tables import problems
from syncline.sources.tables.problems import Trouble
from syncline.sources.tables.rows import AT_ONCE, RowCodec, RowSession
from syncline.sources.tables.session import Rows, Wanted
from syncline.sources.tables.shape import Column, Kind, Relation
from syncline.sources.tables.values import decimal, floating, json_value, moment, plain

_KINDS: Final = {
    **dict.fromkeys(("tinyint", "smallint", "mediumint", "int", "bigint", "year"), Kind.INTEGER),
    **dict.fromkeys(("char", "varchar", "tinytext", "text", "mediumtext", "longtext"), Kind.TEXT),
    **dict.fromkeys(("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"), Kind.BINARY),
    **dict.fromkeys(("bit", "geometry", "point"), Kind.BINARY),
    **dict.fromkeys(("float", "double"), Kind.FLOAT),
    **dict.fromkeys(("datetime", "timestamp"), Kind.TIME),
    "decimal": Kind.DECIMAL,
    "json": Kind.JSON,
}
_CONVERT: Final[dict[Kind, Callable[[str], Any]]] = {
    Kind.INTEGER: int,
    Kind.DECIMAL: decimal,
    Kind.FLOAT: floating,
    Kind.TIME: moment,
    Kind.JSON: json_value,
}
_DENIED: Final = frozenset({1044, 1142, 1143, 1370})
_CANCELLED: Final = frozenset({1317, 1969, 3024})
_LOST: Final = frozenset({1053, 1927, 2006, 2013, 2014, 4031})
_LET_GO_S: Final = 1
HERE: Final = "\0"  # stands in a statement for a value


class Settings(Protocol):
    """What connecting needs; `config.py` says what it means."""

    host: str
    port: int
    database: str
    user: str
    password: str | None
    tls: str
    fetch_size: int
    connect_timeout_s: float
    lock_timeout_s: float


class MySQL:
    """A MySQL or MariaDB server, as a `Database`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connection: Any = None
        self._interrupted = False
        self.where = f"{settings.host}:{settings.port}/{settings.database}"

    def open(self, wanted: Sequence[Wanted]) -> MySQLSession:
        """See `Database.open`."""
        if self._interrupted:
            raise Trouble(problems.let_go(), whole=True)
        try:
            self._connection = self._connect(self._settings.connect_timeout_s)
        except ImportError as error:
            raise Trouble(problems.driver_missing("pymysql", "mysql"), whole=True) from error
        except Exception as error:
            number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
            if number in (1045, 1698):
                raise Trouble(problems.refused(self.where), whole=True) from None
            if number in _DENIED:
                raise Trouble(problems.no_permission(f"The database {self._settings.database}"), whole=True) from None
            raise Trouble(problems.unreachable(self.where, str(error.args[-1])[:200]), whole=True) from None
        session = MySQLSession(self._connection, self._settings, self._gone)
        try:
            session.begin()
        except BaseException:
            session.close()
            raise
        return session

    def interrupt(self) -> None:
        """See `Database.interrupt`. The statement is killed on the server, then the socket is shut."""
        self._interrupted = True
        connection = self._connection
        if connection is None:
            return
        with suppress(Exception):
            other = self._connect(_LET_GO_S)
            with other.cursor() as cursor:
                cursor.execute(f"kill query {connection.thread_id()}")
            other.close()
        with suppress(Exception):
            connection._sock.shutdown(socket.SHUT_RDWR)

    def _gone(self) -> bool:
        return self._interrupted

    def _connect(self, timeout_s: float) -> Any:
        import pymysql
        from pymysql.converters import encoders

        given = self._settings
        where: dict[str, Any] = {"unix_socket": given.host} if given.host.startswith("/") else {"host": given.host}
        encrypted: dict[str, Any] = {"ssl_disabled": given.tls == "disable" or given.host.startswith("/")}
        if given.tls in ("require", "verify"):
            encrypted = {"ssl": {"check_hostname": given.tls == "verify", "verify_mode": given.tls == "verify"}}
        return pymysql.connect(
            **where,
            **encrypted,
            port=given.port,
            user=given.user or None,
            password=given.password or "",
            database=given.database,
            charset="utf8mb4",
            connect_timeout=max(1, int(timeout_s)),
            conv=dict(encoders),  # nothing is decoded: a row is the text the server sends
            cursorclass=pymysql.cursors.SSCursor,
        )


class MySQLCodec(RowCodec):
    """Rows as the server writes them: text, and bytes for binary columns."""

    def __init__(self, relation: Relation, prefix: str, seeds: Sequence[int]) -> None:
        super().__init__(relation, prefix, seeds, lambda kind: _CONVERT.get(kind, plain))


class MySQLSession(RowSession):
    """See `Session`."""

    def __init__(self, connection: Any, settings: Settings, gone: Callable[[], bool]) -> None:
        self._connection = connection
        self._settings = settings
        self._gone = gone
        self._open: _Reading | None = None
        self.page_rows = settings.fetch_size

    def begin(self) -> None:
        """Take the snapshot."""
        wait = max(1, int(self._settings.lock_timeout_s))
        self._execute("set session time_zone = '+00:00'")
        self._execute(f"set session lock_wait_timeout = {wait}")
        self._execute("set session net_write_timeout = 3600")
        self._execute("set session transaction isolation level repeatable read")
        self._execute("start transaction with consistent snapshot, read only")
        server = ""
        with suppress(Trouble):
            ((row,),) = self.select("the server", "select @@server_uuid")
            server = str(row[0])
        self.anchor = f"{server}/{self._settings.database}" if server else ""

    def select(self, what: str, sql: str, values: Sequence[Any] = ()) -> Rows:
        """See `RowSession.select`."""
        if self._open is not None:
            with self._translated(what):
                self._open.absorb()
        cursor = self._connection.cursor()
        reading = self._open = _Reading(cursor)
        with self._translated(what):
            try:
                first, *rest = sql.split(HERE)
                told = zip(values, rest, strict=True)
                reading.start(first + "".join([cursor.mogrify("%s", (value,)) + part for value, part in told]))
                while rows := reading.next():
                    yield rows
            finally:
                if self._open is reading:
                    self._open = None
                reading.close(drop=self._gone())

    def describe(self, wanted: Wanted) -> tuple[str, list[Column], tuple[str, ...]]:
        """See `RowSession.describe`."""
        if wanted.query:
            return f"({wanted.query}\n) q", self._columns_of(wanted), ()
        schema, dot, table = wanted.name.rpartition(".")
        place = [schema if dot else self._settings.database, table if dot else wanted.name]
        told = self._all(
            wanted.name,
            "select column_name, column_type, data_type, is_nullable from information_schema.columns"
            " where table_schema = \0 and table_name = \0 order by ordinal_position",
            place,
        )
        source = ".".join(self.quoted(part) for part in place)
        if not told:
            self._all(wanted.name, f"select 1 from {source} limit 0")  # says why
            raise Trouble(problems.table_missing(wanted.name), whole=False)
        columns = [Column(name, kind, _KINDS.get(base, Kind.OTHER), null == "YES") for name, kind, base, null in told]
        key = self._all(
            wanted.name,
            "select column_name from information_schema.statistics where table_schema = \0 and table_name = \0"
            " and index_name = 'PRIMARY' order by seq_in_index",
            place,
        )
        return source, columns, tuple(name for (name,) in key)

    def codec(self, relation: Relation, prefix: str, seeds: Sequence[int]) -> MySQLCodec:
        """See `Session.codec`."""
        return MySQLCodec(relation, prefix, seeds)

    def bound(self, column: Column, value: Any) -> Any:
        """A number as a number: compared with text it would lose digits."""
        return int(value) if column.kind is Kind.INTEGER else value

    def quoted(self, name: str) -> str:
        """See `RowSession.quoted`."""
        return "`" + name.replace("`", "``") + "`"

    def mark(self, number: int) -> str:
        """See `RowSession.mark`."""
        return HERE

    def now(self, back_s: float) -> str:
        """See `RowSession.now`."""
        return f"select date_format(utc_timestamp() - interval {float(back_s)} second, '%Y-%m-%dT%H:%i:%s')"

    def finish(self) -> None:
        """See `Session.finish`."""
        self._execute("commit")

    def close(self) -> None:
        """See `Session.close`."""
        with suppress(Exception):
            self._connection._force_close()

    def _columns_of(self, wanted: Wanted) -> list[Column]:
        cursor = self._connection.cursor()
        with self._translated(wanted.name):
            cursor.execute(f"select * from ({wanted.query}\n) q limit 0")
            fields = cursor._result.fields
            cursor.close()
        return [Column(field.name, str(field.type_code), _kind_of(field)) for field in fields]

    def _all(self, what: str, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return [row for rows in self.select(what, sql, values) for row in rows]

    def _execute(self, sql: str) -> None:
        self._all("the database", sql)

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        try:
            yield
        except (OSError, AttributeError, ValueError) as error:  # a closed pymysql connection has lost its parts
            raise Trouble(self._lost(str(error)), whole=True) from error
        except Exception as error:
            if not type(error).__module__.startswith("pymysql"):
                raise
            raise self._trouble(error, what) from error

    def _trouble(self, error: Exception, what: str) -> Trouble:
        number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
        said = str(error.args[-1])[:300] if error.args else type(error).__name__
        if self._gone() or number in _LOST or number == 0:
            return Trouble(self._lost(said), whole=True)
        told = {1146: problems.table_missing(what), 1205: problems.locked(what), 1412: problems.rewritten(what)}
        if number in _DENIED:
            return Trouble(problems.no_permission(what), whole=False)
        if number in _CANCELLED:
            return Trouble(problems.timed_out(what), whole=False)
        if number == 1054:
            return Trouble(problems.column_gone(what, said), whole=False)
        return Trouble(told.get(number) or problems.unreadable(what, said), whole=False)

    def _lost(self, why: str) -> SourceUnavailable:
        return problems.let_go() if self._gone() else problems.connection_lost(why)


class _Reading:
    """An unbuffered result, which can be read to its end at once when the connection is wanted for something else."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self._here: list[list[tuple[Any, ...]]] = []
        self._ended = False

    def start(self, sql: str) -> None:
        self._cursor.execute(sql)

    def next(self) -> list[tuple[Any, ...]]:
        if self._here:
            return self._here.pop(0)
        return [] if self._ended else self._fetch()

    def absorb(self) -> None:
        while not self._ended and (rows := self._fetch()):
            self._here.append(rows)

    def close(self, *, drop: bool) -> None:
        """Read what is left, so that the connection can be used again; or `drop` it with the connection."""
        if self._ended:
            return
        with suppress(Exception):
            if not drop:
                self._cursor.close()
                return
        result, self._cursor.connection = self._cursor._result, None
        if result is not None:
            result.unbuffered_active, result.connection = False, None

    def _fetch(self) -> list[tuple[Any, ...]]:
        rows = list(self._cursor.fetchmany(AT_ONCE))
        self._ended = not rows
        return rows


def _kind_of(field: Any) -> Kind:
    """The kind of a column of a query. Source: field types and character set 63 (binary) of the MySQL protocol."""
    code, binary = field.type_code, field.charsetnr == 63
    if code in (1, 2, 3, 8, 9, 13):
        return Kind.INTEGER
    if code in (0, 246):
        return Kind.DECIMAL
    if code in (4, 5):
        return Kind.FLOAT
    if code in (7, 12):
        return Kind.TIME
    if code == 245:
        return Kind.JSON
    if code in (249, 250, 251, 252, 253, 254, 15):
        return Kind.BINARY if binary else Kind.TEXT
    return Kind.OTHER
