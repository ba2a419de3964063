"""Webhooks from the event to the receiver: real tables, real HTTP, and a clock that the test moves."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook as Verifier
from tests.leaks import files_with
from tests.outgoing.receivers import WAIT_S, Certificates, Got, Receiver, Reply, here, until

from syncline.model.connectors import Connector
from syncline.model.errors import Conflict, NotFound, UsageError
from syncline.model.jobs import JobEvent, JobType, Trigger, WhenActive
from syncline.model.outcomes import Counters
from syncline.model.ports import CrashPoint, no_crash
from syncline.model.webhooks import DeliveryState, Webhook
from syncline.outgoing.addresses import TargetRefused
from syncline.service import connectors, webhooks
from syncline.service.webhooks import Dispatcher
from syncline.store.relational.webhooks import Webhooks
from syncline.testing import CrashRecorder, FakeClock, SimulatedCrash
from syncline.wiring import Installation

DAY_S = 86_400.0
ROOT = Path(__file__).resolve().parents[2]


class World:
    """A data directory with connectors, a clock that stands still, and a dispatcher that is stepped by hand."""

    def __init__(self, folder: Path, crash: CrashPoint = no_crash, clock: FakeClock | None = None) -> None:
        self.folder = folder
        self.clock = clock or FakeClock(float(int(time.time())))
        self.installation = Installation(str(folder / "state"), self.clock, crash)
        self.timeout_s = WAIT_S
        self.resolve: Any = here
        self.allow_private = True
        self.dispatcher = self.new_dispatcher()

    def new_dispatcher(self) -> Dispatcher:
        return Dispatcher(
            self.installation,
            allow_private=self.allow_private,
            resolve=lambda *a, **k: self.resolve(*a, **k),
            timeout_s=self.timeout_s,
            random=lambda: 0.5,
        )

    @property
    def tables(self) -> Webhooks:
        return Webhooks(self.installation.control())

    def connector(self, name: str = "docs") -> Connector:
        control = self.installation.control()
        found = control.connector(name)
        if found is not None:
            return found
        place = self.folder / name
        place.mkdir(exist_ok=True)
        return connectors.add(self.installation, connectors.draft(control, "folder", {"path": str(place)}, name=name))

    def happens(self, name: str = "docs") -> int:
        """One event, job.pending; returns its seq."""
        control, connector = self.installation.control(), self.connector(name)
        control.add_job(connector, None, Trigger.ON_DEMAND, False, self.clock(), when_active=WhenActive.QUEUE)
        return control.newest_event()

    def webhook(self, receiver: Receiver, path: str = "/hook", **options: Any) -> tuple[Webhook, str]:
        url = receiver.url(path=path)
        return webhooks.add(self.installation, url, allow_private=True, resolve=here, **options)

    def step(self) -> float | None:
        return self.dispatcher.step(self.clock())

    def settle(self) -> float | None:
        """Step until nothing is under way and nothing is due now; returns when the next thing is."""
        end = time.monotonic() + WAIT_S
        while True:
            at = self.step()
            if not self.dispatcher.busy and (at is None or at > self.clock()):
                return at
            assert time.monotonic() < end, "it does not settle"
            time.sleep(0.002)

    def states(self) -> list[str]:
        return [one.state.value for one in reversed(webhooks.deliveries(self.installation, limit=10_000))]

    def close(self) -> None:
        self.dispatcher.stop()
        self.installation.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


@pytest.fixture
def receivers() -> Iterator[Callable[..., Receiver]]:
    made: list[Receiver] = []

    def make(certificate: Path | None = None) -> Receiver:
        made.append(Receiver(certificate))
        return made[-1]

    yield make
    for receiver in made:
        receiver.close()


@pytest.fixture
def receiver(receivers: Callable[..., Receiver]) -> Receiver:
    return receivers()


# --- what a receiver sees


def test_a_receiver_gets_the_job_as_the_api_shows_it_signed_so_that_the_reference_library_accepts_it(
    world: World, receiver: Receiver
) -> None:
    webhook, secret = world.webhook(receiver, description="The chat")
    world.happens()
    assert world.settle() is None
    (got,) = receiver.got
    body = Verifier(secret).verify(got.body, got.headers)
    assert (body["type"], body["index"]) == ("job.pending", "default")
    assert body["timestamp"] == body["data"]["created_at"]
    assert body["data"]["connector"] == "docs"
    assert body["data"]["state"] == "pending"
    assert body["connector_id"] == body["data"]["connector_id"] == world.connector().id
    assert got.headers["user-agent"].startswith("Syncline/")
    (delivery,) = webhooks.deliveries(world.installation, webhook.id)
    assert (delivery.id, delivery.state, delivery.attempts) == (got.id, DeliveryState.DELIVERED, 1)
    _, (attempt,) = webhooks.delivery(world.installation, delivery.id)
    assert (attempt.attempt, attempt.at, attempt.status, attempt.error) == (1, world.clock(), 200, "")


def test_over_tls_the_certificate_must_be_for_the_name(
    world: World, receivers: Callable[..., Receiver], tmp_path: Path
) -> None:
    authority = Certificates(tmp_path)
    receiver = receivers(authority.of("receiver.example"))
    world.dispatcher = Dispatcher(
        world.installation, allow_private=True, resolve=here, timeout_s=WAIT_S, certificates=authority.trusting()
    )
    world.webhook(receiver)
    webhooks.add(world.installation, receiver.url("wrong.example"), allow_private=True, resolve=here)
    world.happens()
    world.settle()
    assert [got.headers["host"] for got in receiver.got] == [f"receiver.example:{receiver.port}"]
    assert sorted(world.states()) == ["delivered", "waiting"]


def test_a_webhook_gets_what_it_wants_and_nothing_from_before_it_was_made(world: World, receiver: Receiver) -> None:
    world.happens()
    everything, _ = world.webhook(receiver, "/all")
    world.webhook(receiver, "/docs", connectors=["docs"], types=["job.pending"])
    world.webhook(receiver, "/ended", types=["job.succeeded", "job.stopped"])
    world.webhook(receiver, "/off", enabled=False)
    seen = [world.happens(), world.happens("wiki")]
    control = world.installation.control()
    control.request_stop(control.jobs(limit=1)[0].number, world.clock())
    world.settle()
    told = [(got.path, json.loads(got.body)["type"], json.loads(got.body)["data"]["connector"]) for got in receiver.got]
    assert sorted(told) == [
        ("/all", "job.pending", "docs"),
        ("/all", "job.pending", "wiki"),
        ("/all", "job.stopped", "wiki"),
        ("/docs", "job.pending", "docs"),
        ("/ended", "job.stopped", "wiki"),
    ]
    events = [one.event for one in webhooks.deliveries(world.installation, everything.id)]
    assert events == [seen[1] + 1, seen[1], seen[0]]


def test_messages_of_one_webhook_arrive_in_order_and_one_at_a_time(world: World, receiver: Receiver) -> None:
    world.webhook(receiver)
    under_way, most = [0], [0]

    def script(got: Got, _: int) -> Reply:
        under_way[0] += 1
        most[0] = max(most[0], under_way[0])
        time.sleep(0.005)
        under_way[0] -= 1
        return Reply()

    receiver.script = script
    jobs = [world.happens() for _ in range(30)]
    world.settle()
    assert [json.loads(got.body)["data"]["number"] for got in receiver.got] == list(range(1, 31))
    assert len(jobs) == 30
    assert most == [1]


# --- when it goes wrong


def test_a_message_is_tried_again_with_the_same_id_and_a_new_timestamp(world: World, receiver: Receiver) -> None:
    _, secret = world.webhook(receiver)
    receiver.script = lambda got, n: Reply(500, body=b"down\x1b[31m for\r\nrepair") if n < 3 else Reply()
    world.happens()
    assert world.settle() == world.clock() + 5
    assert world.settle() == world.clock() + 5  # nothing more until then
    world.clock.advance(5)
    assert world.settle() == world.clock() + 300
    ((delivery, attempts),) = [webhooks.delivery(world.installation, receiver.ids()[0])]
    assert delivery.last_error == "answered 500 Internal Server Error: down [31m for repair"
    assert (delivery.state, len(attempts)) == (DeliveryState.WAITING, 2)
    assert world.tables.all()[0].failing_since == attempts[0].at
    world.clock.advance(250)
    assert world.settle() == world.clock() + 50
    world.clock.advance(40)
    world.settle()
    world.clock.advance(10)
    assert world.settle() is None
    assert len(set(receiver.ids())) == 1
    assert [got.headers["webhook-timestamp"] for got in receiver.got] == [
        str(int(world.clock() - back)) for back in (305, 300, 0)
    ]
    assert Verifier(secret).verify(receiver.got[2].body, _as_of_now(receiver.got[2], world, secret))
    assert {got.body for got in receiver.got} == {receiver.got[0].body}
    assert world.states() == ["delivered"]
    assert world.tables.all()[0].failing_since is None


def _as_of_now(got: Got, world: World, secret: str) -> dict[str, str]:
    """The headers with the timestamp of the wall clock, if the signature is right for the one they carry."""
    from syncline.outgoing.signing import signature, signed_headers

    stamp = int(got.headers["webhook-timestamp"])
    assert got.headers["webhook-signature"] == signature(secret, got.id, stamp, got.body)
    return signed_headers(got.id, int(time.time()), got.body, [secret])


def test_a_receiver_that_hangs_is_tried_again(tmp_path: Path, receiver: Receiver) -> None:
    world = World(tmp_path)
    world.timeout_s = 0.2
    world.dispatcher = world.new_dispatcher()
    world.webhook(receiver)
    receiver.script = lambda got, n: Reply(hang=n == 1)
    world.happens()
    assert world.settle() == world.clock() + 5
    assert webhooks.deliveries(world.installation)[0].last_error == "no answer within 0.2 s"
    world.clock.advance(5)
    assert world.settle() is None
    assert world.states() == ["delivered"]
    world.close()


def test_after_the_last_attempt_it_has_failed_and_can_be_replayed(world: World, receiver: Receiver) -> None:
    webhook, _ = world.webhook(receiver)
    receiver.reply = Reply(404)
    world.happens()
    began = world.clock()
    while (at := world.settle()) is not None:
        world.clock.advance(at - world.clock())
    assert (len(receiver.got), world.states()) == (10, ["failed"])
    assert world.clock() - began == 272_105
    receiver.reply = Reply(204)
    assert webhooks.replay_failed(world.installation, webhook.id, world.clock()) == 0
    assert webhooks.replay_failed(world.installation, webhook.id, began) == 1
    assert world.settle() is None
    assert world.states() == ["delivered"]
    assert webhooks.replay(world.installation, receiver.ids()[0]).state is DeliveryState.WAITING
    world.settle()
    delivery, attempts = webhooks.delivery(world.installation, receiver.ids()[0])
    assert (len(set(receiver.ids())), len(receiver.got), delivery.attempts) == (1, 12, 12)
    assert [made.attempt for made in attempts] == list(range(1, 13))


def test_a_replayed_message_has_all_its_attempts_again(world: World, receiver: Receiver) -> None:
    world.webhook(receiver)
    receiver.reply = Reply(500)
    world.happens()
    assert world.settle() == world.clock() + 5
    world.clock.advance(5)
    assert world.settle() == world.clock() + 300
    webhooks.replay(world.installation, receiver.ids()[0])
    assert world.settle() == world.clock() + 5


def test_410_gone_disables_the_webhook_and_fails_what_waits(world: World, receiver: Receiver) -> None:
    webhook, _ = world.webhook(receiver)
    receiver.script = lambda got, n: Reply(500 if n == 1 else 410)
    for _ in range(3):
        world.happens()
    assert world.settle() is None
    assert world.states() == ["failed"] * 3
    assert len(receiver.got) == 2
    found = webhooks.get(world.installation, webhook.id)
    assert (found.enabled, found.disabled_why) == (False, "the endpoint answered 410 Gone")
    world.happens()
    assert world.settle() is None
    assert len(world.states()) == 3
    for refused in (
        lambda: webhooks.send_test(world.installation, webhook.id),
        lambda: webhooks.replay(world.installation, receiver.ids()[0]),
        lambda: webhooks.replay_failed(world.installation, webhook.id, 0),
    ):
        with pytest.raises(UsageError, match="disabled"):
            refused()
    receiver.script = None
    again = webhooks.update(world.installation, webhook.id, enabled=True)
    assert (again.enabled, again.disabled_why, again.failing_since) == (True, "", None)
    assert webhooks.replay_failed(world.installation, webhook.id, 0) == 3
    world.settle()
    assert world.states() == ["delivered"] * 3


def test_a_webhook_that_has_failed_for_five_days_and_ten_messages_is_disabled(world: World, receiver: Receiver) -> None:
    webhook, _ = world.webhook(receiver)
    receiver.reply = Reply(503)
    for _ in range(9):
        world.happens()
    world.settle()
    world.clock.advance(6 * DAY_S)
    world.settle()
    assert webhooks.get(world.installation, webhook.id).enabled
    world.happens()
    world.settle()
    found = webhooks.get(world.installation, webhook.id)
    assert not found.enabled
    assert found.disabled_why == "the endpoint has failed for 6 days, with 10 messages"
    assert set(world.states()) == {"failed"}


def test_a_webhook_that_asks_for_a_rest_gets_no_message_until_then(world: World, receiver: Receiver) -> None:
    world.webhook(receiver)
    receiver.script = lambda got, n: Reply(429, {"retry-after": "60"}) if n == 1 else Reply()
    world.happens()
    assert world.settle() == world.clock() + 60
    world.happens()
    assert world.settle() == world.clock() + 60
    assert len(receiver.got) == 1
    world.clock.advance(60)
    assert world.settle() is None
    assert world.states() == ["delivered"] * 2


def test_dead_webhooks_do_not_delay_the_others(world: World, receivers: Callable[..., Receiver]) -> None:
    dead, well = receivers(), receivers()
    for n in range(12):
        world.webhook(dead, f"/dead-{n}")
        world.happens()
    dead.reply = Reply(500)
    world.settle()
    dead.reply = Reply(hang=True)
    world.webhook(well)
    before = len(dead.got)
    world.clock.advance(5)
    for n in range(20):
        world.happens()
        until(lambda least=n: (world.step(), len(well.got) > least)[1], "the webhook that is well")  # type: ignore[misc]
    until(lambda: (world.step(), world.dispatcher.busy == webhooks.FAILING_CALLS)[1], "the well one to be recorded")
    assert len(dead.got) - before == webhooks.FAILING_CALLS
    assert world.step() is None  # the rest of the dead ones wait for a place, and nobody turns in circles


def test_a_test_message_is_sent_once_and_is_no_sign_of_ill_health(world: World, receiver: Receiver) -> None:
    webhook, secret = world.webhook(receiver)
    receiver.script = lambda got, n: Reply(500) if n == 1 else Reply()
    webhooks.send_test(world.installation, webhook.id)
    assert world.settle() is None
    assert world.states() == ["failed"]
    assert webhooks.get(world.installation, webhook.id).failing_since is None
    webhooks.send_test(world.installation, webhook.id)
    world.settle()
    assert Verifier(secret).verify(receiver.got[1].body, receiver.got[1].headers)["type"] == "webhook.test"


# --- addresses


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/x", "http://localhost/x", "https://inside.example/x", "ftp://a.example"]
)
def test_a_private_target_is_refused_when_it_is_set(
    world: World, receiver: Receiver, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(webhooks.ALLOW_PRIVATE, raising=False)
    with pytest.raises(TargetRefused):
        webhooks.add(world.installation, url, resolve=here)
    webhook, _ = world.webhook(receiver)
    with pytest.raises(TargetRefused):
        webhooks.update(world.installation, webhook.id, url=url, resolve=here)
    assert [one.url for one in webhooks.all(world.installation)] == [webhook.url]


def test_private_targets_are_allowed_by_the_environment(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(webhooks.ALLOW_PRIVATE, "1")
    webhook, _ = webhooks.add(world.installation, "http://127.0.0.1:9/x")
    assert webhook.url == "http://127.0.0.1:9/x"


def test_a_name_that_has_become_private_is_refused_when_it_is_called(tmp_path: Path, receiver: Receiver) -> None:
    def public(host: str, port: int, **_: object) -> Sequence[tuple[Any, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", port))]

    world = World(tmp_path)
    world.allow_private = False
    world.dispatcher = world.new_dispatcher()
    webhooks.add(world.installation, receiver.url(), allow_private=False, resolve=public)
    world.happens()
    assert world.settle() == world.clock() + 5
    assert receiver.got == []
    (delivery,) = webhooks.deliveries(world.installation)
    assert delivery.last_error == ("target.refused: receiver.example leads to an address that is loopback")
    world.close()


# --- secrets


def test_while_a_secret_is_rotated_both_are_good_for_a_day(world: World, receiver: Receiver) -> None:
    webhook, old = world.webhook(receiver)
    _, new = webhooks.rotate_secret(world.installation, webhook.id)
    _, newest = webhooks.rotate_secret(world.installation, webhook.id)
    world.happens()
    world.settle()
    for secret in (old, new, newest):
        assert Verifier(secret).verify(receiver.got[0].body, receiver.got[0].headers)
    assert webhooks.shape(webhooks.get(world.installation, webhook.id))["previous_secret_until"]
    world.clock.advance(DAY_S)
    world.happens()
    world.settle()
    assert len(receiver.got[0].headers["webhook-signature"].split()) == 3
    assert len(receiver.got[1].headers["webhook-signature"].split()) == 1
    _as_of_now(receiver.got[1], world, newest)


def test_a_secret_of_ones_own_is_used(world: World, receiver: Receiver) -> None:
    webhook, _ = world.webhook(receiver)
    own = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    assert webhooks.rotate_secret(world.installation, webhook.id, secret=own)[1] == own
    world.happens()
    world.settle()
    assert Verifier(own).verify(receiver.got[0].body, receiver.got[0].headers)


def test_a_secret_that_cannot_be_read_is_told_and_mended_by_a_rotation(world: World, receiver: Receiver) -> None:
    webhook, _ = world.webhook(receiver)
    os.unlink(world.installation.vault.path)
    world.happens()
    assert world.settle() == world.clock() + 5
    assert receiver.got == []
    assert "secret.key_missing" in webhooks.deliveries(world.installation)[0].last_error
    _, secret = webhooks.rotate_secret(world.installation, webhook.id)
    world.clock.advance(5)
    world.settle()
    _as_of_now(receiver.got[0], world, secret)


def test_invariant_12_a_secret_is_nowhere_but_with_whoever_was_given_it(
    world: World, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    webhook, secret = world.webhook(receiver)
    bare = secret.removeprefix("whsec_")
    receiver.reply = Reply(500, {"x-echo": secret}, f"I know {secret} and {bare}".encode())
    world.happens()
    world.settle()
    webhooks.rotate_secret(world.installation, webhook.id)
    world.clock.advance(5)
    world.settle()
    assert [made.status for made in webhooks.delivery(world.installation, receiver.ids()[0])[1]] == [500, 500]
    shown = [webhooks.shape(webhook), repr(webhook), repr(world.tables.all())]
    shown += [webhooks.delivery_shape(*webhooks.delivery(world.installation, id)) for id in receiver.ids()]
    assert bare not in repr(shown)
    assert bare not in repr([(got.headers, got.body) for got in receiver.got])
    world.close()
    assert files_with(world.folder / "state", bare) == []
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith(("httpcore", "httpx"))]
    assert bare not in repr(ours)


def test_a_url_with_a_token_in_it_is_not_logged(
    world: World, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    world.webhook(receiver, "/hook?token=CANARY-9c")
    world.happens()
    world.settle()
    assert receiver.got[0].path.endswith("CANARY-9c")
    assert "CANARY-9c" not in caplog.text


# --- people


def test_webhooks_are_changed_under_their_revision_and_removed(world: World, receiver: Receiver) -> None:
    webhook, _ = world.webhook(receiver)
    assert (webhook.revision, webhook.enabled, webhook.types, webhook.connectors) == (1, True, (), None)
    docs = world.connector()
    changed = webhooks.update(
        world.installation, webhook.id, types=["job.failed"] * 2, connectors=["docs"], description="x", revision=1
    )
    assert (changed.revision, changed.types, changed.connectors) == (2, ("job.failed",), (docs.id,))
    with pytest.raises(Conflict):
        webhooks.update(world.installation, webhook.id, description="y", revision=1)
    assert webhooks.update(world.installation, webhook.id, connectors=None).connectors is None
    assert webhooks.shape(changed) == {
        "id": webhook.id,
        "url": webhook.url,
        "description": "x",
        "types": ["job.failed"],
        "connectors": [docs.id],
        "enabled": True,
        "disabled_why": "",
        "failing_since": None,
        "previous_secret_until": None,
        "revision": 2,
        "created_at": webhooks.shape(webhook)["created_at"],
        "updated_at": webhooks.shape(webhook)["updated_at"],
    }
    for wrong in ({"types": ["job.done"]}, {"connectors": ["nobody"]}):
        with pytest.raises(UsageError):
            webhooks.update(world.installation, webhook.id, **wrong)
    webhooks.send_test(world.installation, webhook.id)
    webhooks.remove(world.installation, webhook.id)
    assert (webhooks.all(world.installation), webhooks.deliveries(world.installation)) == ([], [])
    assert world.installation.control().mark("webhooks") is None
    for gone in (webhooks.get, webhooks.remove, webhooks.send_test, webhooks.replay, webhooks.deliveries):
        with pytest.raises(NotFound):
            gone(world.installation, webhook.id)  # type: ignore[operator]


def test_a_change_holds_from_the_moment_it_is_made(world: World, receiver: Receiver) -> None:
    webhook, _ = world.webhook(receiver, types=["job.pending"])
    world.happens()
    webhooks.update(world.installation, webhook.id, types=["job.failed"])
    world.happens()
    world.settle()
    assert len(receiver.got) == 1


def test_what_waits_for_a_webhook_that_a_person_disables_has_failed(world: World, receiver: Receiver) -> None:
    webhook, _ = world.webhook(receiver)
    receiver.reply = Reply(500)
    world.happens()
    world.settle()
    world.happens()
    webhooks.update(world.installation, webhook.id, enabled=False)
    assert world.settle() is None
    assert world.states() == ["failed", "failed"]


def test_a_webhook_that_is_disabled_or_removed_during_a_call_is_left_in_peace(world: World, receiver: Receiver) -> None:
    gate = threading.Event()

    def script(got: Got, n: int) -> Reply:
        gate.wait(WAIT_S)
        return Reply(500)

    receiver.script = script
    one, _ = world.webhook(receiver, "/one")
    two, _ = world.webhook(receiver, "/two")
    world.happens()
    until(lambda: (world.step(), len(receiver.got) == 2)[1])
    webhooks.update(world.installation, one.id, enabled=False)
    webhooks.remove(world.installation, two.id)
    gate.set()
    assert world.settle() is None
    assert world.states() == ["failed"]
    world.clock.advance(30 * DAY_S)
    assert world.settle() is None
    assert len(receiver.got) == 2


def test_the_log_is_read_page_by_page_and_by_state(world: World, receiver: Receiver) -> None:
    webhook, _ = world.webhook(receiver)
    receiver.script = lambda got, n: Reply(410 if n == 8 else 200)
    for _ in range(10):
        world.happens()
    world.settle()
    pages, before = [], None
    while page := webhooks.deliveries(world.installation, webhook.id, limit=4, before=before):
        pages.append([one.event for one in page])
        before = page[-1].number
    assert [len(page) for page in pages] == [4, 4, 2]
    events = [event for page in pages for event in page]
    assert events == sorted(events, reverse=True)
    failed = webhooks.deliveries(world.installation, state=DeliveryState.FAILED)
    assert [one.event for one in failed] == events[:3]
    shown = webhooks.delivery_shape(*webhooks.delivery(world.installation, failed[2].id))
    assert shown["payload"]["type"] == "job.pending"
    assert shown["history"][0]["status"] == 410
    assert "payload" not in webhooks.delivery_shape(failed[0])


def test_old_deliveries_are_forgotten(world: World, receiver: Receiver) -> None:
    world.webhook(receiver)
    world.happens()
    world.settle()
    world.clock.advance(29 * DAY_S)
    world.happens()
    world.settle()
    assert len(world.states()) == 2
    world.clock.advance(2 * DAY_S)
    world.settle()
    assert len(world.states()) == 1
    assert world.installation.control().db.execute("select count(*) from attempts").fetchall() == [(1,)]


# --- deaths


def test_invariant_01_no_event_is_lost_or_stored_twice_wherever_the_process_dies(
    tmp_path: Path, receiver: Receiver, remark: Callable[[str], None]
) -> None:
    recorder = CrashRecorder()
    play(tmp_path / "recorded", receiver, recorder)
    points = {name for name in recorder.counts if name.startswith(("control.spread", "control.record"))}
    assert {"control.spread.inside", "control.record_call.before", "control.record_call.after"} <= points
    deaths = [crash for crash in recorder.crashes(at_most=2) if crash.point in points]
    for crash in deaths:
        home = tmp_path / f"{crash.point}-{crash.nth}"
        with pytest.raises(SimulatedCrash):
            play(home, receiver, crash)
        receiver.got.clear()
        world = World(home)
        world.settle()
        one, two = webhooks.all(world.installation)
        for webhook in (one, two):
            kept = [d.event for d in reversed(webhooks.deliveries(world.installation, webhook.id)) if d.event]
            assert kept == [1, 2, 3, 4, 5, 6], crash
        assert set(world.states()) == {"delivered"}, crash
        world.close()
    remark(f"webhooks: {len(points)} crash points, {len(deaths)} deaths survived")


def play(home: Path, receiver: Receiver, crash: CrashPoint) -> None:
    """Two webhooks, six events, in two heaps. Dies where `crash` says."""
    home.mkdir()
    world = World(home)
    world.webhook(receiver, "/one")
    world.webhook(receiver, "/two")
    for _ in range(6):
        world.happens()
    world.close()
    world = World(home, crash)
    try:
        world.settle()
    finally:
        world.close()


def test_messages_survive_real_kills(tmp_path: Path, receiver: Receiver, remark: Callable[[str], None]) -> None:
    world = World(tmp_path)
    world.webhook(receiver, "/one")
    world.webhook(receiver, "/two")
    for round in range(3):
        before = len(receiver.got)
        process = subprocess.Popen([sys.executable, "-c", PROCESS, str(tmp_path / "state")], cwd=ROOT)
        until(lambda heard=before, process=process: len(receiver.got) > heard or process.poll() is not None)  # type: ignore[misc]
        for _ in range(20):
            world.happens()
        until(lambda least=before + 5 + 3 * round: len(receiver.got) > least)  # type: ignore[misc]
        process.send_signal(signal.SIGKILL)
        process.wait(WAIT_S)
    world.clock.now_s = time.time() + 1
    world.settle()
    stored = [(one.webhook, one.event) for one in webhooks.deliveries(world.installation, limit=10_000) if one.event]
    assert len(stored) == len(set(stored)) == 120
    heard = {got.id for got in receiver.got if json.loads(got.body)["type"] != "webhook.test"}
    assert len(heard) == 120
    assert set(world.states()) == {"delivered"}
    twice = len(receiver.got) - len(set(receiver.ids()))
    remark(f"webhooks: 3 kills among 120 messages, none lost, {twice} sent twice")
    world.close()


PROCESS = """
import sys, time
from syncline.service import webhooks
from syncline.wiring import Installation
from tests.outgoing.receivers import here
installation = Installation(sys.argv[1])
for webhook in webhooks.all(installation):
    webhooks.send_test(installation, webhook.id)
