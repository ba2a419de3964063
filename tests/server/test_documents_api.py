"""Documents, search, why, pages."""

from __future__ import annotations

import json

import pytest


@pytest.fixture(scope="module")
def library(api):
    """Two connectors that both have a document "shared", and one that only some may see."""
    for name in ("one", "two"):
        api.push_connector(name, "library")
        documents = [{"id": f"{name}/{n:02}.md", "text": f"word{n} common", "metadata": {"n": n}} for n in range(15)]
        documents += [{"id": "shared", "text": f"shared by {name}"}, {"id": "why", "text": "a document named why"}]
        if name == "two":
            documents[-1] = {"id": "hidden", "text": "common hidden", "allow": ["user:ann"]}
        told = api.ok("POST", f"/v1/connectors/{name}/documents", 202, json={"documents": documents})
        api.ended(told["job"]["id"])
    return api


def pages(api, path, params=None):
    """Everything of a list, three at a time."""
    found, cursor = [], None
    while True:
        page = api.ok("GET", path, params={**(params or {}), "limit": 3, **({"cursor": cursor} if cursor else {})})
        assert len(page["items"]) <= 3
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def test_pages_fit_together_in_every_list(library):
    everything = pages(library, "/v1/documents/library")
    assert len(everything) == 34
    assert len({(one["connector"], one["id"]) for one in everything}) == 34
    assert everything == library.ok("GET", "/v1/documents/library?limit=1000")["items"]
    of_two = pages(library, "/v1/documents/library", {"connector": "two"})
    assert {one["connector"] for one in of_two} == {"two"}
    job = library.ok("GET", "/v1/connectors/one/jobs")["items"][-1]
    outcomes = pages(library, f"/v1/jobs/{job['id']}/outcomes")
    assert [one["id"] for one in outcomes] == sorted(one["id"] for one in outcomes)
    assert len(outcomes) == 17
    for path in ("/v1/connectors", "/v1/indexes", "/v1/jobs", "/v1/sources"):
        assert pages(library, path) == library.ok("GET", path, params={"limit": 1000})["items"]


def test_a_cursor_is_good_for_its_own_list_only(library):
    cursor = library.ok("GET", "/v1/documents/library?limit=3")["next_cursor"]
    tampered = cursor[:-1] + ("A" if cursor[-1] != "A" else "B")
    for path in (
        f"/v1/documents/library?cursor={tampered}",
        f"/v1/documents/library?connector=one&cursor={cursor}",
        f"/v1/jobs?cursor={cursor}",
        "/v1/documents/library?cursor=",
    ):
        answer = library.client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (400, "cursor.invalid"), path


def test_a_document_is_shown_with_the_beginning_or_all_of_its_text(library):
    shown = library.ok("GET", "/v1/documents/library/one/03.md")
    assert (shown["id"], shown["excerpt"], shown["metadata"], shown["chars"]) == (
        "one/03.md", "word3 common", {"n": 3}, 12,
    )  # fmt: skip
    assert "text" not in shown
    assert library.ok("GET", "/v1/documents/library/one/03.md?text=true")["text"] == "word3 common"
    answer = library.client.get("/v1/documents/library/nothing")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_an_id_that_two_connectors_have_must_be_said_whose(library):
    answer = library.client.get("/v1/documents/library/shared")
    assert (answer.status_code, answer.json()["connectors"]) == (409, ["one", "two"])
    assert library.ok("GET", "/v1/documents/library/shared?connector=two&text=true")["text"] == "shared by two"


def test_every_id_can_be_had_through_the_list(library):
    assert [one["id"] for one in library.ok("GET", "/v1/documents/library?id=why")["items"]] == ["why"]
    assert len(library.ok("GET", "/v1/documents/library?id=shared")["items"]) == 2


def test_why_tells_the_story(library):
    told = library.ok("GET", "/v1/documents/library/why?id=shared")
    assert [story["connector"] for story in told["stories"]] == ["one", "two"]
    assert told["stories"][0]["state"] == "live"
    assert library.ok("GET", "/v1/documents/library/why?id=unknown")["stories"] == []


