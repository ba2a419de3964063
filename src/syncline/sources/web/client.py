"""GET, so that no server can do harm: only to addresses that may be called, whole or not at all, within limits of size
and time, at the pace the host wants, and tried again when that is of use. Redirects are answers like any other.

Each thread has a line of its own, which keeps its connections between requests. Importing this imports httpx.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import httpcore
import httpx

from syncline.model.errors import SynclineError
from syncline.outgoing.addresses import Resolve, TargetRefused, TargetUnresolved, check_url
from syncline.outgoing.transport import GuardedTransport, usual_certificates
from syncline.sources.web import problems
from syncline.sources.web.pace import TRIES, Pace
from syncline.sources.web.problems import Halted, Trouble
from syncline.sources.web.urls import origin, place_of

STEP_S: Final = 15.0  # to connect, and between two pieces of an answer
SMALL: Final = 64 << 10  # what is read of an answer whose body nobody wants, to keep the connection
_PIECE: Final = 64 << 10
_AGAIN: Final = frozenset({429, 500, 502, 503, 504})
_BUSY: Final = frozenset({429, 503})

Wants = Callable[[int, Mapping[str, str]], int]
"""How many bytes of the body are wanted, by status and headers; 0: none."""


@dataclass(slots=True)
class Answer:
    """What came: `body` is unpacked and whole, or b"" when it was not wanted."""

    status: int
    headers: httpx.Headers
    body: bytes = b""


@dataclass(frozen=True)
class Manner:
    """How this client asks. `own` are origins that may see `secret_headers`."""

    agent: str
    accept: str = "text/html,application/xhtml+xml,*/*;q=0.8"
    headers: Mapping[str, str] = field(default_factory=dict)
    own: frozenset[str] = frozenset()
    proxy: str = ""
    timeout_s: float = 60.0


def basic(user: str, password: str) -> str:
    """The value of an Authorization header.  Source: RFC 7617."""
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


class Line:
    """One transport, used by one thread at a time. Everything of one request is done within `total_s` of `start`."""

    def __init__(
        self, allow_private: bool, resolve: Resolve, total_s: float, proxy: str, certificates: ssl.SSLContext | None
    ) -> None:
        kind = GuardedTransport if not proxy else _proxied(proxy)
        self._began = time.monotonic()
        self.transport = kind(
            allow_private, resolve, total_s=total_s, monotonic=self._elapsed, certificates=certificates
        )
        self._began = time.monotonic()

    def start(self) -> None:
        """A new request begins."""
        self._began = time.monotonic()

    def _elapsed(self) -> float:
        return time.monotonic() - self._began


def _proxied(proxy: str) -> type[GuardedTransport]:
    """A transport that asks a proxy. The proxy's own address is checked like any other."""

    class Proxied(GuardedTransport):
        def __init__(self, *args: Any, certificates: ssl.SSLContext | None = None, **more: Any) -> None:
            super().__init__(*args, certificates=certificates, **more)
            url = httpx.URL(proxy)
            auth = (url.username.encode(), url.password.encode()) if url.username else None
            self._pool = httpcore.HTTPProxy(
                proxy_url=str(url.copy_with(username=None, password=None)),
                proxy_auth=auth,
                ssl_context=certificates or usual_certificates(),
                network_backend=self._line,
            )

    return Proxied


