"""What the source does when the store, or what stands before it, misbehaves: nothing is believed that is not whole."""

from __future__ import annotations

import re
import socket
import threading
import time
from types import SimpleNamespace

import pytest
from tests.sources import s3lab
from tests.sources.s3lab import HASTY, error, eventually, hang_up, proxy, respond, store  # noqa: F401

from syncline.model.documents import Document
from syncline.model.errors import ConfigInvalid, CredentialsInvalid, SourceUnavailable, SynclineError
from syncline.model.news import Begin, Gone, Page, Refused
from syncline.sources.s3.pace import Pace
from syncline.sources.s3.wire import Patience

# ruff: noqa: F811  fixtures are taken as arguments

OBJECTS = 25
PAGE = 10


@pytest.fixture
def place(store, proxy):
    """A bucket of 25 objects behind the proxy, listed ten at a time."""
    bucket = store.bucket()
    for n in range(OBJECTS):
        store.client.put_object(Bucket=bucket, Key=f"doc-{n:03}.txt", Body=f"Number {n}.".encode())

    def open(**settings):
        options = {"page_size": PAGE, **settings.pop("options", {})}
        return s3lab.opened(bucket, endpoint_url=proxy.url, options=options, **settings)

    return SimpleNamespace(bucket=bucket, open=open, client=store.client, proxy=proxy)


def once(act, when):
    """`act` for the first request that is meant, then everything as it is."""
    done = []

    def acting(request, forward, handler):
        if not done and when(request):
            done.append(request)
            return act(request, forward, handler)
        return forward()

    return acting


def always(act, when):
    return lambda request, forward, handler: act(request, forward, handler) if when(request) else forward()


def a_listing(request):
    return "list-type" in request.query


def a_later_page(request):
    return "continuation-token" in request.query


def the_key(key):
    return lambda request: request.key == key and not a_listing(request)


