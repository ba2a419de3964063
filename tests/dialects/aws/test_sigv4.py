"""Signatures: what botocore signs is verified, and nothing else is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from syncline.dialects.aws.faults import Fault
from syncline.dialects.aws.sigv4 import Claim, Head, read_claim, verify

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
ID = "AKIDEXAMPLE"
EXAMPLES = min(3 * settings.default.max_examples, 20_000)
NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


@pytest.fixture(autouse=True, scope="module")
def clock() -> Iterator[None]:
    """botocore signs at this time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.auth.get_current_datetime", lambda: NOW.replace(tzinfo=None))
        yield


PIECE = st.sampled_from(
    ["a", "b", "%2F", "%20", "%C3%A9", "~", ".", "..", "/", "//", "%3A", "-", "_", "!", "*", "'", "+"]
)
PATHS = st.lists(PIECE, max_size=8).map(lambda pieces: "/" + "".join(pieces))
QUERIES = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "A", "tagKeys", "%C3%A9", "a%20b", "", "~"]),
        st.sampled_from(["", "=", "=1", "=2", "=%2F", "=a%3Db", "=+", "=a=b"]),
    ).map("".join),
    max_size=5,
).map("&".join)
VALUES = st.text(st.characters(codec="latin-1", exclude_categories=["C"]), max_size=12)
HEADERS = st.dictionaries(
    st.sampled_from(["Content-Type", "X-Amz-Target", "X-Amz-Meta-A", "x-b", "X-Amz-Security-Token"]),
    st.one_of(VALUES, st.sampled_from(["a  b", " a ", "é", "a,b", ""])),
)
REQUESTS = st.tuples(
    st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
    PATHS,
    QUERIES,
    HEADERS,
    st.binary(max_size=40),
    st.sampled_from(["localhost:8080", "api.127.0.0.1:80", "api.syncline.example", "[::1]:9"]),
)


def signed(method: str, path: str, query: str, headers: dict[str, str], body: bytes, host: str) -> Head:
    """A request as botocore signs and a server receives it."""
    url = f"https://{host}{path}{'?' + query if query else ''}"
    request = AWSRequest(method, url, {**headers, "Host": host}, body)
    SigV4Auth(Credentials(ID, SECRET), "kendra", "eu-west-1").add_auth(request)
    return received(method, url, dict(request.headers.items()))


def received(method: str, url: str, headers: dict[str, Any]) -> Head:
    parts = urlsplit(url)
    raw = tuple((name.lower().encode(), _bytes(value)) for name, value in headers.items())
    return Head(method, parts.path, parts.query.encode(), raw)


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def check(head: Head, body: bytes, now: float | None = None, **options: Any) -> Claim:
    claim = read_claim(head, {"kendra"}, NOW.timestamp() if now is None else now)
    if claim.key_id != ID:
        raise Fault("UnrecognizedClientException")
    verify(head, claim, body, SECRET, **options)
    return claim


@settings(max_examples=EXAMPLES)
@given(REQUESTS)
def test_what_botocore_signs_is_verified(request: tuple[Any, ...]) -> None:
    claim = check(signed(*request), request[4])
    assert (claim.key_id, claim.region, claim.service, claim.presigned) == (ID, "eu-west-1", "kendra", False)