def test_search_takes_filters_access_and_highlights(library):
    def ids(**body):
        found = library.ok("POST", "/v1/search", json={"index": "library", "limit": 100, **body})
        return {hit["id"] for hit in found["results"]}

    assert len(ids(query="common")) == 30
    assert "hidden" in ids(query="common", user="ann")
    assert "hidden" in ids(query="common", unrestricted=True)
    assert ids(query="common", filters=[{"field": "n", "op": "range", "value": [3, 4]}]) == {
        "one/03.md", "one/04.md", "two/03.md", "two/04.md",
    }  # fmt: skip
    assert ids(filters=[{"field": "n", "value": 5}, {"field": "connector", "value": "two"}]) == {"two/05.md"}
    assert ids(filters=[{"field": "n", "op": "in", "value": [1]}, {"field": "n", "op": "exists"}]) == {
        "one/01.md", "two/01.md",
    }  # fmt: skip
    found = library.ok("POST", "/v1/search", json={"index": "library", "query": "word3", "highlight": ["<b>", "</b>"]})
    assert "<b>word3</b>" in found["results"][0]["snippet"]


def test_search_by_url_answers_the_same(library):
    body = {"index": "library", "query": "common", "limit": 5, "offset": 2, "filters": [{"field": "n", "value": 5}]}
    params = {"index": "library", "q": "common", "limit": 5, "offset": 2, "filter": json.dumps(body["filters"][0])}
    assert library.ok("GET", "/v1/search", params=params) == library.ok("POST", "/v1/search", json=body)


def test_a_senseless_filter_is_refused(library):
    for one in ({"field": "n", "op": "range", "value": 3}, {"field": "n", "op": "in", "value": "x"},
                {"field": "id", "op": "range", "value": [1, 2]}, {"field": "n", "op": "eq", "value": {}}):  # fmt: skip
        answer = library.client.post("/v1/search", json={"index": "library", "filters": [one]})
        assert (answer.status_code, answer.json()["code"]) == (422, "usage"), one


def test_an_index_is_counted_and_removed_with_everything(library):
    assert library.ok("GET", "/v1/indexes/library/stats")["documents"] == 34
    answer = library.client.delete("/v1/indexes/library")
    assert (answer.status_code, answer.json()["code"]) == (409, "index.in_use")
    assert answer.json()["connectors"] == ["one", "two"]
    gone = library.ok("DELETE", "/v1/indexes/library?cascade=true")
    assert gone["connectors"] == ["one", "two"]
    assert library.client.get("/v1/indexes/library").status_code == 404
    assert library.client.get("/v1/connectors/one").status_code == 404
    library.ok("POST", "/v1/indexes", 201, json={"name": "library"})
    for _ in range(20):  # whichever thread answers: nobody has the old one open
        assert library.ok("POST", "/v1/search", json={"index": "library", "unrestricted": True})["total"] == 0
        assert library.ok("GET", "/v1/documents/library")["items"] == []


def test_logs_are_read_in_parts(library):
    place = library.docs / "logged"
    library.folder("logged", {"a.txt": "x"})
    (place / "bad.pdf").write_bytes(b"%PDF-1.4 broken")
    job = library.synced("logged")
    path = f"/v1/jobs/{job['number']}/logs"
    everything = library.client.get(path)
    assert everything.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in everything.text.splitlines()]
    assert lines[0]["event"] == "job.started"
    assert lines[-1]["event"] == "job.ended"
    parts, after = b"", 0
    while part := library.client.get(path, params={"after": after, "limit": 1024}):
        if not part.content:
            break
        parts, after = parts + part.content, int(part.headers["x-next-after"])
    assert parts == everything.content
    errors = library.ok("GET", f"/v1/jobs/{job['number']}/errors")["items"]
    assert [(one["id"], one["kind"]) for one in errors] == [("bad.pdf", "failed")]
