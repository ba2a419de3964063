"""A generator with a decorator is a source: what it may be, what it may yield, and what comes of its errors."""

from __future__ import annotations

import functools

import pytest
from pydantic import BaseModel, Field, SecretStr

from syncline import Checkpoint, Document, Tombstone, source
from syncline.model.errors import CredentialsInvalid, SourceProtocolError, SourceUnavailable, UsageError
from syncline.model.news import Complete, Refused, Skipped, Unlisted
from syncline.model.ports import Interruptible, ListingSource, StreamSource


class TicketsConfig(BaseModel):
    """Tickets of one project."""

    project: str = Field(description="Key of the project.")
    token: SecretStr = SecretStr("")


def opened(made, config=None):
    return made.kind.load_source()(config)


def yielding(*items):
    """A source that yields these."""

    @source("some")
    def some(config):
        yield from items

    return opened(some)


def raising(error, config=None):
    @source("bad", config=TicketsConfig)
    def bad(config):
        yield Document("a", text="x")
        raise error

    return opened(bad, config)


# --- the kind


def test_a_decorated_generator_is_a_kind_and_still_a_generator_function():
    @source("tickets", config=TicketsConfig, identity=("project",))
    def tickets(config):
        yield Document(f"{config.project}-1", text="one")

    kind = tickets.kind
    assert (kind.name, kind.title, kind.identity, kind.plain) == (
        "tickets",
        "Tickets of one project",
        ("project",),
        False,
    )
    assert kind.load_config() is TicketsConfig
    assert kind.config.endswith(":TicketsConfig")
    assert [d.id for d in tickets(TicketsConfig(project="DOCS"))] == ["DOCS-1"]


def test_a_source_without_settings_gets_an_empty_namespace():
    @source("clock")
    def clock(config):
        """What time it is. In many words."""
        yield Document("now", text=str(vars(config)))

    assert clock.kind.plain
    assert clock.kind.title == "What time it is. In many words"
    assert clock.kind.load_config().model_json_schema()["properties"] == {}


def test_the_title_is_given_or_read_off_a_docstring_or_the_name():
    def plain(config):
        yield from ()

    assert source("my_notes", title="Notes")(plain).kind.title == "Notes"
    assert source("my_notes", config=TicketsConfig)(plain).kind.title == "Tickets of one project"
    assert source("my_notes")(plain).kind.title == "My notes"
    assert source("my_notes")(functools.partial(plain)).kind.title == "My notes"


def test_a_generator_source_is_a_stream_that_cannot_be_interrupted():
    made = yielding()
    assert isinstance(made, StreamSource)
    assert not isinstance(made, ListingSource)
    assert not isinstance(made, Interruptible)


def test_one_parameter_lists_everything_and_a_second_makes_it_incremental():
    def lists(config, page_size=10):
        yield from ()

    def feeds(config, cursor):
        yield from ()

    def feeds_too(config, cursor=None):
        yield from ()

    assert [opened(source("x")(f)).incremental for f in (lists, feeds, feeds_too)] == [False, True, True]


async def _asynchronous(config):
    yield Document("a", text="x")


def _too_many(config, cursor, more):
    yield


def _none():
    yield


def _keyword_only(config, *, cursor):
    yield


@pytest.mark.parametrize("function", [_asynchronous, _too_many, _none, _keyword_only, "text", type("Empty", (), {})])
def test_what_could_never_work_is_refused_when_it_is_decorated(function):
    with pytest.raises(UsageError):
        source("x")(function)


@pytest.mark.parametrize("name", ["", "Tickets", "a b", "a:b", "./a", None, "x" * 65])
def test_a_kind_has_a_plain_name(name):
    with pytest.raises(UsageError, match="cannot be named"):
        source(name)(lambda config: [])


def test_identity_names_fields_of_the_config():
    with pytest.raises(UsageError, match="'projct'"):
        source("x", config=TicketsConfig, identity=("projct",))(lambda config: [])
    with pytest.raises(UsageError, match="pydantic"):
        source("x", config=dict)(lambda config: [])
    assert source("x", config=TicketsConfig, identity="project")(lambda config: []).kind.identity == ("project",)


# --- what comes out


def test_the_normal_end_of_the_generator_is_the_end_of_scan_proof():
    documents = [Document("a", text="x"), Document("b", text="y")]
    assert list(yielding(*documents).read(None)) == [*documents, Complete()]
    assert list(yielding().read(None)) == [Complete()]


def test_a_source_that_returns_a_list_is_as_good_as_a_generator():
    assert len(list(opened(source("x")(lambda config: [Document("a", text="x")])).read(None))) == 2


def test_load_is_passed_on_and_not_called():
    called = []
    lazy = Document("a", version="1", load=lambda: called.append(1) or b"body")
    (document, _) = yielding(lazy).read(None)
    assert document.load is lazy.load
    assert not called


def test_everything_a_stream_may_say_is_passed_on():
    error = SourceUnavailable("no")
    news = [Tombstone("a"), Skipped("b", "rule"), Unlisted("c/", error), Refused("d", error)]
    assert list(yielding(*news).read(None))[:-1] == news


