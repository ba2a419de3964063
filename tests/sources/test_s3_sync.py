"""Whole jobs on a bucket: only what changed is fetched, and no fault of the store ever deletes a document."""

from __future__ import annotations

import random
import threading
from types import SimpleNamespace

import pytest
from tests.leaks import files_with
from tests.sources import s3lab
from tests.sources.s3lab import HASTY, error, hang_up, proxy, store  # noqa: F401

from syncline import Syncline
from syncline.model.connectors import Guard
from syncline.model.jobs import JobState
from syncline.sources.s3 import source as source_module

# ruff: noqa: F811  fixtures are taken as arguments

NO_GUARD = Guard(max_percent=100, max_deletes=10**9)


@pytest.fixture
def place(store, proxy, tmp_path, monkeypatch):
    """A bucket, a connector that reads it through the proxy, and what the bucket should come to."""
    monkeypatch.setattr(source_module.S3Source.__init__, "__kwdefaults__", impatient(source_module.S3Source.__init__))
    bucket, truth = store.bucket(), {}

    def put(key, text):
        truth[key] = text
        store.client.put_object(Bucket=bucket, Key=key, Body=text.encode())

    def remove(key):
        del truth[key]
        store.client.delete_object(Bucket=bucket, Key=key)

    with Syncline(tmp_path / "state") as syncline:
        settings = {
            "bucket": bucket, "endpoint_url": proxy.url, "access_key_id": s3lab.KEY_ID,
            "secret_access_key": s3lab.SECRET,
        }  # fmt: skip
        syncline.add_connector("s3", settings, name="bucket", guard=NO_GUARD)

        def sync(**more):
            proxy.forget()
            return syncline.sync("bucket", **more)

        yield SimpleNamespace(
            put=put, remove=remove, truth=truth, sync=sync, proxy=proxy,
            syncline=syncline, bucket=bucket,
        )  # fmt: skip


def impatient(function):
    return {**function.__kwdefaults__, "patience": HASTY, "page_size": 10, "checkpoint_every": 20}


def everything(syncline):
    """id -> text of all that a search finds."""
    found = syncline.search("word", limit=1000, unrestricted=True)
    return {hit.id: hit.title for hit in found.hits}


def counted(result):
    return {kind: number for kind, number in result.counters.as_dict().items() if number}


def text(n):
    return f"word number {n}"


def test_an_unchanged_bucket_is_listed_and_nothing_of_it_read(place):
    for n in range(60):
        place.put(f"{n % 7}/doc-{n}.txt", text(n))
    assert counted(place.sync())["inserted"] == 60
    assert sum(place.proxy.gets.values()) == 60
    assert counted(place.sync()) == {"kept": 60}
    assert (sum(place.proxy.gets.values()), len(place.proxy.listings)) == (0, 6)


def test_of_a_bucket_with_a_few_changes_only_those_are_read(place):
    for n in range(200):
        place.put(f"{n % 7}/doc-{n}.txt", text(n))
    place.sync()
    place.put("0/doc-0.txt", text(1000))
    place.put("1/doc-1.txt", text(1001))
    place.put("new.txt", text(1002))
    place.remove("2/doc-2.txt")
    assert counted(place.sync()) == {"inserted": 1, "updated": 2, "deleted": 1, "kept": 197}
    assert dict(place.proxy.gets) == {"0/doc-0.txt": 1, "1/doc-1.txt": 1, "new.txt": 1}


def test_an_object_that_cannot_be_read_is_tried_again_by_the_next_job(place):
    for n in range(12):
        place.put(f"doc-{n}.txt", text(n))
    place.proxy.act = lambda request, forward, _: (
        error(403, "AccessDenied") if request.key == "doc-3.txt" else forward()
    )
    first = place.sync()
    assert (first.status, counted(first)) == (JobState.INCOMPLETE, {"inserted": 11, "failed": 1})
    place.proxy.act = None
    second = place.sync()
    assert (second.status, counted(second)) == (JobState.SUCCEEDED, {"inserted": 1, "kept": 11})
    assert dict(place.proxy.gets) == {"doc-3.txt": 1}


