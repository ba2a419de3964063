"""What scripts rely on: JSON on stdout when it is no terminal, one value, in these shapes."""

from __future__ import annotations

import json

import pytest

from syncline.model.jobs import JobState
from syncline.model.outcomes import Counters


def test_sync_ends_with_one_object(cli, api, make):
    api.answers["sync"] = make.result()
    ran = cli("sync", "./docs")
    assert ran.code == 0
    assert ran.err == ""
    assert len(ran.out.splitlines()) == 1
    assert list(ran.json)[:11] == ["job_id", "status", *Counters.NAMES, "duration_s"]
    assert (ran.json["inserted"], ran.json["status"], ran.json["duration_s"]) == (3, "succeeded", 0.422)


def test_what_a_source_prints_does_not_reach_stdout(cli, api, make):
    def noisy(**_: object) -> object:
        print("hello from a source")
        return make.result()

    api.answers["sync"] = noisy
    ran = cli("sync", "./docs")
    assert ran.json["job_id"] == "3f2c"
    assert ran.err == "hello from a source\n"


def test_a_job_that_failed_is_told_on_stdout_with_its_error(cli, api, make):
    error = {"code": "source.unavailable", "category": "source", "message": "gone", "remedy": "", "mender": "you"}
    api.answers["sync"] = make.result(JobState.FAILED, error=error)
    ran = cli("sync", "docs")
    assert ran.code == 5
    assert ran.json["error"] == error
    assert ran.err == ""


def test_plan_and_dry_run_give_the_plan(cli, api, make):
    api.answers["plan"] = make.plan()
    plan, dry_run = cli("plan", "./docs"), cli("sync", "./docs", "--dry-run")
    assert plan.json == dry_run.json == make.plan().as_dict()
    assert "sync" not in dict(api.calls)


def test_search_gives_total_and_results(cli, api, make):
    api.answers["search"] = make.results(41, [make.hit(snippet="our refund policy")])
    assert cli("search", "refund").json == {
        "total": 41,
        "results": [
            {
                "id": "refunds.md",
                "title": "Refunds",
                "score": 3.1416,
                "snippet": "our refund policy",
                "metadata": {"year": 2024},
                "connector": "docs",
                "url": "file:///srv/docs/refunds.md",
            }
        ],
    }
    assert api.asked("search")["highlight"] == ("", "")


def test_why_spreads_out_a_single_story_and_lists_several(cli, api, make):
    api.answers["why"] = [make.story()]
    one = cli("why", "refunds.md").json
    assert one["stories"] == [make.story().as_dict()]
    assert one["history"] == make.story().as_dict()["history"]
    assert (one["id"], one["state"], one["summary"]) == ("refunds.md", "live", "In the index since job 12.")

    api.answers["why"] = [make.story(), make.story(connector="wiki")]
    several = cli("why", "refunds.md").json
    assert list(several) == ["id", "stories"]
    assert [story["connector"] for story in several["stories"]] == ["docs", "wiki"]


def test_jobs_is_a_list_with_names_iso_times_and_flat_counters(cli, api, make):
    api.answers |= {"jobs": [make.job()], "connectors": [make.connector()]}
    (job,) = cli("jobs").json
    assert (job["number"], job["id"], job["connector"], job["state"]) == (12, "3f2c", "docs", "succeeded")
    assert (job["created_at"], job["started_at"]) == ("2023-11-14T22:13:20.000Z", "2023-11-14T22:13:21.000Z")
    assert (job["type"], job["trigger"], job["duration_s"], job["error"]) == ("full", "on_demand", 2.5, None)
    assert {name: job[name] for name in Counters.NAMES} == Counters({"inserted": 3}).as_dict()


def test_a_job_that_waits_has_no_times_yet(cli, api, make):
    api.answers["job"] = make.job(JobState.PENDING, started_at=None, ended_at=None)
    job = cli("job", "show", "12").json
    assert (job["started_at"], job["ended_at"], job["duration_s"]) == (None, None, 0.0)
    assert job["connector"] == "c-1"  # the connector is gone; its id still says which it was


def test_errors_is_a_list(cli, api, make):
    api.answers |= {"errors": [(make.job(), make.failure())], "connectors": [make.connector()]}
    assert cli("errors", "12").json == [
        {
            "job": 12,
            "job_id": "3f2c",
            "connector": "docs",
            "id": "bad.pdf",
            "kind": "failed",
            "stage": "extract",
            "code": "extract.damaged",
            "message": "the file is damaged",
            "remedy": "Save it again.",
        }
    ]


def test_connector_list_and_show(cli, api, make):
    api.answers |= {"connectors": [make.connector()], "connector": make.connector(), "withheld": ["a", "b"]}
    (listed,) = cli("connector", "list").json
    assert listed == {
        "name": "docs",
        "id": "c-1",
        "kind": "folder",
        "index": "default",
        "settings": {"path": "/srv/docs"},
        "guard": {"max_deletes": 100, "max_percent": 25.0},
        "created_at": "2023-11-14T22:13:20.000Z",
    }
    assert cli("connector", "show", "docs").json == {**listed, "withheld_deletes": 2}


def test_verify_gives_the_report_and_its_exit_code(cli, api, make):
    api.answers["verify"] = make.report()
    assert cli("verify").json == make.report().as_dict()
    api.answers["verify"] = make.report(problems=["row 3 has no document"])
    ran = cli("verify", "--source", "--repair")
    assert (ran.code, ran.json["ok"]) == (1, False)
    assert (api.asked("verify")["source"], api.asked("verify")["repair"]) == (True, True)


def test_job_logs_passes_json_lines_through(cli, api, make):
    lines = ['{"ts": "2025", "msg": "begun"}', '{"msg": "ended"}']
    api.answers |= {"job": make.job(), "logs": lines}
    assert cli("job", "logs", "12").out.splitlines() == lines


def test_the_small_ones(cli, api, make):
    api.answers |= {"init": "/x", "rebuild_index": 9, "withheld": ["a"], "approve": 1, "remove_connector": 4}
    api.answers |= {"connector": make.connector(), "check_connector": None, "add_connector": make.connector()}
    assert cli("init").json == {"data_dir": "/x"}
    assert cli("rebuild-index").json == {"index": "default", "documents": 9}
    assert cli("approve", "docs").json == {"connector": "docs", "approved": 1, "withheld": ["a"]}
    assert cli("approve", "docs", "--list").json == {"connector": "docs", "approved": 0, "withheld": ["a"]}
    assert cli("connector", "check", "docs").json == {"name": "docs", "ok": True}
    assert cli("connector", "add", "folder", "--set", "path=x").json["name"] == "docs"
    assert cli("connector", "remove", "docs", "--yes").json == {"name": "docs", "id": "c-1", "removed_documents": 4}
    assert set(cli("version").json) == {"version", "python", "platform"}
    assert api.closed


@pytest.mark.parametrize("command", [["jobs"], ["errors"], ["connector", "list"]])
def test_an_empty_list_is_a_list(cli, api, command):
    api.answers["errors"] = []
    assert cli(*command).json == []


def test_json_is_indented_on_a_terminal_and_never_steers_it(cli, api, make, terminal):
    api.answers["search"] = make.results(1, [make.hit(title="\x1b[31mé\u202e\x9b")])
    ran = cli("search", "x", "--json")
    assert ran.out.startswith("{\n  ")
    assert ran.out.isascii()
    assert "\x1b" not in ran.out
    assert json.loads(ran.out)["results"][0]["title"] == "\x1b[31mé\u202e\x9b"
