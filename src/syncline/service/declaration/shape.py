"""What can be declared, as one set of types: parsing, validation, messages, JSON schema and reference come from them.

Only what a file may say is known here. Whether a source kind exists, its settings fit, or an expression can run is
asked of those who know it, in `declared.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from syncline.model.events import EVENT_TYPES
from syncline.model.schedules import Dialect, Misfire, Overlap
from syncline.model.triggers import ENDS, SETTLE_S
from syncline.service.declaration.files import Path, Yaml, dotted

SCHEMA_ID: Final = "https://json-schema.org/draft/2020-12/schema"

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?")

JobTypeName = Literal["auto", "full", "incremental", "access_control"]
EndType = Literal[ENDS]  # type: ignore[valid-type]
EventType = Literal[EVENT_TYPES]  # type: ignore[valid-type]


def seconds(value: Any) -> Any:
    """ "90s", "1.5h", "200ms", or a number of seconds, as seconds. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError("must be a length of time")
    match = _DURATION.fullmatch(str(value).strip())
    if match is None:
        raise ValueError("must be a length of time")
    return float(match[1]) * _UNITS[match[2] or "s"]


def spelled(duration_s: float) -> str | float:
    """The same length of time as people write it: "90s", "2h"."""
    for unit in ("d", "h", "m"):
        if duration_s and duration_s % _UNITS[unit] == 0:
            return f"{duration_s / _UNITS[unit]:g}{unit}"
    return f"{duration_s:g}s" if seconds(f"{duration_s:g}s") == duration_s else duration_s


Duration = Annotated[float, BeforeValidator(seconds, json_schema_input_type=str | float), Field(ge=0, le=86_400)]


def _none_is_empty(value: Any) -> Any:
    return {} if value is None else value


