"""What is listed, what a document holds, and when its version changes."""

from __future__ import annotations

from typing import Any

import pytest
from tests.sources.sitewise.opened import opened

from syncline.model.documents import Document
from syncline.model.news import Complete, Entry, Refused
from syncline.sources.sitewise.inventory import PREFIX, ROOT
from syncline.testing.reading import answers_of, read_all
from syncline.testing.sitewise import ACCOUNT, REGION, SiteWise

PROPERTIES = [("Speed", "DOUBLE", "rpm"), ("Serial", "STRING", "", "attribute"), ("On", "BOOLEAN"), ("Extra", "STRUCT")]


class Plant:
    """A hall with two lines of three pumps, and one pump that stands alone."""

    def __init__(self, sitewise: SiteWise) -> None:
        self.sitewise = sitewise
        self.pump = sitewise.add_model("Pump", PROPERTIES)
        self.line = sitewise.add_model("Line", [("Output", "INTEGER")], [("pumps", self.pump)])
        self.hall = sitewise.add_model("Hall", [], [("lines", self.line), ("spare pumps", self.pump)])
        self.top = sitewise.add_asset("Hall 1", self.hall)
        self.lines = [sitewise.add_asset(f"Line {n}", self.line, self.top) for n in (1, 2)]
        self.pumps = [sitewise.add_asset(f"Pump {n}", self.pump, line) for line in self.lines for n in (1, 2, 3)]
        self.alone = sitewise.add_asset("Pump 9", self.pump)

    def speed(self) -> str:
        return self.sitewise.property_id(self.pump, "Speed")


@pytest.fixture
def plant(sitewise: SiteWise) -> Plant:
    return Plant(sitewise)


def documents(source: Any) -> dict[str, Document]:
    return {one.id: one for one in answers_of(source, read_all(source).entries()) if isinstance(one, Document)}


def versions(plant: Plant, **settings: Any) -> dict[str, str | None]:
    return read_all(opened(plant.sitewise, **settings)).versions()


def changed(before: dict[str, str | None], after: dict[str, str | None]) -> set[str]:
    return {id for id in before.keys() | after.keys() if before.get(id) != after.get(id)}


def test_every_asset_is_found_below_its_parent_over_all_pages(plant: Plant) -> None:
    more = [plant.sitewise.add_asset(f"More {n}", plant.pump, plant.lines[0]) for n in range(12)]
    found = documents(opened(plant.sitewise))
    assert len(found) == 3 + 10 + 12
    assert {found[id].metadata["parent"] for id in more} == {plant.lines[0]}
    assert [found[id].metadata["parent"] for id in (plant.top, plant.alone)] == [ROOT, ROOT]
    line = found[plant.lines[0]].metadata
    assert (line["child_count"], set(line["children"])) == (15, {*more, *plant.pumps[:3]})
    assert plant.sitewise.calls["ListAssociatedAssets"] >= 5
    assert plant.sitewise.calls["ListAssets"] > 3


def test_a_document_says_what_search_should_find(plant: Plant) -> None:
    pump = plant.pumps[0]
    plant.sitewise.change(pump, description="Beside the door")
    plant.sitewise.set_property(pump, plant.speed(), alias="/hall/1/speed", unit="hertz")
    found = documents(opened(plant.sitewise))
    one, model = found[pump], found[PREFIX + plant.pump]
    for words in ("Pump 1", "Beside the door", "Speed (hertz) /hall/1/speed", "Serial"):
        assert words in (one.text or "").splitlines()
    assert one.metadata["properties"] == ["Speed", "Serial", "On", "Extra"]
    assert one.metadata["data_types"] == ["DOUBLE", "STRING", "BOOLEAN", "STRUCT"]
    assert (one.metadata["units"][0], one.metadata["aliases"][0]) == ("hertz", "/hall/1/speed")
    assert one.metadata["component_type"] == PREFIX + plant.pump
    assert model.metadata["property_kinds"] == ["measurement", "attribute", "measurement", "measurement"]
    assert model.metadata["units"][0] == "rpm"
    assert found[PREFIX + plant.hall].metadata["hierarchy_models"] == [plant.line, plant.pump]


def test_a_model_with_more_properties_than_a_page_is_whole(sitewise: SiteWise) -> None:
    model = sitewise.add_model("Large", [(f"Property {n}", "DOUBLE") for n in range(50)])
    assert len(documents(opened(sitewise))[PREFIX + model].metadata["property_ids"]) == 50


def test_a_renamed_asset_is_the_only_change(plant: Plant) -> None:
    before = versions(plant)
    plant.sitewise.change(plant.pumps[1], name="Renamed")
    assert changed(before, versions(plant)) == {plant.pumps[1]}


def test_a_move_changes_the_asset_and_both_parents_though_no_date_moves(plant: Plant) -> None:
    before = versions(plant)
    plant.sitewise.move(plant.pumps[0], plant.lines[1])
    assert changed(before, versions(plant)) == {plant.pumps[0], *plant.lines}
    assert documents(opened(plant.sitewise))[plant.pumps[0]].metadata["parent"] == plant.lines[1]


