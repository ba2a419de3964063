"""The webhook: an address of somebody else that is told of events; its deliveries, and the attempts at them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple

from syncline.model.events import Event

TEST_TYPE: Final = "webhook.test"


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(slots=True)
class Webhook:
    """One row of the webhook table. Times are Unix seconds.

    types          the event types it wants; empty: all. One with a slash is in the words of the dialect before it,
                   "airweave/sync.completed": that dialect makes the messages, and sees to it that they are sent.
    connectors     ids of the connectors whose events it wants; None: all.
    sealed         {"secret", "previous": [{"secret", "until"}]} with the signing secrets sealed.
    failing_since  when the first of its failures since its last success was; None: it is well.
    disabled_why   why Syncline disabled it; empty when it is enabled, or a person did.
    not_before     it asked to be left alone until then.
    revision       rises with every change by people; 1 at first.
    """

    number: int
    id: str
    url: str
    description: str = ""
    types: tuple[str, ...] = ()
    connectors: tuple[str, ...] | None = None
    sealed: dict[str, Any] = field(default_factory=dict)
    enabled: bool = True
    failing_since: float | None = None
    disabled_why: str = ""
    not_before: float = 0.0
    revision: int = 1
    created_at: float = 0.0
    updated_at: float = 0.0

    @property
    def dialect(self) -> str:
        """In whose words it is told; "" for our own."""
        return self.types[0].rpartition("/")[0] if self.types else ""

    def wants(self, event: Event) -> bool:
        """True when it is to be told of this event."""
        if self.types and event.type not in self.types:
            return False
        return self.connectors is None or event.connector_id in self.connectors


@dataclass(slots=True)
class Delivery:
    """One message for one webhook. `id` is its webhook-id, the same on every attempt.

    event     seq of the event; None for a test message.
    payload   the body, JSON, byte for byte the same on every attempt.
    attempts  made in all; `tries` since it was last replayed.
    next_at   when it is tried next; None when it has ended.
    """

    number: int
    id: str
    webhook: int
    webhook_id: str
    event: int | None
    type: str
    payload: str
    state: DeliveryState = DeliveryState.WAITING
    attempts: int = 0
    tries: int = 0
    next_at: float | None = None
    last_status: int | None = None
    last_error: str = ""
    created_at: float = 0.0
    ended_at: float | None = None


class Attempt(NamedTuple):
    """One call. `status` is the HTTP status, None when there was no answer; `error` is empty after a success."""

    attempt: int
    at: float
    status: int | None
    error: str
    took_s: float


class Verdict(NamedTuple):
    """What becomes of a delivery after an attempt.

    next_at    when it is tried again, if it waits.
    hold_until the endpoint is left alone until then; 0.0: it did not ask for it.
    disable    why the endpoint is disabled; empty: it is not.
    """

    state: DeliveryState
    next_at: float | None = None
    hold_until: float = 0.0
    disable: str = ""
