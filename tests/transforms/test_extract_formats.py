"""Formats that a child process reads: one real file of each."""

from __future__ import annotations

import pytest
from tests.transforms import files

MAIL = """\
From: =?utf-8?q?J=C3=BCrgen?= <j@example.org>
To: Ann <ann@example.org>, bo@example.org
Cc: cy@example.org
Subject: =?utf-8?b?R3LDvMOfZQ==?=
Date: Wed, 01 May 2024 10:00:00 +0200 (CEST)
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=B

--B
Content-Type: multipart/alternative; boundary=C

--C
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Caf=E9, plain
--C
Content-Type: text/html

<p>Not this one</p>
--C--
--B
Content-Type: text/csv
Content-Disposition: attachment; filename=prices.csv

hammer,12
--B
Content-Type: application/pdf
Content-Disposition: attachment; filename=scan.pdf
Content-Transfer-Encoding: base64

JVBERi0=
--B
Content-Type: message/rfc822

From: old@example.org
Subject: Enclosed

enclosed words
--B--
"""

RTF = rb"""{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\fnil\fcharset0 Arial;}{\f1\fnil\fcharset204 Times;}}
{\info{\title The {\b bold} title}{\author Ann Lee}{\creatim\yr2024\mo5\dy1\hr10\min2}}{\*\generator Someone;}
\pard Caf\'e9 {\b bold} \u8364? 5\par {\f1 \'cf\'f0\'e8\'e2\'e5\'f2} a\tab b\line \{x\}{\pict\wmetafile8 010203}
{\*\shpinst{\sp{\sn n}{\sv v}}{\shptxt In a box\par}}\trowd one\cell two\cell\row\u-10179?\u-8704? end\bin3 }}}\par}"""

HTML = """<!doctype html><html lang="en"><head><title>Refund  policy</title><meta name="author" content="Ann Lee">
<meta property="article:published_time" content="2024-05-01T10:00:00+02:00"><meta name="keywords" content="a, b">
<style>p { color: red }</style></head><body><nav>Home | About</nav><main><h1>Refunds</h1>
<p>Within <b>thirty</b>
   days.</p>loose<pre>def f():
    return 1</pre><table><tr><th>name</th><th>price</th></tr><tr><td>hammer<td>12</table>
<script>alert("x")</script><ul><li>one<li>two</ul>a<br>b<p hidden>unseen</p></main></body></html>"""


def test_html_gives_its_visible_text_by_blocks(read):
    answer = read("a.html", HTML.encode())
    assert answer.title == "Refund policy"
    assert answer.text == (
        "Refunds\nWithin thirty days.\nloose\ndef f():\n    return 1\nname price\nhammer 12\none\ntwo\na\nb"
    )
    assert answer.metadata == {
        "author": "Ann Lee",
        "created": "2024-05-01T08:00:00Z",
        "tags": ["a", "b"],
        "language": "en",
    }
    assert answer.media_type == "text/html"


@pytest.mark.parametrize("encoding", ["cp1251", "utf-8", "shift_jis"])
def test_html_is_read_in_the_encoding_it_declares(read, encoding):
    text = "Возврат" if encoding != "shift_jis" else "返品"
    markup = f'<html><head><meta charset="{encoding}"></head><body><p>{text}</p></body></html>'
    assert read("a.html", markup.encode(encoding)).text == text


def test_pdf_gives_the_text_of_all_pages(read):
    content = files.pdf(
        [["Hello (world)", "café € – two"], ["a hyphen-", "ated word"]],
        b"/Title(Report)/Author(Ann Lee)/CreationDate(D:20240131120000+01'00')/Keywords(a; b)",
    )
    answer = read("a.pdf", content)
    assert answer.text == "Hello (world)\ncafé € – two\n\na hyphenated word"
    assert answer.title == "Report"
    assert answer.metadata == {"pages": 2, "author": "Ann Lee", "created": "2024-01-31T11:00:00Z", "tags": ["a", "b"]}


