"""From events to messages: each exactly once, in order, and not too many of them kept."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from syncline.dialects.airweave import messages
from syncline.dialects.airweave.calls import NAME
from syncline.model.connectors import Connector
from syncline.model.events import EVENT_TYPES
from syncline.service import connectors, jobs, webhooks
from syncline.service.declaration.export import exported
from syncline.store.relational.records import Record, Records
from syncline.store.relational.webhooks import Webhooks
from syncline.wiring import Installation


class Host:
    """A server, as far as a chore needs one."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation

    @contextmanager
    def room(self) -> Iterator[Installation]:
        yield self._installation


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(str(tmp_path / "state"), time.time)
    yield made
    made.close()


@pytest.fixture
def connector(installation: Installation, tmp_path: Path) -> Connector:
    draft = connectors.draft(installation.control(), "folder", {"path": str(tmp_path / "docs")}, name="docs")
    return connectors.add(installation, draft)


def turn(installation: Installation) -> None:
    messages.turn(Host(installation))  # type: ignore[arg-type]


def kept(installation: Installation) -> list[Record]:
    return list(Records(installation.control(), NAME).all(messages.MESSAGE))


def types(installation: Installation) -> list[str]:
    return [record.body["type"] for record in kept(installation)]


def test_what_happened_before_the_dialect_was_used_is_not_told(
    installation: Installation, connector: Connector
) -> None:
    jobs.stop(installation, jobs.start(installation, connector).job.id)
    turn(installation)
    assert types(installation) == []
    messages.begin(installation)
    messages.begin(installation)
    jobs.stop(installation, jobs.start(installation, connector).job.id)
    for _ in range(2):
        turn(installation)
    assert types(installation) == ["sync.pending", "sync.cancelled"]


def test_a_turn_that_breaks_has_told_nothing_and_is_made_again(
    installation: Installation, connector: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages.begin(installation)
    hook, _ = webhooks.add(
        installation, "http://127.0.0.1:9/", types=[f"{NAME}/sync.pending"], known=messages.KNOWN, allow_private=True
    )
    jobs.stop(installation, jobs.start(installation, connector).job.id)
    whole, told = messages.tell, []

    def break_at_the_second(*args: Any) -> None:
        told.append(args)
        if len(told) == 2:
            raise RuntimeError("the lights go out")
        whole(*args)

    monkeypatch.setattr(messages, "tell", break_at_the_second)
    with pytest.raises(RuntimeError):
        turn(installation)
    sending = Webhooks(installation.control())
    assert (types(installation), sending.deliveries(hook.number)) == ([], [])

    monkeypatch.undo()
    turn(installation)
    assert types(installation) == ["sync.pending", "sync.cancelled"]
    (delivery,) = sending.deliveries(hook.number)
    assert delivery.id.startswith(kept(installation)[0].id)


def test_a_subscription_hears_of_nothing_from_before_it_was_made(
    installation: Installation, connector: Connector
) -> None:
    messages.begin(installation)
    jobs.start(installation, connector)
    hook, _ = webhooks.add(
        installation, "http://127.0.0.1:9/", types=[f"{NAME}/sync.pending"], known=messages.KNOWN, allow_private=True
    )
    turn(installation)
    assert types(installation) == ["sync.pending"]
    assert Webhooks(installation.control()).deliveries(hook.number) == []


def test_our_own_webhooks_hear_nothing_in_foreign_words(installation: Installation, connector: Connector) -> None:
    messages.begin(installation)
    everything, _ = webhooks.add(installation, "http://127.0.0.1:9/", allow_private=True)
    foreign, _ = webhooks.add(
        installation, "http://127.0.0.1:9/", types=[f"{NAME}/sync.pending"], known=messages.KNOWN, allow_private=True
    )
    jobs.start(installation, connector)
    turn(installation)
    sending = Webhooks(installation.control())
    sending.spread(time.time())

    assert [one.type for one in sending.deliveries(everything.number)] == ["job.pending"]
    assert [one.type for one in sending.deliveries(foreign.number)] == ["sync.pending"]


def test_webhooks_in_foreign_words_are_not_declared(installation: Installation, connector: Connector) -> None:
    for types, known in (([f"{NAME}/sync.pending"], messages.KNOWN), (["job.failed"], EVENT_TYPES)):
        webhooks.add(installation, "http://127.0.0.1:9/", types=types, known=known, allow_private=True)

    said = exported(installation)
    assert "job.failed" in said
    assert NAME not in said


def test_old_messages_are_dropped(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "KEEP", 5)
    monkeypatch.setattr(messages, "KEEP_MORE", 2)
    messages.begin(installation)
    for number in range(8):
        messages.tell(installation, "collection.created", {"collection_name": str(number)})
    turn(installation)

    names = [record.body["payload"]["collection_name"] for record in kept(installation)]
    assert names == ["3", "4", "5", "6", "7"]


def test_events_that_were_told_need_not_be_kept(installation: Installation, connector: Connector) -> None:
    messages.begin(installation)
    jobs.start(installation, connector)
    control = installation.control()
    control.forget_events(0)
    assert control.events(0)
    turn(installation)
    control.forget_events(0)
    assert control.events(0) == []
