"""Credentials that were refused: which job found out, and whether anybody has changed the connector since."""

from __future__ import annotations

from syncline.model.connectors import Connector
from syncline.model.jobs import Job, JobState
from syncline.store.relational.control import Control


def refused(control: Control, connector: Connector, same_until: int | None = None) -> Job | None:
    """The last job of the connector, if it failed because a secret is missing, wrong or expired, and the connector is
    as it was. `same_until` is a revision up to which it was changed by those who left its secrets alone; None: nobody
    has said so."""
    last = control.last_job(connector.number)
    if last is None or last.state is not JobState.FAILED or (last.error or {}).get("category") != "credentials":
        return None
    changed = connector.updated_at > (last.ended_at or last.created_at)
    return None if changed and connector.revision != same_until else last
