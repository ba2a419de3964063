"""Real servers for real clients: keys, the application on a socket, boto3, and requests made by hand."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import boto3
import uvicorn
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from syncline.dialects.aws import Wire, check_response
from syncline.model.keys import Key, Scope, Unauthorized
from syncline.server.auth import Caller

REGION = "eu-west-1"
KEYS = {
    "admin": ("AKADMIN", "secret/of+the=admin", Scope.ADMIN),
    "writer": ("AKWRITER", "secret-of-the-writer", Scope.WRITE),
    "reader": ("AKREADER", "secret-of-the-reader", Scope.READ),
}
_BY_ID = {id: (secret, scope) for id, secret, scope in KEYS.values()}


def secret_of(key_id: str) -> str | None:
    """As the server would know it."""
    return _BY_ID[key_id][0] if key_id in _BY_ID else None


def caller_of(key_id: str, secret: str) -> Caller:
    """As the server would know it."""
    known = _BY_ID.get(key_id)
    if known is None or known[0] != secret:
        raise Unauthorized("unknown")
    return Caller(Key(key_id, scopes=(known[1],)))


def wire(service: str, operations: Mapping[str, Any], **options: Any) -> Wire:
    """Over the keys of this module, in strict mode unless told otherwise."""
    known = {"secret_of": secret_of, "caller_of": caller_of, "strict": True}
    return Wire(service, operations, **{**known, **options})


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """An ASGI application on a free port; the URL without a slash at its end."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, log_level="critical", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        until(lambda: server.started)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def until(done: Any) -> None:
    """Wait for a condition."""
    end = time.monotonic() + 60
    while not done():
        assert time.monotonic() < end
        time.sleep(0.005)


def client(service: str, url: str, key: str = "admin", **config: Any) -> Any:
    """An unmodified client of boto3."""
    id, secret, _ = KEYS.get(key, (key, "whatever", None))
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=id,
        aws_secret_access_key=secret,
        config=Config(inject_host_prefix=False, retries={"total_max_attempts": 1}, **config),
    )


@dataclass
class Raw:
    """What came back, byte for byte."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return self.headers.get("x-amzn-errortype", "")

    @property
    def message(self) -> str:
        return str(self.json.get("message") or self.json.get("Message"))

    def held_against(self, service: str, operation: str) -> Raw:
        """Itself, once it has been held against the model."""
        check_response(service, operation, self.status, self.headers, self.body)
        return self


def ask(
    url: str,
    method: str = "POST",
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    *,
    service: str = "kendra",
    key: str | None = "admin",
) -> Raw:
    """One request made by hand, signed by botocore's signer unless `key` is None."""
    request = AWSRequest(method, url, dict(headers or {}), body)
    if key is not None:
        id, secret, _ = KEYS.get(key, (key, "whatever", None))
        SigV4Auth(Credentials(id, secret), service, REGION).add_auth(request)
    return send(method, url, body, {name: str(value) for name, value in request.headers.items()})


def send(method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Raw:
    """One request, exactly as it is given."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=60)
    try:
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.putrequest(method, target or "/", skip_accept_encoding=True)
        for name, value in {"content-length": str(len(body)), **headers}.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        return Raw(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def target(operation: str) -> dict[str, str]:
    """The headers that name an operation of Kendra."""
    return {"X-Amz-Target": f"AWSKendraFrontendService.{operation}", "Content-Type": "application/x-amz-json-1.1"}
