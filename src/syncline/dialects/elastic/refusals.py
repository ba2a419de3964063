"""How this dialect says no: a status, a type that clients look at, and a reason for people.

    {"error": {"root_cause": [{"type", "reason"}], "type", "reason", ...}, "status"}

Some refusals come from before anything is understood and have a text in the place of the object.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from syncline.model.errors import (
    ConfigInvalid,
    Conflict,
    CredentialsInvalid,
    DestinationError,
    DocumentRejected,
    JobActive,
    NotFound,
    SourceUnavailable,
    SynclineError,
    UsageError,
)
from syncline.model.keys import Forbidden, Unauthorized

CHALLENGES: Final = ('Basic realm="security", charset="UTF-8"', "ApiKey", 'Bearer realm="security"')


class Refused(Exception):
    """An answer that is an error. `more` are further members of the error ("index", "caused_by" …)."""

    def __init__(
        self, status: int, type: str, reason: str, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.type = type
        self.reason = reason
        self.headers = dict(headers or {})
        self.more = more

    def body(self) -> dict[str, Any]:
        """The answer's body."""
        cause = {"type": self.type, "reason": self.reason, **self.more}
        root = {name: value for name, value in cause.items() if name != "caused_by"}
        return {"error": {"root_cause": [root], **cause}, "status": self.status}


class RefusedPlainly(Refused):
    """An error that is only a text; `bare` leaves out the status."""

    def __init__(
        self, status: int, reason: str, *, headers: Mapping[str, str] | None = None, bare: bool = False
    ) -> None:
        super().__init__(status, "", reason, headers=headers)
        self._bare = bare

    def body(self) -> dict[str, Any]:
        """The answer's body."""
        return {"error": self.reason} if self._bare else {"error": self.reason, "status": self.status}


def invalid(*texts: str) -> Refused:
    """A rule of the request is broken; each text names one."""
    told = "".join(f"{number}: {text};" for number, text in enumerate(texts, 1))
    return Refused(400, "action_request_validation_exception", f"Validation Failed: {told}")


def illegal(reason: str) -> Refused:
    """An argument makes no sense."""
    return Refused(400, "illegal_argument_exception", reason)


def unparsable(reason: str, cause: str = "") -> Refused:
    """The body cannot be understood; `cause` is what was wrong inside of the field that the reason names."""
    more = {"caused_by": {"type": "illegal_argument_exception", "reason": cause}} if cause else {}
    return Refused(400, "x_content_parse_exception", reason, **more)


def against_rule(reason: str, status: int = 400) -> Refused:
    """It is understood, and may not be done now."""
    return Refused(status, "status_exception", reason)


def absent(reason: str) -> Refused:
    """What is named does not exist."""
    return Refused(404, "resource_not_found_exception", reason)


def unauthenticated(path: str, sent: bool) -> Refused:
    """No key came with the request, or (`sent`) none that is known."""
    what = "unable to authenticate with the credentials given" if sent else "missing authentication credentials"
    return Refused(
        401,
        "security_exception",
        f"{what} for REST request [{path}]",
        headers={"www-authenticate": ", ".join(CHALLENGES)},
        header={"WWW-Authenticate": list(CHALLENGES)},
    )


def forbidden(reason: str) -> Refused:
    """The key is known and may not."""
    return Refused(403, "security_exception", reason)


_TYPES: Final[tuple[tuple[type[SynclineError], int, str], ...]] = (
    (Unauthorized, 401, "security_exception"),
    (Forbidden, 403, "security_exception"),
    (NotFound, 404, "resource_not_found_exception"),
    (Conflict, 409, "version_conflict_engine_exception"),
    (JobActive, 409, "status_exception"),
    (UsageError, 400, "illegal_argument_exception"),
    (ConfigInvalid, 400, "illegal_argument_exception"),
    (CredentialsInvalid, 400, "illegal_argument_exception"),
    (DocumentRejected, 400, "document_parsing_exception"),
    (SourceUnavailable, 400, "status_exception"),
    (DestinationError, 503, "unavailable_shards_exception"),
)


def translated(error: SynclineError) -> Refused:
    """An error of the family in this dialect's words."""
    for kind, status, type in _TYPES:
        if isinstance(error, kind):
            return Refused(status, type, error.message)
    if error.category.value == "permission":
        return Refused(403, "security_exception", error.message)
    return Refused(500, "exception", error.message)
