"""Who takes part in the file benchmark: Syncline, two floors, two mirrors and four Python libraries."""

from __future__ import annotations

from bench.subjects.base import Checked, Phase, Role, Subject, differences
from bench.subjects.floors import Floor
from bench.subjects.mirrors import Mirror
from bench.subjects.ours import SynclineCli
from bench.subjects.python_peers import python_peers

__all__ = ["Checked", "Phase", "Role", "Subject", "all_subjects", "differences"]

QUICK = ("syncline", "floor-walk", "floor-read", "rsync", "rclone")


def all_subjects(peers_folder: str) -> list[Subject]:
    """In the order of the report."""
    return [
        SynclineCli(),
        Floor("walk"),
        Floor("read"),
        Mirror("rsync"),
        Mirror("rclone"),
        *python_peers(peers_folder),
    ]
