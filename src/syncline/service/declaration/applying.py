"""Applying a declaration: the difference is found, shown by whoever asks, and carried out step by step.

    file ─▶ Declared ─┐
    data directory ─▶ Current ─┴─▶ difference ─▶ [make: indexes, connectors, schedules, triggers, webhooks] ─▶ [remove]

Each step is done whole or not at all, and names the revision that it was found with: what somebody has changed in the
meantime is not overwritten. A step that fails keeps back only those that need it; the next apply finds what is left.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Final

from syncline import __version__
from syncline.destinations.kinds import EMBEDDED
from syncline.model.connectors import Connector, Guard
from syncline.model.errors import (
    Category,
    Conflict,
    CredentialsInvalid,
    DataDirectoryError,
    Mender,
    NotFound,
    Recovery,
    SynclineError,
)
from syncline.model.indexes import Index
from syncline.model.webhooks import Webhook
from syncline.outgoing.addresses import check_url
from syncline.service import connectors, indexes, schedules, triggers, webhooks
from syncline.service.declaration.current import SETTING, standing
from syncline.service.declaration.declared import Declared, understood
from syncline.service.declaration.difference import FIXED, Action, Change, Item, What, difference, told
from syncline.service.declaration.files import found_at, mapped, read_file
from syncline.service.declaration.wanted import wanted
from syncline.store.relational.declared import Declared as Marks
from syncline.store.relational.webhooks import Webhooks
from syncline.store.secrets import Secret, drafted
from syncline.wiring import Installation

LOCK: Final = "apply"

_log = logging.getLogger("syncline.declaration")


class Applying(DataDirectoryError):
    """Another process applies a declaration to the same data directory."""

    code = "declaration.busy"
    recovery = Recovery.RETRY
    default_remedy = "Wait for it to end, and apply again."


class StepRefused(SynclineError):
    """A step of a declaration cannot be taken as things are."""

    code = "declaration.step_refused"
    category = Category.CONFIG
    mender = Mender.YOU


@dataclass(slots=True, frozen=True)
class Plan:
    """What an apply would do. `changes` holds every step, and what is left alone; `wanted` is what is declared, and
    `stands` what was there when it was made."""

    declared: Declared
    wanted: list[Item]
    stands: list[Item]
    changes: list[Change]
    prune: bool = False

    @property
    def file(self) -> str:
        """The file, as it was named."""
        return self.declared.read.name

    @property
    def steps(self) -> list[Change]:
        """What there is to do."""
        return [change for change in self.changes if change.action is not Action.LEAVE]

    @property
    def removals(self) -> list[Change]:
        """Those of them that remove something, and may."""
        return [change for change in self.steps if change.removes and change.allowed]

    @property
    def left_alone(self) -> list[Change]:
        """What stands, is not declared, and stays."""
        return [change for change in self.changes if change.action is Action.LEAVE]


@dataclass(slots=True)
class Applied:
    """What an apply did. `failed`: steps that could not be taken, each with the error, which holds no secret;
    `documents` by name of the connector they went with; `notes` for people."""

    plan: Plan
    done: list[Change] = field(default_factory=list)
    failed: list[tuple[Change, SynclineError]] = field(default_factory=list)
    documents: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """True when everything is as it is declared."""
        return not self.failed


def apply_file(
    installation: Installation, path: str, prune: bool = False, environ: Mapping[str, str] = os.environ
) -> Applied:
    """Apply a file without asking, and tell the log of every step. Raises NotFound, DeclarationInvalid (then nothing
    has been changed), Applying, DataDirectoryError; a step that fails is in the answer."""
    applied = carry_out(installation, plan(installation, path, prune=prune, environ=environ))
    for change in applied.done:
        _log.info("%s: %s %s", applied.plan.file, change.action.value, told(change.item))
    for change, error in applied.failed:
        _log.error("%s: %s %s failed: %s", applied.plan.file, change.action.value, told(change.item), error.message)
    return applied


def plan(
    installation: Installation, path: str | None, *, prune: bool = False, environ: Mapping[str, str] = os.environ
) -> Plan:
    """What applying the file would do; changes not one byte. `path` None: syncline.yaml here; "-": standard input.
    Raises NotFound, DeclarationInvalid, DataDirectoryError."""
    declared = understood(read_file(found_at(path, os.getcwd())), environ)
    current = standing(installation)
    items = wanted(declared, current, installation.vault)
    return Plan(declared, items, current.items, difference(items, current.items, prune=prune), prune)


def carry_out(installation: Installation, plan: Plan, tell: Callable[[Change], None] = lambda _: None) -> Applied:
    """Take every step; `tell` is called after each one that was taken. Raises Applying and nothing else of the family:
    a step that fails is in the answer."""
    applied = Applied(plan)
    if not plan.steps and not _unmarked(plan):
        return applied
    installation.make()
    lease = installation.lease(LOCK)
    if not lease.acquire():
        raise Applying(f"another process applies a declaration to {installation.data_dir}")
    try:
        _Steps(installation, applied).take(tell)
        Marks(installation.control()).mark(_unmarked(plan))
    finally:
        lease.release()
    return applied


def _unmarked(plan: Plan) -> set[str]:
    """Ids of what stands as it is declared, or nearly, and does not bear the mark of it."""
    declared = {item.at for item in plan.wanted if not item.implied}
    gone = {change.current.id for change in plan.removals if change.current is not None}
    return {item.id for item in plan.stands if item.at in declared and not item.owned} - gone


class _Steps:
    """One apply under way."""

    def __init__(self, installation: Installation, applied: Applied) -> None:
        self._installation = installation
        self._applied = applied
        self._declared = applied.plan.declared
        self._control = installation.control()
        self._marks = Marks(self._control)
        self._broken: set[str] = set()  # names of connectors that could not be made

    def take(self, tell: Callable[[Change], None]) -> None:
        """Every step in its order. One that fails is tried again once others were taken: it may have needed them."""
        left = self._applied.plan.steps
        while left:
            self._broken.clear()
            self._applied.failed.clear()
            for change in left:
                self._try(change, tell)
            failed = [change for change, _ in self._applied.failed]
            left = failed if len(failed) < len(left) else []

    def _try(self, change: Change, tell: Callable[[Change], None]) -> None:
        try:
            self._check(change)
            self._take(change)
        except SynclineError as error:
            self._fail(change, error)
        else:
            self._applied.done.append(change)
            tell(change)

    def _check(self, change: Change) -> None:
        if not change.allowed:
            raise StepRefused(
                f"its {' and its '.join(FIXED[change.item.what])} cannot be changed: another {change.item.what.value} "
                "would have to take its place",
                remedy="Choose another name for the new one, or let it be replaced, with its documents, by --prune.",
            )
        needed = {change.item.connector, *change.item.refers} & self._broken
        if needed:
            what = ", ".join(sorted(needed))
            raise StepRefused(
                f"it needs the connector {what}, which could not be made", remedy="Correct that one first."
            )

    def _fail(self, change: Change, error: SynclineError) -> None:
        hide = self._declared.expanded.hide
        error.message, error.remedy = hide(error.message), hide(error.remedy)
        error.details = mapped(error.details, lambda text, _: hide(text))
        self._applied.failed.append((change, error))
        if change.item.what is What.CONNECTOR and change.action in (Action.CREATE, Action.REPLACE) and change.allowed:
            self._broken.add(change.item.key[0])

    def _take(self, change: Change) -> None:
        item = change.item
        if change.action is Action.CREATE:
            self._create(item)
        elif change.action is Action.UPDATE:
            assert change.current is not None
            self._update(item, change.current, {each.field for each in change.fields})
        elif change.action is Action.REMOVE:
            self._remove(item)
        else:
            assert change.current is not None
            self._remove(change.current)
            self._create(item)

    def _create(self, item: Item) -> None:
        """Made and marked in one, but for what must not keep others from writing: it looks up names, or makes files."""
        apart = item.what in (What.INDEX, What.WEBHOOK)
        with nullcontext() if apart else self._control.writing("apply_create"):
            self._marks.mark([self._make(item)])

    def _make(self, item: Item) -> str:
        """The id of what was made."""
        makers = {
            What.INDEX: self._make_index,
            What.CONNECTOR: self._make_connector,
            What.SCHEDULE: self._make_schedule,
            What.TRIGGER: self._make_trigger,
            What.WEBHOOK: self._make_webhook,
        }
        return makers[item.what](item)

    def _update(self, item: Item, old: Item, fields: set[str]) -> None:
        changers = {
            What.INDEX: self._update_index,
            What.CONNECTOR: self._update_connector,
            What.SCHEDULE: self._update_schedule,
            What.TRIGGER: self._update_trigger,
            What.WEBHOOK: self._update_webhook,
        }
        changers[item.what](item, old, fields)

    def _remove(self, old: Item) -> None:
        removers = {
            What.INDEX: self._remove_index,
            What.CONNECTOR: self._remove_connector,
            What.SCHEDULE: self._remove_schedule,
            What.TRIGGER: self._remove_trigger,
            What.WEBHOOK: self._remove_webhook,
        }
        removers[old.what](old)
        self._marks.sweep([old.id])

    # --- indexes

    def _make_index(self, item: Item) -> str:
        place = self._declared.places.get(item.key[0])
        destination, settings = (EMBEDDED, {}) if place is None else (place.kind, place.values)
        made = indexes.add(
            self._installation,
            item.key[0],
            item.fields["description"],
            destination=destination,
            settings=settings,
        )
        return made.id

    def _update_index(self, item: Item, old: Item, fields: set[str]) -> None:
        description = item.fields["description"]
        place = self._declared.places.get(item.key[0])
        moved = place is not None and any(field.startswith(SETTING) for field in fields)
        indexes.update(
            self._installation,
            self._index(old),
            description=description,
            settings=place.values if place is not None and moved else None,
            revision=old.revision,
        )

    def _remove_index(self, old: Item) -> None:
        indexes.remove(self._installation, self._index(old), revision=old.revision)

    def _index(self, old: Item) -> Index:
        return indexes.get(self._installation, old.id)

    # --- connectors

    def _make_connector(self, item: Item) -> str:
        name = item.key[0]
        settings = self._declared.settings[name]
        connector = Connector(0, item.id, name, item.fields["index"], settings.kind, config_by=__version__)
        connector.config = drafted(item.id, settings.values, settings.secrets)
        _describe(connector, item)
        return connectors.add(self._installation, connector).id

    def _update_connector(self, item: Item, old: Item, fields: set[str]) -> None:
        settings = self._declared.settings[item.key[0]]
        vault, control = self._installation.vault, self._control
        with control.writing("apply_connector"):  # sealed and stored in one: keys are rotated between, never within
            connector = self._connector(old)
            known = _secrets(self._installation, connector.id, connector.config)
            config = drafted(connector.id, settings.values, settings.secrets, known)
            connector.config, connector.config_by = vault.keep(connector.id, config), __version__
            _describe(connector, item)
            identity, now = connectors.identity(connector), self._installation.clock()
            control.update_connector(connector, identity, now, old.revision)

    def _remove_connector(self, old: Item) -> None:
        connector = self._connector(old)
        connectors.check_idle(self._control, connector)
        self._applied.documents[connector.name] = connectors.remove(self._installation, connector)

    def _connector(self, old: Item) -> Connector:
        """What stands. Raises Conflict when somebody has changed or removed it since."""
        found = self._control.connector(old.id)
        if found is None or found.revision != old.revision:
            raise Conflict(f"connector {old.name!r} has been changed or removed since", remedy="Apply again.")
        return found

    def _standing(self, name: str) -> Connector:
        """The connector of that name, and never one whose folder is called that. Raises NotFound."""
        found = self._control.connector(name)
        if found is None:
            raise NotFound(f"there is no connector {name!r} any more", remedy="Apply again.")
        return found

    # --- schedules

    def _make_schedule(self, item: Item) -> str:
        connector = self._standing(item.connector)
        return schedules.add(self._installation, connector, name=item.key[1], **_terms(item)).id

    def _update_schedule(self, item: Item, old: Item, fields: set[str]) -> None:
        if fields & {"cron", "dialect", "zone"}:
            fields = fields | {"cron", "dialect", "zone"}  # they mean something together only
        terms = _terms(replace(item, fields={name: item.fields[name] for name in fields}))
        found = schedules.get(self._installation, old.id)
        schedules.update(self._installation, found, terms, old.revision)

    def _remove_schedule(self, old: Item) -> None:
        schedules.remove(self._installation, schedules.get(self._installation, old.id))

    # --- triggers

    def _make_trigger(self, item: Item) -> str:
        connector, kind = self._standing(item.connector), item.key[1]
        settings, enabled = self._trigger_settings(item), item.fields["enabled"]
        made = triggers.add(self._installation, connector, kind=kind, settings=settings, enabled=enabled)
        return made.trigger.id

    def _update_trigger(self, item: Item, old: Item, fields: set[str]) -> None:
        found = triggers.get(self._installation, old.id)
        settings = self._trigger_settings(item)
        if "secret" not in fields:
            settings.pop("secret", None)
        enabled = item.fields["enabled"]
        triggers.update(self._installation, found, settings=settings, enabled=enabled, revision=old.revision)

    def _remove_trigger(self, old: Item) -> None:
        triggers.remove(self._installation, triggers.get(self._installation, old.id))

    def _trigger_settings(self, item: Item) -> dict[str, Any]:
        """As the service takes them, with the secret in clear."""
        fields, kind = item.fields, item.key[1]
        if kind == "watch":
            return {"settle_s": fields["settle"], "max_wait_s": fields["max_wait"]}
        if kind == "after":
            return {"connector": self._standing(item.key[2]).id, "on": fields["on"]}
        entries = self._declared.connectors[item.connector].triggers
        secret = next(one.webhook.secret for one in entries if one.webhook and one.webhook.name == item.key[2])
        return {"name": item.key[2], "secret": secret}

    # --- webhooks

    def _make_webhook(self, item: Item) -> str:
        url, secret = item.key[0], self._secret_of(item)
        resolve = cache(socket.getaddrinfo)
        check_url(url, webhooks.private_allowed(), resolve)  # names are looked up before the transaction, not in it
        with self._control.writing("apply_webhook"):
            made, _ = webhooks.add(self._installation, url, resolve=resolve, **self._webhook_terms(item))
            if secret is not None:
                made = self._signing_with(made, secret)
        if secret is None:
            what = f"webhook {item.name} signs with a secret that nobody has seen"
            self._applied.notes.append(f"{what}: declare one, or rotate it")
        return made.id

    def _signing_with(self, webhook: Webhook, secret: str) -> Webhook:
        sealed = drafted(webhook.id, {"secret": secret, "previous": []}, webhooks.SECRET_FIELDS)
        webhook.sealed = self._installation.vault.keep(webhook.id, sealed)
        return Webhooks(self._control).update(webhook, self._installation.clock(), webhook.revision)

    def _update_webhook(self, item: Item, old: Item, fields: set[str]) -> None:
        with self._control.writing("apply_webhook"):
            webhooks.update(self._installation, old.id, revision=old.revision, **self._webhook_terms(item))
            if "secret" in fields:
                webhooks.rotate_secret(self._installation, old.id, secret=self._secret_of(item))

    def _remove_webhook(self, old: Item) -> None:
        webhooks.remove(self._installation, old.id)

    def _webhook_terms(self, item: Item) -> dict[str, Any]:
        names = item.fields["connectors"]
        return {**_terms(item), "connectors": names if names is None else [self._standing(one).id for one in names]}

    def _secret_of(self, item: Item) -> str | None:
        """What the file says, in clear."""
        declared = self._declared.declaration.webhooks
        return next((entry.secret for entry in declared if entry.url == item.key[0]), None)


def _describe(connector: Connector, item: Item) -> None:
    fields = item.fields
    connector.description, connector.paused = fields["description"], fields["paused"]
    connector.guard = Guard(fields["guard.max_deletes"], fields["guard.max_percent"])


def _terms(item: Item) -> dict[str, Any]:
    """The fields as the services call them."""
    called = {"cron": "expression", "jitter": "jitter_s"}
    return {called.get(name, name): value for name, value in item.fields.items() if name != "secret"}


def _secrets(installation: Installation, id: str, settings: Mapping[str, Any]) -> dict[str, Secret]:
    """Those that can be read."""
    with suppress(CredentialsInvalid):
        return installation.vault.open(id, settings).secrets
    return {}
