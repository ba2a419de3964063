"""Workspaces, component types, entities and tags that people make."""

from __future__ import annotations

from typing import Any

import pytest
from tests.dialects.twinmaker.desk import Desk, pages, refusal

from syncline.testing.sitewise import REGION

INVALID, MISSING, CONFLICT = "ValidationException", "ResourceNotFoundException", "ConflictException"
ROLE = "arn:aws:iam::123456789012:role/twinmaker"
PUMP = "com.example.pump"
TEXT = {"dataType": {"type": "STRING"}}


@pytest.fixture
def here(desk: Desk, client: Any) -> str:
    name = desk.name()
    client.create_workspace(workspaceId=name)
    return name


def value(**member: Any) -> dict[str, Any]:
    return {"value": member}


# --- workspaces ------------------------------------------------------------------------------------------------------


def test_a_workspace_is_made_looked_at_changed_and_deleted(desk: Desk, client: Any) -> None:
    name, bucket = desk.name("My_Factory"), "arn:aws:s3:::bucket"
    made = client.create_workspace(
        workspaceId=name, description="d", s3Location=bucket, role=ROLE, tags={"stage": "test"}
    )
    assert made["arn"] == f"arn:aws:iottwinmaker:{REGION}:000000000000:workspace/{name}"
    for named in (name, made["arn"]):
        found = client.get_workspace(workspaceId=named)
        assert (found["workspaceId"], found["description"], found["s3Location"]) == (name, "d", bucket)
        assert (found["role"], found["creationDateTime"]) == (ROLE, made["creationDateTime"])
    changed = client.update_workspace(workspaceId=name, description="e")
    found = client.get_workspace(workspaceId=name)
    assert (found["description"], found["s3Location"], found["updateDateTime"]) == (
        "e",
        bucket,
        changed["updateDateTime"],
    )
    assert refusal(client.create_workspace, workspaceId=name)[0] == CONFLICT
    assert client.delete_workspace(workspaceId=name)["message"]
    assert refusal(client.get_workspace, workspaceId=name)[0] == MISSING
    assert client.create_workspace(workspaceId=name)["arn"] == made["arn"]
    assert client.list_tags_for_resource(resourceARN=made["arn"])["tags"] == {}


def test_workspaces_are_listed_page_by_page(desk: Desk, client: Any) -> None:
    names = {desk.name("paged") for _ in range(5)}
    for name in names:
        client.create_workspace(workspaceId=name)
    found = list(pages(client.list_workspaces, "workspaceSummaries", maxResults=2))
    assert names <= {one["workspaceId"] for one in found}
    assert len(found) == len({one["arn"] for one in found})
    assert len(client.list_workspaces(maxResults=0)["workspaceSummaries"]) <= 25


def test_names_that_differ_in_case_are_different_workspaces(desk: Desk, client: Any) -> None:
    name = desk.name("Case")
    client.create_workspace(workspaceId=name)
    client.create_workspace(workspaceId=name.upper(), description="upper")
    assert "description" not in client.get_workspace(workspaceId=name)
    assert client.get_workspace(workspaceId=name.upper())["description"] == "upper"


def test_a_workspace_that_is_not_empty_stays(client: Any, here: str) -> None:
    client.create_component_type(workspaceId=here, componentTypeId=PUMP)
    client.create_entity(
        workspaceId=here, entityName="Pump", entityId="p1", components={"a": {"componentTypeId": PUMP}}
    )
    assert refusal(client.delete_workspace, workspaceId=here)[0] == INVALID
    client.delete_entity(workspaceId=here, entityId="p1")
    assert refusal(client.delete_workspace, workspaceId=here)[0] == INVALID
    client.delete_component_type(workspaceId=here, componentTypeId=PUMP)
    patient = client.meta.config.retries
    assert patient["total_max_attempts"] == 1
    for _ in range(200):
        try:
            client.delete_workspace(workspaceId=here)
        except client.exceptions.ThrottlingException:  # the documents of what was deleted are on their way out
            continue
        break
    assert refusal(client.get_workspace, workspaceId=here)[0] == MISSING


# --- component types -------------------------------------------------------------------------------------------------