class Weather:
    """Faults at random, by a seed: on listings and on objects, none of them honest about what is gone."""

    def __init__(self, seed, chance):
        self.random, self.chance, self.lock, self.struck = random.Random(seed), chance, threading.Lock(), 0
        self.told = []

    def __call__(self, request, forward, handler):
        with self.lock:
            strikes = self.random.random() < self.chance
            fault = self.random.choice(self.faults)
            self.struck += strikes
        self.told.append((request.path[:80], fault.__name__ if strikes else "calm"))
        return fault(self, request, forward, handler) if strikes else forward()

    def refused(self, request, forward, handler):
        return error(self.random.choice([403, 500, 503, 429]), "AccessDenied" if request.key else "SlowDown")

    def hung_up(self, request, forward, handler):
        hang_up(handler)

    def halved(self, request, forward, handler):
        answer = forward()
        handler.close_connection = True
        s3lab.respond(handler, answer.with_body(answer.body[: len(answer.body) // 2]), length=len(answer.body))

    def emptied(self, request, forward, handler):
        if request.key:
            return error(500, "InternalError")
        body = b"<ListBucketResult><IsTruncated>false</IsTruncated><KeyCount>0</KeyCount></ListBucketResult>"
        return forward().with_body(body)

    def cut_short(self, request, forward, handler):
        answer = forward()
        return answer if request.key else answer.with_body(answer.body.replace(b"<IsTruncated>true", b"<IsTruncated>"))

    def expired(self, request, forward, handler):
        return error(400, "ExpiredToken")

    faults = (refused, refused, hung_up, halved, emptied, cut_short, expired)


@pytest.mark.parametrize("seed", range(4))
def test_in_any_weather_nothing_is_deleted_wrongly_and_the_first_calm_job_makes_it_right(place, seed, remark):
    chance = random.Random(seed)
    for n in range(60):
        place.put(f"{n % 5}/doc-{n}.txt", text(n))
    place.sync()
    struck = states = 0
    for round in range(8):
        place.put(f"{round % 5}/doc-{round}.txt", text(1000 + round))
        place.put(f"new-{round}.txt", text(2000 + round))
        if round % 2:
            place.remove(chance.choice(sorted(place.truth)))
        before = set(everything(place.syncline))
        place.proxy.act = weather = Weather(seed * 100 + round, chance.choice([0.05, 0.2, 0.5]))
        result = place.sync()
        struck += weather.struck
        states += result.status is not JobState.SUCCEEDED
        lost = before - set(everything(place.syncline)) - {id for id in before if id not in place.truth}
        assert not lost, f"deleted, and still there: {len(lost)}, {counted(result)}, {weather.told}"
    place.proxy.act = None
    assert place.sync().status is JobState.SUCCEEDED
    assert set(everything(place.syncline)) == set(place.truth)
    assert counted(place.sync()) == {"kept": len(place.truth)}
    assert sum(place.proxy.gets.values()) == 0
    remark(f"s3 weather {seed}: {struck} faults, {states} of 8 jobs not succeeded, 0 documents lost")


def test_a_job_stops_while_the_store_does_not_answer(place):
    for n in range(30):
        place.put(f"doc-{n}.txt", text(n))
    reached, release = threading.Event(), threading.Event()

    def hang(request, forward, handler):
        if request.key == "doc-3.txt":
            reached.set()
            release.wait(60)
        return forward()

    place.proxy.act = hang
    result = place.sync(stop=reached.is_set)
    release.set()
    assert result.status is JobState.STOPPED


def test_another_bucket_under_the_same_settings_is_another_place(place, store, monkeypatch):
    """The environment sends the connector elsewhere: nothing found there says that anything is gone."""
    for n in range(20):
        place.put(f"doc-{n}.txt", text(n))
    place.syncline.add_connector(
        "s3",
        {"bucket": place.bucket, "access_key_id": s3lab.KEY_ID, "secret_access_key": s3lab.SECRET},
        name="wandering",
        index="other",
        guard=NO_GUARD,
    )
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", place.proxy.url)
    assert counted(place.syncline.sync("wandering"))["inserted"] == 20
    elsewhere = s3lab.Proxy(store.port)
    elsewhere.act = lambda request, forward, _: elsewhere.forward(
        request, request.path.replace(f"/{place.bucket}", f"/{empty}")
    )
    empty = store.bucket()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", elsewhere.url)
    result = place.syncline.sync("wandering")
    elsewhere.stop()
    assert result.status is JobState.INCOMPLETE
    assert "deleted" not in counted(result)
    assert place.syncline.search("word", index="other").total == 20


def test_a_secret_is_stored_nowhere_in_the_clear(place, tmp_path):
    place.put("a.txt", text(1))
    place.proxy.act = lambda *_: error(403, "SignatureDoesNotMatch")
    result = place.sync()
    assert result.error["code"] == "credentials.invalid"
    assert files_with(tmp_path / "state", s3lab.SECRET) == []
