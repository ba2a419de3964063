"""JSON as people would read it: one line for each value, behind its key, nested values indented.

    {"title": "Hammer", "price": 12.50, "tags": ["tool", "steel"], "maker": {"name": "Acme"}}

    title: Hammer
    price: 12.50
    tags: tool, steel
    maker:
      name: Acme

Numbers keep their spelling. The title is that of the outermost object.
"""

from __future__ import annotations

from syncline.transforms.readers.reading import MAX_TITLE, one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from syncline.transforms.readers.reading import Reading

MAX_LINE = 1 << 20  # characters of one line of JSON Lines that are parsed; a longer one stays as it is

_TITLES = ("title", "name", "headline", "subject", "Title", "Name")
_NOT_JSON = ("extract.invalid", "not valid JSON; indexed as plain text")


def read(content: bytes, reading: Reading) -> None:
    """The reader for the child process: JSON too large to be parsed in the job's own."""
    from syncline.transforms.readers.charset import decode

    read_json(decode(content, reading.declared)[0], reading)


def read_json(text: str, reading: Reading) -> None:
    """One JSON value; as it stands, with a warning, when it is not valid."""
    try:
        value = _parse(text)
        if isinstance(value, dict) and isinstance(value.get("cells"), list) and "nbformat" in value:
            _notebook(value["cells"], reading)
        else:
            _entitle(value, reading)
            _write(value, reading)
    except (ValueError, RecursionError):
        reading.clear()
        reading.warn(*_NOT_JSON)
        reading.add(text)


def read_lines(text: str, reading: Reading) -> None:
    """JSON Lines: each line's values, an empty line between; lines that are not JSON stay as they stand."""
    odd = 0
    for line in text.splitlines():
        if not line.strip():
            continue
        try:
            value = _parse(line) if len(line) <= MAX_LINE else line
        except (ValueError, RecursionError):
            value = line
            odd += 1
        _write(value, reading)
        reading.add("\n")
    if odd:
        reading.warn("extract.invalid", f"{odd} lines are not valid JSON; indexed as plain text")


def _parse(text: str) -> Any:
    from json import loads

    return loads(text, parse_float=str, parse_int=str, parse_constant=str)


def _entitle(value: Any, reading: Reading) -> None:
    if isinstance(value, dict):
        for key in _TITLES:
            if isinstance(found := value.get(key), str) and found.strip():
                reading.entitle(one_line(found, MAX_TITLE))
                return


def _write(value: Any, reading: Reading) -> None:
    if isinstance(value, dict):
        _write_fields(value, "", reading)
    elif isinstance(value, list):
        _write_items(value, "", reading)
    else:
        reading.add(f"{_word(value)}\n")


def _write_fields(fields: dict[str, Any], indent: str, reading: Reading) -> None:
    for key, value in fields.items():
        if isinstance(value, dict):
            reading.add(f"{indent}{key}:\n")
            _write_fields(value, indent + "  ", reading)
        elif isinstance(value, list):
            if any(isinstance(item, (dict, list)) for item in value):
                reading.add(f"{indent}{key}:\n")
                _write_items(value, indent + "  ", reading)
            else:
                reading.add(f"{indent}{key}: {', '.join(map(_word, value))}\n")
        else:
            reading.add(f"{indent}{key}: {_word(value)}\n")


def _write_items(items: list[Any], indent: str, reading: Reading) -> None:
    for n, item in enumerate(items):
        if isinstance(item, dict):
            if n:
                reading.add("\n")
            _write_fields(item, indent, reading)
        elif isinstance(item, list):
            _write_items(item, indent + "  ", reading)
        else:
            reading.add(f"{indent}{_word(item)}\n")


def _word(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _notebook(cells: list[Any], reading: Reading) -> None:
    """A Jupyter notebook: what was written in its cells, not the pictures that came out of them."""
    from syncline.transforms.readers.markdown import heading

    for cell in cells:
        source = cell.get("source", "") if isinstance(cell, dict) else ""
        written = "".join(map(str, source)) if isinstance(source, list) else str(source)
        if written.strip():
            if cell.get("cell_type") == "markdown":
                reading.entitle(heading(written))
            reading.add(written.strip() + "\n\n")
