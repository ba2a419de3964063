"""When SiteWise fails, or the server dies, nothing is lost, and everything goes on by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.dialects.twinmaker.desk import ROLE, SOURCE, Desk, Twin, until
from tests.dialects.twinmaker.test_following import Plant


@pytest.fixture
def plant(twin: Twin) -> Plant:
    made = Plant(twin)
    twin.begin()
    return made


@pytest.mark.parametrize(
    ("operation", "trouble", "after"),
    [("ListAssets", "error", 1), ("ListAssociatedAssets", "unavailable", 1), ("ListAssetModels", "empty", 0)],
)
def test_a_page_that_fails_deletes_nothing_and_heals(
    twin: Twin, plant: Plant, operation: str, trouble: Any, after: int
) -> None:
    before = twin.entities()
    plant.sitewise.fail(operation, trouble, after=after)
    gone, new = plant.pumps[2], plant.sitewise.add_asset("Pump 4", plant.pump, plant.lines[1])
    plant.sitewise.remove(gone)
    until(lambda: twin.status().get("error"))
    status = twin.status()
    assert status["state"] == "ACTIVE"
    assert status["error"]["code"] == "SYNC_PROCESSING_ERROR"
    assert twin.entities() == before
    assert {one["status"]["state"] for one in twin.resources().values()} == {"IN_SYNC"}
    plant.sitewise.heal()
    until(lambda: twin.status() == {"state": "ACTIVE"})
    until(lambda: twin.entity(new))
    assert twin.entity(gone) is None


def test_a_sitewise_that_is_gone_deletes_nothing_and_heals(twin: Twin, plant: Plant) -> None:
    before = twin.entities()
    plant.sitewise.stop()
    try:
        until(lambda: twin.status().get("error"))
        assert twin.state() == "ACTIVE"
        assert twin.entities() == before
    finally:
        plant.sitewise.start()
    plant.sitewise.change(plant.pumps[0], name="After the outage")
    until(lambda: (twin.entity(plant.pumps[0]) or {})["entityName"] == "After the outage")
    until(lambda: twin.status() == {"state": "ACTIVE"})


def test_a_job_that_begins_in_an_outage_goes_on_by_itself(twin: Twin) -> None:
    plant = Plant(twin)
    plant.sitewise.fail("ListAssets", "unavailable")
    twin.client.create_sync_job(workspaceId=twin.workspace, syncSource=SOURCE, syncRole=ROLE)
    until(lambda: twin.status().get("error"))
    status = twin.status()
    assert (status["state"], status["error"]["code"]) == ("INITIALIZING", "SYNC_INITIALIZING_ERROR")
    assert twin.entities() == {}
    plant.sitewise.heal()
    until(lambda: twin.state() == "ACTIVE")
    assert twin.entities().keys() == plant.all


def test_a_role_that_lacks_something_is_an_error_until_it_has_it(twin: Twin) -> None:
    plant = Plant(twin)
    plant.sitewise.fail("ListAssets", "denied")
    twin.client.create_sync_job(workspaceId=twin.workspace, syncSource=SOURCE, syncRole=ROLE)
    until(lambda: twin.state() == "ERROR")
    assert "not allowed" in twin.status()["error"]["message"]
    plant.sitewise.heal()
    until(lambda: twin.state() == "ACTIVE")
    assert twin.entities().keys() == plant.all


def test_an_asset_that_cannot_be_described_fails_alone_and_heals(twin: Twin) -> None:
    plant = Plant(twin)
    plant.sitewise.fail("DescribeAsset", "error", after=4)
    twin.begin()
    assert len(twin.entities()) == 4
    failed = twin.resources(state="ERROR")
    assert len(failed) == 1
    assert next(iter(failed.values()))["status"]["error"]["code"] == "SYNC_PROCESSING_ERROR"
    assert twin.status() == {"state": "ACTIVE"}
    plant.sitewise.heal()
    until(lambda: twin.resources(state="ERROR") == {})
    assert twin.entities().keys() == plant.all


def test_deletions_that_would_be_a_surprise_are_shown_and_wait(twin: Twin, plant: Plant) -> None:
    connector = twin.connector
    with twin.desk.served.client() as api:
        assert api.post(f"/v1/connectors/{connector['id']}/pause").status_code == 200
        until(lambda: all(one["ended_at"] for one in twin.jobs()))
        changed = api.patch(f"/v1/connectors/{connector['id']}", json={"guard": {"max_deletes": 1, "max_percent": 10}})
        assert changed.status_code == 200, changed.text
        for pump in plant.pumps:
            plant.sitewise.remove(pump)
        assert api.post(f"/v1/connectors/{connector['id']}/resume").status_code == 200
        until(lambda: twin.status().get("error", {}).get("code") == "SYNC_DELETING_ERROR")
        status = twin.status()
        assert (status["state"], "3 deletions are withheld" in status["error"]["message"]) == ("ACTIVE", True)
        assert twin.entities().keys() == plant.all
        waiting = twin.resources(state="ERROR")
        assert waiting.keys() == set(plant.pumps)
        assert {one["status"]["error"]["code"] for one in waiting.values()} == {"SYNC_DELETING_ERROR"}
        until(lambda: api.post(f"/v1/connectors/{connector['id']}/approve").status_code in (200, 202))
    until(lambda: twin.entities().keys() == set(plant.lines))
    until(lambda: twin.status() == {"state": "ACTIVE"})


def test_a_sitewise_that_is_empty_all_of_a_sudden_deletes_nothing_unasked(twin: Twin, plant: Plant) -> None:
    """It may be another account."""
    plant.sitewise.clear()
    until(lambda: twin.status().get("error", {}).get("code") == "SYNC_DELETING_ERROR")
    assert twin.entities().keys() == plant.all
    with twin.desk.served.client() as api:
        until(lambda: api.post(f"/v1/connectors/{twin.connector['id']}/approve").status_code in (200, 202))
    until(lambda: twin.entities() == {})
    until(lambda: twin.status() == {"state": "ACTIVE"})


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Desk]:
    """A server that nobody else uses."""
    with Desk(tmp_path).open() as opened:
        yield opened


def test_a_server_that_is_killed_goes_on_where_it_was(own: Desk) -> None:
    twin = Twin(own, own.name())
    plant = Plant(twin)
    for n in range(30):
        plant.sitewise.add_asset(f"More {n}", plant.pump, plant.lines[1])
    plant.sitewise.fail("DescribeAsset", "slow", after=8, seconds=0.3)
    twin.client.create_sync_job(workspaceId=twin.workspace, syncSource=SOURCE, syncRole=ROLE)
    until(lambda: plant.sitewise.calls["DescribeAsset"] > 10)
    own.served.kill()
    plant.sitewise.heal()
    own.served.start()
    twin.client = own.client()
    until(lambda: twin.state() == "ACTIVE")
    assert twin.entities().keys() == plant.sitewise.assets.keys()
    made = twin.client.create_entity(workspaceId=twin.workspace, entityName="Ocelot")["entityId"]
    own.served.kill()  # its document may not have followed yet
    own.served.start()
    twin.client = own.client()
    assert (twin.entity(made) or {})["entityName"] == "Ocelot"
    until(lambda: twin.search("Ocelot") == {made})
    plant.sitewise.change(plant.pumps[0], name="After both")
    until(lambda: (twin.entity(plant.pumps[0]) or {})["entityName"] == "After both")
    twin.client.delete_sync_job(workspaceId=twin.workspace, syncSource=SOURCE)
    own.served.kill()
    own.served.start()
    twin.client = own.client()
    until(lambda: twin.state() == "GONE")
    assert twin.entities().keys() == {made}
