"""What people see. Everything that comes from documents is made safe."""

from __future__ import annotations

import time

import pytest
from click import unstyle

from syncline.cli.job import log_line
from syncline.cli.search import highlighted
from syncline.cli.text import ago, clean, count, duration
from syncline.model.jobs import JobState

EVIL = "a\x1b]0;pwned\x07[red]b\u202e\x9b\ud800\nc"


def test_the_summary_says_what_changed(cli, api, make):
    api.answers["sync"] = make.result(inserted=3, updated=1, kept=1196)
    ran = cli("sync", "docs", "--human")
    assert ran.out == "job 12 succeeded in 0.42 s: 3 inserted, 1 updated, 1,196 kept\n"


def test_the_summary_says_that_nothing_changed(cli, api, make):
    api.answers["sync"] = make.result(kept=1200)
    assert "nothing changed, 1,200 kept" in cli("sync", "docs", "--human").out


def test_the_summary_says_what_to_do_next(cli, api, make):
    result = make.result(
        JobState.INCOMPLETE, failed=3, warnings=1, inserted=1, withheld_deletes=40, connector="my docs"
    )
    result.notes.append("sub/ could not be listed")
    api.answers["sync"] = result
    out = cli("sync", "docs", "--human", "--data-dir", "a b").out
    assert "3 documents failed: syncline errors 12 --data-dir 'a b'" in out
    assert "1 document taken with a warning: syncline errors 12" in out
    assert "40 deletions withheld until you approve them: syncline approve 'my docs' --list --data-dir 'a b'" in out
    assert "note: sub/ could not be listed" in out


def test_the_first_job_points_to_search(cli, api, make):
    api.answers["sync"] = make.result()
    api.answers["sync"].number = 1
    assert "try syncline search" in cli("sync", "docs", "--human").out


def test_quiet_leaves_only_errors(cli, api, make):
    error = {"code": "source.unavailable", "category": "source", "message": "gone", "remedy": "r", "mender": "you"}
    api.answers["sync"] = make.result(JobState.FAILED, error=error)
    ran = cli("sync", "docs", "--human", "--quiet")
    assert ran.out == ""
    assert "error: gone" in ran.err


def test_a_stopped_job_says_that_the_next_run_carries_on(cli, api, make):
    api.answers["sync"] = make.result(JobState.STOPPED)
    ran = cli("sync", "docs", "--human")
    assert (ran.code, ran.err) == (130, "stopped; the next run carries on\n")


def test_colours_on_a_terminal_unless_unwanted(cli, api, make, terminal):
    api.answers["sync"] = make.result()
    assert "\x1b[" in cli("sync", "docs").out
    assert "\x1b[" not in cli("sync", "docs", "--no-color").out


