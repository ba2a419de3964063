"""One call: a body is posted, and what comes back is boiled down to a status and a line for the log.

The answer comes from a stranger. It is read up to MAX_ANSWER_BYTES; no header or body of it is trusted, kept whole, or
decompressed.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from syncline.model.errors import SynclineError
from syncline.outgoing.addresses import Resolve
from syncline.outgoing.retries import Answer

if TYPE_CHECKING:
    import httpx

    from syncline.outgoing.transport import GuardedTransport

TIMEOUT_S: Final = 15.0
MAX_ANSWER_BYTES: Final = 16 * 1024
MAX_EXCERPT_CHARS: Final = 200
_COURTESY_S: Final = 1.0  # a good answer counts from its status on; what follows is read so that the sender can finish


class Call:
    """One POST. `run` makes it, once; `abort`, from another thread, makes it end soon."""

    def __init__(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        allow_private: bool,
        resolve: Resolve = socket.getaddrinfo,
        timeout_s: float = TIMEOUT_S,
        certificates: ssl.SSLContext | None = None,
        hidden: Sequence[str] = (),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`hidden` are texts that no error may quote, whoever says them."""
        self._url = url
        self._body = body
        self._headers = {"content-type": "application/json", "accept-encoding": "identity", **headers}
        self._allow_private = allow_private
        self._resolve = resolve
        self._timeout_s = timeout_s
        self._certificates = certificates
        self._hidden = hidden
        self._monotonic = monotonic
        self._transport: GuardedTransport | None = None
        self._aborted = False

    def run(self) -> Answer:
        """What came back. Never raises for anything the other side can do."""
        import httpx

        began = self._monotonic()
        try:
            answer = self._posted()
        except httpx.TimeoutException:
            answer = Answer(None, f"no answer within {self._timeout_s:g} s")
        except httpx.TransportError as error:
            answer = Answer(None, f"the call failed: {self._quotable(str(error)) or type(error).__name__}")
        except httpx.InvalidURL:
            answer = Answer(None, "the URL cannot be called")
        except SynclineError as error:
            answer = Answer(None, f"{error.code}: {self._quotable(error.message)}")
        return answer._replace(took_s=self._monotonic() - began)

    def abort(self) -> None:
        """End it, whatever it waits for; a name that is being looked up is waited for."""
        self._aborted = True
        if self._transport is not None:
            self._transport.abort()

    def _posted(self) -> Answer:
        import httpx

        from syncline.outgoing.transport import GuardedTransport

        with GuardedTransport(
            self._allow_private,
            self._resolve,
            total_s=self._timeout_s,
            certificates=self._certificates,
            monotonic=self._monotonic,
        ) as transport:
            self._transport = transport
            if self._aborted:
                transport.abort()
            # Not through httpx.Client: it logs whole URLs, and they may hold tokens.
            response = transport.handle_request(
                httpx.Request("POST", self._url, content=self._body, headers=self._headers)
            )
            try:
                return self._understood(response, transport)
            finally:
                response.close()

    def _understood(self, response: httpx.Response, transport: GuardedTransport) -> Answer:
        status = response.status_code
        if 200 <= status < 300:
            transport.hurry(_COURTESY_S)
        excerpt = self._quotable(_beginning(response).decode("utf-8", "replace"))
        if 200 <= status < 300:
            return Answer(status)
        error = f"answered {status} {_phrase(status)}".rstrip()
        if 300 <= status < 400:
            error += ", and redirects are not followed"
        retry_after = response.headers.get("retry-after", "")
        return Answer(status, f"{error}: {excerpt}" if excerpt else error, 0.0, retry_after)

    def _quotable(self, text: str) -> str:
        for secret in self._hidden:
            text = text.replace(secret, "********")
        return excerpt_of(text)


def excerpt_of(text: str) -> str:
    """The beginning of a stranger's text on one line, without anything that a terminal or a page could obey."""
    plain = "".join(char if char.isprintable() else " " for char in text[: MAX_EXCERPT_CHARS * 10])
    short = " ".join(plain.split())
    return short if len(short) <= MAX_EXCERPT_CHARS else short[: MAX_EXCERPT_CHARS - 1] + "…"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _beginning(response: httpx.Response) -> bytes:
    """The first bytes of a body, as far as they come."""
    import httpx

    read = b""
    try:
        for part in response.iter_raw():
            read += part[: MAX_ANSWER_BYTES - len(read)]
            if len(read) >= MAX_ANSWER_BYTES:
                break
    except httpx.TransportError:
        pass
    return read
