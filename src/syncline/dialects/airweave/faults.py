"""What is wrong, as Airweave says it: a status and `{"detail": "..."}`. No shape of ours is ever in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from syncline.model.errors import (
    Conflict,
    CredentialsInvalid,
    DataDirectoryError,
    DestinationError,
    JobActive,
    NotFound,
    SynclineError,
)
from syncline.model.keys import Forbidden, Unauthorized

_BY_CODE: Final[Mapping[str, int]] = {
    "connector.name_taken": 409,
    "index.name_taken": 400,
    "index.in_use": 409,
    "webhook.disabled": 409,
    "llm.not_configured": 503,
    "llm.unavailable": 503,
    "llm.bad_answer": 502,
    "task.timed_out": 502,
    "task.died": 502,
}
_BY_CLASS: Final[Sequence[tuple[type[SynclineError], int]]] = (
    (Unauthorized, 403),
    (Forbidden, 403),
    (NotFound, 404),
    (Conflict, 409),
    (JobActive, 409),
    (CredentialsInvalid, 400),
    (DestinationError, 503),
    (DataDirectoryError, 503),
)
_BY_CATEGORY: Final[Mapping[str, int]] = {
    "config": 422,
    "credentials": 400,
    "permission": 422,
    "quota": 429,
    "source": 502,
    "document": 422,
}


class Fault(Exception):
    """An answer that is an error. `detail` is a text, or what was found wrong with a request, item by item."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        """The answer."""
        return {"detail": self.detail}


class Invalid(Fault):
    """A request that is malformed. Both members that clients know are sent: `errors` and the documented `detail`."""

    def __init__(self, faults: Sequence[tuple[Sequence[str], str, str]]) -> None:
        """`faults` are (place, message, type), the place beginning with "body", "query" or "path"."""
        super().__init__(422, "; ".join(f"{'.'.join(place)}: {message}" for place, message, _ in faults))
        self.faults = faults

    def body(self) -> dict[str, Any]:
        """The answer."""
        return {
            "errors": [{".".join(place): message} for place, message, _ in self.faults],
            "detail": [{"loc": list(place), "msg": message, "type": type} for place, message, type in self.faults],
        }


def fault_of(error: SynclineError) -> Fault:
    """An error of ours, in the form of theirs."""
    status = status_of(error)
    if status == 500:
        return Fault(500, f"Internal Server Error: {type(error).__name__}")
    return Fault(status, said(error), {"retry-after": "1"} if status in (429, 503) else None)


def status_of(error: SynclineError) -> int:
    """Its status; 500 for what is our own fault."""
    if error.code in _BY_CODE:
        return _BY_CODE[error.code]
    for kind, status in _BY_CLASS:
        if isinstance(error, kind):
            return status
    return _BY_CATEGORY.get(str(error.as_dict().get("category")), 500)


def said(error: SynclineError) -> str:
    """What is wrong and what to do, for people."""
    message = error.message[:1].upper() + error.message[1:]
    return f"{message.rstrip('.')}. {error.remedy}".strip() if error.remedy else message
