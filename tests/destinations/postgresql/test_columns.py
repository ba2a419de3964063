"""Documents that come as columns: the rows are those of documents that come one by one, whatever is in the table."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Sequence
from typing import Any

import pytest

from syncline.destinations.postgresql import columns
from syncline.destinations.postgresql.columns import Columns, _dates
from syncline.destinations.postgresql.rows import dates_of
from syncline.model.documents import Document, encode_metadata
from syncline.model.jobs import JobEvent
from syncline.model.news import Entry
from syncline.model.ports import Ticket
from syncline.model.sheets import Sheet
from syncline.testing.crashes import CrashAt, SimulatedCrash
from syncline.testing.destination_suite import Desk
from syncline.testing.memory import MemorySheets

from .conftest import Place, url_of
from .test_faults import Cable, Lab, cable, code_of

__all__ = ["cable"]

COLUMNS = "id, title, body, metadata::text, dates::text, url, media_type, allow, deny, checksum"
TEXTS = (
    "plain",
    "",
    "\0 NUL \0",
    "\x1b\x1c\x1d\x1e\x1f",
    "\x1d",
    "\\N\t\\.\n\\.\n\r\\\\",
    '"quoted" \' {a,b} [] %s',
    "漢字 ünïcödé 🍒 עברית",
    "NaN and Infinity",
    "\\u0000",
)
DATES = (
    "2026-01-01T00:00:01+00:00",
    "1970-01-01T00:00:00+00:00",
    "2026-01-01",
    "2026-01-01T00:00:01",
    "2026-01-01 10:00",
    "2026-W01-1T00:00:01+00:00",
    "2026-13-01T00:00:01+00:00",
    "2026-01-01T00:00:01.5+02:00",
    '":"2026-01-01',
)
VALUES: tuple[Any, ...] = (*DATES, "x", "", 'a"b', "\\", 5, 1.5, None, True, ["2026-01-01", "x"], {"a": "2026-01-01"})
NAMES = ("a", 'b"c', '"', "d\\", "updated_at", 'x"updated_at', ":", "\n", "é", "%s")


def documents() -> list[Document]:
    """Every text everywhere, and dates of every kind."""
    made = [
        Document(f"text {n}", text=text, title=text, metadata={"k": text, text or "empty": n}, version="1")
        for n, text in enumerate(TEXTS)
    ]
    made += [Document(f"date {n}", text="", metadata={"day": value}, version="1") for n, value in enumerate(DATES)]
    made.append(Document("odd float", text="x", metadata={"n": float("nan"), "m": [float("inf")]}, version="1"))
    made.append(Document("who", text="x", url="https://x.org/\n", allow=('b"\\,{}', "a", "NULL", ""), version="1"))
    return [*made, *[Document(id, text=id, version="1") for id in ("'", "%_*?[", "x" * 500, "ü")]]


def sheet_of(given: Sequence[Document]) -> Sheet:
    made = MemorySheets(given).sheet([Entry(one.id, one.version) for one in given])
    assert made is not None
    return made


@pytest.mark.parametrize("language", ["simple", "none"])
def test_the_rows_are_those_of_documents_one_by_one(place: Place, language: str) -> None:
    one, two = Ticket(1, 1, 1), Ticket(2, 1, 2)
    destination = place.destination(language=language)
    for ticket in (one, two):
        destination.begin(ticket, empty=True)
    given = documents()
    destination.write(one, given, [])
    destination.paste(two, [sheet_of(given[:5]), sheet_of(given[5:])])
    columns = COLUMNS + (", search::text" if language != "none" else "")
    assert place.rows(columns, "connector = 2") == place.rows(columns, "connector = 1")
    order = [place.rows("written, id", f"connector = {connector}") for connector in (1, 2)]
    assert [[id for _, id in sorted(rows)] for rows in order] == [[one.id for one in given]] * 2
    assert min(order[1]) > max(order[0])
    assert all(found.intact for found in destination.stock(2, "", 100))


def test_rows_that_are_there_already_are_replaced(place: Place) -> None:
    one, two = Ticket(1, 1, 1), Ticket(2, 1, 2)
    destination = place.destination()
    for ticket in (one, two):
        destination.begin(ticket, empty=True)
        destination.paste(ticket, [sheet_of([Document("a", text="before"), Document("b", text="before")])])
    destination.paste(one, [sheet_of([Document("c", text="new"), Document("a", text="after")])])
    assert place.rows("connector, id, body") == [
        (1, "a", "after"), (1, "b", "before"), (1, "c", "new"), (2, "a", "before"), (2, "b", "before"),
    ]  # fmt: skip


def test_a_row_of_an_earlier_version_is_intact_until_it_is_altered(place: Place) -> None:
    ticket, destination = Ticket(1, 1, 1), place.destination()
    destination.begin(ticket, empty=True)
    destination.paste(ticket, [sheet_of([Document("a", text="text", metadata={"k": 1.5}, allow=("x",))])])
    place.admin.execute(
        f"update {place.table} set checksum = hashtextextended(concat_ws(E'\\x1f', title, body, metadata::text, url,"
        " media_type, allow::text, deny::text), 0)"
    )
    assert [tuple(found) for found in destination.stock(1, "", 10)] == [("a", True)]
    place.admin.execute(f"update {place.table} set title = 'x'")
    assert [tuple(found) for found in destination.stock(1, "", 10)] == [("a", False)]


@pytest.fixture
def desk(place: Place, cable: Cable, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A job that reads columns, writes beside itself, and has a cable to the server."""
    monkeypatch.setattr("syncline.destinations.remote.BESIDE_ROWS", 1)
    made = Desk(Lab(place, url=url_of(place.server.given, host=cable.folder)))  # type: ignore[arg-type]
    made.source = MemorySheets([Document(f"d{n:03}", text=f"text {n}", version="1") for n in range(300)])
    return made


