"""The README keeps its word."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from syncline.cli.root import root as command_line

Blocks = Callable[[str, str], list[str]]

INLINE = re.compile(r"`(syncline [^`\n]+)`")
MADE_UP = ("…", "...", "|")  # marks of a synopsis rather than of a command line


def test_the_first_two_lines_of_shell_do_all_the_set_up(readme: str, blocks: Blocks) -> None:
    first, second = blocks(readme, "sh")[0].splitlines()
    assert first.split(" && ") == [
        "python3 -m venv .venv",
        ".venv/bin/pip install -q '.[extract]'",
        ".venv/bin/syncline sync examples/handbook",
        '.venv/bin/syncline search "parental leave"',
    ]
    assert second.split(" && ") == [
        "python3 -m venv .venv",
        ".venv/bin/pip install -q -e '.[dev]'",
        ".venv/bin/python -m pytest -n 2",
    ]


def commands_in(text: str, blocks: Blocks) -> Iterator[str]:
    """Every call of syncline that a page shows."""
    for block in blocks(text, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            for part in line.split(" && "):
                _, is_call, call = (
                    part.rpartition("syncline ") if part.startswith((".venv", "syncline")) else ("", "", "")
                )
                if is_call:
                    yield call
    yield from (found.removeprefix("syncline ") for found in INLINE.findall(text))


def test_every_command_shown_on_a_page_exists(pages: dict[str, str], blocks: Blocks) -> None:
    faults = []
    for name, text in pages.items():
        if name.startswith("docs/decisions/") or name == "CHANGELOG.md":
            continue  # these tell of their day
        for call in commands_in(text, blocks):
            fault = None if any(mark in call for mark in MADE_UP) else fault_of(call)
            if fault:
                faults.append(f"{name}: syncline {call}: {fault}")
    assert not faults, "\n".join(faults)


def fault_of(call: str) -> str | None:
    """What is wrong with a command line, or None."""
    words = shlex.split(call, comments=True)
    command: click.Command = command_line
    context = click.Context(command_line)
    while words and isinstance(command, click.Group) and not words[0].startswith("-"):
        found = command.get_command(context, words[0])
        if found is None:
            return f"there is no command {words[0]!r}"
        command, words = found, words[1:]
    known = {name for each in command.params for name in (*each.opts, *each.secondary_opts)} | {"--help", "--version"}
    unknown = [word for word in words if re.match(r"--?[a-z]", word) and word.partition("=")[0] not in known]
    return f"there is no option {unknown[0]}" if unknown else None


def test_the_python_example_runs(
    readme: str, blocks: Blocks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "refunds.md").write_text("# Refunds\n\nOur refund policy is short.\n")
    example = blocks(readme, "python")[0]
    assert len(example.splitlines()) <= 10
    exec(compile(example, "README.md", "exec"), {})
    told = capsys.readouterr().out
    assert "succeeded" in told
    assert "refunds.md Refunds" in told


def test_the_source_in_the_readme_is_one(readme: str, blocks: Blocks) -> None:
    example = blocks(readme, "python")[1]
    assert len(example.splitlines()) <= 20
    names: dict[str, object] = {}
    exec(compile(example, "README.md", "exec"), names)
    assert names["notes"].kind.name == "notes"  # type: ignore[attr-defined]
