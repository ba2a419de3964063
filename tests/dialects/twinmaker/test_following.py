"""What happens in SiteWise is followed: made, renamed, moved, removed; collisions heal; search finds it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.dialects.twinmaker.desk import ROLE, SOURCE, Desk, Twin, command, refusal, until

TYPE = "iotsitewise.assetmodel:"
BASE = "sitewiseBase"


class Plant:
    """A line with three pumps."""

    def __init__(self, twin: Twin) -> None:
        self.sitewise = sitewise = twin.desk.sitewise
        serial = ("Serial", "STRING", "", "attribute")
        self.pump = sitewise.add_model("Pump", [("Speed", "DOUBLE", "rpm"), serial])
        self.line = sitewise.add_model("Line", [("Output", "INTEGER")], [("pumps", self.pump)])
        self.lines = [sitewise.add_asset(f"Line {n}", self.line) for n in (1, 2)]
        self.pumps = [sitewise.add_asset(f"Pump {n}", self.pump, self.lines[0]) for n in (1, 2, 3)]
        self.all = {*self.lines, *self.pumps}
        self.speed = f"Property_{sitewise.property_id(self.pump, 'Speed')}"
        self.hierarchy = f"Hierarchy_{sitewise.hierarchy_id(self.line, 'pumps')}"


@pytest.fixture
def plant(twin: Twin) -> Plant:
    made = Plant(twin)
    twin.begin()
    return made


def test_a_new_job_brings_everything(twin: Twin) -> None:
    plant = Plant(twin)
    made = twin.client.create_sync_job(workspaceId=twin.workspace, syncSource=SOURCE, syncRole=ROLE, tags={"a": "b"})
    assert made["state"] == "CREATING"
    assert made["arn"].endswith(f"workspace/{twin.workspace}/sync-job/SITEWISE")
    states = ["CREATING"]
    while states[-1] != "ACTIVE":
        until(lambda: twin.state() != states[-1])
        states.append(twin.state())
    assert states in (["CREATING", "INITIALIZING", "ACTIVE"], ["CREATING", "ACTIVE"])  # it may be quick
    assert twin.entities().keys() == plant.all
    job = twin.client.get_sync_job(syncSource=SOURCE, workspaceId=twin.workspace)
    assert (job["syncRole"], job["workspaceId"], job["status"]) == (ROLE, twin.workspace, {"state": "ACTIVE"})
    listed = twin.client.list_sync_jobs(workspaceId=twin.workspace)["syncJobSummaries"]
    assert [one["arn"] for one in listed] == [job["arn"]]
    assert twin.client.list_tags_for_resource(resourceARN=job["arn"])["tags"] == {"a": "b"}


def test_resources_tell_what_became_of_them(twin: Twin, plant: Plant) -> None:
    found = twin.resources()
    assert found.keys() == {*plant.all, plant.pump, plant.line}
    assert {one["status"]["state"] for one in found.values()} == {"IN_SYNC"}
    assert {id for id, one in found.items() if one["resourceType"] == "COMPONENT_TYPE"} == {plant.pump, plant.line}
    assert twin.resources(resourceType="ENTITY").keys() == plant.all
    assert twin.resources(resourceType="ENTITY", externalId=plant.pumps[0]).keys() == {plant.pumps[0]}
    assert twin.resources(resourceType="COMPONENT_TYPE", resourceId=plant.pump).keys() == {plant.pump}
    assert twin.resources(resourceType="ENTITY", resourceId=plant.pump) == {}
    assert twin.resources(state="ERROR") == {}
    first = twin.client.list_sync_resources(workspaceId=twin.workspace, syncSource=SOURCE, maxResults=2)
    assert len(first["syncResources"]) == 2
    assert refusal(
        twin.client.list_sync_resources,
        workspaceId=twin.workspace,
        syncSource=SOURCE,
        filters=[{"state": "ERROR"}],
        nextToken=first["nextToken"],
    ) == ("ValidationException", "The nextToken is not one that this list has given.")


def test_an_entity_is_its_asset(twin: Twin, plant: Plant) -> None:
    line, pump = twin.entity(plant.lines[0]), twin.entity(plant.pumps[0])
    assert line is not None
    assert pump is not None
    assert (line["entityName"], line["parentEntityId"], line["hasChildEntities"]) == ("Line 1", "$ROOT", True)
    assert (pump["parentEntityId"], pump["hasChildEntities"], pump["syncSource"]) == (plant.lines[0], False, SOURCE)
    base = line["components"][BASE]
    assert (base["componentTypeId"], base["syncSource"]) == (TYPE + plant.line, SOURCE)
    below = base["properties"][plant.hierarchy]
    assert below["areAllPropertyValuesReturned"] is True
    targets = [one["relationshipValue"]["targetEntityId"] for one in below["value"]["listValue"]]
    assert set(targets) == set(plant.pumps)
    speed = pump["components"][BASE]["properties"][plant.speed]["definition"]
    assert (speed["displayName"], speed["dataType"]) == ("Speed", {"type": "DOUBLE", "unitOfMeasure": "rpm"})
    assert (speed["isTimeSeries"], speed["isStoredExternally"]) == (True, True)
    type = twin.client.get_component_type(workspaceId=twin.workspace, componentTypeId=TYPE + plant.line)
    assert (type["componentTypeName"], type["syncSource"], type["isAbstract"]) == ("Line", SOURCE, False)
    nested = type["propertyDefinitions"][plant.hierarchy]["dataType"]["nestedType"]
    assert nested["relationship"]["targetComponentTypeId"] == TYPE + plant.pump
    listed = twin.client.list_component_types(workspaceId=twin.workspace)["componentTypeSummaries"]
    assert {one["componentTypeId"] for one in listed} == {TYPE + plant.pump, TYPE + plant.line}


def test_lists_go_by_parent_and_by_type(twin: Twin, plant: Plant) -> None:
    assert twin.entities(parentEntityId="$ROOT").keys() == set(plant.lines)
    assert twin.entities(parentEntityId=plant.lines[0]).keys() == set(plant.pumps)
    assert twin.entities(parentEntityId=plant.lines[1]) == {}
    assert twin.entities(componentTypeId=TYPE + plant.pump).keys() == set(plant.pumps)
    assert twin.entities(externalId=plant.pumps[1]).keys() == {plant.pumps[1]}
    first = twin.client.list_entities(workspaceId=twin.workspace, maxResults=3)
    rest = twin.client.list_entities(workspaceId=twin.workspace, maxResults=3, nextToken=first["nextToken"])
    ids = [one["entityId"] for page in (first, rest) for one in page["entitySummaries"]]
    assert sorted(ids) == sorted(plant.all)
    assert "nextToken" not in rest


def test_more_than_fifty_children_are_not_all_told(twin: Twin) -> None:
    plant = Plant(twin)
    for n in range(50):
        plant.sitewise.add_asset(f"More {n}", plant.pump, plant.lines[0])
    twin.begin()
    line = twin.entity(plant.lines[0])
    assert line is not None
    below = line["components"][BASE]["properties"][plant.hierarchy]
    assert (len(below["value"]["listValue"]), below["areAllPropertyValuesReturned"]) == (50, False)
    assert len(twin.entities(parentEntityId=plant.lines[0])) == 53


def test_changes_in_sitewise_are_followed(twin: Twin, plant: Plant) -> None:
    before = twin.entities()
    plant.sitewise.change(plant.pumps[0], name="Renamed", description="Now with a text")
    until(lambda: (twin.entity(plant.pumps[0]) or {}).get("entityName") == "Renamed")
    after = twin.entities()
    changed = {id for id in after if after[id]["updateDateTime"] != before[id]["updateDateTime"]}
    assert changed == {plant.pumps[0]}  # the others keep their time
    assert after[plant.pumps[0]]["description"] == "Now with a text"

    new = plant.sitewise.add_asset("Pump 4", plant.pump, plant.lines[1])
    until(lambda: twin.entity(new))
    assert twin.entities(parentEntityId=plant.lines[1]).keys() == {new}

    plant.sitewise.move(plant.pumps[1], plant.lines[1])
    until(lambda: (twin.entity(plant.pumps[1]) or {}).get("parentEntityId") == plant.lines[1])
    assert twin.entities(parentEntityId=plant.lines[0]).keys() == {plant.pumps[0], plant.pumps[2]}

    plant.sitewise.remove(plant.pumps[2])
    until(lambda: twin.entity(plant.pumps[2]) is None)
    assert twin.state_of(plant.pumps[2]) is None

    added = plant.sitewise.add_property(plant.pump, "Heat", "DOUBLE", "K")
    name = f"Property_{added}"
    until(lambda: name in (twin.entity(plant.pumps[0]) or {})["components"][BASE]["properties"])
    type = twin.client.get_component_type(workspaceId=twin.workspace, componentTypeId=TYPE + plant.pump)
    assert type["propertyDefinitions"][name]["dataType"] == {"type": "DOUBLE", "unitOfMeasure": "K"}

    property = plant.sitewise.property_id(plant.pump, "Speed")
    plant.sitewise.set_property(plant.pumps[0], property, alias="/line/1/speed", unit="hertz")

    def overridden() -> bool:
        found = (twin.entity(plant.pumps[0]) or {})["components"][BASE]["properties"][plant.speed]["definition"]
        return bool(found["dataType"].get("unitOfMeasure") == "hertz")

    until(overridden)


def test_a_pass_that_finds_nothing_new_changes_nothing(twin: Twin, plant: Plant) -> None:
    before, described = twin.entities(), plant.sitewise.calls["DescribeAsset"]
    twin.more_passes(2, "succeeded")
    assert twin.entities() == before
    assert plant.sitewise.calls["DescribeAsset"] == described


def test_a_sibling_of_the_same_name_waits_until_one_is_renamed(twin: Twin, plant: Plant) -> None:
    plant.sitewise.change(plant.pumps[1], name="Pump 1")
    until(lambda: twin.state_of(plant.pumps[1]) == "ERROR")
    error = twin.resources(state="ERROR")[plant.pumps[1]]["status"]["error"]
    assert error["code"] == "VALIDATION_ERROR"
    assert "Pump 1" in error["message"]
    assert twin.resources(state="ERROR").keys() == {plant.pumps[1]}
    held = twin.entity(plant.pumps[1])
    assert held is not None
    assert held["entityName"] == "Pump 2"  # as it was
    assert twin.status() == {"state": "ACTIVE"}
    plant.sitewise.change(plant.pumps[0], name="Pump 7")
    until(lambda: twin.state_of(plant.pumps[1]) == "IN_SYNC")
    healed = twin.entity(plant.pumps[1])
    assert healed is not None
    assert healed["entityName"] == "Pump 1"


def test_an_id_that_people_have_taken_waits_until_they_let_it_go(twin: Twin) -> None:
    plant = Plant(twin)
    taken = plant.pumps[2]
    twin.client.create_entity(workspaceId=twin.workspace, entityId=taken, entityName="By hand")
    twin.begin()
    assert twin.state_of(taken) == "ERROR"
    assert "made by hand" in twin.resources(state="ERROR")[taken]["status"]["error"]["message"]
    mine = twin.entity(taken)
    assert mine is not None
    assert (mine["entityName"], "syncSource" in mine) == ("By hand", False)
    assert len(twin.entities()) == 5
    twin.client.delete_entity(workspaceId=twin.workspace, entityId=taken)
    until(lambda: twin.state_of(taken) == "IN_SYNC")
    asset = twin.entity(taken)
    assert asset is not None
    assert (asset["entityName"], asset["syncSource"]) == ("Pump 3", SOURCE)


def test_synced_things_are_read_only_but_may_be_added_to(twin: Twin, plant: Plant) -> None:
    workspace, line, pump = {"workspaceId": twin.workspace}, plant.lines[0], plant.pumps[0]
    client, refused = twin.client, []
    note = {"text": {"dataType": {"type": "STRING"}}}
    client.create_component_type(**workspace, componentTypeId="com.example.note", propertyDefinitions=note)
    own = {"componentTypeId": "com.example.note"}
    for call, given in (
        (client.update_entity, {"entityId": pump, "entityName": "Other"}),
        (client.update_entity, {"entityId": pump, "description": "Other"}),
        (client.update_entity, {"entityId": pump, "parentEntityUpdate": {"updateType": "DELETE"}}),
        (client.update_entity, {"entityId": pump, "componentUpdates": {BASE: {"description": "Other"}}}),
        (client.delete_entity, {"entityId": pump}),
        (client.create_entity, {"entityName": "Below", "parentEntityId": line}),
        (client.delete_component_type, {"componentTypeId": TYPE + plant.pump}),
        (client.create_component_type, {"componentTypeId": "com.example.more", "extendsFrom": [TYPE + plant.pump]}),
    ):
        refused.append(refusal(call, **workspace, **given)[0])
    assert set(refused) == {"ValidationException"}
    assert refusal(client.create_entity, **workspace, entityName="Again", entityId=pump)[0] == "ConflictException"

    before = twin.entities()[pump]["updateDateTime"]
    update = {"note": {"updateType": "CREATE", **own, "propertyUpdates": {"text": {"value": {"stringValue": "hello"}}}}}
    assert client.update_entity(**workspace, entityId=pump, componentUpdates=update)["state"] in ("ACTIVE", "UPDATING")
    assert twin.entities()[pump]["updateDateTime"] > before
    assert twin.entities(componentTypeId="com.example.note").keys() == {pump}
    assert refusal(client.delete_component_type, **workspace, componentTypeId="com.example.note")[0] == refused[0]

    plant.sitewise.change(pump, name="Renamed")
    until(lambda: (twin.entity(pump) or {}).get("entityName") == "Renamed")
    kept = twin.entity(pump)
    assert kept is not None
    assert kept["components"]["note"]["properties"]["text"]["value"] == {"stringValue": "hello"}
    assert "syncSource" not in kept["components"]["note"]

    plant.sitewise.remove(pump)
    until(lambda: twin.entity(pump) is None)
    assert twin.entities(componentTypeId="com.example.note") == {}
    until(lambda: unused(twin))


def unused(twin: Twin) -> bool:
    """The additions have gone with their entity, so that nothing needs their type any more."""
    try:
        twin.client.delete_component_type(workspaceId=twin.workspace, componentTypeId="com.example.note")
    except twin.client.exceptions.ValidationException:
        return False
    return True


def test_search_finds_what_came_from_sitewise_and_what_people_made(twin: Twin, plant: Plant) -> None:
    plant.sitewise.change(plant.pumps[0], description="zanzibar")
    until(lambda: twin.search("zanzibar") == {plant.pumps[0]})
    assert TYPE + plant.pump in twin.search("rpm")
    made = twin.client.create_entity(
        workspaceId=twin.workspace, entityName="Quokka shelter", entityId="quokka", description="for marsupials"
    )
    until(lambda: twin.search("marsupials") == {"quokka"})
    assert made["entityId"] == "quokka"
    twin.client.update_entity(workspaceId=twin.workspace, entityId="quokka", description="for wombats")
    until(lambda: twin.search("wombats") == {"quokka"})
    assert twin.search("marsupials") == set()
    twin.client.delete_entity(workspaceId=twin.workspace, entityId="quokka")
    until(lambda: twin.search("wombats") == set())


def test_a_second_job_is_refused_and_changes_nothing(twin: Twin, plant: Plant) -> None:
    given = {"workspaceId": twin.workspace, "syncSource": SOURCE, "syncRole": ROLE}
    assert refusal(twin.client.create_sync_job, **given)[0] == "ConflictException"
    assert twin.entities().keys() == plant.all
    assert len(twin.client.list_sync_jobs(workspaceId=twin.workspace)["syncJobSummaries"]) == 1


def test_deleting_the_job_removes_what_it_brought_and_nothing_else(twin: Twin, plant: Plant) -> None:
    workspace = {"workspaceId": twin.workspace}
    twin.client.create_component_type(**workspace, componentTypeId="com.example.mine")
    mine = twin.client.create_entity(
        **workspace, entityName="Mine", components={"c": {"componentTypeId": "com.example.mine"}}
    )["entityId"]
    own = {"note": {"componentTypeId": "com.example.mine"}}
    twin.client.update_entity(**workspace, entityId=plant.pumps[0], componentUpdates=own)
    assert refusal(twin.client.delete_workspace, **workspace)[0] == "ValidationException"
    assert twin.client.delete_sync_job(**workspace, syncSource=SOURCE)["state"] == "DELETING"
    until(lambda: twin.state() == "GONE")
    assert twin.entities().keys() == {mine}
    assert twin.entities(componentTypeId="com.example.mine").keys() == {mine}
    types = twin.client.list_component_types(**workspace)["componentTypeSummaries"]
    assert [one["componentTypeId"] for one in types] == ["com.example.mine"]
    assert twin.client.list_sync_jobs(**workspace)["syncJobSummaries"] == []
    assert twin.search("Pump") == set()
    twin.begin()  # it may be made again
    again = twin.entity(plant.pumps[0])
    assert again is not None
    assert again["components"].keys() == {BASE}
    assert twin.entities().keys() == {mine, *plant.all}


@pytest.fixture
def other(desk: Desk) -> Iterator[Twin]:
    made = Twin(desk, desk.name())
    yield made
    made.client.delete_sync_job(workspaceId=made.workspace, syncSource=SOURCE)


def test_a_job_without_its_workspace_is_told_only_when_it_is_the_only_one(
    twin: Twin, plant: Plant, other: Twin
) -> None:
    until(lambda: twin.client.get_sync_job(syncSource=SOURCE)["workspaceId"] == twin.workspace)
    other.begin()
    code, told = refusal(twin.client.get_sync_job, syncSource=SOURCE)
    assert (code, "2 sync jobs" in told) == ("ValidationException", True)


def test_the_native_api_lists_runs_stops_and_explains_the_same_job(twin: Twin, plant: Plant) -> None:
    connector, pump = twin.connector, plant.pumps[0]
    assert (connector["kind"], connector["settings"]["sibling_names"]) == ("sitewise", "unique")
    with twin.desk.served.client() as api:
        assert api.post(f"/v1/connectors/{connector['id']}/pause").status_code == 200
        until(lambda: all(one["ended_at"] for one in twin.jobs()))
        count = len(twin.jobs())
        plant.sitewise.change(pump, name="Seen by the native API")
        started = api.post(f"/v1/connectors/{connector['id']}/sync")
        assert started.status_code == 202, started.text
        job = started.json()["job"]["id"]
        assert until(lambda: api.get(f"/v1/jobs/{job}").json()["ended_at"])
        assert len(twin.jobs()) == count + 1  # the clock starts none while it is paused
        assert (twin.entity(pump) or {})["entityName"] == "Seen by the native API"
        stories = api.get(f"/v1/documents/{twin.index}/why", params={"id": pump}).json()["stories"]
        assert [one["state"] for one in stories] == ["live"]
        assert api.get(f"/v1/documents/{twin.index}/{pump}").json()["title"] == "Seen by the native API"
        plant.sitewise.fail("ListAssets", "slow", seconds=20)
        slow = api.post(f"/v1/connectors/{connector['id']}/sync").json()["job"]["id"]
        until(lambda: api.get(f"/v1/jobs/{slow}").json()["state"] == "running")
        assert api.post(f"/v1/jobs/{slow}/stop").status_code == 202
        until(lambda: api.get(f"/v1/jobs/{slow}").json()["state"] == "stopped")
        plant.sitewise.heal()
        assert api.post(f"/v1/connectors/{connector['id']}/resume").status_code == 200
    plant.sitewise.change(pump, name="Followed again")
    until(lambda: (twin.entity(pump) or {})["entityName"] == "Followed again")


def test_the_command_line_knows_the_job(twin: Twin, plant: Plant) -> None:
    name = twin.connector["name"]
    assert name in command(twin.desk, "connector", "list")
    assert str(twin.jobs()[-1]["number"]) in command(twin.desk, "jobs", "--connector", name)
    assert "in the index" in command(twin.desk, "why", plant.pumps[0], "--index", twin.index)
    assert plant.pumps[0] in command(twin.desk, "search", "Pump 1", "--index", twin.index)


def test_a_job_made_natively_is_a_sync_job_in_its_words(desk: Desk) -> None:
    desk.sitewise.clear()
    pump = desk.sitewise.add_model("Pump", [("Speed", "DOUBLE", "rpm")])
    asset = desk.sitewise.add_asset("Pump 1", pump)
    client = desk.client()
    with desk.served.client() as api:
        index = desk.name("native").lower()
        assert api.post("/v1/indexes", json={"name": index, "description": "by hand"}).status_code == 201
        body = {"kind": "sitewise", "name": desk.name("assets"), "index": index, "settings": {"region": "eu-central-1"}}
        made = api.post("/v1/connectors", json=body)
        assert made.status_code == 201, made.text
        assert client.get_sync_job(workspaceId=index, syncSource=SOURCE)["status"] == {"state": "CREATING"}
        job = api.post(f"/v1/connectors/{made.json()['id']}/sync").json()["job"]["id"]
        until(lambda: api.get(f"/v1/jobs/{job}").json()["ended_at"])
    assert client.get_workspace(workspaceId=index)["description"] == "by hand"
    assert index in {one["workspaceId"] for one in client.list_workspaces(maxResults=200)["workspaceSummaries"]}
    assert client.get_sync_job(workspaceId=index, syncSource=SOURCE)["status"] == {"state": "ACTIVE"}
    assert client.get_entity(workspaceId=index, entityId=asset)["entityName"] == "Pump 1"
    given = {"workspaceId": index, "syncSource": SOURCE}
    assert refusal(client.create_sync_job, **given, syncRole=ROLE)[0] == "ConflictException"
    assert client.delete_sync_job(**given)["state"] == "DELETING"
    until(lambda: not client.list_sync_jobs(workspaceId=index)["syncJobSummaries"])
    client.delete_workspace(workspaceId=index)


def test_an_endpoint_on_the_private_network_is_not_taken_from_requests(desk: Desk) -> None:
    settings = {"region": "eu-central-1", "endpoint_url": desk.sitewise.url}
    with desk.served.client() as api:
        answer = api.post("/v1/connectors", json={"kind": "sitewise", "index": "default", "settings": settings})
    assert (answer.status_code, answer.json()["code"]) == (422, "target.refused")
