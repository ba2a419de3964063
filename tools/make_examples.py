"""Write the binary files of examples/handbook: Word, Excel, PowerPoint and PDF, with the standard library only.

    python tools/make_examples.py            write them
    python tools/make_examples.py --check    say which differ; exit code 1 if any

What they say is kept as text: tools/handbook/people/pay.docx.txt becomes examples/handbook/people/pay.docx.
The same text gives the same bytes on every machine: nothing is compressed, dated or numbered at random.

    # the title                 first line
    ## a heading                also the name of a sheet, or the heading of a slide
    - an item                   one line; a line of a slide
    | a | b |                   one row of a table; numbers in a sheet stay numbers
    anything else               a paragraph, up to the next empty line
"""

from __future__ import annotations

import io
import itertools
import sys
import textwrap
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parent.parent
TEXTS = ROOT / "tools" / "handbook"
HANDBOOK = ROOT / "examples" / "handbook"

XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
OFFICE = "http://schemas.openxmlformats.org"
RELATION = f"{OFFICE}/officeDocument/2006/relationships"


class Block(NamedTuple):
    """One heading, item, row or paragraph ("text"). Rows have cells, the others have text."""

    kind: str
    text: str
    cells: tuple[str, ...] = ()


def parse(text: str) -> tuple[str, list[Block]]:
    """The title and everything below it."""
    title, _, rest = text.partition("\n")
    return title.removeprefix("# "), list(_blocks(rest))


def _blocks(text: str) -> Iterator[Block]:
    paragraph: list[str] = []
    for line in [*text.splitlines(), ""]:
        if line and not line.startswith(("## ", "- ", "| ")):
            paragraph.append(line)
            continue
        if paragraph:
            yield Block("text", " ".join(paragraph))
            paragraph = []
        if line.startswith("## "):
            yield Block("heading", line[3:])
        elif line.startswith("- "):
            yield Block("item", line[2:])
        elif line:
            yield Block("row", line, tuple(cell.strip() for cell in line.strip("|").split("|")))


def sections(blocks: Sequence[Block]) -> list[tuple[str, list[Block]]]:
    """Blocks by the heading above them."""
    found: list[tuple[str, list[Block]]] = []
    for block in blocks:
        if block.kind == "heading":
            found.append((block.text, []))
        else:
            found[-1][1].append(block)
    return found


# --- the parts all three Office formats share -----------------------------------------------------------------------


def package(parts: Mapping[str, str]) -> bytes:
    """A zip of XML parts, stored without compression and with one fixed date."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in parts.items():
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.create_system = 3
            info.external_attr = 0o644 << 16
            archive.writestr(info, (XML + text).encode())
    return out.getvalue()


def content_types(overrides: Mapping[str, str]) -> str:
    """The list that says which part is what."""
    rows = "".join(f'<Override PartName="/{name}" ContentType="{kind}"/>' for name, kind in overrides.items())
    return (
        f'<Types xmlns="{OFFICE}/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{rows}</Types>'
    )


def relations(targets: Mapping[str, tuple[str, str]]) -> str:
    """A relationships part: id -> (last word of the type, target)."""
    rows = "".join(
        f'<Relationship Id="{key}" Type="{kind if "/" in kind else f"{RELATION}/{kind}"}" Target="{target}"/>'
        for key, (kind, target) in targets.items()
    )
    return f'<Relationships xmlns="{OFFICE}/package/2006/relationships">{rows}</Relationships>'


def core_properties(title: str) -> str:
    """The part that holds the document's title."""
    return (
        f'<cp:coreProperties xmlns:cp="{OFFICE}/package/2006/metadata/core-properties" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<dc:title>{escape(title)}</dc:title></cp:coreProperties>"
    )


CORE_TYPE = "application/vnd.openxmlformats-package.core-properties+xml"


def root_relations(main: str) -> str:
    """What the package as a whole points to."""
    core = f"{OFFICE}/package/2006/relationships/metadata/core-properties"
    return relations({"rId1": ("officeDocument", main), "rId2": (core, "docProps/core.xml")})


# --- Word -----------------------------------------------------------------------------------------------------------