class Client:
    """Asks for many threads. After `interrupt` every request raises Halted."""

    def __init__(
        self,
        manner: Manner,
        pace: Pace,
        *,
        allow_private: bool,
        resolve: Resolve = socket.getaddrinfo,
        certificates: ssl.SSLContext | None = None,
    ) -> None:
        self.halt = threading.Event()
        self._manner = manner
        self._pace = pace
        self._allow_private = allow_private
        self._resolve = resolve
        self._certificates = certificates
        self._lock = threading.Lock()
        self._idle: list[Line] = []
        self._busy: set[Line] = set()
        self._down: dict[str, SynclineError] = {}

    def interrupt(self) -> None:
        """From another thread: end whatever is under way. For good."""
        self.halt.set()
        with self._lock:
            lines = [*self._idle, *self._busy]
        for line in lines:
            line.transport.abort()

    def close(self) -> None:
        """Let go of the connections that nobody uses."""
        with self._lock:
            idle, self._idle = self._idle, []
        for line in idle:
            line.transport.close()

    def fresh(self) -> None:
        """A new job begins: hosts that were left alone are asked again."""
        with self._lock:
            self._down = {}

    def down(self, url: str) -> SynclineError | None:
        """Why the host of that URL is left alone; None when it is not."""
        return self._down.get(origin(url))

    def get(
        self, url: str, wants: Wants, headers: Mapping[str, str], halt: threading.Event, *, cut: bool = False
    ) -> Answer:
        """The answer, whatever its status, after trying again where that is of use. With `cut` a longer body is cut,
        not refused. Raises Trouble, and Halted when `halt` or `interrupt` came first."""
        if error := self.down(url):
            raise Trouble(error, host=True)
        try:
            answer = self._persistent(url, wants, headers, halt, cut)
        except Trouble as trouble:
            self._count(url, trouble)
            raise
        self._pace.worked(origin(url))
        return answer

    def _count(self, url: str, trouble: Trouble) -> None:
        """A host that cannot be reached, or fails again and again, is left alone for the rest of the job."""
        home = origin(url)
        if trouble.closed or trouble.error.code == "document.too_large":
            return
        if self._pace.failed(home) or trouble.host:
            trouble.host = True
            error = trouble.error
            if not isinstance(error, TargetRefused) and error.code != "source.unreachable":
                error = problems.unreachable(home, error.message.rstrip("."))
            with self._lock:
                trouble.error = self._down.setdefault(home, error)

    def _persistent(
        self, url: str, wants: Wants, headers: Mapping[str, str], halt: threading.Event, cut: bool
    ) -> Answer:
        home = origin(url)
        for attempt in range(1, TRIES + 1):
            self._pace.turn(home, halt)
            last = attempt == TRIES
            try:
                answer = self._once(url, wants, headers, cut)
            except Trouble as trouble:
                if self.halt.is_set() or halt.is_set():
                    raise Halted from None
                if last or not _passes(trouble) or not self._pace.hold_off(home, attempt, {}, busy=False):
                    raise
                continue
            if answer.status not in _AGAIN:
                return answer
            busy = answer.status in _BUSY
            if last or not self._pace.hold_off(home, attempt, answer.headers, busy=busy):
                raise Trouble(problems.rejected(f"The server answers {problems.phrase(answer.status)}."))
        raise AssertionError

    def _once(self, url: str, wants: Wants, headers: Mapping[str, str], cut: bool) -> Answer:
        request = httpx.Request(
            "GET",
            url,
            headers={**self._headers(url), **headers},
            extensions={"timeout": dict.fromkeys(("connect", "read", "write", "pool"), STEP_S)},
        )
        with self._line() as line, _in_our_words(url):
            self._check_target(url)
            response = line.transport.handle_request(request)
            try:
                return _read(response, wants, cut)
            finally:
                response.close()

    def _check_target(self, url: str) -> None:
        """Behind a proxy nobody else looks at where the URL leads; a name that only the proxy knows is its affair."""
        if self._manner.proxy:
            with suppress(TargetUnresolved):
                check_url(url, self._allow_private, self._resolve)

    def _headers(self, url: str) -> dict[str, str]:
        manner = self._manner
        usual = {"user-agent": manner.agent, "accept": manner.accept, "accept-encoding": "gzip, deflate"}
        return {**usual, **manner.headers} if self._may_see_secrets(url) else usual

    def _may_see_secrets(self, url: str) -> bool:
        """The origins of the settings, and the same hosts with encryption."""
        own = self._manner.own
        return origin(url) in own or (
            url.startswith("https://") and place_of(url)[1] == 0 and f"http://{place_of(url)[0]}/" in own
        )

    @contextmanager
    def _line(self) -> Iterator[Line]:
        with self._lock:
            if self.halt.is_set():
                raise Halted
            line = self._idle.pop() if self._idle else None
            if line is None:
                total_s = self._manner.timeout_s
                line = Line(self._allow_private, self._resolve, total_s, self._manner.proxy, self._certificates)
            self._busy.add(line)
        try:
            line.start()
            yield line
        finally:
            with self._lock:
                self._busy.discard(line)
                self._idle.append(line)


