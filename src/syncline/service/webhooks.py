"""Webhooks: told of what happens, signed, tried again until they have heard it or have been silent for too long.

    events ──▶ deliveries ──▶ at most CALLS at once, one for each webhook ──▶ delivered | later | failed

Delivery is at least once: a process that dies after a call and before its record calls again, with the same webhook-id.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import random as chance
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import EllipsisType
from typing import Any, Final, NamedTuple

from syncline import __version__
from syncline.model.errors import CredentialsInvalid, NotFound, SynclineError, UsageError
from syncline.model.events import EVENT_TYPES
from syncline.model.shapes import iso
from syncline.model.webhooks import TEST_TYPE, Attempt, Delivery, DeliveryState, Webhook
from syncline.outgoing.addresses import Resolve, check_url
from syncline.outgoing.retries import Answer, judge, worn_out
from syncline.outgoing.sending import TIMEOUT_S, Call
from syncline.outgoing.signing import PREFIX, ROTATION_S, key_of, new_secret, signed_headers
from syncline.runner.lease import Lock
from syncline.service import connectors as connector_service
from syncline.store.relational.control import Control
from syncline.store.relational.jobs import new_id
from syncline.store.relational.webhooks import Head, Webhooks
from syncline.store.secrets import drafted
from syncline.wiring import Installation

ALLOW_PRIVATE: Final = "SYNCLINE_ALLOW_PRIVATE_TARGETS"
SECRET_FIELDS: Final = ("secret", "previous.secret")
NAMES: Final = {"airweave": ("svix", "webhook")}  # what the signed headers begin with, by dialect

logger = logging.getLogger(__name__)


def private_allowed(said: bool | None = None) -> bool:
    """Whether private addresses may be called: what was said, or else what the environment says."""
    if said is not None:
        return said
    return os.environ.get(ALLOW_PRIVATE, "").strip().lower() in ("1", "true", "yes", "on")


# --- webhooks --------------------------------------------------------------------------------------------------------


def add(
    installation: Installation,
    url: str,
    *,
    types: Sequence[str] = (),
    connectors: Sequence[str] | None = None,
    description: str = "",
    enabled: bool = True,
    secret: str | None = None,
    known: Sequence[str] = EVENT_TYPES,
    allow_private: bool | None = None,
    resolve: Resolve = socket.getaddrinfo,
) -> tuple[Webhook, str]:
    """(the webhook, its signing secret, which is shown this once). `types` empty: all, else of those `known`;
    `connectors` by name or id, None: all; `secret` None: a random one. Raises TargetRefused or TargetUnresolved when
    the URL cannot be called, NotFound, UsageError, ConfigInvalid for a secret that is none."""
    id, now = new_id(), installation.clock()
    secret = new_secret() if secret is None else secret
    key_of(secret)
    webhook = Webhook(
        number=0,
        id=id,
        url=check_url(url, private_allowed(allow_private), resolve).url,
        description=description,
        types=_checked_types(types, known),
        connectors=_connector_ids(installation, connectors),
        enabled=enabled,
    )
    control = installation.control()
    with control.writing("new_webhook"):  # Sealed and stored at once, or a rotation of the key could come between.
        webhook.sealed = _sealed(installation, id, {"secret": secret, "previous": []})
        return Webhooks(control).add(webhook, now), secret


def get(installation: Installation, id: str) -> Webhook:
    """By id. Raises NotFound."""
    return Webhooks(installation.control()).get(id)


def all(installation: Installation) -> list[Webhook]:
    """Oldest first."""
    return Webhooks(installation.control()).all()


def update(
    installation: Installation,
    id: str,
    *,
    revision: int | None = None,
    url: str | None = None,
    types: Sequence[str] | None = None,
    connectors: Sequence[str] | EllipsisType | None = ...,
    description: str | None = None,
    enabled: bool | None = None,
    known: Sequence[str] = EVENT_TYPES,
    allow_private: bool | None = None,
    resolve: Resolve = socket.getaddrinfo,
) -> Webhook:
    """Change what is given; the rest stays (for `connectors`, None means all of them). Enabling it again forgets
    that it has failed. Raises Conflict unless it still has that revision, and as `add`."""
    webhook = get(installation, id)
    if url is not None:
        webhook.url = check_url(url, private_allowed(allow_private), resolve).url
    if types is not None:
        webhook.types = _checked_types(types, known)
    if not isinstance(connectors, EllipsisType):
        webhook.connectors = _connector_ids(installation, connectors)
    if description is not None:
        webhook.description = description
    if enabled is not None:
        webhook.enabled = enabled
    expected = webhook.revision if revision is None else revision
    return Webhooks(installation.control()).update(webhook, installation.clock(), expected)


def remove(installation: Installation, id: str) -> None:
    """Forget it, with everything that was or was to be delivered. Raises NotFound."""
    Webhooks(installation.control()).remove(get(installation, id).number)


def rotate_secret(installation: Installation, id: str, *, secret: str | None = None) -> tuple[Webhook, str]:
    """(the webhook, its new secret: the given one, or a random one). Messages carry signatures of the old secret, too,
    for ROTATION_S seconds. An old secret that cannot be read any more is dropped. Raises NotFound, ConfigInvalid."""
    control, now = installation.control(), installation.clock()
    fresh = new_secret() if secret is None else secret
    key_of(fresh)
    with control.writing("rotate_webhook"):
        webhook = get(installation, id)
        previous = _previous(installation, webhook, now)
        webhook.sealed = _sealed(installation, id, {"secret": fresh, "previous": previous})
        return Webhooks(control).update(webhook, now), fresh


def shape(webhook: Webhook) -> dict[str, Any]:
    """One webhook as everybody may show it: no secret."""
    until = max((held["until"] for held in webhook.sealed.get("previous", ())), default=None)
    return {
        "id": webhook.id,
        "url": webhook.url,
        "description": webhook.description,
        "types": list(webhook.types),
        "connectors": None if webhook.connectors is None else list(webhook.connectors),
        "enabled": webhook.enabled,
        "disabled_why": webhook.disabled_why,
        "failing_since": iso(webhook.failing_since),
        "previous_secret_until": iso(until),
        "revision": webhook.revision,
        "created_at": iso(webhook.created_at),
        "updated_at": iso(webhook.updated_at),
    }


def secret_of(installation: Installation, webhook: Webhook) -> str:
    """The secret that signs now. Raises CredentialsInvalid."""
    return str(installation.vault.open(webhook.id, webhook.sealed).config["secret"])


def _checked_types(types: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    for type in types:
        if type not in known:
            raise UsageError(f"there is no event of type {type!r}", remedy=f"Choose from {', '.join(known)}.")
    return tuple(dict.fromkeys(types))


def _connector_ids(installation: Installation, refs: Sequence[str] | None) -> tuple[str, ...] | None:
    if refs is None:
        return None
    control = installation.control()
    return tuple(dict.fromkeys(connector_service.get(control, ref).id for ref in refs))


def _sealed(installation: Installation, id: str, secrets: dict[str, Any]) -> dict[str, Any]:
    return installation.vault.keep(id, drafted(id, secrets, SECRET_FIELDS))


def _previous(installation: Installation, webhook: Webhook, now: float) -> list[dict[str, Any]]:
    """The secrets that a new one replaces."""
    try:
        opened = installation.vault.open(webhook.id, webhook.sealed).config
    except CredentialsInvalid:
        return []
    return [{"secret": opened["secret"], "until": now + ROTATION_S}, *_valid(opened["previous"], now)]


def _valid(previous: Sequence[dict[str, Any]], now: float) -> list[dict[str, Any]]:
    return [held for held in previous if held["until"] > now]


# --- deliveries ------------------------------------------------------------------------------------------------------


def send_test(installation: Installation, id: str) -> Delivery:
    """A message of type "webhook.test", sent once by the dispatcher. Raises NotFound, UsageError (disabled)."""
    webhook = _enabled(installation, id)
    return Webhooks(installation.control()).add_test(webhook, installation.clock())


def deliveries(
    installation: Installation,
    id: str | None = None,
    *,
    state: DeliveryState | None = None,
    limit: int = 50,
    before: int | None = None,
) -> list[Delivery]:
    """Newest first, of one webhook or of all; the next page is the one `before` the last number of this one. Raises
    NotFound."""
    number = None if id is None else get(installation, id).number
    return Webhooks(installation.control()).deliveries(number, state, limit, before)


def delivery(installation: Installation, id: str) -> tuple[Delivery, list[Attempt]]:
    """One of them with all its attempts, oldest first. Raises NotFound."""
    webhooks = Webhooks(installation.control())
    found = webhooks.delivery(id)
    return found, webhooks.attempts(found.number)


def replay(installation: Installation, delivery_id: str) -> Delivery:
    """Send one message again, with the same webhook-id. Raises NotFound, UsageError (the webhook is disabled)."""
    webhooks = Webhooks(installation.control())
    found = webhooks.delivery(delivery_id)
    _enabled(installation, found.webhook_id)
    return webhooks.replay(found, installation.clock())


def replay_failed(installation: Installation, id: str, since: float, until: float | None = None) -> int:
    """Send again what has failed of everything since then (Unix seconds), or up to `until`; returns how many. Raises as
    `replay`."""
    webhook = _enabled(installation, id)
    return Webhooks(installation.control()).replay_failed(webhook.number, since, installation.clock(), until)


def delivery_shape(delivery: Delivery, attempts: Sequence[Attempt] | None = None) -> dict[str, Any]:
    """One delivery; with its attempts and its payload when they are given."""
    shown: dict[str, Any] = {
        "id": delivery.id,
        "webhook_id": delivery.webhook_id,
        "event": delivery.event,
        "type": delivery.type,
        "state": delivery.state.value,
        "attempts": delivery.attempts,
        "next_at": iso(delivery.next_at),
        "last_status": delivery.last_status,
        "last_error": delivery.last_error,
        "created_at": iso(delivery.created_at),
        "ended_at": iso(delivery.ended_at),
    }
    if attempts is not None:
        shown["payload"] = json.loads(delivery.payload)
        shown["history"] = [
            {**made._asdict(), "at": iso(made.at), "took_s": round(made.took_s, 3)} for made in attempts
        ]
    return shown


def _enabled(installation: Installation, id: str) -> Webhook:
    webhook = get(installation, id)
    if not webhook.enabled:
        raise UsageError(
            f"webhook {webhook.id} is disabled", code="webhook.disabled", remedy="Enable the webhook, then try again."
        )
    return webhook


# --- sending ---------------------------------------------------------------------------------------------------------

CALLS: Final = 8  # at once
FAILING_CALLS: Final = 6  # of those, to webhooks that fail: they may hang, and the others must not wait for them
POLL_S: Final = 0.2
AFTER_ERROR_S: Final = 1.0
GRACE_S: Final = 0.4  # a stop lets calls end that are about to; the rest is cut off and made again later
STOP_S: Final = 1.0
KEEP_S: Final = 30 * 24 * 3600.0
FORGET_EVERY_S: Final = 3600.0


class _Made(NamedTuple):
    """A call that has come to its end; `at` is when it was begun."""

    head: Head
    at: float
    answer: Answer


class Dispatcher:
    """Sends what is to be sent. `start` gives it a thread; or call `step` again and again from one thread.

    Of several with a thread on one data directory, one is at work; the next one takes over when it has gone.
    """

    def __init__(
        self,
        installation: Installation,
        *,
        allow_private: bool | None = None,
        resolve: Resolve = socket.getaddrinfo,
        timeout_s: float = TIMEOUT_S,
        random: Callable[[], float] = chance.random,
        certificates: ssl.SSLContext | None = None,
    ) -> None:
        self._installation = installation
        self._allow_private = allow_private
        self._resolve = resolve
        self._timeout_s = timeout_s
        self._random = random
        self._certificates = certificates
        self._opened: Control | None = None
        self._calls: dict[int, Call] = {}  # under way or not recorded yet, by number of the webhook
        self._unwell: set[int] = set()  # numbers of webhooks that have failed since their last success
        self._made: queue.SimpleQueue[_Made] = queue.SimpleQueue()
        self._forget_at = 0.0
        self._bell = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def busy(self) -> int:
        """How many calls are under way, or have ended without being recorded yet."""
        return len(self._calls)

    # --- one step

    def step(self, now: float) -> float | None:
        """Record what has come back, turn new events into deliveries, begin the calls that are due. Returns when
        there is more to do (Unix seconds; `now`: at once); None: only a new event or the end of a call brings some."""
        webhooks = Webhooks(self._control)
        self._collect(webhooks, now)
        spread = webhooks.spread(now)
        wake_at = self._begin(webhooks, now)
        self._forget(webhooks, now)
        return now if spread or not self._made.empty() else wake_at

    @property
    def _control(self) -> Control:
        """A connection of its own, made by the first thread that steps."""
        if self._opened is None:
            self._installation.make()
            self._opened = self._installation.open_control()
        return self._opened

    def _passed_over(self) -> set[int]:
        """Webhooks that are not called now: they have a call under way, or too many that fail have one."""
        busy = set(self._calls)
        return busy | self._unwell if len(busy & self._unwell) >= FAILING_CALLS else busy

    def _begin(self, webhooks: Webhooks, now: float) -> float | None:
        """Begin what is due; returns as `step`."""
        heads = webhooks.heads()
        self._unwell = {head.webhook.number for head in heads if head.webhook.failing_since is not None}
        for head in heads:
            if len(self._calls) >= CALLS:
                return None
            if head.webhook.number in self._passed_over():
                continue
            if head.at > now:
                return head.at
            if not self._call(webhooks, head, now):
                return now
        return None

    def _call(self, webhooks: Webhooks, head: Head, now: float) -> bool:
        """Begin a call. False: it cannot be signed, which is recorded as an attempt that failed."""
        webhook, delivery = head
        body = delivery.payload.encode()
        try:
            secrets = self._secrets(webhook, now)
            signed = signed_headers(delivery.id, int(now), body, secrets, NAMES.get(webhook.dialect, ("webhook",)))
            headers = {"user-agent": f"Syncline/{__version__}", **signed}
        except SynclineError as error:
            answer = Answer(None, f"{error.code}: the signing secret cannot be read; rotate it")
            self._record(webhooks, _Made(head, now, answer), now)
            return False
        call = Call(
            webhook.url,
            body,
            headers,
            allow_private=private_allowed(self._allow_private),
            resolve=self._resolve,
            timeout_s=self._timeout_s,
            certificates=self._certificates,
            hidden=[text for secret in secrets for text in (secret, secret.removeprefix(PREFIX))],
        )
        threading.Thread(target=self._make, args=(call, head, now), name="webhook-call", daemon=True).start()
        self._calls[webhook.number] = call
        return True

    def _secrets(self, webhook: Webhook, now: float) -> list[str]:
        """What signs now, the newest first. Raises CredentialsInvalid."""
        opened = self._installation.vault.open(webhook.id, webhook.sealed).config
        return [opened["secret"], *(held["secret"] for held in _valid(opened["previous"], now))]

    def _make(self, call: Call, head: Head, at: float) -> None:
        """One call, in a thread of its own."""
        try:
            answer = call.run()
        except Exception as error:  # Our own fault, and no reason to lose the delivery.
            logger.exception("webhook.call_broke", extra={"fields": {"delivery": head.delivery.id}})
            answer = Answer(None, f"internal: {type(error).__name__}")
        self._made.put(_Made(head, at, answer))
        self._bell.set()

    # --- what came of it

    def _collect(self, webhooks: Webhooks, now: float) -> None:
        while not self._made.empty():
            made = self._made.get()
            try:
                self._record(webhooks, made, now)
            finally:  # What could not be recorded is sent again.
                self._calls.pop(made.head.webhook.number, None)

    def _record(self, webhooks: Webhooks, made: _Made, now: float) -> None:
        answer = made.answer
        attempt = Attempt(0, made.at, answer.status, answer.error, answer.took_s)
        with self._control.writing("record_call"), suppress(NotFound):  # It may have been removed in the meantime.
            delivery = webhooks.delivery(made.head.delivery.id)
            verdict = judge(answer, delivery.tries, now, self._random, once=delivery.type == TEST_TYPE)
            webhooks.record(delivery, attempt, verdict, now)
            if delivery.type != TEST_TYPE and not answer.ok:
                self._give_up(webhooks, webhooks.get(delivery.webhook_id), now)

    def _give_up(self, webhooks: Webhooks, webhook: Webhook, now: float) -> None:
        since = webhook.failing_since or now
        why = worn_out(since, lambda: webhooks.messages_since(webhook.number, since), now) if webhook.enabled else ""
        if why:
            webhooks.disable(webhook.number, why, now)
            logger.warning("webhook.disabled", extra={"fields": {"webhook": webhook.id, "why": why}})

    def _forget(self, webhooks: Webhooks, now: float) -> None:
        if now >= self._forget_at:
            more = webhooks.forget(now - KEEP_S)
            self._forget_at = now if more else now + FORGET_EVERY_S

    # --- the thread

    def start(self) -> None:
        """Be at work until `stop`."""
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it, about a second from now at the latest. Calls that have not ended by then are made again some day."""
        self._stopping.set()
        self._bell.set()
        if self._thread is None:
            self._close()
        else:
            self._thread.join(STOP_S)

    def _run(self) -> None:
        self._installation.make()
        lease = self._installation.lease("webhooks")
        try:
            while not self._stopping.is_set():
                if self._acquired(lease):
                    self._work(lease)
                else:
                    self._stopping.wait(AFTER_ERROR_S)
        finally:
            self._close()
            lease.release()

    def _acquired(self, lease: Lock) -> bool:
        try:
            return lease.acquire()
        except SynclineError as error:
            logger.error("webhook.no_lease", extra={"fields": error.as_dict()})
            return False

    def _work(self, lease: Lock) -> None:
        version, wake_at = -1, None
        while lease.held and not self._stopping.is_set():
            try:
                version, wake_at = self._turn(version, wake_at)
            except Exception:
                logger.exception("webhook.dispatch_broke")
                version = -1
                self._stopping.wait(AFTER_ERROR_S)

    def _turn(self, version: int, wake_at: float | None) -> tuple[int, float | None]:
        """A step, if there is a reason for one, and a rest."""
        clock = self._installation.clock
        seen = self._control.version()
        if self._bell.is_set() or seen != version or (wake_at is not None and clock() >= wake_at):
            self._bell.clear()
            wake_at = self.step(clock())
        self._bell.wait(POLL_S if wake_at is None else min(POLL_S, max(wake_at - clock(), 0.0)))
        return seen, wake_at

    def _close(self) -> None:
        """Give calls that are about to end their moment, cut off the rest, and let go of the connection."""
        end = time.monotonic() + GRACE_S
        with suppress(SynclineError):
            while self._opened is not None and self._calls and (left := end - time.monotonic()) > 0:
                self._bell.wait(left)
                self._bell.clear()
                self._collect(Webhooks(self._opened), self._installation.clock())
        for call in self._calls.values():
            call.abort()
        if self._opened is not None:
            self._opened.close()
            self._opened = None
