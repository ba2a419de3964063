"""Secrets are sealed: bound to their connector and place, and opened only by the key they were sealed with."""

from __future__ import annotations

import base64
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from syncline.model.errors import ConfigInvalid, CredentialsInvalid
from syncline.store.secrets import MASK, SEALED, Vault, drafted, masked, values_of

CANARY = "CANARY-5f1d"
FIELDS = ("token", "logins.password")
SETTINGS = {"project": "DOCS", "token": CANARY, "logins": [{"user": "ann", "password": f"{CANARY}-0"}]}

Sealed = dict[str, Any]


@pytest.fixture(autouse=True)
def _no_key_around(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SYNCLINE_SECRET_KEY", raising=False)


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(str(tmp_path))


@pytest.fixture
def kept(vault: Vault) -> Callable[..., Sealed]:
    """Settings as connector c-1 would store them."""
    return lambda config=SETTINGS, fields=FIELDS: vault.keep("c-1", drafted("c-1", config, fields))


def code_of(action: Callable[[], object]) -> str:
    with pytest.raises(CredentialsInvalid) as caught:
        action()
    assert caught.value.remedy
    assert CANARY not in str(caught.value.as_dict())
    return caught.value.code


def test_invariant_12_what_is_stored_says_nothing_of_the_secret_and_opens_to_what_it_was(
    vault: Vault, kept: Callable[..., Sealed]
) -> None:
    stored = kept()
    assert CANARY not in repr(stored)
    assert stored["token"].keys() == {SEALED}
    assert stored["token"][SEALED].startswith("v1:")
    assert (stored["project"], stored["logins"][0]["user"]) == ("DOCS", "ann")
    opened = vault.open("c-1", stored)
    assert opened.config == SETTINGS
    assert {place: secret.value for place, secret in opened.secrets.items()} == {
        "token": CANARY,
        "logins.0.password": f"{CANARY}-0",
    }


@pytest.mark.parametrize("value", ["ü\n'\"", "\udcff", ["a", "b"], {"a": "b"}, 7, " ", "x" * 100_000])
def test_any_json_may_be_a_secret(vault: Vault, kept: Callable[..., Sealed], value: Any) -> None:
    stored = kept({"token": value}, ("token",))
    assert stored["token"].keys() == {SEALED}
    assert vault.open("c-1", stored).config == {"token": value}


def test_the_same_secret_never_looks_the_same_twice(kept: Callable[..., Sealed]) -> None:
    assert kept()["token"] != kept()["token"]


def test_nothing_is_no_secret_and_needs_no_key(vault: Vault, kept: Callable[..., Sealed]) -> None:
    empty = {"token": None, "logins": [{"user": "ann", "password": ""}]}
    assert kept(empty) == empty
    assert not os.path.exists(vault.path)


def test_models_in_a_table_are_found_by_whatever_name_they_have() -> None:
    settings = {
        "logins": {"ann": {"password": CANARY}, "password": {"password": CANARY}, "bob": [{"password": CANARY}]}
    }
    assert CANARY not in repr(drafted("c-1", settings, FIELDS))
    assert len(values_of(settings, FIELDS)) == 3


def test_a_name_with_dots_is_found() -> None:
    assert CANARY not in repr(drafted("c-1", {"auth.token": CANARY}, ("auth.token",)))


def test_what_is_shown_has_asterisks_at_the_place_of_secrets(kept: Callable[..., Sealed]) -> None:
    shown = {"project": "DOCS", "token": MASK, "logins": [{"user": "ann", "password": MASK}]}
    assert masked(kept()) == shown
    assert masked(drafted("c-1", SETTINGS, FIELDS)) == shown


@pytest.mark.parametrize("settings", [{SEALED: "v1:AAAA"}, {"note": {SEALED: "v1:AAAA"}}, {"notes": [{SEALED: 1}]}])
def test_nothing_can_pass_itself_off_as_sealed(settings: Sealed) -> None:
    with pytest.raises(ConfigInvalid):
        drafted("c-1", settings, FIELDS)


def test_a_secret_that_has_not_changed_keeps_its_sealed_text(vault: Vault, kept: Callable[..., Sealed]) -> None:
    stored = kept()
    opened = vault.open("c-1", stored)
    assert drafted("c-1", opened.config, FIELDS, opened.secrets) == stored
    changed = drafted("c-1", {**opened.config, "token": "other"}, FIELDS, opened.secrets)
    assert changed["token"] != stored["token"]
    assert changed["logins"] == stored["logins"]


# --- sealed means sealed ----------------------------------------------------------------------------------------------


def test_a_sealed_secret_opens_for_no_other_connector_and_in_no_other_place(
    vault: Vault, kept: Callable[..., Sealed]
) -> None:
    stored = kept()
    password = stored["logins"][0]["password"]
    assert code_of(lambda: vault.open("c-2", stored)) == "secret.unreadable"
    assert code_of(lambda: vault.open("c-1", {"token": password})) == "secret.unreadable"
    assert code_of(lambda: vault.open("c-1", {"logins": [{}, {"password": password}]})) == "secret.unreadable"


def test_whatever_is_changed_in_a_sealed_secret_makes_it_unreadable(vault: Vault, kept: Callable[..., Sealed]) -> None:
    text: str = kept()["token"][SEALED]
    body = base64.b64decode(text.removeprefix("v1:"))
    for at in range(len(body)):
        torn = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        config = {"token": {SEALED: f"v1:{base64.b64encode(torn).decode()}"}}
        assert code_of(lambda config=config: vault.open("c-1", config)) == "secret.unreadable"  # type: ignore[misc]


@pytest.mark.parametrize("text", ["", "v1", "v1:", "v1:AAAA", "v1:no base64!", "v1:ä", "v2:AAAA", "draft:AAAA", "7"])
def test_what_was_never_sealed_cannot_be_read(vault: Vault, kept: Callable[..., Sealed], text: str) -> None:
    kept()
    assert code_of(lambda: vault.open("c-1", {"token": {SEALED: text}})) == "secret.unreadable"


# --- drafts -----------------------------------------------------------------------------------------------------------


def test_invariant_10_a_draft_can_be_opened_here_and_makes_no_file(vault: Vault) -> None:
    draft = drafted("c-1", SETTINGS, FIELDS)
    assert CANARY not in repr(draft)
    assert vault.open("c-1", draft).config == SETTINGS
    assert os.listdir(os.path.dirname(vault.path)) == []


def test_a_draft_can_be_opened_by_no_other_process(vault: Vault) -> None:
    text = drafted("c-1", {"token": CANARY}, FIELDS)["token"][SEALED]
    code = (
        "import sys; from syncline.store.secrets import Vault\n"
        "try: Vault(sys.argv[1]).open('c-1', {'token': {'$sealed': sys.argv[2]}})\n"
        "except Exception as error: print(error.code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, os.path.dirname(vault.path), text], capture_output=True, text=True
    )
    assert done.stdout.strip() == "secret.unreadable"


def test_what_is_kept_already_stays_byte_for_byte(vault: Vault, kept: Callable[..., Sealed]) -> None:
    stored = kept()
    assert vault.keep("c-1", stored) == stored


# --- the key ----------------------------------------------------------------------------------------------------------


def test_the_key_is_made_once_for_the_owner_only_and_nothing_is_left_beside_it(
    vault: Vault, kept: Callable[..., Sealed], tmp_path: Path
) -> None:
    kept()
    assert os.listdir(tmp_path) == ["secret.key"]
    assert stat.S_IMODE(os.stat(vault.path).st_mode) == 0o600
    before = Path(vault.path).read_bytes()
    assert len(base64.b64decode(before)) == 32
    kept()
    assert Path(vault.path).read_bytes() == before


def test_a_file_that_somebody_else_made_in_the_meantime_is_used(
    vault: Vault, kept: Callable[..., Sealed], monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = base64.b64encode(b"k" * 32)
    link = os.link

    def after_them(draft: str, path: str) -> None:
        Path(path).write_bytes(theirs)
        link(draft, path)

    monkeypatch.setattr(os, "link", after_them)
    stored = kept()
    assert Path(vault.path).read_bytes() == theirs
    assert os.listdir(os.path.dirname(vault.path)) == ["secret.key"]
    assert vault.open("c-1", stored).config == SETTINGS


def test_without_the_key_the_error_says_so(vault: Vault, kept: Callable[..., Sealed]) -> None:
    stored = kept()
    os.unlink(vault.path)
    assert code_of(lambda: vault.open("c-1", stored)) == "secret.key_missing"
    assert vault.open("c-1", {"project": "DOCS"}).config == {"project": "DOCS"}


def test_with_another_key_the_error_says_so(vault: Vault, kept: Callable[..., Sealed]) -> None:
    stored = kept()
    Path(vault.path).write_bytes(base64.b64encode(os.urandom(32)))
    assert code_of(lambda: vault.open("c-1", stored)) == "secret.unreadable"


@pytest.mark.parametrize("content", [b"", b"short", base64.b64encode(b"k" * 31), b"\xff" * 44])
def test_a_file_that_holds_no_key_is_not_used_and_not_overwritten(
    vault: Vault, kept: Callable[..., Sealed], content: bytes
) -> None:
    Path(vault.path).write_bytes(content)
    assert code_of(kept) == "secret.key_unusable"
    assert Path(vault.path).read_bytes() == content


def test_a_key_that_cannot_be_made_or_read_is_told(tmp_path: Path) -> None:
    nowhere = Vault(str(tmp_path / "nowhere"))
    assert code_of(lambda: nowhere.keep("c-1", drafted("c-1", SETTINGS, FIELDS))) == "secret.key_unusable"
    (tmp_path / "secret.key").mkdir()
    folder = Vault(str(tmp_path))
    assert code_of(lambda: folder.keep("c-1", drafted("c-1", SETTINGS, FIELDS))) == "secret.key_unusable"


@pytest.mark.parametrize("said", [base64.b64encode(b"k" * 32).decode(), "correct horse battery", " " + "ü" * 16 + "\n"])
def test_a_key_in_the_environment_needs_no_file(
    vault: Vault, kept: Callable[..., Sealed], monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    monkeypatch.setenv("SYNCLINE_SECRET_KEY", said)
    stored = kept()
    assert not os.path.exists(vault.path)
    assert vault.open("c-1", stored).config == SETTINGS
    monkeypatch.setenv("SYNCLINE_SECRET_KEY", said.strip() + "!")
    assert code_of(lambda: vault.open("c-1", stored)) == "secret.unreadable"
    monkeypatch.delenv("SYNCLINE_SECRET_KEY")
    assert code_of(lambda: vault.open("c-1", stored)) == "secret.key_missing"


def test_32_bytes_in_base64_are_the_key_itself(
    kept: Callable[..., Sealed], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SYNCLINE_SECRET_KEY", base64.b64encode(b"k" * 32).decode())
    stored = kept()
    monkeypatch.delenv("SYNCLINE_SECRET_KEY")
    (tmp_path / "secret.key").write_bytes(base64.b64encode(b"k" * 32))
    assert Vault(str(tmp_path)).open("c-1", stored).config == SETTINGS


def test_what_the_file_has_sealed_stays_readable_when_the_variable_is_set(
    vault: Vault, kept: Callable[..., Sealed], monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = kept()
    monkeypatch.setenv("SYNCLINE_SECRET_KEY", "correct horse battery")
    assert vault.open("c-1", stored).config == SETTINGS


def test_a_short_passphrase_is_refused_also_where_the_file_would_do(
    vault: Vault, kept: Callable[..., Sealed], monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = kept()
    monkeypatch.setenv("SYNCLINE_SECRET_KEY", "fifteen letters")
    assert code_of(kept) == "secret.key_unusable"
    assert code_of(lambda: vault.open("c-1", stored)) == "secret.key_unusable"
