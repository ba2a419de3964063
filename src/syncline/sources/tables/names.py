"""From a key to the id of a document, and back.

One column gives its own text: "42". Several are joined by commas: "42,en". What would be ambiguous is written with
percent signs, as in URLs: "%" itself, a comma inside a part of several, a part that is empty ("%"). An id that would
be too long for the ledger ends in a hash of the whole.
"""

from __future__ import annotations

from collections.abc import Sequence

import xxhash

from syncline.model.documents import MAX_ID_BYTES

_EMPTY = "%"
_HASHED = "%~"


def name_of(prefix: str, parts: Sequence[str]) -> str:
    """The id of the row with that key, given as text."""
    if len(parts) == 1:
        name = prefix + (parts[0].replace("%", "%25") or _EMPTY)
    else:
        name = prefix + ",".join([part.replace("%", "%25").replace(",", "%2C") or _EMPTY for part in parts])
    if "\0" in name:
        name = name.replace("\0", "%00")
    return name if len(name) * 4 <= MAX_ID_BYTES or len(name.encode()) <= MAX_ID_BYTES else _shortened(name)


def parts_of(prefix: str, id: str, count: int) -> list[str] | None:
    """The key of `count` columns behind an id; None when the id was shortened and does not hold it."""
    name = id[len(prefix) :]
    if _HASHED in name:
        return None
    return [_plain(part) for part in (name.split(",") if count > 1 else [name])]


def prefix_of(table: str, several: bool) -> str:
    """What the ids of a table begin with."""
    return table.replace("%", "%25").replace("/", "%2F") + "/" if several else ""


def _plain(part: str) -> str:
    if part == _EMPTY:
        return ""
    return part.replace("%00", "\0").replace("%2C", ",").replace("%25", "%") if "%" in part else part


def _shortened(name: str) -> str:
    kept = name.encode()[: MAX_ID_BYTES - 64].decode("utf-8", "ignore").rstrip("%")
    return f"{kept}{_HASHED}{xxhash.xxh3_128_hexdigest(name.encode())}"
