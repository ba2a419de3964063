"""Connectors: found by name, id or place; made, checked, removed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from syncline import __version__
from syncline.model.connectors import Connector, Guard
from syncline.model.errors import ConfigInvalid, CredentialsInvalid, JobActive, NotFound, UsageError
from syncline.model.shapes import iso
from syncline.service import executions
from syncline.store.relational.control import Control
from syncline.store.relational.jobs import new_id
from syncline.store.secrets import MASK, SEALED, Secret, Vault, drafted, masked, values_of
from syncline.wiring import DEFAULT_INDEX, Installation, checked_index

_SLUG = re.compile(r"[^a-z0-9._-]+")
_NAME = re.compile(r"[^\W_][\w .@+-]{0,126}[\w.@+-]|[^\W_]")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


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
    id: str | None = None,
) -> Connector:
    """A connector that is valid and not stored yet."""
    from syncline.sources.registry import address

    kind, id = address(kind), id or new_id()
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
    control, place = installation.control(), identity(connector)
    connector.created_at = installation.clock()
    with control.writing("add_connector"):  # sealed and stored in one: keys are rotated between, never within
        connector.config = installation.vault.keep(connector.id, connector.config)
        return control.add_connector(connector, place)


def store(installation: Installation, connector: Connector) -> Connector:
    """Store a draft, or the changed settings of a connector that has a number. Raises Conflict when it has secrets and
    has been changed since it was read."""
    if not connector.number:
        return add(installation, connector)
    control, place = installation.control(), identity(connector)
    with control.writing("update_connector"):
        connector.config = installation.vault.keep(connector.id, connector.config)
        # Secrets that were read before their key was rotated must not come back.
        revision = connector.revision if masked(connector.config) != connector.config else None
        return control.update_connector(connector, place, installation.clock(), revision)


def remove(installation: Installation, connector: Connector, *, abandon: bool = False) -> int:
    """Remove it with its documents; returns how many went. Raises JobActive while a job of it runs, DestinationError
    when they cannot be removed from where they lie; with `abandon` they are left there."""
    lease = installation.lease_of(connector.number)
    if not lease.acquire():
        raise JobActive(f"connector {connector.name!r} runs a job", remedy="Stop the job first: `syncline jobs`.")
    try:
        gone = 0
        if installation.has_index(connector.index):
            index = installation.index(connector.index)
            gone = index.count(connector.number)[1]
            index.drop(connector.number, abandon=abandon)
            _drop_inbox(installation, connector)
            index.settle()
        executions.forget(installation.control(), connector)
        installation.control().remove_connector(connector.number)
        return gone
    finally:
        lease.release()


def _drop_inbox(installation: Installation, connector: Connector) -> None:
    if connector.kind == "push":
        inbox = installation.inbox(connector)
        try:
            inbox.drop()
        finally:
            inbox.close()


def check_idle(control: Control, connector: Connector) -> None:
    """Raises JobActive, which names the job, while the connector has one that has not ended."""
    job = control.active_job(connector.number)
    if job is not None:
        raise JobActive(
            f"connector {connector.name!r} has job {job.number} ({job.state})",
            remedy="Wait for it, or stop it first.",
            job_id=job.id,
            job_number=job.number,
        )


def update(
    installation: Installation,
    connector: Connector,
    *,
    name: str | None = None,
    description: str | None = None,
    settings: Mapping[str, Any] | None = None,
    guard: Guard | None = None,
    paused: bool | None = None,
    revision: int | None = None,
) -> Connector:
    """Change what is given. Of `settings` each one given is set, None takes it back to its default, and asterisks keep
    the secret that is there. Raises Conflict unless it still has that revision, ConfigInvalid, CredentialsInvalid,
    UsageError when the name is taken."""
    control = installation.control()
    expected = connector.revision if revision is None else revision
    if settings is not None:
        connector = _set(control, installation.vault, connector, settings)
    connector.name = connector.name if name is None else checked_name(name)
    connector.description = connector.description if description is None else description
    connector.guard = guard or connector.guard
    connector.paused = connector.paused if paused is None else paused
    place = identity(connector)
    with control.writing("update_connector"):  # sealed and stored in one
        connector.config = installation.vault.keep(connector.id, connector.config)
        return control.update_connector(connector, place, installation.clock(), expected)


def annotate(
    installation: Installation,
    connector: Connector,
    dialect: str,
    change: Callable[[Mapping[str, Any]], Mapping[str, Any]],
) -> Connector:
    """Change what a dialect keeps with it: `change` is given what is there now, and returns what is to be there. Nobody
    else changes it meanwhile. Raises NotFound."""
    control = installation.control()
    with control.writing("annotate_connector"):
        found = get(control, connector.id)
        found.extras[dialect] = dict(change(found.extras.get(dialect, {})))
        return control.update_connector(found, identity(found), installation.clock())


def _set(control: Control, vault: Vault, connector: Connector, settings: Mapping[str, Any]) -> Connector:
    given = with_secrets_kept(vault, connector, settings)
    wanted = {name: value for name, value in given.items() if value is not None}
    connector.config = {name: value for name, value in connector.config.items() if given.get(name, "") is not None}
    return configured(control, connector, wanted)[0]


def with_secrets_kept(vault: Vault, connector: Connector, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with the secrets that the connector has wherever asterisks stand for one. Raises ConfigInvalid where
    they stand for none, CredentialsInvalid when one cannot be read."""
    if not _has_mask(settings):
        return dict(settings)
    clear = vault.open(connector.id, connector.config).config if connector.config else {}
    kept: dict[str, Any] = _unmasked(settings, clear, connector.config)
    check_no_mask(connector.kind, kept)
    return kept


