"""Requests over kept-alive connections that another thread can cut.

A slow answer is not waited for without end: each step has its time, and so has the whole, by the size of what comes.
Proxies of the environment are used as everybody uses them, unless the way out is given.
"""

from __future__ import annotations

import ssl
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from socket import SHUT_RDWR, socket
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from weakref import WeakSet

import httpcore

CHUNK = 64 << 10
ERROR_BYTES = 64 << 10  # as much of an error's answer is read


class Patience(NamedTuple):
    """How long is waited for what, in seconds, and how often something is tried.

    step     for a connection, and for the next byte.
    whole    for a small answer; large ones have a second more for each `slowest` bytes.
    base, cap  the pause after the first failure, and the longest one. They double in between.
    """

    step: float = 20.0
    whole: float = 60.0
    slowest: int = 100_000
    tries: int = 5
    base: float = 0.2
    cap: float = 20.0
    longest: float = 300.0  # a Retry-After beyond this is no use to wait for


class Broken(Exception):
    """No whole answer came. The text says why, without the address."""


class Answer(NamedTuple):
    """A whole answer. Names of headers are in lower case. `cut` is the size when more came than was wanted, else 0."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    cut: int = 0


class Wire:
    """Connections to one place. Used by many threads."""

    def __init__(
        self,
        base: str,
        connections: int,
        patience: Patience,
        *,
        backend: httpcore.NetworkBackend | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`base` is scheme and host, for the choice of a proxy. `backend` makes the connections, instead of proxies and
        the usual sockets."""
        self._patience = patience
        self._monotonic = monotonic
        self._line = _Line(backend or httpcore.SyncBackend())
        proxy = None if backend is not None else _proxy_for(base)
        self._pool = httpcore.ConnectionPool(
            ssl_context=_certificates() if base.startswith("https:") or proxy else None,
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=15.0,
            network_backend=self._line,
            proxy=proxy,
        )

    def get(self, url: httpcore.URL, headers: Mapping[str, str], limit: int) -> Answer:
        """The answer, with at most `limit` bytes of a body. Raises Broken."""
        patience = self._patience
        step = dict.fromkeys(("connect", "read", "write", "pool"), patience.step)
        request = httpcore.Request(
            "GET", url, headers=[*headers.items(), ("accept-encoding", "identity")], extensions={"timeout": step}
        )
        deadline = self._monotonic() + patience.whole
        with _in_plain_words():
            response = self._pool.handle_request(request)
            try:
                return self._read(response, limit, deadline)
            finally:
                response.close()

    def _read(self, response: httpcore.Response, limit: int, deadline: float) -> Answer:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
        size = _whole_number(headers.get("content-length", ""))
        good = response.status < 300
        if good and size > limit:
            return Answer(response.status, headers, b"", size)
        most = limit if good else ERROR_BYTES
        parts: list[bytes] = []
        held = 0
        assert isinstance(response.stream, Iterable)
        for part in response.iter_stream():
            parts.append(part)
            held += len(part)
            if held > most:
                return Answer(response.status, headers, b"" if good else b"".join(parts)[:most], held)
            if self._monotonic() > deadline + held / self._patience.slowest:
                raise Broken("the answer comes too slowly")
        return Answer(response.status, headers, b"".join(parts))

    def cut(self) -> None:
        """End every request under way. Connections made later are not affected."""
        self._line.cut()

    def close(self) -> None:
        """Let go of all connections."""
        self._pool.close()


def _whole_number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0


@contextmanager
def _in_plain_words() -> Iterator[None]:
    try:
        yield
    except httpcore.TimeoutException as error:
        raise Broken("no answer in time") from error
    except httpcore.ConnectError as error:
        raise Broken(f"no connection: {_reason(error)}") from error
    except httpcore.ProxyError as error:
        raise Broken("the proxy refuses") from error
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError, RuntimeError) as error:
        raise Broken("the connection broke off") from error


def _reason(error: BaseException) -> str:
    """Why there is no connection: the operating system's words, or those about the certificate."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, ssl.SSLCertVerificationError):
            return f"the certificate is not accepted ({inner.verify_message})"
        if isinstance(inner, OSError) and inner.strerror:
            return inner.strerror
        inner = inner.__cause__ or inner.__context__
    return "it was refused"


def _certificates() -> ssl.SSLContext:
    """Trusts what $AWS_CA_BUNDLE, $SSL_CERT_FILE or httpx's list name."""
    import os

    import httpx

    bundle = os.environ.get("AWS_CA_BUNDLE")
    return ssl.create_default_context(cafile=bundle) if bundle else httpx.create_ssl_context()


def _proxy_for(base: str) -> httpcore.Proxy | None:
    """The proxy of the environment for that scheme and host, if there is one."""
    parts = urlsplit(base)
    proxies = urllib.request.getproxies()
    address = proxies.get(parts.scheme) or proxies.get("all")
    if not address or (parts.hostname and urllib.request.proxy_bypass(parts.hostname)):
        return None
    found = urlsplit(address if "//" in address else f"http://{address}")
    login = (found.username, found.password or "") if found.username else None
    return httpcore.Proxy(f"{found.scheme}://{found.hostname}:{found.port or 80}", auth=login)


# --- connections -----------------------------------------------------------------------------------------------------


class _Line(httpcore.NetworkBackend):
    """Makes connections as `inner` does, and remembers their sockets."""

    def __init__(self, inner: httpcore.NetworkBackend) -> None:
        self._inner = inner
        self._sockets: WeakSet[socket] = WeakSet()

    def connect_tcp(self, *arguments: Any, **more: Any) -> httpcore.NetworkStream:
        """See httpcore."""
        return self.remembered(self._inner.connect_tcp(*arguments, **more))

    def remembered(self, stream: httpcore.NetworkStream) -> httpcore.NetworkStream:
        """The stream, whose socket can be cut from now on."""
        sock = stream.get_extra_info("socket")
        if isinstance(sock, socket):
            self._sockets.add(sock)
        return _Stream(stream, self)

    def cut(self) -> None:
        """Wakes every thread that waits in one of the sockets. SSLSocket.shutdown would disturb it instead."""
        for sock in list(self._sockets):
            with suppress(OSError):
                socket.shutdown(sock, SHUT_RDWR)


class _Stream(httpcore.NetworkStream):
    """A stream that stays remembered when it turns into an encrypted one."""

    def __init__(self, inner: httpcore.NetworkStream, line: _Line) -> None:
        self._inner = inner
        self._line = line
        self.read = inner.read  # type: ignore[method-assign]
        self.write = inner.write  # type: ignore[method-assign]
        self.close = inner.close  # type: ignore[method-assign]
        self.get_extra_info = inner.get_extra_info  # type: ignore[method-assign]

    def start_tls(self, *arguments: Any, **more: Any) -> httpcore.NetworkStream:
        """See httpcore."""
        return self._line.remembered(self._inner.start_tls(*arguments, **more))
