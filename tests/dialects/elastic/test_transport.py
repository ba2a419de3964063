"""The wire: which product this is, media types, paths, query, keys, and the form of errors."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import httpx
import pytest
from elasticsearch import AuthenticationException, AuthorizationException
from tests.dialects.elastic.connector_labs import Lab, refused
from tests.serve.conftest import ROOT_SECRET

V9 = "application/vnd.elasticsearch+json; compatible-with=9"
V8 = "application/vnd.elasticsearch+json; compatible-with=8"
V7 = "application/vnd.elasticsearch+json; compatible-with=7"


def test_every_answer_says_which_product_this_is(lab: Lab) -> None:
    answers = [
        lab.raw.get("/_connector"), lab.raw.get("/_connector/nobody"), lab.raw.get("/_no/such/path"),
        lab.raw.patch("/_connector"), httpx.get(f"{lab.url}/_connector"), lab.raw.get("/_connector?odd=1"),
    ]  # fmt: skip
    assert [answer.status_code for answer in answers] == [200, 404, 400, 405, 401, 400]
    assert {answer.headers["x-elastic-product"] for answer in answers} == {"Elasticsearch"}
    assert not any("warning" in answer.headers for answer in answers)


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        ({"accept": V9, "content-type": V9}, "application/vnd.elasticsearch+json;compatible-with=9"),
        ({"accept": V8, "content-type": V8}, "application/vnd.elasticsearch+json;compatible-with=8"),
        ({"accept": "*/*", "content-type": V8}, "application/vnd.elasticsearch+json;compatible-with=8"),
        ({"accept": "application/json"}, "application/json"),
        (
            {"accept": "application/json; charset=utf-8", "content-type": "application/json; charset=utf-8"},
            "application/json",
        ),
        ({"elastic-api-version": "2023-10-31", "accept": "application/json"}, "application/json"),
        ({}, "application/json"),
    ],
    ids=range(7),
)
def test_media_types(lab: Lab, sent: dict[str, str], answered: str) -> None:
    headers = {"content-type": "application/json", **sent}
    answer = lab.raw.put(f"/_connector/{lab.name('media')}", content=b"{}", headers=headers)
    assert answer.status_code == 201
    assert answer.headers["content-type"] == answered


def test_media_types_that_there_are_not(lab: Lab) -> None:
    path = f"/_connector/{lab.name('media')}"
    for headers in ({"accept": V7}, {"accept": "text/plain"}, {"content-type": V7}):
        answer = lab.raw.put(path, content=b"{}", headers={"content-type": "application/json", **headers})
        assert (answer.status_code, answer.json()["error"]["type"]) == (400, "media_type_header_exception")
    for said in ("text/plain", "application/xml", "nonsense"):
        answer = lab.raw.put(path, content=b"{}", headers={"content-type": said})
        assert (answer.status_code, answer.json()["status"]) == (406, 406)
        assert isinstance(answer.json()["error"], str)


def test_an_empty_segment_is_an_empty_id(lab: Lab) -> None:
    good = {
        "_error": {"error": "x"}, "_name": {"name": "x"}, "_index_name": {"index_name": "x"},
        "_native": {"is_native": True},
        "_service_type": {"service_type": "x"}, "_status": {"status": "error"}, "_last_sync": {}, "_check_in": None,
        "_features": {"features": {}}, "_filtering": {"rules": []}, "_filtering/_activate": None,
        "_configuration": {"values": {}}, "_scheduling": {"scheduling": {"full": {"enabled": True,
        "interval": "0 0 0 * * ?"}}},
    }  # fmt: skip
    for name, body in good.items():
        answer = lab.raw.put(f"{lab.url}/_connector//{name}", json=body)
        assert answer.status_code == 400, name
        assert answer.json()["error"]["type"] == "action_request_validation_exception", name
    answer = lab.raw.put(f"{lab.url}/_connector/_sync_job//_check_in")
    assert answer.json()["error"]["type"] == "action_request_validation_exception"
    malformed = lab.raw.put(f"{lab.url}/_connector//_error", content=b"{", headers={"content-type": "application/json"})
    assert malformed.json()["error"]["type"] == "x_content_parse_exception"


def test_a_slash_at_the_end_is_none(lab: Lab) -> None:
    id = lab.connector()
    assert lab.raw.get(f"/_connector/{id}/").json()["id"] == id
    assert "results" in lab.raw.get("/_connector/").json()
    assert "results" in lab.raw.get("/_connector/_sync_job/").json()


def test_paths_and_verbs_that_there_are_not(lab: Lab) -> None:
    nothing = lab.raw.get("/_connector/a/b/c/d?x=1")
    assert nothing.status_code == 400
    assert nothing.json() == {"error": "no handler found for uri [/_connector/a/b/c/d] and method [GET]"}
    wrong = lab.raw.patch("/_connector/a")
    assert wrong.status_code == 405
    assert wrong.json()["status"] == 405
    assert isinstance(wrong.json()["error"], str)
    assert set(wrong.headers["allow"].split(",")) == {"DELETE", "GET", "PUT"}
    assert lab.raw.options("/_connector/_sync_job/x/_claim").headers["allow"] == "PUT"


@pytest.mark.parametrize(
    "raw",
    [b"{", b"[", b"nonsense", b'{"a":1,}', b'{"name":"a","name":"b"}', b'{"name":NaN}', b"\xff\xfe",
    b'{"name":"\\ud800"}',
     b'{"name":' + b"[" * 5000 + b"]" * 5000 + b"}", b"null", b'"text"', b"[1]", b"5", b'{"name":1e999}',
     b'{"name":' + b"9" * 5000 + b"}"],
    ids=range(15),
)  # fmt: skip
def test_bodies_that_are_no_json_object(lab: Lab, raw: bytes) -> None:
    answer = lab.raw.put(f"/_connector/{lab.name('x')}", content=raw, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "x_content_parse_exception"


def test_a_body_may_be_packed(lab: Lab) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    id = lab.name("packed")
    raw = gzip.compress(json.dumps({"name": "packed"}).encode())
    assert lab.raw.put(f"/_connector/{id}", content=raw, headers=headers).status_code == 201
    assert lab.doc(id)["name"] == "packed"
    assert lab.raw.put(f"/_connector/{id}", content=raw[:-9], headers=headers).status_code in (400, 413)
    assert lab.client(http_compress=True).connector.update_name(connector_id=id, name="again")["result"] == "updated"


def test_bodies_of_reads_are_not_looked_at(lab: Lab) -> None:
    id = lab.connector()
    for method in ("GET", "DELETE"):
        answer = lab.raw.request(
            method, f"/_connector/{id}", content=b"{", headers={"content-type": "application/json"}
        )
        assert answer.status_code == 200


def test_answers_are_pruned_and_indented(lab: Lab) -> None:
    id = lab.connector(name="pruned")

    def ask(query: str) -> Any:
        return lab.raw.get(f"/_connector/{id}?{query}").json()

    assert ask("filter_path=name") == {"name": "pruned"}
    assert ask("filter_path=name,scheduling.full.enabled") == {
        "name": "pruned",
        "scheduling": {"full": {"enabled": False}},
    }
    assert ask("filter_path=sched*.*.interval") == {
        "scheduling": {name: {"interval": "0 0 0 * * ?"} for name in ("full", "incremental", "access_control")}
    }
    assert ask("filter_path=**.state") == {
        "filtering": [{"active": {"validation": {"state": "valid"}}, "draft": {"validation": {"state": "valid"}}}]
    }
    assert ask("filter_path=nothing") == {}
    assert "filtering" not in ask("filter_path=-filtering,-scheduling.full")
    assert set(ask("filter_path=-scheduling.full")["scheduling"]) == {"incremental", "access_control"}
    text = lab.raw.get(f"/_connector/{id}?pretty&human=true&error_trace=false").text
    assert text.startswith('{\n  "id"')
    assert text.endswith("}\n")
    assert lab.raw.get(f"/_connector/{id}?pretty=perhaps").status_code == 400


def test_unknown_parameters(lab: Lab) -> None:
    for query in ("odd=1", "hard=true", "from=1"):
        answer = lab.raw.get(f"/_connector/nobody?{query}")
        name = query.partition("=")[0]
        assert (
            answer.json()["error"]["reason"]
            == f"request [/_connector/nobody] contains unrecognized parameter: [{name}]"
        )


# --- keys -------------------------------------------------------------------------------------------------------------


def headers_of(id: str, secret: str) -> list[dict[str, str]]:
    both = base64.b64encode(f"{id}:{secret}".encode()).decode()
    return [
        {"authorization": f"ApiKey {both}"},
        {"authorization": f"Basic {both}"},
        {"authorization": f"Bearer {secret}"},
    ]


def test_keys_are_shown_in_three_ways(lab: Lab) -> None:
    for headers in headers_of("root", ROOT_SECRET):
        assert httpx.get(f"{lab.url}/_connector?size=0", headers=headers).status_code == 200
    for client in (
        lab.es.options(basic_auth=("root", ROOT_SECRET)),
        lab.es.options(bearer_auth=ROOT_SECRET),
        lab.es.options(api_key=base64.b64encode(f"root:{ROOT_SECRET}".encode()).decode()),
    ):
        assert client.connector.list(size=0)["results"] == []


@pytest.mark.parametrize("headers", [
    {}, *headers_of("root", "wrong-secret-0123456789"), *headers_of("nobody", ROOT_SECRET)[:2],
    {"authorization": "ApiKey !!!"}, {"authorization": "ApiKey cm9vdA=="}, {"authorization": "Basic"},
    {"authorization": "Digest x"}, {"authorization": "ApiKey \xff"},
], ids=range(11))  # fmt: skip
def test_whoever_is_not_known_is_told_how_to_be(lab: Lab, headers: dict[str, str]) -> None:
    raw = {name: value.encode("latin-1") for name, value in headers.items()}
    for method, path in (
        ("GET", "/_connector"),
        ("PUT", "/_connector/x"),
        ("GET", "/_no/such"),
        ("GET", "/_connector/_secret/x"),
    ):
        answer = httpx.request(method, f"{lab.url}{path}", headers=raw, content=b"{" if method == "PUT" else None)
        assert answer.status_code == 401
        assert answer.json()["error"]["type"] == "security_exception"
        assert {"Basic", "ApiKey", "Bearer"} <= {
            part.split()[0] for part in answer.headers["www-authenticate"].split(", ")
        }


def test_the_client_knows_these_errors(lab: Lab) -> None:
    with pytest.raises(AuthenticationException):
        lab.client("root", "wrong-secret-0123456789").connector.list()
    with pytest.raises(AuthorizationException):
        lab.client(*lab.key("read")).connector.post()


def test_what_keys_may(lab: Lab) -> None:
    id = lab.connector()
    job = lab.posted(id)
    nothing, read, write, admin = (
        lab.client(*lab.key(*scopes)).connector for scopes in ((), ("read",), ("write",), ("admin",))
    )
    reads = (lambda api: api.get(connector_id=id), lambda api: api.list(size=1), lambda api: api.sync_job_list(size=1),
             lambda api: api.sync_job_get(connector_sync_job_id=job))  # fmt: skip
    writes = (lambda api: api.check_in(connector_id=id), lambda api: api.sync_job_post(id=id),
              lambda api: api.sync_job_check_in(connector_sync_job_id=job),
              lambda api: api.update_error(connector_id=id, error="x"),
              lambda api: api.perform_request("POST", "/_connector/_secret", headers=JSON,
              body={"value": "x"}))  # fmt: skip
    changes = (lambda api: api.put(connector_id=id), lambda api: api.post(),
    lambda api: api.update_name(connector_id=id, name="x"),
               lambda api: api.update_configuration(connector_id=id, values={}))  # fmt: skip
    for call in reads:
        refused(lambda: call(nothing), 403, "security_exception")  # noqa: B023
        assert call(read)
        assert call(write)
    for call in writes:
        refused(lambda: call(read), 403, "security_exception", "granted by the scope [write]")  # noqa: B023
        assert call(write)
    for call in changes:
        refused(lambda: call(write), 403, "security_exception", "granted by the scope [admin]")  # noqa: B023
        assert call(admin)
    secret = lab.raw.post("/_connector/_secret", json={"value": "x"}).json()["id"]
    refused(lambda: read.perform_request("GET", f"/_connector/_secret/{secret}", headers=JSON), 403)


JSON = {"accept": "application/json", "content-type": "application/json"}
