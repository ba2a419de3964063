"""Progress goes to stderr, and only when somebody is there to see it."""

from __future__ import annotations

import io

import pytest

from syncline.cli import progress
from syncline.cli.progress import Display, fraction, pace
from syncline.model.outcomes import Counters
from syncline.model.reports import Progress


def at(stage: str = "applying", planned: int | None = 100, **counters: int) -> Progress:
    return Progress(stage, Counters(counters), listed=50, planned=planned, rate=1234.5, eta_s=12.3)


def test_nobody_watches_a_pipe(cli, api, make):
    api.answers["sync"] = make.result()
    assert cli("sync", "x").err == ""
    assert api.asked("sync")["on_progress"] is None


@pytest.mark.parametrize("args", [["--quiet"], ["--quiet", "--verbose"]])
def test_nobody_watches_when_it_is_to_be_quiet(cli, api, make, terminal, args):
    api.answers["sync"] = make.result()
    assert cli("sync", "x", *args).err == ""
    assert api.asked("sync")["on_progress"] is None


def test_verbose_gives_a_line_for_each_stage(cli, api, make):
    def run(on_progress, **_):
        for stage in ("listing", "applying", "applying", "indexing"):
            on_progress(at(stage, inserted=3))
        return make.result()

    api.answers["sync"] = run
    assert cli("sync", "x", "--verbose").err.splitlines() == [
        "listing: 50 listed, 3 new; 1,234/s, 12 s left",
        "applying: 3 new; 1,234/s, 12 s left",
        "indexing: 3 new; 1,234/s, 12 s left",
    ]


def test_a_bar_on_a_terminal_and_the_result_alone_on_stdout(cli, api, make, terminal, monkeypatch):
    monkeypatch.setattr(progress, "SHOW_AFTER_S", 0.0)

    def run(on_progress, **_):
        on_progress(at(inserted=3, failed=1))
        return make.result()

    api.answers["sync"] = run
    ran = cli("sync", "x", "--json")
    assert ran.json["job_id"] == "3f2c"
    assert "applying" in ran.err
    assert "3 new, 1 failed" in ran.err
    assert "\x1b[?25l" not in ran.err  # the cursor stays


def test_a_short_job_shows_no_bar(cli, api, make, terminal):
    def run(on_progress, **_):
        on_progress(at())
        return make.result()

    api.answers["sync"] = run
    assert cli("sync", "x").err == ""


def test_verify_shows_its_steps(cli, api, make):
    def run(on_progress, **_):
        on_progress("documents", 5, 10)
        on_progress("text index", 0, 0)
        return make.report()

    api.answers["verify"] = run
    assert cli("verify", "-v").err.splitlines() == ["documents: 5 of 10", "text index: 0"]


def test_a_bar_that_was_asked_to_stop_says_so(session, terminal, monkeypatch):
    monkeypatch.setattr(progress, "SHOW_AFTER_S", 0.0)
    monkeypatch.setattr("sys.stderr", stream := io.StringIO())
    stream.isatty = lambda: True  # type: ignore[method-assign]
    with Display(session, stopping=lambda: True) as display:
        display.watch(at())
    assert "stopping (Ctrl-C again ends at once)" in stream.getvalue()


def test_the_whole_is_unknown_while_listing_and_never_smaller_than_the_part():
    assert fraction(at(planned=None, kept=7)) == (7, None)
    assert fraction(at(planned=100, kept=7)) == (7, 100)
    assert fraction(at(planned=5, kept=7)) == (7, 7)
    assert fraction(at("indexing", kept=7)) == (7, None)


def test_no_rate_and_no_end_are_not_invented():
    assert pace(Progress()) == ""
