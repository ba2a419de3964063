"""One spell of writing: takes the writer lock, brings the index up to the truth, lets go.

    feed.after ──▶ tantivy ──commit──▶ searchable ──▶ feed.confirm        (removals are read just before each commit)

What is in the index is what the index says: the highest number found in it, never a note made elsewhere. A crash
between tantivy's commit and `confirm` therefore repeats nothing but removals, which may be repeated.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from syncline.destinations.embedded.guard import Broken, guarded
from syncline.destinations.embedded.layout import Layout, WriterLock, merging
from syncline.model.ports import Clock, CrashPoint, DocumentFeed, StoredDocument

if TYPE_CHECKING:
    import tantivy

    from syncline.destinations.embedded.terms import Terms

COMMIT_EVERY_S = 5.0  # so that others who wait see progress; twice as long after each one, for it costs a segment
_COMMIT_EVERY_S_AT_MOST = 20.0
COMMIT_EVERY_DOCUMENTS = 200_000
MANY = 500  # documents waiting from which on more memory pays

_BATCH = 1000
_REMOVALS = 50_000
_FEW, _SHORT, _LONG = (16_000_000, 1), (64_000_000, 1), (64_000_000, 2)  # bytes of tantivy's buffers, its threads
_LONG_CHARS = 800  # of a document, from which on a second thread pays: before, handing it over takes as long
_QUEUE_DOCUMENTS = 10_000  # tantivy queues so many before add_document waits, whatever their size
_QUEUE_BYTES = 64_000_000

Tell = Callable[[str], None]


class Session:
    """At most one is open over all processes. Not for two threads at once."""

    def __init__(self, layout: Layout, tell: Tell, crash: CrashPoint, clock: Clock) -> None:
        self._layout, self._tell, self._crash, self._clock = layout, tell, crash, clock
        self._lock = WriterLock(layout.directory)
        self._index: tantivy.Index | None = None
        self._writer: tantivy.IndexWriter | None = None
        self._path = ""
        self._published = False
        self._small = True
        self._mark = 0  # everything up to here is in the index or added to the writer
        self.waiting = 0  # numbers handed out and not yet added, as of the last `pump`
        self._added = 0  # documents since the last commit
        self._queued: deque[tuple[int, int]] = deque()  # (documents, bytes) that may still be in tantivy's queue
        self._committed_at, self._patience_s = 0.0, COMMIT_EVERY_S
        self._merges = False  # tantivy may have begun some
        self._terms: Terms | None = None

    @property
    def is_open(self) -> bool:
        """Whether we hold the writer lock."""
        return self._writer is not None

    def open(self, feed: DocumentFeed, *, afresh: bool = False) -> bool:
        """Become the writer; False when another holds the lock. A missing, damaged or foreign index, or any with
        `afresh`, is replaced by a new one at the first commit that covers what had been confirmed."""
        if not self._lock.acquire():
            return False
        try:
            self._layout.tidy()
            self._layout.sweep()
            if afresh:
                self._begin()
            elif why := self._resume(feed):
                if feed.confirmed() > 0:
                    self._tell(f"The text index in {self._layout.directory} is {why}: building it again.")
                self._begin()
            self._open_writer(feed, feed.newest() - self._mark)
        except Broken as error:
            self.release()
            if "LockBusy" in str(error):
                return False  # a writer that failed just now still lets go of it
            raise
        except BaseException:
            self.release()
            raise
        self._added, self._merges = 0, False
        self._queued.clear()
        self._committed_at, self._patience_s = self._clock(), COMMIT_EVERY_S
        return True

    def _resume(self, feed: DocumentFeed) -> str | None:
        """Go on with the index in force. Why that cannot be done, or None when it could."""
        stamp, trouble = self._layout.stamp(), self._layout.trouble()
        if stamp is None or trouble:
            return trouble or "damaged"
        from syncline.destinations.embedded.view import Snapshot, readable

        try:
            snapshot = Snapshot.open(stamp.path)
            highest = snapshot.highest()
        except Broken:
            if readable(stamp.path) and self._layout.intact():
                raise  # the trouble lies elsewhere, such as too many open files
            return "damaged"
        if highest > feed.newest():
            return "newer than the documents"
        if (missed := feed.after(highest, 1)) and missed[0].n <= feed.confirmed():
            return "older than it should be"
        self._index, self._path, self._published, self._mark = snapshot.index, stamp.path, True, highest
        return None

    def _begin(self) -> None:
        from syncline.destinations.embedded.fields import open_index

        self._path, self._published, self._mark = self._layout.begin(), False, 0
        with guarded("cannot make the text index"):
            self._index = open_index(self._path, create=True)

    def _open_writer(self, feed: DocumentFeed, waiting: int) -> None:
        assert self._index is not None
        self._small = waiting < MANY
        size = _FEW if self._small else _SHORT
        if not self._small and (sample := feed.after(self._mark, 50)):
            size = _LONG if sum(len(stored.text) for stored in sample) >= _LONG_CHARS * len(sample) else _SHORT
        self._writer = None  # tantivy allows one; dropping it ends its threads
        with guarded("cannot write the text index"):
            self._writer = self._index.writer(*size)

    def pump(self, feed: DocumentFeed) -> bool:
        """Add one batch of new documents, and commit when it is time. False when there is nothing left to add."""
        newest = feed.newest()
        batch = feed.after(self._mark, _BATCH)
        if not batch:
            self._mark, self.waiting = max(self._mark, newest), 0
            return False
        self._add(batch)
        self._mark = batch[-1].n
        self.waiting = newest - self._mark
        if self._small and self._added >= 4 * MANY:
            self._commit_tantivy()
            self._open_writer(feed, self._added)
        elif sum(size for _, size in self._queued) > _QUEUE_BYTES:
            self._commit_tantivy()
        late = self._clock() - self._committed_at >= self._patience_s
        if late or self._added >= COMMIT_EVERY_DOCUMENTS:
            self._patience_s = min(2 * self._patience_s, _COMMIT_EVERY_S_AT_MOST)
            self.commit(feed)
        return True

    def _add(self, batch: Sequence[StoredDocument]) -> None:
        from syncline.destinations.embedded.fields import tantivy_document
        from syncline.destinations.embedded.terms import Terms

        assert self._writer is not None
        if self._terms is None:
            self._terms = Terms()
        add, terms, size = self._writer.add_document, self._terms, 0
        with guarded("cannot add to the text index"):
            for stored in batch:
                add(tantivy_document(stored, terms))
                size += len(stored.text) if stored.text.isascii() else 4 * len(stored.text)
        self._added += len(batch)
        self._queued.append((len(batch), size))
        while sum(documents for documents, _ in self._queued) - self._queued[0][0] >= _QUEUE_DOCUMENTS:
            self._queued.popleft()

    def commit(self, feed: DocumentFeed) -> bool:
        """Make everything added so far searchable and confirm it. False when more removals wait for another commit."""
        if not self._published and self._mark < min(feed.confirmed(), feed.newest()):
            return True  # readers keep the old generation until the new one is no worse
        removed = feed.removed(_REMOVALS)
        self._crash("text.commit")
        self._delete(removed)
        if self._added or removed or not self._published:
            self._commit_tantivy()
        if not self._published:
            self._layout.publish(self._path)
            self._published = True
        self._crash("text.committed")
        feed.confirm(self._mark, removed)
        self._crash("text.confirmed")
        self._added = 0
        self._committed_at = self._clock()
        return len(removed) < _REMOVALS

    def _delete(self, numbers: Sequence[int]) -> None:
        assert self._writer is not None
        assert self._index is not None
        import tantivy

        with guarded("cannot delete from the text index"):
            for start in range(0, len(numbers), _BATCH):
                # By query: a term made of a Python int is signed and matches nothing in an unsigned field.
                these = tantivy.Query.term_set_query(self._index.schema, "n", numbers[start : start + _BATCH])
                self._writer.delete_documents_by_query(these)

    def _commit_tantivy(self) -> None:
        assert self._writer is not None
        with guarded("cannot commit the text index"):
            self._writer.commit()
        self._merges = True
        self._queued.clear()

    def drain(self, feed: DocumentFeed) -> None:
        """Return when everything committed in the truth before the call is searchable."""
        done = False
        while not done:
            while self.pump(feed):
                pass
            done = self.commit(feed)

    def mend(self, feed: DocumentFeed, wrong: Sequence[int], missing: Sequence[int]) -> None:
        """Delete the `wrong` numbers, and put in those `missing` ones that the truth has. Drains first."""
        self.drain(feed)
        self._delete([*wrong, *missing])
        for start in range(0, len(missing), 100):
            found = feed.get(missing[start : start + 100])
            self._add([found[n] for n in sorted(found)])
        self._commit_tantivy()
        self.drain(feed)

    def behind(self, feed: DocumentFeed) -> bool:
        """Whether a commit would make anything searchable that is not."""
        return self._added > 0 or feed.confirmed() != self._mark or bool(feed.removed(1))

    @property
    def lost(self) -> bool:
        """Whether the index we are writing to has been taken away or condemned meanwhile."""
        return self.is_open and self._published and self._layout.trouble() is not None

    @property
    def merging(self) -> bool:
        """Whether tantivy is joining segments, work that is lost when the session ends now."""
        return self._merges and self.is_open and merging(self._path)

    def finish_merging(self) -> None:
        """Wait for that, however long it takes, and release."""
        if self._writer is not None:
            with guarded("cannot merge the text index"):
                self._writer.wait_merging_threads()
        self.release()

    def release(self) -> None:
        """Stop being the writer. What was added since the last commit is forgotten and will be added again."""
        self._writer = self._index = self._terms = None
        self._path = ""
        self._lock.release()