@pytest.fixture
def pump(client: Any, here: str) -> dict[str, str]:
    """A component type with a required text, a number with a default, and a time series."""
    client.create_component_type(
        workspaceId=here,
        componentTypeId=PUMP,
        description="A pump",
        componentTypeName="Pump type",
        isSingleton=True,
        propertyDefinitions={
            "serial": {**TEXT, "isRequiredInEntity": True, "isExternalId": True, "displayName": "Serial number"},
            "power": {"dataType": {"type": "INTEGER", "unitOfMeasure": "W"}, "defaultValue": {"integerValue": 5}},
            "speed": {"dataType": {"type": "DOUBLE"}, "isTimeSeries": True, "isStoredExternally": True},
        },
        propertyGroups={"main": {"groupType": "TABULAR", "propertyNames": ["serial", "power"]}},
        functions={"reader": {"requiredProperties": ["serial"], "scope": "ENTITY"}},
        tags={"a": "b"},
    )
    return {"workspaceId": here, "componentTypeId": PUMP}


def test_a_component_type_is_as_it_was_made(client: Any, pump: dict[str, str]) -> None:
    found = client.get_component_type(**pump)
    assert (found["description"], found["componentTypeName"], found["isSingleton"]) == ("A pump", "Pump type", True)
    assert found["propertyDefinitions"]["serial"]["isRequiredInEntity"] is True
    assert found["propertyDefinitions"]["power"]["defaultValue"] == {"integerValue": 5}
    assert found["propertyGroups"]["main"]["propertyNames"] == ["serial", "power"]
    assert found["isAbstract"] is True  # nothing implements its function
    assert client.list_tags_for_resource(resourceARN=found["arn"])["tags"] == {"a": "b"}
    assert refusal(client.create_component_type, **pump)[0] == CONFLICT


def test_what_a_type_extends_is_inherited(client: Any, pump: dict[str, str]) -> None:
    here = pump["workspaceId"]
    own = {"heat": {"dataType": {"type": "DOUBLE"}}, "power": {"defaultValue": {"integerValue": 7}}}
    client.create_component_type(
        workspaceId=here, componentTypeId="com.example.hot", extendsFrom=[PUMP], propertyDefinitions=own
    )
    found = client.get_component_type(workspaceId=here, componentTypeId="com.example.hot")["propertyDefinitions"]
    assert found.keys() == {"serial", "power", "speed", "heat"}
    assert (found["serial"]["isInherited"], found["heat"]["isInherited"]) == (True, False)
    assert found["power"]["defaultValue"] == {"integerValue": 7}
    assert refusal(client.delete_component_type, **pump)[0] == INVALID
    listed = {
        name: [one["componentTypeId"] for one in pages(client.list_component_types, "componentTypeSummaries", **given)]
        for name, given in {
            "heirs": {"workspaceId": here, "filters": [{"extendsFrom": PUMP}]},
            "abstract": {"workspaceId": here, "filters": [{"isAbstract": True}]},
            "named": {"workspaceId": here, "filters": [{"namespace": "com.example"}], "maxResults": 1},
            "none": {"workspaceId": here, "filters": [{"namespace": "com.exam"}]},
        }.items()
    }
    assert listed == {
        "heirs": ["com.example.hot"],
        "abstract": [PUMP],
        "named": [PUMP, "com.example.hot"],
        "none": [],
    }
    assert client.delete_component_type(workspaceId=here, componentTypeId="com.example.hot")["state"] == "DELETING"
    client.delete_component_type(**pump)
    assert refusal(client.get_component_type, **pump)[0] == MISSING
    assert refusal(client.delete_component_type, **pump)[0] == MISSING


def test_built_in_types_can_be_looked_at_and_extended_and_no_more(client: Any, here: str) -> None:
    built_in = "com.amazon.iotsitewise.connector"
    assert client.get_component_type(workspaceId=here, componentTypeId=built_in)["isAbstract"] is True
    client.create_component_type(workspaceId=here, componentTypeId="com.example.x", extendsFrom=[built_in])
    assert refusal(client.delete_component_type, workspaceId=here, componentTypeId=built_in)[0] == INVALID


