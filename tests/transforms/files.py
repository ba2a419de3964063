"""Real files of every format, as small as they can be, made from nothing."""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_CORE = (
    '<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/">'
    "<dc:title>Annual report</dc:title><dc:creator>Ann Lee</dc:creator><cp:keywords>money; people</cp:keywords>"
    "<dcterms:created>2024-05-01T10:00:00Z</dcterms:created><dcterms:modified>2024-05-02T10:00:00Z</dcterms:modified>"
    "</cp:coreProperties>"
)


def zipped(members: Mapping[str, str | bytes], *, packed: bool = True) -> bytes:
    """A zip of these members, in this order."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED) as archive:
        for name, body in members.items():
            archive.writestr(zipfile.ZipInfo(name), body, zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED)
    return file.getvalue()


def relations(targets: Mapping[str, tuple[str, str]]) -> str:
    """A .rels part: id -> (kind, target)."""
    lines = "".join(
        f'<Relationship Id="{id}" Type="{_OFFICE}/{kind}" Target="{target}"/>' for id, (kind, target) in targets.items()
    )
    return f'<Relationships xmlns="{_RELATIONS}">{lines}</Relationships>'


def office(main: str, parts: Mapping[str, str | bytes], *, core: str = "", packed: bool = True) -> bytes:
    """An Office package whose main part is `main`."""
    head: dict[str, str | bytes] = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="xml" ContentType="application/xml"/></Types>',
        "_rels/.rels": relations({"rId1": ("officeDocument", main)}),
    }
    if core:
        head["docProps/core.xml"] = core
    return zipped({**head, **parts}, packed=packed)


def docx(body: str, parts: Mapping[str, str] | None = None, *, core: str = _CORE, packed: bool = True) -> bytes:
    """A Word file with this inside of <w:body>."""
    document = f'<w:document xmlns:w="w" xmlns:mc="mc"><w:body>{body}</w:body></w:document>'
    return office("word/document.xml", {"word/document.xml": document, **(parts or {})}, core=core, packed=packed)


def paragraph(text: str, style: str = "") -> str:
    """One paragraph of a Word file."""
    styled = f'<w:pPr><w:pStyle w:val="{style}"/><w:tabs><w:tab w:val="left"/></w:tabs></w:pPr>' if style else ""
    return f"<w:p>{styled}<w:r><w:t>{escape(text)}</w:t></w:r></w:p>"


def pptx(slides: Sequence[tuple[str, str, str]], *, core: str = "") -> bytes:
    """A show of (title, text, notes), listed in reverse order of their file names."""
    numbers = range(len(slides), 0, -1)
    parts: dict[str, str | bytes] = {}
    ids = "".join(f'<p:sldId id="{255 + n}" r:id="rId{n}"/>' for n in numbers)
    parts["ppt/presentation.xml"] = (
        f'<p:presentation xmlns:p="p" xmlns:r="{_OFFICE}"><p:sldIdLst>{ids}</p:sldIdLst></p:presentation>'
    )
    parts["ppt/_rels/presentation.xml.rels"] = relations({f"rId{n}": ("slide", f"slides/s{n}.xml") for n in numbers})
    for n, (title, text, notes) in zip(numbers, slides, strict=True):
        parts[f"ppt/slides/s{n}.xml"] = (
            f'<p:sld xmlns:p="p" xmlns:a="a">{_shape("title", title)}{_shape("", text)}{_shape("sldNum", "77")}</p:sld>'
        )
        parts[f"ppt/slides/_rels/s{n}.xml.rels"] = relations({"r": ("notesSlide", f"../notesSlides/n{n}.xml")})
        parts[f"ppt/notesSlides/n{n}.xml"] = f'<p:notes xmlns:p="p" xmlns:a="a">{_shape("body", notes)}</p:notes>'
    return office("ppt/presentation.xml", parts, core=core)


def _shape(kind: str, text: str) -> str:
    return f'<p:sp><p:nvPr><p:ph type="{kind}"/></p:nvPr><a:p><a:r><a:t>{escape(text)}</a:t></a:r></a:p></p:sp>'


def xlsx(sheets: Mapping[str, str], parts: Mapping[str, str] | None = None, *, packed: bool = True) -> bytes:
    """A workbook: sheet name -> the rows inside of <sheetData>."""
    names = list(sheets)
    listed = "".join(f'<sheet name="{name}" sheetId="{n}" r:id="rId{n}"/>' for n, name in enumerate(names, 1))
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    targets = {f"rId{n}": ("worksheet", f"worksheets/sheet{n}.xml") for n in range(1, len(names) + 1)}
    for kind in ("sharedStrings", "styles"):
        if f"xl/{kind}.xml" in (parts or {}):
            targets[kind] = (kind, f"{kind}.xml")
    body: dict[str, str | bytes] = {
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{_OFFICE}"><sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relations(targets),
        **(parts or {}),
    }
    for n, rows in enumerate(sheets.values(), 1):
        body[f"xl/worksheets/sheet{n}.xml"] = f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>'
    return office("xl/workbook.xml", body, packed=packed)


def row(number: int, *values: str | float, first: str = "A") -> str:
    """One row of a sheet, its first value in column `first`."""
    cells = ""
    for n, value in enumerate(values):
        at = f'r="{chr(ord(first) + n) if len(first) == 1 else first}{number}"'
        text = f'<c {at} t="inlineStr"><is><t>{value}</t></is></c>'
        cells += text if isinstance(value, str) else f"<c {at}><v>{value}</v></c>"
    return f'<row r="{number}">{cells}</row>'


def opendocument(kind: str, body: str, *, title: str = "", manifest: str = "<manifest/>") -> bytes:
    """An OpenDocument file of a kind ("text", "spreadsheet", "presentation") with this inside of <office:body>."""
    content = (
        '<office:document-content xmlns:office="office" xmlns:text="text" xmlns:table="table" xmlns:draw="draw">'
        f"<office:body>{body}</office:body></office:document-content>"
    )
    meta = (
        '<office:document-meta xmlns:office="office" xmlns:meta="meta" xmlns:dc="dc"><office:meta>'
        f"<dc:title>{title}</dc:title><meta:initial-creator>Ann Lee</meta:initial-creator>"
        "<meta:creation-date>2024-05-01T10:00:00</meta:creation-date></office:meta></office:document-meta>"
    )
    return zipped(
        {
            "mimetype": f"application/vnd.oasis.opendocument.{kind}",
            "content.xml": content,
            "meta.xml": meta,
            "META-INF/manifest.xml": manifest,
        }
    )


def epub(chapters: Mapping[str, str], *, encryption: str = "") -> bytes:
    """A book of chapters: file name -> HTML."""
    items = "".join(f'<item id="c{n}" href="{name}"/>' for n, name in enumerate(chapters))
    spine = "".join(f'<itemref idref="c{n}"/>' for n in range(len(chapters)))
    members: dict[str, str | bytes] = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>',
        "OPS/book.opf": '<package xmlns:dc="dc"><metadata><dc:title>A book</dc:title><dc:creator>Ann Lee</dc:creator>'
        f"<dc:language>en</dc:language></metadata><manifest>{items}</manifest><spine>{spine}</spine></package>",
        **{f"OPS/{name}": html for name, html in chapters.items()},
    }
    if encryption:
        members["META-INF/encryption.xml"] = encryption
    return zipped(members)


def pdf(pages: Sequence[Sequence[str]], info: bytes = b"", *, password: str = "") -> bytes:
    """A PDF of these lines. With a password everything in it is encrypted by RC4 (revision 2)."""
    id = b"0123456789abcdef"
    cipher = _Standard(password, id) if password else None
    kids = b" ".join(b"%d 0 R" % (4 + 2 * n) for n in range(len(pages)))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, len(pages)),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
    ]
    for n, lines in enumerate(pages):
        contents = 5 + 2 * n
        objects.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Resources<</Font<</F1 3 0 R>>>>/Contents %d 0 R>>"
            % contents
        )
        shown = b" ".join(b"(%s) Tj T*" % _escaped(line) for line in lines)
        stream = b"BT /F1 12 Tf 14 TL 72 720 Td %s ET" % shown
        if cipher is not None:
            stream = cipher.encrypt(contents, stream)
        objects.append(b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream))
    objects.append(b"<<%s>>" % info)
    trailer = b"/Root 1 0 R/Info %d 0 R/ID[<%s><%s>]" % (len(objects), id.hex().encode(), id.hex().encode())
    if cipher is not None:
        objects.append(cipher.dictionary())
        trailer += b"/Encrypt %d 0 R" % len(objects)
    return _assemble(objects, trailer)


def _escaped(line: str) -> bytes:
    return line.encode("cp1252").replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")


def _assemble(objects: Sequence[bytes], trailer: bytes) -> bytes:
    out = b"%PDF-1.7\n"
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    xref = b"xref\n0 %d\n0000000000 65535 f \n%s" % (size, table)
    return out + xref + b"trailer<</Size %d%s>>\nstartxref\n%d\n%%%%EOF" % (size, trailer, len(out))


class _Standard:
    """The standard security handler, revision 2. Source: ISO 32000-1, 7.6.3."""

    _PADDING = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")

    def __init__(self, password: str, id: bytes) -> None:
        padded = (password.encode() + self._PADDING)[:32]
        self._owner = _rc4(hashlib.md5(padded).digest()[:5], padded)
        self._key = hashlib.md5(padded + self._owner + struct.pack("<i", -4) + id).digest()[:5]

    def dictionary(self) -> bytes:
        user = _rc4(self._key, self._PADDING).hex().encode()
        return b"<</Filter/Standard/V 1/R 2/P -4/O<%s>/U<%s>>>" % (self._owner.hex().encode(), user)

    def encrypt(self, number: int, data: bytes) -> bytes:
        return _rc4(hashlib.md5(self._key + struct.pack("<I", number)[:3] + b"\0\0").digest()[:10], data)


def _rc4(key: bytes, data: bytes) -> bytes:
    box = list(range(256))
    at = 0
    for n in range(256):
        at = (at + box[n] + key[n % len(key)]) & 255
        box[n], box[at] = box[at], box[n]
    out = bytearray()
    n = at = 0
    for byte in data:
        n = (n + 1) & 255
        at = (at + box[n]) & 255
        box[n], box[at] = box[at], box[n]
        out.append(byte ^ box[(box[n] + box[at]) & 255])
    return bytes(out)


def ole(streams: Mapping[str, bytes]) -> bytes:
    """An OLE 2 file (as of Office 97) with these streams, each filled up to 4096 bytes. Source: MS-CFB."""
    bodies = [body.ljust(-(-max(len(body), 4096) // 512) * 512, b"\0") for body in streams.values()]
    counts = [len(body) // 512 for body in bodies]
    chains = [0xFFFFFFFD, 0xFFFFFFFE]  # sector 0: this table; sector 1: the directory
    entries = [_entry("Root Entry", 5, 0xFFFFFFFE, 0, child=1)]
    for n, (name, body, count) in enumerate(zip(streams, bodies, counts, strict=True)):
        start = len(chains)
        chains += [*range(start + 1, start + count), 0xFFFFFFFE]
        entries.append(_entry(name, 2, start, len(body), right=n + 2 if n + 1 < len(bodies) else 0xFFFFFFFF))
    directory = b"".join(entries).ljust(512, b"\0")
    table = struct.pack("<128I", *chains, *[0xFFFFFFFF] * (128 - len(chains)))
    header = bytes.fromhex("D0CF11E0A1B11AE1") + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    header += struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0)
    header += struct.pack("<109I", 0, *[0xFFFFFFFF] * 108)
    return header + table + directory + b"".join(bodies)


def _entry(name: str, kind: int, start: int, size: int, *, right: int = 0xFFFFFFFF, child: int = 0xFFFFFFFF) -> bytes:
    wide = name.encode("utf-16-le") + b"\0\0"
    head = wide.ljust(64, b"\0") + struct.pack("<HBB", len(wide), kind, 1)
    return head + struct.pack("<III", 0xFFFFFFFF, right, child) + bytes(36) + struct.pack("<IQ", start, size)


def xls(sheet: str, cells: Sequence[tuple[int, int, str | float]]) -> bytes:
    """An Excel 97 workbook of one sheet: (row, column, value), counted from 0. Source: MS-XLS."""
    bound = _record(0x85, struct.pack("<IBB", 0, 0, 0) + bytes([len(sheet), 0]) + sheet.encode("latin-1"))
    begin = _record(0x809, struct.pack("<HHHHII", 0x600, 5, 0, 0, 0, 0))
    at = len(begin) + len(bound) + len(_record(0x0A, b""))
    bound = bound[:4] + struct.pack("<I", at) + bound[8:]
    body = _record(0x809, struct.pack("<HHHHII", 0x600, 0x10, 0, 0, 0, 0))
    for r, c, value in cells:
        where = struct.pack("<HHH", r, c, 0)
        if isinstance(value, str):
            body += _record(0x204, where + struct.pack("<HB", len(value), 0) + value.encode("latin-1"))
        else:
            body += _record(0x203, where + struct.pack("<d", value))
    return ole({"Workbook": begin + bound + _record(0x0A, b"") + body + _record(0x0A, b"")})


def _record(kind: int, body: bytes) -> bytes:
    return struct.pack("<HH", kind, len(body)) + body
