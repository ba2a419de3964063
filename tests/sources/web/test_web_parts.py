"""What is remembered between two listings, the spool, the threads, and packages that are missing."""

from __future__ import annotations

import builtins
import json
import random
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sources.web.sites import Site, html, until, web

from syncline.model.errors import ConfigInvalid
from syncline.sources.web.fleet import Fleet
from syncline.sources.web.memory import Record, Remembered, pack, unpack
from syncline.sources.web.spool import Spool
from syncline.sources.web.urls import glob_matches
from syncline.testing.reading import read_all

URLS = st.sampled_from([f"https://e.com/{n}" for n in range(20)])
SHORT = st.text(max_size=9)
RECORDS = st.builds(
    Record,
    digest=st.text("0123456789abcdef", min_size=1, max_size=24),
    **dict.fromkeys(("etag", "modified", "rule", "code", "language"), SHORT),
    canonical=URLS | st.just(""),
    links=st.none() | st.lists(URLS, max_size=9).map(tuple),
)


@given(st.dictionaries(URLS, RECORDS, max_size=12), st.dictionaries(st.text(max_size=5), st.integers(), max_size=3))
def test_what_is_packed_is_unpacked(records: dict[str, Record], rest: dict[str, Any]) -> None:
    memory = json.loads(json.dumps(pack(Remembered("settings", records, rest))))
    assert unpack(memory) == Remembered("settings", records, rest)


@given(st.integers(0, 400), st.integers(0, 255))
def test_damaged_memory_is_none_or_something_and_never_an_error(at: int, value: int) -> None:
    records = {f"https://e.com/{n}": Record("ab", "tag", links=(f"https://e.com/{n + 1}",)) for n in range(9)}
    memory = pack(Remembered("x", records, {}))
    text = memory["pages"]
    memory["pages"] = text[: at % len(text)] + chr(value) + text[at % len(text) + 1 :]
    unpack(memory)


def test_links_beyond_the_limit_are_not_kept_and_their_pages_read_in_full() -> None:
    records = {
        f"https://e.com/{n}": Record("ab", links=tuple(f"https://e.com/{n}/{m}" for m in range(10))) for n in range(9)
    }
    found = unpack(pack(Remembered("x", records, {}), max_links=35))
    assert found is not None
    assert [record.links is not None for record in found.records.values()] == [True] * 3 + [False] * 6


def test_the_memory_of_a_large_site_is_small(remark: Callable[[str], None]) -> None:
    chance = random.Random(1)
    urls = [f"https://docs.example.com/guide/section-{n % 90}/page-{n}" for n in range(10_000)]
    common = urls[:30]
    records = {
        url: Record(
            chance.randbytes(12).hex(), f'"{chance.randbytes(8).hex()}"', links=(*common, *chance.sample(urls, 10))
        )
        for url in urls
    }
    size = len(json.dumps(pack(Remembered("x", records, {}))))
    remark(f"web source: the memory of 10,000 pages with 40 links each takes {size / 1e6:.2f} MB")
    assert size < 2_000_000


@given(st.lists(st.text("ab", max_size=3), min_size=1, max_size=5), st.text("ab", max_size=9))
def test_globs_match_as_their_regular_expressions_do(pieces: list[str], text: str) -> None:
    import re

    if len(pieces) == 1:
        pieces = [*pieces, ""]
    expected = re.fullmatch(".*".join(map(re.escape, pieces)), text) is not None
    assert glob_matches(pieces, text) == expected


def test_a_spool_gives_back_what_it_was_given_until_it_begins_anew() -> None:
    spool, other = Spool(max_bytes=3_000_000), Spool()
    kept = {body: spool.put(body) for body in (b"", b"a" * 5, b"b" * 2_000_000)}
    assert all(where is not None and spool.get(where) == body for body, where in kept.items())
    assert spool.put(b"c" * 1_000_000) is None
    where = kept[b"a" * 5]
    assert where is not None
    assert other.get(where) is None
    spool.begin()
    assert spool.get(where) is None
    assert spool.put(b"c" * 1_000_000) is not None


def test_a_fleet_keeps_to_its_numbers_and_loses_nothing() -> None:
    lock, now, most = threading.Lock(), {"all": 0}, {"all": 0}

    def work(job: str) -> str:
        host = job[0]
        with lock:
            for key in ("all", host):
                now[key] = now.get(key, 0) + 1
                most[key] = max(most.get(key, 0), now[key])
        threading.Event().wait(0.001)
        with lock:
            for key in ("all", host):
                now[key] -= 1
        return job

    fleet: Fleet[str, str] = Fleet(work, lambda job: job[0], per_host=2, threads=5)
    jobs = [f"{host}{n}" for host in "abcdef" for n in range(20)]
    for job in jobs:
        fleet.add(job)
    done: list[str] = []
    while fleet.busy:
        result = fleet.next(60)
        assert result is not None
        done.append(result)
    fleet.close()
    assert sorted(done) == sorted(jobs)
    assert most["all"] <= 5
    assert all(most[host] <= 2 for host in "abcdef")


def test_threads_end_with_their_fleet(site: Site) -> None:
    before = threading.active_count()
    site.pages = {"/": html("/a"), "/a": html()}
    news = web(site.clock, urls=[site.url()]).list(None, None)
    next(news)
    news.close()  # type: ignore[attr-defined]
    until(lambda: not [thread for thread in threading.enumerate() if thread.name == "web"], "the threads")
    assert threading.active_count() <= before + 2  # the site's own


@pytest.mark.parametrize("package", ["selectolax", "protego"])
def test_a_missing_package_is_named(site: Site, monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    import sys

    real = builtins.__import__

    def without(name: str, *args: Any, **more: Any) -> Any:
        if name.partition(".")[0] == package:
            raise ImportError(name)
        return real(name, *args, **more)

    for module in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(builtins, "__import__", without)
    site.pages = {"/": html(), "/robots.txt": "User-agent: *\nDisallow: /x\n"}
    source = web(site.clock, urls=[site.url()])
    for attempt in (source.check, lambda: read_all(source)):
        with pytest.raises(ConfigInvalid) as caught:
            attempt()
        assert (caught.value.code, caught.value.remedy) == ("source.extra_missing", "pip install 'syncline[web]'")
