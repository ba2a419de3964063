"""The kinds of command: each takes the global options, before or after its name, and teaches by example."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import click
from click.core import ParameterSource

from syncline.cli.session import Session

EVERYWHERE = "Also: --data-dir DIR, --server URL, --json, --human, -q, -v, --no-color, --debug (see `syncline --help`)"

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

# Words of neighbouring tools, and what they are here.
OTHER_WORDS = {
    "cancel": "job stop",
    "check": "verify",
    "delete": "connector remove",
    "diff": "plan",
    "dry-run": "plan",
    "explain": "why",
    "find": "search",
    "fsck": "verify",
    "history": "jobs",
    "list": "connector list",
    "logs": "job logs",
    "ls": "connector list",
    "query": "search",
    "reindex": "rebuild-index",
    "run": "sync",
    "status": "jobs",
    "stop": "job stop",
}


class GlobalOption(click.Option):
    """An option of the whole command; listed once, in `syncline --help`."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        return super().get_help_record(ctx) if ctx.parent is None else None


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    name = param.name or ""
    if ctx.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
        return
    if name == "data_dir" and not value:
        raise click.BadParameter("must not be empty.", ctx, param)
    setattr(ctx.ensure_object(Session), name, value)


def global_options() -> list[click.Parameter]:
    """A fresh set of the options every command takes."""

    def option(*names: str, help: str, **more: Any) -> GlobalOption:
        return GlobalOption(names, help=help, expose_value=False, is_eager=True, callback=_remember, **more)

    return [
        option(
            "--data-dir",
            metavar="DIR",
            help="Where all state lives.  [env: SYNCLINE_DATA_DIR; default: .syncline]",
        ),
        option(
            "--server",
            metavar="URL",
            help="Ask a running server instead; its key is in SYNCLINE_KEY.  [env: SYNCLINE_SERVER]",
        ),
        option(
            "--json/--human",
            "json",
            default=None,
            help="JSON or a page for people.  [default: JSON unless stdout is a terminal]",
        ),
        option("-q", "--quiet", is_flag=True, help="No progress, no summary, no hints; only results and errors."),
        option("-v", "--verbose", is_flag=True, help="Progress in lines when stderr is not a terminal."),
        option("--no-color", is_flag=True, help="No colours.  [env: NO_COLOR]"),
        option("--debug", is_flag=True, help="Show the traceback of an error, for a bug report."),
    ]


class _Taught(click.Command):
    """What commands and groups have in common: global options and examples."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **more: Any) -> None:
        super().__init__(*args, **{"context_settings": dict(CONTEXT), **more})
        self.examples = examples
        self.params.extend(global_options())

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Examples, word for word, and a pointer to the global options."""
        if self.examples:
            with formatter.section("Examples"):
                for line in self.examples:
                    formatter.write(f"{'':{formatter.current_indent}}{line}\n")
        if ctx.parent is not None:
            formatter.write_paragraph()
            formatter.write(f"{EVERYWHERE}\n")


class Command(_Taught):
    """A command. `examples` are shown at the end of its help."""


class Group(_Taught, click.Group):
    """A group of commands that answers a mistyped name with the nearest right one."""

    command_class = Command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, with a better error."""
        name = args[0]
        if not ctx.resilient_parsing and not name.startswith("-") and self.get_command(ctx, name) is None:
            raise click.UsageError(f"no such command {name!r}{self._hint(ctx, name)}", ctx)
        return super().resolve_command(ctx, args)

    def _hint(self, ctx: click.Context, name: str) -> str:
        from difflib import get_close_matches

        known = self.list_commands(ctx)
        near = get_close_matches(name, known, n=1)
        if near:
            return f"; did you mean {near[0]!r}?"
        if ctx.parent is None and name in OTHER_WORDS:
            return f"; did you mean {OTHER_WORDS[name]!r}?"
        if ctx.parent is None and os.path.exists(name):
            return f"; did you mean 'sync {name}'?"
        return f"; there are {', '.join(known)}" if ctx.parent is not None else ""