webhooks.Dispatcher(installation, allow_private=True, resolve=here).start()
time.sleep(600)
"""


# --- the thread


def test_the_thread_sends_by_itself_and_a_stop_does_not_wait_for_a_receiver_that_hangs(
    tmp_path: Path, receivers: Callable[..., Receiver], remark: Callable[[str], None]
) -> None:
    well, hanging = receivers(), receivers()
    hanging.reply = Reply(hang=True)
    world = World(tmp_path)
    world.timeout_s = 10 * WAIT_S  # longer than anybody waits here
    world.dispatcher = world.new_dispatcher()
    world.webhook(well)
    world.webhook(hanging)
    world.dispatcher.start()
    began = time.monotonic()
    world.happens()
    until(lambda: well.got)
    heard = time.monotonic() - began
    until(lambda: hanging.got)
    until(lambda: "delivered" in world.states())
    began = time.monotonic()
    world.dispatcher.stop()
    remark(f"webhooks: heard {heard * 1000:.0f} ms after the event, stopped in {time.monotonic() - began:.2f} s")
    assert not any(thread.name == "webhooks" for thread in threading.enumerate())
    until(lambda: not any(thread.name == "webhook-call" for thread in threading.enumerate()), "calls to be cut off")
    assert sorted(world.states()) == ["delivered", "waiting"]  # the call that was cut off is made again some day
    world.close()


def test_of_two_dispatchers_one_is_at_work_and_the_other_takes_over(tmp_path: Path, receiver: Receiver) -> None:
    world = World(tmp_path)
    world.webhook(receiver)
    first, second = world.new_dispatcher(), world.new_dispatcher()
    first.start()
    world.happens()
    until(lambda: world.states() == ["delivered"])
    second.start()
    for _ in range(20):
        world.happens()
    until(lambda: world.states() == ["delivered"] * 21)
    first.stop()
    world.happens()
    until(lambda: world.states() == ["delivered"] * 22)
    second.stop()
    assert len(receiver.got) == 22
    world.close()


def test_a_failure_of_the_database_does_not_end_the_thread(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path)
    world.webhook(receiver)
    real, failed = Webhooks.spread, threading.Event()

    def failing(self: Webhooks, now: float, limit: int = 500) -> int:
        if not failed.is_set():
            failed.set()
            raise RuntimeError("the disk is on fire")
        return real(self, now, limit)

    monkeypatch.setattr(webhooks, "AFTER_ERROR_S", 0.01)
    monkeypatch.setattr(Webhooks, "spread", failing)
    world.dispatcher.start()
    until(failed.is_set)
    world.happens()
    until(lambda: receiver.got)
    world.close()


def test_an_idle_step_is_cheap(world: World, receiver: Receiver, remark: Callable[[str], None]) -> None:
    for n in range(10):
        world.webhook(receiver, f"/{n}")
    world.happens()
    world.settle()
    began = time.process_time()
    for _ in range(1000):
        assert world.step() is None
    each_us = (time.process_time() - began) * 1000
    remark(f"webhooks: an idle step with 10 webhooks takes {each_us:.0f} µs of CPU")


def test_a_job_that_ends_tells_all_its_states(world: World, receiver: Receiver) -> None:
    world.webhook(receiver)
    control = world.installation.control()
    job = control.add_job(world.connector(), None, Trigger.ON_DEMAND, False, world.clock()).job
    job = control.claim(job.number, "w", world.clock(), JobType.FULL)
    counters = Counters({"withheld_deletes": 3})
    control.end(job, JobEvent.FINISH_WITH_SKIPS, world.clock(), counters)
    world.settle()
    types = [json.loads(got.body)["type"] for got in receiver.got]
    assert types == ["job.pending", "job.running", "job.incomplete", "deletions.withheld"]
    assert json.loads(receiver.got[3].body)["data"]["withheld_deletes"] == 3
