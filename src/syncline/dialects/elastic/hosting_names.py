"""Which indexes a name means: one of theirs or ours, a comma list, a pattern, everything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from syncline.dialects.elastic import indices, system
from syncline.dialects.elastic.query_globs import glob
from syncline.dialects.elastic.query_refusals import unsupported
from syncline.dialects.elastic.query_targets import IndexTarget, Target
from syncline.dialects.elastic.refusals import Refused, forbidden, illegal
from syncline.dialects.elastic.transport import Call
from syncline.model.indexes import Index
from syncline.wiring import Installation

FLAGS: Final = frozenset({"ignore_unavailable", "allow_no_indices", "expand_wildcards", "ignore_throttled"})
MOST: Final = 100
_WILDCARDS: Final = ("open", "closed", "hidden", "none", "all")


@dataclass(slots=True, frozen=True)
class Named:
    """One of the indexes that are meant. `index` None: a system index."""

    name: str
    index: Index | None


def index_missing(name: str) -> Refused:
    """There is no index of that name."""
    more: dict[str, Any] = {"resource.type": "index_or_alias", "resource.id": name, "index_uuid": "_na_", "index": name}
    return Refused(404, "index_not_found_exception", f"no such index [{name:.300}]", **more)


def check_seen(call: Call, name: str) -> None:
    """Raises Refused unless the key may use the index that clients call that."""
    if name not in system.NAMES:
        call.need_index(indices.ours(name))


def one(call: Call, room: Installation, name: str) -> Named:
    """The one index of that name. Raises Refused."""
    if name in system.NAMES:
        return Named(name, None)
    if "," in name or "*" in name:
        raise illegal(f"one index is needed, and [{name:.300}] means several")
    indices.check(name)
    check_seen(call, name)
    found = indices.find(room.control(), name)
    if found is None or indices.theirs(found) != name:
        raise index_missing(name)
    return Named(name, found)


def several(call: Call, room: Installation, said: str | None) -> list[Named]:
    """All that are meant; without a name all that the key may use. Raises Refused."""
    expressions = [part for part in (said or "_all").split(",") if part]
    if not expressions:
        raise illegal("an index must be named")
    soft, empty_ok, hidden = call.flag("ignore_unavailable"), call.flag("allow_no_indices", True), _hidden(call)
    found: dict[str, Named] = {}
    patterned = False
    for expression in expressions:
        if expression.startswith("<"):
            raise unsupported("date math in the name of an index")
        if expression.startswith("-") and patterned:
            like = glob(expression[1:])
            found = {name: one for name, one in found.items() if not like.fullmatch(name)}
        elif expression == "_all" or "*" in expression:
            patterned = True
            matched = _like(call, room, "*" if expression == "_all" else expression, hidden)
            if not matched and not empty_ok:
                raise index_missing(expression)
            found |= {each.name: each for each in matched}
        else:
            single = _single(call, room, expression, soft)
            if single is not None:
                found[single.name] = single
    if not found and not empty_ok:
        raise index_missing(said or "_all")
    if len(found) > MOST:
        raise illegal(f"[{said}] means {len(found)} indexes, and at most {MOST} can be searched at once")
    return list(found.values())


def _hidden(call: Call) -> bool:
    words = call.words("expand_wildcards") or ["open"]
    odd = next((word for word in words if word not in _WILDCARDS), None)
    if odd is not None:
        raise illegal(f"No valid expand wildcard value [{odd:.100}]")
    return "hidden" in words or "all" in words


def _single(call: Call, room: Installation, name: str, soft: bool) -> Named | None:
    try:
        return one(call, room, name)
    except Refused as refused:
        if soft and refused.status == 404:
            return None
        raise


def _like(call: Call, room: Installation, pattern: str, hidden: bool) -> list[Named]:
    like = glob(pattern)
    dotted = hidden or pattern.startswith(".")
    found = []
    for index in room.control().indexes():
        name = indices.theirs(index)
        if like.fullmatch(name) and (dotted or not name.startswith(".")) and call.caller.sees(index.name):
            found.append(Named(name, index))
    if pattern.startswith("."):
        found += [Named(name, None) for name in system.NAMES if name.endswith("-v1") and like.fullmatch(name)]
    return sorted(found, key=lambda each: each.name)


def target(call: Call, room: Installation, named: Named) -> Target:
    """It, to be searched."""
    if named.index is None:
        return system.target(call, room, named.name)
    return IndexTarget(room, named.index)


def targets(call: Call, room: Installation, said: str | None) -> Sequence[Target]:
    """All that are meant, to be searched."""
    return [target(call, room, named) for named in several(call, room, said)]


def ensure(call: Call, room: Installation, name: str) -> Named:
    """The one index of that name, made if there is none. Raises Refused."""
    if name in system.NAMES:
        return Named(name, None)
    indices.check(name)
    check_seen(call, name)
    found = indices.find(room.control(), name)
    if found is None:
        found = indices.ensure(room, name)
    if indices.theirs(found) != name:
        raise forbidden(f"the name [{name:.300}] is taken by the index [{indices.theirs(found)}]")
    return Named(name, found)
