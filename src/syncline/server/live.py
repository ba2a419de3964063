"""What happens, as it happens: server-sent events.

    control.db ──version, every 100 ms──▶ tail (one thread, while somebody listens) ──News──▶ listeners

The tail reads what is new once, for everybody. A listener reads the database itself only to catch up: when it comes,
or when it was away for longer than the tail remembers. Durable events carry their number as `id`; whoever comes back
with Last-Event-ID misses none that are still kept. Progress is not durable: whoever is slow hears the newest only.
Nothing is queued for anybody, so a slow listener costs nothing, and one that takes nothing for SEND_S is let go.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from syncline.model.errors import SynclineError
from syncline.model.events import Event
from syncline.model.jobs import ENDED, Job
from syncline.model.shapes import iso
from syncline.server.house import House
from syncline.server.problems import encoded
from syncline.server.routes.shapes import job_answer, names_of
from syncline.store.relational.control import Control
from syncline.wiring import Installation

POLL_S: Final = 0.1
HEARTBEAT_S: Final = 15.0
SEND_S: Final = 30.0
PAGE: Final = 200
REMEMBERED: Final = 1000  # events, for listeners that are a little behind
RETRY_MS: Final = 2000
LAST_WORDS: Final = frozenset(f"job.{state.value}" for state in ENDED)
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


class Heard(NamedTuple):
    """A durable event, and its frame."""

    event: Event
    frame: bytes


class Under(NamedTuple):
    """A job under way, its frame, and what tells this moment of it from others."""

    job: Job
    frame: bytes
    moment: Any


class News(NamedTuple):
    """What the tail knows: every event after `since`, and the jobs that are under way."""

    since: int
    events: Sequence[Heard]
    jobs: Sequence[Under]


# --- the tail --------------------------------------------------------------------------------------------------------


class Tail:
    """One thread for all listeners, which reads what is new and wakes them."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._lock = threading.Lock()
        self._listeners: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}
        self._thread: threading.Thread | None = None
        self.news: News | None = None

    def join(self, bell: asyncio.Event, loop: asyncio.AbstractEventLoop) -> None:
        """Ring that bell, in that loop, whenever there is news."""
        with self._lock:
            self._listeners[bell] = loop
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="live-tail", daemon=True)
                self._thread.start()

    def leave(self, bell: asyncio.Event) -> None:
        """Nobody listens to it any more."""
        with self._lock:
            self._listeners.pop(bell, None)

    @property
    def at_work(self) -> bool:
        """Whether there is a thread, which is while somebody listens."""
        return self._thread is not None

    def _run(self) -> None:
        with self._house.room() as room:
            seen = -1
            while self._wanted():
                with suppress(SynclineError):  # the table is busy: it is asked again
                    version = room.control().version()
                    if version != seen:
                        self.news = self._read(room)
                        seen = version
                        self._ring()
                self._house.closing.wait(POLL_S)
        self._ring()

    def _wanted(self) -> bool:
        with self._lock:
            if not self._listeners or self._house.closing.is_set():
                self._thread = self.news = None
            return self._thread is not None

    def _read(self, room: Installation) -> News:
        control = room.control()
        if self.news is None:
            return News(control.newest_event(), (), under_way(control, control.unended(), room.clock()))
        events = deque(self.news.events, REMEMBERED)
        since = self.news.since
        while found := control.events(events[-1].event.seq if events else since, PAGE):
            for event in found:
                if len(events) == REMEMBERED:
                    since = events[0].event.seq
                events.append(heard(event))
        return News(since, tuple(events), under_way(control, control.unended(), room.clock()))

    def _ring(self) -> None:
        with self._lock:
            for bell, loop in self._listeners.items():
                with suppress(RuntimeError):  # the loop has ended
                    loop.call_soon_threadsafe(bell.set)


def heard(event: Event) -> Heard:
    """The event with its frame."""
    return Heard(event, frame(event.type, event_shape(event), id=event.seq))


