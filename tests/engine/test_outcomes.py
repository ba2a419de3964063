"""What a job does with documents, and how it counts them."""

from __future__ import annotations

from typing import Any

from syncline.model.documents import Document
from syncline.model.jobs import JobEvent
from syncline.model.news import Checkpoint, Complete
from syncline.model.outcomes import Counters, Kind
from syncline.testing import Fault, HostileSource, MemorySource, MemoryStream, Misdeed


def counts(**values: int) -> Counters:
    return Counters(values)


class Forgetful(MemorySource):
    """Leaves nothing to remember, and no checkpoints."""

    def list(self, memory: Any, cursor: Any) -> Any:
        for news in super().list(memory, cursor):
            if isinstance(news, Complete):
                yield Complete(anchor="here")
            elif not isinstance(news, Checkpoint):
                yield news


def test_new_changed_gone_and_unchanged_documents_end_as_inserted_updated_deleted_and_kept(world: Any) -> None:
    for name in "abc":
        world.source.put(name, f"text of {name}")
    assert world.run().counters == counts(inserted=3)
    world.source.put("a", "another text")
    world.source.remove("b")
    world.source.put("d", "text of d")
    ending = world.run()
    assert ending.event is JobEvent.FINISH
    assert ending.counters == counts(inserted=1, updated=1, deleted=1, kept=1)
    assert world.documents() == {"a": "another text", "c": "text of c", "d": "text of d"}
    assert world.kinds() == {"a": Kind.UPDATED, "b": Kind.DELETED, "d": Kind.INSERTED}


def test_unchanged_documents_are_neither_fetched_nor_written(world: Any) -> None:
    world.source = Forgetful()
    for number in range(300):
        world.source.put(f"d{number:03}", "text")
    world.run()
    world.source.fetched.clear()
    before = world.truth.connection.total_changes()
    assert world.run().counters == counts(kept=300)
    assert world.source.fetched == []
    assert world.truth.connection.total_changes() - before == 1  # the fence of the job


def test_a_touched_document_is_kept_and_not_looked_at_again(world: Any) -> None:
    world.source.put("a", "text")
    world.run()
    world.source.touch("a")
    assert world.run().counters == counts(kept=1)
    world.source.fetched.clear()
    assert world.run().counters == counts(kept=1)
    assert world.source.fetched == []


def test_documents_without_versions_are_compared_by_content(world: Any) -> None:
    world.source.versioned = False
    world.source.put("a", "text")
    world.source.put("b", "text")
    world.run()
    world.source.put("b", "other")
    assert world.run().counters == counts(kept=1, updated=1)


def test_force_reads_everything_again_and_rewrites_nothing_that_is_unchanged(world: Any) -> None:
    for name in "abc":
        world.source.put(name, name)
    world.run()
    world.source.fetched.clear()
    newest = world.truth.newest()
    assert world.run(force=True).counters == counts(kept=3)
    assert world.source.fetched == ["a", "b", "c"]
    assert world.truth.newest() == newest


def test_a_failed_document_fails_alone_and_is_tried_again_by_the_next_job(world: Any, picky: Any) -> None:
    world.settings["transforms"] = [picky()]
    world.source.put("a", "good")
    world.source.put("b", "bad")
    ending = world.run()
    assert ending.event is JobEvent.FINISH_WITH_SKIPS
    assert ending.counters == counts(inserted=1, failed=1)
    assert world.documents() == {"a": "GOOD"}
    assert world.run().counters == counts(kept=1, failed=1)
    world.source.put("b", "mended")
    assert world.run().counters == counts(kept=1, inserted=1)
    assert world.documents() == {"a": "GOOD", "b": "MENDED"}


def test_what_the_index_holds_of_a_document_stays_while_it_fails(world: Any, picky: Any) -> None:
    world.settings["transforms"] = [picky()]
    world.source.put("a", "first")
    world.run()
    world.source.put("a", "bad")
    assert world.run().counters == counts(failed=1)
    assert world.documents() == {"a": "FIRST"}
    world.source.put("a", "second")
    assert world.run().counters == counts(updated=1)


def test_a_failed_document_that_goes_away_is_forgotten_without_a_trace(world: Any, picky: Any) -> None:
    world.settings["transforms"] = [picky()]
    world.source.put("a", "bad")
    world.run()
    world.source.remove("a")
    assert world.run().counters == counts()
    assert world.truth.count(1) == (0, 0)


def test_an_unwanted_document_is_filtered_once_and_never_fetched_again(world: Any, picky: Any) -> None:
    world.settings["transforms"] = [picky()]
    world.source.put("a", "skip me")
    assert world.run().counters == counts(filtered=1)
    world.source.fetched.clear()
    assert world.run().counters == counts(filtered=1)
    assert world.source.fetched == []


def test_a_document_that_becomes_unwanted_leaves_the_index(world: Any, picky: Any) -> None:
    world.settings["transforms"] = [picky()]
    world.source.put("a", "keep me")
    world.run()
    world.source.put("a", "skip me")
    assert world.run().counters == counts(deleted=1)
    assert world.documents() == {}
    assert world.run().counters == counts(filtered=1)


def test_other_transforms_run_again_on_everything_and_plan_says_so(world: Any, picky: Any) -> None:
    world.settings["transforms"] = [picky("picky-1")]
    world.source.put("a", "text")
    world.run()
    newer = picky("picky-2")
    world.settings["transforms"] = [newer]
    assert world.plan().reasons == {"a": "transforms changed"}
    assert world.run().counters == counts(updated=1)
    newer.seen.clear()
    assert world.run().counters == counts(kept=1)
    assert newer.seen == []


