"""Plain XML: the text of its elements, one line for each; attributes only when there is no other text."""

from __future__ import annotations

from syncline.transforms.readers.markup import LocalNames, walk
from syncline.transforms.readers.reading import Trouble

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncline.transforms.readers.reading import Reading


def read(content: bytes, reading: Reading) -> None:
    """The text of the elements. What is not well-formed is taken as plain text, with a warning."""
    source: bytes | str = content
    try:
        _Elements(reading).read(source)
    except Trouble as trouble:
        if trouble.code != "extract.damaged":
            raise
        _as_it_stands(content, reading)
    if not reading.parts:
        _Elements(reading, attributes=True).read(content)


def _as_it_stands(content: bytes, reading: Reading) -> None:
    """An encoding that expat does not know is tried again, decoded; the rest is indexed with its tags."""
    from syncline.transforms.readers.charset import decode

    declared = declared_encoding(content)
    text, _ = decode(content, declared)
    reading.clear()
    try:
        if not declared:
            raise Trouble("extract.damaged", "")
        _Elements(reading).read(text)
    except Trouble:
        reading.clear()
        reading.warn("extract.invalid", "not well-formed XML; indexed as plain text")
        reading.add(text)


def declared_encoding(content: bytes) -> str:
    """What `<?xml … encoding="…"?>` says; "" when it says nothing."""
    head = content[:200].decode("ascii", "replace").partition("?>")[0]
    if not head.startswith("<?xml"):
        return ""
    value = head.partition("encoding")[2].lstrip(" =")
    return value[1:].partition(value[:1])[0] if value[:1] in ("'", '"') else ""


class _Elements:
    def __init__(self, reading: Reading, *, attributes: bool = False) -> None:
        self._reading = reading
        self._attributes = attributes
        self._parts: list[str] = []
        self._local = LocalNames()

    def read(self, source: bytes | str) -> None:
        walk([source], self._start, self._end, self._parts.append)

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        self._flush()
        if self._attributes:
            for key, value in attributes.items():
                if value.strip() and not key.startswith("xmlns"):
                    self._reading.add(f"{self._local[name]} {self._local[key]}: {value}\n")

    def _end(self, name: str) -> None:
        line = self._flush()
        if line and self._local[name] == "title":
            self._reading.entitle(line)

    def _flush(self) -> str:
        line = " ".join("".join(self._parts).split())
        self._parts.clear()
        if line:
            self._reading.add(line + "\n")
        return line
