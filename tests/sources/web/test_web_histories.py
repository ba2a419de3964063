"""Random histories of a site with faults and kills, through the engine: nothing that is still there is ever deleted,
and one undisturbed job makes the index equal to the site."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

import pytest
from tests.sources.web.sites import Asked, Reply, Site, VirtualTime, html, web

from syncline.engine.job import run_job
from syncline.engine.work import Ending, Work
from syncline.model.connectors import Guard
from syncline.model.documents import State
from syncline.model.jobs import JobEvent
from syncline.model.outcomes import Kind
from syncline.model.ports import Ticket
from syncline.sources.web import crawl
from syncline.sources.web.memory import unpack
from syncline.testing.ledger import IndexMemory, MemoryLedger

NAMES = [f"/p{n}" for n in range(14)]
MAX_DEPTH = 5
WRONG: list[str] = []
JOBS: list[int] = []


class Died(BaseException):
    """The process is gone."""


class Model:
    """What the site is: for each page its text and its links. "/" is always there."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.edits = 0
        self.pages: dict[str, tuple[str, tuple[str, ...]]] = {}
        self.canonical: dict[str, str] = {}
        self.moved: dict[str, str] = {}
        self.write("/")
        for name in chance.sample(NAMES, 9):
            self.write(name)

    def write(self, name: str) -> None:
        self.edits += 1
        links = self.chance.sample(NAMES, self.chance.randint(0, 4) + 2 * (name == "/"))
        self.pages[name] = (f"text {self.edits}", tuple(links))
        self.moved.pop(name, None)

    def edit(self) -> None:
        for _ in range(self.chance.randint(0, 3)):
            name = self.chance.choice(NAMES)
            act = self.chance.random()
            if act < 0.25:
                self.pages.pop(name, None)
                self.moved.pop(name, None)
            elif act < 0.35:
                self.pages.pop(name, None)
                self.moved.pop(name, None)
                target = self.chance.choice(NAMES)
                if self.final(target) != name:
                    self.moved[name] = target
            else:
                self.write(self.chance.choice([name, name, "/"]))

    def reachable(self) -> set[str]:
        """The documents there are: pages within MAX_DEPTH links of the front page."""
        seen: set[str] = set()
        level = ["/"]
        for _ in range(MAX_DEPTH + 1):
            here = [self.final(name) for name in level]
            found = [name for name in here if name in self.pages and name not in seen]
            seen |= set(found)
            level = [link for name in found for link in self.pages[name][1]]
        return seen

    def final(self, name: str) -> str:
        passed: set[str] = set()
        while name in self.moved and name not in passed:
            passed.add(name)
            name = self.moved[name]
        return name


class World:
    """A site, an index, and jobs between them."""

    def __init__(self, site: Site, seed: int) -> None:
        self.site = site
        self.chance = random.Random(seed)
        self.model = Model(self.chance)
        self.index = IndexMemory()
        self.numbers = itertools.count(1)
        self.fences = itertools.count(1)
        self.serve()

    def serve(self) -> None:
        site = self.site
        site.pages = {name: html(*links, text=text) for name, (text, links) in self.model.pages.items()}
        site.pages |= {
            name: Reply(301, headers={"location": target}) for name, target in self.model.moved.items()
        }  # fmt: skip
        site.pages["/login"] = html(text="login")

    def job(self, number: int, **given: Any) -> Ending:
        source = web(self.site.clock, urls=[self.site.url()], max_depth=MAX_DEPTH)
        ledger = MemoryLedger(self.index, **given)
        JOBS.append(1)
        stop = self.chance.randint(1, 30) if self.chance.random() < 0.1 and given else 10**9
        asked = itertools.count()
        return run_job(
            Work(
                Ticket(1, number, next(self.fences)), source, ledger, self.site.clock.now,
                guard=Guard(max_percent=100, max_deletes=10**6), stop=lambda: next(asked) > stop,
            )
        )  # fmt: skip

    def held(self) -> dict[str, str]:
        """What the index holds: content by path."""
        desk = self.index.desks.get(1)
        documents = desk.documents.values() if desk else ()
        return {d.id.removeprefix(self.site.url("")): (d.content or b"").decode() for d in documents}

    def expected(self) -> dict[str, str]:
        return {name: str(self.site.pages[name]) for name in self.model.reachable()}

    def disturbed(self) -> None:
        """A job with faults, which may be killed and go on in another attempt."""
        before, number = set(self.held()), next(self.numbers)
        self.site.fault = self.faults()
        for _ in range(self.chance.choice([1, 1, 2])):
            deadly = self.chance.randint(1, 12) if self.chance.random() < 0.4 else 10**9
            passed = itertools.count(1)

            def crash(point: str, deadly: int = deadly, passed: Any = passed) -> None:
                if next(passed) >= deadly:
                    raise Died

            try:
                self.job(number, crash=crash)
                break
            except Died:
                continue
        self.site.fault = lambda asked: None
        lost = (before & self.model.reachable()) - set(self.held())
        if lost:
            WRONG.append(f"{lost}")
        assert not lost, f"deleted though they are there: {lost}"

    def was_read(self, name: str) -> bool:
        """Whether the last listing that came to its end knows the page."""
        desk = self.index.desks.get(1)
        known = unpack(desk.memory) if desk else None
        record = known.records.get(self.site.url(name)) if known else None
        return record is not None and bool(record.digest)

    def faults(self) -> Callable[[Asked], Reply | None]:
        kinds = [
            Reply(500), Reply(503, headers={"retry-after": "100000"}), Reply(raw=b""),
            Reply(raw=b"HTTP/1.1 200 OK\r\nX"), Reply(403), Reply(401),
            Reply(302, headers={"location": "/login"}), Reply(200, "abc", length=100), Reply(304), Reply(429),
            Reply(302, headers={"location": "http://portal.test/"}), Reply(502), Reply(204), Reply(508), Reply(400),
        ]  # fmt: skip
        many = self.chance.choice([0, 1, 1, 2, 3, 14])
        paths = {name: self.chance.choice(kinds) for name in self.chance.sample(NAMES, many)}
        paths = {
            name: reply if self.was_read(name) or not _closes(reply) else kinds[0] for name, reply in paths.items()
        }
        if self.chance.random() < 0.15:
            paths[self.chance.choice(["/", "/robots.txt"])] = self.chance.choice(kinds[:3])
        fails_until = self.chance.choice([10**9, 2])
        count: dict[str, int] = {}

        def fault(asked: Asked) -> Reply | None:
            count[asked.path] = count.get(asked.path, 0) + 1
            return paths.get(asked.path) if count[asked.path] <= fails_until else None

        return fault


