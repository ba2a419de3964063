"""Whatever comes in, an answer of the service goes out: never a failure, never an error of another kind."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any
from urllib.parse import quote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st
from tests.dialects.aws.serving import KEYS, REGION, target, wire
from tests.dialects.aws.specified import KENDRA, TWINMAKER

from syncline.dialects.aws import Request, Wire
from syncline.dialects.aws.models import load_service
from syncline.testing import aws


def answering(service: str) -> Any:
    """A function that answers whatever the model allows."""

    def function(request: Request) -> Any:
        shape = load_service(service).operation(request.operation).output
        return shape and aws.sample(shape, random.Random(1), 0.2)

    return function


KENDRA_WIRE = wire("kendra", dict.fromkeys(KENDRA, answering("kendra")))
TWINMAKER_WIRE = wire("iottwinmaker", dict.fromkeys(TWINMAKER, answering("iottwinmaker")))
MEMBERS = sorted(
    {member.name for name in KENDRA for member in load_service("kendra").operation(name).input.members.values()}
)
JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.sampled_from(["", "a" * 36])
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.one_of(st.text(max_size=3), st.sampled_from(["Id", "Key", "StringValue"])), inner, max_size=3
        ),
    ),
    max_leaves=12,
)
BODIES = st.one_of(
    st.binary(max_size=30),
    st.dictionaries(st.sampled_from(MEMBERS), JSON, max_size=5).map(lambda value: json.dumps(value).encode()),
)
HEADER = st.tuples(
    st.sampled_from(
        [b"authorization", b"x-amz-date", b"date", b"host", b"x-amz-target", b"x-amz-content-sha256", b"x"]
    ),
    st.one_of(
        st.binary(max_size=30),
        st.sampled_from(
            [
                b"AWS4-HMAC-SHA256 Credential=AKADMIN/20261122/eu-west-1/kendra/aws4_request, SignedHeaders=host, "
                b"Signature=00",
                b"AWS4-HMAC-SHA256 Credential=,SignedHeaders=,Signature=",
                b"20261122T093000Z",
                b"99991231T235959Z",
                b"00000000T000000Z",
                b"Sun, 22 Nov 2026 09:30:00 -9999",
                b"AWSKendraFrontendService.ListIndices",
            ]
        ),
    ),
)


def asked(app: Wire, method: str, path: bytes, query: bytes, headers: Any, body: bytes) -> dict[str, Any]:
    """Through ASGI, without a socket, which would not take all of this."""
    sent: list[Any] = []
    scope = {"type": "http", "method": method, "path": "/", "raw_path": path, "query_string": query, "headers": headers}

    async def receive() -> Any:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return {**sent[0], "headers": {name.decode(): value.decode() for name, value in sent[0]["headers"]}}


@given(
    st.sampled_from([KENDRA_WIRE, TWINMAKER_WIRE]),
    st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "get", ""]),
    st.one_of(st.binary(max_size=30), st.sampled_from([b"/", b"", b"/workspaces/ab", b"/tags", b"//", b"*"])),
    st.one_of(
        st.binary(max_size=30),
        st.sampled_from([b"X-Amz-Signature=a", b"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a&X-Amz-Expires=9"]),
    ),
    st.lists(HEADER, max_size=6),
    st.binary(max_size=30),
)
def test_requests_of_any_form_are_refused(
    app: Wire, method: str, path: bytes, query: bytes, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    answer = asked(app, method, path, query, headers, body)
    assert 400 <= answer["status"] < 500
    assert answer["headers"]["x-amzn-errortype"]
    assert answer["headers"]["x-amzn-requestid"]


@given(st.sampled_from(KENDRA), BODIES)
def test_bodies_of_any_form_are_read_or_refused(operation: str, body: bytes) -> None:
    request = AWSRequest("POST", "http://h/", {**target(operation), "Host": "h"}, body)
    SigV4Auth(Credentials(*KEYS["admin"][:2]), "kendra", REGION).add_auth(request)
    headers = [(name.lower().encode(), str(value).encode()) for name, value in request.headers.items()]
    answer = asked(KENDRA_WIRE, "POST", b"/", b"", headers, body)
    if answer["status"] != 200:
        assert answer["headers"]["x-amzn-errortype"] in ("ValidationException", "SerializationException")


@given(st.sampled_from(TWINMAKER), st.text(max_size=12), st.text(max_size=12), BODIES)
def test_labels_and_queries_of_any_form_are_read_or_refused(
    operation: str, label: str, query: str, body: bytes
) -> None:
    method, uri = load_service("iottwinmaker").http(operation)
    parts = [quote(label, safe="") if part.startswith("{") else part for part in uri.split("/")]
    path, asks = "/".join(parts), f"workspace={quote(query)}&tagKeys={quote(label)}&resourceARN={quote(query)}"
    request = AWSRequest(method, f"http://h{path}?{asks}", {"Host": "h"}, body)
    SigV4Auth(Credentials(*KEYS["admin"][:2]), "iottwinmaker", REGION).add_auth(request)
    headers = [(name.lower().encode(), str(value).encode()) for name, value in request.headers.items()]
    answer = asked(TWINMAKER_WIRE, method, path.encode(), asks.encode(), headers, body)
    code = answer["headers"].get("x-amzn-errortype", "fine")
    assert code in ("fine", "ValidationException", "SerializationException", "UnknownOperationException")
