"""Pushing: durable before it is acknowledged, searchable when the job has ended."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest


@pytest.fixture(scope="module")
def pushed(api):
    api.push_connector("pushed", "pushed")
    return api


def push(api, body, connector="pushed", status=202):
    return api.ok("POST", f"/v1/connectors/{connector}/documents", status, json=body)


def ids(api, index="pushed", query=""):
    found = api.ok("POST", "/v1/search", json={"query": query, "index": index, "limit": 1000, "unrestricted": True})
    return {hit["id"] for hit in found["results"]}


def test_what_is_pushed_is_found_when_its_job_has_ended(pushed):
    markdown = base64.b64encode(b"# Head\n\nBody of b.").decode()
    told = push(pushed, {"documents": [
        {"id": "a", "title": "Refunds", "text": "We refund.", "metadata": {"lang": "en"}, "url": "https://e/a"},
        {"id": "b", "content_base64": markdown, "media_type": "text/markdown"},
    ]})  # fmt: skip
    assert (told["accepted"], told["rejected"], told["unchanged"]) == (2, [], 0)
    assert pushed.ended(told["job"]["id"])["inserted"] == 2
    assert {"a", "b"} <= ids(pushed)
    shown = pushed.ok("GET", "/v1/documents/pushed/a?text=true")
    assert (shown["title"], shown["text"], shown["metadata"], shown["url"]) == (
        "Refunds", "We refund.", {"lang": "en"}, "https://e/a",
    )  # fmt: skip
    assert "Body of b." in pushed.ok("GET", "/v1/documents/pushed/b?text=true")["text"]


def test_a_deletion_and_a_change_arrive(pushed):
    pushed.ended(push(pushed, {"documents": [{"id": "x", "text": "old"}, {"id": "y", "text": "y"}]})["job"]["id"])
    job = pushed.ended(push(pushed, {"documents": [{"id": "x", "text": "new"}], "delete": ["y"]})["job"]["id"])
    assert (job["type"], job["updated"], job["deleted"]) == ("incremental", 1, 1)
    assert "y" not in ids(pushed)
    assert pushed.ok("GET", "/v1/documents/pushed/x?text=true")["text"] == "new"


def test_the_same_again_changes_nothing(pushed):
    body = {"documents": [{"id": "same", "text": "the same"}]}
    pushed.ended(push(pushed, body)["job"]["id"])
    told = push(pushed, body)
    assert told["unchanged"] == 1
    job = pushed.ended(told["job"]["id"])
    assert (job["state"], job["inserted"], job["updated"]) == ("succeeded", 0, 0)


def test_a_full_job_reads_everything_again_and_loses_nothing_invariant_07(pushed):
    pushed.ended(push(pushed, {"documents": [{"id": f"f{n}", "text": f"text {n}"} for n in range(40)]})["job"]["id"])
    before = ids(pushed)
    job = pushed.synced("pushed", type="full", force=True)
    assert (job["state"], job["deleted"], job["inserted"], job["updated"]) == ("succeeded", 0, 0, 0)
    assert ids(pushed) == before


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (7, "not an object"),
        ({}, "id is missing"),
        ({"id": ""}, "is empty"),
        ({"id": 7, "text": "x"}, "not text"),
        ({"id": "x" * 4097, "text": "x"}, "longer than"),
        ({"id": "n\0l", "text": "x"}, "NUL"),
        ({"id": "none"}, "needs a text or a content_base64"),
        ({"id": "both", "text": "x", "content_base64": ""}, "not both"),
        ({"id": "t", "text": 7}, "the text is an int"),
        ({"id": "b", "content_base64": "%%%"}, "not base64"),
        ({"id": "b", "content_base64": 7}, "must be text"),
        ({"id": "m", "text": "x", "metadata": {"a": {"b": 1}}}, "metadata 'a' is a dict"),
        ({"id": "m", "text": "x", "metadata": [1]}, "not a dict"),
        ({"id": "p", "text": "x", "allow": "user:ann"}, "list of principals"),
        ({"id": "p", "text": "x", "deny": [1]}, "principals"),
        ({"id": "u", "text": "x", "titel": "x"}, "'titel' is not a field"),
    ],
)
def test_a_bad_document_is_named_and_stops_no_other(pushed, item, words):
    told = push(pushed, {"documents": [item, {"id": "good", "text": "good"}], "delete": ["", 7]})
    assert told["accepted"] == 1
    assert [one["code"] for one in told["rejected"]] == ["document.invalid"] * 3
    assert words in told["rejected"][0]["message"]


def test_half_a_character_is_a_fault_of_its_document_alone(pushed):
    raw = (
        b'{"documents": [{"id": "half", "text": "\\ud800"}, {"id": "\\ud800", "text": "x"}, {"id": "ok", "text": "x"}]}'
    )
    answer = pushed.client.post(
        "/v1/connectors/pushed/documents", content=raw, headers={"content-type": "application/json"}
    )
    told = answer.json()
    assert (answer.status_code, told["accepted"]) == (202, 1)
    assert [(one["id"], one["code"]) for one in told["rejected"]] == [
        ("half", "document.invalid"), (None, "document.invalid"),
    ]  # fmt: skip


def test_of_an_id_that_comes_twice_the_first_counts(pushed):
    told = push(pushed, {"documents": [{"id": "d", "text": "first"}, {"id": "d", "text": "second"}], "delete": ["d"]})
    assert [one["code"] for one in told["rejected"]] == ["push.duplicate"] * 2
    pushed.ended(told["job"]["id"])
    assert pushed.ok("GET", "/v1/documents/pushed/d?text=true")["text"] == "first"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "push.empty"),
        ({"documents": [{}], "delete": [7]}, "push.rejected"),
        ({"documents": [{"id": str(n), "text": ""} for n in range(1001)]}, "push.too_many"),
    ],
)
def test_a_push_of_which_nothing_can_be_taken_starts_nothing(pushed, body, code):
    before = pushed.dump()
    answer = pushed.client.post("/v1/connectors/pushed/documents", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert pushed.dump() == before


def test_only_a_pushing_connector_is_pushed_to(pushed):
    pushed.folder("folder")
    answer = pushed.client.post("/v1/connectors/folder/documents", json={"documents": [{"id": "a", "text": "x"}]})
    assert (answer.status_code, answer.json()["code"]) == (409, "push.wrong_kind")


def test_pushes_from_many_sides_all_arrive(pushed, remark):
    pushed.push_connector("crowd", "crowd")

    def send(n):
        documents = [{"id": f"{n}-{k}", "text": f"text {n} {k}"} for k in range(25)]
        return push(pushed, {"documents": documents}, "crowd")["job"]["id"]

    with ThreadPoolExecutor(8) as pool:
        jobs = set(pool.map(send, range(24)))
    for job in jobs:
        pushed.ended(job)
    remark(f"push: 24 pushes of 25 documents, {len(jobs)} jobs")
    assert ids(pushed, "crowd") == {f"{n}-{k}" for n in range(24) for k in range(25)}


def test_removing_the_connector_empties_its_inbox(pushed):
    pushed.push_connector("emptied", "emptied")
    pushed.ended(push(pushed, {"documents": [{"id": "a", "text": "x"}]}, "emptied")["job"]["id"])
    assert pushed.ok("DELETE", "/v1/connectors/emptied")["removed_documents"] == 1
    from syncline.store.sqlite.inbox import Inbox

    inbox = Inbox(f"{pushed.settings.data_dir}/indexes/emptied/truth.db", 1, read_only=True)
    assert inbox._db.execute("select count(*) from inbox").get == 0
    inbox.close()


SERVER = """
    import asyncio, socket, sys, uvicorn
    from syncline.runner.supervisor import Supervisor
    from syncline.server.app import create_app
    from syncline.server.ground import ground_of
    from syncline.server.house import House
    from syncline.server.settings import Settings

    settings = Settings(sys.argv[1], root_key="root:root-secret-for-tests")
    house = House(settings)
    house.supervisor = Supervisor(ground_of(settings))
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    server = uvicorn.Server(uvicorn.Config(create_app(house), log_config=None, lifespan="off"))
    asyncio.run(server.serve(sockets=[listener]))
"""


def started(state):
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SERVER), str(state)], stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    client = httpx.Client(
        base_url=f"http://127.0.0.1:{process.stdout.readline().strip()}", timeout=60,
        headers={"authorization": "Bearer root-secret-for-tests"},
    )  # fmt: skip
    return process, client


def test_what_was_acknowledged_survives_a_kill_invariant_01(tmp_path, wait_until, remark):
    process, client = started(tmp_path / "state")
    acknowledged = set()
    try:
        made = client.post("/v1/connectors", json={"kind": "push", "name": "p"})
        assert made.status_code == 201, made.text
        for round in range(30):
            documents = [{"id": f"{round}-{n}", "text": f"text {n}"} for n in range(10)]
            answer = client.post("/v1/connectors/p/documents", json={"documents": documents})
            assert answer.status_code == 202
            acknowledged |= {document["id"] for document in documents}
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    process, client = started(tmp_path / "state")
    try:
        wait_until(lambda: not [j for j in client.get("/v1/jobs").json()["items"] if j["ended_at"] is None])
        answer = client.post("/v1/search", json={"limit": 1000})
        assert {hit["id"] for hit in answer.json()["results"]} == acknowledged
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    remark(f"push: {len(acknowledged)} acknowledged documents, all there after a kill")
