"""Who may find a document: lists of users and groups, for one document or for everything under a prefix.

    [{"keyPrefix": "s3://bucket/hr/", "aclEntries": [{"Name": "ann", "Type": "USER", "Access": "ALLOW"}]}]

The longest prefix decides. What no prefix covers is public. Source: "Access control for Amazon S3 data sources" in the
Amazon Kendra developer guide.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import xxhash

MAX_BYTES: Final = 32 << 20
_KINDS: Final = {"USER": "user", "GROUP": "group"}


class AccessInvalid(ValueError):
    """The list cannot be used. The text says why."""


class Access(NamedTuple):
    """Principals such as "user:ann" and "group:sales", in order."""

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        """Changes when one of them does."""
        return xxhash.xxh3_64_hexdigest("\0".join((*self.allow, "\1", *self.deny)).encode())


class AccessFile:
    """Lists by prefix of the key."""

    def __init__(self, lists: dict[str, Access]) -> None:
        self._lists = lists
        self._lengths = sorted({len(prefix) for prefix in lists}, reverse=True)

    def of(self, key: str) -> Access | None:
        """The list that decides about that key; None when there is none."""
        for length in self._lengths:
            found = self._lists.get(key[:length]) if length <= len(key) else None
            if found is not None:
                return found
        return None


def parse_file(content: bytes, bucket: str) -> AccessFile:
    """The file of a bucket. Raises AccessInvalid; a file that is not understood whole must not be used in part."""
    try:
        rows = json.loads(content.decode("utf-8-sig"))
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise AccessInvalid("it is not JSON in UTF-8") from None
    if not isinstance(rows, list):
        raise AccessInvalid("it is not a JSON list")
    lists: dict[str, Access] = {}
    for number, row in enumerate(rows, 1):
        prefix, access = _row(row, number, bucket)
        if prefix is not None:
            earlier = lists.get(prefix, Access())
            lists[prefix] = _access((*earlier.allow, *access.allow), (*earlier.deny, *access.deny))
    return AccessFile(lists)


def _row(row: Any, number: int, bucket: str) -> tuple[str | None, Access]:
    """The prefix without the bucket, and its list; None for another bucket."""
    prefix = row.get("keyPrefix") if isinstance(row, dict) else None
    if not isinstance(prefix, str) or not prefix.startswith("s3://"):
        raise AccessInvalid(f"entry {number} has no keyPrefix that begins with s3://")
    access = parse_entries(row.get("aclEntries"), f"aclEntries of entry {number}")
    named, _, key = prefix.removeprefix("s3://").partition("/")
    return (key if named == bucket else None), access


def parse_entries(entries: Any, where: str) -> Access:
    """A list of {"Name", "Type", "Access"}. Raises AccessInvalid."""
    if not isinstance(entries, list):
        raise AccessInvalid(f"{where} is not a list")
    allow: list[str] = []
    deny: list[str] = []
    for entry in entries:
        if not isinstance(entry, dict):
            raise AccessInvalid(f"an entry in {where} is not an object")
        name, kind, access = (entry.get(part) for part in ("Name", "Type", "Access"))
        if not (isinstance(name, str) and name and isinstance(kind, str) and kind.upper() in _KINDS):
            raise AccessInvalid(f"an entry in {where} lacks a Name, or a Type of USER or GROUP")
        if access not in ("ALLOW", "DENY"):
            raise AccessInvalid(f"an entry in {where} has no Access of ALLOW or DENY")
        (allow if access == "ALLOW" else deny).append(f"{_KINDS[kind.upper()]}:{name}")
    return _access(allow, deny)


def _access(allow: Sequence[str], deny: Sequence[str]) -> Access:
    return Access(tuple(sorted(set(allow))), tuple(sorted(set(deny))))
