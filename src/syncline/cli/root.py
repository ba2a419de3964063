"""The top of the command: which commands there are, where each lives, and how a run ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, cast

import click

from syncline import __version__
from syncline.cli.commands import Group
from syncline.cli.exits import Exit
from syncline.cli.session import Session

SECTIONS: Mapping[str, Mapping[str, str]] = {
    "Everyday": {
        "sync": "syncline.cli.sync:sync",
        "search": "syncline.cli.search:search",
        "plan": "syncline.cli.plan:plan",
        "why": "syncline.cli.why:why",
    },
    "Jobs": {
        "jobs": "syncline.cli.jobs:jobs",
        "job": "syncline.cli.job:job",
        "errors": "syncline.cli.errors:errors",
    },
    "Indexes, connectors and sources": {
        "index": "syncline.cli.indexes:index",
        "connector": "syncline.cli.connectors:connector",
        "source": "syncline.cli.sources:source",
    },
    "Server": {
        "serve": "syncline.cli.serve:serve",
        "apply": "syncline.cli.apply:apply",
        "keys": "syncline.cli.keys:keys",
        "secrets": "syncline.cli.secrets:secrets",
    },
    "Care": {
        "approve": "syncline.cli.approve:approve",
        "verify": "syncline.cli.care:verify",
        "rebuild-index": "syncline.cli.care:rebuild_index",
        "init": "syncline.cli.care:init",
        "version": "syncline.cli.care:version",
    },
}
HOMES = {name: home for section in SECTIONS.values() for name, home in section.items()}


class Root(Group):
    """The top group. A command's module is imported when the command is used or listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(HOMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in HOMES:
            return None
        module, _, attribute = HOMES[cmd_name].partition(":")
        return cast(click.Command, getattr(import_module(module), attribute))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Commands first, by section; then the options."""
        self.format_commands(ctx, formatter)
        click.Command.format_options(self, ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, section in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, self._short_help(ctx, name)) for name in section])

    def _short_help(self, ctx: click.Context, name: str) -> str:
        command = self.get_command(ctx, name)
        return command.get_short_help_str(limit=80) if command else ""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_epilog(ctx, formatter)
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code.value), code.meaning) for code in Exit])
        with formatter.section("Completion"):
            formatter.write_text(
                'eval "$(_SYNCLINE_COMPLETE=bash_source syncline)" in ~/.bashrc; zsh_source and fish_source likewise.'
            )


@click.group(
    cls=Root,
    examples=[
        "syncline sync ./docs                # make the index agree with the folder",
        'syncline search "refund policy"     # ranked results',
        "syncline why refunds.md             # the whole story of one document",
    ],
)
@click.version_option(__version__, prog_name="syncline", message="%(prog)s %(version)s")
def root() -> None:
    """Keep a searchable index in step with the places documents come from."""


def run(args: Sequence[str], session: Session | None = None) -> int:
    """Run one command line and return its exit code. Nothing is raised but SystemExit, and no traceback is shown."""
    if "_SYNCLINE_COMPLETE" in os.environ:
        root.main(list(args), prog_name="syncline")
    session = session or Session()
    _tolerate_odd_characters()
    try:
        return _invoke(args, session)
    except (Exception, KeyboardInterrupt) as error:
        from syncline.cli.failures import report

        return report(error, session, args)


def _invoke(args: Sequence[str], session: Session) -> int:
    """A command returns its exit code, or None for 0."""
    try:
        with root.make_context("syncline", list(args), obj=session) as ctx:
            code: Any = root.invoke(ctx)
    except click.exceptions.Exit as exit:
        return exit.exit_code
    return int(code or 0)


def _tolerate_odd_characters() -> None:
    """A name that the terminal's encoding lacks is shown escaped; it is no reason to fail."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
