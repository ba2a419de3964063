"""Search over the network: trees of conditions, orders, facets; by requests and by the remote API."""

from __future__ import annotations

import json

import pytest

from syncline.model.search import All, AnyOf, Facet, Filter, Not, Sort
from syncline.remote.api import Remote


@pytest.fixture(scope="module")
def shelves(api):
    """Two connectors with fifteen documents each."""
    for name in ("left", "right"):
        api.push_connector(name, "shelves")
        documents = [{"id": f"{name}/{n:02}.md", "text": f"word{n} common", "metadata": {"n": n}} for n in range(15)]
        told = api.ok("POST", f"/v1/connectors/{name}/documents", 202, json={"documents": documents})
        api.ended(told["job"]["id"])
    return api


def test_conditions_nest_and_results_are_sorted_and_counted(shelves):
    low, high = {"field": "n", "op": "below", "value": 3}, {"field": "n", "op": "range", "value": [5, None]}
    tree = {"all": [{"any": [low, high]}, {"not": {"field": "connector", "value": "right"}}]}
    body = {
        "index": "shelves", "filters": [tree], "sort": [{"field": "n", "descending": True}, {"field": "id"}],
        "facets": [{"field": "connector"}, {"field": "n", "limit": 2}], "limit": 3, "unrestricted": True,
    }  # fmt: skip
    found = shelves.ok("POST", "/v1/search", json=body)
    numbers = [one["metadata"]["n"] for one in found["results"]]
    assert numbers == sorted(numbers, reverse=True)
    assert all(number < 3 or number >= 5 for number in numbers)
    assert {one["connector"] for one in found["results"]} == {"left"}
    assert found["facets"]["connector"] == [{"value": "left", "count": found["total"]}]
    assert len(found["facets"]["n"]) == 2
    counted = shelves.ok("POST", "/v1/search", json={**body, "limit": 0})
    assert (counted["total"], counted["results"], counted["facets"]) == (found["total"], [], found["facets"])
    params = {"index": "shelves", "filter": json.dumps(tree), "limit": 0, "unrestricted": True}
    assert shelves.ok("GET", "/v1/search", params=params)["total"] == found["total"]
    with Remote(shelves.url, shelves.client.headers["authorization"].removeprefix("Bearer ")) as far:
        trees = [
            All(
                [
                    AnyOf([Filter("n", "below", 3), Filter("n", "range", (5, None))]),
                    Not(Filter("connector", "eq", "right")),
                ]
            )
        ]
        results = far.search(
            "", index="shelves", filters=trees, sort=[Sort("n", True), Sort("id")], limit=3, unrestricted=True,
            facets=[Facet("connector"), Facet("n", 2)],
        )  # fmt: skip
    assert [hit.id for hit in results.hits] == [one["id"] for one in found["results"]]
    assert results.facets["connector"] == [("left", found["total"])]


def test_a_tree_that_makes_no_sense_is_refused(shelves):
    deep = {"field": "n"}
    for _ in range(40):
        deep = {"not": deep}
    for wrong in ({"all": [{"field": "n", "op": "like"}]}, {"any": 3}, {"not": [{"field": "n"}]}, {"not": {}}, {},
                  {"all": [], "any": []}, {"all": [], "field": "n"}, deep):  # fmt: skip
        answer = shelves.client.post("/v1/search", json={"index": "shelves", "filters": [wrong]})
        assert answer.status_code == 422, wrong
    for more in ({"sort": [{"field": "text"}]}, {"sort": [{}]}, {"facets": [{"field": "n", "limit": 10_001}]}):
        assert shelves.client.post("/v1/search", json={"index": "shelves", **more}).status_code == 422, more
