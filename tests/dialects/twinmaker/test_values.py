"""Values of properties are read from SiteWise when somebody asks for them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.dialects.twinmaker.desk import Twin, pages, refusal
from tests.dialects.twinmaker.test_following import BASE, TYPE, Plant

T0 = 1_790_000_000.0
INVALID, FAILED = "ValidationException", "ConnectorFailureException"


@pytest.fixture
def plant(twin: Twin) -> Plant:
    made = Plant(twin)
    for pump in made.pumps[:2]:
        for n in range(5):
            speed = made.sitewise.property_id(made.pump, "Speed")
            made.sitewise.put_value(pump, speed, float(n), at=T0 + n * 60 + 0.25)
    made.sitewise.put_value(made.pumps[0], made.sitewise.property_id(made.pump, "Serial"), "S-1", at=T0)
    made.sitewise.put_value(made.lines[0], made.sitewise.property_id(made.line, "Output"), 7, at=T0)
    twin.begin()
    return made


def at(seconds: float) -> str:
    return datetime.fromtimestamp(T0 + seconds, UTC).isoformat().replace("+00:00", "Z")


def asked(twin: Twin, entity: str, *properties: str, **more: Any) -> dict[str, Any]:
    return {
        "workspaceId": twin.workspace,
        "entityId": entity,
        "componentName": BASE,
        "selectedProperties": list(properties),
        **more,
    }


def test_the_newest_values_are_those_of_sitewise(twin: Twin, plant: Plant) -> None:
    serial = f"Property_{plant.sitewise.property_id(plant.pump, 'Serial')}"
    output = f"Property_{plant.sitewise.property_id(plant.line, 'Output')}"
    pump, line = plant.pumps[0], plant.lines[0]
    found = twin.client.get_property_value(**asked(twin, pump, plant.speed, serial))["propertyValues"]
    assert {name: one["propertyValue"] for name, one in found.items()} == {
        plant.speed: {"doubleValue": 4.0},
        serial: {"stringValue": "S-1"},
    }
    reference = {"componentName": BASE, "entityId": pump, "propertyName": serial}
    assert found[serial]["propertyReference"] == reference
    found = twin.client.get_property_value(**asked(twin, line, output, plant.hierarchy))["propertyValues"]
    assert found[output]["propertyValue"] == {"integerValue": 7}
    assert len(found[plant.hierarchy]["propertyValue"]["listValue"]) == 3
    none = twin.client.get_property_value(**asked(twin, plant.pumps[2], plant.speed))["propertyValues"]
    assert "propertyValue" not in none[plant.speed]


def test_a_history_is_read_page_by_page_in_either_order(twin: Twin, plant: Plant) -> None:
    given = asked(twin, plant.pumps[0], plant.speed, startTime=at(0), endTime=at(600), maxResults=2)

    def values(**more: Any) -> list[tuple[float, str]]:
        parts = pages(twin.client.get_property_value_history, "propertyValues", **given, **more)
        return [(one["value"]["doubleValue"], one["time"]) for part in parts for one in part["values"]]

    expected = [(float(n), at(n * 60).replace("Z", ".250000000Z")) for n in range(5)]
    assert values() == expected
    assert values(orderByTime="DESCENDING") == expected[::-1]
    more = {"propertyName": plant.speed, "operator": ">=", "value": {"doubleValue": 3.0}}
    assert values(propertyFilters=[more]) == expected[3:]


def test_times_may_be_given_in_the_old_way(twin: Twin, plant: Plant) -> None:
    begin, end = (datetime.fromtimestamp(T0 + seconds, UTC) for seconds in (60, 130))
    given = asked(twin, plant.pumps[0], plant.speed, startDateTime=begin, endDateTime=end)
    (found,) = twin.client.get_property_value_history(**given)["propertyValues"]
    assert [one["value"]["doubleValue"] for one in found["values"]] == [1.0, 2.0]
    assert found["values"][0]["timestamp"].timestamp() == T0 + 60.25


def test_one_question_may_be_about_all_entities_of_a_type(twin: Twin, plant: Plant) -> None:
    given = {
        "workspaceId": twin.workspace,
        "componentTypeId": TYPE + plant.pump,
        "selectedProperties": [plant.speed],
        "startTime": at(0),
        "endTime": at(600),
        "maxResults": 3,
    }
    found = list(pages(twin.client.get_property_value_history, "propertyValues", **given))
    values: dict[str, int] = {}
    for one in found:
        entity = one["entityPropertyReference"]["entityId"]
        values[entity] = values.get(entity, 0) + len(one["values"])
    assert {id: count for id, count in values.items() if count} == {plant.pumps[0]: 5, plant.pumps[1]: 5}


def test_values_that_people_have_given_are_given_back(twin: Twin, plant: Plant) -> None:
    text = {"dataType": {"type": "STRING"}}
    speed = {"dataType": {"type": "DOUBLE"}, "isTimeSeries": True, "isStoredExternally": True}
    twin.client.create_component_type(
        workspaceId=twin.workspace, componentTypeId="com.example.a", propertyDefinitions={"text": text, "speed": speed}
    )
    component = {"componentTypeId": "com.example.a", "properties": {"text": {"value": {"stringValue": "x"}}}}
    twin.client.create_entity(workspaceId=twin.workspace, entityId="mine", entityName="m", components={"c": component})
    given = {"workspaceId": twin.workspace, "entityId": "mine"}
    for named in ({"componentName": "c"}, {"componentTypeId": "com.example.a"}):
        found = twin.client.get_property_value(**given, **named, selectedProperties=["text"])["propertyValues"]
        assert found["text"]["propertyValue"] == {"stringValue": "x"}
    asked_for = {**given, "componentName": "c", "selectedProperties": ["speed"]}
    assert refusal(twin.client.get_property_value, **asked_for)[0] == FAILED
    history = {**asked_for, "startTime": at(0), "endTime": at(1)}
    assert refusal(twin.client.get_property_value_history, **history)[0] == FAILED


def test_questions_that_make_no_sense_are_refused(twin: Twin, plant: Plant) -> None:
    pump, client = plant.pumps[0], twin.client
    history, value = client.get_property_value_history, client.get_property_value
    good = asked(twin, pump, plant.speed, startTime=at(0), endTime=at(1))
    assert refusal(value, **asked(twin, pump, "Property_unknown"))[0] == INVALID
    assert refusal(value, **{**asked(twin, pump, plant.speed), "componentName": "unknown"})[0] == (
        "ResourceNotFoundException"
    )
    assert refusal(value, workspaceId=twin.workspace, selectedProperties=["p"])[0] == INVALID
    assert refusal(value, **asked(twin, pump, plant.speed, propertyGroupName="g"))[0] == INVALID
    assert refusal(history, **asked(twin, pump, plant.speed))[0] == INVALID
    assert refusal(history, **{**good, "startTime": at(2)})[0] == INVALID
    assert refusal(history, **{**good, "startTime": "the day before yesterday"})[0] == INVALID
    assert refusal(history, **good, interpolation={"interpolationType": "LINEAR", "intervalInSeconds": 1})[0] == INVALID


def test_a_sitewise_that_fails_is_told_as_a_connector_that_fails(twin: Twin, plant: Plant) -> None:
    plant.sitewise.fail("GetAssetPropertyValue", "error", times=2)
    code, told = refusal(twin.client.get_property_value, **asked(twin, plant.pumps[0], plant.speed))
    assert (code, "GetAssetPropertyValue answers with status 500" in told) == (FAILED, True)
    plant.sitewise.heal()
    assert twin.client.get_property_value(**asked(twin, plant.pumps[0], plant.speed))["propertyValues"]
