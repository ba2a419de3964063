"""Instant search and its filters."""

from __future__ import annotations

from typing import Any

import pytest
from airweave import FilterCondition, FilterGroup
from airweave.core.api_error import ApiError
from airweave.errors import UnprocessableEntityError
from tests.dialects.airweave.labs import Lab, until

META = "airweave_system_metadata"
FILES = {
    "handbook/leave.md": "---\nmodified: 2026-03-01\n---\n# Parental leave\n\nSixteen weeks of leave for apples.",
    "handbook/travel/hotels.md": "---\nmodified: 2026-05-01\n---\n# Hotels\n\nApples on every pillow.",
    "notes/apples.txt": "apples and nothing else",
}


@pytest.fixture(scope="module")
def shelf(lab: Lab) -> tuple[str, Any]:
    """A collection with two connections: files, and a second folder."""
    id = lab.collection()
    made = lab.files(lab.folder(FILES), id, name="The files")
    other = lab.files(lab.folder({"pear.md": "# Pear\n\npears and apples"}), id)
    for one in (made, other):
        assert lab.ended(one.id).status == "completed"
    return id, made


def conditions(*said: tuple[str, str, Any]) -> list[FilterGroup]:
    """One group."""
    return [FilterGroup(conditions=[FilterCondition(field=f, operator=o, value=v) for f, o, v in said])]


def found(lab: Lab, id: str, query: str = "apples", **more: Any) -> set[str]:
    """Original ids of what is found."""
    results = lab.sdk.collections.search.instant(id, query=query, **more).results
    return {one.airweave_system_metadata.original_entity_id for one in results}


ALL = {*FILES, "pear.md"}


def test_a_result_tells_everything_that_a_client_needs(lab: Lab, shelf: tuple[str, Any]) -> None:
    id, made = shelf
    (result,) = lab.sdk.collections.search.instant(id, query="hotels").results

    assert (result.entity_id, result.name) == ("handbook/travel/hotels.md__chunk_0", "Hotels")
    assert "Apples on every pillow" in result.textual_representation
    assert result.relevance_score > 0
    assert [(one.entity_id, one.name) for one in result.breadcrumbs] == [
        ("handbook/", "handbook"),
        ("handbook/travel/", "travel"),
    ]
    meta = result.airweave_system_metadata
    assert (meta.source_name, meta.entity_type, meta.chunk_index) == ("filesystem", "FilesystemEntity", 0)
    assert meta.sync_id == made.sync_id
    assert (result.access.is_public, result.web_url) == (True, "")
    assert result.updated_at.isoformat() == "2026-05-01T00:00:00"
    assert result.raw_source_fields["extension"] == "md"


@pytest.mark.parametrize("strategy", ["semantic", "keyword", "hybrid", None])
def test_every_strategy_finds_by_words(lab: Lab, shelf: tuple[str, Any], strategy: str | None) -> None:
    more = {} if strategy is None else {"retrieval_strategy": strategy}
    assert found(lab, shelf[0], **more) == ALL


def test_signs_of_our_search_language_have_no_meaning(lab: Lab, shelf: tuple[str, Any]) -> None:
    for query in ('"nothing pillow" -apples', "+apples +sixteen -leave", "title:apples"):
        assert found(lab, shelf[0], query) == ALL
    assert found(lab, shelf[0], "!!! ???") == set()


def test_pages_fit_together(lab: Lab, shelf: tuple[str, Any]) -> None:
    search = lab.sdk.collections.search.instant
    whole = [one.entity_id for one in search(shelf[0], query="apples").results]
    parts = [one.entity_id for n in range(4) for one in search(shelf[0], query="apples", limit=1, offset=n).results]
    assert parts == whole
    scores = [one.relevance_score for one in search(shelf[0], query="apples").results]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (("name", "equals", "Hotels"), {"handbook/travel/hotels.md"}),
        (("name", "not_equals", "Hotels"), ALL - {"handbook/travel/hotels.md"}),
        (("name", "contains", "HOTEL"), {"handbook/travel/hotels.md"}),
        (("name", "in", ["Hotels", "Pear"]), {"handbook/travel/hotels.md", "pear.md"}),
        (("name", "in", "Pear"), {"pear.md"}),
        (("name", "not_in", ["Hotels", "Pear"]), {"handbook/leave.md", "notes/apples.txt"}),
        (("entity_id", "equals", "pear.md__chunk_0"), {"pear.md"}),
        ((f"{META}.original_entity_id", "contains", "handbook"), {"handbook/leave.md", "handbook/travel/hotels.md"}),
        (("updated_at", "greater_than", "2026-04-01"), {"handbook/travel/hotels.md"}),
        (("updated_at", "less_than_or_equal", "2026-03-01T23:59:59"), {"handbook/leave.md"}),
        (("breadcrumbs.name", "equals", "handbook"), {"handbook/leave.md", "handbook/travel/hotels.md"}),
        (("breadcrumbs.name", "equals", "travel"), {"handbook/travel/hotels.md"}),
        (("breadcrumbs.entity_id", "equals", "handbook/travel/"), {"handbook/travel/hotels.md"}),
        (("breadcrumbs.entity_type", "equals", "FolderEntity"), set(FILES)),
        ((f"{META}.source_name", "equals", "filesystem"), ALL),
        ((f"{META}.source_name", "not_equals", "filesystem"), set()),
        ((f"{META}.entity_type", "contains", "system"), ALL),
        ((f"{META}.entity_type", "equals", "WebEntity"), set()),
        ((f"{META}.chunk_index", "equals", 0), ALL),
        ((f"{META}.chunk_index", "greater_than", 0), set()),
        ((f"{META}.sync_job_id", "equals", "x"), set()),
    ],
    ids=lambda one: "-".join(map(str, one)) if isinstance(one, tuple) else "",
)
def test_filters(lab: Lab, shelf: tuple[str, Any], condition: tuple[str, str, Any], expected: set[str]) -> None:
    assert found(lab, shelf[0], filter=conditions(condition)) == expected


