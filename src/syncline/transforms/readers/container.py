"""Files that hold other files: a look inside says what they are, whatever their name claims.

PK…   zip    ── word/, ppt/, xl/ ──▶ docx, pptx, sheets      ── mimetype ──▶ odf, epub      ── else: an archive
D0CF  OLE 2  ── Workbook ──▶ sheets (Excel 97)   ── EncryptedPackage: a password   ── else: Word 97, Outlook, …
"""

from __future__ import annotations

from syncline.transforms.readers.archive import Archive
from syncline.transforms.readers.package import main_part
from syncline.transforms.readers.reading import NoText, Trouble

TYPE_CHECKING = False
if TYPE_CHECKING:
    from syncline.transforms.readers.reading import Reading

_OPEN_XML = "application/vnd.openxmlformats-officedocument."
_OLE = (
    # directory entry, what it is, media type
    ("WordDocument", "Word 97", "application/msword"),
    ("PowerPoint Document", "PowerPoint 97", "application/vnd.ms-powerpoint"),
    ("__properties_version1.0", "Outlook", "application/vnd.ms-outlook"),
    ("VisioDocument", "Visio", "application/vnd.visio"),
)


def read_zip(content: bytes, reading: Reading) -> None:
    """Whatever document the zip is; NoText when it is a mere archive."""
    archive = Archive(content, reading.budget)
    if "mimetype" in archive:
        _read_declared(archive, reading)
        return
    main = main_part(archive)
    if main.endswith(".xml") and "document" in main.rpartition("/")[2]:
        from syncline.transforms.readers import docx

        reading.media_type = _OPEN_XML + "wordprocessingml.document"
        docx.read(archive, main, reading)
    elif main.rpartition("/")[2].startswith("presentation"):
        from syncline.transforms.readers import pptx

        reading.media_type = _OPEN_XML + "presentationml.presentation"
        pptx.read(archive, main, reading)
    elif main.rpartition("/")[2].startswith("workbook"):
        from syncline.transforms.readers import sheets

        is_binary = main.endswith(".bin")
        binary_type = "application/vnd.ms-excel.sheet.binary.macroEnabled.12"
        reading.media_type = binary_type if is_binary else _OPEN_XML + "spreadsheetml.sheet"
        sheets.read_archive(content, archive, main, reading)
    else:
        raise NoText("no text in application/zip")


def read_ole(content: bytes, reading: Reading) -> None:
    """Excel 97; the others of its time say that nobody here reads them."""
    if _entry("EncryptedPackage") in content:
        raise Trouble("extract.encrypted", "the file is protected by a password")
    if _entry("Workbook") in content or _entry("Book") in content:
        from syncline.transforms.readers import sheets

        reading.media_type = "application/vnd.ms-excel"
        sheets.read(content, reading)
        return
    for name, program, media_type in _OLE:
        if _entry(name) in content:
            raise NoText(f"no reader for {program} files ({media_type})", "filtered.no_reader")
    raise NoText("no text in application/x-ole-storage")


def _entry(name: str) -> bytes:
    return name.encode("utf-16-le") + b"\0\0"


def _read_declared(archive: Archive, reading: Reading) -> None:
    declared = archive.read("mimetype")[:200].strip().decode("ascii", "replace")
    if declared == "application/epub+zip":
        from syncline.transforms.readers import epub

        reading.media_type = declared
        epub.read(archive, reading)
    elif declared.startswith("application/vnd.oasis.opendocument."):
        from syncline.transforms.readers import odf

        reading.media_type = declared
        odf.read(archive, reading)
    else:
        raise NoText("no text in application/zip")
