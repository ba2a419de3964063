"""Invariant 12, from outside: a secret that was given to a connector is never seen again, whatever goes wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.leaks import files_with

import syncline.service.connectors as connectors
from syncline import Syncline
from syncline.cli.root import run
from syncline.model.errors import ConfigInvalid, CredentialsInvalid
from syncline.model.jobs import JobState
from syncline.sources.authoring import secret_texts

CANARY = "CANARY-b91c/77+e'f\"g"
SPELLINGS = ("CANARY-b91c", "b91c/77", "b91c%2F77")

SOURCE = """
import os
from pydantic import BaseModel, SecretStr, field_validator
from syncline.model.documents import Document
from syncline.model.errors import CredentialsInvalid, DocumentRejected, SourceUnavailable
from syncline.model.news import Complete, Entry, Page, Refused, Unlisted
from syncline.sources.authoring import source
from urllib.parse import quote

class Login(BaseModel):
    user: str = "ann"
    password: SecretStr = SecretStr("")

class Config(BaseModel):
    token: SecretStr | None = None
    logins: list[Login] = []
    fault: str = ""

    @field_validator("token")
    def checked(cls, token):
        if token and "NOTES_DOWN" in os.environ:
            raise RuntimeError(f"GET /?{token.get_secret_value()}: 401")
        return token

def deep(secret):
    try:
        raise ConnectionError(f"GET https://api/?token={quote(secret, safe='')}: 500")
    except ConnectionError as error:
        raise SourceUnavailable(f"no answer for {secret}", remedy=f"Ask {secret}.", url=[secret]) from error

def fail(config):
    secret = config.token.get_secret_value()
    if config.fault == "raise":
        raise ValueError(f"token {secret!r} at https://api/?token={quote(secret, safe='')}")
    if config.fault == "ours":
        deep(secret)

def load(config):
    secret = config.token.get_secret_value()
    if config.fault == "load":
        raise OSError(f"GET /a?token={secret}: 500")
    if config.fault == "load ours":
        deep(secret)
    return "a body"

def refusals(config):
    secret = config.token.get_secret_value()
    if config.fault == "refuse":
        yield Refused("r", DocumentRejected(f"no {secret}", remedy=f"Give another {secret}."))
    if config.fault == "unlist":
        yield Unlisted("u", SourceUnavailable(f"no {secret}"))

def check(config):
    fail(config)

@source("notes", config=Config, check=check)
def notes(config):
    yield Document("a", title="The alpha", load=lambda: load(config), version=config.fault)
    secret = config.token.get_secret_value()
    if config.fault == "warn":
        yield Document("w", text="words", warning=("document.cut", f"cut for {secret}"))
    yield from refusals(config)
    fail(config)

@source("boards", config=Config)
class Boards:
    def __init__(self, config):
        self.config = config
        if config.fault == "make":
            raise ValueError(f"token {config.token.get_secret_value()}")

    def check(self):
        fail(self.config)

    def list(self, memory, cursor):
        yield Page([Entry("a", self.config.fault), Entry("r", "1")])
        if self.config.fault == "unlist":
            yield from refusals(self.config)
        yield Complete()

    def fetch(self, entries):
        fail(self.config)
        for entry in entries:
            if entry.id == "a":
                yield Document("a", load=lambda: load(self.config), version=entry.version)
        if self.config.fault == "refuse":
            yield from refusals(self.config)
"""

FAULTS = ["", "raise", "ours", "load", "load ours", "refuse", "unlist", "warn", "make"]


@pytest.fixture(autouse=True)
def _no_key_around(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SYNCLINE_SECRET_KEY", raising=False)


@pytest.fixture
def kind(tmp_path: Path) -> Callable[[str], str]:
    path = tmp_path / "mine.py"
    path.write_text(SOURCE)
    return lambda name: f"{path}:{name}"


class Ran(NamedTuple):
    code: int
    out: str
    err: str


Cli = Callable[..., Ran]


@pytest.fixture
def cli(state: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run the command in this process, on `state`."""

    def go(*words: str) -> Ran:
        code = run([*words, "--data-dir", str(state)])
        return Ran(code, *capsys.readouterr())

    return go


def quoted_in(text: str) -> list[str]:
    return [spelling for spelling in SPELLINGS if spelling in text]


def quoted_below(folder: Path) -> list[str]:
    return files_with(folder, *SPELLINGS)