def test_no_color_in_the_environment_is_obeyed(cli, api, make, terminal, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    api.answers |= {"sync": make.result(), "jobs": [make.job()]}
    assert "\x1b[3" not in cli("sync", "docs").out
    assert "\x1b[3" not in cli("jobs").out


def test_plan_groups_by_action_and_cuts_long_lists(cli, api, make):
    many = [f"{i}.md" for i in range(25)]
    api.answers["plan"] = make.plan(insert=many, withhold=["w.md"], complete=False, filtered=2, notes=["slow"])
    ran = cli("plan", "docs", "--human")
    assert ran.code == 4
    assert "would insert 25 documents\n  + 0.md" in ran.out
    assert "and 5 more" in ran.out
    assert "24.md" not in ran.out
    assert "would delete 1 document\n  - c.md  gone" in ran.out
    assert "would withhold the deletion of 1 document" in ran.out
    assert "7 kept, 2 filtered\nnote: slow\n" in ran.out
    api.answers["plan"].reasons = {}
    assert "24.md" in cli("plan", "docs", "--human", "--all").out


def test_a_plan_without_work_says_so(cli, api, make):
    api.answers["plan"] = make.plan(insert=[], update=[], delete=[])
    assert cli("plan", "docs", "--human").out == "nothing to do\n7 kept\n"


def test_search_shows_rank_snippet_and_more(cli, api, make):
    api.answers["search"] = make.results(41, [make.hit()])
    out = cli("search", "refund", "--human", "--offset", "10").out
    assert " 11. Refunds  refunds.md docs 3.14" in out
    assert "     our refund policy" in out
    assert "11 to 11 of 41 results; more: --offset 11" in out


def test_search_without_results(cli, api, make):
    api.answers["search"] = make.results(0, [])
    assert cli("search", "refund", "--human").out == "nothing found for 'refund'\n"


def test_matches_are_coloured_and_the_rest_is_made_safe():
    shown = highlighted("our \x02refund\x03\n policy \x1b[31m")
    assert "our \x1b[33m\x1b[1mrefund\x1b[0m policy" in shown
    assert shown.endswith(r"\x1b[31m")


def test_why_is_a_timeline(cli, api, make):
    api.answers["why"] = [make.story()]
    out = cli("why", "refunds.md", "--human").out
    assert out.startswith("refunds.md  live\n  connector docs, index default\n  In the index since job 12.\n")
    assert "job 12    inserted" in out
    assert "would be kept" in out


def test_tables(cli, api, make):
    job = make.job(started_at=time.time() - 300, ended_at=time.time() - 290)
    api.answers |= {"jobs": [job], "connectors": [make.connector()], "errors": [(job, make.failure())]}
    jobs, connectors, errors = (cli(*c, "--human").out for c in (["jobs"], ["connector", "list"], ["errors"]))
    assert " ".join(jobs.splitlines()[2].split()) == "12 docs succeeded 5 min ago 10 s +3"
    assert " ".join(connectors.splitlines()[2].split()) == "docs folder default /srv/docs succeeded 5 min ago"
    assert errors.splitlines()[2].split("  ")[0].strip() == "12 docs"
    assert "the file is damaged" in errors
    assert "Save it again." in errors


def test_one_job(cli, api, make):
    error = {"code": "x", "message": "it broke", "remedy": "mend it"}
    api.answers["job"] = make.job(JobState.FAILED, error=error, counters=make.counters(failed=2))
    out = cli("job", "show", "12", "--human").out
    assert out.startswith("job 12  failed\n")
    for words in ("it broke", "mend it", "2 failed", "full, on demand", "syncline errors 12"):
        assert words in out


def test_stopping_a_job(cli, api, make):
    api.answers |= {"job": make.job(JobState.RUNNING), "stop": make.job(JobState.STOPPING)}
    assert cli("job", "stop", "12", "--human").out == "job 12 is stopping\n"
    api.answers |= {"job": make.job(), "stop": AssertionError("an ended job is left alone")}
    assert cli("job", "stop", "12", "--human").out == "job 12 had already ended: succeeded\n"


def test_following_a_job_waits_for_its_end_and_gives_its_exit_code(cli, api, make, monkeypatch):
    monkeypatch.setattr("syncline.cli.job.POLL_S", 0.0)
    states = iter([JobState.RUNNING, JobState.RUNNING, JobState.INCOMPLETE])
    api.answers["job"] = lambda ref: make.job(next(states), counters=make.counters(failed=1))
    ran = cli("job", "show", "12", "--follow")
    assert (ran.code, ran.json["state"]) == (4, "incomplete")


def test_following_a_log_prints_each_line_once(cli, api, make, monkeypatch):
    monkeypatch.setattr("syncline.cli.job.POLL_S", 0.0)
    states = iter([JobState.RUNNING, JobState.RUNNING, JobState.RUNNING, JobState.SUCCEEDED])
    lines = iter([["1"], ["1"], ["1", "2", "3"]])
    api.answers |= {"job": lambda ref: make.job(next(states)), "logs": lambda ref: next(lines)}
    assert cli("job", "logs", "12", "-f").out == "1\n2\n3\n"


def test_log_lines_for_people():
    shown = unstyle(log_line('{"ts": "12:00", "level": "info", "event": "job.x", "message": "a\\u001b[2J", "job": 3}'))
    assert shown.startswith("12:00 info    job.x a\\x1b[2J ")
    assert "job=3" in shown
    assert log_line("no json\x07\n") == r"no json\x07"


def test_verify_tells_what_is_wrong_and_how_to_mend_it(cli, api, make):
    api.answers["verify"] = make.report(problems=["row 3 has no document"])
    out = cli("verify", "--human").out
    assert out.splitlines()[0] == "index default: 3 documents, 3 ledger rows, 3 searchable"
    assert "row 3 has no document" in out
    assert "syncline verify --repair" in out


def test_removing_asks_a_person_and_nobody_else(cli, api, make, monkeypatch, terminal):
    import io
    import sys

    api.answers |= {"connector": make.connector(), "remove_connector": 4}
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    assert cli("connector", "remove", "docs").code == 2  # nobody there
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    assert cli("connector", "remove", "docs").code == 1
    assert "remove_connector" not in dict(api.calls)
    assert "removed with 4 documents" in cli("connector", "remove", "docs", "-y").out


def test_nothing_from_documents_steers_the_terminal(cli, api, make):
    job, connector = make.job(), make.connector(name=EVIL, config={EVIL: EVIL, "path": EVIL})
    chapter = make.story(id=EVIL, state=EVIL, summary=EVIL, connector=EVIL)
    chapter.chapters[0].detail = chapter.chapters[0].event = chapter.chapters[0].remedy = EVIL
    api.answers |= {
        "search": make.results(1, [make.hit(id=EVIL, title=EVIL, snippet=EVIL, connector=EVIL, url=EVIL)]),
        "why": [chapter],
        "plan": make.plan(insert=[EVIL], reasons={EVIL: EVIL}, notes=[EVIL]),
        "errors": [(job, make.failure(EVIL)._replace(message=EVIL, remedy=EVIL, code=EVIL, stage=EVIL))],
        "jobs": [job],
        "job": make.job(JobState.FAILED, error={"message": EVIL, "remedy": EVIL, "code": EVIL}),
        "connectors": [connector],
        "connector": connector,
        "withheld": [EVIL],
        "verify": make.report(index=EVIL, problems=[EVIL], repaired=[EVIL]),
        "logs": ['{"event": "\\u001b]0;", "\\u009b": "\\u202e"}', EVIL],
        "sync": make.result(JobState.FAILED, error={"message": EVIL, "remedy": EVIL, "code": EVIL}, notes=[EVIL]),
    }
    for args in ("search x", "why x", "plan x", "errors", "jobs", "job show 1", "connector list", "connector show x",
                 "approve x --list", "verify", "job logs 1", "sync x"):  # fmt: skip
        ran = cli(*args.split(), "--human")
        for character in "\x1b\x07\x9b\u202e\ud800":
            assert character not in ran.out + ran.err, args
        if "job" not in args:
            assert "[red]" in ran.out + ran.err, args  # rich's markup is only text


@pytest.mark.parametrize(
    ("text", "safe"), [("é ü 漢 😀", "é ü 漢 😀"), ("a\tb\nc", r"a\tb\nc"), ("\x7f\udcff", r"\x7f\udcff")]
)
def test_clean_text_keeps_its_letters_and_shows_the_rest(text, safe):
    assert clean(text) == safe


def test_numbers_and_times_read_well():
    assert [count(n, "document") for n in (0, 1, 1200)] == ["0 documents", "1 document", "1,200 documents"]
    assert [duration(s) for s in (0.004, 12.9, 185, 7800)] == ["0.00 s", "12 s", "3 min 5 s", "2 h 10 min"]
    assert [ago(1000 - s, 1000) for s in (-5, 0, 7, 60, 3600, 7200)] == [
        "just now", "just now", "7 s ago", "1 min ago", "1 hour ago", "2 hours ago"]  # fmt: skip
