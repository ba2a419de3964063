"""Who belongs to which group, as Kendra's clients have told: users and groups in groups, of the whole index or of one
data source. Kept so that the groups of a user are found without looking at all groups.

    group   one record: its newest ordering id, its members, its history
    member  one record for each member of each group; its parent is the member
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from syncline.dialects.kendra.ground import invalid
from syncline.store.relational.records import Record, Records

GROUP: Final = "group"
MEMBER: Final = "member"
MOST_SUMMARIES: Final = 10
MOST_GROUPS: Final = 20_000  # of one user, looked through for one question


class Group(NamedTuple):
    """A group; `source` is the id of its data source, "" for the whole index."""

    source: str
    name: str


class Member(NamedTuple):
    """A user or a group. `source` of a group "": of the data source of the group it is in, or of the whole index."""

    kind: str  # "user" or "group"
    name: str
    source: str = ""


class Mappings:
    """The groups of one index."""

    def __init__(self, records: Records, index_id: str) -> None:
        self._records = records
        self._index = index_id

    def get(self, group: Group) -> Record | None:
        """The record of a group, also of one that has been deleted."""
        return self._records.get(GROUP, self._id(group))

    def put(self, group: Group, ordering: int, members: Iterable[Member], now: float) -> None:
        """Replace its members, unless something later is known. In a transaction."""
        self._replace(group, ordering, list(dict.fromkeys(members)), "SUCCEEDED", now)

    def delete(self, group: Group, ordering: int, now: float) -> None:
        """Take all members off, unless something later is known. What is earlier stays without effect from now on."""
        self._replace(group, ordering, [], "DELETED", now)

    def _replace(self, group: Group, ordering: int, members: Sequence[Member], status: str, now: float) -> None:
        held = self.get(group)
        body: Mapping[str, Any] = held.body if held is not None else {}
        if body and ordering < body["ordering"]:
            return
        before, after = {Member(*one) for one in body.get("members", ())}, set(members)
        for member in before - after:
            self._records.remove(MEMBER, self._member_id(group, member))
        for member in members:
            if member not in before:
                self._records.put(MEMBER, self._member_id(group, member), {"group": group}, now, self._key(*member))
        summary = {"OrderingId": ordering, "Status": status, "ReceivedAt": now, "LastUpdatedAt": now}
        kept = {
            "group": group,
            "ordering": ordering,
            "deleted": status == "DELETED",
            "members": members,
            "summaries": [summary, *body.get("summaries", ())][:MOST_SUMMARIES],
        }
        self._records.put(GROUP, self._id(group), kept, now, self._of(group.source))

    def page(self, source: str, after: int) -> list[Record]:
        """Groups of that data source, or of the whole index, in the order in which they were first known."""
        return self._records.page(GROUP, after, parent=self._of(source))

    def groups_of(self, user: str | None, named: Iterable[Group]) -> set[Group]:
        """All groups that a user is in who is in those named, directly or by other groups. Raises a Fault for too
        many."""
        found: set[Group] = set()
        waiting = [*named, *(self._around(self._key("user", user)) if user else ())]
        while waiting:
            one = waiting.pop()
            if one not in found:
                found.add(one)
                waiting += self._above(one)
            if len(found) > MOST_GROUPS:
                raise invalid(f"The user is in more than {MOST_GROUPS:,} groups.")
        return found

    def _above(self, group: Group) -> Iterable[Group]:
        if group.source:
            yield from self._around(self._key("group", group.name, group.source))
        for outer in self._around(self._key("group", group.name)):
            if group.source in ("", outer.source):
                yield outer

    def _around(self, key: str) -> list[Group]:
        return [Group(*record.body["group"]) for record in self._records.all(MEMBER, key)]

    def forget(self, source: str | None = None) -> None:
        """Everything of one data source, or of the whole index. In a transaction."""
        for record in list(self._records.all(GROUP, None if source is None else self._of(source))):
            if record.id.startswith(f'["{self._index}"'):
                group = Group(*record.body["group"])
                for member in record.body["members"]:
                    self._records.remove(MEMBER, self._member_id(group, Member(*member)))
                self._records.remove(GROUP, record.id)

    # --- names of records ---

    def _of(self, source: str) -> str:
        return json.dumps([self._index, source])

    def _id(self, group: Group) -> str:
        return json.dumps([self._index, *group])

    def _key(self, kind: str, name: str, source: str = "") -> str:
        return json.dumps([self._index, kind, name, source])

    def _member_id(self, group: Group, member: Member) -> str:
        return json.dumps([self._index, *group, *member])
