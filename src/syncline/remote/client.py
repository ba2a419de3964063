"""HTTP: requests with a key, pages of lists, streams of events."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import httpx

from syncline.remote.errors import ServerStrange, ServerUnreachable, of_problem

TIMEOUT_S = 60.0
QUIET_S = 45.0  # a stream is never silent for longer: the server sends a sign of life every 15 s
PAGE = 1000


class Told(NamedTuple):
    """One server-sent event. `id` is "" when it cannot be resumed from."""

    event: str
    data: dict[str, Any]
    id: str


class Client:
    """One server and one key. Used by one thread, but for `events`."""

    def __init__(self, url: str, key: str | None, transport: httpx.BaseTransport | None = None) -> None:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT_S, transport=transport)

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        """The JSON answer. Raises the error that the server told of, ServerUnreachable or ServerStrange."""
        return self._json(self._send("GET", path, params=_given(query)))

    def post(self, path: str, body: Any = None, timeout_s: float = TIMEOUT_S) -> Any:
        """The same."""
        return self._json(self._send("POST", path, json={} if body is None else body, timeout=timeout_s))

    def patch(self, path: str, body: Any) -> Any:
        """The same."""
        return self._json(self._send("PATCH", path, json=body))

    def delete(self, path: str, **query: Any) -> Any:
        """The same."""
        return self._json(self._send("DELETE", path, params=_given(query), timeout=600.0))

    def pages(self, path: str, limit: int | None = None, **query: Any) -> Iterator[dict[str, Any]]:
        """Every item of a list, or the first `limit`."""
        cursor, left = None, limit
        while left is None or left > 0:
            asked = PAGE if left is None else min(PAGE, left)
            page = self.get(path, limit=asked, cursor=cursor, **query)
            yield from page["items"]
            cursor, left = page["next_cursor"], None if left is None else left - len(page["items"])
            if cursor is None:
                return

    def lines(self, path: str) -> Iterator[str]:
        """The lines of a text that is answered in parts."""
        after = "0"
        while True:
            response = self._send("GET", path, params={"after": after})
            if response.is_error:
                self._json(response)
            yield from response.text.splitlines()
            before, after = after, response.headers.get("x-next-after", after)
            if after == before:
                return

    def events(self, path: str, after: str, closing: Callable[[], bool]) -> Iterator[Told]:
        """Events as they come, from the one after the id `after`; ends when the server ends the stream or is gone."""
        headers = {"accept": "text/event-stream", **({"last-event-id": after} if after else {})}
        try:
            with self._http.stream(
                "GET", path, headers=headers, timeout=httpx.Timeout(TIMEOUT_S, read=QUIET_S)
            ) as response:
                if response.is_error:
                    response.read()
                    self._json(response)
                yield from _told(response.iter_lines(), closing)
        except httpx.TransportError:
            return

    def _send(self, method: str, path: str, **more: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **more)
        except httpx.TransportError as error:
            where = self._http.base_url.copy_with(path="")
            raise ServerUnreachable(
                f"the server at {where} does not answer: {error or type(error).__name__}"
            ) from error
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError, ValueError) as error:
            raise ServerStrange(f"this is no address of a server: {error}") from error

    @staticmethod
    def _json(response: httpx.Response) -> Any:
        if response.status_code == 204:
            return None
        try:
            answer = response.json()
        except ValueError:
            raise ServerStrange(f"the server answered {response.status_code} with something that is not JSON") from None
        if response.is_error:
            raise of_problem(response.status_code, answer if isinstance(answer, dict) else {})
        if response.is_redirect:
            raise ServerStrange(f"the server answered {response.status_code}: it is somewhere else")
        return answer


def _given(query: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value is not None}


def _told(lines: Iterator[str], closing: Callable[[], bool]) -> Iterator[Told]:
    """Source: the living standard of HTML, "Server-sent events", the parts we use."""
    event, data, id = "message", "", ""
    for line in lines:
        if closing():
            return
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                yield Told(event, json.loads(data), id)
            event, data = "message", ""
        elif name == "event":
            event = value
        elif name == "data":
            data += value
        elif name == "id":
            id = value
