"""The fields of a configuration, rules and schedules: what bodies may say of them, and how they are stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from syncline.dialects.elastic import blank, words
from syncline.dialects.elastic.parsing import Check, Misfit, anything, date, each, flag, inner, maybe, small, text, word
from syncline.dialects.elastic.parsing import table as an_object
from syncline.model.schedules import Dialect, ScheduleInvalid
from syncline.scheduler import parse

DISPLAYS: Final = ("textbox", "textarea", "text", "numeric", "toggle", "dropdown")
TYPES: Final = ("str", "int", "list", "bool")
ALWAYS: Final = ("default_value", "label", "required", "sensitive", "value")


# --- configuration ----------------------------------------------------------------------------------------------------


def value(given: Any) -> Any:
    """A string, a number, a truth value, an object, or null."""
    if isinstance(given, list):
        raise Misfit(given)
    return given


def _scalar(given: Any) -> Any:
    if isinstance(given, dict | list):
        raise Misfit(given)
    return given


def _validation(given: Any) -> dict[str, Any]:
    said = an_object(given)
    if "type" not in said:
        raise Misfit(given, "Required [type]")
    type, constraint = said["type"], said.get("constraint")
    check = _CONSTRAINTS.get(type) if isinstance(type, str) else None
    if check is None:
        raise Misfit(given, f"Unknown validation type [{type!s:.100}]")
    if not check(constraint):
        raise Misfit(given, f"Unsupported constraint for validation type [{type}]")
    return {"constraint": constraint, "type": type}


def _is_number(said: Any) -> bool:
    return isinstance(said, int | float) and not isinstance(said, bool)


_CONSTRAINTS: Final[dict[str, Callable[[Any], bool]]] = {
    "less_than": _is_number,
    "greater_than": _is_number,
    "list_type": lambda said: said in ("int", "str"),
    "included_in": lambda said: isinstance(said, list) and not any(isinstance(one, dict | list) for one in said),
    "regex": lambda said: isinstance(said, str),
}

_FIELD: Final[dict[str, Check]] = {
    "category": maybe(text),
    "default_value": _scalar,
    "depends_on": maybe(each(inner("configuration_dependency", {"field": text, "value": _scalar}, ("field", "value")))),
    "display": maybe(word(DISPLAYS, "display type")),
    "label": text,
    "options": maybe(each(inner("configuration_select_option", {"label": text, "value": _scalar}, ("label", "value")))),
    "order": maybe(small),
    "placeholder": maybe(text),
    "required": maybe(flag),
    "sensitive": maybe(flag),
    "tooltip": maybe(text),
    "type": maybe(word(TYPES, "field type")),
    "ui_restrictions": maybe(each(text)),
    "validations": maybe(each(_validation)),
    "value": value,
}
_field: Final = inner("connector_configuration", _FIELD, ("label",))


def field(given: Any) -> dict[str, Any]:
    """One field as it is stored."""
    said = _field(given)
    kept = {
        "default_value": said.get("default_value"),
        "label": said["label"],
        "required": bool(said.get("required")),
        "sensitive": bool(said.get("sensitive")),
        "value": said.get("value"),
    }
    return kept | {name: one for name, one in said.items() if name not in ALWAYS and one is not None}


def configuration(given: Any) -> dict[str, Any]:
    """Every field of it."""
    fields = {}
    for name, one in an_object(given).items():
        try:
            fields[name] = field(one)
        except Misfit as misfit:
            why = misfit.why or f"doesn't support values of type {type(misfit.value).__name__}"
            raise Misfit(given, f"[{name:.100}]: {why}") from None
    return fields


def values(given: Any) -> dict[str, Any]:
    """Values by the name of their field; none is null."""
    said = {name: value(one) for name, one in an_object(given).items()}
    empty = [name for name, one in said.items() if one is None]
    if empty:
        raise Misfit(given, f"the value of [{empty[0]:.100}] cannot be null")
    return said


# --- filtering --------------------------------------------------------------------------------------------------------


def _snippet_value(given: Any) -> Any:
    if not isinstance(given, dict | list):
        raise Misfit(given, "[advanced_snippet] value must be an object or an array")
    return given


VALIDATION: Final = inner(
    "filtering_validation",
    {
        "errors": each(
            inner("filtering_validation_error", {"ids": each(text), "messages": each(text)}, ("ids", "messages"))
        ),
        "state": word(words.VALIDATION_STATES, "filtering validation state"),
    },
    ("errors", "state"),
)


def rule_at(now: str) -> Check:
    """One rule; the times that are not given are now."""
    read = inner(
        "connector_filtering_rule",
        {
            "created_at": maybe(date), "field": text, "id": text, "order": small, "value": text,
            "policy": word(words.POLICIES, "filtering policy"), "rule": word(words.RULES, "filtering rule"),
            "updated_at": maybe(date),
        },
        ("id", "policy", "field", "rule", "value", "order"),
    )  # fmt: skip

    def checked(given: Any) -> dict[str, Any]:
        said = read(given)
        return said | {name: said.get(name) or now for name in ("created_at", "updated_at")}

    return checked


def snippet_at(now: str) -> Check:
    """An advanced snippet; the times that are not given are now."""
    fields: dict[str, Check] = {"created_at": maybe(date), "updated_at": maybe(date), "value": _snippet_value}
    read = inner("connector_filtering_advanced_snippet", fields, ("value",))

    def checked(given: Any) -> dict[str, Any]:
        said = read(given)
        return said | {name: said.get(name) or now for name in ("created_at", "updated_at")}

    return checked


def filtering_at(now: str) -> Check:
    """The whole of it, as a list of domains."""
    rules = inner(
        "connector_filtering_rules",
        {"advanced_snippet": snippet_at(now), "rules": each(rule_at(now)), "validation": VALIDATION},
        ("advanced_snippet", "rules", "validation"),
    )
    read = each(
        inner("connector_filtering", {"active": rules, "domain": anything, "draft": rules}, ("active", "draft"))
    )
    return lambda given: [{**one, "domain": "DEFAULT"} for one in read(given)]


def with_default_rule(rules: Sequence[dict[str, Any]], now: str) -> list[dict[str, Any]]:
    """The rules in their order, and behind them the one that takes everything else."""
    given = sorted((one for one in rules if one["id"] != blank.DEFAULT_RULE), key=lambda one: int(one["order"]))
    default = next((one for one in rules if one["id"] == blank.DEFAULT_RULE), None)
    created = now if default is None else default["created_at"]
    return [*given, blank.default_rule(created, now, given[-1]["order"] + 1 if given else 0)]


# --- schedules, features, pipelines -----------------------------------------------------------------------------------


def interval(given: Any) -> str:
    """A Quartz expression."""
    said = text(given)
    try:
        parse(said, Dialect.QUARTZ)
    except ScheduleInvalid as error:
        raise Misfit(given, f"invalid cron expression [{said:.100}]: {error.message}") from None
    return said


SCHEDULING: Final = inner(
    "connector_scheduling",
    {
        name: inner("schedule_config", {"enabled": flag, "interval": interval}, ("enabled", "interval"))
        for name in blank.SCHEDULES
    },
)
_ENABLED: Final = inner("connector_feature_enabled", {"enabled": flag}, ("enabled",))
FEATURES: Final = inner(
    "connector_features",
    {
        "document_level_security": maybe(_ENABLED),
        "incremental_sync": maybe(_ENABLED),
        "native_connector_api_keys": maybe(_ENABLED),
        "sync_rules": maybe(inner("sync_rules_feature", {"advanced": maybe(_ENABLED), "basic": maybe(_ENABLED)})),
    },
)
PIPELINE: Final = inner(
    "connector_ingest_pipeline",
    {"extract_binary_content": flag, "name": text, "reduce_whitespace": flag, "run_ml_inference": flag},
    ("extract_binary_content", "name", "reduce_whitespace", "run_ml_inference"),
)
