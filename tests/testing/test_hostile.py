"""The hostile source does what its plan says, and tells no lie that an engine could not see through."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncline.model.documents import Document
from syncline.model.errors import SourceUnavailable, SynclineError
from syncline.model.news import Begin, Checkpoint, Complete, Entry, Gone, Page, Refused, Unlisted
from syncline.model.ports import Interruptible, ListingSource, StreamSource
from syncline.testing import (
    HANGING,
    HARMLESS,
    PARTIAL,
    PER_DOCUMENT,
    Fault,
    HostileSource,
    MemorySource,
    MemoryStream,
    Misdeed,
    misdeeds,
)
from syncline.testing.suites import SourceSuite

IDS = ["a1", "a2", "b1", "b2", "c1"]
LISTED_FAULTS = sorted(set(Fault) - PER_DOCUMENT - {Fault.FETCH_RAISE, Fault.FETCH_SHORT} - HANGING)


def listing(*plan, **options):
    return HostileSource(MemorySource([Document(id, text=id) for id in IDS], page_size=2), plan, **options)


def stream(*plan, **options):
    return HostileSource(MemoryStream([Document(id, text=id) for id in IDS], page_size=2), plan, **options)


def said(source, cursor=None):
    """(news, error) of one reading."""
    news = []
    try:
        news.extend(source.list(None, cursor) if isinstance(source, ListingSource) else source.read(cursor))
    except Exception as error:
        return news, error
    return news, None


def named(news):
    ids = [entry.id for item in news if isinstance(item, Page) for entry in item.entries if isinstance(entry, Entry)]
    return ids + [item.id for item in news if isinstance(item, Document)]


def completes(news):
    return [item for item in news if isinstance(item, Complete)]


class TestWithoutAPlan(SourceSuite):
    """A coat that does nothing keeps every law."""

    @pytest.fixture
    def lab(self):
        place = MemorySource(page_size=2)

        class Lab:
            open = staticmethod(lambda: HostileSource(place, []))
            put = staticmethod(place.put)
            remove = staticmethod(place.remove)
            change = staticmethod(lambda name: place.put(name, "Changed."))

        return Lab


def test_it_is_whatever_the_inner_source_is():
    assert isinstance(listing(), ListingSource)
    assert not isinstance(listing(), StreamSource)
    assert isinstance(stream(), StreamSource)
    assert not isinstance(stream(), ListingSource)
    assert isinstance(stream(), HostileSource)
    assert stream().incremental
    assert not isinstance(listing(), Interruptible)


def test_the_groups_of_faults_cover_them_all():
    assert frozenset(Fault) == PARTIAL | HARMLESS | PER_DOCUMENT
    assert HANGING < PARTIAL


@pytest.mark.parametrize("make", [listing, stream])
@pytest.mark.parametrize("after", [0, 1, 3, 99])
@pytest.mark.parametrize("fault", sorted(PARTIAL & set(LISTED_FAULTS)))
def test_a_hole_is_never_passed_off_as_the_whole(fault, after, make):
    source = make(Misdeed(fault, after=after, prefix="b"))
    news, error = said(source)
    whole = error is None and completes(news) and not missing(news)
    assert source.struck == [fault]
    if whole:
        assert fault is Fault.GARBAGE, "garbage instead of nothing: nothing is missing"
        assert odd(news)
    elif error is None and completes(news):
        admitted = [item for item in news if isinstance(item, Unlisted)] or odd(news)
        assert admitted or completes(news)[0].anchor != "memory"


def missing(news):
    return set(IDS) - set(named(news))


def odd(news):
    known = (Page, Document, Checkpoint, Complete, Unlisted)
    strange = [item for item in news if not isinstance(item, known)]
    pages = [item for item in news if isinstance(item, Page)]
    return strange or [e for page in pages for e in page.entries if not (isinstance(e, Entry) and type(e.id) is str)]


@pytest.mark.parametrize("make", [listing, stream])
@pytest.mark.parametrize("fault", sorted(HARMLESS))
def test_a_harmless_fault_leaves_nothing_out(fault, make):
    news, error = said(make(Misdeed(fault)))
    assert error is None
    assert set(named(news)) == set(IDS)
    assert len(completes(news)) == 1


@given(after=st.integers(0, 8), size=st.integers(1, 4), fault=st.sampled_from(LISTED_FAULTS))
@settings(max_examples=150, deadline=None)
def test_a_checkpoint_is_never_given_after_a_hole(after, size, fault):
    """Whoever goes on from the last checkpoint, without a fault, misses nothing but what an Unlisted named."""
    place = MemorySource([Document(id, text=id) for id in IDS], page_size=size)
    source = HostileSource(place, [Misdeed(fault, reading=1, after=after, prefix="b")])
    news, _ = said(source)
    cursors = [item.cursor for item in news if isinstance(item, Checkpoint)]
    if fault is Fault.GARBAGE or not cursors:
        return
    rest, error = said(source, cursors[-1])
    until = news[: max(at for at, item in enumerate(news) if isinstance(item, Checkpoint))]
    unlisted = {id for id in IDS if any(isinstance(item, Unlisted) and id.startswith(item.prefix) for item in until)}
    assert error is None
    assert set(named(until)) | set(named(rest)) | unlisted == set(IDS)


def test_only_the_readings_of_the_plan_are_hit():
    source = listing(Misdeed(Fault.RAISE, reading=2))
    errors = [said(source)[1] for _ in range(3)]
    assert [type(error) for error in errors] == [type(None), SourceUnavailable, type(None)]
    assert source.readings == 3


def test_an_error_may_be_one_of_ours_or_of_nobodys():
    assert isinstance(said(listing(Misdeed(Fault.RAISE)))[1], SynclineError)
    assert isinstance(said(listing(Misdeed(Fault.RAISE_FOREIGN)))[1], ConnectionResetError)


def test_what_cannot_be_listed_is_left_out_and_named():
    news, _ = said(listing(Misdeed(Fault.UNLIST, prefix="a")))
    assert sorted(named(news)) == ["b1", "b2", "c1"]
    assert [item.prefix for item in news if isinstance(item, Unlisted)] == ["a"]


def test_an_unmounted_root_is_empty_complete_and_another_place():
    assert said(listing(Misdeed(Fault.UNMOUNT)))[0] == [
        Begin("hostile: an empty mount point"),
        Complete(anchor="hostile: an empty mount point"),
    ]


@pytest.mark.parametrize("fault", [Fault.UNLIST, Fault.UNMOUNT])
def test_a_stream_that_left_something_out_does_not_move_its_cursor(fault):
    news, _ = said(stream(Misdeed(fault, prefix="b")), cursor="1")
    assert completes(news)[0].cursor == "1"
    assert not [item for item in news if isinstance(item, Checkpoint)]


@pytest.mark.parametrize("fault", sorted(HANGING))
@pytest.mark.parametrize("make", [listing, stream])
def test_a_hanging_source_lets_go_when_it_is_interrupted(fault, make):
    source = make(Misdeed(fault, after=1))
    assert isinstance(source, Interruptible)
    result = []
    thread = threading.Thread(target=lambda: result.append(said(source)), daemon=True)
    thread.start()
    thread.join(0.05)
    assert thread.is_alive()
    source.interrupt()
    thread.join(5)
    ((news, error),) = result
    assert isinstance(error, SourceUnavailable)
    assert not completes(news)


def test_a_deaf_source_cannot_be_interrupted():
    assert not isinstance(listing(Misdeed(Fault.HANG), deaf=True), Interruptible)


# --- documents


def fetched(source):
    list(source.list(None, None))
    return list(source.fetch([Entry(id, None) for id in IDS]))


@pytest.mark.parametrize(("fault", "kind"), [(Fault.REFUSE, Refused), (Fault.GONE, Gone), (Fault.BAD_LOAD, Document)])
def test_single_documents_come_to_harm(fault, kind):
    answers = fetched(listing(Misdeed(fault, ids=frozenset({"a2"}))))
    assert [answer.id for answer in answers] == IDS
    assert type(answers[1]) is kind
    assert all(answer.text for answer in answers if answer.id != "a2")
    if fault is Fault.BAD_LOAD:
        with pytest.raises(OSError, match="hostile"):
            answers[1].load()


def test_fetch_may_stop_in_the_middle_or_keep_silent():
    with pytest.raises(SourceUnavailable):
        fetched(listing(Misdeed(Fault.FETCH_RAISE, after=2)))
    assert [answer.id for answer in fetched(listing(Misdeed(Fault.FETCH_SHORT, after=2)))] == IDS[:2]


def test_documents_of_a_stream_may_be_refused_too():
    news, _ = said(stream(Misdeed(Fault.REFUSE, ids=frozenset({"a1"}))))
    assert [type(item) for item in news if getattr(item, "id", "") == "a1"] == [Refused]
    assert len(completes(news)) == 1


# --- plans


def test_a_plan_drawn_twice_from_one_seed_is_the_same():
    assert misdeeds(7) == misdeeds(7)
    assert {misdeeds(seed) for seed in range(20)} != {misdeeds(0)}


def test_a_plan_leaves_later_readings_alone_and_hangs_only_when_asked():
    for seed in range(50):
        plan = misdeeds(seed, readings=2)
        assert all(deed.reading in (1, 2) and deed.fault not in HANGING for deed in plan)
    assert {deed.fault for seed in range(50) for deed in misdeeds(seed, among=[Fault.GONE])} == {Fault.GONE}