def _closes(reply: Reply) -> bool:
    """Whether it says that we may not. Of a page that has never been read, that is believed."""
    return reply.status in (302, 400, 401, 403, 429)


def history(site: Site, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crawl, "CHECKPOINT_S", 0.0 if seed % 2 else 3.0)
    world = World(site, seed)
    for _ in range(5):
        world.model.edit()
        world.serve()
        world.disturbed()
    ending = world.job(next(world.numbers))
    assert (ending.event, ending.error) == (JobEvent.FINISH, None), ending.notes
    assert world.held() == world.expected()
    desk = world.index.desks[1]
    before = (dict(desk.rows), dict(desk.documents), desk.memory)
    again = world.job(next(world.numbers))
    assert again.event is JobEvent.FINISH
    assert (dict(desk.rows), dict(desk.documents), desk.memory) == before
    assert not {row.state for row in desk.rows.values()} & {State.FAILED}
    assert again.counters.as_dict().get(Kind.KEPT.value) == len(world.expected())


@pytest.mark.parametrize("seed", range(30))
def test_after_any_history_nothing_is_missing_and_nothing_left_over(
    site: Site, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    history(site, seed, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 2000))
def test_after_many_histories_nothing_is_missing_and_nothing_left_over(
    site: Site, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    history(site, seed, monkeypatch)


def test_no_history_deleted_what_was_there(remark: Callable[[str], None]) -> None:
    remark(f"web source: {len(JOBS)} jobs of random histories with faults and kills, {len(WRONG)} wrong deletions")
    assert WRONG == []


def test_a_crawl_that_was_killed_goes_on_where_it_was(
    site: Site, clock: VirtualTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crawl, "CHECKPOINT_S", 0.0)
    monkeypatch.setattr(crawl, "CHECKPOINT_SHARE", 0)
    site.pages = {"/": html(*NAMES)} | {name: html(text=name) for name in NAMES}
    index, passed = IndexMemory(), itertools.count(1)

    def crash(point: str) -> None:
        if next(passed) == 15:
            raise Died

    def attempt(fence: int, **given: Any) -> Ending:
        source = web(clock, urls=[site.url()], requests_at_once=1)
        return run_job(Work(Ticket(1, 1, fence), source, MemoryLedger(index, **given), clock.now))

    with pytest.raises(Died):
        attempt(1, crash=crash)
    done = len(index.desks[1].documents)
    assert 0 < done < len(NAMES)
    site.forget()
    ending = attempt(2)
    assert ending.event is JobEvent.FINISH
    assert len(index.desks[1].documents) == len(NAMES) + 1
    assert len(site.paths()) <= len(NAMES) + 2 - done, "what is durable is not asked for again"
