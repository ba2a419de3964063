"""What people type, read: settings, filters, and the options that describe a source."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from syncline.model.search import Facet, Filter, Sort

F = TypeVar("F", bound=Callable[..., Any])

_CONDITION = re.compile(r"(?P<has>[\w.-]+)|(?P<field>[^=<>]+?)\s*(?P<op>>=|<=|=)\s*(?P<value>.*)", re.DOTALL)
_PART = re.compile(r'"([^"]*)"|([^,]+)')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_TEXT_FIELDS = frozenset({"connector", "id", "title", "media_type"})


def source_options(command: F) -> F:
    """--include, --exclude and the other settings of `sync` and `plan`."""
    for option in reversed(
        (
            click.option("--index", metavar="NAME", help="The index to keep in step.  [default: default]"),
            click.option("--full", is_flag=True, help="Read every document again, changed or not."),
            click.option("--include", multiple=True, metavar="PATTERN", help="Take only these files. Repeatable."),
            click.option("--exclude", multiple=True, metavar="PATTERN", help="Leave these files out. Repeatable."),
            click.option("--gitignore/--no-gitignore", default=None, help="Obey .gitignore files, or do not."),
            click.option("--follow-symlinks/--no-follow-symlinks", default=None, help="Go where links lead."),
            setting_option,
        )
    ):
        command = option(command)
    return command


setting_option = click.option(
    "--set",
    "pairs",
    multiple=True,
    metavar="KEY=VALUE",
    help="A setting of the source (see `syncline source show KIND`); [..] and {..} are read as JSON. Repeatable.",
)


def settings_of(
    pairs: Iterable[str],
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    gitignore: bool | None = None,
    follow_symlinks: bool | None = None,
) -> dict[str, Any] | None:
    """The settings that were given; None when none were, so that the remembered ones hold."""
    named = {
        "include": list(include) or None,
        "exclude": list(exclude) or None,
        "gitignore": gitignore,
        "follow_symlinks": follow_symlinks,
    }
    given = {key: value for key, value in named.items() if value is not None}
    return {**given, **parse_settings(pairs)} or None


def parse_settings(pairs: Iterable[str]) -> dict[str, Any]:
    """`key=value` each. A value stays text, which settings convert to their type, unless it looks like JSON's
    list, object or string. A key that is given twice is a list. Raises click.UsageError."""
    given: dict[str, list[Any]] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise click.BadParameter("a setting is given as KEY=VALUE", param_hint="--set")  # it may be a secret
        given.setdefault(key.strip(), []).append(_setting(key.strip(), value))
    return {key: values[0] if len(values) == 1 else values for key, values in given.items()}


def _setting(key: str, value: str) -> Any:
    if value[:1] not in ("[", "{", '"'):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError as error:
        told = f"the value of {key!r} begins like JSON and is none: {error.msg} at character {error.pos}"
        raise click.BadParameter(told, param_hint="--set") from None


def parse_filters(texts: Iterable[str]) -> list[Filter]:
    """`field=value`, `field=a,b`, `field>=low`, `field<=high`, or `field` for "has it". Raises click.UsageError."""
    return [_filter(text) for text in texts]


def _filter(text: str) -> Filter:
    from syncline.model.search import Filter

    match = _CONDITION.fullmatch(text.strip())
    if match is None:
        hint = "use field=value, field=a,b, field>=low, field<=high or field"
        raise click.BadParameter(f"cannot read {text!r}; {hint}", param_hint="--filter")
    field, op, value = match["field"] or match["has"], match["op"], match["value"]
    if op is None:
        return Filter(field, "exists")
    if op in (">=", "<="):
        bound = _bound(text, value)
        return Filter(field, "range", (bound, None) if op == ">=" else (None, bound))
    meanings = _meanings(value, text_only=field in _TEXT_FIELDS)
    return Filter(field, "eq", meanings[0]) if len(meanings) == 1 else Filter(field, "in", meanings)


def parse_sorts(texts: Iterable[str]) -> list[Sort]:
    """`field`, or `-field` for descending. Raises click.UsageError."""
    from syncline.model.search import Sort

    for text in texts:
        if not text.strip("- "):
            raise click.BadParameter(f"{text!r} names no field", param_hint="--sort")
    return [Sort(text.removeprefix("-").strip(), text.startswith("-")) for text in texts]


def parse_facets(texts: Iterable[str]) -> list[Facet]:
    """`field`, or `field=20` for so many values. Raises click.UsageError."""
    return [_facet(text) for text in texts]


def _facet(text: str) -> Facet:
    from syncline.model.search import Facet

    field, equals, limit = text.rpartition("=") if re.search(r"=[0-9]{1,5}\Z", text) else (text, "", "")
    if not field.strip():
        raise click.BadParameter(f"cannot read {text!r}; use field or field=20", param_hint="--facet")
    return Facet(field.strip(), int(limit)) if equals else Facet(field.strip())


def _bound(text: str, value: str) -> Any:
    if not value:
        raise click.BadParameter(f"{text!r} compares with nothing", param_hint="--filter")
    return json.loads(value) if _NUMBER.fullmatch(value) else value.strip('"')


def _meanings(value: str, text_only: bool) -> list[Any]:
    """What a typed value, or a list of them, may mean: the text and, when it reads as a number or true or false, that
    as well. Nobody at a command line can tell how the metadata was typed. A part in quotes is text only."""
    meanings: list[Any] = []
    for part in _PART.finditer(value):
        quoted, plain = part.groups()
        meanings.append(plain if quoted is None else quoted)
        if plain is not None and not text_only and (_NUMBER.fullmatch(plain) or plain in ("true", "false")):
            meanings.append(json.loads(plain))
    return meanings or [""]