@pytest.mark.parametrize(
    "given",
    [
        {"componentTypeId": "com.amazon.mine"},
        {"componentTypeId": "iotsitewise.assetmodel:mine"},
        {"extendsFrom": ["com.example.nobody"]},
        {"propertyDefinitions": {"a": {"isRequiredInEntity": True}}},
        {"propertyDefinitions": {"a": {"dataType": {"type": "LIST"}}}},
        {"propertyDefinitions": {"a": {**TEXT, "isTimeSeries": True}}},
        {"propertyDefinitions": {"a": {**TEXT, "defaultValue": {"integerValue": 1}}}},
        {"propertyDefinitions": {"a": {**TEXT, "defaultValue": {"integerValue": 1, "stringValue": "x"}}}},
        {"propertyGroups": {"g": {"groupType": "TABULAR", "propertyNames": ["nobody"]}}},
        {"functions": {"f": {"requiredProperties": ["nobody"]}}},
        {"compositeComponentTypes": {"c": {"componentTypeId": "com.example.nobody"}}},
    ],
)
def test_a_type_that_makes_no_sense_is_refused(client: Any, here: str, given: dict[str, Any]) -> None:
    code, told = refusal(client.create_component_type, workspaceId=here, **{"componentTypeId": PUMP, **given})
    assert code == INVALID
    assert "failed to satisfy constraint" not in told
    assert refusal(client.get_component_type, workspaceId=here, componentTypeId=PUMP)[0] == MISSING


# --- entities --------------------------------------------------------------------------------------------------------


def made(client: Any, here: str, name: str, parent: str | None = None, **more: Any) -> str:
    above = {"parentEntityId": parent} if parent else {}
    id: str = client.create_entity(workspaceId=here, entityName=name, **above, **more)["entityId"]
    return id


def listed(client: Any, here: str, **filters: str) -> list[str]:
    given = [{name: value} for name, value in filters.items()]
    found = pages(client.list_entities, "entitySummaries", workspaceId=here, filters=given, maxResults=2)
    return [one["entityName"] for one in found]


def test_an_entity_is_as_it_was_made(client: Any, pump: dict[str, str]) -> None:
    here = pump["workspaceId"]
    component = {"componentTypeId": PUMP, "properties": {"serial": value(stringValue="S-1")}}
    answer = client.create_entity(
        workspaceId=here,
        entityId="pump-1",
        entityName="Pump 1",
        description="d",
        components={"c": component},
        tags={"k": "v"},
    )
    assert (answer["entityId"], answer["state"]) == ("pump-1", "ACTIVE")
    found = client.get_entity(workspaceId=here, entityId="pump-1")
    assert (found["entityName"], found["description"], found["parentEntityId"]) == ("Pump 1", "d", "$ROOT")
    assert (found["hasChildEntities"], found["status"]) == (False, {"state": "ACTIVE"})
    properties = found["components"]["c"]["properties"]
    assert properties["serial"]["value"] == {"stringValue": "S-1"}
    assert properties["power"]["value"] == {"integerValue": 5}
    assert "value" not in properties["speed"]
    assert listed(client, here, externalId="S-1") == ["Pump 1"]
    assert listed(client, here, externalId="S-2") == []
    assert listed(client, here, componentTypeId=PUMP) == ["Pump 1"]
    assert client.list_tags_for_resource(resourceARN=answer["arn"])["tags"] == {"k": "v"}
    assert refusal(client.create_entity, workspaceId=here, entityId="pump-1", entityName="x")[0] == CONFLICT


