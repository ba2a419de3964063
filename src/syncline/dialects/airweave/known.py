"""What things are called here, and what is kept with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from syncline.dialects.airweave.calls import NAME
from syncline.dialects.names import as_uuid
from syncline.model.connectors import Connector
from syncline.model.indexes import Index
from syncline.model.jobs import Job
from syncline.service import credentials
from syncline.store.relational.control import Control

# --- collections -----------------------------------------------------------------------------------------------------


def readable_id(index: Index) -> str:
    """What a collection is called in paths: as it was made here, or the name of the index."""
    return str(index.extras.get(NAME, {}).get("readable_id") or index.name)


def collection_name(index: Index) -> str:
    """What people call it."""
    return str(index.extras.get(NAME, {}).get("name") or index.name)


def collection(control: Control, id: str) -> Index | None:
    """By readable id."""
    found = control.index(id)
    if found is not None and found.name == id and readable_id(found) == id:
        return found
    return next((index for index in control.indexes() if readable_id(index) == id), None)


# --- source connections ----------------------------------------------------------------------------------------------


def own(connector: Connector) -> dict[str, Any]:
    """What is kept with a connection here: name, authenticated_at, sync, held, same_until."""
    kept: dict[str, Any] = connector.extras.get(NAME, {})
    return kept


def connection_name(connector: Connector) -> str:
    """What people call it here; several may have the same name."""
    return str(own(connector).get("name") or connector.name)


def sync_id(connector_id: str) -> str:
    """Connection and sync are one thing here; the sync has an id of its own all the same."""
    return as_uuid(f"sync:{connector_id}")


def refused(control: Control, connector: Connector) -> Job | None:
    """The job that found its credentials refused; None when there was none, or they have been replaced."""
    return credentials.refused(control, connector, own(connector).get("same_until"))


def keep(connector: Connector, changes: Mapping[str, Any], *, same: bool) -> None:
    """Note what is kept with it here, before it is stored. `same`: its credentials were refused, and stay as they
    are."""
    kept = {**own(connector), **changes}
    kept.pop("same_until", None)
    if same:
        kept["same_until"] = connector.revision + 1
    connector.extras[NAME] = kept
