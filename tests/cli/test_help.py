"""Help teaches: every command has an example that can be typed, and a first sentence that stands alone."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import click
import pytest

from syncline.cli.root import SECTIONS, root


def all_commands(
    group: click.Group = root, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    ctx = click.Context(group)
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from all_commands(command, (*path, name))


COMMANDS = dict(all_commands())
LEAVES = {path: command for path, command in COMMANDS.items() if not isinstance(command, click.Group)}


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_says_what_it_does_in_one_sentence(path):
    text = COMMANDS[path].get_short_help_str(limit=1000)
    assert text.endswith(".")
    assert len(text) <= 80


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_command_has_examples_that_can_be_typed(path):
    assert LEAVES[path].examples
    for example in LEAVES[path].examples:
        words = shlex.split(example.partition(" | ")[0], comments=True)
        assert words[: len(path) + 1] == ["syncline", *path]
        ctx = click.Context(LEAVES[path], **LEAVES[path].context_settings)
        LEAVES[path].make_parser(ctx).parse_args(words[len(path) + 1 :])  # raises for options that do not exist


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_option_is_explained(path):
    for param in LEAVES[path].params:
        if isinstance(param, click.Option):
            assert param.help, param.name


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_shows_its_help(cli, path):
    for option in ("--help", "-h"):
        ran = cli(*path, option)
        assert (ran.code, ran.err) == (0, "")
        assert ran.out.startswith(f"Usage: syncline {' '.join(path)} ")
        assert "Also: --data-dir DIR, --server URL, --json" in ran.out


def test_the_top_lists_commands_by_section_and_the_exit_codes(cli):
    out = cli("--help").out
    positions = [out.index(f"{title}:") for title in (*SECTIONS, "Options", "Examples", "Exit codes", "Completion")]
    assert positions == sorted(positions)
    assert "  8    finished, but deletions are withheld" in out


@pytest.mark.parametrize("args", [[], ["job"], ["connector"], ["source"]])
def test_without_a_command_help_is_shown_as_a_usage_error(cli, args):
    ran = cli(*args)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("Usage: syncline")


def test_version_option(cli):
    from syncline import __version__

    assert cli("--version").out == cli("--no-color", "--version").out == f"syncline {__version__}\n"


def test_completion_is_clicks(monkeypatch, capsys):
    from syncline.cli.root import run

    monkeypatch.setenv("_SYNCLINE_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "syncline re")
    monkeypatch.setenv("COMP_CWORD", "1")
    with pytest.raises(SystemExit):
        run([])
    assert capsys.readouterr().out == "plain,rebuild-index\n"
