"""Who may do what: every operation of the description, asked with every kind of key."""

from __future__ import annotations

import pytest

KEYS = ("none", "unknown", "empty", "read", "write", "admin", "other index")
BODIES = {
    "create_index": {"name": "made"},
    "update_index": {"description": "x"},
    "create_connector": {"kind": "push", "index": "mine"},
    "update_connector": {"description": "x"},
    "push_documents": {"documents": [{"id": "a", "text": "x"}]},
    "search": {"index": "mine"},
    "create_schedule": {"expression": "0 3 * * *"},
    "update_schedule": {"enabled": False},
    "preview_schedule": {"expression": "0 3 * * *"},
    "create_trigger": {"kind": "webhook"},
    "update_trigger": {"enabled": False},
    "create_webhook": {"url": "https://127.0.0.1/"},
    "update_webhook": {"enabled": False},
    "create_key": {"scopes": ["read"]},
}
QUERIES = {"why_document": {"id": "a"}, "search_by_url": {"index": "mine"}}
GLOBAL = ("webhooks", "deliveries", "keys")
NOT_BOUND_TO_ONE = ("list_", "preview_schedule", "get_source", "follow_events")
EXPECTED = {  # by the scope that is needed: which keys get past the door
    "read": ("read", "write", "admin", "other index"),
    "write": ("write", "admin", "other index"),
    "admin": ("admin", "other index"),
}


@pytest.fixture(scope="module")
def place(api):
    """Something of everything in the index "mine", and a key of each kind."""
    api.ok("POST", "/v1/indexes", 201, json={"name": "mine"})
    api.ok("POST", "/v1/indexes", 201, json={"name": "theirs"})
    api.push_connector("mine", "mine")
    job = api.ok("POST", "/v1/connectors/mine/documents", 202, json=BODIES["push_documents"])["job"]
    api.ended(job["id"])
    schedule = api.ok("POST", "/v1/connectors/mine/schedules", 201, json=BODIES["create_schedule"])
    trigger = api.ok("POST", "/v1/connectors/mine/triggers", 201, json=BODIES["create_trigger"])
    keys = {
        "none": {},
        "unknown": {"authorization": "Bearer not-a-key-of-anybody"},
        "empty": api.key(),
        "read": api.key("read", indexes=["mine"]),
        "write": api.key("write", indexes=["mine"]),
        "admin": api.key("admin"),
        "other index": api.key("admin", indexes=["theirs"]),
    }
    names = {
        "connector": "mine", "index": "mine", "job": str(job["number"]), "kind": "push",
        ("documents", "id"): "a", ("schedules", "id"): schedule["id"], ("triggers", "id"): trigger["id"],
    }  # fmt: skip
    return keys, names


def operations(api):
    """(operationId, method, path, scope or None, tag) of everything that is described."""
    described = api.anybody.get("/openapi.json").json()
    for path, item in described["paths"].items():
        for method, told in item.items():
            said = told["description"].rsplit("\n\n", 1)[1]
            scope = said.split("`")[1] if "`" in said else None
            yield told["operationId"], method.upper(), path, scope


def filled(path, names):
    noun = path.split("/")[2] if path.startswith("/v1/") else ""
    for name in ("connector", "index", "job", "kind", "id"):
        value = names.get((noun, name)) or names.get(name) or "00000000-0000-4000-8000-000000000000"
        path = path.replace("{" + name + "}", value)
    return path


def asked(api, keys, names, operation, method, path, key):
    """The status of its answer, with the parts of the request that let it get as far as it may."""
    with api.anybody.stream(
        method,
        filled(path, names),
        headers={**keys[key], "if-match": '"never.never"'} if method in ("PATCH", "DELETE") else keys[key],
        params=QUERIES.get(operation),
        json=BODIES.get(operation) if method in ("POST", "PATCH") else None,
    ) as answer:
        if answer.headers["content-type"].startswith("text/event-stream"):
            return answer.status_code, {}
        answer.read()
        told = answer.json() if answer.headers["content-type"].endswith(("/json", "+json")) else {}
        return answer.status_code, told


@pytest.mark.parametrize("key", KEYS)
def test_every_operation_lets_in_whom_it_says_and_nobody_else(api, place, key, remark):
    keys, names = place
    wrong, seen = [], 0
    for operation, method, path, scope in operations(api):
        status, told = asked(api, keys, names, operation, method, path, key)
        seen += 1
        if not _right(operation, path, scope, key, status, told):
            wrong.append((operation, key, status, told.get("code")))
    remark(f"scopes: {seen} operations asked with the key {key!r}")
    assert seen >= 55
    assert wrong == []