class _Entry(BaseModel):
    """One table of the file. What is not known is refused; what a message quotes is chosen elsewhere."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class IndexEntry(_Entry):
    """An index: a set of documents that can be searched."""

    description: str = Field("", description="What it is for, for people.")
    destination: str = Field(
        "embedded",
        min_length=1,
        examples=["embedded", "postgresql"],
        description="Where its documents land: a name of `syncline index kinds`, or module:name. Never changes.",
    )
    settings: Annotated[dict[str, Any], BeforeValidator(_none_is_empty)] = Field(
        default_factory=dict, description="Settings of the destination; see `syncline index kinds --json`."
    )


class GuardEntry(_Entry):
    """How many deletions one job may make before they wait for approval. They wait when both limits are passed."""

    max_deletes: int = Field(100, ge=0, description="Deletions in one job, in number.")
    max_percent: float = Field(25.0, ge=0, le=100, description="Deletions in one job, in percent of what it holds.")


class ScheduleEntry(_Entry):
    """When a connector starts jobs by itself."""

    cron: str = Field(
        min_length=1,
        examples=["0 3 * * *", "@daily", "rate(15 minutes)"],
        description="When: five fields as in a crontab, six or seven with seconds first, or cron(), rate() and at().",
    )
    name: str = Field("", description="What tells it from other schedules of the connector.")
    zone: str = Field("UTC", examples=["Europe/Berlin"], description="Time zone of the expression, an IANA name.")
    dialect: Dialect | None = Field(None, description="Whose words the expression is in; told by its form if left out.")
    type: JobTypeName = Field("auto", description="Type of the jobs it starts; auto is whatever suits.")
    misfire: Misfire = Field(Misfire.RUN_ONCE, description="What becomes of due times that nobody was there for.")
    when_active: Overlap = Field(Overlap.SKIP, description="What becomes of a due time while a job still runs.")
    jitter: Duration = Field(0.0, examples=["5m"], description="A run begins up to so much later than it is due.")
    enabled: bool = Field(True, description="False: it starts nothing.")


class WatchEntry(_Entry):
    """Start a job when files of the folder have changed."""

    settle: Duration = Field(SETTLE_S, examples=["2s"], description="How long it must be quiet before the job starts.")
    max_wait: Duration | None = Field(
        None,
        examples=["30s"],
        description="The job waits no longer than that; 30 s, or as long as `settle`, if left out.",
    )


class AfterEntry(_Entry):
    """Start a job when a job of another connector has ended."""

    connector: str = Field(min_length=1, description="Name of the other connector.")
    on: list[EndType] = Field(
        default_factory=lambda: ["succeeded"], min_length=1, description="The ends that it follows."
    )


class WebhookTriggerEntry(_Entry):
    """Start a job when an address of this server is called, by somebody who knows the secret."""

    secret: str = Field(
        examples=["${HOOK_SECRET}"],
        description="What calls are signed with: whsec_ and 24 to 64 bytes in base64.",
    )
    name: str = Field("", max_length=200, description="What tells it from other webhook triggers of the connector.")


def _tabled(value: Any) -> Any:
    """ "watch", {"watch": null} and {"watch": {}} say the same; so do {"after": x} and {"after": {"connector": x}}."""
    if isinstance(value, str):
        value = {value: None}
    if not isinstance(value, dict):
        return value
    table = {name: {} if item is None and name in ("watch", "webhook") else item for name, item in value.items()}
    if isinstance(table.get("after"), str):
        table["after"] = {"connector": table["after"]}
    return table


class TriggerEntry(_Entry):
    """What else starts a job of the connector. Exactly one of watch, after and webhook."""

    watch: WatchEntry | None = Field(None, description="Start a job when files of the folder have changed.")
    after: Annotated[
        AfterEntry | None, BeforeValidator(lambda value: value, json_schema_input_type=str | AfterEntry)
    ] = Field(None, description="Start a job when one of another connector has ended.")
    webhook: WebhookTriggerEntry | None = Field(None, description="Start a job when an address is called.")
    enabled: bool = Field(True, description="False: it starts nothing.")


def _scheduled(value: Any) -> Any:
    """One schedule or a list of them, each a table or only its expression, as a list of tables."""
    if value is None:
        return []
    entries = value if isinstance(value, list) else [value]
    return [{"cron": entry} if isinstance(entry, (str, int, float)) else entry for entry in entries]


def _listed(value: Any) -> Any:
    return [] if value is None else [_tabled(entry) for entry in (value if isinstance(value, list) else [value])]


def _tables(value: Any) -> Any:
    """A map whose entries may be left empty."""
    return {name: {} if item is None else item for name, item in value.items()} if isinstance(value, dict) else value


Schedules = Annotated[
    list[ScheduleEntry],
    BeforeValidator(_scheduled, json_schema_input_type=str | ScheduleEntry | list[str | ScheduleEntry]),
]
Triggers = Annotated[
    list[TriggerEntry],
    BeforeValidator(_listed, json_schema_input_type=list[Literal["watch"] | TriggerEntry]),
]


class ConnectorEntry(_Entry):
    """A connector: a source with its settings, the index it feeds, and what starts its jobs."""

    kind: str = Field(
        min_length=1,
        examples=["folder", "./tickets.py:tickets"],
        description="Source kind: a name of `syncline source list`, module:name, or FILE.py:name beside this file.",
    )
    index: str = Field("default", min_length=1, description="The index it feeds.")
    description: str = Field("", description="What it is for, for people.")
    paused: bool = Field(False, description="True: schedules and triggers start no jobs; people still may.")
    settings: Annotated[dict[str, Any], BeforeValidator(_none_is_empty)] = Field(
        default_factory=dict, description="Settings of the source; see `syncline source show KIND`."
    )
    guard: Annotated[GuardEntry, BeforeValidator(_none_is_empty)] = Field(
        default_factory=lambda: GuardEntry.model_validate({}),
        description="How many deletions one job may make before they wait for approval.",
    )
    schedule: Schedules = Field(default_factory=list, description="When it starts jobs: one schedule, or a list.")
    triggers: Triggers = Field(default_factory=list, description="What else starts its jobs.")


class WebhookEntry(_Entry):
    """An address of somebody else that is told of events. It is known by its URL."""

    url: str = Field(min_length=1, examples=["https://example.com/hooks/syncline"], description="Where to send them.")
    types: list[EventType] = Field(default_factory=list, description="The events it is told of; empty: all.")
    connectors: list[str] | None = Field(None, description="The connectors it is told of; left out: all.")
    description: str = Field("", description="What it is for, for people.")
    enabled: bool = Field(True, description="False: it is told of nothing.")
    secret: str | None = Field(
        None,
        examples=["${WEBHOOK_SECRET}"],
        description="What messages are signed with: whsec_ and 24 to 64 bytes in base64. One is made if left out.",
    )


class Declaration(_Entry):
    """Everything a Syncline installation is to hold, as declared in syncline.yaml."""

    version: Literal[1] = Field(description="Version of this format.")
    indexes: Annotated[dict[str, IndexEntry], BeforeValidator(_tables)] = Field(
        default_factory=dict, description="Indexes by name. Those that connectors feed need not be listed."
    )
    connectors: Annotated[dict[str, ConnectorEntry], BeforeValidator(_tables)] = Field(
        default_factory=dict, description="Connectors by name."
    )
    webhooks: list[WebhookEntry] = Field(default_factory=list, description="Who is told of events.")


# --- what is wrong, in plain words ------------------------------------------------------------------------------------

_TOLD: Final[Mapping[str, tuple[str, str]]] = {
    "missing": ("is missing", ""),
    "int_parsing": ("must be a whole number", ""),
    "int_type": ("must be a whole number", ""),
    "int_from_float": ("must be a whole number", ""),
    "float_parsing": ("must be a number", ""),
    "float_type": ("must be a number", ""),
    "bool_parsing": ("must be true or false", ""),
    "bool_type": ("must be true or false", ""),
    "string_type": ("must be text", "Put it in quotes."),
    "string_too_short": ("must not be empty", ""),
    "string_too_long": ("must have at most {max_length} characters", ""),
    "too_short": ("must not be empty", ""),
    "list_type": ("must be a list", "Begin each entry with a dash."),
    "dict_type": ("must be a table of names and values", "Write `name: value` lines, set in."),
    "model_type": ("must be a table of names and values", "Write `name: value` lines, set in."),
    "greater_than_equal": ("must be at least {ge:g}", ""),
    "less_than_equal": ("must be at most {le:,g}", ""),
    "literal_error": ("must be {expected}", ""),
    "enum": ("must be {expected}", ""),
}
_REMEDIES: Final = {
    "version": "Write `version: 1` at the top of the file.",
    "a length of time": "Write it like 500ms, 30s, 5m, 2h or 1d.",
}


def parsed(values: Any) -> tuple[Declaration | None, list[tuple[Path, str, str, bool]]]:
    """(the declaration, nothing) or (None, what is wrong as (path, message, remedy, whether the key is meant))."""
    try:
        return Declaration.model_validate({} if values is None else _version_as_number(values)), []
    except ValidationError as error:
        return None, [_told(fault, values) for fault in error.errors(include_url=False, include_input=False)]


def _version_as_number(values: Any) -> Any:
    """`version: "1"` and `version: 1.0` mean the same."""
    if isinstance(values, dict) and values.get("version") in ("1", "1.0", 1.0):
        return {**values, "version": 1}
    return values


def _told(fault: Any, values: Any) -> tuple[Path, str, str, bool]:
    path = _written_path(fault["loc"], values)
    if fault["type"] == "extra_forbidden":
        known = list(_known_names(fault["loc"][:-1]))
        near = get_close_matches(str(path[-1]), known, n=1)
        remedy = f"Did you mean {near[0]!r}?" if near else f"Known here: {', '.join(known)}."
        return path, "is not known here", remedy, True
    message, remedy = _TOLD.get(fault["type"], ("", ""))
    if not message:
        message = str(fault["msg"]).removeprefix("Value error, ").replace("Input should", "should", 1)
    message = message.format(**fault.get("ctx", {}))
    duration = "a length of time"
    if message.endswith(duration):
        remedy = _REMEDIES[duration]
    return path, message, _REMEDIES.get(dotted(path), remedy), False


def _written_path(loc: Path, values: Any) -> Path:
    """Where the file has it: a single schedule stands there without a list around it."""
    path: list[str | int] = []
    for part in loc:
        if isinstance(part, int) and not isinstance(values, list):
            continue
        path.append(part)
        try:
            values = values[part]
        except (TypeError, KeyError, IndexError):
            values = None
    return tuple(path)


def _known_names(loc: Path) -> Iterator[str]:
    """The names that are known in the table at `loc`."""
    at: Any = Declaration
    for part in loc:
        is_model = isinstance(at, type) and issubclass(at, BaseModel)
        at = at.model_fields[str(part)].annotation if is_model else get_args(at)[-1]
        if get_origin(at) not in (dict, list):  # what may also be left out
            at = next((one for one in get_args(at) if one is not type(None)), at)
    yield from at.model_fields


def faulted(read: Yaml, told: list[tuple[Path, str, str, bool]]) -> None:
    """Add them to the faults of the file."""
    read.faults += [read.fault(path, message, remedy, at_key=at_key) for path, message, remedy, at_key in told]


# --- the JSON schema --------------------------------------------------------------------------------------------------

_FROM_OUTSIDE: Final = {"type": "string", "pattern": r"\$\{"}


def schema() -> dict[str, Any]:
    """The JSON schema of a declaration, for editors. Wherever not just any text may stand, `${NAME}` may, too; the
    settings of built-in source kinds are checked as well."""
    from syncline.sources.registry import BUILT_IN, find

    made = _lenient(Declaration.model_json_schema(mode="validation"))
    definitions = made["$defs"]
    definitions["ConnectorEntry"]["allOf"] = [
        {
            "if": {"properties": {"kind": {"const": name}}, "required": ["kind"]},
            "then": {"properties": {"settings": _settings_schema(name, find(name).load_config(), definitions)}},
        }
        for name in sorted(BUILT_IN)
    ]
    from syncline.destinations import kinds

    definitions["IndexEntry"]["allOf"] = [
        {
            "if": {"properties": {"destination": {"const": name}}, "required": ["destination"]},
            "then": {
                "properties": {"settings": _settings_schema(f"to.{name}", kinds.find(name).load_config(), definitions)}
            },
        }
        for name in sorted(kinds.BUILT_IN)
    ]
    for table in ("indexes", "connectors"):
        entry = made["properties"][table]["additionalProperties"]
        made["properties"][table]["additionalProperties"] = {"anyOf": [entry, {"type": "null"}]}
    return {"$schema": SCHEMA_ID, "title": "syncline.yaml", **{k: v for k, v in made.items() if k != "title"}}


def _settings_schema(kind: str, model: type[BaseModel], definitions: dict[str, Any]) -> dict[str, Any]:
    """The settings of one kind. Its own definitions are moved to all the others, under the name of the kind."""
    made: dict[str, Any] = _lenient(model.model_json_schema(ref_template=f"#/$defs/{kind}.{{model}}"))
    definitions.update({f"{kind}.{name}": inner for name, inner in made.pop("$defs", {}).items()})
    return made


def _lenient(node: Any) -> Any:
    if isinstance(node, list):
        return [_lenient(item) for item in node]
    if not isinstance(node, dict):
        return node
    made = {name: _lenient(item) for name, item in node.items() if not (name == "title" and isinstance(item, str))}
    if made.get("type") in ("integer", "number", "boolean") or "enum" in made:
        limits = {name: made.pop(name) for name in list(made) if name not in ("description", "default", "examples")}
        made["anyOf"] = [limits, dict(_FROM_OUTSIDE)]
    return made
