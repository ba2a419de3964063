"""What the server tells of itself, on stderr: a JSON line for each event, or a short line on a terminal.

    {"ts": "2026-11-22T09:30:00.123Z", "level": "info", "event": "http.request", "method": "GET", …}

Whoever logs gives the name of an event and its fields: `logger.info("job.started", extra={"fields": {"job": 7}})`.
Lines that are written while a request is served carry its request_id and the key_id. Everything passes a redactor, so
that a secret that slipped into a message does not come out. docs/observability.md lists the events.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Iterable, Mapping, MutableMapping
from contextvars import ContextVar
from typing import Any, Final, TextIO

from syncline.model.shapes import iso

REDACTED: Final = "***"
MAX_CHARS: Final = 4000  # of one text in a line; a document in an error message is cut

# The scope of the request that is served here, if any.
serving: ContextVar[MutableMapping[str, Any] | None] = ContextVar("serving", default=None)

_LOUD = ("httpx", "httpcore", "asyncio", "multipart")  # they tell of every call, with its URL
_COLORS: Final = {"debug": "2", "info": "36", "warning": "33", "error": "31", "critical": "31;1"}
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def configure(
    *,
    human: bool = False,
    color: bool = True,
    level: str = "INFO",
    hidden: Iterable[str] = (),
    stream: TextIO | None = None,
) -> logging.Handler:
    """Send everything that is logged in this process to `stream` (stderr), and return the handler that does. `hidden`
    are secrets that must not come out, whatever they look like."""
    handler = logging.StreamHandler(stream or sys.stderr)
    redactor = Redactor(hidden)
    handler.setFormatter(HumanLines(redactor, color) if human else JsonLines(redactor))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = name != "uvicorn.access"  # the access log is ours
        logger.setLevel(logging.NOTSET)
    for name in _LOUD:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    return handler


def note_code(code: str) -> None:
    """The request that is served here is answered with that error; its line in the log says so."""
    scope = serving.get()
    if scope is not None:
        scope["syncline.code"] = code


# --- nothing secret ---------------------------------------------------------------------------------------------------

_NAMES = r"(?:authorization|x-api-key|api[-_]?key|[\w-]{0,40}(?:secret|token|password|passwd|signature|credential)s?)"
_PATTERNS: Final = (
    (re.compile(r"\b(bearer|basic|apikey)\s+[\w.~+/=:-]{6,}", re.IGNORECASE), rf"\1 {REDACTED}"),
    (re.compile(r"\bwhsec_[A-Za-z0-9+/=_-]+"), f"whsec_{REDACTED}"),
    (re.compile(r"\bsyncline_[A-Za-z0-9_-]{20,}"), f"syncline_{REDACTED}"),
    (re.compile(r"(://[^/\s:@]*):[^/\s@]+@"), rf"\1:{REDACTED}@"),
    (
        re.compile(rf"""(\b{_NAMES}["']?\s*(?:=|:)\s*["']?)(?!{re.escape(REDACTED)})[^\s"'&,;}}\])]+""", re.IGNORECASE),
        rf"\1{REDACTED}",
    ),
)
_SECRET_FIELD = re.compile(_NAMES, re.IGNORECASE)


class Redactor:
    """Takes out what looks like a secret, and the secrets it knows."""

    def __init__(self, hidden: Iterable[str] = ()) -> None:
        self._hidden: list[str] = []
        self.hide(*hidden)

    def hide(self, *secrets: str) -> None:
        """Know these, too. Short ones are left out: they would be found in everything."""
        self._hidden = sorted({*self._hidden, *(one for one in secrets if len(one) >= 8)}, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text without them, and not too long."""
        for secret in self._hidden:
            text = text.replace(secret, REDACTED)
        cut = f"… ({len(text)} characters)" if len(text) > MAX_CHARS else ""
        text = text[:MAX_CHARS]
        for pattern, instead in _PATTERNS:
            text = pattern.sub(instead, text)
        return text + cut

    def value(self, value: Any, name: str = "") -> Any:
        """The same for a field, and all that is in it, JSON-safe."""
        if isinstance(value, Mapping):
            return {self(str(key)): self.value(item, str(key)) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(item, name) for item in value]
        if value is None or isinstance(value, bool | int | float):
            return value
        return REDACTED if value and _SECRET_FIELD.fullmatch(name) else self(str(value))


# --- lines ------------------------------------------------------------------------------------------------------------


class JsonLines(logging.Formatter):
    """One JSON object for each record: ts, level, event, then its fields."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self.redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """One line, in ASCII."""
        return json.dumps(self.fields(record), default=str)

    def fields(self, record: logging.LogRecord) -> dict[str, Any]:
        """What the line says, redacted."""
        told = {"ts": iso(record.created), "level": record.levelname.lower(), "event": _event(record)}
        more = {**_of_request(), **_given(record), **self._error(record)}
        if not record.name.startswith("syncline"):
            more["logger"] = record.name
        told |= {name: value for name, value in more.items() if name not in told and value is not None}
        redacted: dict[str, Any] = self.redactor.value(told)
        return redacted

    def _error(self, record: logging.LogRecord) -> dict[str, Any]:
        if record.exc_info is None or record.exc_info[0] is None:
            return {}
        kind, error, _ = record.exc_info
        lines = self.formatException(record.exc_info).splitlines()[-40:]
        return {"error": f"{kind.__name__}: {error}", "traceback": lines}


class HumanLines(JsonLines):
    """One short line for each record, for whoever watches the server start."""

    def __init__(self, redactor: Redactor, color: bool) -> None:
        super().__init__(redactor)
        self._color = color

    def format(self, record: logging.LogRecord) -> str:
        """Local time, level, event, fields. A traceback follows on lines of its own."""
        told = self.fields(record)
        traceback = told.pop("traceback", [])
        del told["ts"]
        level, event = told.pop("level"), _safe(told.pop("event"))
        at = time.strftime("%H:%M:%S", time.localtime(record.created))
        if self._color:
            at, level = f"\x1b[2m{at}\x1b[0m", f"\x1b[{_COLORS.get(level, '0')}m{level:<7}\x1b[0m"
        else:
            level = f"{level:<7}"
        fields = "".join(f" {name}={_safe(_short(value))}" for name, value in told.items())
        return "\n    ".join([f"{at} {level} {event}{fields}", *map(_safe, traceback)])


def _event(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):
        return str(record.msg)


def _given(record: logging.LogRecord) -> dict[str, Any]:
    fields = getattr(record, "fields", None)
    return dict(fields) if isinstance(fields, Mapping) else {}


def _of_request() -> dict[str, Any]:
    scope = serving.get()
    if scope is None:
        return {}
    return {"request_id": scope.get("syncline.request_id"), "key_id": scope.get("syncline.key_id")}


def _short(value: Any) -> str:
    return value if isinstance(value, str) and value and " " not in value else json.dumps(value, ensure_ascii=False)


def _safe(text: str) -> str:
    """Nothing in it can steer a terminal or pass for another line."""
    return _UNSAFE.sub(lambda match: match[0].encode("unicode_escape", "surrogatepass").decode("ascii"), text)
