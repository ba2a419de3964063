"""The directory of the text index: which generation is in force, whether it is whole, and who may write.

    current.json   {"schema": 3, "generation": 7}: replaced in one step, so that a rebuild appears at once or not at all
    g3/            a tantivy index; its meta.json is replaced in one step by each of tantivy's commits
    writer.lock    held (flock) by the one writer; the kernel lets go of it when that process dies

Nothing here needs tantivy, so that asking whether anything is to be done costs no import.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
import os
import struct
import zlib
from typing import Any, NamedTuple

SCHEMA = 3  # raise it whenever an index written before would answer differently; it is then built again

_PARTS = ("idx", "pos", "term", "fast", "fieldnorm", "store")
_FOOTER_MAGIC = 1337


class Stamp(NamedTuple):
    """What a reader compares to see whether anything was committed since. `path` is the generation's directory."""

    path: str
    version: tuple[int, int, int]


class Layout:
    """The files of one text index."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self._pointer = os.path.join(directory, "current.json")
        self._seen: tuple[tuple[int, int, int], str | None] | None = None

    def stamp(self) -> Stamp | None:
        """Two `stat` calls; None when there is no index of our schema."""
        try:
            path = self._current(_version(self._pointer))
            return Stamp(path, _version(os.path.join(path, "meta.json"))) if path else None
        except OSError:
            return None

    def trouble(self) -> str | None:
        """Why the index cannot be used: "missing", "of another version" or "damaged"; None when it can be opened.
        Looks at names only; `intact` reads the bytes."""
        try:
            path = self._current(_version(self._pointer))
        except FileNotFoundError:
            return "missing"
        except OSError:
            return "damaged"
        if path is None:
            return "of another version"
        try:
            return None if _files(path) <= set(os.listdir(path)) else "damaged"
        except (OSError, ValueError, KeyError, TypeError):
            return "damaged"

    def intact(self) -> bool:
        """Whether every file of the index holds the bytes that tantivy wrote. Reads all of it."""
        stamp = self.stamp()
        if stamp is None or self.trouble():
            return False
        return all(_checksum_holds(os.path.join(stamp.path, name)) for name in _files(stamp.path))

    def begin(self) -> str:
        """An empty directory for the next generation. Only for the writer."""
        if self.trouble() == "missing":
            self._remove_all_but(None)
        newest = max(self._generations(), default=0)
        path = os.path.join(self.directory, f"g{newest + 1}")
        os.makedirs(path)
        return path

    def publish(self, path: str) -> None:
        """Put that generation in force, durably, and drop the others. Only for the writer."""
        self._point({"schema": SCHEMA, "generation": int(os.path.basename(path)[1:])})
        self.tidy()

    def tidy(self) -> None:
        """Drop every generation but the one in force, if there is one. Only for the writer."""
        stamp = self.stamp()
        if stamp is not None:
            self._remove_all_but(stamp.path)

    def _remove_all_but(self, kept: str | None) -> None:
        for number in self._generations():
            path = os.path.join(self.directory, f"g{number}")
            if path != kept:
                _remove(path)

    def sweep(self) -> None:
        """Remove what a writer that was killed left in the index in force; tantivy stumbles over it, for it gives the
        same names again. Only for the writer, before tantivy writes."""
        stamp = self.stamp()
        if stamp is not None and not self.trouble():
            for name in set(os.listdir(stamp.path)) - _files(stamp.path):
                if name != "meta.json" and not name.startswith("."):
                    os.unlink(os.path.join(stamp.path, name))

    def condemn(self) -> None:
        """Declare the index in force unusable, so that whoever writes next builds it again."""
        with contextlib.suppress(OSError):
            self._point({})

    def _point(self, content: dict[str, int]) -> None:
        with open(self._pointer + ".new", "w", encoding="ascii") as file:
            json.dump(content, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(self._pointer + ".new", self._pointer)
        _sync_directory(self.directory)

    def _current(self, version: tuple[int, int, int]) -> str | None:
        if self._seen is None or self._seen[0] != version:
            self._seen = (version, self._read_pointer())
        return self._seen[1]

    def _read_pointer(self) -> str | None:
        try:
            with open(self._pointer, encoding="ascii") as file:
                pointer = json.load(file)
            same = pointer["schema"] == SCHEMA
            return os.path.join(self.directory, f"g{int(pointer['generation'])}") if same else None
        except (ValueError, KeyError, TypeError) as error:
            raise OSError(f"{self._pointer} is damaged") from error

    def _generations(self) -> list[int]:
        names = os.listdir(self.directory)
        return [int(name[1:]) for name in names if name[0] == "g" and name[1:].isdecimal()]


class WriterLock:
    """At most one holder over all processes. Released when the holder dies; never waits."""

    def __init__(self, directory: str) -> None:
        self._path = os.path.join(directory, "writer.lock")
        self._file: int | None = None

    def acquire(self) -> bool:
        """Whether it is ours now. Makes the directory. Raises OSError when it cannot be written."""
        os.makedirs(os.path.dirname(self._path), exist_ok=True)
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        except BaseException:
            os.close(file)
            raise
        self._file = file
        return True

    def release(self) -> None:
        """Let go, even where a forked child has inherited the file."""
        if self._file is not None:
            fcntl.flock(self._file, fcntl.LOCK_UN)
            os.close(self._file)
            self._file = None


def merging(path: str) -> bool:
    """Whether tantivy has segments there that it is about to merge, or merging now.
    Source: LogMergePolicy with its defaults: eight segments of about the same size."""
    try:
        segments = _meta(path)["segments"]
    except (OSError, ValueError):
        return False
    sizes = sorted((s["max_doc"] - (s["deletes"] or {}).get("num_deleted_docs", 0) for s in segments), reverse=True)
    level, count = math.inf, 0
    for size in sizes:
        log = math.log2(max(size, 10_000))
        if log < level - 0.75:
            level, count = log, 0
        count += 1
        if count >= 8 and size <= 10_000_000:
            return True
    return False


def _meta(path: str) -> Any:
    with open(os.path.join(path, "meta.json"), encoding="utf-8") as file:
        return json.load(file)


def _files(path: str) -> set[str]:
    """Names of every file the index in `path` consists of, but meta.json."""
    names = set()
    for segment in _meta(path)["segments"]:
        stem = segment["segment_id"].replace("-", "")
        names |= {f"{stem}.{part}" for part in _PARTS}
        if segment["deletes"]:
            names.add(f"{stem}.{segment['deletes']['opstamp']}.del")
    return names


def _checksum_holds(path: str) -> bool:
    """tantivy ends each file with JSON holding the CRC-32 of what is before, its length and a magic number."""
    try:
        with open(path, "rb") as file:
            content = memoryview(file.read())
        length, magic = struct.unpack("<II", content[-8:])
        footer = json.loads(bytes(content[-8 - length : -8]))
        return bool(magic == _FOOTER_MAGIC and footer["crc"] == zlib.crc32(content[: -8 - length]))
    except (OSError, ValueError, KeyError, TypeError, struct.error):
        return False


def _version(path: str) -> tuple[int, int, int]:
    status = os.stat(path)
    return status.st_ino, status.st_mtime_ns, status.st_size


def _remove(path: str) -> None:
    import shutil  # 10 ms that are seldom needed

    shutil.rmtree(path, ignore_errors=True)


def _sync_directory(path: str) -> None:
    directory = os.open(path, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