def test_entities_make_a_tree(client: Any, here: str) -> None:
    top = made(client, here, "top")
    low = made(client, here, "low", made(client, here, "middle", top))
    for n in range(4):
        made(client, here, f"leaf {n}", low)
    assert listed(client, here, parentEntityId="$ROOT") == ["top"]
    assert listed(client, here, parentEntityId=low) == [f"leaf {n}" for n in range(4)]
    assert len(listed(client, here)) == 7
    assert client.get_entity(workspaceId=here, entityId=top)["hasChildEntities"] is True
    assert refusal(client.delete_entity, workspaceId=here, entityId=top)[0] == INVALID
    move = {"updateType": "UPDATE", "parentEntityId": low}
    assert refusal(client.update_entity, workspaceId=here, entityId=top, parentEntityUpdate=move)[0] == INVALID
    client.update_entity(workspaceId=here, entityId=low, parentEntityUpdate={"updateType": "DELETE"})
    assert sorted(listed(client, here, parentEntityId="$ROOT")) == ["low", "top"]
    assert client.delete_entity(workspaceId=here, entityId=low, isRecursive=True)["state"] == "DELETING"
    assert sorted(listed(client, here)) == ["middle", "top"]
    assert refusal(client.delete_entity, workspaceId=here, entityId=low)[0] == MISSING


def test_siblings_have_different_names_except_at_the_top(client: Any, here: str) -> None:
    top = made(client, here, "same")
    other = made(client, here, "same")
    below = made(client, here, "same", top)
    assert refusal(client.create_entity, workspaceId=here, entityName="same", parentEntityId=top)[0] == CONFLICT
    move = {"updateType": "UPDATE", "parentEntityId": top}
    assert refusal(client.update_entity, workspaceId=here, entityId=other, parentEntityUpdate=move)[0] == CONFLICT
    client.update_entity(workspaceId=here, entityId=below, entityName="another")
    client.update_entity(workspaceId=here, entityId=other, parentEntityUpdate=move)
    assert sorted(listed(client, here, parentEntityId=top)) == ["another", "same"]


def test_components_are_added_changed_and_taken_away(client: Any, pump: dict[str, str]) -> None:
    here, entity = pump["workspaceId"], made(client, pump["workspaceId"], "one")
    given = {"workspaceId": here, "entityId": entity}

    def update(**component: Any) -> Any:
        return client.update_entity(**given, componentUpdates={"c": component})

    before = client.get_entity(**given)["updateDateTime"]
    update(updateType="CREATE", componentTypeId=PUMP, propertyUpdates={"serial": value(stringValue="A")})
    assert client.get_entity(**given)["updateDateTime"] > before
    update(updateType="UPDATE", description="d", propertyUpdates={"power": value(integerValue=9)})
    component = client.get_entity(**given)["components"]["c"]
    assert component["description"] == "d"
    assert component["properties"]["serial"]["value"] == {"stringValue": "A"}
    assert component["properties"]["power"]["value"] == {"integerValue": 9}
    update(propertyUpdates={"power": {"updateType": "RESET_VALUE"}})
    assert client.get_entity(**given)["components"]["c"]["properties"]["power"]["value"] == {"integerValue": 5}
    update(propertyUpdates={"own": {"updateType": "CREATE", "definition": TEXT, **value(stringValue="mine")}})
    assert client.get_entity(**given)["components"]["c"]["properties"]["own"]["value"] == {"stringValue": "mine"}
    update(propertyUpdates={"own": {"updateType": "DELETE"}})
    assert "own" not in client.get_entity(**given)["components"]["c"]["properties"]
    assert refusal(client.update_entity, **given, componentUpdates={"c": {"updateType": "CREATE"}})[0] == INVALID
    update(updateType="DELETE")
    assert client.get_entity(**given)["components"] == {}
    assert listed(client, here, componentTypeId=PUMP) == []
    assert refusal(client.update_entity, **given, componentUpdates={"c": {"updateType": "UPDATE"}})[0] == INVALID


@pytest.mark.parametrize(
    "component",
    [
        {"componentTypeId": "com.example.nobody"},
        {"componentTypeId": PUMP},  # the serial number is needed
        {},
        {"componentTypeId": PUMP, "properties": {"serial": value(integerValue=1)}},
        {"componentTypeId": PUMP, "properties": {"serial": value(stringValue="A"), "nobody": value(stringValue="B")}},
        {"componentTypeId": PUMP, "properties": {"serial": value(stringValue="A"), "speed": value(doubleValue=1.0)}},
        {"componentTypeId": PUMP, "properties": {"serial": {"updateType": "DELETE"}}},
    ],
)
def test_a_component_that_does_not_fit_its_type_is_refused(
    client: Any, pump: dict[str, str], component: dict[str, Any]
) -> None:
    code, told = refusal(
        client.create_entity, workspaceId=pump["workspaceId"], entityName="x", components={"c": component}
    )
    assert code == INVALID
    assert "failed to satisfy constraint" not in told
    assert listed(client, pump["workspaceId"]) == []


