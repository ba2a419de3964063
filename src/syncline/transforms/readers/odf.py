"""OpenDocument: texts, slides and sheets, which all are paragraphs somewhere in content.xml."""

from __future__ import annotations

from syncline.transforms.readers.dates import iso
from syncline.transforms.readers.markup import LocalNames, attribute, texts, walk
from syncline.transforms.readers.reading import Trouble

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncline.transforms.readers.archive import Archive
    from syncline.transforms.readers.reading import Reading

_SKIPPED = frozenset({"tracked-changes", "automatic-styles", "font-face-decls", "scripts", "forms", "ruby-text"})


def read(archive: Archive, reading: Reading) -> None:
    """Text, title and metadata. A row of a table is a line; a row or cell that is repeated is written once."""
    if b"encryption-data" in archive.find("META-INF/manifest.xml"):
        raise Trouble("extract.encrypted", "the file is protected by a password")
    _read_properties(archive, reading)
    body = _Body(reading)
    walk(archive.stream("content.xml"), body.start, body.end, body.text)


def _read_properties(archive: Archive, reading: Reading) -> None:
    meta = texts(archive.find("meta.xml"))
    reading.entitle(meta.get("title"))
    reading.note("author", meta.get("initial-creator") or meta.get("creator"))
    reading.note("subject", meta.get("subject"))
    reading.note("description", meta.get("description"))
    reading.note("language", meta.get("language"))
    reading.note("created", iso(meta.get("creation-date")))
    reading.note("modified", iso(meta.get("date")))


class _Body:
    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._local = LocalNames()
        self._line: list[str] = []
        self._paragraphs = 0
        self._cells = 0
        self._skipping = 0

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        tag = self._local[name]
        if self._skipping or tag in _SKIPPED:
            self._skipping += 1
        elif tag == "p" or tag == "h":
            self._paragraphs += 1
        elif tag == "table-cell" or tag == "covered-table-cell":
            self._cells += 1
        elif tag == "table" and (label := attribute(attributes, "name")) and name.startswith("table:"):
            if not self._cells:
                self._flush()
                self._line.append(label)
                self._flush()
        elif tag == "tab":
            self._line.append(" " if self._cells else "\t")
        elif tag == "line-break":
            self._line.append(" " if self._cells else "\n")
        elif tag == "s":
            count = attribute(attributes, "c")
            self._line.append(" " * min(int(count) if count.isascii() and count.isdigit() else 1, 80))

    def end(self, name: str) -> None:
        if self._skipping:
            self._skipping -= 1
            return
        tag = self._local[name]
        if tag == "p" or tag == "h":
            self._paragraphs -= 1
            self._end_paragraph(tag)
        elif tag == "table-cell" or tag == "covered-table-cell":
            self._cells -= 1
            if self._line and self._line[-1] != "\t":
                self._line.append("\t")
        elif tag == "table-row" and not self._cells:
            self._flush()

    def text(self, text: str) -> None:
        if self._paragraphs and not self._skipping:
            self._line.append(text)

    def _end_paragraph(self, tag: str) -> None:
        if self._cells:
            self._line.append(" ")
        else:
            if tag == "h":
                self._reading.entitle("".join(self._line))
            self._flush()

    def _flush(self) -> None:
        line = "".join(self._line).replace(" \t", "\t").strip()
        self._line.clear()
        if line:
            self._reading.add(line + "\n")
