"""How errors are told: one JSON object for programs, a line and a remedy for people, never a traceback unasked."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import click

from syncline.cli import exits
from syncline.cli.exits import Exit
from syncline.cli.session import Session
from syncline.cli.text import clean, indented


def report(error: BaseException, session: Session, args: Sequence[str] = ()) -> int:
    """Tell `error` on stderr and return the exit code it stands for."""
    if isinstance(error, BrokenPipeError):
        return _hang_up()
    if session.debug:
        _show_traceback(error)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True, color=session.color)
        return Exit.USAGE
    if isinstance(error, click.UsageError) and session.json is None:  # the command line was not read to its end
        session.json = next((word == "--json" for word in reversed(args) if word in ("--json", "--human")), None)
    told, code = _describe(error)
    tell(told, session)
    return code


def tell(error: Mapping[str, Any], session: Session) -> None:
    """An error in the shape of SynclineError.as_dict(), to stderr."""
    if session.errors_as_json:
        import json

        click.echo(json.dumps({"error": error}, default=str), err=True)
        return
    if error.get("code") == "interrupted":
        session.note(f"\n{error['message']}")
        return
    lines = [click.style("error: ", fg="red", bold=True) + indented(str(error.get("message", "")))]
    if error.get("remedy"):
        lines.append(click.style("  remedy: ", fg="cyan") + indented(str(error["remedy"])))
    if error.get("code") not in (None, "", "usage"):
        lines.append(click.style(f"  code: {clean(str(error['code']))}", dim=True))
    click.echo("\n".join(lines), err=True, color=session.color)


def _describe(error: BaseException) -> tuple[dict[str, Any], Exit]:
    from syncline.model.errors import SynclineError

    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return _shape("interrupted", "config", str(error) or "interrupted", "", "you"), Exit.INTERRUPTED
    if isinstance(error, SynclineError):
        return error.as_dict(), exits.of_error(error)
    if isinstance(error, click.UsageError):
        return _usage(error), Exit.USAGE
    if isinstance(error, click.ClickException):
        return _shape("error", "config", error.format_message(), "", "you"), Exit.ERROR
    message = f"internal error: {type(error).__name__}: {error}"
    remedy = "Please report this with what the same command says with --debug."
    return _shape("internal", "internal", message, remedy, "syncline"), Exit.ERROR


def _usage(error: click.UsageError) -> dict[str, Any]:
    path = error.ctx.command_path if error.ctx else "syncline"
    message = error.format_message().rstrip(".")
    return _shape("usage", "config", f"{message[:1].lower()}{message[1:]}", f"See `{path} --help`.", "you")


def _shape(code: str, category: str, message: str, remedy: str, mender: str) -> dict[str, Any]:
    return {"code": code, "category": category, "message": message, "remedy": remedy, "mender": mender}


def _show_traceback(error: BaseException) -> None:
    import traceback

    click.echo("".join(traceback.format_exception(error)), err=True, nl=False)


def _hang_up() -> int:
    """The reader of stdout has gone: say nothing, now or when Python flushes on its way out."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return Exit.PIPE_CLOSED
