"""What must be done about one piece of news, given what the ledger holds. Pure functions only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from itertools import repeat
from typing import NamedTuple

from syncline.model.documents import Held, State
from syncline.model.news import SAME, Entry

RULE_MARK = "="  # begins the recipe of a ledger row that a rule of the source keeps out

NEW = "new"
CHANGED = "version changed"
UNSETTLED = "version cannot be trusted: compared by content"
RECIPE = "transforms changed"
FORCED = "every document is read again"
FAILED_BEFORE = "failed before: tried again"
UNFILTERED = "no rule keeps it out any more"


class Step(Enum):
    """What to do with a listed document before anything is fetched."""

    KEEP = "keep"
    KEEP_FILTERED = "keep filtered"
    FETCH = "fetch"


class Write(Enum):
    """What to do with a fetched document before anything is transformed."""

    INSERT = "insert"
    UPDATE = "update"
    REFRESH = "refresh"  # same content under a newer version: only the ledger learns of it


def listed(version: str | None, held: Held | None, recipe: str, force: bool) -> tuple[Step, str]:
    """Whether a listed document must be fetched, and why."""
    if held is None:
        return Step.FETCH, NEW
    if force:
        return Step.FETCH, FORCED
    if held.state == State.FAILED:
        return Step.FETCH, FAILED_BEFORE
    if held.recipe != recipe:
        return Step.FETCH, UNFILTERED if held.recipe.startswith(RULE_MARK) else RECIPE
    if version is None or held.version is None:
        return Step.FETCH, UNSETTLED
    if version not in (held.version, SAME):
        return Step.FETCH, CHANGED
    return (Step.KEEP_FILTERED if held.state == State.FILTERED else Step.KEEP), ""


class Need(NamedTuple):
    """A listed document that must be fetched, and why."""

    entry: Entry
    held: Held | None
    reason: str


_need = tuple.__new__


class Sorted(NamedTuple):
    """A page of a listing, decided: ledger rows to keep, and documents to fetch."""

    kept: list[int]
    filtered: list[int]
    needs: list[Need]


def page(entries: Sequence[Entry], held: Mapping[str, Held], recipe: str, force: bool) -> Sorted:
    """`listed` for a whole page. What is plainly unchanged, nearly everything nearly always, is told by comparing
    tuples, without a call for each document."""
    if not held:
        return Sorted([], [], list(map(_need, repeat(Need), zip(entries, repeat(None), repeat(NEW), strict=False))))
    result = Sorted([], [], [])
    kept, find, live = result.kept.append, held.get, int(State.LIVE)
    for entry in entries:
        id, version, _ = entry
        row = find(id)
        if (
            row is not None
            and not force
            and row[5] == live
            and row[4] == recipe
            and row[2] is not None
            and (row[2] == version or version == SAME)
        ):
            kept(row[0])
            continue
        step, reason = listed(version, row, recipe, force)
        if row is None or step is Step.FETCH:
            result.needs.append(Need(entry, row, reason))
        else:
            (result.kept if step is Step.KEEP else result.filtered).append(row.seq)
    return result


def content(fingerprint: bytes, held: Held | None, recipe: str) -> Write:
    """What must be written, once the content is at hand."""
    if held is None or held.state != State.LIVE:
        return Write.INSERT
    if held.fingerprint == fingerprint and held.recipe == recipe:
        return Write.REFRESH
    return Write.UPDATE


def rule_recipe(rule: str) -> str:
    """The recipe under which the ledger remembers a document that `rule` keeps out."""
    return RULE_MARK + rule


def still_filtered(rule: str, held: Held | None) -> bool:
    """True when the ledger already knows that this rule keeps the document out."""
    return held is not None and held.state == State.FILTERED and held.recipe == rule_recipe(rule)
