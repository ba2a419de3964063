"""Slides in the order of the show, each followed by its notes."""

from __future__ import annotations

from syncline.transforms.readers.markup import LocalNames, attribute, walk
from syncline.transforms.readers.package import read_properties, relations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncline.transforms.readers.archive import Archive
    from syncline.transforms.readers.reading import Reading

_TITLES = ("title", "ctrTitle")
_DECORATION = ("sldNum", "dt", "ftr", "hdr", "sldImg")  # placeholders that repeat on every slide


def read(archive: Archive, main: str, reading: Reading) -> None:
    """`main` is the part that lists the slides. `pages` is how many there are."""
    slides = _slides(archive, main)
    reading.note("pages", len(slides))
    read_properties(archive, reading)
    for part in slides:
        slide = _Shapes(reading)
        walk(archive.stream(part), slide.start, slide.end, slide.text)
        for relation in relations(archive, part):
            if relation.kind == "notesSlide" and relation.target in archive:
                notes = _Shapes(reading)
                walk(archive.stream(relation.target), notes.start, notes.end, notes.text)
        reading.add("\n")


def _slides(archive: Archive, main: str) -> list[str]:
    targets = {relation.id: relation.target for relation in relations(archive, main) if relation.kind == "slide"}
    order: list[str] = []

    def start(name: str, attributes: Mapping[str, str]) -> None:
        if name.rpartition(":")[2] == "sldId":
            id = next((value for key, value in attributes.items() if key.endswith(":id")), "")
            if targets.get(id) in archive.members:
                order.append(targets[id])

    walk(archive.stream(main), start)
    return order


class _Shapes:
    """The events of one slide, put together to lines. A table's row is a line, its cells parted by tabs."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._local = LocalNames()
        self._line: list[str] = []
        self._placeholder = ""
        self._in_text = False
        self._cells = 0

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        tag = self._local[name]
        if tag == "t":
            self._in_text = self._placeholder not in _DECORATION
        elif tag == "sp":
            self._placeholder = ""
        elif tag == "ph":
            self._placeholder = attribute(attributes, "type")
        elif tag == "br":
            self._line.append(" " if self._cells else "\n")
        elif tag == "tc":
            self._cells += 1

    def end(self, name: str) -> None:
        tag = self._local[name]
        if tag == "t":
            self._in_text = False
        elif tag == "p":
            if self._cells:
                self._line.append(" ")
            else:
                self._flush()
        elif tag == "tc":
            self._cells -= 1
            self._line.append("\t")
        elif tag == "tr":
            self._flush()
        elif tag == "sp":
            self._placeholder = ""

    def text(self, text: str) -> None:
        if self._in_text:
            self._line.append(text)

    def _flush(self) -> None:
        line = "".join(self._line).strip()
        self._line.clear()
        if line:
            if self._placeholder in _TITLES:
                self._reading.entitle(line)
            self._reading.add(line.replace(" \t", "\t") + "\n")
