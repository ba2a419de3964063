"""Reading YAML strictly: plain values, and where in the file each of them stands.

    bytes ──UTF-8──▶ text ──events──▶ nodes ──merge keys, aliases, duplicate keys──▶ values + places

Scalars are read as the core schema of YAML 1.2 means them, not as YAML 1.1 did: only `true` and `false` are booleans,
only decimal digits are numbers, and dates, `on`, `yes`, `12:30` and `0123` are text. Keys are always text. An alias may
repeat what is there, but what it unfolds to is counted, so that a small file cannot become a large one.

Errors are collected: whoever wrote the file sees all of them, each with line and column. A syntax error is the last.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import yaml

from syncline.model.errors import ConfigInvalid, NotFound

NAMES: Final = ("syncline.yaml", "syncline.yml")
MAX_BYTES: Final = 4 << 20
MAX_NODES: Final = 200_000
MAX_DEPTH: Final = 64
MAX_TOLD: Final = 50  # faults that are shown; nobody reads more at once

Path = tuple[str | int, ...]

_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+][0-9]+)?")
_WORDS: Final = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_TAG = "tag:yaml.org,2002:"
_TAGS: Final[dict[str, str]] = {f"{_TAG}{name}": name for name in ("str", "int", "float", "bool", "null", "seq", "map")}


class Place(NamedTuple):
    """A position in the file; lines and columns count from 1."""

    line: int
    column: int


class Fault(NamedTuple):
    """One thing that is wrong. `path` names the value: "connectors.handbook.guard"; empty: the file as a whole."""

    line: int
    column: int
    path: str
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        where = f"{self.line}:{self.column}" + (f" {self.path}" if self.path else "")
        stop = "" if self.message.endswith((".", "?")) else "."
        return f"{where}: {self.message}" + (f"{stop} {self.remedy}" if self.remedy else "")


class DeclarationInvalid(ConfigInvalid):
    """A declaration cannot be taken. `details["faults"]` holds every fault that was found, with line and column."""

    code = "declaration.invalid"
    default_remedy = "Correct the file; nothing has been changed. docs/declaring.md shows what can be declared."

    @classmethod
    def of(cls, file: str, faults: Iterable[Fault]) -> DeclarationInvalid:
        """The error that tells of them, in the order of the file."""
        found = sorted(set(faults))
        lines = [f"{file}:{fault}" for fault in found[:MAX_TOLD]]
        if len(found) > MAX_TOLD:
            lines.append(f"and {len(found) - MAX_TOLD} more")
        head = f"{file} is wrong in {len(found)} places" if len(found) > 1 else f"{file} is wrong"
        told = [{**fault._asdict()} for fault in found[:MAX_TOLD]]
        return cls("\n".join([f"{head}:", *lines]), file=file, faults=told)


@dataclass(slots=True)
class Yaml:
    """A file that was read.

    name    as it was given, for messages.      folder  absolute; what relative paths in it count from.
    values  plain values: dict, list, str, int, float, bool, None.
    places  where each value begins, by path;   keys    where its key does, if it has one.
    faults  what was wrong and did not keep the rest from being read.
    """

    name: str
    folder: str
    values: Any
    places: dict[Path, Place] = field(default_factory=dict)
    keys: dict[Path, Place] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def place(self, path: Path) -> Place:
        """Where the value stands, or the nearest one around it."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.places:
                return self.places[path[:end]]
        return Place(1, 1)

    def fault(self, path: Path, message: str, remedy: str = "", *, at_key: bool = False) -> Fault:
        """One that concerns the value at `path`, or its key."""
        place = self.keys.get(path) if at_key else None
        return Fault(*(place or self.place(path)), dotted(path), message, remedy)


