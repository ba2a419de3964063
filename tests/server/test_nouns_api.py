"""Sources, secrets, keys, schedules, triggers and webhooks over the API."""

from __future__ import annotations

import json
import time

import pytest

from syncline.outgoing.signing import signed_headers

SECRET = "hunter2-is-a-secret"
TICKETS = """
from pydantic import BaseModel, SecretStr
from syncline import Document, source


class Login(BaseModel):
    user: str
    password: SecretStr


class TicketsConfig(BaseModel):
    project: str = "DOCS"
    token: SecretStr
    logins: list[Login] = []


@source("tickets", config=TicketsConfig)
def tickets(config):
    yield Document("token", text=config.token.get_secret_value())
    for login in config.logins:
        yield Document(login.user, text=login.password.get_secret_value())
"""


@pytest.fixture(scope="module")
def nouns(api):
    api.push_connector("p", "p")
    return api


def refused(answer, status, code):
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


# --- secrets (invariant 12) ------------------------------------------------------------------------------------------


@pytest.fixture
def tickets(nouns, monkeypatch):
    """A connector with secrets. Its kind is named by code, which this server is told to allow."""
    monkeypatch.setenv("SYNCLINE_ALLOW_IMPORT_PATHS", "1")
    file = nouns.home / "tickets_source.py"
    file.write_text(TICKETS)
    settings = {"token": SECRET, "logins": [{"user": "ann", "password": "ann-password"}]}
    made = nouns.ok("POST", "/v1/connectors", 201, json={
        "kind": f"{file}:tickets", "name": "tickets", "index": "tickets", "settings": settings,
    })  # fmt: skip
    yield made
    nouns.ok("DELETE", "/v1/connectors/tickets")


def text_of(api, id):
    api.synced("tickets", force=True)
    return api.ok("GET", f"/v1/documents/tickets/{id}?text=true")["text"]


def test_secrets_are_shown_to_nobody_invariant_12(nouns, tickets):
    shown = nouns.ok("GET", "/v1/connectors/tickets")
    for told in (tickets, shown, nouns.ok("GET", "/v1/connectors")):
        assert SECRET not in json.dumps(told)
        assert "ann-password" not in json.dumps(told)
    assert shown["settings"]["token"] == "********"
    assert shown["settings"]["logins"] == [{"user": "ann", "password": "********"}]
    assert (text_of(nouns, "token"), text_of(nouns, "ann")) == (SECRET, "ann-password")


def test_a_change_without_a_secret_or_with_its_asterisks_keeps_it(nouns, tickets):
    shown = nouns.ok("GET", "/v1/connectors/tickets")
    nouns.ok("PATCH", "/v1/connectors/tickets", json={"settings": {"project": "OTHER"}})
    assert text_of(nouns, "token") == SECRET
    nouns.ok("PATCH", "/v1/connectors/tickets", json={"settings": shown["settings"]})
    assert (text_of(nouns, "token"), text_of(nouns, "ann")) == (SECRET, "ann-password")
    nouns.ok("PATCH", "/v1/connectors/tickets", json={"settings": {"token": "another-secret"}})
    assert text_of(nouns, "token") == "another-secret"


def test_asterisks_that_stand_for_nothing_are_refused(nouns, tickets):
    logins = [{"user": "ann", "password": "********"}, {"user": "bob", "password": "********"}]
    refused(nouns.client.patch("/v1/connectors/tickets", json={"settings": {"logins": logins}}), 422, "config.invalid")
    body = {"kind": tickets["kind"], "name": "more", "settings": {"token": "********"}}
    refused(nouns.client.post("/v1/connectors", json=body), 422, "config.invalid")


def test_a_wrong_setting_does_not_quote_a_secret(nouns, tickets):
    answer = nouns.client.patch("/v1/connectors/tickets", json={"settings": {"token": [SECRET]}})
    refused(answer, 422, "config.invalid")
    assert SECRET not in answer.text