def under_way(control: Control, jobs: Sequence[Job], now: float) -> list[Under]:
    """Those jobs as they are now."""
    names = names_of(control, jobs)
    found = []
    for job in jobs:
        moment = (job.state, job.counters.as_dict(), job.progress, job.attempt)
        told = job_answer(job, names[job.connector_id], now)
        found.append(Under(job, frame("progress", told), moment))
    return found


# --- a listener ------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Wish:
    """What a listener wants to hear of.

    after       the last event it has heard; None: from now on, or from the beginning of the job.
    job         the number of the only job it wants to hear of; the stream ends with it.
    indexes     names of those it may see; None: all.
    types       of the events; empty: all.
    """

    after: int | None = None
    job: int | None = None
    connector_id: str | None = None
    indexes: tuple[str, ...] | None = None
    types: tuple[str, ...] = ()
    progress: bool = True

    def wants(self, event: Event) -> bool:
        """True when it is to hear of this event."""
        if self.job is not None and event.job != self.job:
            return False
        if self.connector_id is not None and event.connector_id != self.connector_id:
            return False
        if self.types and event.type not in self.types:
            return False
        return self.indexes is None or event.index in self.indexes

    def watches(self, job: Job) -> bool:
        """True when it is to hear of the progress of this job."""
        if not self.progress or self.job not in (None, job.number):
            return False
        if self.connector_id is not None and job.connector_id != self.connector_id:
            return False
        return self.indexes is None or job.index in self.indexes


@dataclass(slots=True)
class Look:
    """What a listener found when it looked. `over`: its job has ended."""

    frames: list[bytes] = field(default_factory=list)
    more: bool = False
    over: bool = False


class Listener:
    """One stream. It looks at the news when they reach back far enough, else into the database."""

    def __init__(self, house: House, wish: Wish) -> None:
        self._house = house
        self._wish = wish
        self._mark = wish.after
        self._caught_up = False
        self._told: dict[int, Any] = {}
        self._beats: dict[int, tuple[int, float]] = {}

    def glance(self, news: News | None) -> Look | None:
        """What is new, from memory; None when that does not tell. Costs no thread."""
        if news is None or not self._caught_up or self._mark is None or self._mark < news.since:
            return None
        look = Look()
        self._hear(look, [one for one in news.events if one.event.seq > self._mark])
        self._watch(look, news.jobs)
        return look

    def look(self) -> Look:
        """What is new, from the database: a page of it. May be called from any thread, one at a time."""
        look = Look()
        with self._house.room() as room:
            control = room.control()
            ended = self._wish.job is not None and not control.job(self._wish.job).active  # before its events are read
            self._begin(control)
            found = control.events(self._mark or 0, PAGE, job=self._wish.job)
            self._tell_gap(look, found)
            self._hear(look, [heard(event) for event in found])
            look.more = len(found) == PAGE and not look.over
            if not look.more:
                self._end_catching_up(control, look, ended, room.clock())
        return look

    def _begin(self, control: Control) -> None:
        newest = control.newest_event()
        if self._mark is None:
            self._mark = 0 if self._wish.job is not None else newest
        self._mark = min(self._mark, newest)  # a number of another data directory

    def _tell_gap(self, look: Look, found: Sequence[Event]) -> None:
        if found and self._wish.job is None and found[0].seq > (self._mark or 0) + 1:
            look.frames.append(frame("gap", {"after": self._mark, "before": found[0].seq}))

    def _end_catching_up(self, control: Control, look: Look, ended: bool, now: float) -> None:
        self._caught_up = True
        if self._wish.job is None:
            self._watch(look, under_way(control, control.unended(), now))
        elif not look.over:
            job = control.job(self._wish.job)
            self._watch(look, under_way(control, [job], now))
            look.over = ended  # its last words were heard before, or are not kept any more

    def _hear(self, look: Look, events: Sequence[Heard]) -> None:
        for event, told in events:
            self._mark = event.seq
            if self._wish.wants(event):
                look.frames.append(told)
                look.over = look.over or (self._wish.job is not None and event.type in LAST_WORDS)

    def _watch(self, look: Look, jobs: Sequence[Under]) -> None:
        for job, told, moment in jobs:
            if look.over or not self._wish.watches(job) or self._told.get(job.number) == moment:
                continue
            beat = (job.attempt, job.heartbeat_at or 0.0)
            if self._beats.get(job.number, beat) <= beat:  # the news may be older than our own last look
                self._told[job.number], self._beats[job.number] = moment, beat
                look.frames.append(told)
        for gone in set(self._told) - {job.number for job, _, _ in jobs}:
            del self._told[gone], self._beats[gone]


