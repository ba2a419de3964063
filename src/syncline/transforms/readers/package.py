"""What all Office files of today share: parts that refer to each other, and properties (ECMA-376, part 2)."""

from __future__ import annotations

from syncline.transforms.readers.dates import iso
from syncline.transforms.readers.markup import attribute, texts, walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncline.transforms.readers.archive import Archive
    from syncline.transforms.readers.reading import Reading

_USUAL = ("word/document.xml", "ppt/presentation.xml", "xl/workbook.xml", "xl/workbook.bin")


def main_part(archive: Archive) -> str:
    """The part that `_rels/.rels` names as the office document, "" when this is no office file."""
    for relation in relations(archive, ""):
        if relation.kind == "officeDocument":
            return relation.target
    return next((name for name in _USUAL if name in archive), "")


class Relation:
    """One line of a .rels part: `target` is a member's name, `kind` the last word of the type's address."""

    __slots__ = ("id", "kind", "target")

    def __init__(self, id: str, kind: str, target: str) -> None:
        self.id = id
        self.kind = kind
        self.target = target


def relations(archive: Archive, part: str) -> list[Relation]:
    """What `part` refers to inside the file; [] when it has no .rels part."""
    folder, _, name = part.rpartition("/")
    found: list[Relation] = []

    def start(tag: str, attributes: Mapping[str, str]) -> None:
        target = attribute(attributes, "Target")
        if tag.endswith("Relationship") and attribute(attributes, "TargetMode") != "External":
            kind = attribute(attributes, "Type").rpartition("/")[2]
            found.append(Relation(attribute(attributes, "Id"), kind, resolve(folder, target)))

    rels = archive.find(f"{folder}/_rels/{name}.rels".lstrip("/"))
    if rels:
        walk([rels], start)
    return found


def resolve(folder: str, target: str) -> str:
    """The member that `target` names when it is said by a part in `folder`."""
    if target.startswith("/"):
        return target[1:]
    steps = folder.split("/") if folder else []
    for step in target.split("/"):
        if step == "..":
            steps = steps[:-1]
        elif step != ".":
            steps.append(step)
    return "/".join(steps)


def read_properties(archive: Archive, reading: Reading) -> None:
    """Title and metadata; whatever is missing or unreadable is left out."""
    core = texts(archive.find("docProps/core.xml"))
    reading.entitle(core.get("title"))
    reading.note("author", core.get("creator"))
    reading.note("subject", core.get("subject"))
    reading.note("description", core.get("description"))
    reading.note("language", core.get("language"))
    reading.note("tags", core.get("keywords", "").replace(";", ",").split(","))
    reading.note("created", iso(core.get("created")))
    reading.note("modified", iso(core.get("modified")))
    app = texts(archive.find("docProps/app.xml"))
    pages = app.get("Pages") or app.get("Slides") or ""
    if pages.isascii() and pages.isdigit():
        reading.note("pages", int(pages[:9]))
