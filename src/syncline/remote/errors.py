"""Errors that a server answered with, as errors of the family again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from syncline.model import errors
from syncline.model.errors import Category, Mender, SynclineError


class ServerUnreachable(SynclineError):
    """There is no server at that address, or it does not answer."""

    code = "server.unreachable"
    category = Category.SOURCE
    mender = Mender.YOU
    default_remedy = "Check --server and the network; `syncline serve` starts a server."


class ServerStrange(SynclineError):
    """What answers there is no Syncline server, or one of another age."""

    code = "server.strange"
    category = Category.CONFIG
    mender = Mender.YOU
    default_remedy = "Check --server: it is the address without a path, such as http://127.0.0.1:8484."


_BY_STATUS: Mapping[int, type[SynclineError]] = {404: errors.NotFound, 409: errors.JobActive}
_BY_CATEGORY: Mapping[str, type[SynclineError]] = {
    "credentials": errors.CredentialsInvalid,
    "source": errors.SourceUnavailable,
    "config": errors.UsageError,
    "destination": errors.DestinationError,
}
_OF_THE_ANSWER = frozenset({"type", "title", "status", "detail", "instance"})
_OF_THE_FAMILY = frozenset({"code", "category", "message", "remedy", "mender"})


def of_dict(told: Mapping[str, Any]) -> SynclineError:
    """The same of an error that is told of in an answer (SynclineError.as_dict)."""
    return of_problem(0, {**told, "detail": told.get("message")})


def of_problem(status: int, problem: Mapping[str, Any]) -> SynclineError:
    """The error that a problem document (RFC 9457) tells of."""
    code = str(problem.get("code") or f"server.status_{status}")
    kind = _BY_STATUS.get(status) or _BY_CATEGORY.get(str(problem.get("category")), errors.InternalError)
    if kind is errors.JobActive and code != errors.JobActive.code:
        kind = errors.UsageError
    message = str(problem.get("detail") or problem.get("title") or f"the server answered {status}")
    details = {key: value for key, value in problem.items() if key not in _OF_THE_ANSWER | _OF_THE_FAMILY}
    return kind(message, code=code, remedy=str(problem.get("remedy", "")), **details)
