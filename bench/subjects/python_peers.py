"""Python libraries that keep an index or a table in step with files, each in a virtual environment of its own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache

from bench.environment import child_environment
from bench.measure import Measured, run
from bench.peers.install import PEERS, Peer, interpreter, is_installed
from bench.subjects.base import Checked, Phase, Role, differences


class PythonPeer:
    """One driver of bench/peers, run by the interpreter of its environment."""

    role = Role.PEER

    def __init__(self, peer: Peer, folder: str) -> None:
        self.name = peer.name
        self._peer = peer
        self._folder = folder

    def missing(self) -> str | None:
        """Its environment has not been made, or was made from other pins."""
        if is_installed(self._peer, self._folder):
            return None
        return f"not installed (python -m bench --install-peers {self.name})"

    def version(self) -> str:
        """Of the distribution that is compared."""
        return _version(interpreter(self._peer, self._folder), self._peer.distribution)

    def prepare(self, state: str) -> None:
        """Its first run makes what it needs."""

    def command(self, tree: str, state: str) -> list[str]:
        """The driver, told to run."""
        return [*self._driver(), "run", tree, state]

    def environment(self) -> dict[str, str]:
        """With this package on its path, for the driver."""
        return child_environment(finds_bench=True)

    def check(self, phase: Phase, done: Measured, state: str, expected: Mapping[str, int]) -> Checked:
        """The driver counts what lies in its store."""
        found = run([*self._driver(), "count", "", state], self.environment())
        if found.code:
            return Checked({}, [f"verification failed: {found.complaint()}"])
        counts = found.json()
        return Checked(counts, differences(expected, counts), done.json().get("inner_s"))

    def _driver(self) -> list[str]:
        return [interpreter(self._peer, self._folder), "-m", f"bench.peers.{self._peer.driver}"]


@cache
def _version(python: str, distribution: str) -> str:
    ask = "import sys, importlib.metadata as m; print(m.version(sys.argv[1]))"
    return f"{distribution} {run([python, '-c', ask, distribution], child_environment()).stdout.strip()}"


def python_peers(folder: str) -> list[PythonPeer]:
    """All of them, installed or not; `folder` is where their environments lie."""
    return [PythonPeer(peer, os.path.abspath(folder)) for peer in PEERS]
