"""Where the store lies: a URL, and the schema in that database."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from syncline.model.errors import UsageError

VARIABLE: Final = "SYNCLINE_DATABASE_URL"
SCHEMA_VARIABLE: Final = "SYNCLINE_DATABASE_SCHEMA"
SCHEMA: Final = "syncline"
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,47}")
_SCHEMES: Final = ("postgresql", "postgres")


@dataclass(slots=True, frozen=True)
class Place:
    """`dsn` may hold a password: it is shown to nobody. `shown` may be."""

    dsn: str = field(repr=False)
    schema: str
    shown: str

    def truth(self, index: int) -> str:
        """The schema with the truth of that index."""
        return f"{self.schema}_{index}"

    def schemas(self, index: int) -> tuple[str, ...]:
        """Where tables are looked for: those of that index (0: of the control plane), and nowhere else."""
        return (self.truth(index) if index else self.schema,)

    @property
    def key(self) -> int:
        """What locks of this schema are known by: signed 32 bits."""
        import zlib

        return zlib.crc32(f"syncline {self.schema}".encode()) - (1 << 31)


def place_of(environ: Mapping[str, str] = os.environ) -> Place | None:
    """Where SYNCLINE_DATABASE_URL says; None when it says nothing. Raises UsageError ("store.url"), which does not
    quote it."""
    url = environ.get(VARIABLE)
    return parsed(url, environ.get(SCHEMA_VARIABLE)) if url else None


def parsed(url: str, schema: str | None = None) -> Place:
    """A URL such as postgresql://user:password@host:5432/database?sslmode=verify-full&schema=name."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _wrong("it cannot be read") from None
    if parts.scheme not in _SCHEMES:
        raise _wrong("it must begin with postgresql://")
    options = parse_qsl(parts.query, keep_blank_values=True)
    name = schema or next((value for key, value in options if key == "schema"), SCHEMA)
    if not _NAME.fullmatch(name) or name.startswith("pg_"):
        what = f"{name!r:.80} cannot be the schema: use lower-case letters, digits and _, at most 48"
        raise UsageError(what, code="store.url", remedy=f"Correct {VARIABLE} or {SCHEMA_VARIABLE}.")
    rest: list[tuple[str, Any]] = [(key, value) for key, value in options if key != "schema"]
    dsn = urlunsplit(parts._replace(scheme="postgresql", query=urlencode(rest)))
    host = next((value for key, value in rest if key == "host"), None) or unquote(parts.hostname or "localhost")
    shown = f"{host}{f':{port}' if port else ''}/{unquote(parts.path.lstrip('/'))}"
    return Place(dsn, name, shown)


def _wrong(why: str) -> UsageError:
    told = "Give a URL such as postgresql://user:password@host:5432/database."
    return UsageError(f"{VARIABLE} is wrong: {why}", code="store.url", remedy=told)
