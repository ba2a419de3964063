"""Real web sites on this machine, in threads, that do as they are told; and time that nobody waits for."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from syncline.sources.registry import validate
from syncline.sources.web.pace import Times
from syncline.sources.web.source import WebSource

WAIT_S = 60.0
START = 1_700_000_000.0


def until(condition: Callable[[], object], what: str = "it") -> None:
    """Wait for something to become true."""
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.005)


class VirtualTime:
    """Clocks that jump to where somebody wants to wait until."""

    def __init__(self) -> None:
        self._now_s = START
        self._lock = threading.Lock()

    def now(self) -> float:
        with self._lock:
            return self._now_s

    def until(self, at: float, halt: threading.Event) -> None:
        with self._lock:
            self._now_s = max(self._now_s, at)

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._now_s += seconds

    @property
    def times(self) -> Times:
        return Times(self.now, self.now, self.until)


@dataclass
class Reply:
    """What to answer. `raw`: these bytes and nothing else. `hang`: nothing, until the site is closed. `drip`: the body
    (or what follows `raw`) byte for byte, for ever. `endless`: pieces of the body, for ever."""

    status: int = 200
    body: bytes | str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    hang: bool = False
    drip: bool = False
    endless: bool = False
    length: int | None = None


@dataclass
class Asked:
    """One request as it came in. `at` is on the virtual clock."""

    host: str
    path: str
    headers: dict[str, str]
    at: float
    status: int = 0


Answering = Callable[[Asked], Reply]


class Site:
    """Pages by path. A page is a Reply, a text, or a function of the request. Text pages have ETags and obey
    If-None-Match."""

    def __init__(self, clock: VirtualTime) -> None:
        self.clock = clock
        self.pages: dict[str, Reply | str | Answering] = {}
        self.asked: list[Asked] = []
        self.fault: Callable[[Asked], Reply | None] = lambda asked: None
        self.sockets: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def paths(self, status: int | None = None) -> list[str]:
        """What was asked for, robots.txt aside, in order."""
        with self._lock:
            return [a.path for a in self.asked if a.path != "/robots.txt" and status in (None, a.status)]

    def statuses(self) -> Counter[int]:
        with self._lock:
            return Counter(a.status for a in self.asked if a.path != "/robots.txt")

    def forget(self) -> None:
        with self._lock:
            self.asked.clear()

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def encrypt(self, context: ssl.SSLContext) -> None:
        """Speak TLS with whoever comes from now on."""
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def reply(self, asked: Asked) -> Reply:
        reply = self.fault(asked) or self._page(asked)
        asked.status = reply.status
        return reply

    def _page(self, asked: Asked) -> Reply:
        page = self.pages.get(asked.path)
        if page is None:
            return Reply(404, "not here")
        if callable(page):
            return page(asked)
        if isinstance(page, str):
            return tagged(asked, page)
        return page

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 30
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(headers.get("host", ""), self.path, headers, site.clock.now())
                with site._lock:
                    site.asked.append(asked)
                try:
                    self._send(site.reply(asked))
                except OSError:
                    self.close_connection = True

            do_CONNECT = do_GET  # noqa: N815

            def _send(self, reply: Reply) -> None:
                if reply.hang:
                    site.closing.wait()
                    self.close_connection = True
                    return
                if reply.raw is not None:
                    self.wfile.write(reply.raw)
                    while reply.drip and not site.closing.wait(0.02):
                        self.wfile.write(b"x")
                    self.close_connection = True
                    return
                body = reply.body.encode() if isinstance(reply.body, str) else reply.body
                self.send_response_only(reply.status)
                given = {name.lower(): value for name, value in reply.headers.items()}
                given.setdefault("date", formatdate(site.clock.now(), usegmt=True))
                if reply.status == 200:
                    given.setdefault("content-type", "text/html")
                if not (reply.drip or reply.endless) and reply.status != 304:
                    given.setdefault("content-length", str(len(body) if reply.length is None else reply.length))
                for name, value in given.items():
                    if value:
                        self.send_header(name, value)
                self.end_headers()
                if reply.drip or reply.endless:
                    self.close_connection = True
                    while not site.closing.wait(0.02 if reply.drip else 0):
                        self.wfile.write(b"x" if reply.drip else body)
                elif reply.status != 304:
                    self.wfile.write(body)
                    if reply.length is not None:
                        self.close_connection = True

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler


def tagged(asked: Asked, body: str, headers: Mapping[str, str] | None = None) -> Reply:
    """A page with an ETag, or 304."""
    import hashlib

    tag = f'"{hashlib.sha1(body.encode()).hexdigest()[:16]}"'
    if asked.headers.get("if-none-match") == tag:
        return Reply(304, headers={"etag": tag})
    return Reply(200, body, {"etag": tag, **(headers or {})})


def html(*links: str, text: str = "", head: str = "") -> str:
    """A page."""
    anchors = "".join(f'<a href="{link}">to {link}</a>\n' for link in links)
    return f"<!doctype html><html><head><title>{text or 'page'}</title>{head}</head><body><p>{text}</p>{anchors}</body>"


def resolver(**hosts: str | Sequence[str]) -> Callable[..., Sequence[tuple[Any, ...]]]:
    """Finds the hosts given at their addresses, and every other one on this machine."""

    def resolve(host: str, port: int, **_: object) -> Sequence[tuple[Any, ...]]:
        found = hosts.get(host.replace(".", "_"), "127.0.0.1")
        addresses = [found] if isinstance(found, str) else found
        return [
            (socket.AF_INET6 if ":" in a else socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in addresses
        ]

    return resolve


def settings(**given: Any) -> SimpleNamespace:
    """Validated settings, as a source is given them."""
    given.setdefault("requests_per_second", 100)
    return SimpleNamespace(**validate("web", given))


def web(clock: VirtualTime, *, allow_private: bool = True, resolve: Any = None, **given: Any) -> WebSource:
    """A source that may read this machine."""
    extra = {name: given.pop(name) for name in ("spool_bytes", "certificates") if name in given}
    return WebSource(
        settings(**given), times=clock.times, resolve=resolve or resolver(), allow_private=allow_private, **extra
    )


def sites(clock: VirtualTime) -> Iterator[Callable[[], Site]]:
    """Makes sites; all are closed in the end."""
    made: list[Site] = []

    def make() -> Site:
        made.append(Site(clock))
        return made[-1]

    yield make
    for site in made:
        site.close()


class Certificates:
    """An authority of its own, for sites that speak TLS."""

    def __init__(self, folder: Path) -> None:
        from tests.outgoing.receivers import Certificates as Authority

        self._authority = Authority(folder)

    def trusting(self) -> ssl.SSLContext:
        """A client's context that trusts this authority alone."""
        return self._authority.trusting()

    def serve(self, site: Site, name: str) -> str:
        """Let the site speak TLS under that name from now on; its new address."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._authority.of(name))
        site.encrypt(context)
        return f"https://127.0.0.1:{site.port}/"
