"""Names of indexes: Elasticsearch allows more of them than Syncline, so some are kept under another name here.

A name that both allow is the same on both sides. Another one becomes the nearest that we allow with a few digits of its
hash, always the same ones; the index remembers what it is called there.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from syncline.dialects.elastic.refusals import Refused
from syncline.dialects.names import LONGEST, index_name
from syncline.model.indexes import Index
from syncline.service import indexes
from syncline.store.relational.control import Control
from syncline.wiring import Installation

EXTRAS: Final = "elastic"  # of an index: {"name": what it is called there}
ODD_CHARACTERS: Final = ("\\", "/", "*", "?", '"', "<", ">", "|", " ", ",", "#", ":")
LONGEST_BYTES: Final = 255
_OURS: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def fault_of(name: str) -> str | None:
    """What is wrong with the name of an index, as the end of a sentence; None when it may be called that."""
    if not name:
        return "must not be empty"
    odd = [character for character in ODD_CHARACTERS if character in name]
    if odd:
        return f"must not contain the following characters {list(ODD_CHARACTERS)}"
    if name[0] in "_-+":
        return "must not start with '_', '-', or '+'"
    if name in (".", ".."):
        return "must not be '.' or '..'"
    if len(name.encode("utf-8", "replace")) > LONGEST_BYTES:
        return f"index name is too long, ({len(name.encode('utf-8', 'replace'))} > {LONGEST_BYTES})"
    return "must be lowercase" if name.lower() != name else None


def check(name: str) -> None:
    """Raises Refused ("invalid_index_name_exception") unless an index may be called that."""
    fault = fault_of(name)
    if fault is not None:
        reason = f"Invalid index name [{name:.300}], {fault}"
        raise Refused(400, "invalid_index_name_exception", reason, index=name, index_uuid="_na_")


def ours(name: str) -> str:
    """What we call the index of that name."""
    if _OURS.fullmatch(name):
        return name
    digits = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:8]
    return f"{index_name(name, ())[: LONGEST - 9].rstrip('-_')}-{digits}"


def theirs(index: Index) -> str:
    """What clients call it."""
    said = index.extras.get(EXTRAS, {}).get("name")
    return said if isinstance(said, str) and ours(said) == index.name else index.name


def find(control: Control, name: str) -> Index | None:
    """The index that clients call that; None when there is none."""
    if fault_of(name) is not None:
        return None
    return control.index(ours(name))


def ensure(room: Installation, name: str) -> Index:
    """The index that clients call that, made if there is none. Raises Refused for a name that cannot be."""
    check(name)
    control = room.control()
    with control.writing("ensure_index"):
        found = control.index(ours(name))
        if found is None:
            found = indexes.add(room, ours(name))
        if found.name != name and theirs(found) != name:
            found.extras = {**found.extras, EXTRAS: {**found.extras.get(EXTRAS, {}), "name": name}}
            control.update_index(found, room.clock())
            found = control.index(found.name)
    assert found is not None
    return found
