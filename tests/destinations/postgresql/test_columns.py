"""Documents that come as columns: the rows are those of documents that come one by one, whatever is in the table."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from typing import Any

import pytest

from syncline.destinations.postgresql.columns import Copied, _dates
from syncline.destinations.postgresql.rows import dates_of
from syncline.model.documents import Document, encode_metadata
from syncline.model.jobs import JobEvent
from syncline.model.news import Entry
from syncline.model.ports import Ticket
from syncline.model.sheets import Sheet
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
        found = _dates([encode_metadata(row) for row in rows])
        assert [one and json.loads(one) for one in found] == [one and json.loads(one) for one in map(dates_of, rows)], (
            rows
        )


def test_large_columns_are_sent_in_pieces() -> None:
    async def sent() -> list[bytes]:
        sheets = [sheet_of([Document(f"{part}", text="x" * 700_000)]) for part in range(3)]
        return [bytes(piece) async for piece in Copied(sheets, searched=False).pieces()]

    pieces = asyncio.run(sent())
    assert max(map(len, pieces)) <= 256 << 10
    assert b"".join(pieces).count(b"\n") == 3