def test_word_files_give_paragraphs_tables_notes_and_headers(read):
    body = (
        files.paragraph("Heading", "Title")
        + "<w:p><w:r><w:t>one</w:t><w:tab/><w:t xml:space='preserve'> two</w:t><w:br/><w:t>three</w:t></w:r></w:p>"
        + "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>name</w:t></w:r></w:p><w:p><w:r><w:t>of it</w:t></w:r></w:p></w:tc>"
        + "<w:tc><w:p><w:r><w:t>price</w:t></w:r></w:p></w:tc></w:tr></w:tbl>"
        + "<w:p><w:del><w:r><w:delText>gone</w:delText></w:r></w:del><w:r><w:instrText>PAGE</w:instrText></w:r>"
        + "<mc:AlternateContent><mc:Choice><w:r><w:t>boxed</w:t></w:r></mc:Choice>"
        + "<mc:Fallback><w:r><w:t>boxed</w:t></w:r></mc:Fallback></mc:AlternateContent></w:p>"
    )
    aside = '<w:x xmlns:w="w">{}</w:x>'
    parts = {
        "word/footnotes.xml": aside.format(files.paragraph("a footnote")),
        "word/header1.xml": aside.format(files.paragraph("Confidential")),
        "word/header2.xml": aside.format(files.paragraph("Confidential")),
    }
    answer = read("a.docx", files.docx(body, parts))
    assert answer.text == "Heading\none\t two\nthree\nname of it\tprice\nboxed\na footnote\nConfidential"
    assert answer.title == "Annual report"
    assert answer.metadata == {
        "author": "Ann Lee",
        "tags": ["money", "people"],
        "created": "2024-05-01T10:00:00Z",
        "modified": "2024-05-02T10:00:00Z",
    }
    assert read("a.docx", files.docx(body, parts, core="")).title == "Heading"


def test_slides_come_in_the_order_of_the_show_with_their_notes(read):
    answer = read("a.pptx", files.pptx([("First", "one", "say this"), ("Second", "two", "and that")]))
    assert answer.text == "First\none\nsay this\n\nSecond\ntwo\nand that"
    assert answer.title == "First"
    assert answer.metadata == {"pages": 2}


STYLES = (
    '<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    '<numFmts count="1"><numFmt numFmtId="164" formatCode="[$-407]d. mmm yyyy;@"/></numFmts>'
    '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/></cellXfs></styleSheet>'
)
STRINGS = (
    '<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>shared</t></si>'
    "<si><r><t xml:space='preserve'>rich </t></r><r><t>text</t></r></si></sst>"
)
MIXED = (
    '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c><c r="C1" s="1"><v>45413</v></c>'
    '<c r="D1" s="2"><v>45413.5</v></c><c r="E1" t="b"><v>1</v></c><c r="F1"><v>2.50</v></c>'
    '<c r="G1" t="str"><f>A1</f><v>computed</v></c></row>'
)


def test_workbooks_give_all_sheets_and_every_row(read):
    rows = "".join(files.row(n, f"name {n}", float(n)) for n in range(1, 15_001))
    answer = read(
        "a.xlsx",
        files.xlsx({"Prices": rows, "Mixed": MIXED}, {"xl/styles.xml": STYLES, "xl/sharedStrings.xml": STRINGS}),
    )
    assert answer.warning is None
    lines = answer.text.splitlines()
    assert lines[:3] == ["Prices", "name 1\t1", "name 2\t2"]
    assert lines[15_000] == "name 15000\t15000"
    assert lines[-2:] == ["Mixed", "shared\trich text\t2024-05-01\t2024-05-01 12:00:00\tTRUE\t2.5\tcomputed"]


def test_a_sheet_with_a_cell_in_the_last_corner_reads_the_same_as_a_dense_one(read):
    corner = files.row(1_048_576, "the end", first="XFD")
    parts = {"xl/styles.xml": STYLES, "xl/sharedStrings.xml": STRINGS}
    dense = read("a.xlsx", files.xlsx({"Mixed": MIXED}, parts)).text
    sparse = read("a.xlsx", files.xlsx({"Mixed": MIXED + corner}, parts)).text
    assert sparse == dense + "\nthe end"


def test_excel_97_is_read_too(read):
    answer = read("a.xls", files.xls("Prices", [(0, 0, "hammer"), (0, 1, 12.0), (5, 0, "end")]))
    assert answer.text == "Prices\nhammer\t12\nend"
    assert answer.media_type == "application/vnd.ms-excel"


