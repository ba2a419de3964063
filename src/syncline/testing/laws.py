"""The laws of a source: what the ports promise in words, as functions that find out.

A law is proved by returning (a remark, or None) and broken by raising LawBroken. None of these writes to the place, so
they may be tried on anything, at any time; a place that is edited meanwhile may seem to break a law.
`SourceSuite` adds the laws that need to write.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

from syncline.model.documents import Document, Tombstone
from syncline.model.errors import SynclineError
from syncline.model.news import (
    Begin,
    Checkpoint,
    Complete,
    Entry,
    Gone,
    Note,
    Page,
    Refused,
    Skipped,
    Unchanged,
    Unlisted,
)
from syncline.model.ports import Interruptible, ListingSource, StreamSource
from syncline.sources.authoring import id_fault, validate_document
from syncline.testing.reading import MAX_NEWS, Reading, Subject, answers_of, begin, read_all, read_on, with_body


class LawBroken(AssertionError):
    """A source does not keep its promise. The text says which and with what."""


class DoesNotApply(Exception):
    """The law speaks of an ability that this source does not claim to have."""


class Law(NamedTuple):
    """One promise: its name, what it says, and how to find out."""

    name: str
    says: str
    prove: Callable[[Subject], str | None]


def need(true: bool, otherwise: str) -> None:
    """Raise LawBroken with that text unless `true`."""
    if not true:
        raise LawBroken(otherwise)


def only(applies: bool, ability: str) -> None:
    """Raise DoesNotApply unless the source has that ability."""
    if not applies:
        raise DoesNotApply(f"not needed: the source {ability}")


def some(things: Iterable[Any], limit: int = 5) -> str:
    """A few of them, for a message."""
    listed = [f"{thing!r:.80}" for thing in things]
    return ", ".join(listed[:limit]) + (f" and {len(listed) - limit} more" if len(listed) > limit else "")


# --- shape ----------------------------------------------------------------------------------------------------------


def it_is_a_source(subject: Subject) -> None:
    """It has check, and either list and fetch or read and incremental."""
    source = subject.source
    lists, streams = isinstance(source, ListingSource), isinstance(source, StreamSource)
    need(lists or streams, f"{type(source).__name__} has neither check, list and fetch nor check, read and incremental")
    need(not (lists and streams), f"{type(source).__name__} both lists and streams; it must do one of them")


def check_passes(subject: Subject) -> None:
    """check() returns when the place can be read."""
    subject.source.check()


def it_says_only_what_it_may(subject: Subject) -> str:
    """Everything it yields is one of the kinds of news of its port."""
    listing = (Begin, Page, Unchanged, Skipped, Unlisted, Checkpoint, Note, Complete)
    stream = (Begin, Document, Tombstone, Skipped, Unlisted, Refused, Checkpoint, Complete)
    allowed = listing if subject.lists else stream
    strange = [type(item).__name__ for item in subject.first.news if not isinstance(item, allowed)]
    need(not strange, f"it yielded {some(sorted(set(strange)))}")
    strangers = [entry for entry in subject.first.entries() if not isinstance(entry, Entry)]
    need(not strangers, f"pages hold entries only, and this one held {some(strangers)}")
    return f"{len(subject.first.news)} pieces of news"


# --- the end --------------------------------------------------------------------------------------------------------


def it_comes_to_its_end(subject: Subject) -> None:
    """A reading ends by itself."""
    need(subject.first.ended, f"it had not ended after {MAX_NEWS} pieces of news")


def complete_comes_once(subject: Subject) -> None:
    """A reading that has seen everything says Complete, exactly once."""
    count = len(subject.first.completes())
    need(count > 0, "Complete never came: nothing would be deleted, and no job would succeed")
    need(count == 1, f"Complete came {count} times")


def nothing_comes_after_complete(subject: Subject) -> None:
    """Complete is the last word."""
    after = [item for item in subject.first.news if isinstance(item, Complete)]
    last = subject.first.news[-1] if subject.first.news else None
    need(not after or isinstance(last, Complete), f"after Complete came {type(last).__name__}")


def an_incremental_source_gives_a_cursor(subject: Subject) -> None:
    """Complete says where the next incremental read goes on from."""
    only(subject.incremental, "is not incremental")
    cursor = subject.complete.cursor
    empty = not subject.first.ids()
    need(isinstance(cursor, str) or (empty and cursor is None), f"Complete came with the cursor {cursor!r}")


# --- ids and versions -----------------------------------------------------------------------------------------------


def ids_can_be_kept(subject: Subject) -> str:
    """Ids are text of 1 to 4096 bytes of UTF-8, without NUL."""
    faults = [f"an id {fault}" for id in subject.first.ids() if (fault := id_fault(id))]
    need(not faults, some(faults))
    return f"{len(subject.first.ids())} documents"


def ids_are_unique(subject: Subject) -> None:
    """A reading names each document once."""
    twice = [id for id, count in Counter(subject.first.ids()).items() if count > 1]
    need(not twice, f"named more than once: {some(twice)}")


def versions_are_text(subject: Subject) -> str | None:
    """A version is text, or None where the source cannot tell."""
    versions = subject.first.versions()
    wrong = {id: version for id, version in versions.items() if not (version is None or isinstance(version, str))}
    need(not wrong, f"not text: {some(wrong.values())}")
    blind = sum(version is None for version in versions.values())
    return f"{blind} documents without a version are read in full by every job" if blind else None


def the_same_place_gives_the_same_ids(subject: Subject) -> None:
    """Two readings of an unchanged place name the same documents."""
    first, second = set(subject.first.ids()), set(subject.second.ids())
    need(first == second, f"only in one of two readings: {some(sorted(first ^ second))}")


def unchanged_documents_keep_their_versions(subject: Subject) -> None:
    """Two readings of an unchanged place give the same versions."""
    first, second = subject.first.versions(), subject.second.versions()
    changed = [id for id in first if id in second and first[id] != second[id]]
    need(not changed, f"another version each time: {some(changed)}")


def the_place_keeps_its_name(subject: Subject) -> None:
    """The anchor of a place is text and the same each time."""
    anchors = [complete.anchor for reading in (subject.first, subject.second) for complete in reading.completes()]
    need(all(isinstance(anchor, str) for anchor in anchors), f"anchors are text: {some(anchors)}")
    need(len(set(anchors)) <= 1, f"one place, and the anchors {some(anchors)}: nothing could be deleted")


def what_is_left_out_is_named(subject: Subject) -> str | None:
    """Skipped names a document that is not listed, and a rule; Unlisted names a prefix, and one of our errors."""
    listed = set(subject.first.ids())
    for item in subject.first.skipped():
        need(id_fault(item.id) is None, f"the id of a Skipped {id_fault(item.id)}")
        need(bool(item.rule), f"{item.id!r} is skipped by a rule without a name")
        need(item.id not in listed, f"{item.id!r} is both listed and skipped")
    for part in subject.first.unlisted():
        need(isinstance(part.prefix, str), f"the prefix of an Unlisted is {part.prefix!r}")
        need(isinstance(part.error, SynclineError), f"the error of an Unlisted is {type(part.error).__name__}")
    missing = subject.first.unlisted()
    return f"could not be listed: {some(part.prefix for part in missing)}" if missing else None


# --- bodies ---------------------------------------------------------------------------------------------------------


def each_entry_is_answered_once(subject: Subject) -> None:
    """fetch gives one answer for each entry, and none for others."""
    only(subject.lists, "streams")
    asked = Counter(entry.id for entry in subject.sampled)
    need(all(isinstance(answer, (Document, Gone, Refused)) for answer in subject.answers), "an answer of no known kind")
    answered = Counter(answer.id for answer in subject.answers)
    need(not asked - answered, f"not answered: {some(asked - answered)}")
    need(not answered - asked, f"answered without, or more often than, being asked: {some(answered - asked)}")


def asking_for_nothing_gives_nothing(subject: Subject) -> None:
    """fetch of no entries gives no answers."""
    only(subject.lists, "streams")
    need(answers_of(subject.source, []) == [], "an answer to no question")


def documents_are_well_formed(subject: Subject) -> str:
    """The id, text, metadata and the rest of every document can be kept; a Refused carries one of our errors."""
    for document in subject.documents:
        error = validate_document(document)
        need(error is None, f"{document.id!r}: {error}")
    refused = [answer for answer in (*subject.answers, *subject.first.news) if isinstance(answer, Refused)]
    ours = [answer.error for answer in refused if not isinstance(answer.error, SynclineError)]
    need(not ours, f"the error of a Refused is one of ours, not {some(type(error).__name__ for error in ours)}")
    invalid = [f"{answer.id}: {answer.error}" for answer in refused if answer.error.code == "document.invalid"]
    need(not invalid, some(invalid))
    told = f"; refused, which may be right: {some(f'{each.id}: {each.error}' for each in refused)}" if refused else ""
    return f"{len(subject.documents)} documents looked at{told}"


def documents_have_a_body(subject: Subject) -> None:
    """Every document has text, content, or a load that gives one of them."""
    for document in subject.documents:
        body = document.content if document.text is None else document.text
        need(isinstance(body, (str, bytes)), f"{document.id!r} has no text, no content and no load")


def fetched_and_listed_versions_agree(subject: Subject) -> None:
    """A fetched document has the version it was listed with, or none."""
    only(subject.lists, "streams")
    listed = {entry.id: entry.version for entry in subject.sampled}
    for document in subject.documents:
        agrees = document.version in (None, listed.get(document.id))
        need(agrees, f"{document.id!r} was listed as {listed.get(document.id)!r} and fetched as {document.version!r}")


def bodies_stay_as_they_are(subject: Subject) -> None:
    """Reading an unchanged document again gives the same document, byte for byte."""
    again = {entry.id: entry for entry in subject.second.entries()}
    entries = [again[entry.id] for entry in subject.sampled if entry.id in again]
    answers = answers_of(subject.source, entries)
    second = {answer.id: with_body(answer).fingerprint() for answer in answers if isinstance(answer, Document)}
    changed = [d.id for d in subject.documents if d.id in second and second[d.id] != d.fingerprint()]
    need(not changed, f"different each time it is read: {some(changed)}")


# --- stopping, going on, remembering --------------------------------------------------------------------------------


def a_reading_may_be_left(subject: Subject) -> None:
    """A reading can be closed in the middle, and the source be read again."""
    everything = set(subject.first.ids())
    reading = begin(subject.source)
    next(iter(reading), None)
    if hasattr(reading, "close"):
        reading.close()
    after = read_all(subject.source)
    need(set(after.ids()) == everything, "a reading after one that was left gives other documents")


def a_fetch_may_be_left(subject: Subject) -> None:
    """A fetch can be closed in the middle, and the source be asked again."""
    only(subject.lists, "streams")
    answers = iter(subject.source.fetch(subject.sampled))
    next(answers, None)
    if hasattr(answers, "close"):
        answers.close()
    need(len(answers_of(subject.source, subject.sampled[:1])) == len(subject.sampled[:1]), "no answer after that")


def two_readings_do_not_disturb_each_other(subject: Subject) -> None:
    """Two sources on one place can be read at the same time."""
    everything, news = set(subject.first.ids()), iter(begin(subject.open()))
    early = next(news, None)
    other, rest = read_all(subject.open()), read_on(news)
    together = Reading([early, *rest.news]).ids()
    need(set(together) == set(other.ids()) == everything, "read together, they give other documents")


def memory_survives_json(subject: Subject) -> None:
    """What Complete wants remembered is JSON, and listing with it names the same documents."""
    memory = subject.complete.memory
    only(subject.lists and memory is not None, "remembers nothing")
    try:
        restored = json.loads(json.dumps(memory, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise LawBroken(f"the memory of Complete is no JSON: {error}") from None
    again = read_all(subject.open(), memory=restored)
    need(set(again.ids()) == set(subject.first.ids()), "with its memory it lists other documents")
    need(len(again.completes()) == 1, "with its memory it does not come to Complete")


def a_checkpoint_can_be_gone_on_from(subject: Subject) -> str | None:
    """Reading from a checkpoint repeats nothing before it and misses nothing after it."""
    checkpoints = subject.first.checkpoints()
    only(bool(checkpoints), "gives no checkpoints")
    for at, cursor in _spread(checkpoints, 5):
        need(isinstance(cursor, str), f"a cursor is text, not {cursor!r}")
        rest, again = set(subject.first.ids(at)), read_all(subject.open(), cursor=cursor)
        need(not rest - set(again.ids()), f"going on from {cursor!r} misses {some(sorted(rest - set(again.ids())))}")
        need(not set(again.ids()) - rest, f"going on from {cursor!r} repeats {some(sorted(set(again.ids()) - rest))}")
        need(len(again.completes()) == 1, f"going on from {cursor!r} does not come to Complete")
    return f"{len(checkpoints)} checkpoints"


def nothing_is_new_after_the_end(subject: Subject) -> None:
    """An incremental read from the last cursor of an unchanged place tells of nothing."""
    only(subject.incremental and subject.complete.cursor is not None, "has no cursor")
    news = read_all(subject.open(), cursor=subject.complete.cursor)
    need(not news.ids() and not news.tombstones(), f"it told of {some([*news.ids(), *news.tombstones()])}")
    need(len(news.completes()) == 1, "it did not come to Complete")
    need(isinstance(news.completes()[0].cursor, str), "it lost its cursor on the way")


def interrupting_an_idle_source_is_harmless(subject: Subject) -> None:
    """interrupt() may be called when nothing is going on, and returns at once."""
    source = subject.open()
    only(isinstance(source, Interruptible), "offers no interrupt")
    source.interrupt()


def _spread(things: Sequence[Any], limit: int) -> Sequence[Any]:
    """At most `limit` of them, evenly, always with the first and the last."""
    if len(things) <= limit:
        return things
    return [things[round(n * (len(things) - 1) / (limit - 1))] for n in range(limit)]


READING_LAWS: Final[Sequence[Law]] = tuple(
    Law(prove.__name__, (prove.__doc__ or "").strip(), prove)
    for prove in (
        it_is_a_source,
        check_passes,
        it_says_only_what_it_may,
        it_comes_to_its_end,
        complete_comes_once,
        nothing_comes_after_complete,
        an_incremental_source_gives_a_cursor,
        ids_can_be_kept,
        ids_are_unique,
        versions_are_text,
        the_same_place_gives_the_same_ids,
        unchanged_documents_keep_their_versions,
        the_place_keeps_its_name,
        what_is_left_out_is_named,
        each_entry_is_answered_once,
        asking_for_nothing_gives_nothing,
        documents_are_well_formed,
        documents_have_a_body,
        fetched_and_listed_versions_agree,
        bodies_stay_as_they_are,
        a_reading_may_be_left,
        a_fetch_may_be_left,
        two_readings_do_not_disturb_each_other,
        memory_survives_json,
        a_checkpoint_can_be_gone_on_from,
        nothing_is_new_after_the_end,
        interrupting_an_idle_source_is_harmless,
    )
)
