"""Everything about a document that is matched exactly, as terms and as ordered numbers. Pure; knows nothing of tantivy.

A *fact* is one term of one field, without white space: a letter for its kind, then the value. Public documents carry
no fact about access, documents without metadata none about metadata, so that what is not used costs nothing. A value
that is too long is represented by a hash, and the letter of its kind is a capital then; values of metadata can be read
back from all other terms, which is how they are counted and looked through. What a term costs grows with the letters
that it has to itself: a long text of its own in each document would cost more than all else that is indexed.
Numbers and dates are also kept as signed 64-bit integers in the order of their values, for ranges.
"""

from __future__ import annotations

import math
import re
import struct
from binascii import b2a_base64
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import Any

import xxhash

RESTRICTED = "r"  # has an `allow` list
DENYING = "x"  # has a `deny` list

LONGEST = 200  # bytes of a term; longer ones are represented by a hash, and so are ids and titles with white space
LONGEST_TEXT = 64  # characters of a text in the metadata, as it was given
_SPACE = re.compile(r"\s")
_SURROGATE = re.compile("[\ud800-\udfff]")
_ODD = re.compile("[\\s\\\\\x7f\ud800-\udfff]")  # what cannot stand in a term, and what stands for it
_ESCAPED = re.compile(r"\\([0-9a-f]+);|\x7f")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9:.,+Z-]+)?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_US = 86_400_000_000
_PLAIN = 1 << 63  # numbers up to here need no look at how long they are
_to_bits, _of_bits = struct.Struct(">d").pack, struct.Struct(">q").unpack


def connector_fact(number: int) -> str:
    """Belongs to that connector."""
    return f"c{number}"


def id_fact(id: str) -> str:
    """Has exactly that id."""
    return _term("i", id)


def title_fact(title: str) -> str:
    """Has exactly that title."""
    return _term("t", title)


def media_fact(media_type: str) -> str:
    """Has exactly that media type."""
    return _readable("m", "", media_type)


def url_fact(url: str) -> str:
    """Has exactly that address."""
    return _term("u", url)


def allow_fact(principal: str) -> str:
    """Names that principal in `allow`."""
    return _term("a", principal)


def deny_fact(principal: str) -> str:
    """Names that principal in `deny`."""
    return _term("d", principal)


def fact_of(field: str, value: Any) -> str | None:
    """The term for that value of a field; None for what is no value."""
    named = {"id": id_fact, "title": title_fact, "media_type": media_fact, "url": url_fact}.get(field)
    return value_fact(field, value) if named is None else named(value)


def key_fact(key: str) -> str:
    """Has a value under that metadata key."""
    return _term("k", key)


def value_fact(key: str, value: Any) -> str | None:
    """Has that value, or a list with it, under that metadata key; None for what cannot be compared: null, NaN, objects.
    3 and 3.0 are the same number; booleans are not numbers."""
    return fact_under(stem_of(key), value)


def fact_under(stem: str, value: Any) -> str | None:
    """The same for a key whose `stem_of` is known."""
    match value:
        case str():
            return text_under(stem, value)
        case bool():
            return f"b{stem}{value}"
        case int():
            return f"n{stem}{value:x}" if -_PLAIN <= value <= _PLAIN else _readable("n", stem, f"{value:x}")
        case float() if value == value:
            if not value.is_integer():
                return f"n{stem}{value!r}"
            return f"n{stem}{int(value):x}" if -_PLAIN <= value <= _PLAIN else _readable("n", stem, f"{int(value):x}")
        case _:
            return None


def text_under(stem: str, text: str) -> str:
    """The same for a text."""
    return _hashed("s", stem, text) if len(text) > LONGEST_TEXT else _readable("s", stem, text)


def value_stems(key: str) -> tuple[str, ...]:
    """How the terms of its values begin, under that metadata key: short texts, numbers and booleans; then what is only
    known by a hash."""
    return tuple(kind + stem_of(key) for kind in "snbSN")


def text_stems(key: str) -> tuple[str, str]:
    """The same for its texts: those that can be read, and those only known by a hash."""
    return "s" + stem_of(key), "S" + stem_of(key)