def truncated(_, forward, handler):
    """Half of the body, and then the connection is closed."""
    answer = forward()
    handler.close_connection = True
    respond(handler, answer.with_body(answer.body[: len(answer.body) // 2]), length=len(answer.body))
    hang_up(handler)


def reset(_, __, handler):
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    hang_up(handler)


def empty_listing(_, forward, __):
    body = b"<ListBucketResult><IsTruncated>false</IsTruncated><KeyCount>0</KeyCount></ListBucketResult>"
    return forward().with_body(body)


def cut_in_the_middle(_, forward, __):
    answer = forward()
    return answer.with_body(answer.body[: len(answer.body) // 2])


def some_keys_missing(_, forward, __):
    answer = forward()
    return answer.with_body(re.sub(rb"<Contents>.*?</Contents>", b"", answer.body, count=3))


def no_way_on(_, forward, __):
    answer = forward()
    return answer.with_body(re.sub(rb"<NextContinuationToken>.*?</NextContinuationToken>", b"", answer.body))


def not_said_whether_more(_, forward, __):
    answer = forward()
    return answer.with_body(answer.body.replace(b"<IsTruncated>true</IsTruncated>", b""))


def nothing_at_all(_, forward, __):
    return forward().with_body(b"")


def another_page(request, __, handler):
    """What a cache does that does not look at the question: the first page again."""
    path = re.sub(r"continuation-token=[^&]*&?", "", request.path)
    return handler.server.proxy.forward(request, path)


def a_page_of_html(_, forward, __):
    return forward().with_body(b"<!DOCTYPE html><html><body>Sign in to the hotel network</body></html>")


DAMAGE = [
    truncated, reset, empty_listing, cut_in_the_middle, some_keys_missing, no_way_on, not_said_whether_more,
    nothing_at_all, another_page, a_page_of_html,
]  # fmt: skip
named = pytest.mark.parametrize("act", DAMAGE, ids=lambda act: act.__name__)


@pytest.fixture(autouse=True)
def _known(proxy):
    proxy.server.proxy = proxy


@named
@pytest.mark.parametrize("when", [a_listing, a_later_page], ids=["the first page", "a later page"])
def test_a_page_that_is_damaged_once_is_asked_for_again(place, act, when):
    if act is another_page and when is a_listing:
        pytest.skip("the first page is itself")
    place.proxy.act = once(act, when)
    assert len(s3lab.listed(place.open()).keys) == OBJECTS


@named
def test_a_page_that_stays_damaged_ends_the_listing_without_a_proof(place, act):
    place.proxy.act = always(act, a_later_page)
    news = []
    with pytest.raises(SourceUnavailable) as caught:
        news.extend(place.open().list(None, None))
    assert caught.value.code in ("source.listing_damaged", "source.unreachable")
    assert caught.value.remedy


def test_an_empty_bucket_is_believed_when_it_says_so_three_times(store, proxy):
    assert s3lab.listed(s3lab.opened(store.bucket(), endpoint_url=proxy.url)).keys == []
    assert len(proxy.listings) == 3


def test_what_follows_may_go_while_it_is_listed(place):
    """The last page is empty then, and rightly."""

    def act(request, forward, _):
        if request.query.get("continuation-token") and len(place.proxy.listings) == 3:
            for n in range(20, OBJECTS):
                place.client.delete_object(Bucket=place.bucket, Key=f"doc-{n:03}.txt")
        return forward()

    place.proxy.act = act
    assert len(s3lab.listed(place.open()).keys) == 20


def test_a_bucket_that_is_empty_all_at_once_is_held_against_what_was_in_it(place):
    """A whole answer that lies, as often as it is asked: the object that was first is asked for."""
    source = place.open()
    memory = s3lab.listed(source).news[-1].memory
    place.proxy.act = always(empty_listing, a_listing)
    with pytest.raises(SourceUnavailable) as caught:
        list(source.list(memory, None))
    assert caught.value.code == "source.listing_damaged"
    place.proxy.act = None
    for n in range(OBJECTS):
        place.client.delete_object(Bucket=place.bucket, Key=f"doc-{n:03}.txt")
    news = list(source.list(memory, None))
    assert [type(item).__name__ for item in news] == ["Begin", "Complete"]
    assert news[-1].memory == {"witnesses": {}}


def test_a_store_that_knows_nothing_any_more_is_not_believed(place):
    """From the second page on it answers as if it were empty, whatever is asked."""
    place.proxy.act = lambda request, forward, handler: (
        forward() if len(place.proxy.listings) == 1 else empty_listing(request, forward, handler)
    )
    with pytest.raises(SourceUnavailable) as caught:
        s3lab.listed(place.open())
    assert caught.value.code == "source.listing_damaged"


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_burst_of_errors_is_waited_out(place, status):
    burst = iter([error(status, "SlowDown")] * 3)
    place.proxy.act = lambda request, forward, handler: next(burst, None) or forward()
    source = place.open()
    listing = s3lab.listed(source)
    assert len(listing.keys) == OBJECTS
    burst = iter([error(status, "SlowDown")] * 3)
    answers = s3lab.fetched(source, listing.entries)
    assert all(isinstance(answer, Document) for answer in answers.values())


def test_a_server_that_names_a_time_is_left_alone_until_then():
    """By every thread, whether or not it was the one that was told."""
    pace = Pace(HASTY, clock=lambda: 1000.0, chance=lambda: 0.5, monotonic=lambda: 50.0)
    assert pace.slow_down(1, {"retry-after": "1.9"}) is True  # no whole number: as it seems right
    assert pace.slow_down(1, {"retry-after": "2"}) is True
    waits = []
    pace.wait(SimpleNamespace(wait=lambda left: waits.append(left)))
    assert waits == [2.0]
    assert pace.slow_down(1, {"retry-after": "Thu, 01 Jan 1970 01:00:00 GMT"}) is False


def test_a_server_that_names_a_day_is_not_waited_for(place):
    place.proxy.act = lambda *_: error(503, "SlowDown", Retry_After="86400")
    with pytest.raises(SourceUnavailable) as caught:
        s3lab.listed(place.open())
    assert (caught.value.code, len(place.proxy.requests)) == ("source.unreachable", 1)


@pytest.mark.parametrize("act", [truncated, reset], ids=lambda act: act.__name__)
def test_a_body_that_breaks_off_once_is_read_again(place, act):
    place.proxy.act = once(act, the_key("doc-003.txt"))
    answers = s3lab.fetched(place.open())
    assert answers["doc-003.txt"].content == b"Number 3."
    assert place.proxy.gets["doc-003.txt"] == 2


def forbidden(*_):
    return error(403, "AccessDenied")


def failing(*_):
    return error(500, "InternalError")


@pytest.mark.parametrize("act", [truncated, reset, forbidden, failing], ids=lambda act: act.__name__)
def test_an_object_that_cannot_be_read_fails_alone(place, act):
    place.proxy.act = always(act, the_key("doc-003.txt"))
    answers = s3lab.fetched(place.open())
    refused = answers.pop("doc-003.txt")
    assert isinstance(refused, Refused)
    assert refused.error.code == "document.unreadable"
    assert all(isinstance(answer, Document) for answer in answers.values())
    assert len(answers) == OBJECTS - 1


def test_an_archived_object_fails_with_a_code_of_its_own(place):
    place.proxy.act = always(lambda *_: error(403, "InvalidObjectState"), the_key("doc-003.txt"))
    assert s3lab.fetched(place.open())["doc-003.txt"].error.code == "document.archived"


def test_an_object_that_is_gone_when_it_is_fetched_says_so(place):
    source = place.open()
    entries = s3lab.listed(source).entries
    place.client.delete_object(Bucket=place.bucket, Key="doc-003.txt")
    assert s3lab.fetched(source, entries)["doc-003.txt"] == Gone("doc-003.txt")


def test_an_object_that_changed_since_it_was_listed_has_its_new_version(place):
    source = place.open()
    entries = s3lab.listed(source).entries
    place.client.put_object(Bucket=place.bucket, Key="doc-003.txt", Body=b"Something longer.")
    answer = s3lab.fetched(source, entries)["doc-003.txt"]
    assert answer.content == b"Something longer."
    assert answer.version == s3lab.listed(place.open()).versions["doc-003.txt"]


def test_an_object_that_has_outgrown_the_limit_is_refused_unread(place):
    source = place.open(max_bytes=1000)
    entries = s3lab.listed(source).entries
    place.client.put_object(Bucket=place.bucket, Key="doc-003.txt", Body=b"x" * 5_000_000)
    assert s3lab.fetched(source, entries)["doc-003.txt"].error.code == "document.too_large"


def test_a_body_without_a_length_is_refused_once_it_is_too_large(place):
    def endless(_, __, handler):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for _ in range(10_000):
            handler.wfile.write(b"400\r\n" + b"x" * 1024 + b"\r\n")

    place.proxy.act = always(endless, the_key("doc-003.txt"))
    assert s3lab.fetched(place.open(max_bytes=100_000))["doc-003.txt"].error.code == "document.too_large"


def test_a_body_that_drips_is_not_waited_for(place):
    def drip(_, __, handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        for _ in range(100_000):
            handler.wfile.write(b"x")
            time.sleep(0.02)

    place.proxy.act = always(drip, the_key("doc-003.txt"))
    patience = Patience(step=1.0, whole=0.2, tries=2, base=0.01, cap=0.01)
    answers = s3lab.fetched(place.open(options={"patience": patience, "page_size": PAGE}))
    assert answers["doc-003.txt"].error.code == "document.unreadable"
    assert sum(isinstance(answer, Document) for answer in answers.values()) == OBJECTS - 1


def test_a_store_that_is_away_is_not_asked_for_every_object(place):
    source = place.open()
    entries = s3lab.listed(source).entries
    place.proxy.act = reset
    place.proxy.forget()
    with pytest.raises(SourceUnavailable) as caught:
        list(source.fetch(entries * 100))
    assert caught.value.code == "source.unreachable"
    assert len(place.proxy.requests) < 200


# --- credentials and places ------------------------------------------------------------------------------------------

CREDENTIALS = {
    "ExpiredToken": "credentials.expired",
    "InvalidAccessKeyId": "credentials.invalid",
    "SignatureDoesNotMatch": "credentials.invalid",
    "InvalidToken": "credentials.invalid",
}


@pytest.mark.parametrize("code", CREDENTIALS)
def test_credentials_that_are_not_accepted_end_check_listing_and_fetch(place, code):
    source = place.open()
    entries = s3lab.listed(source).entries
    place.proxy.act = lambda *_: error(403, code)
    for act in (source.check, lambda: s3lab.listed(source), lambda: list(source.fetch(entries))):
        with pytest.raises(CredentialsInvalid) as caught:
            act()
        assert caught.value.code == CREDENTIALS[code]


def test_a_bucket_that_may_not_be_listed_is_a_problem_of_permission(place):
    place.proxy.act = lambda *_: error(403, "AccessDenied")
    for act in (place.open().check, lambda: s3lab.listed(place.open())):
        with pytest.raises(SourceUnavailable) as caught:
            act()
        assert (caught.value.code, caught.value.as_dict()["category"]) == ("permission.denied", "permission")


def test_a_bucket_that_is_not_there_says_so(store, proxy):
    for act in (s3lab.opened("nowhere", endpoint_url=proxy.url).check,
                lambda: s3lab.listed(s3lab.opened("nowhere", endpoint_url=proxy.url))):  # fmt: skip
        with pytest.raises(SourceUnavailable) as caught:
            act()
        assert caught.value.code == "source.bucket_missing"


def test_a_bucket_that_vanishes_between_listing_and_fetch_takes_nothing_with_it(place):
    source = place.open()
    entries = s3lab.listed(source).entries
    place.proxy.act = lambda *_: error(404, "NoSuchBucket")
    with pytest.raises(SourceUnavailable):
        list(source.fetch(entries))


def test_an_endpoint_where_nobody_listens_is_unreachable(place):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        source = s3lab.opened("bucket", endpoint_url=f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(SourceUnavailable) as caught:
            source.check()
    assert caught.value.code == "source.unreachable"
    assert "onnection refused" in caught.value.message


def test_a_prefix_that_may_not_be_listed_is_named_and_the_others_go_on(place):
    for key in ("a/1", "b/1", "c/1"):
        place.client.put_object(Bucket=place.bucket, Key=key, Body=b"x")
    place.proxy.act = always(forbidden, lambda request: request.query.get("prefix") == "b/")
    listing = s3lab.listed(place.open(prefixes=["c/", "a/", "b/"]))
    assert (listing.keys, listing.unlisted) == (["a/1", "c/1"], {"b/": "permission.denied"})


def test_when_no_prefix_can_be_listed_the_listing_fails(place):
    place.proxy.act = lambda *_: error(403, "AccessDenied")
    with pytest.raises(SourceUnavailable):
        s3lab.listed(place.open(prefixes=["a/", "b/"]))


def test_a_clock_that_is_wrong_is_corrected_by_the_servers(place):
    dates = []

    def act(request, forward, handler):
        dates.append(request.headers["x-amz-date"][:4])
        return forward() if len(dates) > 1 else error(403, "RequestTimeTooSkewed")

    place.proxy.act = act
    assert len(s3lab.listed(place.open(options={"clock": lambda: 0.0, "page_size": 100})).keys) == OBJECTS
    assert (dates[0], dates[1] >= "2026") == ("1970", True)


def test_a_wrong_region_is_corrected_once(place):
    regions = []

    def act(request, forward, handler):
        regions.append(re.search(r"/([a-z0-9-]+)/s3/aws4", request.headers["authorization"])[1])
        return (
            forward()
            if regions[-1] == "eu-north-1"
            else error(301, "PermanentRedirect", x_amz_bucket_region="eu-north-1")
        )

    place.proxy.act = act
    assert len(s3lab.listed(place.open(options={"page_size": 100})).keys) == OBJECTS
    assert regions[:2] == ["us-east-1", "eu-north-1"]


@pytest.mark.parametrize("region", ["evil.example/#", "us-east-1", ""])
def test_a_region_that_is_none_is_not_called(place, region):
    place.proxy.act = lambda *_: error(301, "PermanentRedirect", x_amz_bucket_region=region)
    with pytest.raises(ConfigInvalid) as caught:
        s3lab.listed(place.open())
    assert (caught.value.code, len(place.proxy.requests)) == ("config.wrong_region", 1)


def test_redirects_are_not_followed(place):
    place.proxy.act = lambda *_: error(302, "Found", Location="http://169.254.169.254/latest/meta-data/")
    with pytest.raises(SynclineError):
        s3lab.listed(place.open())
    assert len(place.proxy.requests) == 1


def test_no_error_tells_a_secret_or_what_the_server_says(place):
    source = place.open(
        session_token="TOKEN-that-must-not-be-told", options={"patience": HASTY._replace(tries=1), "page_size": 100}
    )
    entries = s3lab.listed(source).entries
    told = []
    for status in (301, 400, 401, 403, 404, 409, 429, 500, 503):
        for code in ("AccessDenied", "ExpiredToken", "NoSuchBucket", "Odd", s3lab.SECRET, "<b>", ""):
            place.proxy.act = lambda *_, status=status, code=code: error(status, code)
            for act in (source.check, lambda: s3lab.listed(source), lambda: list(source.fetch(entries[:1]))):
                try:
                    told.append(act())
                except SynclineError as problem:
                    told.append((problem.as_dict(), repr(problem.__cause__)))
    assert s3lab.SECRET not in repr(told)
    assert "TOKEN" not in repr(told)


# --- being interrupted -----------------------------------------------------------------------------------------------


class Gate:
    """Requests that are meant wait until it is opened."""

    def __init__(self, when):
        self.when = when
        self.reached, self.open = threading.Event(), threading.Event()

    def __call__(self, request, forward, handler):
        if self.when(request):
            self.reached.set()
            self.open.wait(60)
        return forward()


@pytest.fixture
def gate(place):
    made = place.proxy.act = Gate(a_later_page)
    yield made
    made.open.set()


def interrupted_when(gate, source):
    def interrupt():
        gate.reached.wait(60)
        source.interrupt()

    thread = threading.Thread(target=interrupt)
    thread.start()
    return thread


def test_a_listing_that_hangs_can_be_interrupted(place, gate):
    source = place.open()
    thread = interrupted_when(gate, source)
    news = []
    with pytest.raises(SourceUnavailable) as caught:
        news.extend(source.list(None, None))
    thread.join()
    assert caught.value.code == "source.interrupted"
    gate.open.set()
    place.proxy.act = None
    assert len(s3lab.listed(source).keys) == OBJECTS  # it may be used again


def test_a_fetch_that_hangs_can_be_interrupted(place, gate):
    gate.when = the_key("doc-003.txt")
    source = place.open()
    entries = s3lab.listed(source).entries
    thread = interrupted_when(gate, source)
    with pytest.raises(SourceUnavailable) as caught:
        list(source.fetch(entries))
    thread.join()
    assert caught.value.code == "source.interrupted"


def test_a_check_that_hangs_can_be_interrupted(place, gate):
    gate.when = a_listing
    source = place.open()
    thread = interrupted_when(gate, source)
    with pytest.raises(SourceUnavailable):
        source.check()
    thread.join()


def test_a_long_pause_can_be_interrupted(place):
    place.proxy.act = lambda *_: error(503, "SlowDown", Retry_After="200")
    source = place.open(options={"patience": Patience(longest=300.0)})
    thread = threading.Thread(target=lambda: (eventually(lambda: place.proxy.requests), source.interrupt()))
    thread.start()
    with pytest.raises(SourceUnavailable) as caught:
        source.check()
    thread.join()
    assert caught.value.code == "source.interrupted"


def test_whoever_asked_to_stop_can_leave_before_the_error(place, gate):
    source = place.open()
    thread = interrupted_when(gate, source)
    reading = source.list(None, None)
    assert isinstance(next(reading), Begin)
    while (news := next(reading)) != Page(()):  # what was read before may come or not; an empty page does
        assert isinstance(news, Page)
    thread.join()
    reading.close()


# --- bounds ----------------------------------------------------------------------------------------------------------


def test_no_more_is_under_way_than_is_allowed(place, remark):
    def slow(request, forward, handler):
        time.sleep(0.01)
        return forward()

    place.proxy.act = slow
    source = place.open(parallel=3)
    entries = s3lab.listed(source).entries
    place.proxy.forget()
    assert len(s3lab.fetched(source, entries)) == OBJECTS
    assert place.proxy.most_under_way == 3
    remark("s3: with parallel=3, at most 3 requests were under way")


def test_large_objects_wait_for_each_other(place, monkeypatch):
    from syncline.sources.s3 import source as module

    monkeypatch.setattr(module, "UNDER_WAY_BYTES", 250_000)
    for n in range(8):
        place.client.put_object(Bucket=place.bucket, Key=f"large/{n}", Body=b"x" * 100_000)
    place.proxy.act = lambda request, forward, handler: (time.sleep(0.02), forward())[1]
    source = place.open(prefixes=["large/"])
    entries = s3lab.listed(source).entries
    place.proxy.forget()
    assert len(s3lab.fetched(source, entries)) == 8
    assert place.proxy.most_under_way == 2