# --- nowhere ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", ["notes", "Boards"])
def test_invariant_12_a_secret_is_in_no_output_and_in_no_byte_of_the_data_directory(
    cli: Cli, kind: Callable[[str], str], state: Path, name: str, fault: str
) -> None:
    logins = json.dumps([{"user": "ann", "password": CANARY}])
    words = ["connector", "add", kind(name), "--name", "mine", "--set", f"token={CANARY}", "--set", f"logins={logins}"]
    added = cli(*words, "--json", "--set", f"fault={fault}")
    assert added.code == 0
    assert json.loads(added.out)["settings"] == {
        "token": "********",
        "logins": [{"user": "ann", "password": "********"}],
        "fault": fault,
    }
    told = [added]
    for form in ("--json", "--human"):
        told += [
            cli("connector", "list", form),
            cli("connector", "show", "mine", form),
            cli("connector", "check", "mine", form),
            cli("plan", "mine", form),
            cli("plan", "mine", form, "--debug"),
            cli("plan", "mine", form, "--set", f"token={CANARY}-new"),
            cli("sync", "mine", form),
            cli("sync", "mine", form, "--full", "--verbose", "--debug"),
            cli("sync", "mine", form, "--set", f"token={CANARY}-{form}"),
            cli("why", "a", form),
            cli("why", "r", form),
            cli("jobs", form),
            cli("job", "show", "1", form),
            cli("job", "logs", "1", form),
            cli("job", "logs", "3", form),
            cli("errors", form),
            cli("verify", form),
            cli("verify", "--source", form, "--debug"),
            cli("search", "body", form),
        ]
    assert [one for one in told if quoted_in(one.out + one.err)] == []
    assert quoted_below(state) == []
    harmless = {"notes": ("", "make"), "Boards": ("", "warn")}[name]
    messages = "".join(one.out + one.err for one in told).replace("********", "")
    assert ("***" in messages) == (fault not in harmless)


def test_invariant_12_what_is_shown_to_people_is_asterisks(cli: Cli, kind: Callable[[str], str]) -> None:
    cli("connector", "add", kind("notes"), "--name", "mine", "--set", f"token={CANARY}")
    shown = cli("connector", "show", "mine", "--human").out
    assert any(line.split() == ["token", '"********"'] for line in shown.splitlines())


