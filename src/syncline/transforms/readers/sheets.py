"""Workbooks: every sheet under its name, every row that says something, its cells parted by tabs.

calamine is fast because it lays a sheet out in memory, all cells between the first and the last used one: one stray
cell in the corner makes that half a terabyte. Sheets like that, and very large ones, are read cell by cell (cells.py),
which needs no memory and stops where the text limit does.
"""

from __future__ import annotations

import io
import re

from syncline.transforms.readers.cells import Cells, word
from syncline.transforms.readers.markup import attribute, walk
from syncline.transforms.readers.package import read_properties, relations
from syncline.transforms.readers.reading import Trouble, damaged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from syncline.transforms.readers.archive import Archive
    from syncline.transforms.readers.reading import Reading

MAX_LAID_OUT = 4_000_000  # cells between the first and the last; 32 bytes each
MAX_XML = 16 << 20

_LAST_ROW = re.compile(rb'\sr="(\d{1,9})"')
_REFERENCE = re.compile(rb'\sr="([A-Z]{1,3})\d')
_TWO_LETTERS = re.compile(rb'r="[A-Z]{2}')
_THREE_LETTERS = re.compile(rb'r="[A-Z]{3}')


class Sheet:
    """One line of the workbook's list: `part` is the member that holds the cells."""

    __slots__ = ("name", "part")

    def __init__(self, name: str, part: str) -> None:
        self.name = name
        self.part = part


def read(content: bytes, reading: Reading) -> None:
    """An Excel 97 file."""
    book = _open(content)
    for name in book.sheet_names:
        _read_laid_out(book, name, reading)


def read_archive(content: bytes, archive: Archive, main: str, reading: Reading) -> None:
    """A workbook of today, XML or binary; `main` is the part that lists the sheets."""
    read_properties(archive, reading)
    listed = [] if main.endswith(".bin") else _listed(archive, main)
    sheets = {sheet.part for sheet in listed}
    for name in archive.members:  # calamine unpacks by itself: let nothing through that is larger than it says
        if name.endswith((".xml", ".bin", ".rels")) and name not in sheets and "media/" not in name:
            for _ in archive.stream(name):
                pass
    if main.endswith(".bin"):
        read(content, reading)
        return
    book = None
    for sheet in listed:
        pieces = _sparse_or_large(archive, sheet.part)
        if pieces is not None:
            reading.add(sheet.name + "\n")
            Cells(archive, main, reading).read(pieces)
            reading.add("\n")
        else:
            book = book or _open(content)
            _read_laid_out(book, sheet.name, reading)


def _listed(archive: Archive, main: str) -> list[Sheet]:
    targets = {relation.id: relation for relation in relations(archive, main)}
    sheets: list[Sheet] = []

    def start(name: str, attributes: Mapping[str, str]) -> None:
        if name.rpartition(":")[2] == "sheet":
            id = next((value for key, value in attributes.items() if key.endswith(":id")), "")
            relation = targets.get(id)
            if relation and relation.kind == "worksheet" and relation.target in archive:
                sheets.append(Sheet(attribute(attributes, "name"), relation.target))

    walk(archive.stream(main), start)
    return sheets


def _sparse_or_large(archive: Archive, part: str) -> Any:
    """The sheet in pieces when calamine must not have it, None when it may."""
    if archive.members[part].declared > MAX_XML:
        return archive.stream(part)
    xml = archive.read(part)
    return [xml] if _extent(xml) > MAX_LAID_OUT else None


def _extent(xml: bytes) -> int:
    """How many cells calamine would lay out, at the most. Honest files have their rows in order; for the others there
    is the memory limit of the process."""
    last = _LAST_ROW.search(xml[max(0, xml.rfind(b"row ")) :][:400])
    rows = max(int(last[1]) if last else 0, xml.count(b"row "))
    columns = 16_384 if _THREE_LETTERS.search(xml) else 702 if _TWO_LETTERS.search(xml) else 26
    if rows * columns > MAX_LAID_OUT:
        columns = max((_column(letters) for letters in set(_REFERENCE.findall(xml))), default=1)
    return rows * columns


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _open(content: bytes) -> Any:
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    try:
        return CalamineWorkbook.from_object(io.BytesIO(content))
    except PasswordError as problem:
        raise Trouble("extract.encrypted", "the workbook is protected by a password") from problem
    except CalamineError as problem:
        raise damaged(f"not a readable workbook: {str(problem)[:200]}") from problem


def _read_laid_out(book: Any, name: str, reading: Reading) -> None:
    from python_calamine import CalamineError, WorksheetNotFound

    try:
        sheet = book.get_sheet_by_name(name)
    except WorksheetNotFound:  # a sheet that holds only a chart
        return
    except CalamineError as problem:
        raise damaged(f"sheet {name!r} cannot be read: {str(problem)[:200]}") from problem
    reading.add(name + "\n")
    for row in sheet.iter_rows():
        if line := "\t".join([said for value in row if value != "" and (said := word(value))]):
            reading.add(line + "\n")
    reading.add("\n")
