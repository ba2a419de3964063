"""What is published of the format is current. `UPDATE_DOCS=1 pytest tests/declaration/test_docs.py` writes it anew."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from syncline.cli.apply import _shape
from syncline.service.declaration.applying import carry_out, plan
from syncline.service.declaration.shape import schema

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "declaring.md"
SCHEMA = ROOT / "docs" / "syncline.schema.json"
EXAMPLE = ROOT / "examples" / "syncline.yaml"
ORDER = {
    "The file": None,
    "An index": "IndexEntry",
    "A connector": "ConnectorEntry",
    "`guard`": "GuardEntry",
    "A schedule": "ScheduleEntry",
    "A trigger": "TriggerEntry",
    "`watch`": "WatchEntry",
    "`after`": "AfterEntry",
    "`webhook`, as a trigger": "WebhookTriggerEntry",
    "A webhook": "WebhookEntry",
}


def reference(found: dict[str, Any]) -> str:
    return "\n".join(
        part for title, name in ORDER.items() for part in section(title, found["$defs"][name] if name else found, found)
    )


def section(title: str, definition: dict[str, Any], found: dict[str, Any]) -> Iterator[str]:
    yield f"### {title}\n\n{definition['description']}\n\n| field | usual value | what it says |\n| --- | --- | --- |"
    for name, field in definition["properties"].items():
        needed = name in definition.get("required", ())
        usual = field.get("default")
        shown = "**needed**" if needed else "" if usual in (None, "", []) else f"`{json.dumps(usual)}`"
        examples = ", ".join(f"`{example}`" for example in field.get("examples", ()))
        words = f"{field['description']} E.g. {examples}." if examples else field["description"]
        choices = ", ".join(f"`{one}`" for one in choices_of(field, found))
        yield f"| `{name}` | {shown} | {words}{f' One of {choices}.' if choices else ''} |"
    yield ""


def choices_of(node: Any, found: dict[str, Any]) -> Iterator[str]:
    """What may be said there, when it is one of a few words."""
    yield from node.get("enum", ())
    for inner in (*node.get("anyOf", ()), *([node["items"]] if "items" in node else [])):
        yield from choices_of(inner, found)
    name = node.get("$ref", "").rpartition("/")[2]
    if name in ("Dialect", "Misfire", "Overlap"):
        yield from choices_of(found["$defs"][name], found)


def current(path: Path, wanted: str) -> bool:
    if os.environ.get("UPDATE_DOCS"):
        path.write_text(wanted, "utf-8")
    return path.read_text("utf-8") == wanted


def test_the_published_schema_is_current():
    assert current(SCHEMA, json.dumps(schema(), indent=2) + "\n"), (
        "run UPDATE_DOCS=1 pytest tests/declaration/test_docs.py"
    )


def test_the_reference_is_current():
    page = PAGE.read_text("utf-8")
    pattern = r"(<!-- begin reference:[^\n]*-->\n).*?(<!-- end reference -->)"
    wanted = re.sub(pattern, lambda match: f"{match[1]}{reference(schema())}{match[2]}", page, flags=re.DOTALL)
    assert current(PAGE, wanted), "run UPDATE_DOCS=1 pytest tests/declaration/test_docs.py"


def test_every_table_and_every_field_of_the_format_is_explained():
    found = schema()
    ours = {name: definition for name, definition in found["$defs"].items() if "." not in name}  # not those of a kind
    assert set(ours) - set(ORDER.values()) <= {"Dialect", "Misfire", "Overlap"}
    for name, definition in {"": found, **ours}.items():
        for field, described in definition.get("properties", {}).items():
            assert described.get("description"), f"{name}.{field}"


def test_the_example_is_applied_as_it_is(place, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("ZONE", raising=False)
    applied = carry_out(place.installation, plan(place.installation, str(EXAMPLE), environ={}))
    assert applied.failed == []
    assert place.state()["connector", ("handbook",)]["settings.path"] == str(ROOT / "examples" / "handbook")
    assert plan(place.installation, str(EXAMPLE), environ={}).steps == []


def test_the_shape_on_the_page_is_the_one_of_the_command(place):
    text = PAGE.read_text("utf-8")
    shown = json.loads(text[text.index("## For programs") :].partition("```json\n")[2].partition("\n```")[0])
    place.apply("version: 1\nconnectors: {a: {kind: push}}")
    made = _shape(place.apply("version: 1\nconnectors: {b: {kind: push}}"), False)
    assert list(shown) == list(made)
    assert list(shown["steps"][0]) == list(made["steps"][0])
    assert list(shown["left_alone"][0]) == list(made["left_alone"][0])


def test_the_schema_knows_what_is_needed_and_refuses_what_is_not_known():
    found = schema()
    connector = found["$defs"]["ConnectorEntry"]
    assert (connector["additionalProperties"], connector["required"], found["required"]) == (
        False,
        ["kind"],
        ["version"],
    )
    folder = next(one for one in connector["allOf"] if one["if"]["properties"]["kind"]["const"] == "folder")
    settings = folder["then"]["properties"]["settings"]
    assert (settings["additionalProperties"], settings["required"]) == (False, ["path"])


def test_where_a_number_or_a_word_is_needed_a_reference_may_stand():
    found = schema()["$defs"]
    outside = {"type": "string", "pattern": r"\$\{"}
    for table, field in (("GuardEntry", "max_deletes"), ("ConnectorEntry", "paused"), ("ScheduleEntry", "type")):
        assert outside in found[table]["properties"][field]["anyOf"]
