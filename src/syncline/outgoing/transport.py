"""The way out for httpx: connects only to addresses that were checked in the same moment, within a given time.

    with httpx.Client(transport=GuardedTransport(allow_private=False), trust_env=False) as client: ...

The name is resolved once for each connection, every address is checked, and the connection is made to those addresses.
So a name that changes between check and call gains nothing. Host header, TLS server name and certificate go by the
name in the URL. Proxies of the environment are not used: they would resolve the name themselves. Redirects are the
client's affair (httpx follows none unless told to), and each one followed comes through here again.

Importing this module imports httpx.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

import httpcore
import httpx

from syncline.outgoing.addresses import Resolve, check_host, spelled_out


@cache
def usual_certificates() -> ssl.SSLContext:
    """Trusts what httpx trusts, or $SSL_CERT_FILE. Made once: reading certificates takes 20 ms."""
    return httpx.create_ssl_context()


class GuardedTransport(httpx.BaseTransport):
    """A transport that calls nothing it should not. `total_s` limits everything it does, from its making to the last
    byte of a body; None: only the timeouts of each request hold. Raises TargetRefused and TargetUnresolved."""

    def __init__(
        self,
        allow_private: bool,
        resolve: Resolve = socket.getaddrinfo,
        *,
        total_s: float | None = None,
        certificates: ssl.SSLContext | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        max_connections: int = 10,
    ) -> None:
        self._line = _Line(allow_private, resolve, total_s, monotonic)
        self._pool = httpcore.ConnectionPool(
            ssl_context=certificates or usual_certificates(),
            max_connections=max_connections,
            network_backend=self._line,
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """See httpx.BaseTransport."""
        spelled_out(str(request.url))
        url = request.url
        assert isinstance(request.stream, httpx.SyncByteStream)
        wanted = httpcore.Request(
            method=request.method,
            url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        with _in_words_of_httpx():
            answer = self._pool.handle_request(wanted)
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer), extensions=answer.extensions)

    def hurry(self, seconds: float) -> None:
        """From now on everything must be done within `seconds`, if not earlier."""
        self._line.limit(seconds)

    def abort(self) -> None:
        """End whatever is under way, from another thread. No new connection is made afterwards."""
        self._line.abort()

    def close(self) -> None:
        """Let go of all connections."""
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        with _in_words_of_httpx():
            yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


@contextmanager
def _in_words_of_httpx() -> Iterator[None]:
    """Errors of httpcore under the same name in httpx, which is what callers of httpx catch."""
    try:
        yield
    except tuple(_ERRORS) as error:
        raise _ERRORS[type(error)](str(error)) from error


_ERRORS: dict[type[Exception], type[httpx.TransportError]] = {
    getattr(httpcore, name): getattr(httpx, name)
    for name in (
        "ConnectTimeout", "ReadTimeout", "WriteTimeout", "PoolTimeout", "ConnectError", "ReadError", "WriteError",
        "ProxyError", "UnsupportedProtocol", "LocalProtocolError", "RemoteProtocolError",
    )
}  # fmt: skip


# --- sockets ---------------------------------------------------------------------------------------------------------


class _Line(httpcore.NetworkBackend):
    """Makes the connections, and keeps the time for all of them."""

    def __init__(
        self, allow_private: bool, resolve: Resolve, total_s: float | None, monotonic: Callable[[], float]
    ) -> None:
        self._allow_private = allow_private
        self._resolve = resolve
        self._monotonic = monotonic
        self._deadline = None if total_s is None else monotonic() + total_s
        self._aborted = False
        self.sockets: set[socket.socket] = set()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """To the first of the checked addresses that answers; each gets its share of the time that is left."""
        addresses = check_host(host, port, self._allow_private, self._resolve)
        error: Exception = httpcore.ConnectError("no address")
        for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            patience = self.patience(timeout, httpcore.ConnectTimeout)
            try:
                return self._connected(address, port, None if patience is None else patience / left)
            except TimeoutError:
                error = httpcore.ConnectTimeout("no connection in time")
            except OSError as failure:
                error = httpcore.ConnectError(failure.strerror or "no connection")
        raise error

    def _connected(self, address: str, port: int, timeout: float | None) -> httpcore.NetworkStream:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        self.sockets.add(sock)
        try:
            sock.settimeout(timeout)
            sock.connect((address, port))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException:
            self.forget(sock)
            raise
        return _Stream(sock, self)

    def patience(self, timeout: float | None, too_late: type[Exception]) -> float | None:
        """Seconds the next step may take; None: as long as it likes. Raises `too_late` when the time is over."""
        if self._aborted:
            raise httpcore.ConnectError("aborted")
        if self._deadline is None:
            return timeout
        left = self._deadline - self._monotonic()
        if left <= 0:
            raise too_late("out of time")
        return left if timeout is None else min(left, timeout)

    def limit(self, seconds: float) -> None:
        """Never later than `seconds` from now."""
        deadline = self._monotonic() + seconds
        self._deadline = deadline if self._deadline is None else min(deadline, self._deadline)

    def forget(self, sock: socket.socket) -> None:
        """Close it."""
        self.sockets.discard(sock)
        sock.close()

    def abort(self) -> None:
        """Wakes a thread that waits in one of the sockets. SSLSocket.shutdown would disturb it instead."""
        self._aborted = True
        for sock in tuple(self.sockets):
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)


class _Stream(httpcore.NetworkStream):
    """One connection. No step of it takes longer than the line has time."""

    def __init__(self, sock: socket.socket, line: _Line) -> None:
        self._sock = sock
        self._line = line

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with _translated(httpcore.ReadTimeout, httpcore.ReadError):
            self._sock.settimeout(self._line.patience(timeout, httpcore.ReadTimeout))
            return self._sock.recv(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        rest = memoryview(buffer)
        with _translated(httpcore.WriteTimeout, httpcore.WriteError):
            while rest:
                self._sock.settimeout(self._line.patience(timeout, httpcore.WriteTimeout))
                rest = rest[self._sock.send(rest) :]

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """The name is verified by `ssl_context`, which is httpx's own unless another one was given."""
        try:
            with _translated(httpcore.ConnectTimeout, httpcore.ConnectError):
                self._sock.settimeout(self._line.patience(timeout, httpcore.ConnectTimeout))
                wrapped = ssl_context.wrap_socket(self._sock, server_hostname=server_hostname)
        except BaseException:
            self.close()
            raise
        self._line.sockets.discard(self._sock)
        self._line.sockets.add(wrapped)
        return _Stream(wrapped, self._line)

    def close(self) -> None:
        self._line.forget(self._sock)

    def get_extra_info(self, info: str) -> Any:
        """What the pool asks for: "is_readable" tells a connection that the other side has closed."""
        if info == "is_readable":
            return _readable(self._sock)
        if info == "ssl_object":
            return self._sock if isinstance(self._sock, ssl.SSLSocket) else None
        if info == "server_addr":
            return self._sock.getpeername()
        return self._sock if info == "socket" else None


def _readable(sock: socket.socket) -> bool:
    import select

    if sock.fileno() < 0:
        return True
    poller = select.poll()
    poller.register(sock, select.POLLIN)
    return bool(poller.poll(0))


@contextmanager
def _translated(late: type[Exception], broken: type[Exception]) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise late("out of time") from error
    except (OSError, ValueError) as error:
        raise broken(_words(error)) from error


def _words(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not accepted: {error.verify_message}"
    return getattr(error, "strerror", None) or type(error).__name__