@pytest.mark.parametrize(
    ("data_type", "good", "bad"),
    [
        ({"type": "BOOLEAN"}, {"booleanValue": True}, {"stringValue": "true"}),
        ({"type": "LONG"}, {"longValue": 2**40}, {"doubleValue": 1.5}),
        (
            {"type": "LIST", "nestedType": {"type": "STRING"}},
            {"listValue": [{"stringValue": "a"}]},
            {"listValue": [{}]},
        ),
        (
            {"type": "MAP", "nestedType": {"type": "DOUBLE"}},
            {"mapValue": {"a": {"doubleValue": 1.5}}},
            {"listValue": []},
        ),
        ({"type": "RELATIONSHIP"}, {"relationshipValue": {"targetEntityId": "e-1"}}, {"stringValue": "e-1"}),
        ({"type": "STRING", "allowedValues": [{"stringValue": "a"}]}, {"stringValue": "a"}, {"stringValue": "b"}),
        ({"type": "STRING"}, {"expression": "${Parameters.name}"}, {}),
    ],
)
def test_values_are_of_their_type(client: Any, here: str, data_type: Any, good: Any, bad: Any) -> None:
    client.create_component_type(
        workspaceId=here, componentTypeId=PUMP, propertyDefinitions={"p": {"dataType": data_type}}
    )

    def components(given: Any) -> dict[str, Any]:
        return {"c": {"componentTypeId": PUMP, "properties": {"p": {"value": given}}}}

    assert refusal(client.create_entity, workspaceId=here, entityName="x", components=components(bad))[0] == INVALID
    entity = made(client, here, "x", components=components(good))
    found = client.get_entity(workspaceId=here, entityId=entity)["components"]["c"]["properties"]["p"]
    assert found["value"] == good


def test_unknown_parents_and_too_many_components_are_refused(client: Any, here: str) -> None:
    unknown = {"workspaceId": here, "entityName": "x", "parentEntityId": "nobody"}
    assert refusal(client.create_entity, **unknown)[0] == INVALID
    client.create_component_type(workspaceId=here, componentTypeId=PUMP)
    components = {f"c{n}": {"componentTypeId": PUMP} for n in range(31)}
    assert refusal(client.create_entity, workspaceId=here, entityName="x", components=components)[0] == INVALID
    del components["c0"]
    assert made(client, here, "x", components=components)


# --- tags ------------------------------------------------------------------------------------------------------------


def test_tags_are_added_listed_and_taken_away(client: Any, here: str) -> None:
    arn = client.get_workspace(workspaceId=here)["arn"]
    client.tag_resource(resourceARN=arn, tags={"a": "1", "b": "2", "ü": "ö"})
    client.tag_resource(resourceARN=arn, tags={"a": "3"})
    first = client.list_tags_for_resource(resourceARN=arn, maxResults=2)
    rest = client.list_tags_for_resource(resourceARN=arn, maxResults=2, nextToken=first["nextToken"])
    assert {**first["tags"], **rest["tags"]} == {"a": "3", "b": "2", "ü": "ö"}
    client.untag_resource(resourceARN=arn, tagKeys=["a", "unknown"])
    assert client.list_tags_for_resource(resourceARN=arn)["tags"] == {"b": "2", "ü": "ö"}


def test_a_resource_has_fifty_tags_at_most(client: Any, here: str) -> None:
    arn = client.get_workspace(workspaceId=here)["arn"]
    client.tag_resource(resourceARN=arn, tags={f"k{n}": "v" for n in range(50)})
    client.tag_resource(resourceARN=arn, tags={"k0": "changed"})
    assert refusal(client.tag_resource, resourceARN=arn, tags={"more": "v"})[0] == "TooManyTagsException"
    assert len(client.list_tags_for_resource(resourceARN=arn)["tags"]) == 50