def _right(operation, path, scope, key, status, told):
    if scope is None:
        return status not in (403, 500) and (status != 401 or told["code"] == "trigger.bad_signature")
    if key in ("none", "unknown"):
        return (status, told["code"]) == (401, "auth.missing" if key == "none" else "auth.invalid")
    if key not in EXPECTED[scope]:
        return (status, told["code"], told["scope"]) == (403, "auth.scope", scope)
    if key == "other index":
        return _right_elsewhere(operation, path, status, told)
    return status not in (401, 403, 500)


def _right_elsewhere(operation, path, status, told):
    """A key of another index: what is not in that is not there."""
    if path.split("/")[2] in GLOBAL:
        return status in (200, 403, 404)
    if operation in ("create_index", "create_connector"):
        return (status, told["code"]) == (403, "auth.index")
    if "{" in path and not operation.startswith("get_source"):
        return status == 404
    return status == (404 if operation.startswith("search") else 200)


def test_lists_show_what_the_key_may_see_only(api, place):
    keys, _ = place
    mine, theirs = (api.anybody.get("/v1/indexes", headers=keys[key]).json() for key in ("read", "other index"))
    assert ([one["name"] for one in mine["items"]], [one["name"] for one in theirs["items"]]) == (["mine"], ["theirs"])
    for path in ("/v1/connectors", "/v1/jobs", "/v1/jobs?index=mine", "/v1/keys"):
        shown = api.anybody.get(path, headers=keys["other index"]).json()["items"]
        assert [one for one in shown if one.get("indexes") != ["theirs"]] == []
    assert api.anybody.get("/v1/connectors", headers=keys["read"]).json()["items"]


def test_what_may_not_be_seen_is_told_of_in_the_words_for_what_is_not_there(api, place):
    keys, _ = place
    hidden = api.anybody.get("/v1/connectors/mine", headers=keys["other index"]).json()
    absent = api.anybody.get("/v1/connectors/none", headers=keys["other index"]).json()
    for told in (hidden, absent):
        del told["request_id"]
    assert hidden["detail"].replace("mine", "none") == absent["detail"]
    assert {**hidden, "detail": ""} == {**absent, "detail": ""}


def test_a_bound_key_makes_no_key_that_may_do_more(api, place):
    keys, _ = place
    for indexes in (None, ["mine"], ["theirs", "mine"]):
        answer = api.anybody.post("/v1/keys", json={"indexes": indexes}, headers=keys["other index"])
        assert (answer.status_code, answer.json()["code"]) == (403, "auth.index")
    made = api.anybody.post("/v1/keys", json={"indexes": ["theirs"]}, headers=keys["other index"])
    assert made.status_code == 201
    assert api.anybody.delete(f"/v1/keys/{made.json()['id']}", headers=keys["other index"]).status_code == 200


def test_a_revoked_key_opens_nothing_any_more(api):
    made = api.ok("POST", "/v1/keys", 201, json={"scopes": ["read"]})
    headers = {"x-api-key": made["secret"]}
    assert api.anybody.get("/v1/indexes", headers=headers).status_code == 200
    api.ok("DELETE", f"/v1/keys/{made['id']}")
    assert api.anybody.get("/v1/indexes", headers=headers).status_code == 401


def test_every_operation_is_described_in_full(api):
    described = api.anybody.get("/openapi.json").json()
    ids = []
    for path, item in described["paths"].items():
        for told in item.values():
            ids.append(told["operationId"])
            assert told["summary"], path
            assert len(told["description"].split("\n\n")[0]) > 5, path
            assert {"400", "422", "500", "503"} <= set(told["responses"]), path
            assert any(status.startswith("2") for status in told["responses"])
            if path.startswith("/v1/") and "/hooks/" not in path:
                assert {"401", "403"} <= set(told["responses"]), path
                assert told["security"], path
            for name in [part[1:-1] for part in path.split("/") if part.startswith("{")]:
                assert name in [parameter["name"] for parameter in told["parameters"] if parameter["in"] == "path"]
    assert len(ids) == len(set(ids))
    assert described["openapi"].startswith("3.1")