def docx(title: str, blocks: Sequence[Block]) -> bytes:
    """A document of headings, items, paragraphs and tables."""
    word = f"{OFFICE}/wordprocessingml/2006/main"
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="{key}"><w:name w:val="{name}"/>'
        f'<w:rPr><w:b/><w:sz w:val="{size}"/></w:rPr></w:style>'
        for key, name, size in (("Title", "Title", 40), ("Heading1", "heading 1", 28))
    )
    body = _w_paragraph(title, "Title")
    for kind, run in itertools.groupby(blocks, lambda block: block.kind):
        group = list(run)
        if kind == "row":
            body += _w_table([block.cells for block in group])
        else:
            style, mark = {"heading": ("Heading1", ""), "item": ("", "\u2022 ")}.get(kind, ("", ""))
            body += "".join(_w_paragraph(mark + block.text, style) for block in group)
    base = "application/vnd.openxmlformats-officedocument.wordprocessingml"
    return package(
        {
            "[Content_Types].xml": content_types(
                {
                    "word/document.xml": f"{base}.document.main+xml",
                    "word/styles.xml": f"{base}.styles+xml",
                    "docProps/core.xml": CORE_TYPE,
                }
            ),
            "_rels/.rels": root_relations("word/document.xml"),
            "docProps/core.xml": core_properties(title),
            "word/_rels/document.xml.rels": relations({"rId1": ("styles", "styles.xml")}),
            "word/styles.xml": f'<w:styles xmlns:w="{word}">{styles}</w:styles>',
            "word/document.xml": f'<w:document xmlns:w="{word}"><w:body>{body}<w:sectPr/></w:body></w:document>',
        }
    )


def _w_table(rows: Sequence[Sequence[str]]) -> str:
    width = '<w:tcPr><w:tcW w:w="2400" w:type="dxa"/></w:tcPr>'
    drawn = "".join(
        "<w:tr>" + "".join(f"<w:tc>{width}{_w_paragraph(cell)}</w:tc>" for cell in row) + "</w:tr>" for row in rows
    )
    grid = '<w:gridCol w:w="2400"/>' * len(rows[0])
    look = '<w:tblPr><w:tblW w:w="0" w:type="auto"/></w:tblPr>'
    return f"<w:tbl>{look}<w:tblGrid>{grid}</w:tblGrid>{drawn}</w:tbl>{_w_paragraph('')}"


def _w_paragraph(text: str, style: str = "") -> str:
    look = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f'<w:p>{look}<w:r><w:t xml:space="preserve">{escape(text)}</w:t></w:r></w:p>'


# --- Excel ----------------------------------------------------------------------------------------------------------


def xlsx(title: str, blocks: Sequence[Block]) -> bytes:
    """A workbook with a sheet for each heading; numbers stay numbers, everything else is text."""
    sheets = {name: [block.cells for block in rows] for name, rows in sections(blocks)}
    main = f"{OFFICE}/spreadsheetml/2006/main"
    base = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    names = [f"xl/worksheets/sheet{n}.xml" for n in range(1, len(sheets) + 1)]
    listed = "".join(
        f'<sheet name="{escape(name)}" sheetId="{n}" r:id="rId{n}"/>' for n, name in enumerate(sheets, start=1)
    )
    return package(
        {
            "[Content_Types].xml": content_types(
                {
                    "xl/workbook.xml": f"{base}.sheet.main+xml",
                    **dict.fromkeys(names, f"{base}.worksheet+xml"),
                    "docProps/core.xml": CORE_TYPE,
                }
            ),
            "_rels/.rels": root_relations("xl/workbook.xml"),
            "docProps/core.xml": core_properties(title),
            "xl/_rels/workbook.xml.rels": relations(
                {f"rId{n}": ("worksheet", f"worksheets/sheet{n}.xml") for n in range(1, len(sheets) + 1)}
            ),
            "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{RELATION}"><sheets>{listed}</sheets></workbook>',
            **{
                name: f'<worksheet xmlns="{main}"><sheetData>{_x_rows(rows)}</sheetData></worksheet>'
                for name, rows in zip(names, sheets.values(), strict=True)
            },
        }
    )


def _x_rows(rows: Sequence[Sequence[str]]) -> str:
    return "".join(
        f'<row r="{y}">' + "".join(_x_cell(f"{chr(64 + x)}{y}", cell) for x, cell in enumerate(row, start=1)) + "</row>"
        for y, row in enumerate(rows, start=1)
    )


def _x_cell(place: str, value: str) -> str:
    if value.isdigit():
        return f'<c r="{place}"><v>{value}</v></c>'
    return f'<c r="{place}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'


# --- PowerPoint -----------------------------------------------------------------------------------------------------

COLOURS = {
    "dk1": "000000",
    "lt1": "FFFFFF",
    "dk2": "1F3A4D",
    "lt2": "E8EEF2",
    **dict(
        zip(
            (f"accent{n}" for n in range(1, 7)),
            ("2A6F97", "468FAF", "61A5C2", "89C2D9", "A9D6E5", "014F86"),
            strict=True,
        )
    ),
    "hlink": "01497C",
    "folHlink": "013A63",
}


