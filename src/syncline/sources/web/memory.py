"""What one listing leaves to the next: of each page how to ask whether it has changed, what it was, and its links.

A page that answers "not modified" comes without a body, so its links must be known; and what a page linked to that
cannot be read for a while is visited all the same. So the whole graph is kept: URLs once each, links as numbers, equal
sets of links once. Links beyond MAX_LINKS in all are not kept; such a page is read in full every time.
"""

from __future__ import annotations

import base64
import json
import sys
import zlib
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

FORMAT: Final = 1
MAX_LINKS: Final = 4_000_000
MAX_UNPACKED: Final = 256 << 20


@dataclass(slots=True)
class Record:
    """One page as it was last read.

    digest     changes when its document does; "" when it was never read.
    etag, modified  what to ask with; "" when it must be read in full.
    rule, code      what keeps it out of the index; "" when it is a document.
    canonical       where it says that it really is; "" when there.
    language        as the page says.
    links           those that are followed; None when they were not kept.
    closed          it has never been let us in, and so leads nowhere that we know of.
    """

    digest: str = ""
    etag: str = ""
    modified: str = ""
    rule: str = ""
    code: str = ""
    canonical: str = ""
    language: str = ""
    links: tuple[str, ...] | None = ()
    closed: bool = False

    @property
    def is_document(self) -> bool:
        """Whether it was taken."""
        return bool(self.digest) and not self.rule


class Remembered(NamedTuple):
    """`settings` is a fingerprint: records made under others say nothing about what would be found now. `rest` is small
    JSON of whoever packed it."""

    settings: str
    records: dict[str, Record]
    rest: dict[str, Any]


def pack(remembered: Remembered, max_links: int = MAX_LINKS) -> dict[str, Any]:
    """As JSON of two members."""
    records = remembered.records
    numbers = {url: number for number, url in enumerate(records)}
    sets: dict[tuple[str, ...], int] = {}
    column: list[int] = []
    room = max_links
    for record in records.values():
        links = record.links
        if links is None or (links not in sets and len(links) > room):
            column.append(-1)
        else:
            if links not in sets:
                room -= len(links)
                sets[links] = len(sets)
            column.append(sets[links])
    flat = array("I", [numbers.setdefault(url, len(numbers)) for links in sets for url in links])
    if sys.byteorder == "big":
        flat.byteswap()
    table = {
        "urls": list(numbers),
        "pages": len(records),
        "sets": [len(links) for links in sets],
        "links": column,
        "facts": [_facts(record) for record in records.values()],
        "rest": remembered.rest,
    }
    head = json.dumps(table, separators=(",", ":")).encode()
    packed = zlib.compress(len(head).to_bytes(8, "big") + head + flat.tobytes(), 6)
    return {"format": FORMAT, "settings": remembered.settings, "pages": base64.b85encode(packed).decode()}


def unpack(memory: Mapping[str, Any] | None) -> Remembered | None:
    """What was packed; None when there is nothing, or nothing that can be understood."""
    try:
        if not memory or memory.get("format") != FORMAT:
            return None
        return _unpacked(str(memory["settings"]), base64.b85decode(memory["pages"]))
    except (ValueError, KeyError, IndexError, TypeError, zlib.error):
        return None


def _unpacked(settings: str, packed: bytes) -> Remembered:
    engine = zlib.decompressobj()
    plain = engine.decompress(packed, MAX_UNPACKED)
    if not engine.eof:
        raise ValueError("it breaks off")
    size = int.from_bytes(plain[:8], "big")
    table = json.loads(plain[8 : 8 + size])
    flat = array("I")
    flat.frombytes(plain[8 + size :])
    if sys.byteorder == "big":
        flat.byteswap()
    urls: list[str] = table["urls"]
    sets: list[tuple[str, ...]] = []
    at = 0
    for length in table["sets"]:
        sets.append(tuple([urls[number] for number in flat[at : at + length]]))
        at += length
    records = {
        urls[number]: _record(facts, None if links < 0 else sets[links])
        for number, (facts, links) in enumerate(zip(table["facts"], table["links"], strict=True))
    }
    return Remembered(settings, records, dict(table["rest"]))


def _record(facts: list[str], links: tuple[str, ...] | None) -> Record:
    digest, etag, modified, rule, code, canonical, language = [*facts, *[""] * (7 - len(facts))]
    return Record(digest, etag, modified, rule, code, canonical, language, links, closed=not digest)


def _facts(record: Record) -> list[str]:
    facts = [record.digest, record.etag, record.modified, record.rule, record.code, record.canonical, record.language]
    while len(facts) > 1 and not facts[-1]:
        facts.pop()
    return facts
