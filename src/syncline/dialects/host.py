"""What a dialect stands on: the server as far as a dialect may know it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from syncline.model.keys import Key, Scope
from syncline.wiring import Installation


class Caller(Protocol):
    """A known key at work."""

    @property
    def key(self) -> Key: ...

    @property
    def key_id(self) -> str: ...

    @property
    def indexes(self) -> tuple[str, ...] | None:
        """Names of the indexes it may use; None: all."""
        ...

    def may(self, scope: Scope) -> bool: ...

    def sees(self, index: str) -> bool: ...

    def need(self, scope: Scope) -> None:
        """Raises Forbidden ("auth.scope") unless it may."""
        ...

    def need_index(self, index: str) -> None:
        """Raises Forbidden ("auth.index") unless it sees the index, whether there is one or not."""
        ...


class Host(Protocol):
    """The server. Everything may be called from any thread; nothing of it on the event loop."""

    clock: Callable[[], float]

    @property
    def folder_roots(self) -> tuple[str, ...]:
        """Folders below which sources made over the network may read."""
        ...

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment the server was started with."""
        ...

    @property
    def ending(self) -> bool:
        """The server is closing: answers without an end come to theirs."""
        ...

    def room(self) -> AbstractContextManager[Installation]:
        """An Installation that is nobody else's meanwhile."""
        ...

    def wake(self) -> None:
        """There may be a job to start or to stop: look now instead of in a moment."""
        ...

    def run_task(self, task: str, timeout_s: float, **args: Any) -> Any:
        """Run "module:function" in a process of its own; see `syncline.server.tasks`."""
        ...

    def identify(self, secret: str) -> Caller:
        """Whose secret it is. Raises Unauthorized."""
        ...

    def identify_pair(self, id: str, secret: str) -> Caller:
        """The same for an id and a secret that must belong together. Raises Unauthorized."""
        ...

    def secret_of(self, key_id: str) -> str | None:
        """The secret in clear, for verifying a signature; None for a key that is unknown or revoked."""
        ...
