"""One listing of the folder, from the root down.

    folder ─▶ names, sorted ─▶ rules ─▶ one stat each ─▶ Page
                                 │          └─ links, sub-folders, special files: `_odd`
                                 └─ Skipped; silence for sub-folders and for what is built in

A folder's files come before its sub-folders, each sorted by name. Nothing is opened but folders and files of rules.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Generator, Iterable, Iterator
from itertools import islice
from operator import attrgetter
from time import monotonic
from typing import Final, NamedTuple

from syncline.model.news import Begin, Complete, Entry, Listed, Page, Skipped
from syncline.sources.folder import problems
from syncline.sources.folder.descent import Descent
from syncline.sources.folder.files import Files
from syncline.sources.folder.mounts import Mounts
from syncline.sources.folder.names import UTF8, id_of, is_plain, text_of
from syncline.sources.folder.root import Place, Root
from syncline.sources.folder.rulefiles import read_rules
from syncline.sources.folder.rules import BUILT_IN_FILES, BUILT_IN_FOLDERS, GIT_IGNORE_FILE, IGNORE_FILE, Scope
from syncline.sources.folder.versions import COARSE_NS, is_settled, version_of
from syncline.sources.folder.visit import Above, DirEntry, Folder, Visit, leads_back, that_fit

PAGE: Final = 1000  # entries that fill a page; a few more when they came together
PAUSE_S: Final = 0.25  # the longest we go on without saying anything
SLAB: Final = 100_000  # names held and sorted at once; a larger folder comes in slabs, each sorted in itself
_CHUNK: Final = 128  # names looked at between two looks at the clock
_READ: Final = 5000  # names read between two looks at the clock

_FORMAT: Final = 0o170000
_REGULAR: Final = stat.S_IFREG
_name_of_entry = attrgetter("name")

News = Generator[Listed, None, None]
Looked = tuple[DirEntry, str, os.stat_result | OSError]


class Orders(NamedTuple):
    """How to list. `hidden` are absolute paths to leave out without a word."""

    scope: Scope
    follow: bool = False
    gitignore: bool = False
    hidden: tuple[str, ...] = ()


class Walk:
    """One listing. `run` may be called once."""

    def __init__(self, root: Root, files: Files, orders: Orders, mounts: Mounts, started_ns: int) -> None:
        self._root = root
        self._files = files
        self._scope = orders.scope
        self._follow = orders.follow
        self._rule_files = (GIT_IGNORE_FILE, IGNORE_FILE) if orders.gitignore else (IGNORE_FILE,)
        self._hidden = {
            id_of(text_of(folder)): BUILT_IN_FILES.union(id_of(text_of(name)) for name in names)
            for folder, names in root.below(orders.hidden).items()
        }
        self._hidden_places = root.places(orders.hidden)
        self._mounts = mounts
        self._started_ns = started_ns
        self._entries: list[Entry] = []
        self._scanned = 0
        self._due = monotonic() + PAUSE_S

    def run(self, descent: Descent, place: Place) -> Iterator[Listed]:
        """Everything there is, then Complete. `descent` and `place` are the root, opened.
        Raises SourceUnavailable when the root cannot be read or is not at the end what it was at the beginning."""
        anchor = f"{place.device}:{place.inode}"
        yield Begin(anchor)
        todo = [Folder("", "", self._scope)]
        while todo:
            folder = todo.pop()
            below: list[Folder] = []
            try:
                yield from self._folder(folder, descent.enter(folder.path), below)
            except OSError as error:
                yield from self._closed(folder, error, place)
            todo += reversed(below)
        if self._entries or self._scanned:
            yield from self._page()
        yield from self._mounts.missing()
        self._root.prove(place)
        yield Complete(anchor=anchor, memory=self._mounts.memory())

    def _closed(self, folder: Folder, error: OSError, place: Place) -> News:
        """A folder that cannot be listed. One that has gone since its parent was listed is no trouble."""
        if not folder.path:
            raise problems.root_unreadable(self._root.path, error) from error
        if error.errno == errno.ENOENT:
            self._root.prove(place)
        else:
            self._mounts.unlisted(folder.prefix)
            yield problems.folder_unreadable(folder.prefix, error)

    def _page(self) -> News:
        page = Page(self._entries, self._scanned)
        self._entries = []
        self._scanned = 0
        yield page
        self._due = monotonic() + PAUSE_S

    def _skip(self, id: str, rule: str, code: str = "filtered.rule") -> Skipped:
        self._scanned += 1
        return Skipped(id, rule, code)

    # --- one folder --------------------------------------------------------------------------------------------------

    def _folder(self, folder: Folder, here: int, below: list[Folder]) -> News:
        place = Place.of(self._files.fstat(here))
        if folder.path and place in self._hidden_places:
            return
        if leads_back(place, folder.above):
            yield self._skip(folder.prefix[:-1], "symbolic link to a folder it lies in", "filtered.symlink_loop")
            return
        if unmounted := self._mounts.meet(folder.prefix, place.device, folder.device):
            yield unmounted
            return
        above = Above(place, folder.above) if self._follow else None
        silent = self._hidden.get(folder.prefix.removesuffix("/"), BUILT_IN_FILES)
        base = folder.path and folder.path + "/"
        visit = Visit(base, folder.prefix, folder.scope, place.device, above, silent, below)
        with self._files.scandir(here) as names:
            slab = list(islice(names, _READ))
            whole = len(slab) < _READ
            if whole:
                slab.sort(key=_name_of_entry)
            else:
                slab, whole = yield from self._slab(names, slab)
            try:
                rules = read_rules(self._files, here, self._rule_files, slab if whole else None, visit.prefix)
            except OSError as error:
                yield from self._without_rules(folder, error)
                return
            visit.scope = visit.scope.with_rules(rules, len(base))
            yield from self._look(visit, slab)
            while not whole:
                slab, whole = yield from self._slab(names, [])
                yield from self._look(visit, slab)
        if visit.too_long:
            self._mounts.unlisted(folder.prefix)
            yield problems.path_too_long(folder.prefix)

    def _slab(
        self, names: Iterator[DirEntry], slab: list[DirEntry]
    ) -> Generator[Listed, None, tuple[list[DirEntry], bool]]:
        """`slab` and the next names, sorted, and whether they are the last."""
        whole = False
        while not whole and len(slab) < SLAB:
            before = len(slab)
            slab += islice(names, _READ)
            whole = len(slab) - before < _READ
            if monotonic() > self._due:
                yield from self._page()
        slab.sort(key=_name_of_entry)
        return slab, whole

    def _look(self, visit: Visit, slab: list[DirEntry]) -> News:
        """Everything in `slab`, which is used up: an entry that was looked at holds its stat as long as it lives."""
        slab.reverse()
        while slab:
            chunk = slab[: -_CHUNK - 1 : -1]
            del slab[-_CHUNK:]
            names = [*map(_name_of_entry, chunk)] if UTF8 else [text_of(entry.name) for entry in chunk]
            if not is_plain("/".join(names)):
                names = [id_of(name) for name in names]
            if visit.is_deep:
                chunk, names = that_fit(visit, chunk, names)
            if not visit.scope.idle:
                chunk, names = yield from self._sift(visit, chunk, names)
            if odd := self._stat(visit, chunk, names):
                yield from self._odd(visit, odd)
            if len(self._entries) >= PAGE or monotonic() > self._due:
                yield from self._page()

    # --- files, by the hundred ---------------------------------------------------------------------------------------

    def _stat(self, visit: Visit, chunk: list[DirEntry], names: list[str]) -> list[Looked]:
        """Make an entry of every regular file; return the rest. Here is where a listing spends its time."""
        odd: list[Looked] = []
        prefix, device, silent = visit.prefix, visit.device, visit.silent
        youngest = self._started_ns - COARSE_NS
        before = len(self._entries)
        append = self._entries.append
        new = tuple.__new__  # `Entry(...)` takes twice as long
        file_format, regular = _FORMAT, _REGULAR
        for entry, name in zip(chunk, names, strict=True):
            if name in silent:
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError as error:
                odd.append((entry, name, error))
                continue
            if status.st_mode & file_format != regular:
                odd.append((entry, name, status))
                continue
            modified, changed = status.st_mtime_ns, status.st_ctime_ns
            if modified < youngest and changed < youngest:
                # `version_of`, written out: a call for each file would cost as much as the rest
                size, inode = status.st_size, status.st_ino
                version: str | None = "%x.%x.%x.%x" % (modified, changed - modified, size, inode)  # noqa: UP031
            else:
                version = self._version(status)
            append(new(Entry, (prefix + name, version, device)))
        self._scanned += len(self._entries) - before
        return odd

    def _version(self, status: os.stat_result) -> str | None:
        return version_of(status) if is_settled(status, self._started_ns) else None

    # --- rules -------------------------------------------------------------------------------------------------------

    def _sift(
        self, visit: Visit, chunk: list[DirEntry], names: list[str]
    ) -> Generator[Listed, None, tuple[list[DirEntry], list[str]]]:
        """What the rules let in. Files they keep out are named; sub-folders are not, nor what is in them."""
        kept: list[DirEntry] = []
        kept_names: list[str] = []
        base, keeps_out, follow = visit.base, visit.scope.keeps_out, self._follow
        for entry, name in zip(chunk, names, strict=True):
            if name in visit.silent:
                continue
            text = entry.name if UTF8 else text_of(entry.name)
            try:
                is_folder = entry.is_dir(follow_symlinks=follow)
            except OSError:
                is_folder = False
            rule = keeps_out(base + text, text, folder=is_folder)
            if rule is None:
                kept.append(entry)
                kept_names.append(name)
            elif is_folder:
                self._mounts.leave_out(f"{visit.prefix}{name}/")
            else:
                yield self._skip(visit.prefix + name, rule)
        return kept, kept_names

    def _without_rules(self, folder: Folder, error: OSError) -> News:
        unlisted = problems.ignore_file_unreadable(folder.prefix, str(error.filename), error)
        if not folder.path:
            raise unlisted.error from error
        self._mounts.unlisted(folder.prefix)
        yield unlisted

    # --- what is not a regular file ----------------------------------------------------------------------------------

    def _odd(self, visit: Visit, odd: Iterable[Looked]) -> News:
        for entry, name, status in odd:
            id = visit.prefix + name
            if isinstance(status, OSError):
                yield from self._unseen(visit, entry, id, status)
            elif not stat.S_ISLNK(status.st_mode):
                yield from self._seen(visit, entry, id, status)
            elif not self._follow:
                yield self._skip(id, "symbolic link", "filtered.symlink")
            else:
                yield from self._linked(visit, entry, id)

    def _seen(self, visit: Visit, entry: DirEntry, id: str, status: os.stat_result) -> News:
        if stat.S_ISDIR(status.st_mode):
            self._add_folder(visit, entry, id)
        elif stat.S_ISREG(status.st_mode):
            self._entries.append(Entry(id, self._version(status), visit.device))
            self._scanned += 1
        else:
            yield self._skip(id, "special file", "filtered.special_file")

    def _linked(self, visit: Visit, entry: DirEntry, id: str) -> News:
        try:
            status = entry.stat()
        except OSError as error:
            if error.errno in problems.NOT_THERE:
                yield self._skip(id, "broken symbolic link", "filtered.broken_symlink")
            else:
                yield problems.folder_unreadable(id, error)
        else:
            yield from self._seen(visit, entry, id, status)

    def _unseen(self, visit: Visit, entry: DirEntry, id: str, error: OSError) -> News:
        """We may not look at it. A file is left to `fetch`, which says why it cannot be read; a folder to its turn."""
        if error.errno == errno.ENOENT:
            return
        if self._is_folder(entry):
            self._add_folder(visit, entry, id)
        elif _is_file(entry):
            self._entries.append(Entry(id, None, visit.device))
            self._scanned += 1
        else:
            yield problems.folder_unreadable(id, error)

    def _add_folder(self, visit: Visit, entry: DirEntry, id: str) -> None:
        text = text_of(entry.name)
        if text not in BUILT_IN_FOLDERS:
            path = visit.base + text
            scope = visit.scope.within(path, text)
            visit.below.append(Folder(path, id + "/", scope, visit.device, visit.above))

    def _is_folder(self, entry: DirEntry) -> bool:
        try:
            return entry.is_dir(follow_symlinks=self._follow)
        except OSError:
            return False


def _is_file(entry: DirEntry) -> bool:
    try:
        return entry.is_file(follow_symlinks=False)
    except OSError:
        return False
