"""Every change of a connector: what it does, when it does nothing, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.dialects.elastic.connector_labs import Lab, refused

NEVER = {"enabled": False, "interval": "0 0 0 * * ?"}
RULE = {"field": "a", "id": "r1", "order": 1, "policy": "exclude", "rule": "equals", "value": "x"}
PIPELINE = {"extract_binary_content": True, "name": "p", "reduce_whitespace": True, "run_ml_inference": False}
FIELD = {
    "default_value": None, "depends_on": [{"field": "b", "value": True}], "display": "numeric", "label": "A",
    "options": [],
    "order": 4, "required": True, "sensitive": False, "tooltip": "Words", "type": "int", "ui_restrictions": [],
    "validations": [{"constraint": 0, "type": "greater_than"}], "value": 123,
}  # fmt: skip

# What is blind works on softly deleted connectors, and says of absent ones that a document is missing.
Change = Callable[[Lab, str], Any]
BLIND: dict[str, Change] = {
    "check_in": lambda lab, it: lab.api.check_in(connector_id=it),
    "error": lambda lab, it: lab.api.update_error(connector_id=it, error="broken"),
    "name": lambda lab, it: lab.api.update_name(connector_id=it, name="another"),
    "api_key_id": lambda lab, it: lab.api.update_api_key_id(connector_id=it, api_key_id="k"),
    "pipeline": lambda lab, it: lab.api.update_pipeline(connector_id=it, pipeline=PIPELINE),
    "scheduling": lambda lab, it: lab.api.update_scheduling(
        connector_id=it, scheduling={"full": {"enabled": True, "interval": "0 15 3 * * ?"}}
    ),
    "features": lambda lab, it: lab.api.update_features(
        connector_id=it, features={"document_level_security": {"enabled": True}}
    ),
    "last_sync": lambda lab, it: lab.api.last_sync(connector_id=it, last_indexed_document_count=5),
    "filtering": lambda lab, it: lab.api.update_filtering(connector_id=it, filtering=whole_filtering()),
}
READING: dict[str, Change] = {
    "configuration": lambda lab, it: lab.api.update_configuration(connector_id=it, configuration={"a": FIELD}),
    "service_type": lambda lab, it: lab.api.update_service_type(connector_id=it, service_type="other"),
    "native": lambda lab, it: lab.api.update_native(connector_id=it, is_native=False),
    "index_name": lambda lab, it: lab.api.update_index_name(connector_id=it, index_name=f"i-{it}"),
    "status": lambda lab, it: lab.api.update_status(connector_id=it, status="needs_configuration"),
    "draft": lambda lab, it: lab.api.update_filtering(connector_id=it, rules=[RULE]),
    "validation": lambda lab, it: lab.api.update_filtering_validation(
        connector_id=it, validation={"state": "valid", "errors": []}
    ),
    "activate": lambda lab, it: lab.api.update_active_filtering(connector_id=it),
}


def whole_filtering() -> list[dict[str, Any]]:
    at = {"created_at": "2023-05-25T12:30:00.000Z", "updated_at": "2023-05-25T12:30:00.000Z"}
    rules = {
        "advanced_snippet": {**at, "value": [{"tables": ["a"]}]},
        "rules": [{**RULE, **at}],
        "validation": {"state": "invalid", "errors": [{"ids": ["r1"], "messages": ["no"]}]},
    }
    return [{"domain": "TEST", "active": rules, "draft": rules}]


@pytest.mark.parametrize("name", BLIND)
def test_a_blind_change_merges_straight_away(lab: Lab, name: str) -> None:
    id = lab.connector()
    assert BLIND[name](lab, id)["result"] == "updated"
    refused(lambda: BLIND[name](lab, "nobody"), 404, "document_missing_exception", "[nobody]: document missing")
    lab.api.delete(connector_id=id)
    assert BLIND[name](lab, id)["result"] in ("updated", "noop")
    assert lab.doc(id, include_deleted=True)["deleted"] is True


@pytest.mark.parametrize("name", READING)
def test_a_change_that_reads_first_knows_nothing_of_deleted_ones(lab: Lab, name: str) -> None:
    id = lab.connector()
    assert READING[name](lab, id)["result"] in ("updated", "noop")
    refused(lambda: READING[name](lab, "nobody"), 404, "resource_not_found_exception", "connector [nobody] not found")
    lab.api.delete(connector_id=id)
    refused(lambda: READING[name](lab, id), 404, "resource_not_found_exception", f"connector [{id}] not found")


@pytest.mark.parametrize("name", ["error", "name", "api_key_id", "pipeline", "scheduling", "features", "filtering"])
def test_the_same_change_again_is_none(lab: Lab, name: str) -> None:
    id = lab.connector()
    BLIND[name](lab, id)
    assert BLIND[name](lab, id)["result"] == "noop"


# --- one by one -------------------------------------------------------------------------------------------------------


def test_checking_in_moves_the_time_on_each_time(lab: Lab) -> None:
    id, seen = lab.connector(), []
    for _ in range(3):
        assert lab.api.check_in(connector_id=id)["result"] == "updated"
        seen.append(lab.doc(id)["last_seen"])
    assert seen == sorted(set(seen))


def test_an_error_is_a_status_and_its_end_another(lab: Lab) -> None:
    id = lab.connector()
    lab.api.update_error(connector_id=id, error="broken")
    assert (lab.doc(id)["status"], lab.doc(id)["error"]) == ("error", "broken")
    for nothing in (None, ""):
        lab.raw.put(f"/_connector/{id}/_error", json={"error": nothing})
        assert (lab.doc(id)["status"], lab.doc(id)["error"]) == ("connected", None)
    assert lab.raw.put(f"/_connector/{id}/_error", json={}).status_code == 400
    assert lab.raw.put(f"/_connector/{id}/_error", json={"error": {"a": 1}}).status_code == 400


def test_a_name_and_a_description_are_changed_apart(lab: Lab) -> None:
    id = lab.connector(description="before")
    lab.api.update_name(connector_id=id, name="named")
    lab.api.update_name(connector_id=id, description="described")
    assert (lab.doc(id)["name"], lab.doc(id)["description"]) == ("named", "described")
    said = lab.raw.put(f"/_connector/{id}/_name", json={"name": None}).json()["error"]
    assert said["type"] == "action_request_validation_exception"


def test_keys_are_changed_apart(lab: Lab) -> None:
    id = lab.connector()
    lab.api.update_api_key_id(connector_id=id, api_key_id="k")
    lab.api.update_api_key_id(connector_id=id, api_key_secret_id="s")
    assert (lab.doc(id)["api_key_id"], lab.doc(id)["api_key_secret_id"]) == ("k", "s")
    assert lab.raw.put(f"/_connector/{id}/_api_key_id", json={}).status_code == 400


def test_a_pipeline_needs_all_it_has(lab: Lab) -> None:
    id = lab.connector()
    lab.api.update_pipeline(connector_id=id, pipeline=PIPELINE)
    assert lab.doc(id)["pipeline"] == PIPELINE
    for name in PIPELINE:
        less = {key: value for key, value in PIPELINE.items() if key != name}
        refused(lambda: lab.api.update_pipeline(connector_id=id, pipeline=less), 400)  # noqa: B023


def test_schedules_that_are_not_named_stay(lab: Lab) -> None:
    id = lab.connector()
    full = {"enabled": True, "interval": "0 15 3 * * ?"}
    access = {"enabled": True, "interval": "0/20 0 0 ? * SUN-FRI"}
    lab.api.update_scheduling(connector_id=id, scheduling={"full": full})
    lab.api.update_scheduling(connector_id=id, scheduling={"access_control": access})
    assert lab.doc(id)["scheduling"] == {"full": full, "incremental": NEVER, "access_control": access}


@pytest.mark.parametrize(
    "scheduling",
    [
        {},
        {"full": {"enabled": True, "interval": "61 0 0 * * ?"}},
        {"full": {"enabled": True, "interval": "nonsense"}},
        {"full": {"enabled": True, "interval": "0 0 0 1 * MON"}},
        {"full": {"interval": "0 0 0 * * ?"}},
        {"full": {"enabled": True}},
        {"full": None},
        None,
        [],
    ],
    ids=range(9),
)
def test_schedules_that_cannot_be(lab: Lab, scheduling: Any) -> None:
    id = lab.connector()
    answer = lab.raw.put(f"/_connector/{id}/_scheduling", json={"scheduling": scheduling})
    assert answer.status_code == 400
    assert lab.doc(id)["scheduling"]["full"] == NEVER


def test_features_that_are_not_named_stay_and_unknown_ones_are_dropped(lab: Lab) -> None:
    id = lab.connector()
    lab.api.update_features(connector_id=id, features={"sync_rules": {"basic": {"enabled": True}}})
    lab.api.update_features(
        connector_id=id, features={"sync_rules": {"advanced": {"enabled": False}}, "teleport": {"enabled": True}}
    )
    lab.api.update_features(connector_id=id, features={"incremental_sync": {"enabled": True}})
    assert lab.doc(id)["features"] == {
        "sync_rules": {"basic": {"enabled": True}, "advanced": {"enabled": False}},
        "incremental_sync": {"enabled": True},
    }
    assert lab.raw.put(f"/_connector/{id}/_features", json={"features": {}, "more": 1}).status_code == 400


def test_the_last_sync_is_told_in_the_same_words(lab: Lab) -> None:
    id = lab.connector()
    told = {
        "last_access_control_sync_error": "oh", "last_access_control_sync_scheduled_at": "2023-05-25T12:30:00.000Z",
        "last_access_control_sync_status": "pending", "last_deleted_document_count": 42,
        "last_incremental_sync_scheduled_at": "2023-05-25T12:30:50.567149Z", "last_indexed_document_count": 42,
        "last_sync_error": "oh", "last_sync_scheduled_at": "2024-11-09T15:57:08.231Z", "last_sync_status": "completed",
        "last_synced": "2024-11-09T15:57:08.2311234Z", "sync_cursor": {"pointer": "a", "n": [1, 2.5]},
    }  # fmt: skip
    assert lab.api.last_sync(connector_id=id, **told)["result"] == "updated"
    assert {name: lab.doc(id)[name] for name in told} == told
    lab.api.last_sync(connector_id=id, last_indexed_document_count=7)
    doc = lab.doc(id)
    assert (doc["last_indexed_document_count"], doc["last_deleted_document_count"]) == (7, 42)
    assert doc["sync_cursor"] == told["sync_cursor"]
    assert doc["last_sync_error"] is doc["last_synced"] is doc["last_sync_status"] is None


@pytest.mark.parametrize(
    "body",
    [
        {"last_seen": "2023-05-25T12:30:00.000Z"},
        {"last_sync_status": "great"},
        {"last_synced": "yesterday"},
        {"last_synced": 5},
    ],
    ids=range(4),
)
def test_a_last_sync_that_cannot_be(lab: Lab, body: dict[str, Any]) -> None:
    answer = lab.raw.put(f"/_connector/{lab.connector()}/_last_sync", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "x_content_parse_exception"


def test_a_service_type_needs_another_configuration(lab: Lab) -> None:
    id = lab.connector()
    lab.api.update_service_type(connector_id=id, service_type="other")
    assert (lab.doc(id)["service_type"], lab.doc(id)["status"]) == ("other", "created")
    lab.api.update_configuration(connector_id=id, configuration={})
    lab.api.update_service_type(connector_id=id, service_type="third")
    assert lab.doc(id)["status"] == "needs_configuration"


def test_native_or_not(lab: Lab) -> None:
    id = lab.connector(index_name=None)
    lab.api.update_error(connector_id=id, body={"error": None})
    assert lab.api.update_native(connector_id=id, is_native=True)["result"] == "updated"
    assert (lab.doc(id)["is_native"], lab.doc(id)["status"]) == (True, "configured")
    refused(lambda: lab.api.update_index_name(connector_id=id, index_name="plain"), 400, "status_exception", "content-")
    lab.api.update_index_name(connector_id=id, index_name=f"content-{id}")
    other = lab.connector()
    refused(lambda: lab.api.update_native(connector_id=other, is_native=True), 400, "status_exception", "content-")


def test_an_index_is_attached_and_detached(lab: Lab) -> None:
    id, other = lab.connector(), lab.connector()
    mine, theirs = lab.doc(id)["index_name"], lab.doc(other)["index_name"]
    assert lab.api.update_index_name(connector_id=id, index_name=mine)["result"] == "noop"
    refused(
        lambda: lab.api.update_index_name(connector_id=id, index_name=theirs),
        400,
        "status_exception",
        f"Index name [{theirs}] is used by another connector.",
    )
    lab.raw.put(f"/_connector/{id}/_index_name", json={"index_name": None})
    assert lab.doc(id)["index_name"] is None
    assert lab.raw.put(f"/_connector/{id}/_index_name", json={}).status_code == 400
    assert lab.api.update_index_name(connector_id=other, index_name=mine)["result"] == "updated"


# --- configuration ----------------------------------------------------------------------------------------------------


def test_a_configuration_is_replaced_as_a_whole(lab: Lab) -> None:
    id = lab.connector()
    lab.api.update_configuration(connector_id=id, configuration={"a": FIELD, "b": {"label": "B"}})
    assert lab.doc(id)["status"] == "configured"
    bare = {"default_value": None, "label": "B", "required": False, "sensitive": False, "value": None}
    assert lab.doc(id)["configuration"] == {"a": FIELD, "b": bare}
    lab.api.update_configuration(connector_id=id, configuration={"b": {"label": "B", "tooltip": None, "odd": 1}})
    assert lab.doc(id)["configuration"] == {"b": bare}


@pytest.mark.parametrize("value", ["text", 5, 2.5, True, False, 0, 1, "", {"nested": {"a": [1]}}], ids=range(9))
def test_values_of_every_kind_come_back_as_they_were(lab: Lab, value: Any) -> None:
    id = lab.connector()
    lab.api.update_configuration(connector_id=id, configuration={"a": FIELD, "b": {"label": "B", "value": "kept"}})
    lab.api.update_configuration(connector_id=id, values={"a": value})
    found = lab.doc(id)["configuration"]
    assert (found["a"]["value"], type(found["a"]["value"])) == (value, type(value))
    assert (found["a"]["label"], found["b"]["value"]) == ("A", "kept")
    assert lab.api.update_configuration(connector_id=id, values={"a": value})["result"] == "noop"


def test_true_is_not_one(lab: Lab) -> None:
    id = lab.connector()
    lab.api.update_configuration(connector_id=id, configuration={"a": {"label": "A", "value": 1}})
    assert lab.api.update_configuration(connector_id=id, values={"a": True})["result"] == "updated"
    assert lab.doc(id)["configuration"]["a"]["value"] is True


def test_values_need_fields(lab: Lab) -> None:
    id = lab.connector()
    lab.api.update_configuration(connector_id=id, configuration={"a": FIELD})
    said = refused(lambda: lab.api.update_configuration(connector_id=id, values={"z": 1, "y": 2, "a": 3}), 400)
    assert said.type == "status_exception"
    assert said.reason == (
        "Unknown [configuration] fields in the request payload: [y, z]. Remove them from request or register their "
        "schema first."
    )
    assert lab.doc(id)["configuration"]["a"]["value"] == 123


def test_a_configuration_or_values(lab: Lab) -> None:
    id = lab.connector()
    both = refused(lambda: lab.api.update_configuration(connector_id=id, configuration={}, values={}), 400)
    assert both.reason == (
        "Validation Failed: 1: [configuration] and [values] cannot both be provided in the same request.;"
    )
    answer = lab.raw.put(f"/_connector/{id}/_configuration", json={})
    assert (
        answer.json()["error"]["reason"] == "Validation Failed: 1: [configuration] and [values] cannot both be null.;"
    )


@pytest.mark.parametrize(
    "field",
    [
        {},
        {"label": "A", "display": "hologram"},
        {"label": "A", "type": "colour"},
        {"label": "A", "value": [1]},
        {"label": "A", "default_value": {}},
        {"label": "A", "order": "first"},
        {"label": "A", "validations": [{"type": "magic", "constraint": 1}]},
        {"label": "A", "validations": [{"type": "less_than", "constraint": "many"}]},
        {"label": "A", "depends_on": [{"field": "b"}]},
        {"label": "A", "options": [{"label": "b"}]},
        {"label": 5},
        "text",
        None,
    ],
    ids=range(13),
)
def test_fields_that_cannot_be(lab: Lab, field: Any) -> None:
    id = lab.connector()
    answer = lab.raw.put(f"/_connector/{id}/_configuration", json={"configuration": {"a": field}})
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "x_content_parse_exception"
    assert lab.doc(id)["configuration"] == {}


def test_no_value_is_null(lab: Lab) -> None:
    id = lab.connector()
    lab.api.update_configuration(connector_id=id, configuration={"a": FIELD})
    assert lab.raw.put(f"/_connector/{id}/_configuration", json={"values": {"a": None}}).status_code == 400


# --- filtering --------------------------------------------------------------------------------------------------------


def test_filtering_as_a_whole(lab: Lab) -> None:
    id = lab.connector()
    lab.api.update_filtering(connector_id=id, filtering=whole_filtering())
    [stored], [given] = lab.doc(id)["filtering"], whole_filtering()
    assert stored == {**given, "domain": "DEFAULT"}


def test_a_draft_is_made_validated_and_activated(lab: Lab) -> None:
    id = lab.connector()
    active = lab.doc(id)["filtering"][0]["active"]
    rules = [{**RULE, "id": "late", "order": 5}, {**RULE, "id": "soon", "order": 2}]
    lab.api.update_filtering(connector_id=id, rules=rules)
    found = lab.doc(id)["filtering"][0]
    assert [(rule["id"], rule["order"]) for rule in found["draft"]["rules"]] == [
        ("soon", 2),
        ("late", 5),
        ("DEFAULT", 6),
    ]
    assert found["draft"]["validation"] == {"errors": [], "state": "edited"}
    assert found["active"] == active
    refused(lambda: lab.api.update_active_filtering(connector_id=id), 400, "status_exception", "state [edited]")

    lab.api.update_filtering(connector_id=id, advanced_snippet={"value": {"query": {"a": 1}}})
    draft = lab.doc(id)["filtering"][0]["draft"]
    assert [rule["id"] for rule in draft["rules"]] == ["soon", "late", "DEFAULT"]
    assert draft["advanced_snippet"]["value"] == {"query": {"a": 1}}

    valid = {"state": "valid", "errors": []}
    lab.api.update_filtering_validation(connector_id=id, validation=valid)
    lab.api.update_active_filtering(connector_id=id)
    found = lab.doc(id)["filtering"][0]
    assert found["active"] == found["draft"]
    assert found["active"]["validation"] == valid


def test_the_default_rule_keeps_when_it_was_made(lab: Lab) -> None:
    id = lab.connector()
    made = {"created_at": "2023-05-25T12:30:00.000Z", "updated_at": "2023-05-25T12:30:00.000Z"}
    lab.api.update_filtering(connector_id=id, rules=[{**RULE, **made, "id": "DEFAULT", "order": 9}])
    [rule] = lab.doc(id)["filtering"][0]["draft"]["rules"]
    assert (rule["created_at"], rule["order"], rule["policy"], rule["value"]) == (
        made["created_at"],
        0,
        "include",
        ".*",
    )


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"filtering": [], "rules": []},
        {"filtering": [{"active": {}, "draft": {}}]},
        {"filtering": [{"domain": "x"}]},
        {"rules": [{**RULE, "policy": "perhaps"}]},
        {"rules": [{**RULE, "rule": "smells like"}]},
        {"rules": [{"id": "a"}]},
        {"rules": [{**RULE, "created_at": "noon"}]},
        {"advanced_snippet": {"value": "text"}},
        {"advanced_snippet": {}},
        {"odd": 1},
    ],
    ids=range(11),
)
def test_filtering_that_cannot_be(lab: Lab, body: dict[str, Any]) -> None:
    id = lab.connector()
    before = lab.doc(id)["filtering"]
    assert lab.raw.put(f"/_connector/{id}/_filtering", json=body).status_code == 400
    assert lab.doc(id)["filtering"] == before


@pytest.mark.parametrize(
    "validation", [{}, {"state": "fine", "errors": []}, {"state": "valid"}, {"errors": []}, 5], ids=range(5)
)
def test_validation_that_cannot_be(lab: Lab, validation: Any) -> None:
    id = lab.connector()
    answer = lab.raw.put(f"/_connector/{id}/_filtering/_validation", json={"validation": validation})
    assert answer.status_code == 400
