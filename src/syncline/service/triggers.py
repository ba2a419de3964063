"""Triggers: what starts jobs when something happens.

    watch     files below the root of a folder connector ──▶ FolderWatcher, a thread for each
    webhook   a signed call ──▶ accept
    after     events of other connectors' jobs ──▶ AfterSuccess, from a mark that moves with the jobs it starts

Every start is coalesced: into the job that waits, or into one that follows the job that runs. A trigger of a paused
connector starts nothing.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from syncline.model.connectors import Connector
from syncline.model.errors import ConfigInvalid, NotFound, UsageError
from syncline.model.events import Event
from syncline.model.jobs import Trigger as Reason
from syncline.model.jobs import WhenActive
from syncline.model.shapes import iso
from syncline.model.triggers import (
    ENDS,
    MAX_WAIT_S,
    SETTLE_S,
    TOLERANCE_S,
    Trigger,
    TriggerDisabled,
    TriggerExpired,
    TriggerKind,
    TriggerRefused,
)
from syncline.outgoing.signing import key_of, new_secret, signature
from syncline.scheduler.settling import Settling
from syncline.store.relational.control import Control
from syncline.store.relational.jobs import Ordered, new_id
from syncline.store.relational.triggers import Triggers
from syncline.store.secrets import MASK, drafted, masked
from syncline.wiring import Installation

READER: Final = "after-triggers"
EVENTS_AT_ONCE: Final = 500
LONGEST_WAIT_S: Final = 86_400.0
MAX_ID_CHARS: Final = 256
LOOK_EVERY_S: Final = 0.5  # how soon a root that has come, gone or been replaced is noticed
TRY_AGAIN_S: Final = 5.0  # after a root could not be watched
SECRETS: Final = ("secret",)
KNOWN: Final = {
    TriggerKind.WATCH: ("settle_s", "max_wait_s"),
    TriggerKind.WEBHOOK: ("name", "secret"),
    TriggerKind.AFTER: ("connector", "on"),
}

_log = logging.getLogger("syncline.triggers")
logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it would tell of every change


class Made(NamedTuple):
    """A trigger, and the secret that was made for it, which is shown this once."""

    trigger: Trigger
    secret: str | None


# --- made and changed -------------------------------------------------------------------------------------------------


def add(
    installation: Installation,
    connector: Connector,
    *,
    kind: TriggerKind | str,
    settings: Mapping[str, Any] | None = None,
    enabled: bool = True,
) -> Made:
    """Give a connector a trigger; see `Trigger` for the settings of each kind. A webhook trigger without a secret gets
    one. Raises ConfigInvalid, UsageError, NotFound."""
    control, now, id = installation.control(), installation.clock(), new_id()
    kind, said = _kind(kind), dict(settings or {})
    secret = None
    if kind is TriggerKind.WEBHOOK and not said.get("secret"):
        secret = said["secret"] = new_secret()
    with control.writing("make_trigger"):  # sealed and stored in one: keys are rotated between, never within
        checked = _checked(control, connector, kind, said, enabled=enabled)
        trigger = Trigger(0, id, connector.number, kind, _sealed(installation, id, checked), enabled, created_at=now)
        if kind is TriggerKind.AFTER and control.mark(READER) is None:
            control.set_mark(READER, control.newest_event())
        return Made(Triggers(control).add(trigger), secret)


def update(
    installation: Installation,
    trigger: Trigger,
    *,
    settings: Mapping[str, Any] | None = None,
    enabled: bool | None = None,
    revision: int | None = None,
) -> Trigger:
    """Change the settings that are named, and whether it is enabled. Raises Conflict unless it still has that revision,
    and as `add`."""
    control = installation.control()
    triggers = Triggers(control)
    with control.writing("change_trigger"):
        current = _found(triggers, trigger.id)
        connector = triggers.connector(current)
        assert connector is not None
        current.enabled = current.enabled if enabled is None else enabled
        kept = dict(current.settings)
        changes = {name: value for name, value in (settings or {}).items() if value != MASK}
        said = {**{name: value for name, value in kept.items() if name not in SECRETS}, **changes}
        checked = _checked(control, connector, current.kind, said, enabled=current.enabled)
        secrets = {name: kept[name] for name in SECRETS if name in kept and name not in checked}
        current.settings = {**_sealed(installation, current.id, checked), **secrets}
        return triggers.update(current, installation.clock(), revision)


def remove(installation: Installation, trigger: Trigger) -> None:
    """Forget it. Jobs that it has started go on."""
    Triggers(installation.control()).remove(trigger.number)


def of(installation: Installation, connector: Connector) -> list[Trigger]:
    """Of one connector, oldest first."""
    return Triggers(installation.control()).of(connector.number)


def get(installation: Installation, ref: str) -> Trigger:
    """By id. Raises NotFound."""
    if not installation.exists:
        raise _unknown(ref)
    return _found(Triggers(installation.control()), ref)


def shape(trigger: Trigger, connector_name: str) -> dict[str, Any]:
    """A trigger as the API shows it; the secret of a webhook is masked."""
    return {
        "id": trigger.id,
        "connector": connector_name,
        "kind": trigger.kind.value,
        "settings": masked(trigger.settings),
        "enabled": trigger.enabled,
        "last_at": iso(trigger.last_at),
        "last_job": trigger.last_job,
        "revision": trigger.revision,
        "created_at": iso(trigger.created_at),
        "updated_at": iso(trigger.updated_at),
    }


def _found(triggers: Triggers, id: str) -> Trigger:
    found = triggers.get(id)
    if found is None:
        raise _unknown(id)
    return found


def _unknown(ref: str) -> NotFound:
    return NotFound(f"there is no trigger {ref!r}", remedy="Look at the triggers of its connector.")


def _sealed(installation: Installation, id: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    return installation.vault.keep(id, drafted(id, settings, SECRETS))


# --- settings ---------------------------------------------------------------------------------------------------------


def _kind(text: TriggerKind | str) -> TriggerKind:
    try:
        return TriggerKind(text)
    except ValueError:
        known = ", ".join(TriggerKind)
        raise UsageError(f"there is no kind of trigger {text!r}", remedy=f"Choose one of {known}.") from None


def _checked(
    control: Control, connector: Connector, kind: TriggerKind, said: Mapping[str, Any], *, enabled: bool
) -> dict[str, Any]:
    """The settings with defaults, secrets in clear. Raises ConfigInvalid."""
    unknown = sorted(set(said) - set(KNOWN[kind]))
    if unknown:
        raise _invalid(f"a {kind} trigger has no setting {unknown[0]!r}", f"It has {', '.join(KNOWN[kind])}.")
    if kind is TriggerKind.WATCH:
        return _checked_watch(connector, said)
    if kind is TriggerKind.WEBHOOK:
        return _checked_webhook(said)
    return _checked_after(control, connector, said, enabled=enabled)


def _invalid(message: str, remedy: str | None = None) -> ConfigInvalid:
    return ConfigInvalid(message, code="trigger.invalid", remedy=remedy or "Correct the settings of the trigger.")


def _checked_watch(connector: Connector, said: Mapping[str, Any]) -> dict[str, Any]:
    if connector.kind != "folder":
        what = f"connector {connector.name!r} reads no folder, so nothing can be watched"
        raise _invalid(what, "Give it a schedule, or a webhook trigger.")
    settle_s = _seconds("settle_s", said.get("settle_s", SETTLE_S))
    return {
        "settle_s": settle_s,
        "max_wait_s": _seconds("max_wait_s", said.get("max_wait_s", max(MAX_WAIT_S, settle_s))),
    }


def _seconds(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LONGEST_WAIT_S:
        raise _invalid(f"{name}: {value!r} is not a number of seconds between 0 and {LONGEST_WAIT_S:.0f}")
    return float(value)


def _checked_webhook(said: Mapping[str, Any]) -> dict[str, Any]:
    checked: dict[str, Any] = {"name": said.get("name") or ""}
    if not isinstance(checked["name"], str) or len(checked["name"]) > 200:
        raise _invalid("name is not a text of at most 200 characters")
    if said.get("secret"):
        key_of(str(said["secret"]))
        checked["secret"] = str(said["secret"])
    return checked


def _checked_after(control: Control, connector: Connector, said: Mapping[str, Any], *, enabled: bool) -> dict[str, Any]:
    other = control.connector(str(said.get("connector") or ""))
    if other is None and not (said.get("connector") and not enabled):
        remedy = "Name the connector whose jobs it follows."
        raise NotFound(f"there is no connector {said.get('connector')!r} to follow", remedy=remedy)
    on = said.get("on", ["succeeded"])
    if not isinstance(on, list | tuple) or not on or not set(on) <= set(ENDS):
        raise _invalid(f"on: {on!r} is no list of {' and '.join(ENDS)}")
    if other is not None and enabled:
        _check_circle(control, connector, other)
    return {"connector": said["connector"] if other is None else other.id, "on": [end for end in ENDS if end in on]}


def _check_circle(control: Control, connector: Connector, followed: Connector) -> None:
    """Connectors that follow each other would never come to rest."""
    triggers = Triggers(control)
    ids = {one.number: one.id for one in control.connectors()}
    follows: dict[str, list[str]] = {}
    for trigger in triggers.enabled(TriggerKind.AFTER):
        follows.setdefault(ids[trigger.connector], []).append(trigger.settings["connector"])
    reached, ahead = set[str](), [followed.id]
    while ahead:
        one = ahead.pop()
        if one == connector.id:
            raise _invalid(
                f"connector {followed.name!r} follows {connector.name!r} already, so they would run for ever"
                if followed.id != connector.id
                else f"connector {connector.name!r} cannot follow itself: it would run for ever",
                "Follow another connector, or give it a schedule.",
            )
        if one not in reached:
            reached.add(one)
            ahead += follows.get(one, [])


# --- starting ---------------------------------------------------------------------------------------------------------


def _start(control: Control, trigger: Trigger, connector: Connector, cause: str, now: float) -> Ordered:
    """Start a job for it, or join the one that waits."""
    triggers = Triggers(control)
    with control.writing("trigger"):
        ordered = control.add_job(
            connector, None, Reason.EVENT, False, now, when_active=WhenActive.COALESCE, cause=cause
        )
        triggers.fired(trigger, now, ordered.job.number)
    return ordered


# --- webhook ----------------------------------------------------------------------------------------------------------


def accept(installation: Installation, trigger_id: str, headers: Mapping[str, str], body: bytes, now: float) -> Ordered:
    """Start a job for a signed call; the same call again starts nothing. Raises NotFound, TriggerRefused with one of
    its codes, CredentialsInvalid when the secret cannot be read."""
    control = installation.control()
    triggers = Triggers(control)
    trigger = triggers.get(trigger_id)
    if trigger is None or trigger.kind is not TriggerKind.WEBHOOK:
        raise _unknown(trigger_id)
    secret = installation.vault.open(trigger.id, trigger.settings).config["secret"]
    call = _verified({name.lower(): value for name, value in headers.items()}, body, secret, now)
    with control.writing("accept"):
        connector = triggers.connector(trigger)
        current = triggers.get(trigger.id)
        if current is None or connector is None:
            raise _unknown(trigger_id)
        if not current.enabled or connector.paused:
            what = f"connector {connector.name!r} is paused" if current.enabled else "the trigger is disabled"
            raise TriggerDisabled(what)
        heard = triggers.call(current, call)
        if heard is not None:
            return Ordered(control.job(heard), False)
        ordered = _start(control, current, connector, _named("webhook", current), now)
        triggers.add_call(current, call, now, ordered.job.number, now - 2 * TOLERANCE_S)
        return ordered


def _named(cause: str, trigger: Trigger) -> str:
    return f"{cause} {trigger.settings.get('name', '')}".rstrip()


def _verified(headers: Mapping[str, str], body: bytes, secret: str, now: float) -> str:
    """The id of a call that was signed with the secret, and lately. Raises TriggerRefused."""
    id, said, signatures = (headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if not id or not said or not signatures:
        raise TriggerRefused("webhook-id, webhook-timestamp or webhook-signature is missing")
    if len(id) > MAX_ID_CHARS or len(said) > 15 or not (said.isascii() and said.isdigit()):
        raise TriggerRefused("webhook-id or webhook-timestamp is malformed")
    ours = _digest(signature(secret, id, int(said), body))
    theirs = [_digest(one) for one in signatures.split(" ")[:16] if one.startswith("v1,")]
    if not any(hmac.compare_digest(ours, one) for one in theirs):
        raise TriggerRefused("the signature is not the one of this message")
    if abs(now - int(said)) > TOLERANCE_S:
        raise TriggerExpired(f"the call was signed {abs(now - int(said)):.0f} s away from now, by the clock here")
    return id


def _digest(signed: str) -> bytes:
    try:
        return base64.b64decode(signed.partition(",")[2], validate=True)
    except (binascii.Error, ValueError):
        return b""


# --- after ------------------------------------------------------------------------------------------------------------


class AfterSuccess:
    """Starts jobs of connectors that follow others. How far it has read is written with what it has started, so that a
    process that dies has done both or neither."""

    def __init__(self, installation: Installation) -> None:
        self._clock = installation.clock

    def step(self, control: Control) -> int:
        """Handle what has happened since the last step; returns how many events there were."""
        if control.mark(READER) == control.newest_event():
            return 0
        handled = 0
        while True:
            with control.writing("after"):
                mark = control.mark(READER)
                if mark is None:  # nobody follows anybody yet: what happened before is no matter
                    control.set_mark(READER, control.newest_event())
                    return handled
                events = control.events(mark, EVENTS_AT_ONCE)
                if not events:
                    return handled
                self._follow(control, events)
                control.set_mark(READER, events[-1].seq)
                handled += len(events)

    def _follow(self, control: Control, events: list[Event]) -> None:
        ends = [event for event in events if event.type.removeprefix("job.") in ENDS]
        if not ends:
            return
        triggers = Triggers(control)
        followers: dict[str, list[Trigger]] = {}
        for trigger in triggers.enabled(TriggerKind.AFTER):
            followers.setdefault(trigger.settings["connector"], []).append(trigger)
        for event in ends:
            for trigger in followers.get(event.connector_id, ()):
                if event.type.removeprefix("job.") in trigger.settings["on"] and event.at >= trigger.created_at:
                    self._start(control, trigger, event)

    def _start(self, control: Control, trigger: Trigger, event: Event) -> None:
        connector = Triggers(control).connector(trigger)
        if connector is not None and not connector.paused:
            name = event.data.get("connector", event.connector_id)
            _start(control, trigger, connector, f"after {name}", self._clock())


# --- watch ------------------------------------------------------------------------------------------------------------


class FolderWatcher:
    """Watches the roots of folder connectors, each in a thread. A root may be missing, come, vanish and come again.

    A job is started when watching begins, too: nobody knows what has changed before. Call it from the thread that made
    it; `wake` is called by any thread, after a job was started.
    """

    def __init__(self, installation: Installation, wake: Callable[[], None] = lambda: None) -> None:
        self._installation = installation
        self._wake = wake
        self._watches: dict[str, _Watch] = {}

    def refresh(self) -> None:
        """Watch what is to be watched now, and nothing else."""
        wanted = {order.key: order for order in self._orders()}
        gone = [
            self._watches.pop(key) for key, one in list(self._watches.items()) if key not in wanted or not one.alive
        ]
        for watch in gone:
            watch.stop()
        for key, order in wanted.items():
            if key not in self._watches:
                self._watches[key] = _Watch(order, self._installation, self._wake)
                self._watches[key].start()

    def _orders(self) -> Iterator[_Order]:
        triggers = Triggers(self._installation.control())
        for trigger in triggers.enabled(TriggerKind.WATCH):
            connector = triggers.connector(trigger)
            if connector is not None and not connector.paused and connector.kind == "folder":
                root = os.path.abspath(os.path.expanduser(str(connector.config["path"])))
                yield _Order(trigger.id, root, trigger.settings["settle_s"], trigger.settings["max_wait_s"])

    def stop(self) -> None:
        """Return when nothing is watched any more."""
        watches = list(self._watches.values())
        self._watches.clear()
        for watch in watches:
            watch.ask_to_stop()
        for watch in watches:
            watch.stop()


class _Order(NamedTuple):
    """What one thread watches; another order is another thread."""

    trigger_id: str
    root: str
    settle_s: float
    max_wait_s: float

    @property
    def key(self) -> str:
        return repr(tuple(self))


class _Watch:
    """One root, watched by one thread."""

    def __init__(self, order: _Order, installation: Installation, wake: Callable[[], None]) -> None:
        self._order = order
        self._installation = installation
        self._wake = wake
        self._stopping = threading.Event()
        self._settling = Settling(order.settle_s, order.max_wait_s)
        self._thread = threading.Thread(target=self._run, name=f"watch {order.root}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """False when not even an error could be caught."""
        return self._thread.is_alive()

    def ask_to_stop(self) -> None:
        """Let it end soon."""
        self._stopping.set()

    def stop(self) -> None:
        """Return when it has ended."""
        self.ask_to_stop()
        self._thread.join()

    def _run(self) -> None:
        told = False
        while not self._stopping.is_set():
            try:
                self._watch()
            except Exception as error:  # whatever it is: the others and the server go on
                if not told:
                    _log.warning("watch.failed", extra={"fields": {"root": self._order.root, "error": str(error)}})
                told = True
                self._stopping.wait(TRY_AGAIN_S)

    def _watch(self) -> None:
        """Watch the root for as long as it is the same folder; when it is missing, wait a little."""
        from watchfiles import watch

        root = _identity(self._order.root)
        if root is None:
            self._stopping.wait(LOOK_EVERY_S)
            return
        changes = watch(
            os.path.realpath(self._order.root),
            watch_filter=self._matters,
            debounce=200,
            step=100,
            stop_event=self._stopping,
            rust_timeout=int(LOOK_EVERY_S * 1000),
            yield_on_timeout=True,
            raise_interrupt=False,
            ignore_permission_denied=True,
        )
        self._settling.changed(time.monotonic())
        for changed in changes:
            if changed:
                self._settling.changed(time.monotonic())
            if _identity(self._order.root) != root:
                self._settling.changed(time.monotonic())
                return
            self._fire_if_settled()

    def _matters(self, _change: object, path: str) -> bool:
        """False for what Syncline writes itself, where its data directory lies below the root."""
        own = os.path.realpath(self._installation.data_dir)
        return path != own and not path.startswith(own + os.sep)

    def _fire_if_settled(self) -> None:
        if self._settling.settled(time.monotonic()):
            self._fire()
            self._settling.handled()

    def _fire(self) -> None:
        with _control(self._installation) as control, control.writing("watch"):
            triggers = Triggers(control)
            trigger = triggers.get(self._order.trigger_id)
            connector = None if trigger is None else triggers.connector(trigger)
            if trigger is None or connector is None or connector.paused or not trigger.enabled:
                return
            _start(control, trigger, connector, "watch", self._installation.clock())
        self._wake()


@contextmanager
def _control(installation: Installation) -> Iterator[Control]:
    control = installation.open_control()
    try:
        yield control
    finally:
        control.close()


def _identity(path: str) -> tuple[int, int] | None:
    """What tells a folder from another one in its place; None when there is no folder."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if os.path.isdir(path) else None
