"""A stand-in for the API and a way to run the command in this process."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from syncline.api import Syncline
from syncline.cli.root import run
from syncline.cli.session import Session
from syncline.model.connectors import Connector
from syncline.model.jobs import Job, JobState
from syncline.model.outcomes import Counters, Kind, Outcome
from syncline.model.reports import Chapter, Plan, Story, SyncResult, VerifyReport
from syncline.model.search import Hit, Results


class FakeApi:
    """Answers from a table and remembers what it was asked. Every call must fit the signature of the real method.
    An answer that is an exception is raised; one that can be called is called."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, Any] = {"connectors": [], "jobs": [], "withheld": []}
        self.closed = False

    def asked(self, name: str) -> dict[str, Any]:
        """The arguments of the last call of that method."""
        return [arguments for called, arguments in self.calls if called == name][-1]

    def __enter__(self) -> FakeApi:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True

    def __getattr__(self, name: str) -> Callable[..., Any]:
        signature = inspect.signature(getattr(Syncline, name))

        def call(*args: Any, **kwargs: Any) -> Any:
            bound = signature.bind(self, *args, **kwargs)
            bound.apply_defaults()
            given = {key: value for key, value in bound.arguments.items() if key != "self"}
            self.calls.append((name, given))
            answer = self.answers[name]
            if isinstance(answer, BaseException):
                raise answer
            return answer(**given) if callable(answer) else answer

        return call


class Ran(NamedTuple):
    """How a run of the command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Stdout as one JSON value."""
        return json.loads(self.out)


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def session(api: FakeApi) -> Session:
    def open(data_dir: str | None) -> Any:
        api.calls.append(("open", {"data_dir": data_dir}))
        return api

    return Session(open=open)


@pytest.fixture
def terminals() -> set[str]:
    """Which of "stdout" and "stderr" claim to be terminals."""
    return set()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, terminals: set[str]) -> None:
    """Both of them."""
    terminals |= {"stdout", "stderr"}
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture
def cli(
    session: Session, terminals: set[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Ran]:
    """Run the command in this process."""
    monkeypatch.delenv("SYNCLINE_DATA_DIR", raising=False)

    def go(*args: str) -> Ran:
        for name in ("stdout", "stderr"):
            monkeypatch.setattr(getattr(sys, name), "isatty", lambda name=name: name in terminals, raising=False)
        code = run(args, session)
        return Ran(code, *capsys.readouterr())

    return go


def counters(**n: int) -> Counters:
    return Counters(n)


def a_result(status: JobState = JobState.SUCCEEDED, **more: Any) -> SyncResult:
    n = {key: more.pop(key) for key in list(more) if key in Counters.NAMES}
    fields = {"connector": "docs", "index": "default", **more}
    return SyncResult("3f2c", 12, status, Counters(n or {"inserted": 3, "kept": 1196}), 0.4216, **fields)


def a_job(state: JobState = JobState.SUCCEEDED, **more: Any) -> Job:
    times = {"created_at": 1_700_000_000.0, "started_at": 1_700_000_001.0, "ended_at": 1_700_000_003.5}
    return Job(12, "3f2c", "c-1", **{"state": state, "counters": Counters({"inserted": 3}), **times, **more})


def a_connector(**more: Any) -> Connector:
    return Connector(**{"number": 1, "id": "c-1", "name": "docs", "index": "default", "kind": "folder",
                        "config": {"path": "/srv/docs"}, "created_at": 1_700_000_000.0, **more})  # fmt: skip


def a_failure(id: str = "bad.pdf") -> Outcome:
    return Outcome(id, Kind.FAILED, "extract", "extract.damaged", "the file is damaged", "Save it again.")


def a_hit(**more: Any) -> Hit:
    return Hit(**{"id": "refunds.md", "connector": "docs", "score": 3.14159, "title": "Refunds",
                  "metadata": {"year": 2024}, "snippet": "our \x02refund\x03 policy",
                  "url": "file:///srv/docs/refunds.md", **more})  # fmt: skip


def a_story(**more: Any) -> Story:
    chapters = [Chapter(1_700_000_001.0, 12, "inserted"), Chapter(None, None, "plan", "would be kept")]
    return Story(**{"id": "refunds.md", "connector": "docs", "index": "default", "state": "live",
                    "summary": "In the index since job 12.", "chapters": chapters, **more})  # fmt: skip


def a_plan(**more: Any) -> Plan:
    return Plan(**{"insert": ["a.md"], "update": ["b.md"], "delete": ["c.md"], "keep": 7,
                   "reasons": {"a.md": "new", "b.md": "changed", "c.md": "gone"}, **more})  # fmt: skip


def a_report(**more: Any) -> VerifyReport:
    return VerifyReport(**{"index": "default", "documents": 3, "ledger_rows": 3, "searchable": 3, **more})


class Make:
    """The makers above, for tests."""

    result = staticmethod(a_result)
    job = staticmethod(a_job)
    connector = staticmethod(a_connector)
    failure = staticmethod(a_failure)
    hit = staticmethod(a_hit)
    story = staticmethod(a_story)
    plan = staticmethod(a_plan)
    report = staticmethod(a_report)
    counters = staticmethod(counters)
    results = Results


@pytest.fixture
def make() -> type[Make]:
    return Make


@pytest.fixture(autouse=True)
def any_width(monkeypatch):
    """Test runners tell their own width; pages in a pipe are as wide as it takes."""
    monkeypatch.delenv("COLUMNS", raising=False)