def check_no_mask(kind: str, settings: Mapping[str, Any]) -> None:
    """Raises ConfigInvalid when a secret is given as the asterisks that stand for one."""
    from syncline.sources.registry import secret_fields

    if _has_mask(settings) and MASK in values_of(settings, secret_fields(kind)):
        raise ConfigInvalid(
            "asterisks stand for a secret that is not there", remedy="Give the secret itself, or leave it out."
        )


def _has_mask(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_mask, value.values()))
    return any(map(_has_mask, value)) if isinstance(value, list) else value == MASK


def _unmasked(given: Any, clear: Any, stored: Any) -> Any:
    """`given`, with what `clear` has in the places where `stored` is sealed and asterisks are given."""
    if given == MASK and isinstance(stored, Mapping) and SEALED in stored:
        return clear
    if isinstance(given, Mapping) and isinstance(stored, Mapping) and isinstance(clear, Mapping):
        return {name: _unmasked(value, clear.get(name), stored.get(name)) for name, value in given.items()}
    if isinstance(given, list) and isinstance(stored, list) and isinstance(clear, list):
        rest = [None] * max(0, len(given) - len(stored))
        return [_unmasked(*each) for each in zip(given, [*clear, *rest], [*stored, *rest], strict=False)]
    return given


def pause(installation: Installation, connector: Connector) -> Connector:
    """Schedules and triggers start no jobs of it any more. Harmless when it is paused."""
    return connector if connector.paused else update(installation, connector, paused=True)


def resume(installation: Installation, connector: Connector) -> Connector:
    """Schedules and triggers start its jobs again. Harmless when it is not paused."""
    return update(installation, connector, paused=False) if connector.paused else connector


def checked_name(name: str) -> str:
    """The name, if a connector may be called that by somebody on the network. Raises UsageError."""
    if _NAME.fullmatch(name) and not _UUID.fullmatch(name):
        return name
    raise UsageError(
        f"{name!r:.200} cannot be the name of a connector",
        code="connector.bad_name",
        remedy="Use 1 to 128 letters, digits, spaces and . _ - @ +, beginning with a letter or a digit.",
    )


def shape(connector: Connector) -> dict[str, Any]:
    """One connector as everybody may show it. A secret in `settings` is asterisks."""
    return {
        "id": connector.id,
        "name": connector.name,
        "description": connector.description,
        "kind": connector.kind,
        "index": connector.index,
        "settings": masked(connector.config),
        "guard": {"max_deletes": connector.guard.max_deletes, "max_percent": connector.guard.max_percent},
        "paused": connector.paused,
        "revision": connector.revision,
        "created_at": iso(connector.created_at or None),
        "updated_at": iso(connector.updated_at or None),
    }


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
