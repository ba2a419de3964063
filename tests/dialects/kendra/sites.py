"""A small web site on a free port, some of whose pages never come."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HANGS = "/hangs"


class Site:
    """`pages` by path; "/hangs…" is never answered. `asked`: the paths that were asked for; `headers`: of the last."""

    def __init__(self, pages: Mapping[str, str]) -> None:
        self.pages = dict(pages)
        self.asked: list[str] = []
        self.headers: dict[str, Any] = {}
        self.leaving = threading.Event()
        self.url = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.asked.append(handler.path)
        self.headers = {name.lower(): value for name, value in handler.headers.items()}
        if handler.path.startswith(HANGS):
            self.leaving.wait(60)
            return
        page = self.pages.get(handler.path)
        body = (page or "nothing").replace("SITE", self.url).encode()
        handler.send_response(200 if page is not None else 404)
        kind = "text/plain" if handler.path.endswith(".txt") else "text/html"
        if handler.path.endswith(".xml"):
            kind = "application/xml"
        handler.send_header("content-type", f"{kind}; charset=utf-8")
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


@contextmanager
def serving(pages: Mapping[str, str]) -> Iterator[Site]:
    """The site, served until the end of the block."""
    site = Site(pages)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            site.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.leaving.set()
        server.shutdown()
        server.server_close()


def page(title: str, text: str, *links: str) -> str:
    """A page of HTML."""
    anchors = "".join(f'<a href="{link}">{link}</a> ' for link in links)
    return f"<html><head><title>{title}</title></head><body><main><h1>{title}</h1><p>{text}</p>{anchors}</main></body>"
