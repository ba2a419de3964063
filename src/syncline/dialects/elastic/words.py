"""The words of this dialect, and its two tables of states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from syncline.dialects.elastic.refusals import Refused, against_rule
from syncline.model.jobs import Job, JobState, JobType, Trigger

# --- connectors -------------------------------------------------------------------------------------------------------

CREATED, NEEDS, CONFIGURED, CONNECTED, ERROR = "created", "needs_configuration", "configured", "connected", "error"
CONNECTOR_STATES: Final[Mapping[str, frozenset[str]]] = {
    # from      may become
    CREATED: frozenset({NEEDS, ERROR}),
    NEEDS: frozenset({CONFIGURED, ERROR}),
    CONFIGURED: frozenset({NEEDS, CONFIGURED, CONNECTED, ERROR}),
    CONNECTED: frozenset({CONNECTED, CONFIGURED, ERROR}),
    ERROR: frozenset({CONNECTED, CONFIGURED, ERROR}),
}

# --- sync jobs --------------------------------------------------------------------------------------------------------

PENDING, IN_PROGRESS, CANCELING, CANCELED = "pending", "in_progress", "canceling", "canceled"
SUSPENDED, COMPLETED = "suspended", "completed"
JOB_STATES: Final[Mapping[str, frozenset[str]]] = {
    # from       may become
    PENDING: frozenset({IN_PROGRESS, CANCELED}),
    IN_PROGRESS: frozenset({CANCELING, COMPLETED, SUSPENDED, ERROR}),
    SUSPENDED: frozenset({IN_PROGRESS, CANCELED}),
    CANCELING: frozenset({CANCELED, ERROR}),
    COMPLETED: frozenset(),
    CANCELED: frozenset(),
    ERROR: frozenset(),
}
HEARD: Final = frozenset({IN_PROGRESS, CANCELING})  # a worker is at it, and must be heard of
JOB_TYPES: Final = tuple(type.value for type in JobType)
TRIGGERS: Final = (Trigger.ON_DEMAND.value, Trigger.SCHEDULED.value)
POLICIES: Final = ("include", "exclude")
RULES: Final = ("contains", "ends_with", "equals", "regex", "starts_with", ">", "<")
VALIDATION_STATES: Final = ("edited", "invalid", "valid")

STATUS: Final[Mapping[JobState, str]] = {
    JobState.PENDING: PENDING,
    JobState.RUNNING: IN_PROGRESS,
    JobState.STOPPING: CANCELING,
    JobState.SUSPENDED: SUSPENDED,
    JobState.SUCCEEDED: COMPLETED,
    JobState.INCOMPLETE: COMPLETED,
    JobState.FAILED: ERROR,
    JobState.STOPPED: CANCELED,
}


def states_of(status: str) -> list[str]:
    """Our states that go by that word."""
    return [state.value for state, word in STATUS.items() if word == status]


def type_of(job: Job) -> str:
    """What was asked for, or what it has become."""
    return (job.wanted or job.type).value


def trigger_of(job: Job) -> str:
    """An event is nobody's schedule."""
    return (Trigger.SCHEDULED if job.trigger is Trigger.SCHEDULED else Trigger.ON_DEMAND).value


def check_move(table: Mapping[str, frozenset[str]], before: str, after: str) -> None:
    """Raises Refused unless the table has it."""
    if after not in table.get(before, frozenset()):
        raise illegal_move(before, after)


def illegal_move(before: str, after: str) -> Refused:
    """What is said of a move that the table does not have."""
    return against_rule(
        f"Invalid transition attempt from [{before}] to [{after}]. Such a status transition is not supported by the "
        "Connector Protocol."
    )