def test_an_answer_to_columns_that_is_lost_is_asked_for_again(place: Place, cable: Cable, desk: Desk) -> None:
    desk.ticket()
    cable.cut_at(b"COMMIT", forward=True, times=2)
    ending = desk.run()
    assert (ending.event, ending.counters.inserted, cable.cuts) == (JobEvent.FINISH, 300, 2)
    assert place.slept
    assert desk.agrees()
    assert desk.run().counters.changed == 0


def test_a_connection_lost_in_the_middle_of_a_column_is_taken_up_again(place: Place, cable: Cable, desk: Desk) -> None:
    desk.source.put("d150", "x" * 90_000 + "HERE" + "y" * 90_000)
    desk.ticket()
    cable.cut_at(b"xHEREy", forward=False)
    assert (desk.run().event, cable.cuts) == (JobEvent.FINISH, 1)
    assert desk.agrees()


def test_invariants_01_07_columns_that_may_have_been_written_go_when_the_source_has_them_no_more(
    place: Place, cable: Cable, desk: Desk
) -> None:
    desk.ticket()
    write = desk.index.destination.paste  # type: ignore[attr-defined]

    def lost(*given: Any) -> None:
        write(*given)
        cable.cut_at(b"BEGIN", forward=False, times=1000)
        write(*given)

    desk.index.destination.paste = lost  # type: ignore[attr-defined]
    ending = desk.run()
    assert (ending.event, code_of(ending)) == (JobEvent.FAIL, "destination.connection_lost")
    assert len(place.rows()) > 0
    cable.times = 0
    for n in range(0, 300, 2):
        desk.source.remove(f"d{n:03}")
    desk.reopen()
    assert desk.run().event is JobEvent.FINISH
    assert len(place.rows()) == 150
    assert desk.agrees()


def test_columns_that_cannot_be_stored_are_left_to_be_looked_at(place: Place) -> None:
    (prepare,) = place.destination().transforms()
    leaves = prepare.leaves  # type: ignore[attr-defined]
    assert leaves(sheet_of([Document("a", text="x" * 200_000, version="1"), Document("ü" * 1000, text="")]))
    for odd in (Document("nul\0id", text=""), Document("ü" * 1001, text=""), Document("a", text="x" * 200_001)):
        assert not leaves(sheet_of([Document("b", text=""), odd]))
    (prepare,) = place.destination(embedder="json:dumps", dimensions=3).transforms()
    assert not prepare.leaves(sheet_of([Document("a", text="")]))  # type: ignore[attr-defined]


