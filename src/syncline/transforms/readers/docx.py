"""Word documents: paragraphs, tables and text boxes in their order, then notes, comments, headers and footers."""

from __future__ import annotations

from syncline.transforms.readers.markup import LocalNames, attribute, walk
from syncline.transforms.readers.package import read_properties

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncline.transforms.readers.archive import Archive
    from syncline.transforms.readers.reading import Reading

_SKIPPED = frozenset({"pPr", "rPr", "Fallback", "moveFrom", "del", "instrText", "delText", "fldData", "sectPr"})
_MARKS = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "softHyphen": ""}
_NOTES = ("footnotes", "endnotes", "comments")
_TITLES = frozenset({"Title", "Heading1", "Titel", "Titre"})


def read(archive: Archive, main: str, reading: Reading) -> None:
    """`main` is the part with the body. Deleted text, hidden field codes and styles are left out."""
    read_properties(archive, reading)
    body = _Story(reading)
    walk(archive.stream(main), body.start, body.end, body.text)
    folder = main.rpartition("/")[0]
    for name in _NOTES:
        _read_aside(archive, f"{folder}/{name}.xml", reading, set())
    said: set[str] = set()  # headers of the first, the odd and the even pages mostly say the same
    for kind in ("header", "footer"):
        for part in sorted(archive.members):
            if part.startswith(f"{folder}/{kind}") and part.endswith(".xml"):
                _read_aside(archive, part, reading, said)


def _read_aside(archive: Archive, part: str, reading: Reading, said: set[str]) -> None:
    if part in archive:
        story = _Story(reading, said)
        walk(archive.stream(part), story.start, story.end, story.text)


class _Story:
    """The events of one part, put together to lines. A table's row is a line, its cells parted by tabs.
    `said` are lines not to be said again, in a part beside the body; the body (None) may give the title."""

    def __init__(self, reading: Reading, said: set[str] | None = None) -> None:
        self._reading = reading
        self._said = said
        self._local = LocalNames()
        self._line: list[str] = []
        self._skipping = 0
        self._in_text = False
        self._cells = 0
        self._style = ""

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        tag = self._local[name]
        if self._skipping:
            self._skipping += 1
            if tag == "pStyle":
                self._style = attribute(attributes, "val")
        elif tag in _SKIPPED:
            self._skipping = 1
        elif tag == "t":
            self._in_text = True
        elif tag in _MARKS:
            self._line.append(" " if self._cells else _MARKS[tag])
        elif tag == "tc":
            self._cells += 1

    def end(self, name: str) -> None:
        if self._skipping:
            self._skipping -= 1
            return
        tag = self._local[name]
        if tag == "t":
            self._in_text = False
        elif tag == "p":
            self._end_paragraph()
        elif tag == "tc":
            self._cells -= 1
            self._line.append("\t")
        elif tag == "tr" and not self._cells:
            self._flush()

    def text(self, text: str) -> None:
        if self._in_text:
            self._line.append(text)

    def _end_paragraph(self) -> None:
        if self._cells:
            self._line.append(" ")
            return
        if self._said is None and self._style in _TITLES:
            self._reading.entitle("".join(self._line))
        self._style = ""
        self._flush()

    def _flush(self) -> None:
        line = "".join(self._line).strip()
        self._line.clear()
        if line and (self._said is None or line not in self._said):
            if self._said is not None:
                self._said.add(line)
            self._reading.add(line.replace(" \t", "\t") + "\n")