def test_a_sync_is_chosen_by_its_id(lab: Lab, shelf: tuple[str, Any]) -> None:
    id, made = shelf
    assert found(lab, id, filter=conditions((f"{META}.sync_id", "equals", made.sync_id))) == set(FILES)


def test_groups_are_joined_by_or_and_conditions_by_and(lab: Lab, shelf: tuple[str, Any]) -> None:
    both = conditions(("breadcrumbs.name", "equals", "handbook"), ("name", "equals", "Hotels"))
    either = both + conditions(("name", "equals", "Pear"))
    assert found(lab, shelf[0], filter=both) == {"handbook/travel/hotels.md"}
    assert found(lab, shelf[0], filter=either) == {"handbook/travel/hotels.md", "pear.md"}
    assert found(lab, shelf[0], filter=[]) == ALL


@pytest.mark.parametrize(
    ("field", "operator", "value"),
    [
        ("name", "greater_than", "a"),
        ("updated_at", "contains", "2026"),
        ("updated_at", "greater_than", "yesterday"),
        ("updated_at", "equals", 5),
        (f"{META}.chunk_index", "equals", "0"),
        ("name", "equals", ["a", "b"]),
        ("name", "equals", 1),
        ("name", "like", "a"),
        ("color", "equals", "red"),
        ("breadcrumbs.name", "contains", "a"),
    ],
)
def test_conditions_that_make_no_sense_are_refused(
    lab: Lab, shelf: tuple[str, Any], field: str, operator: str, value: Any
) -> None:
    with pytest.raises(UnprocessableEntityError):
        found(lab, shelf[0], filter=conditions((field, operator, value)))


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"query": "  "},
        {"query": 5},
        {"query": "a", "limit": 0},
        {"query": "a", "limit": 1001},
        {"query": "a", "offset": -1},
        {"query": "a", "retrieval_strategy": "magic"},
        {"query": "a", "filter": {}},
        {"query": "a", "filter": [{"conditions": []}]},
        {"query": "a", "strange": 1},
    ],
    ids=str,
)
def test_questions_that_do_not_fit_are_refused(lab: Lab, shelf: tuple[str, Any], body: dict[str, Any]) -> None:
    answer = lab.raw.post(f"/collections/{shelf[0]}/search/instant", json=body)
    assert (answer.status_code, set(answer.json())) == (422, {"errors", "detail"})


def test_an_unknown_collection_and_an_empty_one(lab: Lab) -> None:
    with pytest.raises(ApiError) as unknown:
        lab.sdk.collections.search.instant("nothing-here", query="a")
    assert (unknown.value.status_code, unknown.value.body) == (404, {"detail": "Collection 'nothing-here' not found"})
    assert lab.sdk.collections.search.instant(lab.collection(), query="a").results == []


def test_the_older_search_is_served(lab: Lab, shelf: tuple[str, Any]) -> None:
    path = f"/collections/{shelf[0]}/search"
    posted = lab.raw.post(path, json={"query": "hotels", "response_type": "raw", "limit": 5})
    asked = lab.raw.get(f"{path}/", params={"query": "hotels"})

    assert posted.json() == asked.json()
    assert posted.headers["deprecation"] == "true"
    assert [one["name"] for one in asked.json()["results"]] == ["Hotels"]
    missing = lab.raw.get("/collections/nothing-here/search", params={"query": "a"})
    assert missing.json() == {"detail": "Collection 'nothing-here' not found."}


@pytest.mark.parametrize("tier", ["classic", "agentic", "agentic/stream"])
def test_without_a_language_model_the_others_are_unavailable(lab: Lab, shelf: tuple[str, Any], tier: str) -> None:
    answer = lab.raw.post(f"/collections/{shelf[0]}/search/{tier}", json={"query": "hotels"})

    assert answer.status_code == 503
    assert "SYNCLINE_LLM_URL" in answer.json()["detail"]
    missing = lab.raw.post(f"/collections/nothing-here/search/{tier}", json={"query": "hotels"})
    assert missing.status_code == 404


def test_restricted_documents_say_who_may_see_them(lab: Lab) -> None:
    id = lab.collection()
    made = lab.sdk.source_connections.create(
        short_name="push", readable_collection_id=id, sync_immediately=False, schedule={"cron": None}
    )
    body = {"documents": [{"id": "secret", "text": "about figs", "allow": ["user:ann"], "url": "https://e.example/1"}]}
    lab.native.post(f"/v1/connectors/{made.id}/documents", json=body).raise_for_status()

    (result,) = until(lambda: lab.sdk.collections.search.instant(id, query="figs").results, "what was pushed")
    assert (result.access.viewers, result.access.is_public) == (["user:ann"], False)
    assert result.web_url == "https://e.example/1"