def test_a_lazy_body_is_loaded_only_when_the_document_is_new_or_changed(world: Any) -> None:
    loads: list[str] = []

    def body(text: str) -> Any:
        return lambda: loads.append(text) or text

    class Lazy:
        incremental = False
        version = "1"

        def check(self) -> None:
            pass

        def read(self, cursor: str | None) -> Any:
            yield Document("a", version=self.version, load=body("v" + self.version))
            yield Complete()

    world.source = Lazy()
    assert world.run().counters == counts(inserted=1)
    assert world.run().counters == counts(kept=1)
    world.source.version = "2"
    assert world.run().counters == counts(updated=1)
    assert loads == ["v1", "v2"]


def test_a_body_that_cannot_be_loaded_fails_its_document_alone(world: Any) -> None:
    for name in "abc":
        world.source.put(name, name)
    hostile = HostileSource(world.source, [Misdeed(Fault.BAD_LOAD, ids=frozenset("b"))])
    assert world.run(hostile).counters == counts(inserted=2, failed=1)
    assert world.documents().keys() == {"a", "c"}


def test_repeated_and_duplicate_listings_count_each_document_once(world: Any) -> None:
    for number in range(250):
        world.source.put(f"d{number:03}", "text")
    for fault in (Fault.REPEAT, Fault.DUPLICATE, Fault.REVERSE):
        hostile = HostileSource(world.source, [Misdeed(fault)])
        world.source.put("d007", str(fault))
        ending = world.run(hostile)
        assert ending.counters.total == 250
        assert ending.event is JobEvent.FINISH
    assert len(world.documents()) == 250


def test_a_document_that_vanished_after_it_was_listed_is_neither_failed_nor_deleted(world: Any) -> None:
    for name in "ab":
        world.source.put(name, name)
    world.run()
    world.source.put("a", "changed")
    world.source.put("c", "new")
    hostile = HostileSource(world.source, [Misdeed(Fault.GONE)])
    ending = world.run(hostile)
    assert ending.counters == counts(kept=2)
    assert world.documents() == {"a": "a", "b": "b"}


def test_a_stream_follows_its_cursor_and_its_tombstones(world: Any) -> None:
    stream = world.source = MemoryStream(page_size=2)
    for name in "abcde":
        stream.put(name, name)
    assert world.run().counters == counts(inserted=5)
    stream.put("b", "again")
    stream.remove("c")
    stream.put("f", "new")
    ending = world.run(incremental=True)
    assert ending.counters == counts(inserted=1, updated=1, deleted=1)
    assert world.documents() == {"a": "a", "b": "again", "d": "d", "e": "e", "f": "new"}
    assert world.run(incremental=True).counters == counts()


def test_a_feed_never_passes_a_document_that_failed(world: Any, picky: Any) -> None:
    """Invariant 5: a failed document is tried again by the next job, in a feed too."""
    world.settings["transforms"] = [picky()]
    stream = world.source = MemoryStream(page_size=1)
    for name in "abc":
        stream.put(name, "bad" if name == "b" else name)
    assert world.run().counters == counts(inserted=2, failed=1)
    cursor = world.truth.peek(1).feed_cursor
    assert cursor == "1"
    assert world.run(incremental=True).counters == counts(failed=1, kept=1)
    world.settings["transforms"] = [picky("mended")]
    assert world.run(incremental=True).counters.failed == 1
    stream.put("b", "good")
    assert world.run(incremental=True).counters.inserted == 1
    assert world.documents().keys() == {"a", "b", "c"}
    assert world.run(incremental=True).counters == counts()


def test_a_stream_read_in_full_notices_what_is_gone_without_a_tombstone(world: Any) -> None:
    stream = world.source = MemoryStream(incremental=False)
    for name in "abc":
        stream.put(name, name)
    world.run()
    stream.remove("b")
    assert world.run().counters == counts(kept=2, deleted=1)


def test_a_document_deleted_and_sent_again_in_one_read_counts_once(world: Any) -> None:
    stream = world.source = MemoryStream(page_size=1)
    stream.put("a", "one")
    world.run()

    class Feed:
        incremental = True

        def check(self) -> None:
            pass

        def read(self, cursor: str | None) -> Any:
            from syncline.model.documents import Tombstone

            yield Tombstone("a")
            yield Checkpoint("10")
            yield Document("a", text="two", version="2")
            yield Checkpoint("11")
            yield Document("a", text="three", version="3")
            yield Complete(cursor="12")

    ending = world.run(Feed(), incremental=True)
    assert ending.counters == counts(updated=1)
    assert world.kinds() == {"a": Kind.UPDATED}
    assert world.documents() == {"a": "three"}


def test_two_connectors_of_one_index_never_touch_each_others_documents(world: Any) -> None:
    """Invariant 11."""
    world.source.put("same-id", "of the first")
    world.run()
    other = type(world.source)()
    other.put("same-id", "of the second")
    world.run(other, connector=2)
    assert world.documents(1) == {"same-id": "of the first"}
    assert world.documents(2) == {"same-id": "of the second"}
    other.remove("same-id")
    world.run(other, connector=2)
    assert world.documents(1) == {"same-id": "of the first"}
    assert world.documents(2) == {}
