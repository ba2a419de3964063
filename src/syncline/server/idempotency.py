"""One request, done once, however often it is sent: Idempotency-Key.

    first ──▶ at work ──▶ done ──▶ kept for a day, sealed: the answer may hold a secret that is shown this once
    again ──────┬───────────┴──▶ the kept answer, with Idempotent-Replayed: true
                └▶ 409 while it is at work; 422 for another request under the same name

Answers that say that the server failed are not kept: the request may be made again.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from syncline.model.errors import CredentialsInvalid
from syncline.server.house import House
from syncline.server.problems import TokenBusy, TokenInvalid, TokenMismatch
from syncline.store.relational.answers import Answers, Kept
from syncline.store.secrets import drafted
from syncline.wiring import Installation

HEADER: Final = "idempotency-key"
_KEPT_HEADERS = ("content-type", "location", "etag", "retry-after", "cache-control")
_PLACE = "body"


def checked_token(token: str) -> str:
    """The name, if a request may have it. Raises TokenInvalid."""
    if not (0 < len(token) <= 255 and token.isascii() and token.isprintable()):
        raise TokenInvalid("the Idempotency-Key cannot be used")
    return token


@dataclass(slots=True, frozen=True)
class Once:
    """One request under its name; `digest` tells it from others."""

    house: House
    key_id: str
    token: str
    digest: bytes

    @classmethod
    def of(cls, house: House, key_id: str, token: str, *parts: bytes) -> Once:
        """`parts` are everything that makes it this request. Raises TokenInvalid."""
        digest = hashlib.sha256()
        for part in parts:
            digest.update(len(part).to_bytes(8, "big") + part)
        return cls(house, key_id, checked_token(token), digest.digest())

    def begin(self) -> Response | None:
        """The answer it had before; None when it is to be done. Raises TokenMismatch, TokenBusy."""
        with self.house.room() as room:
            kept = Answers(room.control()).begin(self.key_id, self.token, self.digest, self.house.clock())
            if kept is None:
                return None
            if kept.request != self.digest:
                raise TokenMismatch("this Idempotency-Key came before, with another request")
            if kept.status is None:
                raise TokenBusy("the request is still at work")
            return self._replayed(room, kept)

    def end(self, response: Response) -> None:
        """Keep this answer, unless it says that the server failed."""
        with self.house.room() as room:
            answers = Answers(room.control())
            if response.status_code >= 500:
                answers.drop(self.key_id, self.token)
                return
            headers = {name: value for name, value in response.headers.items() if name in _KEPT_HEADERS}
            text = bytes(response.body).decode("utf-8")
            sealed = room.vault.keep(self._owner, drafted(self._owner, {_PLACE: text}, (_PLACE,)))
            answers.finish(self.key_id, self.token, response.status_code, headers, json.dumps(sealed).encode())

    def abandon(self) -> None:
        """It came to nothing."""
        with self.house.room() as room:
            Answers(room.control()).drop(self.key_id, self.token)

    @property
    def _owner(self) -> str:
        return f"answer:{self.key_id}:{self.token}"

    def _replayed(self, room: Installation, kept: Kept) -> Response:
        try:
            body = room.vault.open(self._owner, json.loads(kept.body)).config[_PLACE]
        except CredentialsInvalid:
            raise TokenMismatch("the answer to this Idempotency-Key cannot be read any more") from None
        return Response(body, kept.status or 200, {**kept.headers, "idempotent-replayed": "true"})


def forget_unfinished(house: House) -> None:
    """Requests that a server before this one was at work on have no answer any more: they may be made again."""
    with house.room() as room:
        if room.exists:
            Answers(room.control()).abandon()