def test_an_asset_that_is_taken_out_moves_to_the_top(plant: Plant) -> None:
    plant.sitewise.move(plant.pumps[0], None)
    assert documents(opened(plant.sitewise))[plant.pumps[0]].metadata["parent"] == ROOT


def test_a_new_property_of_a_model_changes_it_and_its_assets(plant: Plant) -> None:
    before = versions(plant)
    plant.sitewise.add_property(plant.line, "Rejects", "INTEGER")
    assert changed(before, versions(plant)) == {PREFIX + plant.line, *plant.lines}


def test_nothing_is_described_that_was_not_asked_for(plant: Plant) -> None:
    read_all(opened(plant.sitewise))
    assert plant.sitewise.calls["DescribeAsset"] == plant.sitewise.calls["DescribeAssetModel"] == 0


def test_fifty_one_children_of_a_hierarchy_are_named_and_all_are_counted(plant: Plant) -> None:
    for n in range(53):
        plant.sitewise.add_asset(f"Spare {n}", plant.pump, plant.top)
    metadata = documents(opened(plant.sitewise))[plant.top].metadata
    assert (metadata["child_count"], len(metadata["children"])) == (55, 53)


# --- names that must differ ------------------------------------------------------------------------------------------


def refusals(source: Any, memory: Any = None) -> tuple[dict[str, str], Complete]:
    reading = read_all(source, memory=memory)
    answers = answers_of(source, reading.entries())
    refused = {one.id: one.error.code for one in answers if isinstance(one, Refused)}
    return refused, reading.completes()[0]


def test_siblings_of_one_name_are_both_taken_unless_it_is_asked_for(plant: Plant) -> None:
    plant.sitewise.change(plant.pumps[1], name="Pump 1")
    assert refusals(opened(plant.sitewise))[0] == {}
    assert refusals(opened(plant.sitewise, sibling_names="unique"))[0] == {plant.pumps[1]: "twin.name_taken"}


def test_names_may_be_the_same_at_the_top_and_below_different_parents(plant: Plant) -> None:
    plant.sitewise.add_asset("Pump 9", plant.pump)
    assert refusals(opened(plant.sitewise, sibling_names="unique"))[0] == {}


def test_who_had_the_name_keeps_it_whatever_happens_to_it_later(plant: Plant) -> None:
    plant.sitewise.change(plant.pumps[0], name="Pump 2")  # the newcomer, though it was made earlier
    source = opened(plant.sitewise, sibling_names="unique")
    refused, complete = refusals(source)
    assert refused == {plant.pumps[0]: "twin.name_taken"}
    plant.sitewise.change(plant.pumps[1], description="changed last")
    again, _ = refusals(source, complete.memory)
    assert again == refused
    assert refusals(source)[0] == {plant.pumps[1]: "twin.name_taken"}  # without a memory it could not know


def test_a_name_that_is_free_again_heals_the_other(plant: Plant) -> None:
    plant.sitewise.change(plant.pumps[1], name="Pump 1")
    source = opened(plant.sitewise, sibling_names="unique")
    _, complete = refusals(source)
    plant.sitewise.change(plant.pumps[0], name="Pump 7")
    refused, complete = refusals(source, complete.memory)
    assert (refused, "names" in (complete.memory or {})) == ({}, False)


def test_ids_that_somebody_else_has_are_refused_alone(plant: Plant) -> None:
    source = opened(plant.sitewise, taken=lambda ids: {plant.alone, "another"} & set(ids))
    assert refusals(source)[0] == {plant.alone: "twin.id_taken"}


# --- where it is -----------------------------------------------------------------------------------------------------


def anchor(source: Any) -> str:
    return read_all(source).completes()[0].anchor


def test_the_place_is_endpoint_region_and_account(plant: Plant) -> None:
    before = anchor(opened(plant.sitewise))
    assert before.endswith(f"{REGION}/{ACCOUNT}")
    assert anchor(opened(plant.sitewise, region="us-west-2")) != before
    plant.sitewise.clear()
    assert anchor(opened(plant.sitewise)) != before  # it may be another account: nothing tells


def test_the_environment_says_where_and_with_what_key(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in plant.sitewise.environ.items():
        monkeypatch.setenv(name, value)
    source = opened(
        plant.sitewise,
        environ=plant.sitewise.environ,
        region="",
        endpoint_url="",
        access_key_id="",
        secret_access_key="",
    )
    source.check()
    assert len(read_all(source).ids()) == 13


def test_entries_can_be_fetched_by_another_source_on_the_same_place(plant: Plant) -> None:
    entries: list[Entry] = read_all(opened(plant.sitewise)).entries()
    answers = answers_of(opened(plant.sitewise), entries)
    assert all(isinstance(one, Document) for one in answers)
    assert {one.version for one in answers} == {entry.version for entry in entries}
