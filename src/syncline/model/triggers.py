"""The trigger: what starts jobs of a connector when something happens, rather than at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from syncline.model.errors import Category, Mender, SynclineError


class TriggerKind(StrEnum):
    """What has to happen."""

    WATCH = "watch"  # files of a folder change
    WEBHOOK = "webhook"  # somebody calls, and signs
    AFTER = "after"  # a job of another connector ends


SETTLE_S: Final = 2.0
MAX_WAIT_S: Final = 30.0
TOLERANCE_S: Final = 300.0  # how far the clock of a caller may be from ours
ENDS: Final = ("succeeded", "incomplete")  # what a trigger may follow


@dataclass(slots=True)
class Trigger:
    """One row of the trigger table. Times are Unix seconds (float, UTC).

    connector  number of the connector whose jobs it starts.
    settings   by kind:
               watch    {"settle_s", "max_wait_s"}: it must be quiet for so long, but a job waits no longer than that
               webhook  {"name", "secret"}: the secret is sealed
               after    {"connector", "on"}: id of the other connector, and the ends it follows
    last_at    when it last started a job, or joined one that waited.   last_job: number of that job.
    revision   rises with every change that somebody makes to it; 1 at first.
    """

    number: int
    id: str
    connector: int
    kind: TriggerKind
    settings: dict[str, Any] = field(default_factory=dict)
    enabled: bool = True
    last_at: float | None = None
    last_job: int | None = None
    revision: int = 1
    created_at: float = 0.0
    updated_at: float = 0.0


class TriggerRefused(SynclineError):
    """A call of a webhook trigger starts nothing: its signature is wrong."""

    code = "trigger.bad_signature"
    category = Category.CREDENTIALS
    mender = Mender.YOU
    default_remedy = "Sign the call as Standard Webhooks says, with the secret of this trigger."


class TriggerExpired(TriggerRefused):
    """A call of a webhook trigger was signed too long ago, or in the future."""

    code = "trigger.expired"
    default_remedy = "Sign the call when it is sent, and set the clock of the sender."


class TriggerDisabled(TriggerRefused):
    """A trigger that is called starts nothing now: it is disabled, or its connector is paused."""

    code = "trigger.disabled"
    category = Category.CONFIG
    default_remedy = "Enable the trigger, or resume its connector."
