"""Collections, through the vendor's client."""

from __future__ import annotations

import re
from datetime import datetime

import pytest
from airweave.core.api_error import ApiError
from airweave.errors import NotFoundError, UnprocessableEntityError
from tests.dialects.airweave.labs import Lab


def test_a_collection_gets_a_readable_id_made_of_its_name(lab: Lab) -> None:
    made = lab.sdk.collections.create(name="Customer Support: Übersicht")

    assert re.fullmatch(r"customer-support-ubersicht-[a-z0-9]{6}", made.readable_id)
    assert (made.name, made.status) == ("Customer Support: Übersicht", "NEEDS SOURCE")
    assert (made.vector_size, made.embedding_model_name) == (0, "none")
    assert made.created_at.tzinfo is None
    assert lab.sdk.collections.get(made.readable_id).id == made.id


def test_a_readable_id_that_is_given_is_the_name_of_the_index(lab: Lab) -> None:
    id = lab.name("chosen")
    lab.sdk.collections.create(name="Chosen", readable_id=id)

    assert lab.native.get(f"/v1/indexes/{id}").json()["name"] == id
    with pytest.raises(ApiError) as taken:
        lab.sdk.collections.create(name="Another", readable_id=id)
    assert (taken.value.status_code, taken.value.body) == (
        400,
        {"detail": f"Collection with readable_id '{id}' already exists"},
    )


def test_an_id_too_long_for_an_index_is_kept_all_the_same(lab: Lab) -> None:
    id = "a" + "-b" * 50
    made = lab.sdk.collections.create(name="Long", readable_id=id)

    assert made.readable_id == id == lab.sdk.collections.get(id).readable_id
    lab.sdk.collections.delete(id)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "abc"},
        {"name": "a" * 65},
        {"name": 1234},
        {"name": "Proper", "readable_id": "No Good"},
        {"name": "Proper", "readable_id": "double--dash"},
        {"name": "Proper", "strange": 1},
        {"name": "Proper", "sync_config": {"behavior": {"skip_hash_comparison": "perhaps"}}},
    ],
    ids=lambda body: "-".join(body) or "empty",
)
def test_a_body_that_does_not_fit_is_refused_in_both_forms_that_clients_know(lab: Lab, body: dict) -> None:
    answer = lab.raw.post("/collections", json=body)

    assert answer.status_code == 422
    said = answer.json()
    assert set(said) == {"errors", "detail"}
    assert all(next(iter(one)).startswith("body") for one in said["errors"])
    assert all({"loc", "msg", "type"} == set(one) for one in said["detail"])
    with pytest.raises(UnprocessableEntityError):
        lab.sdk.collections.create(name="abc")


def test_lists_are_newest_first_paged_and_searched(lab: Lab) -> None:
    stem = lab.name("sorted")
    ids = [lab.sdk.collections.create(name=f"Sorted {n}", readable_id=f"{stem}-{n}").readable_id for n in range(3)]

    found = [one.readable_id for one in lab.sdk.collections.list(search=stem)]
    assert found == ids[::-1]
    assert [one.readable_id for one in lab.sdk.collections.list(search=stem.upper(), skip=1, limit=1)] == [ids[1]]
    assert lab.raw.get("/collections/count", params={"search": stem}).json() == 3
    for limit in (0, 1001, "many"):
        assert lab.raw.get("/collections", params={"limit": limit}).status_code == 422


def test_a_rename_changes_the_name_and_nothing_else(lab: Lab) -> None:
    id = lab.collection()
    before = lab.sdk.collections.get(id)

    config = {"cursor": {"skip_load": True}}
    changed = lab.raw.patch(f"/collections/{id}", json={"name": "Renamed", "sync_config": config}).json()
    again = lab.sdk.collections.update(id, name="Renamed twice")

    assert (changed["name"], changed["sync_config"]) == ("Renamed", config)
    assert (again.name, again.readable_id, again.id) == ("Renamed twice", id, before.id)
    assert again.sync_config is not None
    assert again.modified_at > before.modified_at


def test_unknown_ones_are_told_in_a_text(lab: Lab) -> None:
    for ask in (lab.sdk.collections.get, lab.sdk.collections.delete):
        with pytest.raises(NotFoundError) as unknown:
            ask("nothing-here")
        assert unknown.value.body.detail == "Collection 'nothing-here' not found"
    with pytest.raises(NotFoundError):
        lab.sdk.collections.update("nothing-here", name="Something")


def test_an_index_of_another_origin_is_a_collection(lab: Lab) -> None:
    name = lab.name("native_one")
    lab.native.post("/v1/indexes", json={"name": name}).raise_for_status()

    shown = lab.sdk.collections.get(name)
    assert (shown.name, shown.readable_id) == (name, name)
    assert lab.sdk.collections.update(name, name="With a title").name == "With a title"
    assert lab.sdk.collections.delete(name).readable_id == name
    assert lab.native.get(f"/v1/indexes/{name}").status_code == 404


def test_the_status_follows_the_last_jobs(lab: Lab) -> None:
    id, place = lab.collection(), lab.folder({"a.md": "a"})
    assert lab.sdk.collections.get(id).status == "NEEDS SOURCE"

    made = lab.files(place, id, sync_immediately=False)
    assert lab.sdk.collections.get(id).status == "NEEDS SOURCE"
    lab.run(made.id)
    assert lab.sdk.collections.get(id).status == "ACTIVE"
    place.rename(place.with_name(place.name + "-away"))
    failed = lab.run(made.id)
    assert failed.status == "failed"
    assert failed.completed_at is None
    assert lab.sdk.collections.get(id).status == "ERROR"
    (listed,) = lab.sdk.collections.list(search=id)
    assert [(one.short_name, one.name) for one in listed.source_connection_summaries] == [("filesystem", "Filesystem")]


def test_deleting_one_takes_everything_with_it(lab: Lab) -> None:
    id = lab.collection()
    made = lab.files(lab.folder({"a.md": "a"}), id)
    lab.ended(made.id)

    gone = lab.sdk.collections.delete(id)

    assert (gone.readable_id, gone.status) == (id, "ACTIVE")
    assert lab.sdk.source_connections.list(collection=id) == []
    for ask in (lambda: lab.sdk.collections.get(id), lambda: lab.sdk.source_connections.get(made.id)):
        with pytest.raises(NotFoundError):
            ask()
    assert lab.native.get(f"/v1/connectors/{made.id}").status_code == 404


def test_times_are_written_without_an_offset(lab: Lab) -> None:
    shown = lab.raw.get(f"/collections/{lab.collection()}").json()

    for member in ("created_at", "modified_at"):
        assert datetime.fromisoformat(shown[member]).tzinfo is None
