"""`syncline keys`, on a real data directory."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from syncline.cli.root import run

SECRET = "CANARY-5f1d-0123456789"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def cli(state: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    for name in ("SYNCLINE_SECRET_KEY", "SYNCLINE_ROOT_KEY", "SYNCLINE_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)

    def go(*words: str, code: int = 0) -> Any:
        done = run([*words, "--data-dir", str(state)])
        out, err = capsys.readouterr()
        assert done == code, (out, err)
        if "--human" in words:
            return out + err
        return json.loads(out or err)

    return go


def test_a_key_is_made_with_its_secret_told_once(cli: Callable[..., Any]) -> None:
    made = cli("keys", "create", "--name", "site", "--scopes", "read", "--index", "handbook", "--index", "news")
    assert list(made)[:2] == ["id", "secret"]
    assert (made["name"], made["scopes"], made["indexes"]) == ("site", ["read"], ["handbook", "news"])
    listed = cli("keys", "list")
    assert listed == [{key: value for key, value in made.items() if key != "secret"}]
    assert made["secret"] not in cli("keys", "list", "--human")


def test_without_options_a_key_may_read_and_write_everywhere(cli: Callable[..., Any]) -> None:
    made = cli("keys", "create")
    assert (made["scopes"], made["indexes"], made["last_used_at"], made["revoked_at"]) == (
        ["read", "write"], None, None, None,
    )  # fmt: skip


def test_id_and_secret_can_be_given_in_the_words_or_in_a_file(cli: Callable[..., Any], tmp_path: Path) -> None:
    assert cli("keys", "create", "--id", "ci", "--secret", SECRET)["secret"] == SECRET
    (tmp_path / "secret").write_text(SECRET + "-2\n")
    assert cli("keys", "create", "--secret-file", str(tmp_path / "secret"))["secret"] == SECRET + "-2"
    both = ("--secret", SECRET + "-3", "--secret-file", str(tmp_path / "secret"))
    assert cli("keys", "create", *both, code=2)["error"]["code"] == "usage"
    assert len(cli("keys", "list")) == 2


def test_what_cannot_be_is_refused_with_a_remedy_and_without_the_secret(cli: Callable[..., Any]) -> None:
    cli("keys", "create", "--id", "ci", "--secret", SECRET)
    for words, code in (
        (("--id", "ci"), "key.id_taken"),
        (("--id", "a b"), "key.bad_id"),
        (("--secret", "CANARY"), "key.bad_secret"),
        (("--secret", SECRET), "key.secret_taken"),
        (("--scopes", "read,rule"), "key.bad_scope"),
        (("--index", "Not One"), "index.bad_name"),
    ):
        error = cli("keys", "create", *words, code=2)["error"]
        assert error["code"] == code
        assert error["remedy"]
        assert "CANARY" not in str(error)


def test_an_empty_list_of_scopes_allows_nothing(cli: Callable[..., Any]) -> None:
    assert cli("keys", "create", "--scopes", "")["scopes"] == []
    assert "nothing" in cli("keys", "list", "--human")


def test_a_revoked_key_is_shown_only_when_asked_for(cli: Callable[..., Any]) -> None:
    cli("keys", "create", "--id", "ci")
    assert cli("keys", "revoke", "ci")["revoked_at"]
    assert cli("keys", "list") == []
    assert [key["id"] for key in cli("keys", "list", "--all")] == ["ci"]
    assert "revoked" in cli("keys", "list", "--all", "--human")
    assert cli("keys", "revoke", "nobody", code=3)["error"]["code"] == "not_found"


def test_the_root_key_is_not_revoked_by_a_command(cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCLINE_ROOT_KEY", f"boss:{SECRET}")
    error = cli("keys", "revoke", "boss", code=2)["error"]
    assert error["code"] == "key.root"
    assert "SYNCLINE_ROOT_KEY" in error["remedy"]
    assert cli("keys", "create", "--secret", SECRET, code=2)["error"]["code"] == "key.secret_taken"


def test_looking_at_keys_makes_no_data_directory(cli: Callable[..., Any], state: Path) -> None:
    assert cli("keys", "list") == []
    assert "keys create" in cli("keys", "list", "--human")
    assert not state.exists()


def test_people_are_told_to_keep_the_secret(cli: Callable[..., Any]) -> None:
    told = cli("keys", "create", "--id", "ci", "--secret", SECRET, "--human")
    assert SECRET in told
    assert "not told again" in told


@pytest.mark.parametrize("words", [("keys", "list"), ("keys", "create"), ("secrets", "rotate")])
def test_keys_and_secrets_are_not_looked_after_from_elsewhere(cli: Callable[..., Any], words: tuple[str, ...]) -> None:
    error = cli(*words, "--server", "http://127.0.0.1:1", code=2)["error"]
    assert "--server" in error["message"]
