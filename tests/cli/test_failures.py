"""Errors are told in one way, and the exit code says which kind it was."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import click
import pytest

from syncline.cli import exits
from syncline.cli.exits import Exit
from syncline.model import errors as e
from syncline.model.jobs import IllegalTransition, JobState
from syncline.model.outcomes import Counters


class Throttled(e.SynclineError):
    category = e.Category.QUOTA


class Forbidden(e.SynclineError):
    category = e.Category.PERMISSION


class Retried(e.SynclineError):
    recovery = e.Recovery.RETRY


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (e.NotFound("x"), 3),
        (e.NotFound("x", code="path.missing"), 3),
        (e.UsageError("x"), 2),
        (e.ConfigInvalid("x"), 2),
        (e.CredentialsInvalid("x"), 6),
        (Forbidden("x"), 6),
        (e.SourceUnavailable("x"), 5),
        (e.JobActive("x"), 5),
        (Throttled("x"), 5),
        (Retried("x"), 5),
        (e.SourceProtocolError("x"), 1),
        (e.DataDirectoryError("x"), 1),
        (e.DestinationError("x"), 1),
        (e.InternalError("x"), 1),
        (IllegalTransition("x"), 1),
    ],
)
def test_an_error_has_its_exit_code(cli, api, error, code):
    api.answers["connectors"] = error
    ran = cli("jobs")
    assert (ran.code, ran.out) == (code, "")


@pytest.mark.parametrize(
    ("error", "code"), [(e.SourceUnavailable("x"), 5), (e.CredentialsInvalid("x"), 6), (e.SourceProtocolError("x"), 1)]
)
def test_a_job_that_failed_has_the_exit_code_of_its_error(cli, api, make, error, code):
    api.answers["sync"] = make.result(JobState.FAILED, error=error.as_dict())
    assert cli("sync", "x").code == code


@pytest.mark.parametrize(
    ("state", "counters", "code"),
    [
        (JobState.SUCCEEDED, {"kept": 3}, 0),
        (JobState.SUCCEEDED, {}, 0),
        (JobState.INCOMPLETE, {"failed": 1}, 4),
        (JobState.INCOMPLETE, {"kept": 1}, 4),  # a scope could not be listed
        (JobState.INCOMPLETE, {"withheld_deletes": 1}, 8),
        (JobState.INCOMPLETE, {"withheld_deletes": 1, "failed": 1}, 8),
        (JobState.STOPPED, {"failed": 1}, 130),
        (JobState.SUSPENDED, {}, 130),
        (JobState.FAILED, {"failed": 1}, 1),
    ],
)
def test_a_job_has_its_exit_code(make, state, counters, code):
    result = make.result(state)
    result.counters = Counters(counters)
    assert exits.of_result(result) == code


def test_every_exit_code_has_a_meaning_and_is_different():
    assert len({code.value for code in Exit}) == len({code.meaning for code in Exit}) == len(list(Exit))


def test_for_programs_an_error_is_one_object_on_stderr(cli, api):
    api.answers["job"] = e.NotFound("no job 99", remedy="See `syncline jobs`.", near=[98])
    ran = cli("job", "show", "99")
    assert (ran.code, ran.out) == (3, "")
    assert json.loads(ran.err) == {
        "error": {
            "code": "not_found",
            "category": "config",
            "message": "no job 99",
            "remedy": "See `syncline jobs`.",
            "mender": "you",
            "near": [98],
        }
    }


def test_for_people_an_error_is_a_line_and_a_remedy(cli, api):
    api.answers["job"] = e.SourceUnavailable("the folder is gone\n\x1b[2J", remedy="Bring it back.")
    ran = cli("job", "show", "99", "--human")
    assert ran.err.splitlines() == [
        "error: the folder is gone",
        r"    \x1b[2J",
        "  remedy: Bring it back.",
        "  code: source.unavailable",
    ]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["serach"], "did you mean 'search'?"),
        (["status"], "did you mean 'jobs'?"),
        ([os.curdir], "did you mean 'sync .'?"),
        (["job", "shwo", "1"], "did you mean 'show'?"),
        (["job", "qqq"], "there are logs, show, stop"),
        (["sync"], "missing argument"),
        (["sync", "a", "b"], "unexpected extra argument"),
        (["sync", "a", "--ful"], "--full"),
        (["jobs", "--state", "broken"], "--state"),
        (["search", "x", "--limit", "-1"], "--limit"),
        (["--bogus", "sync"], "--bogus"),
    ],
)
def test_a_mistyped_command_line_is_answered_with_one_clear_line(cli, api, args, words):
    for more in ([], ["--human"]):
        ran = cli(*args, *more)
        assert (ran.code, ran.out) == (2, "")
        assert words in ran.err
        assert api.calls == []
    assert ran.err.startswith("error: ")


def test_usage_errors_are_json_when_json_is_asked_for(cli, terminal):
    assert json.loads(cli("serach", "--json").err)["error"]["code"] == "usage"
    assert json.loads(cli("jobs", "--bogus", "--json").err)["error"]["remedy"] == "See `syncline jobs --help`."


def test_a_pipe_on_stdout_alone_leaves_errors_to_the_person_at_the_terminal(cli, api, terminals):
    terminals.add("stderr")
    api.answers["connectors"] = e.NotFound("nothing there")
    assert "nothing there" in cli("jobs").err.splitlines()[0]
    assert "{" not in cli("jobs").err
    assert "{" in cli("jobs", "--json").err


@pytest.mark.parametrize("more", [[], ["--human"]])
def test_an_unknown_exception_is_an_internal_error_without_traceback(cli, api, more):
    api.answers["connectors"] = ZeroDivisionError("division by zero")
    ran = cli("jobs", *more)
    assert ran.code == 1
    assert "internal error: ZeroDivisionError: division by zero" in ran.err
    assert "--debug" in ran.err
    assert "Traceback" not in ran.err


def test_debug_shows_the_traceback(cli, api):
    api.answers["connectors"] = ZeroDivisionError()
    assert "Traceback (most recent call last)" in cli("jobs", "--debug").err
    api.answers["connectors"] = e.NotFound("x")
    assert "Traceback (most recent call last)" in cli("--debug", "jobs").err


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_an_interrupt_is_130(cli, api, error):
    api.answers["connectors"] = error
    ran = cli("jobs", "--human")
    assert (ran.code, ran.out, ran.err) == (130, "", "\ninterrupted\n")


def test_why_of_an_unknown_document_is_not_found(cli, api):
    api.answers["why"] = []
    ran = cli("why", "nope.md")
    assert (ran.code, ran.out) == (3, "")
    assert "nope.md" in ran.err


def test_a_reader_that_goes_away_is_no_error():
    code = "import sys; from syncline.cli import main; sys.argv = ['syncline', '--help']; sys.exit(main())"
    command = [sys.executable, "-c", code]
    done = subprocess.run([*command], stdout=open_closed_pipe(), stderr=subprocess.PIPE, text=True, check=False)
    assert done.stderr == ""
    assert done.returncode == Exit.PIPE_CLOSED


def open_closed_pipe() -> int:
    reading, writing = os.pipe()
    os.close(reading)
    return writing