@settings(max_examples=EXAMPLES // 3)
@given(REQUESTS, st.integers(1, 604800))
def test_what_botocore_presigns_is_verified(request: tuple[Any, ...], expires: int) -> None:
    _, path, query, headers, _, host = request
    assume("+" not in query and "=a=b" not in query)  # botocore signs another query than it sends then
    url = f"https://{host}{path}{'?' + query if query else ''}"
    presigned = AWSRequest("GET", url, {**headers, "Host": host})
    SigV4QueryAuth(Credentials(ID, SECRET, "a/token"), "kendra", "eu-west-1", expires).add_auth(presigned)
    head = received("GET", presigned.url, dict(presigned.headers.items()))
    assert check(head, b"").presigned
    with pytest.raises(Fault, match="RequestExpired"):
        check(head, b"", NOW.timestamp() + expires + 1)
    flipped = replace(head, query=head.query.replace(b"X-Amz-Expires=", b"X-Amz-Expires=1"))
    with pytest.raises(Fault):
        check(flipped, b"")


def same(head: Head, other: Head, body: bytes) -> bool:
    """Both say the same: spaces in headers, empty and dot segments of paths do not count. By botocore's own reading."""
    try:
        claims = [read_claim(one, {"kendra"}, NOW.timestamp()) for one in (head, other)]
        return canonical(head, body) == canonical(other, body) and claims[0] == claims[1]
    except (Fault, ValueError):
        return False


def canonical(head: Head, body: bytes) -> str:
    request = AWSRequest(head.method, f"https://x{head.path}?{head.query.decode()}", {}, body)
    for name, value in head.headers:
        if name != b"authorization":
            request.headers[name.decode()] = value.decode()
    return str(SigV4Auth(Credentials(ID, SECRET), "kendra", "eu-west-1").canonical_request(request))


@settings(max_examples=EXAMPLES)
@given(REQUESTS, st.data())
def test_no_byte_of_what_is_signed_can_be_changed(request: tuple[Any, ...], data: st.DataObject) -> None:
    body = request[4]
    head = signed(*request)
    place = data.draw(st.sampled_from(["method", "path", "query", "body", *range(len(head.headers))]))
    flip = data.draw(st.integers(1, 127))
    if place == "body":
        assume(body)
        changed, altered = head, data.draw(st.binary(max_size=40).filter(lambda other: other != body))
    else:
        changed, altered = _changed(head, place, data, flip), body
        assume(changed is not None)
        assume(not same(head, changed, body))
    with pytest.raises(Fault):
        check(changed, altered)


def _changed(head: Head, place: str | int, data: st.DataObject, flip: int) -> Any:
    if place == "method":
        return replace(head, method=data.draw(st.sampled_from(["HEAD", "PATCH", "get"])))
    if place == "path":
        at = data.draw(st.integers(1, len(head.path)))
        if at == len(head.path):
            return replace(head, path=head.path + "x")
        other = data.draw(st.sampled_from("abc%/2F"))
        return replace(head, path=head.path[:at] + other + head.path[at + 1 :])
    if place == "query":
        if not head.query:
            return replace(head, query=b"a")
        at = data.draw(st.integers(0, len(head.query) - 1))
        other = bytes([head.query[at] ^ (flip & 15 or 1)])
        return replace(head, query=head.query[:at] + other + head.query[at + 1 :])
    assert isinstance(place, int)
    name, value = head.headers[place]
    if not value:
        return None
    at = data.draw(st.integers(0, len(value) - 1))
    other = bytes([value[at] ^ flip])
    headers = list(head.headers)
    headers[place] = (name, value[:at] + other + value[at + 1 :])
    try:
        headers[place][1].decode()
    except UnicodeDecodeError:
        return None
    return replace(head, headers=tuple(headers))


def test_the_published_example_is_verified() -> None:
    # AWS, Signature Version 4 test suite, "get-vanilla".
    authorization = (
        b"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        b"SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    )
    head = Head(
        "GET",
        "/",
        b"",
        (
            (b"host", b"example.amazonaws.com"),
            (b"x-amz-date", b"20150830T123600Z"),
            (b"authorization", authorization),
        ),
    )
    claim = read_claim(head, {"service"}, 1440938160)
    verify(head, claim, b"", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
    with pytest.raises(Fault):
        verify(head, claim, b"", "another")


HEAD = ("POST", "/", "", {"X-Amz-Target": "x"}, b"{}", "h:1")


@pytest.mark.parametrize("offset", [-300, -299, 0, 299, 300])
def test_clocks_may_differ_by_five_minutes(offset: int) -> None:
    head = signed(*HEAD)
    check(head, b"{}", NOW.timestamp() + offset)


@pytest.mark.parametrize(
    ("offset", "told"),
    [
        (301, r"Signature expired: \d{8}T\d{6}Z is now earlier than \d{8}T\d{6}Z \(\d{8}T\d{6}Z - 5 min\.\)"),
        (-301, r"Signature not yet current: \d{8}T\d{6}Z is still later than \d{8}T\d{6}Z \(\d{8}T\d{6}Z \+ 5 min\.\)"),
    ],
)
def test_clocks_may_not_differ_by_more(offset: int, told: str) -> None:
    head = signed(*HEAD)
    with pytest.raises(Fault, match=told) as raised:
        check(head, b"{}", NOW.timestamp() + offset)
    assert raised.value.code == "InvalidSignatureException"


def test_a_presigned_url_may_come_from_a_clock_fifteen_minutes_ahead() -> None:
    request = AWSRequest("GET", "https://h/a", {"Host": "h"})
    SigV4QueryAuth(Credentials(ID, SECRET), "kendra", "eu-west-1", 60).add_auth(request)
    head = received("GET", request.url, {"host": "h"})
    at = NOW.timestamp()
    check(head, b"", at - 900)
    with pytest.raises(Fault, match="not yet current"):
        check(head, b"", at - 901)


def _with_authorization(change: Any) -> Head:
    head = signed(*HEAD)
    headers = [(n, change(v.decode()).encode() if n == b"authorization" else v) for n, v in head.headers]
    return replace(head, headers=tuple(headers))


@pytest.mark.parametrize(
    ("change", "code", "told"),
    [
        (lambda a: a.replace("kendra", "s3"), "InvalidSignatureException", "scoped to correct service: 'kendra'"),
        (lambda a: a.replace("eu-west-1", ""), "InvalidSignatureException", "scoped to a valid region"),
        (lambda a: a.replace("aws4_request", "aws5"), "InvalidSignatureException", "valid terminator: 'aws4_request'"),
        (
            lambda a: a.replace("Credential=AKIDEXAMPLE/2", "Credential=AKIDEXAMPLE/1"),
            "InvalidSignatureException",
            "Date in",
        ),
        (lambda a: a.replace("host;", ""), "InvalidSignatureException", "'Host' must be a 'SignedHeader'"),
        (lambda a: a.replace(";x-amz-target", ""), "InvalidSignatureException", "'X-Amz-Target' must be"),
        (lambda a: a.replace("host;", "host;x-none;"), "InvalidSignatureException", "does not match the signature you"),
        (lambda a: a.replace("host;", "Host;"), "IncompleteSignatureException", "lower case"),
        (lambda a: a.replace("host;", "host;host;"), "IncompleteSignatureException", "only once"),
        (lambda a: a.split(", Sig")[0], "IncompleteSignatureException", "requires 'Signature' parameter"),
        (lambda a: a.replace("Signature=", "Signature"), "IncompleteSignatureException", "missing equal-sign"),
        (lambda a: a.replace("AKIDEXAMPLE/", ""), "IncompleteSignatureException", "5 slash-delimited"),
        (lambda a: a.replace("SHA256", "SHA1"), "IncompleteSignatureException", "algorithm"),
        (lambda a: "Bearer x", "IncompleteSignatureException", "algorithm"),
        (lambda a: a[:-1] + "é", "InvalidSignatureException", "does not match"),
        (lambda a: "", "MissingAuthenticationTokenException", "Missing Authentication Token"),
    ],
)
def test_each_way_to_be_wrong_has_its_words(change: Any, code: str, told: str) -> None:
    with pytest.raises(Fault) as raised:
        check(_with_authorization(change), b"{}")
    assert raised.value.code == code
    assert told in raised.value.message


def test_a_date_header_will_do() -> None:
    head = signed("GET", "/", "", {"Date": "Mon, 01 Jan 2001 00:00:00 GMT"}, b"", "h")
    assert head.header("x-amz-date") is None
    check(head, b"")


@pytest.mark.parametrize("date", ["", "yesterday", "20261399T000000Z", "20261122T093000"])
def test_a_date_that_cannot_be_read_is_told(date: str) -> None:
    head = signed(*HEAD)
    changed = replace(head, headers=tuple((n, date.encode() if n == b"x-amz-date" else v) for n, v in head.headers))
    with pytest.raises(Fault) as raised:
        check(changed, b"{}")
    assert raised.value.code == "IncompleteSignatureException"


def test_the_body_may_be_named_by_its_hash_but_not_by_another() -> None:
    import hashlib

    for said, fine in ((hashlib.sha256(b"{}").hexdigest(), True), (hashlib.sha256(b"").hexdigest(), False)):
        head = signed("POST", "/", "", {"X-Amz-Content-SHA256": said}, b"{}", "h")
        if fine:
            check(head, b"{}")
        else:
            with pytest.raises(Fault, match="InvalidSignature"):
                check(head, b"{}")


def test_an_unsigned_body_is_refused_unless_it_is_allowed() -> None:
    head = signed("POST", "/", "", {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}, b"{}", "h")
    with pytest.raises(Fault, match="InvalidSignature"):
        check(head, b"{}")
    check(head, b"{}", unsigned_body=True)
    check(head, b"anything", unsigned_body=True)


@pytest.mark.parametrize("expires", ["0", "604801", "-1", "1e3", "x"])
def test_a_presigned_url_cannot_hold_for_ever(expires: str) -> None:
    request = AWSRequest("GET", "https://h/a", {"Host": "h"})
    SigV4QueryAuth(Credentials(ID, SECRET), "kendra", "eu-west-1", expires).add_auth(request)
    with pytest.raises(Fault, match="X-Amz-Expires"):
        check(received("GET", request.url, {"host": "h"}), b"")


def test_a_presigned_url_needs_all_its_parts() -> None:
    with pytest.raises(Fault, match="must include 'X-Amz-Signature'"):
        check(received("GET", "https://h/a?X-Amz-Algorithm=AWS4-HMAC-SHA256", {"host": "h"}), b"")
