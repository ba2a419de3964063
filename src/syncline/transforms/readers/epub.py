"""Books: the chapters in reading order, each of them HTML."""

from __future__ import annotations

from syncline.transforms.readers.dates import iso
from syncline.transforms.readers.markup import attribute, texts, walk
from syncline.transforms.readers.package import resolve
from syncline.transforms.readers.reading import Trouble, damaged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncline.transforms.readers.archive import Archive
    from syncline.transforms.readers.reading import Reading


def read(archive: Archive, reading: Reading) -> None:
    """Title and metadata from the package document, text from the chapters its spine names."""
    package = _package(archive)
    xml = archive.read(package)
    facts = texts(xml)
    reading.entitle(facts.get("title"))
    reading.note("author", facts.get("creator"))
    reading.note("language", facts.get("language"))
    reading.note("description", facts.get("description"))
    reading.note("created", iso(facts.get("date")))
    chapters = _spine(xml, package.rpartition("/")[0])
    _check_not_encrypted(archive, chapters)
    from syncline.transforms.readers import html

    for chapter in chapters:
        if chapter in archive:
            html.add_markup(html.decode(archive.read(chapter)), reading)
            reading.add("\n")


def _package(archive: Archive) -> str:
    found: list[str] = []

    def start(name: str, attributes: Mapping[str, str]) -> None:
        if name.rpartition(":")[2] == "rootfile":
            found.append(attribute(attributes, "full-path"))

    walk(archive.stream("META-INF/container.xml"), start)
    if not found:
        raise damaged("the book does not say where its contents are")
    return found[0]


def _spine(xml: bytes, folder: str) -> list[str]:
    files: dict[str, str] = {}
    order: list[str] = []

    def start(name: str, attributes: Mapping[str, str]) -> None:
        tag = name.rpartition(":")[2]
        if tag == "item":
            files[attribute(attributes, "id")] = resolve(folder, _unquote(attribute(attributes, "href")))
        elif tag == "itemref":
            order.append(attribute(attributes, "idref"))

    walk([xml], start)
    return [files[id] for id in order if id in files]


def _check_not_encrypted(archive: Archive, chapters: list[str]) -> None:
    """Fonts may be scrambled in any book; scrambled chapters are a book one has to buy."""
    scrambled: set[str] = set()

    def start(name: str, attributes: Mapping[str, str]) -> None:
        if name.rpartition(":")[2] == "CipherReference":
            scrambled.add(_unquote(attribute(attributes, "URI")))

    if xml := archive.find("META-INF/encryption.xml"):
        walk([xml], start)
    if not scrambled.isdisjoint(chapters):
        raise Trouble("extract.encrypted", "the book is protected against copying")


def _unquote(path: str) -> str:
    path = path.partition("#")[0]
    if "%" not in path:
        return path
    from urllib.parse import unquote

    return unquote(path)
