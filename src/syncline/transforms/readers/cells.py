"""The cells of one sheet (SpreadsheetML), one after the other, whatever their number and wherever they are."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from syncline.transforms.readers.markup import LocalNames, attribute, walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from syncline.transforms.readers.archive import Archive
    from syncline.transforms.readers.reading import Reading

_DATE_FORMATS = frozenset([*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)])
_MIDNIGHT = time()


def word(value: Any) -> str:
    """One cell's value in one line: whole numbers without a fraction, dates in ISO 8601."""
    if isinstance(value, str):
        return " ".join(value.split())
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == _MIDNIGHT else value.isoformat(" ")
    if isinstance(value, (date, time)):
        return value.isoformat()
    return str(value)


class Cells:
    """Reads one sheet of the workbook whose list of sheets is the part `main`."""

    def __init__(self, archive: Archive, main: str, reading: Reading) -> None:
        folder = main.rpartition("/")[0]
        self._reading = reading
        self._strings = _shared_strings(archive, f"{folder}/sharedStrings.xml")
        self._dates = _date_styles(archive, f"{folder}/styles.xml")
        self._epoch = datetime(1904, 1, 1) if b"date1904" in archive.find(main) else datetime(1899, 12, 30)
        self._local = LocalNames()
        self._row: list[str] = []
        self._parts: list[str] = []
        self._kind = self._style = ""
        self._in_value = False

    def read(self, pieces: Iterable[bytes]) -> None:
        """One line for each row that says something."""
        walk(pieces, self._start, self._end, self._text)

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        tag = self._local[name]
        if tag == "c":
            self._kind = attributes.get("t", "n")
            self._style = attributes.get("s", "")
            self._parts.clear()
        elif tag == "v" or tag == "t":
            self._in_value = True
        elif tag == "rPh":  # how to pronounce it
            self._kind = "skip"

    def _end(self, name: str) -> None:
        tag = self._local[name]
        if tag == "v" or tag == "t":
            self._in_value = False
        elif tag == "c":
            if self._parts and (said := self._say("".join(self._parts))):
                self._row.append(said)
        elif tag == "row" and self._row:
            self._reading.add("\t".join(self._row) + "\n")
            self._row.clear()

    def _text(self, text: str) -> None:
        if self._in_value and self._kind != "skip":
            self._parts.append(text)

    def _say(self, value: str) -> str:
        if self._kind == "s":
            index = int(value) if value.isascii() and value.isdigit() else -1
            return self._strings[index] if 0 <= index < len(self._strings) else ""
        if self._kind == "b":
            return word(value.strip() == "1")
        if self._kind == "n":
            try:
                number = float(value)
                return word(self._epoch + timedelta(days=number)) if self._style in self._dates else word(number)
            except (ValueError, OverflowError):
                return word(value)
        return word(value)


def _shared_strings(archive: Archive, part: str) -> list[str]:
    strings: list[str] = []
    parts: list[str] = []
    local = LocalNames()
    depth = [0, 0]  # inside <t>, inside <rPh>

    def start(name: str, _attributes: Mapping[str, str]) -> None:
        depth[0] += local[name] == "t"
        depth[1] += local[name] == "rPh"

    def end(name: str) -> None:
        tag = local[name]
        depth[0] -= tag == "t"
        depth[1] -= tag == "rPh"
        if tag == "si":
            strings.append(word("".join(parts)))
            parts.clear()

    def text(text: str) -> None:
        if depth[0] and not depth[1]:
            parts.append(text)

    if part in archive:
        walk(archive.stream(part), start, end, text)
    return strings


def _date_styles(archive: Archive, part: str) -> frozenset[str]:
    """Numbers of the cell styles that show a date. Source: ECMA-376 part 1, 18.8.30."""
    formats = {str(number) for number in _DATE_FORMATS}
    styles: list[str] = []
    inside = [False]

    def start(name: str, attributes: Mapping[str, str]) -> None:
        tag = name.rpartition(":")[2]
        if tag == "numFmt" and _shows_date(attribute(attributes, "formatCode")):
            formats.add(attribute(attributes, "numFmtId"))
        elif tag == "cellXfs":
            inside[0] = True
        elif tag == "xf" and inside[0]:
            styles.append(attribute(attributes, "numFmtId"))

    def end(name: str) -> None:
        if name.rpartition(":")[2] == "cellXfs":
            inside[0] = False

    if part in archive:
        walk(archive.stream(part), start, end)
    return frozenset(str(n) for n, number in enumerate(styles) if number in formats)


def _shows_date(code: str) -> bool:
    """Whether a format such as `[$-407]d. mmm yyyy;@` shows days or hours, outside of quotes and brackets."""
    bare = "".join(code.split('"')[::2]).lower()
    outside = "".join(part.rpartition("]")[2] for part in bare.split("["))
    return any(letter in outside.replace("general", "") for letter in "ymdhs")
