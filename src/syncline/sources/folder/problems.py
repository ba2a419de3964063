"""What went wrong, in the words of the error family."""

from __future__ import annotations

import errno

from syncline.model.errors import ConfigInvalid, DocumentRejected, SourceUnavailable
from syncline.model.news import Refused, Unlisted
from syncline.sources.folder.names import id_of

NOT_THERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EMLINK, errno.ENXIO})
"""Opening or looking at a file fails so when it is gone, or when something else stands in its place."""

_DENIED = frozenset({errno.EACCES, errno.EPERM})
_AWAY = frozenset({errno.ESTALE, errno.ENOTCONN, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ETIMEDOUT, errno.ENODEV})


def root_missing(path: str) -> SourceUnavailable:
    """The folder itself is not there."""
    return SourceUnavailable(
        f"The folder {id_of(path)} does not exist.",
        code="source.root_missing",
        remedy="Create it, mount what it lies on, or correct the connector's path.",
    )


def root_unreadable(path: str, error: OSError) -> SourceUnavailable:
    """The folder itself is there and cannot be read."""
    return SourceUnavailable(
        f"The folder {id_of(path)} cannot be read: {_reason(error)}.",
        code="source.root_unreadable",
        remedy=_remedy(error),
    )


def root_replaced(path: str) -> SourceUnavailable:
    """Another folder stands under that path than the one we began with: what we saw proves nothing."""
    return SourceUnavailable(
        f"The folder {id_of(path)} was replaced or unmounted while it was being read.",
        code="source.root_replaced",
        remedy="Run the job again when the folder stays in its place.",
    )


def not_a_folder(path: str) -> ConfigInvalid:
    """The connector's path is a file."""
    return ConfigInvalid(
        f"{id_of(path)} is not a folder.",
        code="config.not_a_folder",
        remedy="Give the folder the file is in, and name the file in `include`.",
    )


def folder_unreadable(prefix: str, error: OSError) -> Unlisted:
    """A folder under the root cannot be listed; `prefix` is its id with "/", or the id of what may be one."""
    reason = _reason(error)
    message = f"{prefix.removesuffix('/')} cannot be listed: {reason}."
    return Unlisted(prefix, SourceUnavailable(message, code="source.folder_unreadable", remedy=_remedy(error)))


def ignore_file_unreadable(prefix: str, name: str, error: OSError) -> Unlisted:
    """The rules of a folder cannot be read, so that nobody knows what it may show."""
    unread = SourceUnavailable(
        f"The rules in {prefix}{name} cannot be read: {_reason(error)}. Nothing in that folder is taken without them.",
        code="source.ignore_file_unreadable",
        remedy=_remedy(error),
    )
    return Unlisted(prefix, unread)


def folder_unmounted(prefix: str) -> Unlisted:
    """Something was mounted there at the last listing, and is not now."""
    error = SourceUnavailable(
        f"What was mounted on {prefix.removesuffix('/')} is not mounted now; its documents are left as they are.",
        code="source.unmounted",
        remedy=f"Mount it again. If it is gone for good, run one job with {prefix} among the connector's `exclude`.",
    )
    return Unlisted(prefix, error)


def path_too_long(prefix: str) -> Unlisted:
    """Ids under `prefix` would be longer than an id may be."""
    error = SourceUnavailable(
        f"Files under {prefix[:60]}… have paths of more than 4096 bytes and cannot be documents.",
        code="source.path_too_long",
        remedy="Shorten the path, start the connector further down, or exclude the folder.",
    )
    return Unlisted(prefix, error)


def document_unreadable(id: str, error: OSError) -> Refused:
    """One file is there and cannot be read."""
    message = f"The file cannot be read: {_reason(error)}."
    return Refused(id, DocumentRejected(message, code="document.unreadable", remedy=_remedy(error)))


def document_unmounted(id: str) -> Refused:
    """One file cannot be found because what it lay on is not mounted any more."""
    message = "The file cannot be read: what its folder lay on is not mounted any more."
    return Refused(id, DocumentRejected(message, code="document.unreadable", remedy="Mount it and run the job again."))


def document_too_large(id: str, size: int, limit: int) -> Refused:
    """One file is larger than the settings allow, and a part of it would be of no use."""
    error = DocumentRejected(
        f"The file has {size} bytes, more than max_file_bytes = {limit}.",
        code="document.too_large",
        remedy="Raise the connector's max_file_bytes, or exclude the file.",
    )
    return Refused(id, error)


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _remedy(error: OSError) -> str:
    if error.errno in _DENIED:
        return "Let the user that runs Syncline read it, or exclude it."
    if error.errno in _AWAY:
        return "Mount the file system again and run the job again."
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return "Allow more open files (ulimit -n)."
    if error.errno == errno.EIO:
        return "Check the disk or the network mount it lies on, or exclude it."
    return "See that it can be read, or exclude it."