def _passes(trouble: Trouble) -> bool:
    """Whether it may be better in a second."""
    return not isinstance(trouble.error, TargetRefused) and trouble.error.code != "document.too_large"


@contextmanager
def _in_our_words(url: str) -> Iterator[None]:
    home = origin(url)
    try:
        yield
    except (TargetRefused, TargetUnresolved) as error:
        raise Trouble(error, host=True) from error
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
        raise Trouble(problems.unreachable(home, str(error) or "no connection"), host=True) from error
    except (httpx.TimeoutException, TimeoutError) as error:
        raise Trouble(problems.rejected("The server did not answer in time.")) from error
    except (httpx.TransportError, httpcore.ProtocolError, zlib.error, _Damaged) as error:
        reason = str(error) if isinstance(error, _Damaged) else "the answer breaks off or is malformed"
        raise Trouble(problems.rejected(f"The page cannot be read: {reason}.")) from error


# --- bodies ----------------------------------------------------------------------------------------------------------


class _Damaged(Exception):
    """A body is not what its headers say."""


def _read(response: httpx.Response, wants: Wants, cut: bool) -> Answer:
    wanted = wants(response.status_code, response.headers)
    answer = Answer(response.status_code, response.headers)
    assert isinstance(response.stream, httpx.SyncByteStream)
    if not wanted:
        _skip(response.stream, response.headers)
        return answer
    pieces, size = [], 0
    for piece in unpacked(response.stream, response.headers.get("content-encoding", "")):
        size += len(piece)
        if size > wanted:
            if not cut:
                raise Trouble(problems.too_large(wanted), closed=not _may_be_html(response.headers))
            pieces.append(piece[: len(piece) - (size - wanted)])
            break
        pieces.append(piece)
    answer.body = b"".join(pieces)
    return answer


def _may_be_html(headers: Mapping[str, str]) -> bool:
    """Whether there may be links in it."""
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type in ("", "text/html", "application/xhtml+xml")


def _skip(stream: Iterable[bytes], headers: Mapping[str, str]) -> None:
    """Read a short body to its end, so that the connection may be used again; leave a longer one."""
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length[:9]) <= SMALL:
        for _ in stream:
            pass


def unpacked(stream: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The body without its content encoding, in pieces of at most 64 KiB however well it was packed."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        yield from stream
    elif encoding in ("gzip", "x-gzip", "deflate"):
        yield from _inflated(stream, encoding)
    else:
        raise _Damaged("it is packed in a way that was not asked for")


def _inflated(stream: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    engine = None
    for packed in stream:
        if engine is None and packed:
            engine = zlib.decompressobj(_window(encoding, packed))
        rest = packed
        while engine is not None and rest:
            yield engine.decompress(rest, _PIECE)
            rest = engine.unconsumed_tail
            if engine.eof and engine.unused_data and encoding != "deflate":
                rest, engine = engine.unused_data, zlib.decompressobj(31)
    while engine is not None and not engine.eof:
        piece = engine.decompress(engine.unconsumed_tail, _PIECE)
        if not piece:
            raise _Damaged("it breaks off")
        yield piece


def _window(encoding: str, head: bytes) -> int:
    """For gzip; for deflate as the standard has it, and as some servers understand it."""
    if encoding != "deflate":
        return 31
    return 15 if head[0] & 0x0F == 8 else -15
