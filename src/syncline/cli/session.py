"""One run of the command: what the global options said, where output goes, and the door to the API."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, cast

import click

if TYPE_CHECKING:
    from syncline.api import Syncline
    from syncline.wiring import Installation


def open_api(data_dir: str | None) -> Syncline:
    """The real thing; tests put something else in its place."""
    from syncline.api import Syncline

    return Syncline(data_dir)


def open_server(url: str, key: str | None) -> Syncline:
    """A server in the place of a data directory: the same methods."""
    from syncline.remote.api import Remote

    return cast("Syncline", Remote(url, key))


@dataclass(slots=True)
class Session:
    """Results go to stdout, everything else to stderr. `json` None: JSON unless stdout is a terminal."""

    data_dir: str | None = None
    json: bool | None = None
    quiet: bool = False
    verbose: bool = False
    no_color: bool = False
    debug: bool = False
    server: str | None = None
    open: Callable[[str | None], Syncline] = open_api

    def api(self) -> Syncline:
        """The data directory or the server, opened; close it by leaving its `with`."""
        server = self.server or os.environ.get("SYNCLINE_SERVER")
        if server and (self.server or not self.data_dir):
            return open_server(server, os.environ.get("SYNCLINE_KEY"))
        return self.open(self.data_dir)

    def installation(self) -> Installation:
        """The data directory, for what the Python API leaves out: keys, the server. Close it. Raises click.UsageError
        with --server."""
        from syncline.wiring import Installation

        if self.server:
            told = "this works on a data directory: leave --server out, and run it where the server runs"
            raise click.UsageError(told, click.get_current_context(silent=True))
        return Installation(self.data_dir or os.environ.get("SYNCLINE_DATA_DIR") or ".syncline")

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
        from shlex import quote

        if self.server is not None:
            return f"syncline {words} --server {quote(self.server)}"
        if self.data_dir is None:
            return f"syncline {words}"
        return f"syncline {words} --data-dir {quote(self.data_dir)}"


def is_terminal(stream: IO[str] | None) -> bool:
    """False also for a stream that is closed or was never there."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False