def test_an_incremental_source_is_read_from_its_cursor_and_ends_with_its_last_checkpoint():
    @source("feed")
    def feed(config, cursor):
        start = int(cursor or 0)
        for n in range(start, 4):
            yield Document(str(n), text="x")
            yield Checkpoint(str(n + 1))

    everything = list(opened(feed).read(None))
    assert everything[-1] == Complete(cursor="4")
    assert [d.id for d in opened(feed).read("2") if isinstance(d, Document)] == ["2", "3"]
    assert list(opened(feed).read("4")) == [Complete(cursor="4")]


def test_without_a_checkpoint_an_incremental_source_stays_where_it_was():
    made = opened(source("feed")(lambda config, cursor: [Document("a", text="x")]))
    assert list(made.read("7"))[-1] == Complete(cursor="7")
    assert list(made.read(None))[-1] == Complete(cursor=None)


def test_a_checkpoint_of_a_source_without_a_cursor_is_a_mistake():
    with pytest.raises(SourceProtocolError, match="second parameter"):
        list(yielding(Checkpoint("1")).read(None))


def test_closing_the_reading_closes_the_generator():
    closed = []

    @source("x")
    def some(config):
        try:
            yield Document("a", text="x")
            yield Document("b", text="x")
        finally:
            closed.append(True)

    reading = opened(some).read(None)
    next(reading)
    reading.close()
    assert closed == [True]


# --- errors


def test_errors_of_the_family_pass_through():
    error = CredentialsInvalid("the token has expired")
    with pytest.raises(CredentialsInvalid) as caught:
        list(raising(error).read(None))
    assert caught.value is error


def test_any_other_error_is_wrapped_with_its_type_and_text_and_never_completes():
    error = KeyError("summary")
    news = []
    with pytest.raises(SourceProtocolError) as caught:
        news.extend(raising(error).read(None))
    assert [type(item) for item in news] == [Document]
    assert caught.value.code == "source.raised"
    assert caught.value.message == "the source raised KeyError: 'summary'"
    assert caught.value.remedy
    assert caught.value.__cause__ is error


def test_a_stop_iteration_does_not_pass_for_the_end():
    with pytest.raises(SourceProtocolError, match="StopIteration"):
        list(raising(StopIteration()).read(None))


def test_a_secret_is_never_in_the_message():
    config = TicketsConfig(project="DOCS", token="s3cret")
    with pytest.raises(SourceProtocolError) as caught:
        list(raising(OSError("GET https://api/?token=s3cret: 500"), config).read(None))
    assert caught.value.message == "the source raised OSError: GET https://api/?token=***: 500"


def test_a_long_message_is_cut():
    with pytest.raises(SourceProtocolError) as caught:
        list(raising(ValueError("x" * 10_000)).read(None))
    assert len(caught.value.message) < 600


def test_interrupts_of_the_process_are_not_caught():
    with pytest.raises(KeyboardInterrupt):
        list(raising(KeyboardInterrupt()).read(None))


def test_check_is_the_authors_and_its_errors_are_treated_alike():
    def refuse(config):
        raise ConnectionError("refused")

    source("x")(lambda config: []).kind.load_source()(None).check()
    with pytest.raises(SourceProtocolError, match="ConnectionError: refused"):
        opened(source("x", check=refuse)(lambda config: [])).check()


# --- bad yields


@pytest.mark.parametrize(
    ("item", "named"),
    [
        (None, "None"),
        ({"id": "a"}, r"a dict .*Yield Document"),
        ("text", "a str"),
        (42, "an int"),
        (Complete(), "a Complete .*by coming to its end"),
        (Tombstone(""), "a Tombstone whose id is empty"),
        (Tombstone(7), "a Tombstone whose id is an int"),
        (Refused("a", ValueError("x")), "must be a SynclineError"),
        (Unlisted("a", "gone"), "must be a SynclineError"),
        (Unlisted(None, SourceUnavailable("x")), "prefix is None"),
    ],
)
def test_a_wrong_yield_is_named(item, named):
    with pytest.raises(SourceProtocolError, match=named):
        list(yielding(item).read(None))


def test_a_checkpoint_carries_text():
    with pytest.raises(SourceProtocolError, match="cursor is an int"):
        list(opened(source("x")(lambda config, cursor: [Checkpoint(5)])).read(None))


def test_forgetting_to_yield_is_named():
    with pytest.raises(SourceProtocolError, match="returned None"):
        list(opened(source("x")(lambda config: None)).read(None))


def test_a_bad_document_fails_alone():
    bad = Document("bad", text=5)
    before, refused, after, complete = yielding(Document("a", text="x"), bad, Document("b", text="y")).read(None)
    assert (before.id, after.id, complete) == ("a", "b", Complete())
    assert (refused.id, refused.stage, refused.error.code) == ("bad", "read", "document.invalid")
    assert refused.error.message == "the text is an int, not text"


@pytest.mark.parametrize("id", [None, 7, "", "a\0b", "\ud800", "x" * 4097])
def test_a_document_whose_id_cannot_be_used_ends_the_job(id):
    with pytest.raises(SourceProtocolError, match="a Document whose id"):
        list(yielding(Document(id, text="x")).read(None))
