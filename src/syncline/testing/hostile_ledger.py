"""A destination that fails by a plan: before it has written, after it has written, or as if someone newer had begun."""

from __future__ import annotations

import random
from collections import Counter as Calls
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Any, NamedTuple, TypeVar

from syncline.model.documents import Held
from syncline.model.errors import DestinationError, JobFenced
from syncline.model.outcomes import Kind
from syncline.model.ports import Batch, Ledger, Resume, Ticket

T = TypeVar("T")


class LedgerFault(StrEnum):
    """One way for a call to fail."""

    FAIL = "fail"  # DestinationError; nothing was done
    AMBIGUOUS = "ambiguous"  # it was done, and then DestinationError: the caller cannot know
    FENCE = "fence"  # JobFenced; nothing was done


class Strike(NamedTuple):
    """The `nth` call (1: the first) of `method` fails in that way."""

    fault: LedgerFault
    nth: int = 1
    method: str = "commit"


def strikes(seed: int, *, commits: int = 10, chance: float = 0.2) -> tuple[Strike, ...]:
    """A plan drawn by `seed`: each of the first `commits` commits fails before or after writing, with that chance."""
    dice = random.Random(seed)  # noqa: S311 - a plan, not a secret
    kinds = (LedgerFault.FAIL, LedgerFault.AMBIGUOUS)
    return tuple(Strike(dice.choice(kinds), nth) for nth in range(1, commits + 1) if dice.random() < chance)


class HostileLedger:
    """A coat around a Ledger that fails by `plan`. Whatever else the inner ledger can do is passed through.

    calls   how often each method was called.  struck  strikes that took effect so far, in order.
    """

    def __init__(self, inner: Ledger, plan: Iterable[Strike]) -> None:
        self.inner = inner
        self.plan = {(strike.method, strike.nth): strike for strike in plan}
        self.calls: Calls[str] = Calls()
        self.struck: list[Strike] = []
        for name in dir(inner):  # set on the instance, where isinstance() with a protocol looks for them
            if not name.startswith("_") and not hasattr(type(self), name) and callable(getattr(inner, name)):
                setattr(self, name, getattr(inner, name))

    def __getattr__(self, name: str) -> Any:
        if name == "inner":  # not set yet: while unpickling, say
            raise AttributeError(name)
        return getattr(self.inner, name)

    def _call(self, method: str, function: Callable[[], T]) -> T:
        self.calls[method] += 1
        strike = self.plan.get((method, self.calls[method]))
        if strike is None:
            return function()
        self.struck.append(strike)
        if strike.fault is LedgerFault.FENCE:
            raise JobFenced("hostile: a newer attempt has taken over")
        if strike.fault is LedgerFault.AMBIGUOUS:
            function()
            raise DestinationError("hostile: the connection broke after the commit was sent")
        raise DestinationError("hostile: disk full")

    def begin(self, ticket: Ticket) -> Resume:
        """As the inner ledger, unless it is struck."""
        return self._call("begin", lambda: self.inner.begin(ticket))

    def peek(self, connector: int) -> Resume:
        """As the inner ledger, unless it is struck."""
        return self._call("peek", lambda: self.inner.peek(connector))

    def held(self, connector: int, ids: Sequence[str]) -> dict[str, Held]:
        """As the inner ledger, unless it is struck."""
        return self._call("held", lambda: self.inner.held(connector, ids))

    def count(self, connector: int) -> tuple[int, int]:
        """As the inner ledger, unless it is struck."""
        return self._call("count", lambda: self.inner.count(connector))

    def rows(self, connector: int, batch: int = 5000) -> Iterator[list[Held]]:
        """As the inner ledger, unless it is struck: then at once, not in the middle."""
        return self._call("rows", lambda: self.inner.rows(connector, batch))

    def outcomes_of(self, job: int, ids: Sequence[str]) -> dict[str, Kind]:
        """As the inner ledger, unless it is struck."""
        return self._call("outcomes_of", lambda: self.inner.outcomes_of(job, ids))

    def commit(self, ticket: Ticket, batch: Batch) -> list[int]:
        """As the inner ledger, unless it is struck."""
        return self._call("commit", lambda: self.inner.commit(ticket, batch))

    def withhold(self, ticket: Ticket, seqs: Sequence[int], reason: str) -> None:
        """As the inner ledger, unless it is struck."""
        self._call("withhold", lambda: self.inner.withhold(ticket, seqs, reason))

    def withheld_count(self, connector: int) -> int:
        """As the inner ledger, unless it is struck."""
        return self._call("withheld_count", lambda: self.inner.withheld_count(connector))

    def approved(self, connector: int) -> frozenset[int]:
        """As the inner ledger, unless it is struck."""
        return self._call("approved", lambda: self.inner.approved(connector))

    def settle(self) -> None:
        """As the inner ledger, unless it is struck."""
        self._call("settle", self.inner.settle)
