"""What the API answers, as types: for /openapi.json alone. Nothing is made of these when a request is answered.

More may be added to an answer; what is named here stays.
"""

from __future__ import annotations

from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, create_model

T = TypeVar("T")

Time = str
Count = int


class Answer(BaseModel):
    """Any answer: what is named here is there; more may be."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"additionalProperties": True})


class Page(Answer, Generic[T]):
    """One page of a list."""

    items: list[T]
    next_cursor: str | None = Field(description="Gives the next page; null when this is the last.")


class Problem(Answer):
    """What went wrong, and what to do (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str = Field(description="For people.")
    code: str = Field(description="Stable; docs/errors.md lists them.")
    category: str
    remedy: str = Field(description="What to do.")
    mender: str = Field(description="Who can mend it: you, source or syncline.")
    request_id: str
    fields: dict[str, str] | None = Field(None, description="What is wrong with each field.")


class Fault(Answer):
    """An error inside of an answer."""

    code: str
    category: str
    message: str
    remedy: str
    mender: str


class Removed(Answer):
    """It is gone."""

    id: str
    removed: bool


# --- indexes and connectors -------------------------------------------------------------------------------------------


class Index(Answer):
    """A set of documents that can be searched."""

    id: str
    name: str
    description: str
    destination: str = Field(description="Where its documents land.")
    settings: dict[str, Any] = Field(description="Of the destination. Secrets are asterisks.")
    revision: int
    created_at: Time | None
    updated_at: Time | None


class IndexStats(Answer):
    """What is in an index."""

    index: str
    documents: Count
    filtered: Count = Field(description="Kept out by a rule.")
    failed: Count = Field(description="Could not be taken; the next job tries again.")
    withheld_deletes: Count = Field(description="Wait for approval.")
    connectors: Count
    truth_bytes: int
    text_bytes: int


class IndexRemoved(Answer):
    """An index that is gone, and the connectors that went with it."""

    id: str
    name: str
    connectors: list[str]


class Guard(Answer):
    """When deletions are a surprise."""

    max_deletes: int
    max_percent: float


class Connector(Answer):
    """A standing arrangement of a source, its settings and an index."""

    id: str
    name: str
    description: str
    kind: str
    index: str
    settings: dict[str, Any] = Field(description="Secrets are asterisks.")
    guard: Guard
    paused: bool
    revision: int
    created_at: Time | None
    updated_at: Time | None


class ConnectorRemoved(Answer):
    """A connector that is gone with its documents."""

    id: str
    name: str
    removed_documents: Count


class Check(Answer):
    """Whether a source can be read, or a destination written. `notes`: what is worth knowing besides."""

    id: str
    name: str
    ok: bool
    notes: list[str]
    error: Fault | None


class Plan(Answer):
    """What a sync would do. Lists are cut."""

    insert: list[str]
    update: list[str]
    delete: list[str]
    withhold: list[str] = Field(description="Deletions that would wait for approval.")
    fail: list[str]
    totals: dict[str, int] = Field(description="How many there are of each; also keep and filtered.")
    reasons: dict[str, str]
    notes: list[str]
    complete: bool = Field(description="False: the source could not be listed to its end.")
    cut: bool = Field(description="True: a list is longer than it is shown.")


class Withheld(Answer):
    """A deletion that waits for approval."""

    id: str
    reason: str
    approved: bool


class WithheldPage(Page[Withheld]):
    """One page of them."""

    total: Count


class Approved(Answer):
    """How many deletions are approved."""

    id: str
    name: str
    approved: Count


# --- jobs ---------------------------------------------------------------------------------------------------------


class Job(Answer):
    """One attempt to make source and index agree."""

    number: int
    id: str
    connector: str
    connector_id: str
    index: str
    type: Literal["full", "incremental", "access_control"]
    wanted: Literal["auto", "full", "incremental", "access_control"]
    force: bool
    trigger: Literal["on_demand", "scheduled", "event"]
    cause: str
    requested_by: str | None
    state: Literal["pending", "running", "stopping", "suspended", "succeeded", "incomplete", "failed", "stopped"]
    stop_requested: bool
    created_at: Time | None
    started_at: Time | None
    ended_at: Time | None
    duration_s: float
    attempt: int
    inserted: Count
    updated: Count
    deleted: Count
    kept: Count
    failed: Count
    filtered: Count
    withheld_deletes: Count
    warnings: Count
    error: Fault | None
    notes: list[str]
    progress: dict[str, Any] | None = Field(description="stage, counters, rate, eta_s; null unless it runs.")


class JobStarted(Answer):
    """The job that was asked for. `created` false: the start was coalesced into this one."""

    job: Job
    created: bool


class Rejected(Answer):
    """A pushed document or deletion that was not taken."""

    id: str | None
    code: str
    message: str


class Pushed(Answer):
    """A push: durable now, found by search when the job has ended."""

    job: Job
    accepted: Count
    unchanged: Count = Field(description="Of the accepted: there already, byte for byte.")
    rejected: list[Rejected]


class Outcome(Answer):
    """What became of one document in a job."""

    id: str
    kind: Literal["inserted", "updated", "deleted", "kept", "filtered", "failed", "withheld"]
    warning: bool
    stage: str
    code: str
    message: str
    remedy: str


# --- documents ------------------------------------------------------------------------------------------------------


class Document(Answer):
    """One document of an index."""

    id: str
    index: str
    connector: str
    connector_id: str
    title: str
    url: str
    media_type: str
    metadata: dict[str, Any]
    allow: list[str]
    deny: list[str]
    chars: Count
    excerpt: str
    text: str | None = Field(None, description="When it was asked for.")
    version: str | None
    job: int
    checksum: str


class Chapter(Answer):
    """One line of a story. `at` is Unix seconds."""

    at: float | None
    job: int | None
    event: str
    detail: str
    code: str
    remedy: str


class Story(Answer):
    """Why a document is, or is not, in the index."""

    id: str
    connector: str
    index: str
    state: str
    summary: str
    history: list[Chapter]


class Stories(Answer):
    """One for each connector that knows the id."""

    id: str
    index: str
    stories: list[Story]


class Hit(Answer):
    """One result."""

    id: str
    title: str
    score: float
    snippet: str
    metadata: dict[str, Any]
    connector: str
    url: str


class FacetValue(Answer):
    """A value of a field, and how many of the matches have it."""

    value: Any
    count: Count


class Results(Answer):
    """Ranked results; `total` counts every match."""

    index: str
    total: Count
    results: list[Hit]
    facets: dict[str, list[FacetValue]] = Field(default_factory=dict, description="By field; when they were asked for.")


# --- sources, schedules, triggers ------------------------------------------------------------------------------------


class Source(Answer):
    """A source kind."""

    name: str
    title: str
    settings: dict[str, Any] | None = Field(description="JSON schema of its settings; secrets are writeOnly.")
    secrets: list[str]
    problem: str = Field(description="Why it cannot be used; empty when it can.")


class Schedule(Answer):
    """When a connector starts jobs by itself."""

    id: str
    connector: str
    name: str
    expression: str
    dialect: Literal["unix", "quartz", "aws"]
    zone: str
    description: str
    type: str
    misfire: str
    when_active: str
    jitter_s: float
    enabled: bool
    next_at: Time | None
    next_runs: list[Time]
    last_at: Time | None
    last_job: int | None
    revision: int
    created_at: Time | None
    updated_at: Time | None


class ScheduleTime(Answer):
    """One of the next times."""

    utc: Time
    local: str


class SchedulePreview(Answer):
    """What an expression means."""

    expression: str
    dialect: str
    zone: str
    description: str
    times: list[ScheduleTime]


class Trigger(Answer):
    """What starts jobs when something happens."""

    id: str
    connector: str
    kind: Literal["watch", "webhook", "after"]
    settings: dict[str, Any]
    enabled: bool
    last_at: Time | None
    last_job: int | None
    revision: int
    created_at: Time | None
    updated_at: Time | None


class TriggerMade(Trigger):
    """With the secret that was made for it, this once."""

    secret: str | None


class HookCalled(Answer):
    """The job that a signed call has started, or joined."""

    job: int
    job_id: str
    created: bool


# --- webhooks and keys ---------------------------------------------------------------------------------------------


class Webhook(Answer):
    """An address that is told of events."""

    id: str
    url: str
    description: str
    types: list[str]
    connectors: list[str] | None
    enabled: bool
    disabled_why: str
    failing_since: Time | None
    previous_secret_until: Time | None
    revision: int
    created_at: Time | None
    updated_at: Time | None


class WebhookMade(Webhook):
    """With its signing secret, this once."""

    secret: str


class Delivery(Answer):
    """One message for one webhook."""

    id: str
    webhook_id: str
    event: int | None
    type: str
    state: Literal["waiting", "delivered", "failed"]
    attempts: Count
    next_at: Time | None
    last_status: int | None
    last_error: str
    created_at: Time | None
    ended_at: Time | None


class Key(Answer):
    """Who may ask for what."""

    id: str
    name: str
    scopes: list[Literal["read", "write", "admin"]]
    indexes: list[str] | None
    created_at: Time | None
    last_used_at: Time | None
    revoked_at: Time | None


class KeyMade(Key):
    """With its secret, this once."""

    secret: str


# --- the server -------------------------------------------------------------------------------------------------------


class Health(Answer):
    """It is alive."""

    status: Literal["ok"]


class Readiness(Answer):
    """Whether it can work: "ok", or what is wrong with each part."""

    ready: bool
    checks: dict[str, str]


class Version(Answer):
    """What it is."""

    name: str
    version: str


def model(name: str) -> type[BaseModel]:
    """The type of that name: "Index", or "IndexPage" for a page of them. Raises KeyError."""
    found: type[BaseModel] | None = globals().get(name)
    if found is None:
        page: type[BaseModel] = Page.__class_getitem__(globals()[name.removesuffix("Page")])  # type: ignore[assignment]
        found = create_model(name, __base__=page, __doc__=Page.__doc__)
    return found