def test_invariant_12_a_validator_that_raises_what_it_likes_does_not_show_it(
    cli: Cli, kind: Callable[[str], str], state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = ("connector", "add", kind("notes"), "--name", "mine", "--set", f"token={CANARY}", "--debug", "--human")
    monkeypatch.setenv("NOTES_DOWN", "1")
    refused = cli(*add)
    monkeypatch.delenv("NOTES_DOWN")
    cli(*add)
    monkeypatch.setenv("NOTES_DOWN", "1")
    failed = cli("sync", "mine", "--debug", "--human")
    for done in (refused, failed):
        assert done.code == 1
        assert "the source raised RuntimeError: GET /?***: 401" in done.out + done.err
        assert quoted_in(done.out + done.err) == []
    assert quoted_below(state) == []
    assert "failed" in cli("jobs", "--human").out


def test_invariant_12_it_holds_between_processes(kind: Callable[[str], str], command: Any, state: Path) -> None:
    command("connector", "add", kind("notes"), "--name", "mine", "--set", f"token={CANARY}")
    assert command("sync", "mine")["inserted"] == 1
    failed = command("sync", "mine", "--set", "fault=raise", code=1)
    assert failed["error"]["message"] == "the source raised ValueError: token '***' at https://api/?token=***"
    assert quoted_below(state) == []


def test_invariant_12_of_two_secrets_the_longer_is_taken_out_first() -> None:
    texts = secret_texts(["token", {"more": ["token-of-ann", b"bytes"]}, None])
    assert texts == sorted(texts, key=len, reverse=True)
    assert {"token", "token-of-ann", "bytes"} == set(texts)


# --- in the API -------------------------------------------------------------------------------------------------------


@pytest.fixture
def mine(syncline: Syncline, kind: Callable[[str], str]) -> Syncline:
    syncline.add_connector(kind("notes"), {"token": CANARY}, name="mine")
    return syncline


def test_invariant_12_a_connector_that_is_handed_out_holds_the_sealed_secret(
    syncline: Syncline, kind: Callable[[str], str]
) -> None:
    made = syncline.add_connector(kind("notes"), {"token": CANARY}, name="mine")
    for connector in (made, syncline.connector("mine"), *syncline.connectors()):
        assert connector.config["token"].keys() == {"$sealed"}
        assert quoted_in(repr(connector)) == []
    assert made.config == syncline.connector("mine").config
    with Syncline(syncline.data_dir) as again:
        assert again.sync("mine").status is JobState.SUCCEEDED


def test_settings_can_be_changed_without_giving_the_secret_again(mine: Syncline) -> None:
    before = mine.connector("mine").config
    mine.sync("mine", settings={"fault": "raise"})
    after = mine.connector("mine").config
    assert after == before | {"fault": "raise"}


def test_the_same_secret_given_again_changes_nothing(mine: Syncline) -> None:
    before = mine.connector("mine").config
    mine.sync("mine", settings={"token": CANARY})
    assert mine.connector("mine").config == before


def test_after_an_upgrade_settings_are_validated_again_and_secrets_stay_as_they_were(
    mine: Syncline, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = mine.connector("mine")
    monkeypatch.setattr(connectors, "__version__", "99")
    assert mine.sync("mine").status is JobState.SUCCEEDED
    after = mine.connector("mine")
    assert (after.config, after.config_by) == (before.config, "99")


def test_invariant_10_a_plan_with_a_new_secret_makes_no_key(
    syncline: Syncline, kind: Callable[[str], str], state: Path, snapshot: Callable[[Path], dict[str, str]]
) -> None:
    syncline.add_connector(kind("notes"), {}, name="mine")
    syncline.close()
    before = snapshot(state)
    assert "secret.key" not in before
    with Syncline(state) as again:
        assert again.plan("mine", settings={"token": CANARY}).insert == ["a"]
    assert snapshot(state) == before
    with Syncline(state) as again:
        assert again.sync("mine", settings={"token": CANARY}).counters.inserted == 1
    assert (state / "secret.key").exists()


def test_a_setting_cannot_pass_itself_off_as_a_sealed_secret(mine: Syncline) -> None:
    sealed = mine.connector("mine").config["token"]
    with pytest.raises(ConfigInvalid):
        mine.sync("mine", settings={"token": sealed})


# --- when the key is gone ---------------------------------------------------------------------------------------------


def test_without_its_key_a_job_fails_with_a_remedy_and_nothing_else_breaks(
    mine: Syncline, docs: Path, state: Path
) -> None:
    mine.sync("mine")
    os.unlink(state / "secret.key")
    result = mine.sync("mine")
    assert result.status is JobState.FAILED
    assert result.error is not None
    assert (result.error["code"], result.error["category"]) == ("secret.key_missing", "credentials")
    assert result.error["remedy"]
    assert mine.job(result.number).error == result.error
    with pytest.raises(CredentialsInvalid):
        mine.plan("mine")
    assert mine.sync(str(docs)).status is JobState.SUCCEEDED
    assert {hit.id for hit in mine.search("alpha").hits} == {"alpha.md", "a"}
    assert [one.name for one in mine.connectors()] == ["docs", "mine"]
    assert mine.remove_connector("mine") == 1


def test_with_the_wrong_key_a_job_fails_and_the_exit_code_says_credentials(
    cli: Cli, kind: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNCLINE_SECRET_KEY", "correct horse battery")
    cli("connector", "add", kind("notes"), "--name", "mine", "--set", f"token={CANARY}")
    monkeypatch.setenv("SYNCLINE_SECRET_KEY", "correct horse stable")
    done = cli("sync", "mine", "--json")
    assert (done.code, json.loads(done.out)["error"]["code"]) == (6, "secret.unreadable")


def test_a_lost_key_is_overcome_by_giving_the_secret_again(mine: Syncline, state: Path) -> None:
    os.unlink(state / "secret.key")
    assert mine.sync("mine", settings={"token": f"{CANARY}-new"}).status is JobState.SUCCEEDED
    assert mine.sync("mine").status is JobState.SUCCEEDED


# --- what it costs ----------------------------------------------------------------------------------------------------


def test_a_folder_has_no_secrets_and_does_not_import_what_seals_them(docs: Path, state: Path) -> None:
    code = (
        "import sys; from syncline.cli import main\n"
        "try: main()\n"
        "finally: print(*sys.modules, sep='\\n', file=sys.stderr)"
    )
    for _ in range(2):
        words = ["sync", str(docs), "--json", "--data-dir", str(state)]
        done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
        modules = done.stderr.split()
        assert not {"cryptography", "syncline.sources.authoring"} & set(modules)
    assert "pydantic" not in modules
    assert not (state / "secret.key").exists()
