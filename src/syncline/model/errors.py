"""One small family of errors. Each says what it is, who can mend it, and what the engine does about it.

    SynclineError
    ├── UsageError              the caller asked for something impossible       (STOP)
    │   └── NotFound            a named thing does not exist                    (STOP)
    ├── Conflict               somebody else changed it in the meantime         (STOP)
    ├── ConfigInvalid           a connector's settings are wrong                (STOP)
    ├── CredentialsInvalid      a secret is missing, wrong or expired           (STOP)
    ├── SourceUnavailable       the place documents come from cannot be read    (STOP)
    ├── SourceProtocolError     a source broke its contract                     (STOP)
    ├── DocumentRejected        one document cannot be taken                    (SKIP)
    ├── DestinationError        the index cannot be written                     (STOP)
    ├── DataDirectoryError      state on disk is in use, newer or damaged       (STOP)
    ├── JobActive               the connector already has a job                 (STOP)
    ├── JobFenced               a newer attempt has taken the job over          (STOP)
    └── InternalError           our own fault                                   (STOP)

`code` is public and stable; docs/errors.md lists every one of them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar


class Category(StrEnum):
    """What kind of thing went wrong, for grouping and for the dialects."""

    CONFIG = "config"
    CREDENTIALS = "credentials"
    PERMISSION = "permission"
    QUOTA = "quota"
    SOURCE = "source"
    DOCUMENT = "document"
    DESTINATION = "destination"
    INTERNAL = "internal"


class Recovery(StrEnum):
    """What the engine does: pass over one document, try again, or end the job."""

    SKIP = "skip"
    RETRY = "retry"
    STOP = "stop"


class Mender(StrEnum):
    """Who can mend it."""

    YOU = "you"
    SOURCE = "source"
    SYNCLINE = "syncline"


class SynclineError(Exception):
    """Base of the family. `message` is for people and never holds a secret; `remedy` is one imperative line."""

    code: str = "internal"
    category: ClassVar[Category] = Category.INTERNAL
    recovery: ClassVar[Recovery] = Recovery.STOP
    mender: ClassVar[Mender] = Mender.SYNCLINE
    default_remedy: ClassVar[str] = ""

    def __init__(self, message: str, *, code: str | None = None, remedy: str | None = None, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code
        self.remedy = self.default_remedy if remedy is None else remedy
        self.details = details

    def as_dict(self) -> dict[str, Any]:
        """{"code", "category", "message", "remedy", "mender"} plus any details, all JSON-safe strings and numbers."""
        return {
            "code": self.code,
            "category": self.category.value,
            "message": self.message,
            "remedy": self.remedy,
            "mender": self.mender.value,
            **self.details,
        }


class UsageError(SynclineError):
    """The caller asked for something that makes no sense."""

    code = "usage"
    category = Category.CONFIG
    mender = Mender.YOU
    default_remedy = "See `syncline --help`."


class NotFound(UsageError):
    """A connector, job, document or index of that name does not exist."""

    code = "not_found"


class Conflict(SynclineError):
    """Somebody else changed it in the meantime."""

    code = "conflict.revision"
    category = Category.CONFIG
    mender = Mender.YOU
    default_remedy = "Read it again, and repeat the change on what it is now."


class ConfigInvalid(SynclineError):
    """A connector's settings are wrong."""

    code = "config.invalid"
    category = Category.CONFIG
    mender = Mender.YOU
    default_remedy = "Correct the connector's settings and try again."


class CredentialsInvalid(SynclineError):
    """A secret is missing, wrong or expired."""

    code = "credentials.invalid"
    category = Category.CREDENTIALS
    mender = Mender.YOU
    default_remedy = "Give the connector working credentials."


class SourceUnavailable(SynclineError):
    """The place documents come from cannot be read now. Nothing is deleted because of it."""

    code = "source.unavailable"
    category = Category.SOURCE
    mender = Mender.YOU
    default_remedy = "Make the source reachable and run the job again."


class SourceProtocolError(SynclineError):
    """A source broke its contract: it yielded something of the wrong kind or raised an unknown error."""

    code = "source.protocol"
    category = Category.SOURCE
    mender = Mender.SOURCE
    default_remedy = "Run `syncline source test` on the source and correct what it reports."


class DocumentRejected(SynclineError):
    """One document cannot be taken; the job goes on and counts it as failed."""

    code = "document.rejected"
    category = Category.DOCUMENT
    recovery = Recovery.SKIP
    mender = Mender.YOU
    default_remedy = "Correct the document; the next job tries it again."


class DestinationError(SynclineError):
    """The index cannot be written."""

    code = "destination.unavailable"
    category = Category.DESTINATION
    mender = Mender.YOU
    default_remedy = "Check disk space and permissions of the data directory."


class DataDirectoryError(SynclineError):
    """State on disk is in use, of a newer version, or damaged."""

    code = "data_dir.unusable"
    category = Category.CONFIG
    mender = Mender.YOU
    default_remedy = "Choose another directory with --data-dir."


class JobActive(SynclineError):
    """The connector already has an active job. `details["job_id"]` names it."""

    code = "job.active"
    category = Category.CONFIG
    mender = Mender.YOU
    default_remedy = "Wait for it, or stop it with `syncline job stop`."


class JobFenced(SynclineError):
    """A newer attempt owns this connector; this one must not write any more (invariant 2)."""

    code = "job.fenced"
    default_remedy = "Nothing to do: the newer attempt carries on."


class InternalError(SynclineError):
    """Our own fault."""

    code = "internal"
    default_remedy = "Please report this with the job's log."
