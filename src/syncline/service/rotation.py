"""Rotation: a new key for all sealed secrets, beside whatever else runs on the data directory.

    new key, durable ─▶ all sealed anew, in one transaction ─▶ a pause ─▶ traces swept ─▶ stragglers, old key removed

A process that dies anywhere on this way leaves secrets that open, with the old key or with the new one, and the next
rotation goes on from there. Whoever has read a row before the transaction has the pause for opening it. Whoever seals
and stores in one transaction cannot be late; whoever does not is a straggler, looked for before the old key goes.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from syncline.model.errors import CredentialsInvalid, DataDirectoryError, NotFound
from syncline.store.relational.sealed import PASSING, Holder, Sealed
from syncline.store.secrets import NEW_VARIABLE, VARIABLE, Rotation
from syncline.wiring import Installation

PAUSE_S = 2.0


class Rotating(DataDirectoryError):
    """Another process rotates the keys of this data directory."""

    code = "secret.rotating"
    default_remedy = "Wait for it to end."


@dataclass(slots=True)
class Rotated:
    """What a rotation has done.

    rows         how many rows were sealed anew, by table.
    by_variable  the new key is the one in SYNCLINE_NEW_SECRET_KEY, not one in the file of the data directory.
    swept        nothing sealed by the old key is left in any file.
    """

    rows: dict[str, int]
    by_variable: bool
    swept: bool

    @property
    def next_step(self) -> str:
        """What is left to do for people; empty when nothing is."""
        if not self.by_variable:
            return ""
        return (
            f"Set {VARIABLE} to the new key wherever Syncline runs, unset {NEW_VARIABLE}, and start the server again."
        )

    def as_dict(self) -> dict[str, Any]:
        """The contract of `secrets rotate --json`."""
        return {
            "resealed": self.rows,
            "key": "variable" if self.by_variable else "file",
            "old_data_erased": self.swept,
            "next_step": self.next_step,
        }


def _pause() -> None:
    time.sleep(PAUSE_S)


def rotate(installation: Installation, *, pause: Callable[[], None] = _pause) -> Rotated:
    """Seal every secret with a new key, and remove the old one. Raises Rotating, NotFound, and CredentialsInvalid:
    "secret.unreadable" (then nothing is changed), "secret.no_new_key", "secret.same_key", "secret.key_unusable"."""
    if not installation.exists:
        raise NotFound(f"there is nothing in {installation.data_dir}", remedy="Check --data-dir.")
    lease = installation.lease("secrets")
    if not lease.acquire():
        raise Rotating(f"another process rotates the keys of {installation.data_dir}")
    try:
        return _rotate(installation, pause)
    finally:
        lease.release()


def _rotate(installation: Installation, pause: Callable[[], None]) -> Rotated:
    control = installation.control()
    sealed = Sealed(control)
    with control.writing("reseal"):  # the key is made within: whoever seals in a transaction sees it before or after
        rotation = Rotation(installation.vault)
        rows = _reseal(sealed, rotation)
    pause()
    while True:
        swept = sealed.sweep()
        installation.crash("rotation.swept")
        with control.writing("remove_key"):
            late = _reseal(sealed, rotation)
            if not late:  # nothing to commit, so the key can go while nobody else writes
                rotation.finish()
                return Rotated(dict(rows), rotation.by_variable, swept)
        rows += late


def _reseal(sealed: Sealed, rotation: Rotation) -> Counter[str]:
    rows: Counter[str] = Counter()
    for holder in sealed.holders():
        try:
            settings = rotation.resealed(holder.owner, holder.settings)
        except CredentialsInvalid as error:
            if holder.table not in PASSING:
                raise _unreadable(holder, error) from error
            sealed.forget(holder)
            continue
        if settings != holder.settings:
            sealed.replace(holder, settings)
            rows[holder.table] += 1
    return rows


def _unreadable(holder: Holder, error: CredentialsInvalid) -> CredentialsInvalid:
    return CredentialsInvalid(
        f"nothing was changed: a secret of {holder.id!r} ({holder.table}) cannot be read",
        code=error.code,
        remedy=f"Give its key, in {VARIABLE} or in secret.key; or set the secret again, or remove what holds it.",
    )