@pytest.mark.parametrize("seed", range(4))
def test_dates_that_are_cut_out_of_the_text_are_those_of_each_document(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(500):
        usual = {name: dice.choice(VALUES) for name in dice.sample(NAMES, dice.randrange(1, 4))}
        rows = [
            {name: value if dice.random() < 0.7 else dice.choice(VALUES) for name, value in usual.items()}
            if dice.random() < 0.8
            else {name: dice.choice(VALUES) for name in dice.sample(NAMES, dice.randrange(3))}
            for _ in range(dice.randrange(1, 6))
        ]
        found = _dates([encode_metadata(row) for row in rows]) or [""] * len(rows)
        wanted = [dates_of(row) or "" for row in rows]
        assert [one and json.loads(one) for one in found] == [one and json.loads(one) for one in wanted], rows


def test_large_columns_are_sent_in_pieces(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "PIECE", 3000)
    given = [Document(f"{n:02}", text=str(n % 10) * (3500 if n == 7 else 500), version="1") for n in range(40)]
    who = [Document(f"who {n}", text="x" * 2000, url=f"https://x.org/{n}", allow=(f"{n}",)) for n in range(3)]
    sheets = [sheet_of(given[:30]), sheet_of(given[30:]), sheet_of(who)]
    sizes = [one[2] for one in Columns(sheets, searched=False).parameters(1, 0)]
    assert (max(sizes), sizes.count(1), sum(sizes)) == (5, 5, 43)
    destination, ticket = place.destination(), Ticket(1, 1, 1)
    destination.begin(ticket, empty=True)
    destination.paste(ticket, sheets)
    wanted = [(one.id, one.text, one.url, list(one.allow), n) for n, one in enumerate([*given, *who], 1)]
    assert place.rows("id, body, url, allow, written") == wanted


@pytest.mark.parametrize("text", ["\x1e", "\x1e0;", "\x1e\x1e0;\x1e1;", "0;\x1e", "\x1e0", ";"])
def test_what_stands_between_values_is_found_in_none_of_them(place: Place, text: str) -> None:
    ticket, destination = Ticket(1, 1, 1), place.destination(language="none")
    destination.begin(ticket, empty=True)
    given = [Document(f"{n}{text}", text=text * n, title=text, url=text, metadata={"k": text}) for n in range(4)]
    destination.paste(ticket, [sheet_of(given)])
    wanted = [(one.id, one.text, one.title, one.url) for one in given]
    assert place.rows("id, body, title, url") == wanted
    assert all(found.intact for found in destination.stock(1, "", 10))


def test_one_document_and_documents_without_anything_are_rows_like_others(place: Place) -> None:
    ticket, destination = Ticket(1, 1, 1), place.destination()
    destination.begin(ticket, empty=True)
    empty = [Document(f"empty {n}", text="") for n in range(3)]
    linked = Document("linked", text="", url="https://x.org", allow=("a",))
    for given in ([Document("alone", text="")], empty, [linked], [Document("ü", title="—", text="☃")]):
        destination.paste(ticket, [sheet_of(given)])
    plain, who = Document("plain", text="p"), Document("who", text="", allow=("b",))
    destination.paste(ticket, [sheet_of([plain]), sheet_of([who])])
    assert place.rows("id, url, allow, dates::text, search::text") == [
        ("alone", "", [], None, ""), ("empty 0", "", [], None, ""), ("empty 1", "", [], None, ""),
        ("empty 2", "", [], None, ""), ("linked", "https://x.org", ["a"], None, ""), ("plain", "", [], None, "'p':1"),
        ("who", "", ["b"], None, ""), ("ü", "", [], None, ""),
    ]  # fmt: skip


def test_signs_stand_for_blanks_in_what_a_document_is_found_by(place: Place) -> None:
    one, two = Ticket(1, 1, 1), Ticket(2, 1, 2)
    destination = place.destination()
    for ticket in (one, two):
        destination.begin(ticket, empty=True)
    title = "".join(f"{sign}{n:02}" for n, sign in enumerate(string.punctuation))
    given = [Document("a", title=title, text="e-mail it's a_b http://x.org/y?z=1")]
    destination.write(one, given, [])
    destination.paste(two, [sheet_of(given)])
    words = [*(f"{n:02}" for n in range(len(string.punctuation))), "e", "mail", "it", "s", "a", "b", "http", "x", "org"]
    words += ["y", "z", "1"]
    counted = [f"'{word}':{n}{'A' if n <= 32 else ''}" for n, word in enumerate(words, 1)]
    for (found,) in place.rows("search::text"):
        assert sorted(found.split()) == sorted(counted)


def test_what_was_altered_after_it_came_by_column_is_found(place: Place) -> None:
    ticket, destination = Ticket(1, 1, 1), place.destination()
    destination.begin(ticket, empty=True)
    destination.paste(ticket, [sheet_of([Document(id, text="text", metadata={"k": 1}) for id in "abcd"])])
    assert all(found.intact for found in destination.stock(1, "", 10))
    place.admin.execute(f"update {place.table} set body = 'x' where id = 'a'")
    place.admin.execute(f"update {place.table} set metadata = '{{}}' where id = 'b'")
    place.admin.execute(f"update {place.table} set allow = '{{x}}' where id = 'c'")
    assert [found.intact for found in destination.stock(1, "", 10)] == [False, False, False, True]


@pytest.mark.parametrize("point", ["postgresql.write.pasted", "postgresql.write.inside", "postgresql.write.after"])
def test_invariants_01_05_07_an_attempt_that_dies_among_the_pieces_leaves_nothing_believed(
    place: Place, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    monkeypatch.setattr(columns, "PIECE", 600)
    desk = Desk(Lab(place))  # type: ignore[arg-type]
    desk.source = MemorySheets([Document(f"d{n:03}", text=f"text {n}" * 5, version="1") for n in range(300)])
    desk.index = place.index(crash=CrashAt(point))
    with pytest.raises(SimulatedCrash):
        desk.run()
    assert bool(place.rows()) == (point == "postgresql.write.after")
    assert desk.index.count(1)[1] == 0
    for n in range(0, 300, 2):
        desk.source.remove(f"d{n:03}")
    desk.source.put("d001", "edited")
    desk.reopen()
    desk.run(desk.job)
    assert desk.run().event is JobEvent.FINISH
    assert len(place.rows()) == 150
    assert desk.agrees()
    assert desk.run().counters.changed == 0
