"""One run of the command: what the global options said, where output goes, and the door to the API."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from syncline.api import Syncline


def open_api(data_dir: str | None) -> Syncline:
    """The real thing; tests put something else in its place."""
    from syncline.api import Syncline

    return Syncline(data_dir)


@dataclass(slots=True)
class Session:
    """Results go to stdout, everything else to stderr. `json` None: JSON unless stdout is a terminal."""

    data_dir: str | None = None
    json: bool | None = None
    quiet: bool = False
    verbose: bool = False
    no_color: bool = False
    debug: bool = False
    open: Callable[[str | None], Syncline] = open_api

    def api(self) -> Syncline:
        """The data directory, opened; close it by leaving its `with`."""
        return self.open(self.data_dir)

    @property
    def as_json(self) -> bool:
        """True when results are for a program."""
        return not is_terminal(sys.stdout) if self.json is None else self.json

    @property
    def errors_as_json(self) -> bool:
        """True when errors are for a program too: asked for, or no terminal at either end."""
        return self.as_json and (self.json is True or not is_terminal(sys.stderr))

    @property
    def live(self) -> bool:
        """True when somebody watches: stderr is a terminal that can move its cursor."""
        return not self.quiet and is_terminal(sys.stderr) and os.environ.get("TERM") != "dumb"

    @property
    def color(self) -> bool | None:
        """False: never. None: when the stream is a terminal."""
        return False if self.no_color or os.environ.get("NO_COLOR") else None

    def emit(self, value: Any) -> None:
        """One JSON value to stdout: a line for programs, indented on a terminal. ASCII, so that no text inside it can
        steer a terminal."""
        import json

        click.echo(json.dumps(value, indent=2 if is_terminal(sys.stdout) else None))

    def say(self, text: str = "") -> None:
        """A line of a result, for people, to stdout. The text is styled and already clean."""
        click.echo(text, color=self.color)

    def note(self, text: str) -> None:
        """A line beside the result, to stderr; silent with --quiet."""
        if not self.quiet:
            click.echo(text, err=True, color=self.color)

    def command(self, words: str) -> str:
        """`syncline WORDS` as it must be typed to reach the same data directory."""
        if self.data_dir is None:
            return f"syncline {words}"
        from shlex import quote

        return f"syncline {words} --data-dir {quote(self.data_dir)}"


def is_terminal(stream: IO[str] | None) -> bool:
    """False also for a stream that is closed or was never there."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False
