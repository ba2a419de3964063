"""Connectors: found by name, id or place; made, checked, removed."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from syncline import __version__
from syncline.model.connectors import Connector, Guard
from syncline.model.errors import ConfigInvalid, CredentialsInvalid, JobActive, NotFound, UsageError
from syncline.runner.lease import Lease
from syncline.store.secrets import Secret, Vault, drafted, values_of
from syncline.store.sqlite.control import Control
from syncline.store.sqlite.jobs import new_id
from syncline.wiring import DEFAULT_INDEX, Installation, checked_index

_SLUG = re.compile(r"[^a-z0-9._-]+")


def find(control: Control | None, ref: str, index: str | None = None) -> Connector | None:
    """By the path of a folder, by name or by id; None when there is none."""
    if control is None:
        return None
    if os.path.isdir(ref):
        at = control.connector_at(folder_identity(ref), index)
        if at is not None:
            return at
    found = control.connector(ref)
    if found is None and _looks_like_path(ref):
        found = control.connector_at(folder_identity(ref), index)
    return found


def get(control: Control | None, ref: str, index: str | None = None) -> Connector:
    """The same. Raises NotFound."""
    found = find(control, ref, index)
    if found is None:
        raise NotFound(f"there is no connector {ref!r}", remedy="`syncline connector list` shows them.")
    return found


def for_target(
    control: Control | None,
    target: str,
    index: str | None,
    settings: Mapping[str, Any] | None,
) -> tuple[Connector, bool]:
    """(connector, whether it must be stored) for what a person names: a connector, or a folder that becomes one.
    Raises NotFound when it is neither."""
    connector = find(control, target, index)
    if control is None or connector is None:
        if not os.path.isdir(target):
            raise _nothing_there(target)
        return draft(control, "folder", {"path": target, **(settings or {})}, index=index), True
    _check_index(connector, index)
    if settings or connector.config_by != __version__:
        return configured(control, connector, settings or {})
    return connector, False


def configured(control: Control, connector: Connector, settings: Mapping[str, Any]) -> tuple[Connector, bool]:
    """(the connector with those settings over its own, whether that changes it). A secret that is set anew need not be
    readable any more; raises CredentialsInvalid when another one is not."""
    vault = Vault(os.path.dirname(control.path))
    left = {name: value for name, value in connector.config.items() if name not in settings}
    held = vault.open(connector.id, left)
    known = dict(held.secrets)
    with suppress(CredentialsInvalid):
        known |= vault.open(connector.id, connector.config).secrets
    config = _validated(connector.id, connector.kind, {**held.config, **settings}, known)
    changed = config != connector.config or connector.config_by != __version__
    connector.config, connector.config_by = config, __version__
    return connector, changed


def draft(
    control: Control | None,
    kind: str,
    settings: Mapping[str, Any],
    *,
    name: str | None = None,
    index: str | None = None,
    guard: Guard | None = None,
    now: float = 0.0,
) -> Connector:
    """A connector that is valid and not stored yet."""
    from syncline.sources.registry import address

    kind, id = address(kind), new_id()
    config = _validated(id, kind, settings)
    return Connector(
        number=0,
        id=id,
        name=name or free_name(control, kind, config),
        index=checked_index(index or DEFAULT_INDEX),
        kind=kind,
        config=config,
        config_by=__version__,
        guard=guard or Guard(),
        created_at=now,
    )


def _validated(
    id: str, kind: str, settings: Mapping[str, Any], known: Mapping[str, Secret] | None = None
) -> dict[str, Any]:
    """The settings as a connector may hold them: valid, with defaults, and every secret sealed (invariant 12)."""
    from syncline.sources.registry import secret_fields, validate

    fields = secret_fields(kind)
    if not fields:
        return drafted(id, validate(kind, settings), ())
    from syncline.sources.authoring import guarded_call, secret_texts

    secrets = secret_texts(values_of(settings, fields))
    return drafted(id, guarded_call(validate, kind, settings, secrets=secrets), fields, known)


def add(installation: Installation, connector: Connector) -> Connector:
    """Store a draft. Raises UsageError when the name is taken."""
    control = installation.control()
    connector.config = installation.vault.keep(connector.id, connector.config)
    connector.created_at = installation.clock()
    return control.add_connector(connector, identity(connector))


def store(installation: Installation, connector: Connector) -> Connector:
    """Store a draft, or the changed settings of a connector that has a number."""
    if not connector.number:
        return add(installation, connector)
    connector.config = installation.vault.keep(connector.id, connector.config)
    return installation.control().update_connector(connector, identity(connector), installation.clock())


def remove(installation: Installation, connector: Connector) -> int:
    """Remove it with its documents; returns how many went. Raises JobActive while a job of it runs."""
    lease = Lease(installation.lease_path(connector))
    if not lease.acquire():
        raise JobActive(f"connector {connector.name!r} runs a job", remedy="Stop the job first: `syncline jobs`.")
    try:
        gone = 0
        if os.path.exists(installation.truth_path(connector.index)):
            index = installation.index(connector.index)
            gone = index.count(connector.number)[1]
            index.truth.drop_connector(connector.number)
            index.settle()
        installation.control().remove_connector(connector.number)
        return gone
    finally:
        lease.release()


def identity(connector: Connector) -> str:
    """What makes two connectors the same place."""
    if connector.kind == "folder":
        return folder_identity(str(connector.config["path"]))
    from syncline.sources.registry import find as find_kind

    fields = find_kind(connector.kind).identity
    return ":".join([connector.kind, *(str(connector.config.get(field)) for field in fields)]) if fields else ""


def folder_identity(path: str) -> str:
    """The place of a folder connector."""
    return "folder:" + os.path.abspath(os.path.expanduser(path))


def free_name(control: Control | None, kind: str, config: Mapping[str, Any]) -> str:
    """A name nobody has: after the folder, or after the kind."""
    base = os.path.basename(str(config["path"]).rstrip("/")) if kind == "folder" else kind.rpartition(":")[2]
    base = _SLUG.sub("-", base.lower()).strip("-.") or "folder"
    name, number = base, 2
    while control is not None and control.connector(name) is not None:
        name, number = f"{base}-{number}", number + 1
    return name


def _check_index(connector: Connector, index: str | None) -> None:
    if index is not None and index != connector.index:
        raise UsageError(
            f"connector {connector.name!r} fills the index {connector.index!r}, not {index!r}",
            remedy="Leave --index out, or add another connector for the other index.",
        )


def _looks_like_path(ref: str) -> bool:
    return os.sep in ref or ref.startswith((".", "~"))


def _nothing_there(target: str) -> Exception:
    if os.path.exists(target):
        return ConfigInvalid(
            f"{target} is not a folder", code="config.not_a_folder", remedy="Name the folder that holds it."
        )
    if _looks_like_path(target):
        return NotFound(f"there is no folder {target}", remedy="Check the path.")
    return NotFound(
        f"there is no folder and no connector named {target!r}",
        remedy="Give the path of a folder, or see `syncline connector list`.",
    )
