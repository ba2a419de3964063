"""`syncline source list|show|test`: kinds of source, their settings, and the laws a source keeps."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

import click

from syncline.cli.commands import Group
from syncline.cli.exits import Exit
from syncline.cli.inputs import parse_settings, setting_option
from syncline.cli.session import Session
from syncline.cli.text import clean, count, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncline.testing.conformance import Check


@click.group(cls=Group)
def source() -> None:
    """Look at the kinds of source, and test one of your own.

    KIND is a name from `syncline source list`, an import path module:name, or a file ./my_source.py:name.
    """


@source.command("list", examples=["syncline source list"])
@click.pass_obj
def list_(session: Session) -> None:
    """List the kinds of source that are built in or installed."""
    from syncline.sources.registry import available

    found = available()
    if session.as_json:
        session.emit([{"name": k.name, "title": k.title, "where": k.where, "problem": k.problem} for k in found])
        return
    from syncline.cli.tables import Cell, show_table

    rows = [(Cell(k.name, "bold"), k.title, k.where, Cell(k.problem, "red")) for k in found]
    show_table(session, ["kind", "title", "where", "problem"], rows)


@source.command(examples=["syncline source show folder", "syncline source show folder --json    # its JSON schema"])
@click.argument("kind")
@click.pass_obj
def show(session: Session, kind: str) -> None:
    """Show the settings of a kind of source."""
    from syncline.sources.registry import find

    found = find(kind)
    schema = found.load_config().model_json_schema()
    if session.as_json:
        session.emit(schema)
        return
    session.say(f"{click.style(clean(found.name), bold=True)}  {one_line(found.title)}")
    if schema.get("description"):
        session.say(f"  {one_line(schema['description'])}")
    session.say()
    show_settings(session, schema)


@source.command(
    examples=[
        "syncline source test folder --set path=./docs",
        "syncline source test ./my_source.py:tickets --set key=x",
    ]
)
@click.argument("kind")
@setting_option
@click.pass_obj
def test(session: Session, kind: str, pairs: tuple[str, ...]) -> int:
    """Try a source against the laws of sources; exit code 1 if it breaks one."""
    from syncline.testing.conformance import check_source

    settings = parse_settings(pairs)
    with redirect_stdout(sys.stderr):  # a source may print; stdout belongs to the result
        checks = check_source(kind, settings)
    ok = all(check.passed for check in checks)
    if session.as_json:
        told = [{"name": c.name, "law": c.law, "passed": c.passed, "detail": c.detail} for c in checks]
        session.emit({"kind": kind, "ok": ok, "checks": told})
    else:
        _show_checks(session, checks)
    return Exit.DONE if ok else Exit.ERROR


def show_settings(session: Session, schema: Mapping[str, Any]) -> None:
    """A table of the settings in a JSON schema."""
    from syncline.cli.tables import Cell, show_table

    needed = schema.get("required", [])
    rows: list[list[str | Cell]] = []
    for name, field in schema.get("properties", {}).items():
        default = Cell("required", "yellow") if name in needed else _default(field)
        rows.append([Cell(name, "bold"), type_words(field, schema), default, one_line(field.get("description", ""))])
    if not rows:
        session.say("it takes no settings")
        return
    show_table(session, ["setting", "type", "default", "meaning"], rows)


def _default(field: Mapping[str, Any]) -> str:
    value = field.get("default")
    return "" if value is None or value == "" else json.dumps(value, ensure_ascii=False)


_TYPES = {
    "string": "text",
    "integer": "whole number",
    "boolean": "true | false",
    "null": "nothing",
    "object": "table",
}


def type_words(field: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """The type of a field of a JSON schema in a few words: "list of text", "number or nothing"."""
    if "$ref" in field:
        name = str(field["$ref"]).rpartition("/")[2]
        return type_words(schema.get("$defs", {}).get(name, {}), schema)
    for alternatives in ("anyOf", "oneOf", "allOf"):
        if alternatives in field:
            return " or ".join(dict.fromkeys(type_words(each, schema) for each in field[alternatives]))
    if "enum" in field or "const" in field:
        return " | ".join(str(value) for value in field.get("enum", [field.get("const")]))
    if field.get("format") == "password" or field.get("writeOnly"):
        return "secret"
    if field.get("type") == "array":
        return f"list of {type_words(field.get('items', {}), schema)}"
    named = str(field.get("type", "anything"))
    return _TYPES.get(named, named)


def _show_checks(session: Session, checks: Sequence[Check]) -> None:
    from syncline.cli.tables import Cell, show_table

    rows = []
    for check in checks:
        verdict = Cell("kept", "green") if check.passed else Cell("broken", "red")
        rows.append((verdict, check.name, check.law, check.detail))
    show_table(session, ["verdict!", "check", "law", "detail"], rows)
    broken = sum(not check.passed for check in checks)
    session.say(f"{count(len(checks), 'law')} tried, {broken} broken" if broken else f"all {len(checks)} laws are kept")