def pptx(title: str, blocks: Sequence[Block]) -> bytes:
    """A slide for each heading with the lines below it, on one plain layout."""
    slides = [(heading, [block.text for block in lines]) for heading, lines in sections(blocks)]
    main, drawing = f"{OFFICE}/presentationml/2006/main", f"{OFFICE}/drawingml/2006/main"
    base = "application/vnd.openxmlformats-officedocument.presentationml"
    spaces = f'xmlns:p="{main}" xmlns:a="{drawing}" xmlns:r="{RELATION}"'
    colours = 'bg1="lt1" tx1="dk1" bg2="lt2" tx2="dk2" accent1="accent1" accent2="accent2" accent3="accent3" '
    colours += 'accent4="accent4" accent5="accent5" accent6="accent6" hlink="hlink" folHlink="folHlink"'
    numbers = range(1, len(slides) + 1)
    listed = "".join(f'<p:sldId id="{255 + n}" r:id="rId{n + 1}"/>' for n in numbers)
    parts = {
        "[Content_Types].xml": content_types(
            {
                "ppt/presentation.xml": f"{base}.presentation.main+xml",
                "ppt/slideMasters/slideMaster1.xml": f"{base}.slideMaster+xml",
                "ppt/slideLayouts/slideLayout1.xml": f"{base}.slideLayout+xml",
                "ppt/theme/theme1.xml": "application/vnd.openxmlformats-officedocument.theme+xml",
                **{f"ppt/slides/slide{n}.xml": f"{base}.slide+xml" for n in numbers},
                "docProps/core.xml": CORE_TYPE,
            }
        ),
        "_rels/.rels": root_relations("ppt/presentation.xml"),
        "docProps/core.xml": core_properties(title),
        "ppt/_rels/presentation.xml.rels": relations(
            {
                "rId1": ("slideMaster", "slideMasters/slideMaster1.xml"),
                **{f"rId{n + 1}": ("slide", f"slides/slide{n}.xml") for n in numbers},
            }
        ),
        "ppt/presentation.xml": f"<p:presentation {spaces}>"
        '<p:sldMasterIdLst><p:sldMasterId id="2147483648" r:id="rId1"/></p:sldMasterIdLst>'
        f'<p:sldIdLst>{listed}</p:sldIdLst><p:sldSz cx="12192000" cy="6858000"/>'
        '<p:notesSz cx="6858000" cy="9144000"/></p:presentation>',
        "ppt/slideMasters/_rels/slideMaster1.xml.rels": relations(
            {"rId1": ("slideLayout", "../slideLayouts/slideLayout1.xml"), "rId2": ("theme", "../theme/theme1.xml")}
        ),
        "ppt/slideMasters/slideMaster1.xml": f"<p:sldMaster {spaces}>{_p_content('')}<p:clrMap {colours}/>"
        '<p:sldLayoutIdLst><p:sldLayoutId id="2147483649" r:id="rId1"/></p:sldLayoutIdLst></p:sldMaster>',
        "ppt/slideLayouts/_rels/slideLayout1.xml.rels": relations(
            {"rId1": ("slideMaster", "../slideMasters/slideMaster1.xml")}
        ),
        "ppt/slideLayouts/slideLayout1.xml": f"<p:sldLayout {spaces}>{_p_content('')}</p:sldLayout>",
        "ppt/theme/theme1.xml": _p_theme(drawing),
    }
    for n, (heading, lines) in enumerate(slides, start=1):
        shapes = _p_shape(2, "title", 400000, 1200000, [heading]) + _p_shape(3, "body", 1800000, 4600000, lines)
        parts[f"ppt/slides/_rels/slide{n}.xml.rels"] = relations(
            {"rId1": ("slideLayout", "../slideLayouts/slideLayout1.xml")}
        )
        parts[f"ppt/slides/slide{n}.xml"] = f"<p:sld {spaces}>{_p_content(shapes)}</p:sld>"
    return package(parts)


def _p_content(shapes: str) -> str:
    own = '<p:nvGrpSpPr><p:cNvPr id="1" name=""/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr/>'
    return f"<p:cSld><p:spTree>{own}{shapes}</p:spTree></p:cSld>"


def _p_shape(id: int, kind: str, top: int, height: int, lines: Sequence[str]) -> str:
    text = "".join(f"<a:p><a:r><a:t>{escape(line)}</a:t></a:r></a:p>" for line in lines)
    return (
        f'<p:sp><p:nvSpPr><p:cNvPr id="{id}" name="{kind}"/><p:cNvSpPr/>'
        f'<p:nvPr><p:ph type="{kind}"/></p:nvPr></p:nvSpPr>'
        f'<p:spPr><a:xfrm><a:off x="600000" y="{top}"/><a:ext cx="10900000" cy="{height}"/></a:xfrm></p:spPr>'
        f"<p:txBody><a:bodyPr/><a:lstStyle/>{text}</p:txBody></p:sp>"
    )


