"""XML from strangers, as events. Nothing outside of the file is ever loaded, and entities made of entities made of
entities (a kilobyte that expands to gigabytes) are refused.

Names arrive without their prefix: "w:p" is "p", whatever prefix the writer chose.
"""

from __future__ import annotations

import pyexpat

from syncline.transforms.readers.reading import Trouble, damaged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

MAX_ENTITY = 1_000_000  # characters that one entity may expand to


class LocalNames(dict[str, str]):
    """local["w:p"] == "p"; remembers what it was asked, for a document has few names and many elements."""

    def __missing__(self, name: str) -> str:
        self[name] = local = name.rpartition(":")[2]
        return local


def walk(
    pieces: Iterable[bytes | str],
    start: Callable[[str, Mapping[str, str]], object],
    end: Callable[[str], object] | None = None,
    text: Callable[[str], object] | None = None,
) -> None:
    """Call back for each element and each run of text, in order. Raises Trouble (damaged, bomb) and whatever the
    callbacks raise. The names given to them are as written; LocalNames shortens them."""
    parser = pyexpat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.EntityDeclHandler = _Entities().declare
    try:
        for piece in pieces:
            parser.Parse(piece, False)
        parser.Parse(b"", True)
    except pyexpat.ExpatError as problem:
        if "amplification" in str(problem):
            raise _expands() from problem
        raise damaged(f"not well-formed XML: {problem}") from problem
    except (ValueError, LookupError) as problem:
        raise damaged(f"XML in an encoding that is not known here: {problem}") from problem


def attribute(attributes: Mapping[str, str], name: str) -> str:
    """The attribute of that local name, "" when it is not there."""
    if name in attributes:
        return attributes[name]
    for full, value in attributes.items():
        if full.rpartition(":")[2] == name:
            return value
    return ""


def texts(xml: bytes) -> dict[str, str]:
    """The text of each element that holds only text, by local name, first one of a name wins; {} when `xml` is empty
    or not well-formed. Made for the small files of properties that office documents carry."""
    found: dict[str, str] = {}
    parts: list[str] = []

    def started(_name: str, _attributes: Mapping[str, str]) -> None:
        parts.clear()

    def ended(name: str) -> None:
        local = name.rpartition(":")[2]
        if (value := "".join(parts).strip()) and local not in found:
            found[local] = value
        parts.clear()

    try:
        if xml:
            walk([xml], started, ended, parts.append)
    except Trouble as trouble:
        if trouble.code != "extract.damaged":
            raise
    return found


class _Entities:
    """Adds up, from the declarations alone, what each entity expands to; expat itself watches over what is left."""

    def __init__(self) -> None:
        self._sizes: dict[str, int] = {}

    def declare(self, name: str, _is_parameter: bool, value: str | None, *_: object) -> None:
        if value is None:  # it lies outside of the file, and stays there
            return
        size = len(value)
        for part in value.split("&")[1:]:
            size += self._sizes.get(part.partition(";")[0], 0)
        if size > MAX_ENTITY:
            raise _expands()
        self._sizes[name] = size


def _expands() -> Trouble:
    return Trouble("extract.bomb", "the XML expands to far more than its size; it was not expanded")
