"""Connectors over the API: made, changed, run, removed."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest


def problem(answer, status, code):
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert (answer.status_code, told["status"], told["code"]) == (status, status, code), told
    assert told["request_id"] == answer.headers["x-request-id"]
    assert told["detail"]
    assert told["remedy"]
    return told


def test_a_connector_is_made_synced_searched_and_removed(api):
    made = api.folder("whole", {"refunds.md": "# Refunds\n\nWe refund everything.", "b.md": "Other."}, index="whole")
    assert (made["index"], made["kind"], made["paused"], made["revision"]) == ("whole", "folder", False, 1)
    job = api.synced("whole")
    assert (job["state"], job["inserted"], job["trigger"], job["cause"]) == ("succeeded", 2, "on_demand", "api")
    found = api.ok("POST", "/v1/search", json={"query": "refund", "index": "whole"})
    assert [hit["id"] for hit in found["results"]] == ["refunds.md"]
    gone = api.ok("DELETE", f"/v1/connectors/{made['id']}")
    assert gone["removed_documents"] == 2
    assert api.ok("GET", "/v1/search?q=refund&index=whole")["total"] == 0
    problem(api.client.get(f"/v1/connectors/{made['id']}"), 404, "not_found")


def test_it_is_named_by_id_or_name_everywhere(api):
    made = api.folder("named")
    assert api.ok("GET", "/v1/connectors/named") == api.ok("GET", f"/v1/connectors/{made['id']}") == made


UUID = "00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize("name", ["", "a/b", "../x", ".hidden", "a\u202eb", "x" * 129, UUID])
def test_a_name_that_no_url_can_hold_is_refused(api, name):
    answer = api.client.post("/v1/connectors", json={"kind": "push", "name": name})
    assert answer.status_code == 422


def test_a_name_that_is_taken_is_refused(api):
    api.push_connector("taken")
    problem(api.client.post("/v1/connectors", json={"kind": "push", "name": "taken"}), 409, "connector.name_taken")


def test_unknown_fields_are_named_with_a_suggestion(api):
    told = problem(api.client.post("/v1/connectors", json={"kind": "push", "nmae": "x"}), 422, "request.invalid")
    assert told["fields"] == {"nmae": "is not a field here; did you mean 'name'?"}
    answer = api.client.post("/v1/connectors", json={"kind": "push", "guard": {"max_delete": 1}})
    assert problem(answer, 422, "request.invalid")["fields"]["guard.max_delete"].endswith("'max_deletes'?")


def test_wrong_settings_are_named(api):
    answer = api.client.post("/v1/connectors", json={"kind": "folder", "settings": {"pth": "/x"}})
    told = problem(answer, 422, "config.invalid")
    assert told["fields"] == {"pth": "is not a setting; did you mean 'path'?", "path": "is missing"}


def test_what_is_left_out_of_a_change_stays(api):
    api.folder("kept", description="old")
    changed = api.ok("PATCH", "/v1/connectors/kept", json={"guard": {"max_deletes": 7}})
    assert changed["guard"] == {"max_deletes": 7, "max_percent": 25.0}
    assert (changed["description"], changed["revision"]) == ("old", 2)
    changed = api.ok("PATCH", "/v1/connectors/kept", json={"settings": {"include": ["*.md"]}, "description": "new"})
    assert changed["settings"]["include"] == ["*.md"]
    changed = api.ok("PATCH", "/v1/connectors/kept", json={"settings": {"include": None}})
    assert changed["settings"]["include"] == []
    assert changed["settings"]["path"].endswith("/kept")


def test_a_renamed_connector_keeps_its_id(api):
    made = api.push_connector("before")
    api.ok("PATCH", "/v1/connectors/before", json={"name": "after"})
    assert api.ok("GET", "/v1/connectors/after")["id"] == made["id"]
    problem(api.client.get("/v1/connectors/before"), 404, "not_found")


def test_somebody_elses_change_is_not_overwritten(api):
    api.push_connector("contested")
    first = api.client.get("/v1/connectors/contested")
    api.ok("PATCH", "/v1/connectors/contested", json={"description": "theirs"})
    mine = api.client.patch(
        "/v1/connectors/contested", json={"description": "mine"}, headers={"if-match": first.headers["etag"]}
    )
    problem(mine, 412, "conflict.precondition")
    gone = api.client.delete("/v1/connectors/contested", headers={"if-match": first.headers["etag"]})
    problem(gone, 412, "conflict.precondition")
    now = api.client.get("/v1/connectors/contested")
    assert now.json()["description"] == "theirs"
    api.ok(
        "PATCH", "/v1/connectors/contested", json={"description": "mine"}, headers={"if-match": now.headers["etag"]}
    )  # fmt: skip


def test_what_the_caller_has_already_is_not_sent_again(api):
    api.push_connector("cached")
    first = api.client.get("/v1/connectors/cached")
    again = api.client.get("/v1/connectors/cached", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    api.ok("PATCH", "/v1/connectors/cached", json={"description": "x"})
    changed = api.client.get("/v1/connectors/cached", headers={"if-none-match": first.headers["etag"]})
    assert changed.status_code == 200
    bad = api.client.get("/v1/connectors/cached", headers={"if-none-match": "no quotes"})
    problem(bad, 400, "request.precondition")


# --- jobs of it --------------------------------------------------------------------------------------------------


@pytest.fixture
def slow(api):
    """A connector whose jobs take their time, made beside the API because its source is code."""
    from syncline import Syncline

    source = api.home / "slow_source.py"
    source.write_text(
        "import time\nfrom syncline import Document, source\n\n"
        "@source('slow')\ndef slow(config):\n"
        "    for n in range(100_000):\n        time.sleep(0.01)\n        yield Document(f'd{n}', text=f'text {n}')\n"
    )
    with Syncline(api.settings.data_dir) as beside:
        if "slow" not in [one.name for one in beside.connectors()]:
            beside.add_connector(f"{source}:slow", {}, name="slow", index="slow")
    yield "slow"
    for job in api.ok("GET", "/v1/jobs?connector=slow&limit=1000")["items"] if _there(api) else ():
        if job["ended_at"] is None:
            api.ok("POST", f"/v1/jobs/{job['id']}/stop", 202)
            api.ended(job["id"])


def _there(api):
    return api.client.get("/v1/connectors/slow").status_code == 200


def test_a_second_start_is_refused_with_the_job_that_runs(api, slow):
    first = api.ok("POST", f"/v1/connectors/{slow}/sync", 202)["job"]
    told = problem(api.client.post(f"/v1/connectors/{slow}/sync"), 409, "job.active")
    assert (told["job_id"], told["job_number"]) == (first["id"], first["number"])


def test_a_second_start_may_be_coalesced_or_queued(api, slow, wait_until):
    first = api.ok("POST", f"/v1/connectors/{slow}/sync", 202)["job"]
    wait_until(lambda: api.ok("GET", f"/v1/jobs/{first['id']}")["state"] == "running")
    following = api.ok("POST", f"/v1/connectors/{slow}/sync", 202, json={"when_active": "coalesce"})
    assert following["created"]
    again = api.ok("POST", f"/v1/connectors/{slow}/sync", 202, json={"when_active": "coalesce"})
    assert (again["created"], again["job"]["id"]) == (False, following["job"]["id"])
    queued = api.ok("POST", f"/v1/connectors/{slow}/sync", 202, json={"when_active": "queue"})
    assert queued["job"]["id"] not in (first["id"], following["job"]["id"])


def test_a_job_is_stopped_and_what_it_has_committed_stays(api, slow, wait_until):
    job = api.ok("POST", f"/v1/connectors/{slow}/sync", 202)["job"]
    before = api.ok("GET", "/v1/indexes/slow/stats")["documents"]
    wait_until(lambda: api.ok("GET", "/v1/indexes/slow/stats")["documents"] > before)
    api.ok("POST", f"/v1/jobs/{job['number']}/stop", 202)
    ended = api.ended(job["id"])
    assert ended["state"] == "stopped"
    assert api.ok("GET", "/v1/indexes/slow/stats")["documents"] == before + ended["inserted"]
    assert api.ok("POST", f"/v1/jobs/{job['id']}/stop", 202)["state"] == "stopped"


def test_it_is_not_removed_under_a_running_job_unless_that_is_stopped_first(api, slow, wait_until):
    job = api.ok("POST", f"/v1/connectors/{slow}/sync", 202)["job"]
    wait_until(lambda: api.ok("GET", f"/v1/jobs/{job['id']}")["state"] == "running")
    told = problem(api.client.delete(f"/v1/connectors/{slow}"), 409, "job.active")
    assert told["job_id"] == job["id"]
    told = problem(api.client.delete("/v1/indexes/slow?cascade=true"), 409, "job.active")
    api.ok("DELETE", f"/v1/connectors/{slow}?force=true")
    ended = api.ok("GET", f"/v1/jobs/{job['id']}")
    assert ended["state"] == "stopped"
    assert ended["connector"] == ended["connector_id"], "its name is gone with it"
    assert api.ok("GET", "/v1/indexes/slow/stats")["documents"] == 0


def test_pausing_and_resuming_are_harmless_when_repeated(api):
    api.push_connector("paused")
    revisions = [
        api.ok("POST", f"/v1/connectors/paused/{verb}")["revision"] for verb in ("pause", "pause", "resume", "resume")
    ]
    assert revisions == [2, 2, 3, 3]


def test_a_check_says_what_is_wrong_and_succeeds_as_a_request(api):
    api.folder("checked")
    assert api.ok("POST", "/v1/connectors/checked/check")["ok"]
    for name in os.listdir(api.docs / "checked"):
        os.unlink(api.docs / "checked" / name)
    os.rmdir(api.docs / "checked")
    told = api.ok("POST", "/v1/connectors/checked/check")
    assert (told["ok"], told["error"]["code"]) == (False, "source.root_missing")
    answer = api.client.post("/v1/connectors/checked/plan")
    problem(answer, 424, "source.root_missing")


def test_a_plan_lists_some_counts_all_and_changes_nothing(api):
    api.folder("planned", {f"{n}.txt": f"Text {n}" for n in range(30)})
    before = api.dump()
    plan = api.ok("POST", "/v1/connectors/planned/plan", json={"limit": 10})
    assert (len(plan["insert"]), plan["totals"]["insert"], plan["cut"], plan["complete"]) == (10, 30, True, True)
    assert set(plan["reasons"]) <= set(plan["insert"])
    assert api.dump() == before


def test_withheld_deletions_are_listed_approved_and_made(api):
    api.folder("guarded", {f"{n}.txt": f"Text {n}" for n in range(6)}, guard={"max_deletes": 0, "max_percent": 0})
    api.synced("guarded")
    for n in range(3):
        os.unlink(api.docs / "guarded" / f"{n}.txt")
    assert api.synced("guarded")["withheld_deletes"] == 3
    page = api.ok("GET", "/v1/connectors/guarded/withheld?limit=2")
    assert (page["total"], [one["id"] for one in page["items"]]) == (3, ["0.txt", "1.txt"])
    rest = api.ok("GET", f"/v1/connectors/guarded/withheld?limit=2&cursor={page['next_cursor']}")
    assert ([one["id"] for one in rest["items"]], rest["next_cursor"]) == (["2.txt"], None)
    assert api.ok("POST", "/v1/connectors/guarded/approve")["approved"] == 3
    assert api.synced("guarded")["deleted"] == 3


# --- how far requests reach ----------------------------------------------------------------------------------------


def test_a_folder_outside_of_the_roots_is_refused_also_through_a_link(api, tmp_path):
    (api.home / "way-out").symlink_to(tmp_path)
    (tmp_path / "secret.txt").write_text("secret")
    for path in ("/etc", str(tmp_path), str(api.home / "way-out"), str(api.docs / ".." / ".." / "..")):
        answer = api.client.post("/v1/connectors", json={"kind": "folder", "settings": {"path": path}})
        problem(answer, 403, "reach.folder")
    api.folder("moved")
    before = api.dump()
    answer = api.client.patch("/v1/connectors/moved", json={"settings": {"path": str(tmp_path)}})
    problem(answer, 403, "reach.folder")
    answer = api.client.patch("/v1/connectors/moved", json={"settings": {"follow_symlinks": True}})
    problem(answer, 403, "reach.links")
    assert api.dump() == before


def test_a_database_file_outside_of_the_roots_is_refused_and_so_is_a_dsn_that_could_name_one(api, tmp_path):
    wanted = {"table": "keys"}
    control = str(tmp_path / "elsewhere" / "control.db")
    answer = api.client.post("/v1/connectors", json={"kind": "sqlite", "settings": {**wanted, "path": control}})
    problem(answer, 403, "reach.folder")
    inside = {**wanted, "path": str(api.docs / "app.db")}
    answer = api.client.post("/v1/connectors", json={"kind": "sqlite", "name": "app", "settings": inside})
    assert answer.status_code == 201, answer.text
    before = api.dump()
    problem(api.client.patch("/v1/connectors/app", json={"settings": {"path": control}}), 403, "reach.folder")
    dsn = {**wanted, "dsn": f"sqlite:///{control}"}
    problem(api.client.post("/v1/connectors", json={"kind": "sql", "settings": dsn}), 403, "reach.kind")
    assert api.dump() == before


@pytest.mark.parametrize("kind", ["os:system", "./evil.py:source", "/tmp/evil.py", "evil.py", "a/b", "syncline.x:y"])
def test_nobody_names_code_over_the_network(api, tmp_path, kind):
    answer = api.client.post("/v1/connectors", json={"kind": kind, "settings": {}})
    problem(answer, 403, "reach.kind")


def test_code_is_not_imported_before_it_is_refused(api, tmp_path):
    proof = tmp_path / "imported"
    evil = api.home / "evil_source.py"
    evil.write_text(f"open({str(proof)!r}, 'w').close()\n")
    problem(api.client.post("/v1/connectors", json={"kind": f"{evil}:x"}), 403, "reach.kind")
    problem(api.client.patch("/v1/connectors/none", json={"kind": f"{evil}:x"}), 422, "request.invalid")
    assert not proof.exists()


# --- many at once --------------------------------------------------------------------------------------------------


def at_once(n, act):
    barrier = threading.Barrier(n)

    def run(number):
        barrier.wait()
        return act(number)

    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(run, range(n)))


def test_of_many_starts_at_once_one_is_made_invariant_03(api):
    api.folder("raced", {f"{n}.txt": f"Text {n}" for n in range(200)})
    answers = at_once(10, lambda _: api.client.post("/v1/connectors/raced/sync"))
    made = [answer.json()["job"]["id"] for answer in answers if answer.status_code == 202]
    refusals = [answer.json() for answer in answers if answer.status_code == 409]
    assert len(made) + len(refusals) == 10
    assert {told["code"] for told in refusals} <= {"job.active"}
    for job in made:
        assert api.ended(job)["state"] == "succeeded"
    jobs = api.ok("GET", "/v1/connectors/raced/jobs")["items"]
    spans = sorted((job["started_at"], job["ended_at"]) for job in jobs)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans)), "never two at once"


def test_of_many_changes_at_once_none_is_lost_unseen(api):
    made = api.push_connector("changed")
    tag = api.client.get("/v1/connectors/changed").headers["etag"]
    answers = at_once(8, lambda n: api.client.patch(
        "/v1/connectors/changed", json={"description": f"by {n}"}, headers={"if-match": tag}
    ))  # fmt: skip
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7
    answers = at_once(8, lambda n: api.client.patch("/v1/connectors/changed", json={"description": f"by {n}"}))
    assert {answer.status_code for answer in answers} <= {200, 409}
    done = sum(answer.status_code == 200 for answer in answers)
    assert api.ok("GET", f"/v1/connectors/{made['id']}")["revision"] == 2 + done


def test_stopping_a_job_that_ends_in_that_moment_is_harmless(api, remark):
    api.folder("brief")
    ends = Counter()
    for n in range(25):
        job = api.ok("POST", "/v1/connectors/brief/sync", 202)["job"]
        time.sleep(n / 500)
        answers = at_once(3, lambda _, ref=job["id"]: api.client.post(f"/v1/jobs/{ref}/stop"))
        assert [answer.status_code for answer in answers] == [202] * 3
        ends[api.ended(job["id"])["state"]] += 1
    remark(f"api: stopped in the moment of the end: {dict(ends)}")


def test_a_connector_is_removed_once(api):
    api.folder("removed", {f"{n}.txt": f"Text {n}" for n in range(50)})
    api.synced("removed")
    answers = at_once(6, lambda _: api.client.delete("/v1/connectors/removed"))
    assert [answer.status_code for answer in answers].count(200) == 1
    assert {answer.status_code for answer in answers} <= {200, 404, 409}
