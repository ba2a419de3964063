"""The table: made when it is absent, looked at column by column when it is there; languages, vectors, verification."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from syncline.model.documents import Document
from syncline.model.errors import ConfigInvalid, UsageError
from syncline.model.jobs import JobEvent
from syncline.model.news import Refused
from syncline.model.ports import Ticket
from syncline.model.search import Request
from syncline.testing.destination_suite import OWNER, Desk

from .conftest import Place
from .test_faults import Lab


def begun(place: Place, **settings: Any) -> Desk:
    desk = Desk(Lab(place, **settings))  # type: ignore[arg-type]
    desk.source.page_size = 1000
    desk.source.put("a", "The policies were refunded", title="One")
    return desk


def test_the_table_that_is_made_passes_its_own_examination(place: Place) -> None:
    place.index().begin(Ticket(1, 1, 1))
    place.destination().check()
    kinds = dict(
        place.ask(
            "select attname::text, format_type(atttypid, atttypmod) from pg_attribute"
            f" where attrelid = '{place.table}'::regclass and attnum > 0"
        )
    )
    assert kinds == {
        "connector": "bigint", "id": "text", "title": "text", "body": "text", "metadata": "jsonb", "dates": "jsonb",
        "url": "text", "media_type": "text", "allow": "text[]", "deny": "text[]", "checksum": "bigint",
        "written": "bigint", "search": "tsvector",
    }  # fmt: skip


def test_a_check_changes_nothing(place: Place) -> None:
    place.destination().check()
    assert place.ask(f"select 1 from pg_class where relnamespace = '{place.schema}'::regnamespace") == []


@pytest.mark.parametrize(
    ("change", "column", "told"),
    [
        ("drop column url", "url", "missing: alter table … add column url text"),
        ("alter column body type varchar(10)", "body", "is character varying(10), must be text"),
        ("alter column connector type int", "connector", "is integer, must be bigint"),
        ("drop constraint documents_pkey", "connector, id", "no unique constraint"),
        ("add column more int not null", "more", "must have a default, or may be NULL"),
        ("drop column search", "search", "missing"),
    ],
    ids=["missing", "type", "int", "key", "more", "search"],
)
def test_what_a_table_lacks_is_told_column_by_column(place: Place, change: str, column: str, told: str) -> None:
    place.index().begin(Ticket(1, 1, 1))
    place.admin.execute(f"alter table {place.table} {change}; drop table {place.schema}.syncline_writers")
    for attempt in (place.destination().check, lambda: place.destination().begin(Ticket(1, 1, 1), empty=True)):
        with pytest.raises(ConfigInvalid) as error:
            attempt()
        assert error.value.code == "destination.table_unfit"
        assert told in error.value.details["columns"][column]


def test_a_table_of_the_user_may_have_more_columns(place: Place) -> None:
    place.index().begin(Ticket(1, 1, 1))
    place.admin.execute(
        f"alter table {place.table} add column note text, add column at timestamptz not null default now();"
        f"drop table {place.schema}.syncline_writers"
    )
    desk = begun(place)
    assert desk.run().event is JobEvent.FINISH
    assert place.rows("id, note") == [("a", None)]


def test_a_schema_and_a_table_may_have_odd_names(place: Place) -> None:
    desk = begun(place, table=f"{place.schema}.Odd \"name' \\ x")
    assert desk.run().event is JobEvent.FINISH
    assert desk.agrees()


def test_a_language_finds_other_forms_of_a_word(place: Place) -> None:
    desk = begun(place, language="english")
    desk.run()
    assert desk.found("policy refund") == ["a"]
    (hit,) = desk.ask("refunds", highlight=("[", "]")).hits
    assert "[refunded]" in hit.snippet
    assert desk.found("the") == []  # a stop word


def test_another_language_writes_every_document_anew(place: Place) -> None:
    desk = begun(place)
    desk.run()
    assert desk.found("policy") == []
    desk.lab.settings["language"] = "english"
    desk.reopen()
    assert desk.run().counters.updated == 1
    assert desk.found("policy") == ["a"]


def test_without_a_language_words_are_refused_and_conditions_answered(place: Place) -> None:
    desk = begun(place, language="none")
    desk.run()
    assert desk.found() == ["a"]
    with pytest.raises(UsageError) as error:
        desk.ask("policy")
    assert error.value.code == "destination.no_search"


def test_an_unknown_language_is_told(place: Place) -> None:
    for attempt in (place.destination(language="klingon").check, lambda: begun(place, language="klingon").ticket()):
        with pytest.raises(ConfigInvalid) as error:
            attempt()
        assert error.value.code == "destination.no_language"


def test_ids_and_texts_that_cannot_be_stored_are_refused_one_by_one(place: Place) -> None:
    desk = begun(place)
    for id in ("nul\0id", "x" * 2001):
        desk.source.documents[id] = Document(id, text="text", version="1")
    ending = desk.run()
    assert (ending.event, ending.counters.inserted, ending.counters.failed) == (JobEvent.FINISH_WITH_SKIPS, 1, 2)
    assert place.rows("id") == [("a",)]
    (answer,) = place.destination().transforms()[0].apply([Document("half\ud800", text="")])
    assert isinstance(answer, Refused)
    assert answer.error.code == "destination.id_unusable"


def test_a_text_too_long_to_be_searched_is_taken_with_a_warning(place: Place) -> None:
    desk = begun(place)
    desk.source.put("long", "begin " + "word " * 60_000 + "end")
    assert desk.run().counters.warnings == 1
    assert desk.found("begin") == ["long"]


def test_metadata_has_dates_beside_it(place: Place) -> None:
    desk = begun(place)
    desk.put(Document("d", text="t", metadata={"at": "2024-01-01T00:00:00+02:00", "s": "x"}))
    assert place.rows("dates::text", "id = 'd'") == [('{"at": [1704060000000000]}',)]


# --- vectors


def embed(
    texts: list[str], *, dimensions: int = 3, fail: str = "", calls: list[int] | None = None
) -> list[list[float]]:
    """An embedder: three numbers made of a text."""
    CALLS.append(len(texts))
    if fail and any(fail in text for text in texts):
        raise RuntimeError("too much")
    return [[float(len(text)), 1.0, 0.5][:dimensions] for text in texts]


CALLS: list[int] = []
EMBEDDER = f"{__name__}:embed"


@pytest.fixture
def embedded(place: Place, vectors: bool, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Desk]:
    if not vectors:
        pytest.skip("NOT TESTED: the server has no pgvector")
    import sys

    monkeypatch.setitem(sys.modules, __name__, sys.modules[embed.__module__])
    CALLS.clear()

    def make(**settings: Any) -> Desk:
        return begun(place, embedder=EMBEDDER, dimensions=3, **settings)

    return make


def test_vectors_are_made_of_what_has_changed_only(place: Place, embedded: Callable[..., Desk]) -> None:
    desk = embedded()
    for n in range(100):
        desk.source.put(f"d{n:02}", "x" * n)
    assert desk.run().event is JobEvent.FINISH
    assert sum(CALLS) == 101
    assert len(CALLS) < 10
    assert place.rows("embedding::text", "id = 'd07'") == [("[7,1,0.5]",)]
    desk.source.put("d07", "longer")
    desk.run()
    assert sum(CALLS) == 102
    assert place.rows("embedding::text", "id = 'd07'") == [("[6,1,0.5]",)]


def test_an_embedder_that_fails_fails_documents_and_not_the_job(place: Place, embedded: Callable[..., Desk]) -> None:
    desk = embedded(embedder_settings={"fail": "poison"})
    desk.source.put("b", "poison")
    desk.source.put("c", "fine")
    ending = desk.run()
    assert (ending.event, ending.counters.inserted, ending.counters.failed) == (JobEvent.FINISH_WITH_SKIPS, 2, 1)
    assert [row[0] for row in place.rows("id")] == ["a", "c"]
    desk.source.put("b", "healed")
    assert desk.run().counters.inserted == 1


def test_an_embedder_that_always_fails_is_not_asked_for_each_document(embedded: Callable[..., Desk]) -> None:
    desk = embedded(embedder_settings={"fail": "x"})
    for n in range(60):
        desk.source.put(f"d{n:02}", "x")
    assert desk.run().counters.failed == 60
    assert len(CALLS) < 10


def test_vectors_of_another_length_are_refused(embedded: Callable[..., Desk], place: Place) -> None:
    desk = embedded(embedder_settings={"dimensions": 2})
    (answer,) = (
        place.destination(embedder=EMBEDDER, dimensions=3, embedder_settings={"dimensions": 2})
        .transforms()[0]
        .apply([Document("a", text="x")])
    )
    assert isinstance(answer, Refused)
    assert answer.error.code == "embedding.dimensions"
    assert desk.run().counters.failed == 1


def test_another_embedder_makes_every_vector_anew(embedded: Callable[..., Desk]) -> None:
    desk = embedded()
    desk.run()
    desk.lab.settings["embedder_settings"] = {"dimensions": 3}
    desk.reopen()
    assert desk.run().counters.updated == 1


def test_an_embedder_that_is_not_there_ends_the_job(place: Place, vectors: bool) -> None:
    if not vectors:
        pytest.skip("NOT TESTED: the server has no pgvector")
    for name in ("nowhere:embed", "nobody", "json:nothing"):
        desk = begun(place, embedder=name, dimensions=3)
        ending = desk.run()
        assert ending.event is JobEvent.FAIL
        assert ending.error is not None
        assert ending.error.code == "embedding.no_embedder"


# --- looking after it


def test_pages_of_documents_come_in_order(place: Place) -> None:
    desk = begun(place)
    desk.put(*[Document(id, text=f"text of {id}") for id in ("b", "B", "ä", "a")], at=desk.ticket(1))
    desk.put(Document("a", text="theirs"), at=desk.ticket(2))
    destination = place.destination()
    assert [(one.connector, one.id) for one in destination.page((0, ""), 10, 5)] == [
        (1, "B"), (1, "a"), (1, "b"), (1, "ä"), (2, "a"),
    ]  # fmt: skip
    assert [one.id for one in destination.page((1, "a"), 2, 5, 1)] == ["b", "ä"]
    (mine, theirs) = destination.one([1, 2], "a")
    assert (mine.text, theirs.text, mine.chars) == ("text of a", "theirs", 9)
    assert destination.page((1, "a"), 1, 4)[0].text == "text"


def test_what_was_altered_in_the_database_is_found(place: Place) -> None:
    desk = begun(place)
    desk.source.put("b", "other")
    desk.run()
    destination = place.destination()
    assert [tuple(found) for found in destination.stock(1, "", 10)] == [("a", True), ("b", True)]
    place.admin.execute(f"update {place.table} set body = 'altered' where id = 'b'")
    assert [tuple(found) for found in destination.stock(1, "", 10)] == [("a", True), ("b", False)]
    destination.discard(1, ["b", "c"])
    assert [found.id for found in destination.stock(1, "", 10)] == ["a"]


def test_a_search_of_an_index_that_was_never_filled_finds_nothing(place: Place) -> None:
    index = place.index()
    assert index.search(Request("x", reader=OWNER), {}).total == 0
    assert place.destination().page((0, ""), 10, 10) == []
    place.destination().drop(1)
    place.destination().drop(None)
