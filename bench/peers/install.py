"""Virtual environments of the Python peers: one for each, made by plain pip from pinned requirements."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import NamedTuple

from bench.environment import child_environment

_PINS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "requirements")


class Peer(NamedTuple):
    """`name` in reports, `driver` module in bench.peers, `distribution` whose version is reported."""

    name: str
    driver: str
    distribution: str


PEERS = (
    Peer("langchain", "langchain_files", "langchain"),
    Peer("dlt", "dlt_files", "dlt"),
    Peer("llamaindex", "llamaindex_files", "llama-index-core"),
    Peer("cocoindex", "cocoindex_files", "cocoindex"),
)

LIBRARIES = (  # compared elsewhere than with files
    Peer("s3fs", "", "s3fs"),
    Peer("dlt-tables", "dlt_tables", "dlt"),
    Peer("sling", "sling_tables", "sling"),
)
EVERY = (*PEERS, *LIBRARIES)


def interpreter(peer: Peer, folder: str) -> str:
    """The Python of its environment."""
    return os.path.join(folder, peer.name, "bin", "python")


def is_installed(peer: Peer, folder: str) -> bool:
    """True when its environment was finished, and from the pins of today."""
    try:
        with open(_note(peer, folder), encoding="utf-8") as note:
            return note.read() == _pins(peer)
    except FileNotFoundError:
        return False


def install(peer: Peer, folder: str) -> None:
    """Make its environment anew. Raises CalledProcessError when pip fails."""
    home = os.path.join(folder, peer.name)
    shutil.rmtree(home, ignore_errors=True)
    environment = child_environment()
    subprocess.run([sys.executable, "-m", "venv", home], env=environment, check=True)
    python = interpreter(peer, folder)
    subprocess.run([python, "-m", "pip", "install", "-q", "-r", _requirements(peer)], env=environment, check=True)
    with open(_note(peer, folder), "w", encoding="utf-8") as note:  # last: an environment without it is unfinished
        note.write(_pins(peer))


def install_peers(names: list[str], folder: str) -> int:
    """Those named, or all, that are not installed yet. Returns an exit code: 1 when one could not be."""
    unknown = set(names) - {peer.name for peer in EVERY}
    if unknown:
        print(f"no such peer: {', '.join(sorted(unknown))}; there are {', '.join(peer.name for peer in EVERY)}")
        return 2
    failed = 0
    for peer in EVERY:
        if names and peer.name not in names:
            continue
        failed += not _install_one(peer, folder)
    return 1 if failed else 0


def _install_one(peer: Peer, folder: str) -> bool:
    if is_installed(peer, folder):
        print(f"{peer.name}: already installed")
        return True
    print(f"{peer.name}: installing ...", flush=True)
    try:
        install(peer, folder)
    except subprocess.CalledProcessError as error:
        print(f"{peer.name}: failed ({error})")
        return False
    return True


def _requirements(peer: Peer) -> str:
    return os.path.join(_PINS, f"{peer.name}.txt")


def _pins(peer: Peer) -> str:
    with open(_requirements(peer), encoding="utf-8") as pins:
        return pins.read()


def _note(peer: Peer, folder: str) -> str:
    return os.path.join(folder, peer.name, "installed-from.txt")
