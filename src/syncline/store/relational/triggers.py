"""The trigger table, and the calls of webhook triggers that were heard lately."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from syncline.model.connectors import Connector
from syncline.model.errors import Conflict, NotFound
from syncline.model.triggers import Trigger, TriggerKind
from syncline.store.relational.database import Violated, load_queries, scalar
from syncline.store.relational.tables import Tables, dump

SQL = load_queries("triggers.sql")


class Triggers:
    """Triggers in the control plane's file. Every change joins an outer `tables.writing`."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables

    def add(self, trigger: Trigger) -> Trigger:
        """Store a new one and return it with its number. Raises NotFound when its connector is gone."""
        row = (
            trigger.id, trigger.connector, trigger.kind.value, dump(trigger.settings), int(trigger.enabled),
            trigger.created_at,
        )  # fmt: skip
        try:
            with self.tables.writing("add_trigger"):
                self.tables.db.execute(SQL["add"], row)
        except Violated as error:
            remedy = "`syncline connector list` shows them."
            raise NotFound("the connector of the trigger has been removed", remedy=remedy) from error
        return self._stored(trigger)

    def update(self, trigger: Trigger, now: float, revision: int | None = None) -> Trigger:
        """Store its settings and whether it is enabled. Raises Conflict unless it still has that revision."""
        with self.tables.writing("update_trigger"):
            row = (trigger.number, dump(trigger.settings), int(trigger.enabled), now, revision)
            self.tables.db.execute(SQL["update"], row)
            if not self.tables.db.changes():
                raise Conflict(f"trigger {trigger.id} has been changed or removed since")
        return self._stored(trigger)

    def remove(self, number: int) -> None:
        """Forget it."""
        with self.tables.writing("remove_trigger"):
            self.tables.db.execute(SQL["remove"], (number,))

    def _stored(self, trigger: Trigger) -> Trigger:
        found = self.get(trigger.id)
        assert found is not None
        return found

    def get(self, id: str) -> Trigger | None:
        """By id."""
        with self.tables.reading():
            row = self.tables.db.execute(SQL["by_id"], (id,)).fetchone()
        return None if row is None else _trigger(row)

    def of(self, connector: int) -> list[Trigger]:
        """Of one connector, oldest first."""
        return self._all("of", connector)

    def enabled(self, kind: TriggerKind) -> list[Trigger]:
        """All of that kind that are enabled, oldest first."""
        return self._all("enabled", kind.value)

    def _all(self, query: str, parameter: Any) -> list[Trigger]:
        with self.tables.reading():
            return [_trigger(row) for row in self.tables.db.execute(SQL[query], (parameter,))]

    def connector(self, trigger: Trigger) -> Connector | None:
        """Whose jobs it starts, as far as that needs; None when it is gone."""
        with self.tables.reading():
            row = self.tables.db.execute(SQL["connector"], (trigger.connector,)).fetchone()
        if row is None:
            return None
        id, name, index, kind, config, paused = row
        return Connector(trigger.connector, id, name, index, kind, json.loads(config), paused=bool(paused))

    def fired(self, trigger: Trigger, at: float, job: int) -> None:
        """It has started that job, or joined it."""
        with self.tables.writing("trigger_fired"):
            self.tables.db.execute(SQL["fired"], (trigger.number, at, job))

    # --- calls -------------------------------------------------------------------------------------------------------

    def call(self, trigger: Trigger, id: str) -> int | None:
        """The job that a call of that id has started; None: it was not heard lately."""
        with self.tables.reading():
            found = scalar(self.tables.db, SQL["call"], (trigger.number, id))
        return None if found is None else int(found)

    def add_call(self, trigger: Trigger, id: str, at: float, job: int, forget_before: float) -> None:
        """Remember it, and forget what was heard before an instant."""
        with self.tables.writing("add_call"):
            self.tables.db.execute(SQL["forget_calls"], (trigger.number, forget_before))
            self.tables.db.execute(SQL["add_call"], (trigger.number, id, at, job))


def _trigger(row: Sequence[Any]) -> Trigger:
    number, id, connector, kind, settings, enabled, last_at, last_job, revision, created_at, updated_at = row
    return Trigger(
        number=number,
        id=id,
        connector=connector,
        kind=TriggerKind(kind),
        settings=json.loads(settings),
        enabled=bool(enabled),
        last_at=last_at,
        last_job=last_job,
        revision=revision,
        created_at=created_at,
        updated_at=updated_at,
    )
