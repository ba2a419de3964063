"""Errors as answers: RFC 9457 problems, each with the code, the remedy and the request it belongs to.

The status follows from the code, then from the class of the error, then from its category.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final

from starlette.responses import Response

from syncline.model.errors import (
    ConfigInvalid,
    Conflict,
    CredentialsInvalid,
    DataDirectoryError,
    DestinationError,
    DocumentRejected,
    InternalError,
    JobActive,
    JobFenced,
    NotFound,
    SourceProtocolError,
    SourceUnavailable,
    SynclineError,
    UsageError,
)
from syncline.model.jobs import IllegalTransition
from syncline.model.keys import Forbidden, Unauthorized
from syncline.model.triggers import TriggerRefused
from syncline.runner.supervisor import TaskDied, TaskTimedOut
from syncline.server.auth import CHALLENGE
from syncline.server.logs import note_code
from syncline.service.indexes import IndexInUse
from syncline.service.pushing import NotPushed, PushEmpty, PushRejected, PushTooLarge
from syncline.service.reach import FolderOutOfReach, KindOutOfReach, LinksOutOfReach

MEDIA_TYPE: Final = "application/problem+json"


class RequestError(UsageError):
    """The request cannot be read."""

    code = "request.malformed"
    default_remedy = "Correct the request; /openapi.json describes every one of them."
    status: ClassVar[int] = 400


class BadJson(RequestError):
    """The body is not JSON, or holds something that JSON does not allow, such as NaN."""

    code = "request.json"
    default_remedy = "Send one JSON value in UTF-8."


class BadEncoding(RequestError):
    """The body, the path or the query is not UTF-8, or holds NUL characters or lone surrogates."""

    code = "request.encoding"
    default_remedy = "Send text in UTF-8, without NUL characters and without half characters."


class BadNumber(RequestError):
    """A number is larger than 64 bits can hold."""

    code = "request.number"
    default_remedy = "Send numbers of at most 64 bits."


class TooDeep(RequestError):
    """The JSON of the body is nested too deeply."""

    code = "request.nesting"
    default_remedy = "Nest lists and objects at most 64 deep."


class RequestInvalid(RequestError):
    """Something in the request is missing, unknown or of the wrong kind. `fields` says what is wrong with each."""

    code = "request.invalid"
    default_remedy = "Correct the fields that are named; /openapi.json describes every one of them."
    status = 422


class WrongMediaType(RequestError):
    """The body is of another media type than JSON."""

    code = "request.media_type"
    default_remedy = "Send JSON, with `Content-Type: application/json`."
    status = 415


class TooLarge(RequestError):
    """The body of the request is larger than this server takes."""

    code = "request.too_large"
    default_remedy = "Send less at once."
    status = 413


class NoSuchPath(NotFound):
    """Nothing is served at this path."""

    code = "request.path"
    default_remedy = "See /openapi.json for what is served."
    status: ClassVar[int] = 404


class WrongMethod(RequestError):
    """This path is served, but not with this method. The header Allow names those that are."""

    code = "request.method"
    default_remedy = "Use one of the methods in the header Allow."
    status = 405


class CursorInvalid(RequestError):
    """The cursor was not made by this server, or for another list or other filters."""

    code = "cursor.invalid"
    default_remedy = "Give the `next_cursor` of the page before, with the same filters; or begin without one."


class TokenInvalid(RequestError):
    """The Idempotency-Key cannot be used."""

    code = "idempotency.bad_key"
    default_remedy = "Send 1 to 255 printable ASCII characters."


class TokenMismatch(RequestError):
    """The Idempotency-Key came before, with another request."""

    code = "idempotency.mismatch"
    default_remedy = "Make another key for another request."
    status = 422


class TokenBusy(RequestError):
    """A request with this Idempotency-Key is still at work."""

    code = "idempotency.busy"
    default_remedy = "Send the same request again in a moment."
    status = 409


class Ambiguous(UsageError):
    """Several connectors of the index have a document of that id. `connectors` names them."""

    code = "document.ambiguous"
    default_remedy = "Say which one with the parameter `connector`."
    status: ClassVar[int] = 409


_BY_CODE: Final[Mapping[str, int]] = {
    "not_found": 404,
    "job.active": 409,
    "connector.name_taken": 409,
    "index.name_taken": 409,
    "schedule.name_taken": 409,
    "key.id_taken": 409,
    "key.secret_taken": 409,
    "key.root": 409,
    "webhook.disabled": 409,
    "trigger.disabled": 409,
    "destination.full": 507,
    "store.full": 507,
    "dialect.no_model": 501,
    "source.import_failed": 424,
}
_BY_CLASS: Final[Sequence[tuple[type[SynclineError], int]]] = (
    (Unauthorized, 401),
    (TriggerRefused, 401),
    (Forbidden, 403),
    (FolderOutOfReach, 403),
    (LinksOutOfReach, 403),
    (KindOutOfReach, 403),
    (NotFound, 404),
    (Conflict, 409),
    (JobActive, 409),
    (JobFenced, 409),
    (IllegalTransition, 409),
    (IndexInUse, 409),
    (NotPushed, 409),
    (PushTooLarge, 422),
    (PushEmpty, 422),
    (PushRejected, 422),
    (UsageError, 422),
    (ConfigInvalid, 422),
    (DocumentRejected, 422),
    (CredentialsInvalid, 424),
    (SourceUnavailable, 424),
    (SourceProtocolError, 424),
    (TaskTimedOut, 424),
    (TaskDied, 424),
    (DestinationError, 503),
    (DataDirectoryError, 503),
    (InternalError, 500),
)
_BY_CATEGORY: Final[Mapping[str, int]] = {
    "config": 422,
    "credentials": 424,
    "permission": 403,
    "quota": 429,
    "source": 424,
    "document": 422,
    "destination": 503,
}
RETRY_AFTER_S: Final[Mapping[str, int]] = {
    "idempotency.busy": 1,
    "data_dir.busy": 1,
    "destination.unavailable": 5,
    "store.busy": 1,
    "store.unavailable": 5,
}


def status_of(error: SynclineError) -> int:
    """The HTTP status that an error becomes."""
    if error.code in _BY_CODE:
        return _BY_CODE[error.code]
    own = getattr(error, "status", None)
    if isinstance(own, int):
        return own
    for kind, status in _BY_CLASS:
        if isinstance(error, kind):
            return status
    return _BY_CATEGORY.get(str(error.as_dict().get("category")), 500)


def answer(error: SynclineError, request_id: str, status: int | None = None) -> Response:
    """The problem that tells of it."""
    note_code(error.code)
    status = status or status_of(error)
    told = error.as_dict()
    body = {
        "type": f"urn:syncline:error:{error.code}",
        "title": title_of(error.code),
        "status": status,
        "detail": told.pop("message"),
        "request_id": request_id,
        **{name: value for name, value in told.items() if name not in ("type", "title", "status", "detail")},
    }
    headers = {"cache-control": "no-store"}
    if isinstance(error, Unauthorized):
        headers["www-authenticate"] = CHALLENGE
    if error.code in RETRY_AFTER_S or status == 503:
        headers["retry-after"] = str(RETRY_AFTER_S.get(error.code, 1))
    return Response(encoded(body), status, headers, MEDIA_TYPE)


def title_of(code: str) -> str:
    """What is said of every problem with that code."""
    return code.replace(".", ": ", 1).replace("_", " ").capitalize()


def encoded(value: Any) -> bytes:
    """JSON in UTF-8. A lone surrogate, which UTF-8 cannot hold, is written as an escape."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=str).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"), allow_nan=False, default=str).encode()


