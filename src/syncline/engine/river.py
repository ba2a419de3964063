"""From news to decisions: what a source says is looked up, decided, fetched, fingerprinted and transformed.

Listing sources are read ahead (up to LOOKAHEAD documents that need fetching) so that totals are known before the work
is done; kept documents never wait in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from syncline.engine.desk import Desk
from syncline.engine.meter import Meter
from syncline.engine.work import Stopped, Work
from syncline.model.documents import Document, Held, State, Tombstone
from syncline.model.errors import DocumentRejected, SourceProtocolError, SynclineError
from syncline.model.news import (
    Begin,
    Checkpoint,
    Complete,
    Gone,
    Names,
    Note,
    Page,
    Read,
    Refused,
    Skipped,
    Unchanged,
    Unlisted,
)
from syncline.model.outcomes import Kind
from syncline.model.ports import (
    CountsAhead,
    FillsSheets,
    LeavesSheets,
    ListingSource,
    Rereads,
    Resume,
    StreamSource,
    TakesSheets,
    Transform,
    Unwanted,
)
from syncline.model.sheets import Sheet
from syncline.planning import decide
from syncline.planning.decide import Need, Step, Write

T = TypeVar("T")

LOOKAHEAD = 50_000
NAMES_AT_ONCE = 2_000_000  # ids held in memory to be compared; about 110 bytes each, if they come in another order
FETCH_AT_ONCE = 256
SHEET_AT_ONCE = 2000
TRANSFORM_AT_ONCE = 256
TRANSFORM_BYTES = 8 << 20
STREAM_AT_ONCE = 512
WAIT_S = 0.25  # nothing waits longer for others to fill its batch


class Fetched(NamedTuple):
    """A document whose content is at hand and differs from what is held."""

    document: Document
    fingerprint: bytes
    held: Held | None
    reason: str


class RuledOut(NamedTuple):
    """Why a live document must leave the index though it still exists."""

    rule: str
    code: str
    recipe: str
    version: str | None


class River:
    """Reads one source to its end. Afterwards `complete`, `blind` and `ruled_out` say what was learnt on the way."""

    def __init__(self, work: Work, desk: Desk, resume: Resume, meter: Meter) -> None:
        self._work = work
        self._desk = desk
        self._resume = resume
        self._meter = meter
        self._recipe = work.recipe
        self._needs: dict[str, Need] = {}
        self._changed: dict[str, Fetched] = {}
        self._changed_bytes = 0
        self._changed_since = 0.0
        self._sheets = _sheets_of(work)
        self._leaving = [one for one in work.transforms if isinstance(one, LeavesSheets)]
        self._feeds_at_once = not isinstance(work.source, ListingSource) and (
            work.incremental or (resume.feed_cursor is None and not any(_counts(work)))
        )
        self.feed_cursor: str | None = None
        self.complete: Complete | None = None
        self.blind: list[Unlisted] = []
        self.remarks: list[str] = []
        self.ruled_out: dict[int, RuledOut] = {}  # by seq

    def run(self) -> None:
        """Read to the end. Raises Stopped, or the SynclineError that ended it; what was decided is on the desk."""
        if isinstance(self._work.source, ListingSource):
            self._list(self._work.source)
        else:
            self._stream(self._work.source)

    def check_stop(self) -> None:
        """Raise Stopped when somebody asked for it."""
        if self._work.stop():
            raise Stopped

    # --- listing sources ---------------------------------------------------------------------------------------------

    def _list(self, source: ListingSource) -> None:
        if isinstance(source, Rereads):
            self._prepare(source)
        for news in _guarded(source.list(self._resume.memory, self._resume.job_cursor or None)):
            self.check_stop()
            if isinstance(news, Page):
                self._page(news)
            elif isinstance(news, Skipped):
                self._skip(news)
            elif isinstance(news, Unlisted):
                self._unlisted(news)
            elif isinstance(news, Checkpoint):
                self._drain()
                self._desk.pass_on(None if self._must_meet_again else news.cursor, memory=news.memory)
            elif isinstance(news, Complete):
                self.complete = news
            elif isinstance(news, Begin):
                self._desk.place = news.anchor
            elif isinstance(news, Unchanged):
                self._unchanged(news)
            elif isinstance(news, Note):
                self._remark(news)
            else:
                raise _strange(news, "list")
            if len(self._needs) >= LOOKAHEAD:
                self._drain()
        self._meter.listed_all()
        self._drain()

    def _prepare(self, source: Rereads) -> None:
        """What may pass over documents passes over none, or over most of them: then they will have to be counted."""
        ledger = self._work.ledger
        if self._work.force:
            source.afresh = True
        elif self._resume.memory and isinstance(ledger, CountsAhead):
            ledger.count_ahead(self._work.ticket.connector, self._recipe)

    @property
    def _must_meet_again(self) -> bool:
        """What was not listed, and what is ruled out, is remembered here only: a resumed attempt must meet it too."""
        return bool(self.blind or self.ruled_out)

    def _page(self, page: Page) -> None:
        ids = _ids(page)
        self._settle_open(ids)
        held = self._work.ledger.held(self._work.ticket.connector, ids)
        decided = decide.page(page.entries, held, self._recipe, self._work.force)
        self._desk.keep_all(decided.kept, Kind.KEPT)
        self._desk.keep_all(decided.filtered, Kind.FILTERED)
        self._need(decided.needs)
        self._meter.listed(page.scanned or len(ids))

    def _unchanged(self, news: Unchanged) -> None:
        """Keep what was not named: by its number if the ledger holds just as many, else by names, else one by one."""
        self._drain()
        self._desk.flush()
        rest = None if self._work.force else self._desk.rest()
        if rest is not None and news.total in (None, rest.rows):
            self._desk.keep_rest(rest)
            self._meter.listed(rest.rows)
        elif rest is not None and rest.rows <= NAMES_AT_ONCE and self._desk.keep_names(rest, self._named(news)):
            self._meter.listed(news.total or 0)
        else:
            for page in _guarded(news.pages()):
                self.check_stop()
                self._page(page)
                if len(self._needs) >= LOOKAHEAD:
                    self._drain()
            self._drain()

    def _named(self, news: Unchanged) -> Iterator[Names]:
        for names in _guarded(news.names()):
            self.check_stop()
            yield names

    def _remark(self, note: Note) -> None:
        self.remarks.append(note.text)
        self._work.log("info", "source.note", message=note.text)

    def _need(self, needs: Sequence[Need]) -> None:
        self._desk.seen.add_all([need.held.seq for need in needs if need.held is not None])
        before = len(self._needs)
        self._needs.update({need.entry.id: need for need in needs})
        self._meter.planned_write(len(self._needs) - before)

    def _skip(self, skipped: Skipped) -> None:
        self._settle_open([skipped.id])
        held = self._work.ledger.held(self._work.ticket.connector, [skipped.id]).get(skipped.id)
        recipe = decide.rule_recipe(skipped.rule)
        if held is not None and decide.still_filtered(skipped.rule, held):
            self._desk.keep(held.seq, Kind.FILTERED)
        elif held is not None and held.state == State.LIVE:
            self._rule_out(held, RuledOut(skipped.rule, skipped.code, recipe, None))
        else:
            self._desk.filter(skipped.id, held, skipped.rule, skipped.code, None, recipe)
        self._meter.listed(1)

    def _rule_out(self, held: Held, rule: RuledOut) -> None:
        # Taking a live document out is a deletion: it waits for the guard, at the end.
        self._desk.seen.discard(held.seq)
        self.ruled_out[held.seq] = rule

    def _unlisted(self, news: Unlisted) -> None:
        self.blind.append(news)
        error = news.error
        self._work.log("warning", "scope.unlisted", scope=news.prefix, code=error.code, message=error.message)

    def _settle_open(self, ids: Iterable[str]) -> None:
        """A document that comes up again is looked up after its first appearance has been committed."""
        ids = list(ids)
        if not self._needs.keys().isdisjoint(ids) or self._desk.has_open(ids):
            self._drain()
            self._desk.flush()

    def _drain(self) -> None:
        needs = list(self._needs.values())
        self._needs = {}
        for start in range(0, len(needs), SHEET_AT_ONCE):
            some = needs[start : start + SHEET_AT_ONCE]
            if not self._fill(some):
                self._fetch_all(some)
        self._transform()

    def _fill(self, needs: Sequence[Need]) -> bool:
        """Take them as columns. False: they have to be fetched one by one."""
        if self._sheets is None:
            return False
        self.check_stop()
        entries = [need.entry for need in needs]
        sheet = self._sheets.sheet(entries)
        if sheet is None or not sheet.is_sound() or not all(one.leaves(sheet) for one in self._leaving):
            return False
        self._take_sheet(sheet, needs)
        self._meter.done(len(needs))
        return True

    def _fetch_all(self, needs: Sequence[Need]) -> None:
        source = self._work.source
        assert isinstance(source, ListingSource)
        for start in range(0, len(needs), FETCH_AT_ONCE):
            self._fetch(source, needs[start : start + FETCH_AT_ONCE])

    def _fetch(self, source: ListingSource, needs: Sequence[Need]) -> None:
        waiting = {need.entry.id: need for need in needs}
        for answer in _guarded(source.fetch([need.entry for need in needs])):
            self.check_stop()
            need = waiting.pop(getattr(answer, "id", ""), None)
            if need is None:
                raise _strange(answer, "fetch")
            if isinstance(answer, Document):
                self._take(answer, need.held, need.reason)
            elif isinstance(answer, Refused):
                self._desk.fail(answer.id, need.held, answer.error, answer.stage)
            elif isinstance(answer, Gone):
                self._vanished(need)
            else:
                raise _strange(answer, "fetch")
            self._meter.done()
        for need in waiting.values():
            error = DocumentRejected("the source gave no answer for it", code="source.no_answer")
            self._desk.fail(need.entry.id, need.held, error, "fetch")

    def _vanished(self, need: Need) -> None:
        # Listed a moment ago: the next listing will tell. Until then it is neither new nor proved gone.
        if need.held is not None and need.held.state == State.LIVE:
            self._desk.keep(need.held.seq)
        self._work.log("info", "document.vanished", document=need.entry.id)

    # --- stream sources ----------------------------------------------------------------------------------------------

    def _stream(self, source: StreamSource) -> None:
        cursor = self._resume.job_cursor or None
        if cursor is None and self._work.incremental:
            cursor = self._resume.feed_cursor
        chunk: dict[str, Read] = {}
        size, since = 0, self._work.clock()
        for news in _to_the_end(source.read(cursor)):
            if isinstance(news, _Broken):
                self._stream_chunk(chunk)  # what was given before an error is kept
                raise news.error
            self.check_stop()
            if isinstance(news, Document | Tombstone | Skipped | Refused):
                chunk.pop(news.id, None)
                chunk[news.id] = news
                size += news.size() if isinstance(news, Document) else 0
                if len(chunk) < STREAM_AT_ONCE and size < TRANSFORM_BYTES and not self._is_old(since):
                    continue
            self._stream_chunk(chunk)
            chunk, size, since = {}, 0, self._work.clock()
            self._control(news)
        self._meter.listed_all()
        self._stream_chunk(chunk)

    def _is_old(self, since: float) -> bool:
        return self._work.clock() - since >= WAIT_S

    def _control(self, news: Read) -> None:
        if isinstance(news, Checkpoint):
            self._checkpoint(news.cursor)
        elif isinstance(news, Complete):
            self.complete = news
            if news.cursor is not None and self._may_pass:
                self.feed_cursor = news.cursor
        elif isinstance(news, Unlisted):
            self._unlisted(news)
        elif isinstance(news, Begin):
            self._desk.place = news.anchor
        elif not isinstance(news, Document | Tombstone | Skipped | Refused):
            raise _strange(news, "read")

    @property
    def _may_pass(self) -> bool:
        """A feed's cursor never passes a document that must be tried again: nothing else would bring it back."""
        return not (self._desk.failed or self._must_meet_again)

    def _checkpoint(self, cursor: str) -> None:
        if self._may_pass:
            self.feed_cursor = cursor
        if not self._must_meet_again:
            feed_cursor = cursor if self._feeds_at_once and self._may_pass else None
            self._desk.pass_on(job_cursor=cursor, feed_cursor=feed_cursor)

    def _stream_chunk(self, chunk: dict[str, Read]) -> None:
        if not chunk:
            return
        self._settle_open(chunk)
        held = self._work.ledger.held(self._work.ticket.connector, list(chunk))
        for id, news in chunk.items():
            self.check_stop()
            self._stream_one(news, held.get(id))
        self._transform()
        self._meter.listed(len(chunk))

    def _stream_one(self, news: Read, held: Held | None) -> None:
        if isinstance(news, Document):
            step, reason = decide.listed(news.version, held, self._recipe, self._work.force)
            if held is None or step is Step.FETCH:
                self._meter.planned_write()
                self._take(news, held, reason)
                self._meter.done()
            else:
                self._desk.keep(held.seq, Kind.KEPT if step is Step.KEEP else Kind.FILTERED)
        elif isinstance(news, Tombstone):
            self._tombstone(held)
        elif isinstance(news, Skipped):
            self._skip(news)
        elif isinstance(news, Refused):
            self._desk.fail(news.id, held, news.error, news.stage)

    def _tombstone(self, held: Held | None) -> None:
        if held is None:
            return
        if held.state == State.LIVE:
            self._desk.delete(held, "the source says it is gone")
        else:
            self._desk.forget(held)

    # --- content -----------------------------------------------------------------------------------------------------

    def _take(self, document: Document, held: Held | None, reason: str) -> None:
        refusal = _load(document)
        if refusal is not None:
            self._desk.fail(document.id, held, refusal, "fetch")
            return
        fingerprint = document.fingerprint()
        if held is not None and decide.content(fingerprint, held, self._recipe) is Write.REFRESH:
            self._desk.refresh(document.version, held)
            return
        if not self._work.transforms:
            self._desk.put(document, fingerprint, held, reason)
            return
        if not self._changed:
            self._changed_since = self._work.clock()
        self._changed[document.id] = Fetched(document, fingerprint, held, reason)
        self._changed_bytes += document.size()
        full = len(self._changed) >= TRANSFORM_AT_ONCE or self._changed_bytes >= TRANSFORM_BYTES
        if full or self._is_old(self._changed_since):
            self._transform()

    def _take_sheet(self, sheet: Sheet, needs: Sequence[Need]) -> None:
        fingerprints = sheet.fingerprints()
        if not any(need.held for need in needs):
            self._desk.paste(sheet, fingerprints)
            return
        for at, (need, fingerprint) in enumerate(zip(needs, fingerprints, strict=True)):
            held = need.held
            if held is not None and decide.content(fingerprint, held, self._recipe) is Write.REFRESH:
                self._desk.refresh(sheet.versions[at], held)
            else:
                self._desk.put(sheet.document(at), fingerprint, held, need.reason)

    def _transform(self) -> None:
        changed, self._changed, self._changed_bytes = self._changed, {}, 0
        if not changed:
            return
        stream: Iterable[Document] = [item.document for item in changed.values()]
        for transform in self._work.transforms[:-1]:
            stream = list(self._through(transform, list(stream), changed))
        if self._work.transforms:
            stream = self._through(self._work.transforms[-1], list(stream), changed)
        for document in stream:
            item = changed[document.id]
            self._desk.put(document, item.fingerprint, item.held, item.reason)

    def _through(
        self, transform: Transform, documents: list[Document], changed: dict[str, Fetched]
    ) -> Iterator[Document]:
        for answer in transform.apply(documents):
            self.check_stop()
            held = changed[answer.id].held
            if isinstance(answer, Document):
                yield answer
            elif isinstance(answer, Refused):
                self._desk.fail(answer.id, held, answer.error, answer.stage)
            else:
                self._unwanted(answer, changed[answer.id])

    def _unwanted(self, answer: Unwanted, item: Fetched) -> None:
        if item.held is not None and item.held.state == State.LIVE:
            self._rule_out(item.held, RuledOut(answer.rule, answer.code, self._recipe, item.document.version))
        else:
            self._desk.filter(answer.id, item.held, answer.rule, answer.code, item.document.version, self._recipe)


