"""The stand-in for SiteWise: boto3 speaks with it, and its answers are what the model of the service allows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.sources.sitewise.test_sitewise_listing import Plant, plant  # noqa: F401

from syncline.dialects.aws import check_response
from syncline.testing.sitewise import OPERATIONS

# ruff: noqa: F811  fixtures are taken as arguments


@pytest.fixture
def client(plant: Plant) -> Any:
    """One of boto3, whose every answer is held against the model as it came."""
    made, seen = plant.sitewise.client(), []

    def hold(http_response: Any, model: Any, **_: Any) -> None:
        seen.append(model.name)
        headers = {name.lower(): value for name, value in http_response.headers.items()}
        check_response("iotsitewise", model.name, http_response.status_code, headers, http_response.content)

    made.meta.events.register("after-call.iotsitewise.*", hold)
    made.seen = seen
    return made


def test_every_operation_answers_as_the_model_says(client: Any, plant: Plant) -> None:
    pump, speed = plant.pumps[0], plant.speed()
    for n in range(3):
        plant.sitewise.put_value(pump, speed, 1.5 + n, at=1_700_000_000.25 + n)
    client.list_asset_models()
    client.describe_asset_model(assetModelId=plant.hall)
    client.list_asset_model_properties(assetModelId=plant.pump)
    client.list_assets(assetModelId=plant.pump, filter="ALL")
    client.describe_asset(assetId=pump)
    client.list_associated_assets(assetId=plant.top, hierarchyId=plant.sitewise.hierarchy_id(plant.hall, "lines"))
    client.list_asset_properties(assetId=pump)
    client.list_asset_relationships(assetId=pump, traversalType="PATH_TO_ROOT")
    latest = client.get_asset_property_value(assetId=pump, propertyId=speed)["propertyValue"]
    assert (latest["value"], latest["timestamp"]["offsetInNanos"]) == ({"doubleValue": 3.5}, 250_000_000)
    history = client.get_asset_property_value_history(
        assetId=pump, propertyId=speed, startDate=datetime(2023, 1, 1, tzinfo=UTC), timeOrdering="DESCENDING"
    )
    assert [one["value"]["doubleValue"] for one in history["assetPropertyValueHistory"]] == [3.5, 2.5, 1.5]
    assert set(client.seen) == set(OPERATIONS)


def test_pages_come_one_after_the_other(client: Any, plant: Plant) -> None:
    for n in range(20):
        plant.sitewise.add_asset(f"More {n}", plant.pump)
    pages = list(client.get_paginator("list_assets").paginate(assetModelId=plant.pump, filter="ALL"))
    assert [len(page["assetSummaries"]) for page in pages] == [7, 7, 7, 6]
    assert len(client.list_assets(assetModelId=plant.pump, filter="ALL", maxResults=3)["assetSummaries"]) == 3
    top = client.get_paginator("list_assets").paginate(filter="TOP_LEVEL").build_full_result()["assetSummaries"]
    assert len(top) == 22


def test_parents_are_found_from_below(client: Any, plant: Plant) -> None:
    above = client.list_associated_assets(assetId=plant.pumps[0], traversalDirection="PARENT")["assetSummaries"]
    assert [one["id"] for one in above] == [plant.lines[0]]
    path = client.list_asset_relationships(assetId=plant.pumps[0], traversalType="PATH_TO_ROOT")
    pairs = [one["hierarchyInfo"]["parentAssetId"] for one in path["assetRelationshipSummaries"]]
    assert pairs == [plant.lines[0], plant.top]


@pytest.mark.parametrize(
    ("call", "given", "code"),
    [
        ("describe_asset", {"assetId": "11111111-1111-4111-8111-111111111111"}, "ResourceNotFoundException"),
        ("list_assets", {"filter": "ALL"}, "InvalidRequestException"),
        ("list_asset_models", {"nextToken": "abc="}, "InvalidRequestException"),
    ],
)
def test_mistakes_are_told_as_the_service_tells_them(client: Any, call: str, given: Any, code: str) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(client, call)(**given)
    assert caught.value.response["Error"]["Code"] == code


def test_it_goes_away_and_comes_back_at_the_same_place(client: Any, plant: Plant) -> None:
    url = plant.sitewise.url
    plant.sitewise.stop()
    with pytest.raises(Exception, match="Could not connect"):
        client.list_asset_models()
    plant.sitewise.start()
    assert plant.sitewise.url == url
    assert len(client.list_asset_models()["assetModelSummaries"]) == 3
