"""The control plane in one SQLite file: indexes and connectors here, jobs and events below.

Keys, schedules, triggers and webhooks have classes of their own that are given one of these.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from syncline.model.connectors import Connector, Guard
from syncline.model.errors import Conflict, UsageError
from syncline.model.indexes import Index
from syncline.store.relational.database import Violated, scalar
from syncline.store.relational.jobs import Jobs, new_id
from syncline.store.relational.tables import SQL, dump


class Control(Jobs):
    """What the data directory knows of indexes, connectors, jobs and events."""

    # --- indexes -----------------------------------------------------------------------------------------------------

    def add_index(self, index: Index) -> Index:
        """Store a new one. Raises UsageError when the name is taken."""
        row = (
            index.id, index.name, index.description, dump(index.extras), index.created_at, index.destination,
            dump(index.settings),
        )  # fmt: skip
        try:
            with self.writing("add_index"):
                self.db.execute(SQL["add_index"], row)
        except Violated as error:
            what = f"there is an index named {index.name!r} already"
            raise UsageError(what, code="index.name_taken", remedy="Choose another name.") from error
        found = self.index(index.name)
        assert found is not None
        return found

    def ensure_index(self, name: str, now: float) -> None:
        """Make sure that there is a row for it."""
        with self.writing("ensure_index"):
            self.db.execute(SQL["ensure_index"], (new_id(), name, now))

    def indexes(self) -> list[Index]:
        """All of them, by name."""
        with self.reading():
            return [_index(row) for row in self.db.execute(SQL["indexes"])]

    def index(self, ref: str) -> Index | None:
        """By name or id."""
        with self.reading():
            row = self.db.execute(SQL["index_by_ref"], (ref,)).fetchone()
        return None if row is None else _index(row)

    def update_index(self, index: Index, now: float, revision: int | None = None) -> None:
        """Store its changed description, extras and settings. Raises Conflict unless it still has that revision."""
        with self.writing("update_index"):
            row = (index.number, index.description, dump(index.extras), now, revision, dump(index.settings))
            self.db.execute(SQL["update_index"], row)
            self._changed(f"index {index.name!r}")

    def remove_index(self, number: int) -> None:
        """Forget it."""
        with self.writing("remove_index"):
            self.db.execute(SQL["remove_index"], (number,))

    # --- connectors --------------------------------------------------------------------------------------------------

    def add_connector(self, connector: Connector, identity: str) -> Connector:
        """Store a new one, and its index when there is none; fills in its number. Raises UsageError when the name is
        taken."""
        guard = connector.guard
        row = (
            connector.id, connector.name, connector.index, connector.kind, identity, dump(connector.config),
            connector.config_by, guard.max_deletes, guard.max_percent, connector.created_at, connector.description,
            int(connector.paused), dump(connector.extras),
        )  # fmt: skip
        try:
            with self.writing("add_connector"):
                self.ensure_index(connector.index, connector.created_at)
                connector.number = int(scalar(self.db, SQL["add_connector"], row))
        except Violated as error:
            raise _name_taken(connector) from error
        connector.updated_at = connector.created_at
        return connector

    def connectors(self) -> list[Connector]:
        """All of them, by name."""
        with self.reading():
            return [_connector(row) for row in self.db.execute(SQL["connectors"])]

    def connectors_of(self, index: str) -> list[Connector]:
        """Those that feed that index, by name."""
        with self.reading():
            return [_connector(row) for row in self.db.execute(SQL["connectors_of"], (index,))]

    def connector(self, ref: str) -> Connector | None:
        """By name or id."""
        return self._one_connector("connector_by_ref", (ref,))

    def connector_numbered(self, number: int) -> Connector | None:
        """By its number."""
        return self._one_connector("connector_by_number", (number,))

    def connector_at(self, identity: str, index: str | None) -> Connector | None:
        """The oldest one that reads that place (into that index)."""
        return self._one_connector("connector_by_identity", (identity, index))

    def _one_connector(self, query: str, parameters: Sequence[Any]) -> Connector | None:
        with self.reading():
            row = self.db.execute(SQL[query], parameters).fetchone()
        return None if row is None else _connector(row)

    def update_connector(
        self, connector: Connector, identity: str, now: float, revision: int | None = None
    ) -> Connector:
        """Store everything of it that can change, and return it as it is then. Raises Conflict unless it still has that
        revision, UsageError when its new name is taken."""
        guard = connector.guard
        row = (
            connector.number, dump(connector.config), connector.config_by, identity, connector.name,
            connector.description, int(connector.paused), guard.max_deletes, guard.max_percent, dump(connector.extras),
            now, revision,
        )  # fmt: skip
        try:
            with self.writing("update_connector"):
                self.db.execute(SQL["update_connector"], row)
                self._changed(f"connector {connector.name!r}")
        except Violated as error:
            raise _name_taken(connector) from error
        found = self.connector(connector.id)
        assert found is not None
        return found

    def remove_connector(self, number: int) -> None:
        """Forget it. Its jobs stay in the history."""
        with self.writing("remove_connector"):
            self.db.execute(SQL["remove_connector"], (number,))

    def _changed(self, what: str) -> None:
        if not self.db.changes():
            raise Conflict(f"{what} has been changed or removed since")


def _index(row: Sequence[Any]) -> Index:
    number, id, name, description, extras, revision, created_at, updated_at, destination, settings = row
    return Index(
        number, id, name, description, json.loads(extras), revision, created_at, updated_at, destination,
        json.loads(settings),
    )  # fmt: skip


def _connector(row: Sequence[Any]) -> Connector:
    (
        number, id, name, index, kind, config, config_by, max_deletes, max_percent, created_at, description, paused,
        extras, revision, updated_at,
    ) = row  # fmt: skip
    return Connector(
        number=number,
        id=id,
        name=name,
        index=index,
        kind=kind,
        config=json.loads(config),
        config_by=config_by,
        guard=Guard(max_deletes, max_percent),
        created_at=created_at,
        description=description,
        paused=bool(paused),
        extras=json.loads(extras),
        revision=revision,
        updated_at=updated_at,
    )


def _name_taken(connector: Connector) -> UsageError:
    return UsageError(
        f"there is a connector named {connector.name!r} already",
        code="connector.name_taken",
        remedy="Choose another name with --name.",
    )
