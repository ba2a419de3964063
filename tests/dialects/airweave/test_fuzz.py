"""Every operation, asked more than a thousand things that it may not like: never a failure of the server, never an
answer outside of the dialect's form, and no secret in any of them."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from pydantic import BaseModel
from tests.dialects.airweave.labs import Lab, until
from tests.outgoing.receivers import Receiver
from tests.serve.conftest import ROOT_SECRET

from syncline.dialects.airweave.app import ROUTES, Route

EACH = 28
SLOW_EACH = 600
CANARY = "canary-of-the-fuzz-9f31"

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 1 << 62, -(1 << 62), 0.5, "", " ", "a", "abcd", "ä" * 5, "x" * 5000, "'; drop table x",
    "\u202e", "../../etc/passwd", "2026-02-30", "2026-01-01T00:00:00Z", "0 0 * * *", "* * * * *", "99 * * * *", [],
    [[]], ["a"], [None], {},
    {"a": 1}, {"$sealed": "v1:AAAA"}, {"credentials": {}}, {"credentials": {"password": CANARY}},
    {"access_token": "x"}, [{"conditions": []}], {"cron": "*/5 * * * *"}, {"cron": None}, "********",
    {"path": "/etc"},
    [{"conditions": [{"field": "name", "operator": "equals", "value": "a"}]}], "filesystem", "web", "sync.completed",
    ["sync.completed"], "http://169.254.169.254/", "file:///etc/passwd", "hybrid",
)  # fmt: skip


class Fuzz:
    """Requests to one server, always the same ones."""

    def __init__(self, lab: Lab, receiver: Receiver, seed: int = 20261122) -> None:
        self.lab = lab
        self.random = random.Random(seed)
        self.receiver = receiver
        self.collection = lab.collection()
        self.place = lab.folder({"a.md": "a"})
        made = lab.files(self.place, self.collection)
        self.connection, self.job = made.id, lab.ended(made.id).id
        hook = lab.sdk.webhooks.create_subscription(
            url=receiver.url("127.0.0.1"), event_types=["collection.created"], secret=CANARY * 2
        )
        self.subscription = hook.id
        self.message = until(lambda: lab.sdk.webhooks.get_messages())[0].id

    def known(self) -> dict[str, list[str]]:
        """Names of things that are there, and of others."""
        other = ["nothing", "0" * 8, "a" * 300, "%00", "%ff", "..", "a b", "ä", "0f" * 16, "*"]
        return {
            "readable_id": [self.collection, *other],
            "id": [self.connection, "8a5c1d0e-6f0a-4a53-9d2e-0c0f5d1b7a11", *other],
            "job_id": [self.job, "8a5c1d0e-6f0a-4a53-9d2e-0c0f5d1b7a11", *other],
            "short_name": ["web", "filesystem", "sql", *other],
            "message_id": [self.message, *other],
            "subscription_id": [self.subscription, *other],
        }

    def path(self, route: Route) -> str:
        """The path of a route; mostly of something that is there, but for what would remove it."""
        known, said = self.known(), route.path
        for name, values in known.items():
            removing = route.method == "DELETE"
            first = 0.0 if removing else 0.7
            chosen = values[0] if self.random.random() < first else self.random.choice(values[1:])
            said = said.replace(f"{{{name}}}", chosen)
        return said + self.random.choice(["", "", "/"])

    def value(self, name: str) -> Any:
        """Something for a member of that name, often something that makes sense."""
        sensible: dict[str, Any] = {
            "name": "A proper name", "short_name": "filesystem", "readable_collection_id": self.collection,
            "config": {"path": str(self.place)}, "query": "a", "url": self.receiver.url("127.0.0.1"),
            "event_types": ["sync.completed"], "since": "2026-11-20T00:00:00Z", "limit": 10, "offset": 0,
            "sync_immediately": False,
        }  # fmt: skip
        if name in sensible and self.random.random() < 0.75:
            return sensible[name]
        return self.random.choice(ODD)

    def members(self, model: type[BaseModel]) -> dict[str, Any]:
        """Some members of a model, and sometimes one that it does not have."""
        fields = model.model_fields
        said = {
            name: self.value(name)
            for name, field in fields.items()
            if (field.is_required() and self.random.random() < 0.95) or self.random.random() < 0.35
        }
        if self.random.random() < 0.05:
            said["surprise"] = self.random.choice(ODD)
        return said

    def request(self, route: Route) -> httpx.Request:
        """One request."""
        query: Any = {}
        if route.query is not None:
            query = {name: str(value) for name, value in self.members(route.query).items()}
        content = b""
        if route.body is not None:
            content = json.dumps(self.members(route.body)).encode()
            if self.random.random() < 0.06:
                content = content[: self.random.randrange(len(content))]
        headers = {"content-type": "application/json"} if content else {}
        return self.lab.raw.build_request(
            route.method, self.path(route), params=query, content=content, headers=headers
        )

    def requests(self, each: int) -> Iterator[tuple[Route, httpx.Request]]:
        for _ in range(each):
            for route in ROUTES:
                yield route, self.request(route)


def fault_in(route: Route, answer: httpx.Response) -> str:
    """What is wrong with an answer; "" when nothing is."""
    unavailable = answer.status_code == 503 and "/search/" in route.path and "LLM" in answer.text
    gateway = answer.status_code == 502 and route.path.startswith("/source-connections")
    if answer.status_code >= 500 and not unavailable and not gateway:
        return f"status {answer.status_code}"
    if answer.status_code >= 300 and answer.status_code < 400:
        return "a redirect"
    if CANARY in answer.text or ROOT_SECRET in answer.text:
        return "a secret"
    said = answer.json()
    if answer.status_code < 400:
        return ""
    if isinstance(said.get("detail"), str) and set(said) == {"detail"}:
        return ""
    listed = set(said) == {"detail", "errors"} and isinstance(said["detail"], list) and answer.status_code == 422
    return "" if listed and all({"loc", "msg", "type"} == set(one) for one in said["detail"]) else "another form"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.mark.timeout(1800)
def test_no_question_makes_the_server_fail_or_leave_the_form(
    lab: Lab, receiver: Receiver, request: pytest.FixtureRequest, remark: Callable[[str], None]
) -> None:
    fuzz = Fuzz(lab, receiver)
    wrong: list[str] = []
    statuses: Counter[int] = Counter()
    each = SLOW_EACH if request.config.getoption("--slow") else EACH

    for route, asked in fuzz.requests(each):
        answer = lab.raw.send(asked)
        statuses[answer.status_code] += 1
        if fault := fault_in(route, answer):
            wrong.append(f"{fault}: {asked.method} {asked.url} {asked.content!r:.300} → {answer.text:.300}")

    remark(f"airweave: {statuses.total()} odd requests, answered {dict(sorted(statuses.items()))}")
    assert wrong == []
    assert statuses.total() > 1000
    assert statuses[200] > 200
    assert CANARY not in lab.served.errors
    for subscription in lab.sdk.webhooks.get_subscriptions():
        lab.sdk.webhooks.delete_subscription(subscription.id)
    for connection in lab.sdk.source_connections.list(collection=fuzz.collection, limit=1000):
        lab.sdk.source_connections.delete(connection.id)