def test_opendocument_texts_sheets_and_slides(read):
    text = (
        "<office:text><text:tracked-changes><text:p>deleted</text:p></text:tracked-changes>"
        "<text:h>Heading</text:h><text:p>one<text:tab/>two<text:s text:c='2'/>three<text:line-break/>four</text:p>"
        "<text:list><text:list-item><text:p>item</text:p></text:list-item></text:list></office:text>"
    )
    answer = read("a.odt", files.opendocument("text", text))
    assert answer.text == "Heading\none\ttwo  three\nfour\nitem"
    assert answer.title == "Heading"
    assert answer.metadata == {"author": "Ann Lee", "created": "2024-05-01T10:00:00"}

    cell = "<table:table-cell><text:p>{}</text:p></table:table-cell>"
    gap = "<table:table-cell table:number-columns-repeated='16384'/>"
    rows = f"<table:table-row>{cell.format('hammer')}{gap}{cell.format('12')}</table:table-row>"
    empty = f"<table:table-row table:number-rows-repeated='1048576'>{gap}</table:table-row>"
    sheet = f'<office:spreadsheet><table:table table:name="Prices">{rows}{empty}</table:table></office:spreadsheet>'
    assert read("a.ods", files.opendocument("spreadsheet", sheet, title="Book")).text == "Prices\nhammer\t12"

    show = "<office:presentation><draw:page><text:p>slide</text:p></draw:page></office:presentation>"
    assert read("a.odp", files.opendocument("presentation", show)).text == "slide"


def test_books_give_their_chapters_in_reading_order(read):
    answer = read(
        "a.epub",
        files.epub({"z.xhtml": "<h1>One</h1><p>first</p>", "a%20b.xhtml": "<p>lost</p>", "b.xhtml": "<p>last"}),
    )
    assert answer.text == "One\nfirst\n\nlast"
    assert answer.title == "A book"
    assert answer.metadata == {"author": "Ann Lee", "language": "en"}


def test_mail_gives_subject_people_date_body_and_text_attachments(read):
    answer = read("a.eml", MAIL.replace("\n", "\r\n").encode())
    assert answer.title == "Grüße"
    assert answer.text.replace("\r\n", "\n") == (
        "Café, plain\n\nprices.csv\nhammer,12\n\nEnclosed\nold@example.org\nenclosed words"
    )
    assert answer.metadata == {
        "subject": "Grüße",
        "sender": "Jürgen <j@example.org>",
        "recipients": ["Ann <ann@example.org>", "bo@example.org", "cy@example.org"],
        "created": "2024-05-01T08:00:00Z",
        "attachments": ["prices.csv", "scan.pdf"],
    }


def test_mail_that_is_only_html_is_converted(read):
    answer = read("a.eml", b"Subject: Hi\nContent-Type: text/html; charset=utf-8\n\n<h1>Head</h1><p>one<br>two</p>")
    assert answer.title == "Hi"
    assert answer.text == "Head\none\ntwo"


def test_rich_text(read):
    answer = read("a.rtf", RTF)
    assert answer.text == "Café bold € 5\nПривет a\tb\n{x}In a box\none\ttwo\n😀 end"
    assert answer.title == "The bold title"
    assert answer.metadata == {"author": "Ann Lee", "created": "2024-05-01T10:02:00"}


def test_rich_text_that_is_cut_off_is_read_as_far_as_it_goes(read):
    answer = read("a.rtf", rb"{\rtf1 some words {\b bold")
    assert answer.text == "some words bold"
    assert answer.warning == ("extract.partial", "the file is cut off; what is there was read")


def test_xml_gives_the_text_of_its_elements(read):
    answer = read(
        "feed.rss",
        b'<?xml version="1.0"?><rss><channel><title>News</title>\n<item><p>one <b>two</b></p></item></channel></rss>',
    )
    assert answer.text == "News\none\ntwo"
    assert answer.title == "News"
    assert read("a.xml", b'<list><item name="hammer" price="12"/></list>').text == "item name: hammer\nitem price: 12"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1251", "gbk", "shift_jis"])
def test_xml_is_read_in_the_encoding_it_declares(read, encoding):
    text = "Возврат" if encoding != "gbk" else "退货"
    xml = f'<?xml version="1.0" encoding="{encoding}"?><a>{text}</a>'
    assert read("a.xml", xml.encode(encoding)).text == text


def test_xml_that_is_not_well_formed_is_indexed_as_plain_text_with_a_warning(read):
    answer = read("a.xml", b"<a>words</b>")
    assert answer.text == "<a>words</b>"
    assert answer.warning == ("extract.invalid", "not well-formed XML; indexed as plain text")
