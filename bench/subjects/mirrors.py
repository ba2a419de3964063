"""rsync and rclone: mirrors of a folder. They index nothing; they show what plain copying costs."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping

from bench.environment import child_environment
from bench.floors import walk
from bench.markers import counted
from bench.measure import Measured
from bench.subjects.base import Checked, Phase, Role, differences

_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "rsync": ("-a", "--delete"),
    "rclone": ("sync", "--config", os.devnull),
}


class Mirror:
    """One of the two tools, keeping a second folder in step."""

    role = Role.PEER

    def __init__(self, name: str) -> None:
        self.name = name

    def missing(self) -> str | None:
        """Not on the search path."""
        return None if shutil.which(self.name) else f"not installed (apt-get install {self.name})"

    def version(self) -> str:
        """Name and number."""
        ask = "version" if self.name == "rclone" else "--version"
        said = subprocess.run([self.name, ask], capture_output=True, text=True)
        number = next((word for word in said.stdout.split() if word.lstrip("v")[:1].isdigit()), "?")
        return f"{self.name} {number.lstrip('v')}"

    def prepare(self, state: str) -> None:
        """The folder to fill."""
        os.makedirs(os.path.join(state, "copy"), exist_ok=True)

    def command(self, tree: str, state: str) -> list[str]:
        """The same command in every phase."""
        return [self.name, *_OPTIONS[self.name], tree + "/", os.path.join(state, "copy") + "/"]

    def environment(self) -> dict[str, str]:
        """Only what a user has."""
        return child_environment()

    def check(self, phase: Phase, done: Measured, state: str, expected: Mapping[str, int]) -> Checked:
        """Read the copy."""
        counts = counted(_read(path) for path, _ in walk(os.path.join(state, "copy")))
        return Checked(counts, differences(expected, counts))


def _read(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()
