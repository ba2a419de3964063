"""The bodies of files that a listing named.

A body and its version belong together only if the file stood still while it was read: looked at before, looked at
after, the same both times. A file that does not stand still is taken as it was read last, without a version, so
that the next job reads it again.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from syncline.model.documents import Document
from syncline.model.news import Entry, Fetched, Gone
from syncline.sources.folder import problems
from syncline.sources.folder.descent import Descent
from syncline.sources.folder.files import FILE_FLAGS, NO_LINKS, Files
from syncline.sources.folder.names import name_of, path_of
from syncline.sources.folder.root import Place, Root
from syncline.sources.folder.versions import COARSE_NS, is_settled, version_of

TRIES: Final = 3
SMALL: Final = 64 << 10  # read at once, without asking for the size first
_FORMAT: Final = 0o170000
_REGULAR: Final = stat.S_IFREG

# fmt: off
TEXT: Final = frozenset({
    "txt", "text", "md", "markdown", "mdx", "rst", "adoc", "asciidoc", "org", "tex", "log", "csv", "tsv", "json",
    "jsonl", "ndjson", "geojson", "xml", "html", "htm", "xhtml", "yaml", "yml", "toml", "ini", "cfg", "conf",
    "properties", "env", "sql", "py", "pyi", "js", "mjs", "ts", "tsx", "jsx", "css", "scss", "java", "kt", "c", "h",
    "cc", "cpp", "hpp", "cs", "go", "rs", "rb", "php", "pl", "sh", "bash", "zsh", "ps1", "r", "jl", "lua", "swift",
    "scala", "diff", "patch", "eml", "mbox", "vtt", "srt",
})
# fmt: on
"""Extensions of files whose beginning is of use without their end."""


class Reader:
    """Reads files under one opened root."""

    def __init__(
        self,
        root: Root,
        files: Files,
        descent: Descent,
        place: Place,
        *,
        follow: bool,
        max_bytes: int,
        clock_ns: Callable[[], int],
    ) -> None:
        self._root = root
        self._files = files
        self._descent = descent
        self._place = place
        self._flags = FILE_FLAGS if follow else FILE_FLAGS | NO_LINKS
        self._max_bytes = max_bytes
        self._clock_ns = clock_ns
        self._youngest = 0

    def read(self, entries: Sequence[Entry]) -> Iterator[Fetched]:
        """One answer for each. Raises SourceUnavailable when the root itself has gone."""
        inside: str | None = None
        here = -1
        self._youngest = self._clock_ns() - COARSE_NS
        for entry in entries:
            folder, _, name = entry.id.rpartition("/")
            try:
                if folder != inside:
                    here = self._descent.enter(path_of(folder))
                    inside = folder
                answer = self._unmoved(entry, folder, name, here) or self._document(entry.id, folder, name, here)
            except OSError as error:
                inside = None
                if error.errno in problems.NOT_THERE:
                    answer = self._missing(entry, path_of(folder))
                else:
                    answer = problems.document_unreadable(entry.id, error)
            except ValueError:  # a null character: no id of ours
                inside = None
                answer = Gone(entry.id)
            yield answer

    def _missing(self, entry: Entry, folder: str) -> Fetched:
        """It is gone; unless what it lay on is. `entry.token` is the device its folder was on when it was listed."""
        self._root.prove(self._place)
        if entry.token is None or self._device(folder) == entry.token:
            return Gone(entry.id)
        return problems.document_unmounted(entry.id)

    def _device(self, folder: str) -> int:
        """Device of `folder`, or of the nearest folder above it that is still there."""
        while folder:
            try:
                return self._files.fstat(self._descent.enter(folder)).st_dev
            except OSError:
                folder = folder.rpartition("/")[0]
        return self._place.device

    # --- one file ----------------------------------------------------------------------------------------------------

    def _unmoved(self, entry: Entry, folder: str, name: str, here: int) -> Document | None:
        """A small file that still is what was listed, nearly every file nearly always; None when it may not be. One
        look is enough: its version had settled when it was listed, and is the same after the body was read."""
        if entry.version is None:
            return None
        files = self._files
        descriptor = files.open(name_of(path_of(name)), self._flags, dir_fd=here)
        try:
            content = files.read(descriptor, SMALL)
            status = files.fstat(descriptor)
        finally:
            files.close(descriptor)
        if len(content) != status.st_size or len(content) > self._max_bytes or version_of(status) != entry.version:
            return None
        metadata = {"folder": folder, "extension": _extension(name)}
        return Document(entry.id, content, metadata=metadata, version=entry.version)

    def _document(self, id: str, folder: str, name: str, here: int) -> Fetched:
        """The file `name`, as an id has it, in the open folder `here`. Raises OSError."""
        metadata = {"folder": folder, "extension": _extension(name)}
        path = name_of(path_of(name))
        for _ in range(TRIES):
            descriptor = self._files.open(path, self._flags, dir_fd=here)
            try:
                before = self._files.fstat(descriptor)
                if before.st_mode & _FORMAT != _REGULAR:
                    return Gone(id)
                if before.st_size > self._max_bytes and metadata["extension"] not in TEXT:
                    return problems.document_too_large(id, before.st_size, self._max_bytes)
                settled = self._is_settled(before)
                content = self._content(descriptor, before.st_size)
                after = self._files.fstat(descriptor)
            finally:
                self._files.close(descriptor)
            if still := _stood_still(before, after):
                break
        version = version_of(before) if still and settled else None
        if len(content) > self._max_bytes:
            return self._cut(id, content, metadata, after.st_size, version)
        if len(content) != before.st_size:  # as in /proc, where sizes say nothing
            version = None
        return Document(id, content, metadata=metadata, version=version)

    def _is_settled(self, status: os.stat_result) -> bool:
        if status.st_mtime_ns < self._youngest and status.st_ctime_ns < self._youngest:
            return True
        return is_settled(status, self._clock_ns())

    def _content(self, descriptor: int, size: int) -> bytes:
        """All of it, or one byte more than we may take."""
        most = self._max_bytes + 1
        content = self._files.read(descriptor, size + 1 if size < most else most)
        if len(content) == size:
            return content
        parts = [content]
        left = most - len(content)
        while left and (content := self._files.read(descriptor, left)):
            parts.append(content)
            left -= len(content)
        return b"".join(parts)

    def _cut(self, id: str, content: bytes, metadata: dict[str, Any], size: int, version: str | None) -> Fetched:
        size = max(size, len(content))
        if metadata["extension"] not in TEXT:
            return problems.document_too_large(id, size, self._max_bytes)
        content = _without_torn_character(content[: self._max_bytes])
        message = f"The file has {size} bytes; the first {len(content)} were taken (max_file_bytes)."
        return Document(id, content, metadata=metadata, version=version, warning=("document.cut", message))


def _stood_still(before: os.stat_result, after: os.stat_result) -> bool:
    return (
        before.st_mtime_ns == after.st_mtime_ns
        and before.st_ctime_ns == after.st_ctime_ns
        and before.st_size == after.st_size
    )


def _extension(name: str) -> str:
    """What follows the last dot of the name, in lower case; "" when nothing but dots comes before it."""
    stem, _, extension = name.rpartition(".")
    return extension.lower() if stem.strip(".") else ""


def _without_torn_character(content: bytes) -> bytes:
    """Without the beginning of a UTF-8 character whose end was cut off."""
    for back, byte in enumerate(reversed(content[-3:]), start=1):
        if byte < 0x80:
            break
        if byte >= 0xC0:
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return content[:-back] if back < length else content
    return content