def _sheets_of(work: Work) -> FillsSheets | None:
    """The source, if documents may come from it as columns: the ledger takes them, every transform may leave them."""
    source, ledger = work.source, work.ledger
    if not (isinstance(source, FillsSheets) and isinstance(ledger, TakesSheets) and ledger.takes_sheets):
        return None
    return source if all(isinstance(transform, LeavesSheets) for transform in work.transforms) else None


def _counts(work: Work) -> tuple[int, int]:
    return work.ledger.count(work.ticket.connector)


def _load(document: Document) -> SynclineError | None:
    """Call the document's `load` if it has one; the error if it cannot."""
    if document.load is None:
        return None
    try:
        body = document.load()
    except SynclineError as error:
        return error
    except Exception as error:
        message = f"its body could not be loaded: {type(error).__name__}: {error}"
        return DocumentRejected(message, code="source.load_failed")
    document.load = None
    if isinstance(body, str):
        document.text = body
    elif isinstance(body, bytes):
        document.content = body
    else:
        return DocumentRejected(f"its load() returned {type(body).__name__}, not bytes or str", code="document.invalid")
    return None


def _guarded(news: Iterator[T]) -> Iterator[T]:
    """What a source raises in its own words becomes an error of the family."""
    try:
        yield from news
    except (SynclineError, Stopped, GeneratorExit):
        raise
    except (Exception, SystemExit) as error:
        message = f"the source raised {type(error).__name__}: {error}"
        raise SourceProtocolError(message, code="source.raised") from error


class _Broken(NamedTuple):
    """The source cannot go on."""

    error: SynclineError


def _to_the_end(news: Iterator[T]) -> Iterator[T | _Broken]:
    """All that a source says, and the error that ended it, as its last word."""
    try:
        yield from _guarded(news)
    except SynclineError as error:
        yield _Broken(error)


def _ids(page: Page) -> list[str]:
    try:
        ids = [entry.id for entry in page.entries]
        "".join(ids)  # the quickest way to find one that is no str
    except (AttributeError, TypeError) as error:
        raise SourceProtocolError("list() gave a Page whose entries are not Entry(str, …)") from error
    return ids


def _strange(news: object, verb: str) -> SourceProtocolError:
    return SourceProtocolError(f"{verb}() gave a {type(news).__name__}, which does not belong there")