def dotted(path: Path) -> str:
    """("connectors", "a", "schedule", 0) as "connectors.a.schedule[0]"."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


# --- the file ---------------------------------------------------------------------------------------------------------


def found_at(path: str | None, cwd: str) -> str:
    """The file that is meant: `path`, or the one that lies in `cwd`. "-" is standard input. Raises NotFound."""
    if path == "-":
        return path
    names = NAMES if path is None else (path,)
    for name in names:
        if os.path.exists(os.path.join(cwd, name)):
            return name
    what = f"there is no {names[0]} in {cwd}" if path is None else f"there is no file {path}"
    raise NotFound(what, remedy="Name the file with -f, or make one with `syncline apply --export > syncline.yaml`.")


def read_file(path: str) -> Yaml:
    """The file of that name, "-" for standard input. Raises NotFound, DeclarationInvalid."""
    if path == "-":
        return read_bytes(sys.stdin.buffer.read(MAX_BYTES + 1), "(stdin)", os.getcwd())
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise NotFound(f"there is no file {path}", remedy="Check the path.") from None
    except OSError as error:
        raise DeclarationInvalid(f"{path} cannot be read: {error.strerror}", remedy="Check the path.") from error
    return read_bytes(data, path, os.path.dirname(os.path.abspath(path)))


def read_bytes(data: bytes, name: str, folder: str) -> Yaml:
    """What the file `name` of `folder` holds. Raises DeclarationInvalid when it is no YAML at all."""
    if len(data) > MAX_BYTES:
        raise DeclarationInvalid(f"{name} is larger than {MAX_BYTES >> 20} MiB", remedy="Declare in several files.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        fault = Fault(before.count(b"\n") + 1, column, "", f"is not UTF-8: byte 0x{data[error.start]:02x}")
        raise DeclarationInvalid.of(name, [fault._replace(remedy="Save the file as UTF-8.")]) from None
    builder = _Builder(name)
    root = builder.build(text)
    read = Yaml(name, folder, None, faults=builder.faults)
    read.values = _Unfolding(read).value(root, ())
    return read


# --- from events to nodes ---------------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class _Node:
    """A scalar, or a collection of (key, value) pairs; the keys of a sequence are None."""

    place: Place
    scalar: Any = None
    items: list[tuple[_Node | None, _Node]] | None = None
    is_map: bool = False
    text: str = ""
    open: bool = False
    plain: bool = False


class _Builder:
    """Events in order, one open collection inside the other. No recursion: a file cannot exhaust the stack."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.faults: list[Fault] = []
        self._anchors: dict[str, _Node] = {}
        self._open: list[_Node] = []
        self._keys: list[_Node | None] = []
        self._root: _Node | None = None

    def build(self, text: str) -> _Node:
        """The root. Raises DeclarationInvalid at a syntax error, with everything that was found before it."""
        try:
            for count, event in enumerate(yaml.parse(text, Loader=yaml.CSafeLoader)):
                if count > 2 * MAX_NODES:
                    raise self._stop(event, "holds more values than anybody declares", "Declare in several files.")
                self._take(event)
        except yaml.MarkedYAMLError as error:
            raise DeclarationInvalid.of(self.name, [*self.faults, _syntax(error)]) from None
        except yaml.reader.ReaderError:
            raise DeclarationInvalid.of(self.name, [*self.faults, _character(text)]) from None
        return self._root or _Node(Place(1, 1))

    def _take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.DocumentStartEvent):
            if self._root is not None:
                raise self._stop(event, "is a second document", "Declare everything in one, without `---` in between.")
        elif isinstance(event, yaml.AliasEvent):
            self._place(self._aliased(event))
        elif isinstance(event, yaml.ScalarEvent):
            self._place(self._named(event, self._scalar(event)))
        elif isinstance(event, yaml.CollectionStartEvent):
            self._begin(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._open.pop().open = False
            self._keys.pop()

    def _begin(self, event: yaml.CollectionStartEvent) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise self._stop(event, f"is nested more than {MAX_DEPTH} deep")
        is_map = isinstance(event, yaml.MappingStartEvent)
        node = _Node(_place_of(event), items=[], is_map=is_map, open=True)
        if event.tag not in (None, "!", f"{_TAG}{'map' if is_map else 'seq'}"):
            self._bad_tag(event)
        self._place(self._named(event, node))
        self._open.append(node)
        self._keys.append(None)

    def _place(self, node: _Node) -> None:
        """Put it into the collection that is open: as the value of the key that waits, or as a key."""
        if not self._open:
            self._root = node
            return
        above = self._open[-1]
        assert above.items is not None
        if not above.is_map:
            above.items.append((None, node))
        elif self._keys[-1] is None:
            self._keys[-1] = node
        else:
            above.items.append((self._keys[-1], node))
            self._keys[-1] = None

    def _named(self, event: yaml.NodeEvent, node: _Node) -> _Node:
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _aliased(self, event: yaml.AliasEvent) -> _Node:
        node = self._anchors.get(event.anchor or "")
        if node is None:
            raise self._stop(event, f"there is no anchor &{event.anchor} above")
        if node.open:
            raise self._stop(event, f"*{event.anchor} stands inside of what it repeats")
        return node

    def _scalar(self, event: yaml.ScalarEvent) -> _Node:
        plain = event.implicit[0] and not event.style
        node = _Node(_place_of(event), text=event.value, plain=plain)
        kind = "" if event.tag in (None, "!") else _TAGS.get(event.tag, "?")
        if kind == "?" or kind in ("seq", "map"):
            self._bad_tag(event)
        node.scalar = plain_value(event.value) if plain or kind not in ("", "str") else event.value
        return node

    def _bad_tag(self, event: Any) -> None:
        tag = str(event.tag).replace(_TAG, "!!")
        remedy = "Leave it out. Values from outside are written ${NAME} or ${file:PATH}."
        self.faults.append(Fault(*_place_of(event), "", f"the tag {tag} is not known here", remedy))

    def _stop(self, event: yaml.Event, message: str, remedy: str = "") -> DeclarationInvalid:
        return DeclarationInvalid.of(self.name, [*self.faults, Fault(*_place_of(event), "", message, remedy)])


def plain_value(text: str) -> Any:
    """What a scalar without quotes means: None, a boolean, a number, or text."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text) if len(text) < 20 else text
    return float(text) if _FLOAT.fullmatch(text) else text


def _place_of(event: Any) -> Place:
    return Place(event.start_mark.line + 1, event.start_mark.column + 1)


_HINTS: Final = (
    ("cannot start any token", "Quote the text if it begins with @, ` or %, and indent with blanks instead of tabs."),
    ("mapping values are not allowed", "Quote the text if it holds a colon and a blank; check the indentation."),
    ("expected <block end>", "Check the indentation: what belongs together begins in the same column."),
    ("could not find expected ':'", "Is a colon missing?"),
    ("expected ',' or '}'", 'Between { and }, quote what holds a brace: "${NAME}".'),
)


def _syntax(error: yaml.MarkedYAMLError) -> Fault:
    mark = error.problem_mark or error.context_mark
    message = str(error.problem or error.context or "is no YAML")
    hint = next((hint for part, hint in _HINTS if part in message), "")
    return Fault(*((mark.line + 1, mark.column + 1) if mark else (1, 1)), "", message, hint)


def _character(text: str) -> Fault:
    at = next((n for n, char in enumerate(text) if not _printable(char)), 0)
    before = text[:at]
    shown = f"U+{ord(text[at]):04X}" if text else "it"
    message = f"the character {shown} may not stand in YAML"
    column = at - before.rfind("\n")
    return Fault(before.count("\n") + 1, column, "", message, 'Write it as an escape in double quotes: "\\x07".')


def _printable(char: str) -> bool:
    return char in "\t\n\r\x85" or "\x20" <= char <= "\x7e" or (char >= "\xa0" and not "\ud800" <= char <= "\udfff")


# --- from nodes to values ---------------------------------------------------------------------------------------------


class _Unfolding:
    """Values of nodes, with the places they stand at. The depth is bounded by MAX_DEPTH for what is written, and by
    MAX_NODES for what aliases repeat."""

    def __init__(self, read: Yaml) -> None:
        self._read = read
        self._left = MAX_NODES

    def value(self, node: _Node, path: Path) -> Any:
        """The value of a node that stands at `path`."""
        self._count(node, path)
        if len(path) > MAX_DEPTH:
            raise self._too_much(node, path)
        self._read.places[path] = node.place
        if node.items is None:
            return node.scalar
        if not node.is_map:
            return [self.value(item, (*path, n)) for n, (_, item) in enumerate(node.items)]
        return self._table(node, path)

    def _table(self, node: _Node, path: Path) -> dict[str, Any]:
        table: dict[str, Any] = {}
        for key, item in self._merged(node, path):
            name = key.text
            self._read.keys[(*path, name)] = key.place
            table[name] = self.value(item, (*path, name))
        return table

    def _merged(self, node: _Node, path: Path, depth: int = 0) -> Iterator[tuple[_Node, _Node]]:
        """The pairs of a mapping and of what it merges (`<<`): its own first, then the first that has the key."""
        if depth > MAX_DEPTH:
            raise self._too_much(node, path)
        own: dict[str, _Node] = {}
        merges: list[_Node] = []
        for key, item in node.items or ():
            assert key is not None
            if key.items is not None:
                self._wrong(key, path, "a key must be text, not a list or a table")
            elif key.plain and key.text == "<<":
                merges.append(item)
            elif key.text in own:
                first = own[key.text].place
                message = f"the key {key.text!r} stands here twice, first in line {first.line}"
                self._wrong(key, (*path, key.text), message, "Remove one of them.")
            else:
                own[key.text] = key
                yield key, item
        for table in self._tables(merges, path):
            for key, item in self._merged(table, path, depth + 1):
                self._count(key, path)
                if key.text not in own:
                    own[key.text] = key
                    yield key, item

    def _tables(self, merges: list[_Node], path: Path) -> Iterator[_Node]:
        """What stands behind `<<`: a table, or a list of tables."""
        for merge in merges:
            for table in [item for _, item in merge.items or ()] if merge.items and not merge.is_map else [merge]:
                self._count(table, path)
                if table.is_map:
                    yield table
                else:
                    self._wrong(
                        table, path, "<< merges tables only", "Let it name an anchor of a table: <<: *defaults."
                    )

    def _count(self, node: _Node, path: Path) -> None:
        self._left -= 1
        if self._left < 0:
            raise self._too_much(node, path)

    def _too_much(self, node: _Node, path: Path) -> DeclarationInvalid:
        fault = Fault(*node.place, dotted(path), "aliases unfold to more than anybody declares", "Write it out.")
        return DeclarationInvalid.of(self._read.name, [*self._read.faults, fault])

    def _wrong(self, node: _Node, path: Path, message: str, remedy: str = "") -> None:
        self._read.faults.append(Fault(*node.place, dotted(path), message, remedy))


def mapped(value: Any, change: Callable[[str, Path], Any], path: Path = ()) -> Any:
    """A copy with `change(text, path)` in place of every text; keys stay."""
    if isinstance(value, dict):
        return {name: mapped(item, change, (*path, name)) for name, item in value.items()}
    if isinstance(value, list):
        return [mapped(item, change, (*path, n)) for n, item in enumerate(value)]
    return change(value, path) if isinstance(value, str) else value
