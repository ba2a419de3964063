"""docs/cli.md is current. `UPDATE_DOCS=1 pytest tests/cli/test_docs.py` writes it anew."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from syncline.cli import shapes
from syncline.cli.exits import Exit
from syncline.cli.root import root
from syncline.model.outcomes import Counters
from syncline.model.shapes import job_shape

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"


def exit_codes() -> str:
    rows = [f"| {code.value} | {code.meaning} |" for code in Exit]
    return "\n".join(["| code | meaning |", "|---|---|", *rows])


def commands(group: click.Group, parent: click.Context) -> Iterator[str]:
    for name in group.list_commands(parent):
        command = group.get_command(parent, name)
        assert command is not None
        settings = {**command.context_settings, "terminal_width": 100}
        with click.Context(command, parent=parent, info_name=name, **settings) as ctx:
            if isinstance(command, click.Group):
                yield from commands(command, ctx)
            else:
                yield f"### {ctx.command_path}\n\n```\n{command.get_help(ctx)}\n```\n"


def reference() -> str:
    settings = {**root.context_settings, "terminal_width": 100}
    with click.Context(root, info_name="syncline", **settings) as ctx:
        top = f"### syncline\n\n```\n{root.get_help(ctx)}\n```\n"
        return "\n".join([top, *commands(root, ctx)])


def with_part(page: str, name: str, part: str) -> str:
    """The page with the part between its two marks replaced."""
    pattern = rf"(<!-- begin {name}:[^\n]*-->\n).*?(<!-- end {name} -->)"
    return re.sub(pattern, lambda match: f"{match[1]}{part}\n{match[2]}", page, flags=re.DOTALL)


def test_the_generated_parts_are_current():
    page = PAGE.read_text("utf-8")
    wanted = with_part(with_part(page, "exit codes", exit_codes()), "commands", reference())
    if os.environ.get("UPDATE_DOCS"):
        PAGE.write_text(wanted, "utf-8")
    assert page == wanted or os.environ.get("UPDATE_DOCS"), "run UPDATE_DOCS=1 pytest tests/cli/test_docs.py"


def shape_after(heading: str) -> object:
    """The first JSON block after `heading`, as a value."""
    page = PAGE.read_text("utf-8")
    return json.loads(page[page.index(heading) :].partition("```json\n")[2].partition("\n```")[0])


def keys(value: object) -> list[str]:
    value = value[0] if isinstance(value, list) else value
    assert isinstance(value, dict)
    return list(value)


@pytest.mark.parametrize(
    ("heading", "made"),
    [
        ("`sync` (also", lambda make: make.result().as_dict()),
        ("`plan` and", lambda make: make.plan().as_dict()),
        ("\n`search`\n", lambda make: shapes.results_shape(make.results(1, [make.hit()]))),
        ("`why`. Two", lambda make: shapes.stories_shape("x", [make.story()])),
        ("`jobs` is a list", lambda make: job_shape(make.job(), "docs", 0.0)),
        ("`errors` is a list", lambda make: [shapes.error_shape(make.job(), "docs", make.failure())]),
        ("`connector list` is", lambda make: shapes.connector_shape(make.connector())),
        ("\n`verify`\n", lambda make: make.report().as_dict()),
    ],
)
def test_the_shapes_on_the_page_are_those_of_the_command(make, heading, made):
    assert keys(shape_after(heading)) == keys(made(make))


def test_the_page_names_every_counter():
    shown = shape_after("`sync` (also")
    assert set(Counters.NAMES) <= set(keys(shown))