def value_in(term: str, stem: str) -> Any:
    """The value that a readable term with that beginning stands for."""
    text = unescaped(term[len(stem) :])
    match term[0]:
        case "b":
            return text == "True"
        case "n":
            try:
                return int(text, 16)
            except ValueError:
                return float(text)
        case _:
            return text


def escaped(text: str) -> str:
    """Without white space. The beginning of a text becomes the beginning of what the text becomes."""
    if text.isascii() and text.isprintable() and " " not in text and "\\" not in text:
        return text
    return _ODD.sub(_escape, text)


def unescaped(text: str) -> str:
    """What it was before `escaped`."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)) if found[1] else " ", text)


def fits(text: str) -> bool:
    """Whether a term can have that in it."""
    return len(text) <= LONGEST and not _SPACE.search(text) and not _SURROGATE.search(text)


def _escape(found: re.Match[str]) -> str:
    return "\x7f" if found[0] == " " else f"\\{ord(found[0]):x};"


@lru_cache(maxsize=10_000)
def stem_of(key: str) -> str:
    """What all terms about values under that metadata key have after the letter of their kind."""
    text = escaped(key)
    if len(text.encode("utf-8")) > LONGEST:
        text = f"\\h{xxhash.xxh3_128_hexdigest(key.encode('utf-8', 'surrogatepass'))}"
    return f"{len(text)}:{text}:"


@lru_cache(maxsize=10_000)
def number_path(key: str) -> str:
    """Where the numbers of a metadata key are kept."""
    return "n" + _short_hash(key)


@lru_cache(maxsize=10_000)
def date_path(key: str) -> str:
    """Where the dates of a metadata key are kept."""
    return "d" + _short_hash(key)


def order_of(value: Any) -> int | None:
    """A signed 64-bit integer that orders numbers as their nearest double does; None for anything but a number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return None
    return order_of_number(value)


def order_of_number(value: float) -> int:
    """The same for a number that is not NaN."""
    try:
        bits: int = _of_bits(_to_bits(value + 0.0))[0]  # -0.0 becomes 0.0
    except OverflowError:
        bits = _of_bits(_to_bits(math.inf if value > 0 else -math.inf))[0]
    return bits if bits >= 0 else bits ^ 0x7FFF_FFFF_FFFF_FFFF


def moments(value: Any) -> tuple[int, int] | None:
    """First and last microsecond since 1970 UTC that an ISO 8601 date or date and time means; None for anything else.
    A date means its whole day; a time without an offset is UTC."""
    if isinstance(value, str):
        if value[4:5] != "-" or not _DATE.fullmatch(value):
            return None
        try:
            value = datetime.fromisoformat(value) if len(value) > 10 else date.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        moment = _microseconds(value)
        return moment, moment
    if isinstance(value, date):
        start = _microseconds(datetime.combine(value, time()))
        return start, start + _DAY_US - 1
    return None


def _microseconds(moment: datetime) -> int:
    since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
    return since.days * _DAY_US + since.seconds * 1_000_000 + since.microseconds


def each(value: Any) -> Iterable[Any]:
    """The values of a list, or the one value."""
    return value if isinstance(value, list | tuple) else (value,)


def _term(kind: str, value: str) -> str:
    if value.isascii() and value.isprintable():
        return kind + value if " " not in value and len(value) <= LONGEST else _hashed(kind, "", value)
    if _SPACE.search(value) or _SURROGATE.search(value) or len(value.encode()) > LONGEST:
        return _hashed(kind, "", value)
    return kind + value


def _readable(kind: str, key: str, value: str) -> str:
    """A term that the value can be read from, unless it is long."""
    text = escaped(value)
    if len(text) <= LONGEST and (text.isascii() or len(text.encode("utf-8")) <= LONGEST):
        return f"{kind}{key}{text}"
    return _hashed(kind, key, value)


def _hashed(kind: str, key: str, value: str) -> str:
    return f"{kind.upper()}{key}{hashed(value)}"


def hashed(value: str) -> str:
    """12 letters for a text: 72 bits, so that among 100 million texts no two are taken for one, but for one chance in a
    million. Source: XXH3-128, cut."""
    return b2a_base64(xxhash.xxh3_128_digest(value.encode("utf-8", "surrogatepass")))[:12].decode()


def _short_hash(key: str) -> str:
    return xxhash.xxh3_64_hexdigest(key.encode("utf-8", "surrogatepass"))