# --- what is wrong with a request, in words -----------------------------------------------------------------------


_WORDS: Final[Mapping[str, str]] = {
    "missing": "is missing",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be text",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "literal_error": "must be {expected}",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be at most {le}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_long": "must have at most {max_length} entries",
    "too_short": "must have at least {min_length} entries",
    "string_pattern_mismatch": "must match the pattern {pattern}",
}


def invalid(faults: Sequence[Mapping[str, Any]], model: Any = None) -> RequestInvalid:
    """What pydantic found wrong, as one error. `model` is that of the body, for suggestions."""
    fields: dict[str, str] = {}
    for fault in faults:
        where, *path = [part for part in fault["loc"] if not str(part).startswith(("function-", "constrained-"))]
        name = ".".join(str(part) for part in path) or str(where)
        fields.setdefault(name, _in_words(fault, _siblings(model, path) if where == "body" else ()))
    told = "; ".join(f"{name} {words}" for name, words in list(fields.items())[:5])
    return RequestInvalid(f"the request is wrong: {told}", fields=fields)


def _in_words(fault: Mapping[str, Any], known: Sequence[str]) -> str:
    if fault["type"] == "extra_forbidden":
        return f"is not a field here{near(str(fault['loc'][-1]), known)}"
    if fault["type"] in _WORDS:
        return _WORDS[fault["type"]].format(**fault.get("ctx", {}))
    words = str(fault["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return words.replace("Input should", "should", 1)


def near(word: str, known: Sequence[str]) -> str:
    """A question to append, such as "; did you mean 'limit'?"; or what there is; or ""."""
    from difflib import get_close_matches

    matches = get_close_matches(word, known, n=1)
    if matches:
        return f"; did you mean {matches[0]!r}?"
    return f"; there are {', '.join(known)}" if known else ""


def _siblings(model: Any, path: Sequence[Any]) -> list[str]:
    """Names of the fields beside the last part of the path."""
    for part in path[:-1]:
        field = getattr(model, "model_fields", {}).get(part)
        model = model if field is None else next(models_in(field.annotation), None)
    return list(getattr(model, "model_fields", {}))


def models_in(annotation: Any) -> Iterator[Any]:
    """Every pydantic model that an annotation names."""
    from typing import get_args

    if hasattr(annotation, "model_fields"):
        yield annotation
    for part in get_args(annotation):
        yield from models_in(part)