def _p_theme(drawing: str) -> str:
    colours = "".join(f'<a:{name}><a:srgbClr val="{value}"/></a:{name}>' for name, value in COLOURS.items())
    face = '<a:latin typeface="Arial"/><a:ea typeface=""/><a:cs typeface=""/>'
    fill = '<a:solidFill><a:schemeClr val="phClr"/></a:solidFill>'
    effect = "<a:effectStyle><a:effectLst/></a:effectStyle>"
    return (
        f'<a:theme xmlns:a="{drawing}" name="Plain"><a:themeElements><a:clrScheme name="Sea">{colours}</a:clrScheme>'
        f'<a:fontScheme name="Plain"><a:majorFont>{face}</a:majorFont><a:minorFont>{face}</a:minorFont></a:fontScheme>'
        f'<a:fmtScheme name="Plain"><a:fillStyleLst>{fill * 3}</a:fillStyleLst>'
        f"<a:lnStyleLst>{f'<a:ln>{fill}</a:ln>' * 3}</a:lnStyleLst>"
        f"<a:effectStyleLst>{effect * 3}</a:effectStyleLst><a:bgFillStyleLst>{fill * 3}</a:bgFillStyleLst>"
        "</a:fmtScheme></a:themeElements></a:theme>"
    )


# --- PDF ------------------------------------------------------------------------------------------------------------

LINES_A_PAGE = 38


def pdf(title: str, blocks: Sequence[Block]) -> bytes:
    """Pages of Helvetica, broken where a page is full."""
    lines: list[tuple[str, bool]] = [(title, True), ("", False)]
    for block in blocks:
        heading = block.kind == "heading"
        lines += [(line, heading) for line in textwrap.wrap(block.text, 92)]
        if not heading:
            lines.append(("", False))
    pages = [lines[n : n + LINES_A_PAGE] for n in range(0, len(lines), LINES_A_PAGE)]
    fonts = "/F1 3 0 R /F2 4 0 R"
    first_page = 6
    kids = " ".join(f"{first_page + 2 * n} 0 R" for n in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Count {len(pages)} /Kids [{kids}] >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>",
        b"<< /Title (" + _pdf_text(title) + b") /Producer (tools/make_examples.py) >>",
    ]
    for n, page in enumerate(pages):
        stream = _pdf_page(page)
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << {fonts} >> >> "
            f"/Contents {first_page + 2 * n + 1} 0 R >>".encode()
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n".encode() + stream + b"\nendstream")
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    places = []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    table = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += "".join(f"{place:010d} 00000 n \n" for place in places).encode()
    out += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R /Info 5 0 R >>\nstartxref\n{table}\n%%EOF\n".encode()
    return bytes(out)


def _pdf_page(lines: Sequence[tuple[str, bool]]) -> bytes:
    drawn = [b"BT 56 780 Td 16 TL"]
    for text, bold in lines:
        drawn.append(b"/F2 12 Tf" if bold else b"/F1 11 Tf")
        drawn.append(b"(" + _pdf_text(text) + b") Tj T*")
    return b"\n".join([*drawn, b"ET"])


def _pdf_text(text: str) -> bytes:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)").encode("cp1252")


# --- all of them ----------------------------------------------------------------------------------------------------

WRITERS: Mapping[str, Callable[[str, Sequence[Block]], bytes]] = {"docx": docx, "xlsx": xlsx, "pptx": pptx, "pdf": pdf}


def wanted() -> dict[Path, bytes]:
    """Every binary file of the handbook with what should be in it."""
    files = {}
    for text in sorted(TEXTS.rglob("*.txt")):
        place = (HANDBOOK / text.relative_to(TEXTS)).with_suffix("")
        files[place] = WRITERS[place.suffix[1:]](*parse(text.read_text(encoding="utf-8")))
    return files


def stale() -> dict[Path, bytes]:
    """Those that are missing or hold something else."""
    return {path: data for path, data in wanted().items() if not path.is_file() or path.read_bytes() != data}


def main(arguments: Sequence[str]) -> int:
    """0 when all is well, 1 when `--check` found a difference."""
    different = stale()
    for path, data in different.items():
        if "--check" in arguments:
            print(f"{path.relative_to(ROOT)} is out of date: run tools/make_examples.py", file=sys.stderr)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            print(f"wrote {path.relative_to(ROOT)}")
    return 1 if different and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
