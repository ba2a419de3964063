"""robots.txt, one for each origin, read before anything else of it.

None, or an answer of the 400s: everything may be read. No proper answer: nothing may, for now, and nothing is deleted.
Source: RFC 9309, section 2.3.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from syncline.outgoing.addresses import TargetRefused
from syncline.sources.web import problems
from syncline.sources.web.client import Client
from syncline.sources.web.problems import Trouble
from syncline.sources.web.urls import joined, origin

if TYPE_CHECKING:
    from protego import Protego

MAX_BYTES: Final = 512 << 10
MAX_HOPS: Final = 5
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


def token_of(agent: str) -> str:
    """The name in an agent's line that rules are written for: "syncline" of "Syncline/1.0 (+https://…)"."""
    return agent.replace("/", " ").split(" ")[0].lower() or "*"


class Robots:
    """The rules of every origin, each asked for once. May be used by many threads."""

    def __init__(self, client: Client, agent: str, slow_to: Callable[[str, float], None]) -> None:
        self._client = client
        self._agent = token_of(agent)
        self._slow_to = slow_to
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._rules: dict[str, Protego | Trouble | None] = {}

    def allow(self, url: str, halt: threading.Event) -> bool:
        """Whether the page may be read. Raises Trouble when nobody knows."""
        home = origin(url)
        with self._lock:
            lock = self._locks.setdefault(home, threading.Lock())
        with lock:
            if home not in self._rules:
                self._rules[home] = self._asked(home, halt)
        rules = self._rules[home]
        if isinstance(rules, Trouble):
            raise Trouble(rules.error, host=True)
        return rules is None or bool(rules.can_fetch(url, self._agent))

    def _asked(self, home: str, halt: threading.Event) -> Protego | Trouble | None:
        url = home + "robots.txt"
        try:
            for _ in range(MAX_HOPS + 1):
                answer = self._client.get(url, _body, {"accept": "text/plain,*/*;q=0.5"}, halt, cut=True)
                if answer.status not in _REDIRECTS:
                    break
                target = joined(url, answer.headers.get("location", ""), keep_tracking=True)
                if target is None:
                    return None
                url = target
            else:
                return None
        except Trouble as trouble:
            if isinstance(trouble.error, TargetRefused) and url.startswith(home):
                return trouble
            why = trouble.error.message.rstrip(".")
            return Trouble(problems.unreachable(home, f"its robots.txt cannot be read ({why})"), host=True)
        if answer.status != 200:
            return None
        return self._parsed(home, answer.body)

    def _parsed(self, home: str, body: bytes) -> Protego:
        try:
            from protego import Protego
        except ImportError as error:
            raise problems.extra_missing("Reading robots.txt") from error
        rules = Protego.parse(body.decode("utf-8-sig", "replace"))
        delay = rules.crawl_delay(self._agent)
        if delay:
            self._slow_to(home, delay)
        return rules


def _body(status: int, _: Mapping[str, str]) -> int:
    return MAX_BYTES if status == 200 else 0