def test_the_settings_of_code_stay_as_they_are_when_code_is_not_allowed(nouns, tickets, monkeypatch):
    monkeypatch.delenv("SYNCLINE_ALLOW_IMPORT_PATHS")
    answer = nouns.client.patch("/v1/connectors/tickets", json={"settings": {"project": "X"}})
    refused(answer, 403, "reach.kind")
    nouns.ok("PATCH", "/v1/connectors/tickets", json={"description": "that is allowed"})


# --- sources ---------------------------------------------------------------------------------------------------------


def test_source_kinds_are_told_with_the_schema_of_their_settings(nouns):
    kinds = {kind["name"]: kind for kind in nouns.ok("GET", "/v1/sources")["items"]}
    assert {"folder", "push"} <= set(kinds)
    assert kinds["folder"]["settings"]["properties"]["path"]["type"] == "string"
    assert nouns.ok("GET", "/v1/sources/folder") == kinds["folder"]
    refused(nouns.client.get("/v1/sources/nothing"), 404, "not_found")
    refused(nouns.client.get("/v1/sources/os:system"), 403, "reach.kind")


# --- keys ------------------------------------------------------------------------------------------------------------


def test_a_key_tells_its_secret_once(nouns):
    made = nouns.ok("POST", "/v1/keys", 201, json={"name": "ci", "scopes": ["read"], "indexes": ["p"]})
    assert made["secret"]
    listed = next(key for key in nouns.ok("GET", "/v1/keys?limit=1000")["items"] if key["id"] == made["id"])
    assert (listed["scopes"], listed["indexes"], "secret" in listed) == (["read"], ["p"], False)
    assert nouns.ok("DELETE", f"/v1/keys/{made['id']}")["revoked_at"]
    refused(nouns.client.delete("/v1/keys/nobody"), 404, "not_found")
    refused(nouns.client.delete("/v1/keys/root"), 409, "key.root")
    refused(nouns.client.post("/v1/keys", json={"secret": "short"}), 422, "key.bad_secret")
    assert "short" not in nouns.client.post("/v1/keys", json={"secret": "shortsecret"}).json()["detail"].split()


# --- schedules -------------------------------------------------------------------------------------------------------


def test_a_schedule_is_made_changed_previewed_and_removed(nouns):
    made = nouns.ok(
        "POST", "/v1/connectors/p/schedules", 201, json={"expression": "0 3 * * *", "zone": "Europe/Berlin"}
    )
    assert (made["dialect"], made["zone"], made["enabled"], len(made["next_runs"]) > 0) == (
        "unix", "Europe/Berlin", True, True,
    )  # fmt: skip
    path = f"/v1/schedules/{made['id']}"
    assert nouns.ok("GET", path)["id"] == made["id"]
    assert [one["id"] for one in nouns.ok("GET", "/v1/connectors/p/schedules")["items"]] == [made["id"]]
    changed = nouns.ok("PATCH", path, json={"enabled": False})
    assert (changed["enabled"], changed["next_at"], changed["revision"]) == (False, None, 2)
    stale = nouns.client.patch(path, json={"enabled": True}, headers={"if-match": '"1.x"'})
    refused(stale, 412, "conflict.precondition")
    refused(nouns.client.patch(path, json={"expression": "nonsense"}), 422, "schedule.invalid")
    preview = nouns.ok("POST", "/v1/schedules/preview", json={"expression": "rate(15 minutes)", "count": 3})
    assert len(preview["times"]) == 3
    assert nouns.ok("DELETE", path)["removed"]
    refused(nouns.client.get(path), 404, "not_found")


# --- triggers --------------------------------------------------------------------------------------------------------


