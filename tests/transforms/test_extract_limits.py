"""What one document may cost, and what is said when it would cost more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.transforms import files

from syncline.model.documents import Document
from syncline.model.errors import Category, DocumentRejected, Recovery
from syncline.model.news import Refused
from syncline.transforms.extract import Extract, Limits
from syncline.transforms.extract.errors import REMEDIES

MIB = 1 << 20


@pytest.fixture
def within() -> Iterator[Callable[..., Any]]:
    """within(Limits(...))(id, content) is the answer under these limits."""
    opened: list[Extract] = []

    def under(limits: Limits) -> Callable[..., Any]:
        extract = Extract(limits, workers=1)
        opened.append(extract)

        def one(id: str, content: bytes, **fields: Any) -> Any:
            (answer,) = extract.apply([Document(id, content, **fields)])
            return answer

        return one

    yield under
    for extract in opened:
        extract.close()


def refusal(answer: object) -> str:
    """The code of a refusal, after a look at what comes with every one of them."""
    assert isinstance(answer, Refused)
    assert answer.stage == "extract"
    assert isinstance(answer.error, DocumentRejected)
    assert answer.error.recovery is Recovery.SKIP
    assert answer.error.category is Category.DOCUMENT
    assert answer.error.message
    assert answer.error.remedy == REMEDIES[answer.error.code]
    return answer.error.code


WORDS = "words and more words " * 20
LONG = {
    "a.txt": WORDS.encode(),
    "b.txt": WORDS.encode("utf-16"),
    "a.md": b"# Title\n\n" + WORDS.encode(),
    "a.html": f"<title>Title</title><p>{WORDS}".encode(),
    "a.json": b'{"title": "Title", "text": "%s"}' % WORDS.encode(),
    "a.jsonl": b'{"text": "%s"}\n' % WORDS.encode(),
    "a.pdf": files.pdf([[WORDS[:60]] * 5], b"/Title(Title)"),
    "a.docx": files.docx(files.paragraph("Title", "Title") + files.paragraph(WORDS), core=""),
    "a.pptx": files.pptx([("Title", WORDS, "")]),
    "a.xlsx": files.xlsx({"Sheet": files.row(1, WORDS)}),
    "a.xls": files.xls("Sheet", [(0, 0, WORDS[:200])]),
    "a.odt": files.opendocument("text", f"<text:h>Title</text:h><text:p>{WORDS}</text:p>"),
    "a.epub": files.epub({"c.xhtml": f"<p>{WORDS}"}),
    "a.eml": f"Subject: Title\n\n{WORDS}".encode(),
    "a.rtf": rb"{\rtf1{\info{\title Title}}%s}" % WORDS.encode(),
    "a.xml": f"<a><title>Title</title>{WORDS}</a>".encode(),
}


@pytest.mark.parametrize("id", LONG)
def test_text_above_the_limit_is_cut_and_says_so(within, id):
    answer = within(Limits(max_text_chars=100))(id, LONG[id])
    assert 90 <= len(answer.text) <= 100
    assert answer.warning[0] == "extract.cut"
    assert answer.warning[1].startswith("text cut at 100 of ")
    if not id.endswith(("txt", "jsonl", "xls", "xlsx")):
        assert answer.title in ("Title", "A book")


def test_how_much_was_cut_is_told_where_it_is_known(within):
    read = within(Limits(max_text_chars=100))
    assert read("a.txt", b"x" * 101).warning == ("extract.cut", "text cut at 100 of 101 characters")
    assert read("a.txt", "ä".encode() * 3_000_000).warning == ("extract.cut", "text cut at 100 of 3000000 characters")
    assert read("a.txt", b"x" * 100).warning is None
    assert read("a.html", b"x" * 100).warning is None
    assert read("a.html", b"x" * 101).warning == ("extract.cut", "text cut at 100 of more than 100 characters")


def test_text_that_the_source_gives_is_cut_too(within):
    read = within(Limits(max_text_chars=5))
    answer = read("a", None, text="0123456", warning=("source.odd", "odd"))
    assert answer.text == "01234"
    assert answer.warning == ("source.odd", "odd; text cut at 5 of 7 characters")


def test_large_files_are_refused_and_large_text_is_cut(within):
    read = within(Limits(max_content_bytes=5 * MIB, max_text_chars=10 * MIB))
    assert refusal(read("a.pdf", files.pdf([["x"]]) + bytes(5 * MIB))) == "extract.too_large"
    for id in ("a.txt", "a.json", "a.unheard-of"):
        answer = read(id, b"x" * (6 * MIB))
        assert len(answer.text) == 5 * MIB
        assert f"text cut at {10 * MIB} of more than {5 * MIB} characters" in answer.warning[1]


def test_long_json_lines_are_read_as_far_as_the_limit_needs(within):
    answer = within(Limits(max_text_chars=1000))("a.jsonl", b'{"name": "words"}\n' * 400_000)
    assert answer.text.startswith("name: words\n\nname: words")
    assert len(answer.text) <= 1000
    assert answer.warning[0] == "extract.cut"


def test_what_a_zip_declares_is_refused_before_it_is_unpacked(within):
    read = within(Limits(max_unpacked_bytes=8 * MIB))
    assert refusal(read("a.docx", files.docx(" " * (9 * MIB)))) == "extract.bomb"
    assert refusal(read("a.xlsx", files.xlsx({"S": " " * (9 * MIB)}))) == "extract.bomb"
    assert refusal(read("a.odt", files.opendocument("text", " " * (9 * MIB)))) == "extract.bomb"


@pytest.mark.parametrize("make", [lambda pad: files.docx(pad), lambda pad: files.xlsx({"S": pad})])
def test_a_zip_that_lies_about_its_size_is_refused_while_it_is_unpacked(within, make):
    honest = make(" " * (9 * MIB))
    size = max(range(9 * MIB, 9 * MIB + 1000), key=lambda size: honest.count(size.to_bytes(4, "little")))
    lying = honest.replace(size.to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    assert lying != honest
    assert refusal(within(Limits(max_unpacked_bytes=8 * MIB))("a.docx", lying)) == "extract.bomb"


def test_members_that_are_packed_absurdly_well_are_refused(within):
    assert refusal(within(Limits())("a.docx", files.docx(" " * (17 * MIB)))) == "extract.bomb"
    assert within(Limits(max_zip_ratio=2000))("a.docx", files.docx(" " * (17 * MIB))).warning[0] == "extract.empty"


def test_zips_of_very_many_files_are_refused(within):
    parts = {f"word/x{n}.xml": "<a/>" for n in range(50)}
    assert refusal(within(Limits(max_files_in_zip=40))("a.docx", files.docx("", parts))) == "extract.bomb"


LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY l0 "lol">'
    + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    + "]><a>&l9;</a>"
)


def test_entities_made_of_entities_are_refused_wherever_they_are(within):
    read = within(Limits())
    assert refusal(read("a.xml", LAUGHS.encode())) == "extract.bomb"
    assert refusal(read("a.docx", files.office("word/document.xml", {"word/document.xml": LAUGHS}))) == "extract.bomb"
    in_core = files.docx(files.paragraph("x"), core=LAUGHS)
    assert refusal(read("a.docx", in_core)) == "extract.bomb"


def test_an_entity_that_names_another_is_not_yet_an_attack(within):
    xml = '<!DOCTYPE a [<!ENTITY of "Acme"><!ENTITY by "&of; &amp; Sons"><!ENTITY % p "x">]><a>Made by &by;</a>'
    assert within(Limits())("a.xml", xml.encode()).text == "Made by Acme & Sons"


def test_one_large_entity_used_often_is_cut_like_any_text(within):
    quadratic = f'<!DOCTYPE a [<!ENTITY e "{"x" * 100_000}">]><a>{"&e;" * 10_000}</a>'
    answer = within(Limits())("a.xml", quadratic.encode())
    assert answer.warning[0] == "extract.cut" if isinstance(answer, Document) else refusal(answer) == "extract.bomb"


def test_nothing_outside_of_the_file_is_ever_read(within, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret")
    xml = f'<!DOCTYPE a [<!ENTITY x SYSTEM "file://{secret}"><!ENTITY amp2 "R&amp;D">]><a>before &x; &amp2; after</a>'
    assert within(Limits())("a.xml", xml.encode()).text == "before R&D after"


def test_a_workbook_that_claims_to_be_enormous_costs_no_memory(within):
    corner = files.row(1, 1.0) + files.row(1_048_576, 2.5, first="XFD")
    claimed = files.xlsx({"S": corner})
    assert within(Limits(memory_bytes=128 * MIB))("a.xlsx", claimed).text == "S\n1\n2.5"
    disordered = files.row(1_048_576, 2.5, first="XFD") + files.row(1, 1.0)
    answer = within(Limits(memory_bytes=128 * MIB))("a.xlsx", files.xlsx({"S": disordered}))
    assert answer.text == "S\n2.5\n1" if isinstance(answer, Document) else refusal(answer) == "extract.memory"


def test_a_sheet_of_a_million_rows_is_read_up_to_the_text_limit(within):
    rows = "".join(f'<row r="{n}"><c r="A{n}"><v>{n}</v></c></row>' for n in range(1, 500_001))
    answer = within(Limits(max_text_chars=50_000))("a.xlsx", files.xlsx({"S": rows}))
    assert answer.text.startswith("S\n1\n2\n3\n")
    assert answer.warning == ("extract.cut", "text cut at 50000 of more than 50000 characters")


def encrypted_member() -> bytes:
    content = bytearray(files.docx(files.paragraph("x")))
    at = content.rfind(b"PK\x01\x02")
    content[at + 8] |= 1
    return bytes(content)


@pytest.mark.parametrize(
    ("id", "content"),
    [
        ("a.pdf", files.pdf([["secret"]], password="open sesame")),
        ("a.docx", files.ole({"EncryptedPackage": b"x", "EncryptionInfo": b"x"})),
        ("a.docx", encrypted_member()),
        ("a.odt", files.opendocument("text", "", manifest="<manifest><encryption-data/></manifest>")),
        ("a.epub", files.epub({"c.xhtml": "x"}, encryption='<e><CipherReference URI="OPS/c.xhtml"/></e>')),
    ],
)
def test_files_behind_a_password_are_refused_as_encrypted(within, id, content):
    assert refusal(within(Limits())(id, content)) == "extract.encrypted"


DOCX = files.docx(files.paragraph("words " * 500))


@pytest.mark.parametrize(
    ("id", "content"),
    [
        ("a.pdf", b"%PDF-1.7\nnothing"),
        ("a.pdf", b"no PDF at all"),
        ("a.pdf", files.pdf([["words"]])[:60]),
        ("a.docx", DOCX[:-30]),
        ("a.docx", DOCX[: len(DOCX) // 2]),
        ("a.docx", b"PK\x03\x04"),
        ("a.docx", DOCX.replace(b"PK\x03\x04", b"PK\x03\x05")),
        ("a.docx", files.office("word/document.xml", {"word/other.xml": "<a/>"})),
        ("a.docx", files.office("word/document.xml", {"word/document.xml": "<a><b></a>"})),
        ("a.xlsx", files.office("xl/workbook.xml", {"xl/sharedStrings.xml": "<sst/>"})),
        ("a.epub", files.zipped({"mimetype": "application/epub+zip"})),
        ("a.odt", files.zipped({"mimetype": "application/vnd.oasis.opendocument.text"})),
        ("a.xls", files.ole({"Workbook": b"\x09\x08"})),
        ("a.eml", b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--a\nContent-Type: message/rfc822\n\n" * 1200),
    ],
)
def test_files_that_are_cut_off_or_corrupt_are_refused_as_damaged(within, id, content):
    answer = within(Limits())(id, content)
    if id in ("a.xls", "a.eml") and isinstance(answer, Document):
        return  # their readers may make something of it
    assert refusal(answer) == "extract.damaged"


def test_a_changed_byte_in_a_packed_part_is_noticed(within):
    content = bytearray(DOCX)
    at = content.find(b"word/document.xml") + 60
    content[at] ^= 0xFF
    assert refusal(within(Limits())("a.docx", bytes(content))) == "extract.damaged"


def test_a_file_without_visible_text_is_a_warning_and_keeps_its_title(within):
    answer = within(Limits())("scan.pdf", files.pdf([[]], b"/Title(A scan)"))
    assert (answer.text, answer.title, answer.metadata) == ("", "A scan", {"pages": 1})
    assert answer.warning[0] == "extract.empty"


def test_the_recipe_changes_with_what_shapes_the_text_and_with_nothing_else():
    recipe = Extract().recipe
    assert Extract(Limits(wall_s=1, memory_bytes=1 << 28)).recipe == recipe
    assert Extract(Limits(max_text_chars=1000)).recipe != recipe
    assert len(recipe) <= 32