# --- what is not there -----------------------------------------------------------------------------------------------

NOBODY = {"workspaceId": "nobody-here"}
ARN = f"arn:aws:iottwinmaker:{REGION}:000000000000:workspace/nobody-here"


@pytest.mark.parametrize(
    ("call", "given", "code"),
    [
        ("get_workspace", NOBODY, MISSING),
        ("get_workspace", {"workspaceId": ARN}, MISSING),
        ("update_workspace", NOBODY, MISSING),
        ("delete_workspace", NOBODY, MISSING),
        ("create_sync_job", {**NOBODY, "syncSource": "SITEWISE", "syncRole": ROLE}, INVALID),
        ("get_sync_job", {**NOBODY, "syncSource": "SITEWISE"}, MISSING),
        ("list_sync_jobs", NOBODY, INVALID),
        ("delete_sync_job", {**NOBODY, "syncSource": "SITEWISE"}, MISSING),
        ("list_sync_resources", {**NOBODY, "syncSource": "SITEWISE"}, INVALID),
        ("create_component_type", {**NOBODY, "componentTypeId": PUMP}, INVALID),
        ("get_component_type", {**NOBODY, "componentTypeId": PUMP}, MISSING),
        ("list_component_types", NOBODY, INVALID),
        ("delete_component_type", {**NOBODY, "componentTypeId": PUMP}, MISSING),
        ("create_entity", {**NOBODY, "entityName": "x"}, INVALID),
        ("get_entity", {**NOBODY, "entityId": "e1"}, MISSING),
        ("list_entities", NOBODY, INVALID),
        ("update_entity", {**NOBODY, "entityId": "e1"}, MISSING),
        ("delete_entity", {**NOBODY, "entityId": "e1"}, MISSING),
        ("get_property_value", {**NOBODY, "entityId": "e1", "selectedProperties": ["p"]}, MISSING),
        (
            "get_property_value_history",
            {
                **NOBODY,
                "selectedProperties": ["p"],
                "startTime": "2026-01-01T00:00:00Z",
                "endTime": "2026-01-02T00:00:00Z",
            },
            MISSING,
        ),
        ("tag_resource", {"resourceARN": ARN, "tags": {"a": "b"}}, MISSING),
        ("untag_resource", {"resourceARN": ARN, "tagKeys": ["a"]}, MISSING),
        ("list_tags_for_resource", {"resourceARN": f"{ARN}/entity/e1"}, MISSING),
    ],
)
def test_an_unknown_workspace_is_told_as_each_operation_can(client: Any, call: str, given: Any, code: str) -> None:
    assert refusal(getattr(client, call), **given)[0] == code


@pytest.mark.parametrize(
    ("call", "given", "code"),
    [
        ("get_sync_job", {"syncSource": "SITEWISE"}, MISSING),
        ("get_sync_job", {"syncSource": "OTHER"}, MISSING),
        ("delete_sync_job", {"syncSource": "SITEWISE"}, MISSING),
        ("list_sync_resources", {"syncSource": "SITEWISE"}, INVALID),
        ("create_sync_job", {"syncSource": "SITEWISE_MANAGED", "syncRole": ROLE}, INVALID),
        ("get_component_type", {"componentTypeId": PUMP}, MISSING),
        ("delete_component_type", {"componentTypeId": PUMP}, MISSING),
        ("get_entity", {"entityId": "e1"}, MISSING),
        ("update_entity", {"entityId": "e1"}, MISSING),
        ("delete_entity", {"entityId": "e1"}, MISSING),
        ("get_property_value", {"entityId": "e1", "componentName": "c", "selectedProperties": ["p"]}, MISSING),
    ],
)
def test_what_is_not_in_a_workspace_is_told(client: Any, here: str, call: str, given: Any, code: str) -> None:
    assert refusal(getattr(client, call), workspaceId=here, **given)[0] == code


def test_a_token_of_another_list_is_refused(client: Any, here: str) -> None:
    for token in ("nonsense", "e30=", "W10="):
        code, told = refusal(client.list_entities, workspaceId=here, nextToken=token)
        assert (code, "nextToken" in told) == (INVALID, True)