def test_a_signed_call_starts_a_job_and_an_unsigned_one_none(nouns):
    made = nouns.ok("POST", "/v1/connectors/p/triggers", 201, json={"kind": "webhook", "settings": {"name": "ci"}})
    secret, path = made["secret"], f"/v1/triggers/{made['id']}"
    assert nouns.ok("GET", path)["settings"] == {"name": "ci", "secret": "********"}
    body = b'{"anything": NaN}'
    headers = signed_headers("call-1", int(time.time()), body, [secret])
    before = len(nouns.ok("GET", "/v1/jobs?connector=p&limit=1000")["items"])
    answer = nouns.anybody.post(f"/v1/hooks/{made['id']}", content=body, headers=headers)
    assert (answer.status_code, answer.json()["created"]) == (202, True)
    again = nouns.anybody.post(f"/v1/hooks/{made['id']}", content=body, headers=headers)
    assert again.json()["job"] == answer.json()["job"]
    assert nouns.ended(answer.json()["job_id"])["trigger"] == "event"
    forged = nouns.anybody.post(f"/v1/hooks/{made['id']}", content=body + b" ", headers=headers)
    refused(forged, 401, "trigger.bad_signature")
    refused(nouns.anybody.post("/v1/hooks/nothing", content=body, headers=headers), 404, "not_found")
    assert len(nouns.ok("GET", "/v1/jobs?connector=p&limit=1000")["items"]) == before + 1

    nouns.ok("PATCH", path, json={"settings": {"name": "renamed", "secret": "********"}})
    headers = signed_headers("call-2", int(time.time()), body, [secret])
    assert nouns.anybody.post(f"/v1/hooks/{made['id']}", content=body, headers=headers).status_code == 202
    assert nouns.ok("DELETE", path)["removed"]


def test_a_trigger_that_makes_no_sense_is_refused(nouns):
    for body, code in (
        ({"kind": "watch"}, "trigger.invalid"),
        ({"kind": "after", "settings": {"connector": "p"}}, "trigger.invalid"),
        ({"kind": "after", "settings": {"connector": "p", "on": [["x"]]}}, "request.invalid"),
        ({"kind": "other"}, "request.invalid"),
    ):
        refused(nouns.client.post("/v1/connectors/p/triggers", json=body), 422, code)
    answer = nouns.client.post("/v1/connectors/p/triggers", json={"kind": "after", "settings": {"connector": "none"}})
    refused(answer, 404, "not_found")


# --- webhooks --------------------------------------------------------------------------------------------------------


def test_a_webhook_is_made_tested_rotated_and_removed(nouns, monkeypatch):
    monkeypatch.setenv("SYNCLINE_ALLOW_PRIVATE_TARGETS", "1")
    made = nouns.ok("POST", "/v1/webhooks", 201, json={"url": "http://127.0.0.1:9/hook", "types": ["job.failed"]})
    path = f"/v1/webhooks/{made['id']}"
    assert "secret" not in nouns.ok("GET", path)
    changed = nouns.ok("PATCH", path, json={"connectors": ["p"], "description": "x"})
    assert len(changed["connectors"]) == 1
    assert nouns.ok("PATCH", path, json={"connectors": None})["connectors"] is None
    rotated = nouns.ok("POST", f"{path}/rotate-secret")
    assert rotated["secret"] != made["secret"]
    sent = nouns.ok("POST", f"{path}/test", 202)
    assert [one["id"] for one in nouns.ok("GET", f"{path}/deliveries")["items"]] == [sent["id"]]
    assert nouns.ok("GET", f"/v1/deliveries/{sent['id']}")["history"] == []
    nouns.ok("POST", f"/v1/deliveries/{sent['id']}/replay", 202)
    nouns.ok("PATCH", path, json={"enabled": False})
    refused(nouns.client.post(f"{path}/test"), 409, "webhook.disabled")
    assert nouns.ok("DELETE", path)["removed"]
    refused(nouns.client.get(path), 404, "not_found")


def test_a_webhook_into_this_machine_is_refused(nouns, monkeypatch):
    monkeypatch.delenv("SYNCLINE_ALLOW_PRIVATE_TARGETS", raising=False)
    for url in ("http://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/latest", "ftp://example.org/"):
        answer = nouns.client.post("/v1/webhooks", json={"url": url})
        assert 400 <= answer.status_code < 500, (url, answer.text)