def event_shape(event: Event) -> dict[str, Any]:
    """One durable event; `data` is the job as it was."""
    return {
        "seq": event.seq,
        "at": iso(event.at),
        "type": event.type,
        "connector_id": event.connector_id or None,
        "index": event.index or None,
        "job": event.job,
        "data": event.data,
    }


def frame(type: str, data: Any, id: int | None = None) -> bytes:
    """One event on the wire.  Source: WHATWG HTML, section 9.2."""
    head = f"id: {id}\n" if id is not None else ""
    return f"{head}event: {type}\ndata: ".encode() + encoded(data) + b"\n\n"


# --- the answer ------------------------------------------------------------------------------------------------------


class EventStream(Response):
    """An answer without an end, or with that of its job."""

    def __init__(
        self,
        house: House,
        tail: Tail,
        wish: Wish,
        *,
        heartbeat_s: float = HEARTBEAT_S,
        send_s: float = SEND_S,
    ) -> None:
        self._house = house
        self._tail = tail
        self._listener = Listener(house, wish)
        self._heartbeat_s = heartbeat_s
        self._send_s = send_s
        super().__init__(b"", 200, _HEADERS, "text/event-stream")
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the client goes, the job ends, or the server does."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        gone = asyncio.ensure_future(_gone(receive))
        try:
            async for part in self._parts(gone):
                body = {"type": "http.response.body", "body": part, "more_body": True}
                await asyncio.wait_for(send(body), self._send_s)
            if not gone.done():
                await asyncio.wait_for(send({"type": "http.response.body", "body": b""}), self._send_s)
        except (TimeoutError, OSError):
            return  # it takes nothing: it may come back and go on from where it was
        finally:
            gone.cancel()

    async def _parts(self, gone: asyncio.Future[None]) -> AsyncIterator[bytes]:
        bell, loop = asyncio.Event(), asyncio.get_running_loop()
        self._tail.join(bell, loop)
        try:
            yield f"retry: {RETRY_MS}\n\n".encode()
            while not (gone.done() or self._house.closing.is_set()):
                bell.clear()
                look = await self._look()
                if look.frames:
                    yield b"".join(look.frames)
                if look.over:
                    return
                if not look.more and not await self._rung(bell, gone):
                    yield b": still here\n\n"
        finally:
            self._tail.leave(bell)

    async def _look(self) -> Look:
        look = self._listener.glance(self._tail.news)
        return await run_in_threadpool(self._listener.look) if look is None else look

    async def _rung(self, bell: asyncio.Event, gone: asyncio.Future[None]) -> bool:
        """Wait for news; False when it is time for a heartbeat."""
        ring = asyncio.ensure_future(bell.wait())
        try:
            done, _ = await asyncio.wait(
                (ring, gone), timeout=self._heartbeat_s, return_when=asyncio.FIRST_COMPLETED
            )  # fmt: skip
        finally:
            ring.cancel()
        return bool(done)


async def _gone(receive: Receive) -> None:
    """Return when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def last_event_id(said: str | None) -> int | None:
    """The number in a Last-Event-ID; None when there is none that makes sense."""
    if said is None or not (said.isascii() and said.isdecimal() and len(said) < 19):
        return None
    return int(said)
