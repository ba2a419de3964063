"""Documents as rows: what PostgreSQL cannot store is put in other words, in the same way every time."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from string import punctuation
from typing import Any, Final

from syncline.destinations.embedded.facts import moments
from syncline.destinations.embedded.fold import fold
from syncline.destinations.postgresql.table import LONGEST_SEARCHED
from syncline.model.documents import Document, encode_metadata, without_surrogates

FIELDS: Final = (
    "at", "id", "title", "body", "metadata", "dates", "url", "media_type", "allow", "deny", "title_words", "body_words",
    "embedding",
)  # fmt: skip
_NO_NUMBERS: Final = re.compile(r"NaN|Infinity")
_TOKEN: Final = re.compile(r"[^\W_]+")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9:.,+Z-]+)?\Z")
# What is no letter and no digit stands for a blank, as in every index of ours: "e-mail" is two words side by side.
_NO_SIGNS: Final = str.maketrans(dict.fromkeys(punctuation, " "))
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Record = tuple[Any, ...]


def record(at: int, document: Document, *, searched: bool) -> Record:
    """One row of the temporary table; `at` is its place in the batch. `searched`: with what it is found by."""
    title, body = clean(document.title), clean(document.text or "")
    return (
        at,
        document.id,
        title,
        body,
        metadata_of(document) if document.metadata else "{}",
        dates_of(document.metadata) if document.metadata else None,
        clean(document.url),
        clean(document.media_type),
        [clean(one) for one in sorted(document.allow)],
        [clean(one) for one in sorted(document.deny)],
        found_by(title) if searched else None,
        found_by(body) if searched else None,
        document.vector,
    )


def clean(text: str) -> str:
    """Text that can be stored: U+FFFD for NUL, a question mark for a lone surrogate."""
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    return without_surrogates(text)


def metadata_of(document: Document) -> str:
    """Metadata as JSON that PostgreSQL takes."""
    return storable(document.metadata_as_json())


def storable(told: str) -> str:
    """JSON without NUL, and without a number that JSON has none for."""
    if "\\u0000" in told or _NO_NUMBERS.search(told):
        told = encode_metadata(_storable(json.loads(told)))
    return clean(told)


def found_by(text: str) -> str:
    """The words of a text, as far as it is searched. Of plain ASCII only the signs are taken out: the server finds and
    lowers them, and would need longer for the signs than for all the rest."""
    some = text[:LONGEST_SEARCHED]
    return some.translate(_NO_SIGNS) if text.isascii() else " ".join(words_of(some))


def words_of(text: str) -> list[str]:
    """The words of a text, folded, as they are compared."""
    return _TOKEN.findall(fold(text).lower())


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {clean(name): _storable(item) for name, item in value.items()}
    return [_storable(item) for item in value] if isinstance(value, list) else value


def moment_of(text: str) -> int | None:
    """What `moments` says of it at first. The usual form is read here: a day and a time with its offset."""
    if _DATE.match(text) is None:
        return None
    if len(text) < 20 or text[10] != "T":
        found = moments(text)
        return None if found is None else found[0]
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    since = (time if time.tzinfo else time.replace(tzinfo=UTC)) - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def dates_of(metadata: Mapping[str, Any]) -> str | None:
    """Dates and times of the metadata, as microseconds since 1970, by name; None when there are none."""
    found: dict[str, list[int]] = {}
    for name, value in metadata.items():
        if type(value) is str:
            if value[4:5] == "-" and (moment := moment_of(value)) is not None:
                found[clean(name)] = [moment]
        elif isinstance(value, (list, tuple)):
            moments_in = [moment_of(one) for one in value if isinstance(one, str)]
            if kept := [moment for moment in moments_in if moment is not None]:
                found[clean(name)] = kept
    return encode_metadata(found) if found else None
