"""Rotation of the key that seals secrets: nothing is lost whenever it dies; afterwards the old key opens nothing."""

from __future__ import annotations

import base64
import json
import os
import re
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.leaks import files_with

import syncline
from syncline.cli.root import run
from syncline.model.connectors import Connector
from syncline.model.errors import Conflict, CredentialsInvalid, NotFound
from syncline.service import connectors, keys
from syncline.service.rotation import Rotated, Rotating, rotate
from syncline.store.relational import sealed
from syncline.store.relational.answers import Answers
from syncline.store.relational.records import Records
from syncline.store.secrets import NEW_VARIABLE, VARIABLE, Vault, drafted
from syncline.testing.crashes import CrashRecorder, SimulatedCrash
from syncline.wiring import Installation

CANARY = "CANARY-5f1d-0123456789"
SETTINGS = {"path": "/srv", "token": f"{CANARY}-connector", "logins": [{"password": f"{CANARY}-nested"}]}
FIELDS = ("token", "logins.password", "secret", "previous.secret", "body")


@pytest.fixture(autouse=True)
def _no_key_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (VARIABLE, NEW_VARIABLE, "SYNCLINE_ROOT_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def here(state: Path) -> Iterator[Installation]:
    installation = Installation(str(state))
    fill(installation)
    yield installation
    installation.close()


def fill(installation: Installation) -> None:
    """One secret at least in every place that holds some."""
    made = connectors.add(
        installation,
        Connector(0, "c-1", "mine", "default", "folder", drafted("c-1", SETTINGS, FIELDS)),
    )
    keys.create(installation, id="ci", secret=f"{CANARY}-key")
    keys.create(installation, id="gone")
    keys.revoke(installation, "gone")
    keep, db = installation.vault.keep, installation.control().db
    trigger = keep("t-1", drafted("t-1", {"token": f"{CANARY}-trigger"}, FIELDS))
    db.execute(
        "insert into triggers (id, connector, kind, settings, created_at, updated_at)"
        " values ('t-1', ?, 'webhook', ?, 0, 0)",
        (made.number, json.dumps(trigger)),
    )
    secrets = {"secret": f"{CANARY}-hook", "previous": [{"secret": f"{CANARY}-old-hook", "until": 1.0}]}
    db.execute(
        "insert into webhooks (id, url, types, sealed, created_at, updated_at) values ('w-1', 'x', '[]', ?, 0, 0)",
        (json.dumps(keep("w-1", drafted("w-1", secrets, FIELDS))),),
    )
    answers = Answers(installation.control())
    answers.begin("ci", "token-1", b"request", 0.0)
    body = keep("answer:ci:token-1", drafted("answer:ci:token-1", {"body": f"{CANARY}-answer"}, FIELDS))
    answers.finish("ci", "token-1", 201, {}, json.dumps(body).encode())
    place = keep("i-1", drafted("i-1", {"token": f"{CANARY}-index"}, FIELDS))
    db.execute(
        "insert into indexes (id, name, created_at, updated_at, settings) values ('i-1', 'shop', 0, 0, ?)",
        (json.dumps(place),),
    )
    owner = "elastic:secret:s-1"
    record = keep(owner, drafted(owner, {"secret": f"{CANARY}-record"}, FIELDS))
    Records(installation.control(), "elastic").add("secret", "s-1", record, 0.0)


def secrets_of(data_dir: str) -> list[str]:
    """Every secret there is, in clear, as a process that has just begun finds it."""
    installation = Installation(data_dir)
    found = {
        (holder.table, place): str(secret.value)
        for holder in sealed.Sealed(installation.control()).holders()
        for place, secret in installation.vault.open(holder.owner, holder.settings).secrets.items()
    }
    assert keys.secret_of(installation, "ci") == found["keys", "secret"]
    assert keys.identify(installation, found["keys", "secret"]) is not None
    installation.close()
    return sorted(found.values())


KEPT = ("connector", "nested", "key", "trigger", "hook", "old-hook", "answer", "record", "index")


def everything(*names: str) -> list[str]:
    return sorted(f"{CANARY}-{name}" for name in (*KEPT, *names))


SEALED = re.compile(rb"v1:([A-Za-z0-9+/]{36,}={0,2})")


def opened_by(key: bytes, state: Path) -> list[str]:
    """Whatever that key opens in any byte of the data directory, in use or not: owner and place are tried as well."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    places = [
        f"{owner}:{place}".encode()
        for owner in ("c-1", "key:ci", "key:gone", "t-1", "w-1", "answer:ci:token-1", "elastic:secret:s-1", "i-1")
        for place in ("token", "logins.0.password", "secret", "previous.0.secret", "body")
    ]
    found = []
    for path in state.rglob("*"):
        for text in SEALED.findall(path.read_bytes()) if path.is_file() else ():
            raw = base64.b64decode(text[: len(text) // 4 * 4])
            for place in places:
                try:
                    found.append(AESGCM(key).decrypt(raw[:12], raw[12:], place).decode())
                except InvalidTag:
                    continue
    return found


def key_in(state: Path) -> bytes:
    return base64.b64decode((state / "secret.key").read_bytes())


def quickly(installation: Installation) -> Rotated:
    return rotate(installation, pause=lambda: None)


# --- what it does -----------------------------------------------------------------------------------------------------


def test_after_a_rotation_everything_opens_and_the_old_key_opens_nothing(here: Installation, state: Path) -> None:
    old = key_in(state)
    assert {f'"{text}"' for text in everything()} <= set(opened_by(old, state))  # so the test can see what it looks for
    done = quickly(here)
    assert done.as_dict() == {
        "resealed": {
            "connectors": 1,
            "keys": 1,
            "triggers": 1,
            "webhooks": 1,
            "answers": 1,
            "records": 1,
            "indexes": 1,
        },
        "key": "file",
        "old_data_erased": True,
        "next_step": "",
    }
    assert key_in(state) != old
    assert stat.S_IMODE(os.stat(state / "secret.key").st_mode) == 0o600
    assert [name for name in os.listdir(state) if name.startswith("secret.key")] == ["secret.key"]
    assert secrets_of(here.data_dir) == everything()
    assert opened_by(old, state) == []
    assert {f'"{text}"' for text in everything()} == set(opened_by(key_in(state), state))


def test_invariant_12_a_rotation_leaves_no_secret_in_clear_in_any_file(here: Installation, state: Path) -> None:
    quickly(here)
    quickly(here)
    assert files_with(state, "CANARY") == []


def test_whoever_stores_something_sealed_is_known_here() -> None:
    """Another place must be added to TABLES, to `fill` above, and then here."""
    source = Path(syncline.__file__).parent
    storing = {
        str(path.relative_to(source)) for path in source.rglob("*.py") if "vault.keep(" in path.read_text("utf-8")
    }
    assert storing == {
        "dialects/elastic/sealing.py",
        "server/idempotency.py",
        "service/connectors.py",
        "service/declaration/applying.py",
        "service/indexes.py",
        "service/keys.py",
        "service/triggers.py",
        "service/webhooks.py",
    }


def test_every_column_that_holds_a_sealed_secret_is_known(here: Installation) -> None:
    db = here.control().db
    columns: list[Any] = db.execute(
        "select m.name, c.name from sqlite_master m join pragma_table_info(m.name) c where m.type = 'table'"
    ).fetchall()
    holding = {
        table
        for table, column in columns
        if db.execute(f'select count(*) from "{table}" where instr(cast("{column}" as text), \'"$sealed"\')').get
    }
    assert holding == set(sealed.TABLES)


def test_a_row_that_was_sealed_anew_has_another_revision(here: Installation) -> None:
    before = here.control().connector("c-1")
    assert before is not None
    quickly(here)
    after = here.control().connector("c-1")
    assert after is not None
    assert after.revision == before.revision + 1
    before.description = "read before, written after"
    with pytest.raises(Conflict):
        connectors.store(here, before)
    assert secrets_of(here.data_dir) == everything()


def test_one_secret_that_cannot_be_read_stops_it_and_changes_nothing(here: Installation, state: Path) -> None:
    db = here.control().db
    kept = here.control().connector("c-1")
    db.execute("update triggers set settings = (select sealed from webhooks)")
    with pytest.raises(CredentialsInvalid) as caught:
        quickly(here)
    assert caught.value.code == "secret.unreadable"
    assert "t-1" in caught.value.message
    assert "CANARY" not in str(caught.value.as_dict())
    assert here.control().connector("c-1") == kept
    db.execute("delete from triggers")
    quickly(here)
    assert secrets_of(here.data_dir) == [text for text in everything() if "trigger" not in text]


def test_a_kept_answer_that_cannot_be_read_any_more_is_forgotten(here: Installation) -> None:
    here.control().db.execute("update answers set token = 'another'")
    quickly(here)
    assert here.control().db.execute("select count(*) from answers").get == 0
    assert secrets_of(here.data_dir) == [text for text in everything() if "answer" not in text]


def test_where_nothing_is_there_is_nothing_to_rotate(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        rotate(Installation(str(tmp_path / "nowhere")))
    assert not (tmp_path / "nowhere").exists()


def test_one_rotation_at_a_time(here: Installation) -> None:
    other = Installation(here.data_dir)

    def meanwhile() -> None:
        with pytest.raises(Rotating):
            quickly(other)

    rotate(here, pause=meanwhile)
    quickly(other)
    other.close()
    assert secrets_of(here.data_dir) == everything()


# --- the key in a variable --------------------------------------------------------------------------------------------


def test_with_the_key_in_a_variable_the_new_one_is_taken_from_the_other_variable(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = base64.b64encode(b"o" * 32).decode(), "a new passphrase, longer"
    monkeypatch.setenv(VARIABLE, old)
    here = Installation(str(state))
    fill(here)
    with pytest.raises(CredentialsInvalid) as caught:
        quickly(here)
    assert (caught.value.code, NEW_VARIABLE in caught.value.remedy) == ("secret.no_new_key", True)
    monkeypatch.setenv(NEW_VARIABLE, old)
    with pytest.raises(CredentialsInvalid) as caught:
        quickly(here)
    assert caught.value.code == "secret.same_key"
    monkeypatch.setenv(NEW_VARIABLE, new)
    done = quickly(here)
    assert done.by_variable
    assert VARIABLE in done.next_step
    assert secrets_of(here.data_dir) == everything()  # with both, as the server has them meanwhile
    monkeypatch.setenv(VARIABLE, new)
    monkeypatch.delenv(NEW_VARIABLE)
    assert secrets_of(here.data_dir) == everything()
    assert opened_by(b"o" * 32, state) == []
    assert not (state / "secret.key").exists()
    here.close()


def test_a_key_can_move_from_the_file_into_a_variable(
    here: Installation, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = key_in(state)
    monkeypatch.setenv(NEW_VARIABLE, "a new passphrase, longer")
    quickly(here)
    monkeypatch.delenv(NEW_VARIABLE)
    monkeypatch.setenv(VARIABLE, "a new passphrase, longer")
    assert secrets_of(here.data_dir) == everything()
    assert opened_by(old, state) == []
    assert not (state / "secret.key").exists()


# --- dying on the way -------------------------------------------------------------------------------------------------


def points(state: Path) -> list[str]:
    recorder = CrashRecorder()
    installation = Installation(str(state), crash=recorder)
    fill(installation)
    recorder.trail.clear()
    quickly(installation)
    installation.close()
    return list(recorder.counts)


def test_whenever_it_dies_everything_opens_and_the_next_one_ends_it(
    tmp_path: Path, remark: Callable[[str], None]
) -> None:
    every = points(tmp_path / "rehearsal")
    assert {"control.reseal.before", "control.reseal.inside", "control.reseal.after", "rotation.swept"} < set(every)
    for number, point in enumerate(every):
        state = tmp_path / f"state-{number}"
        first = Installation(str(state))
        fill(first)
        first.close()
        old = key_in(state)
        die_at(state, point)
        assert secrets_of(str(state)) == everything(), point
        made_between = Installation(str(state))
        keys.create(made_between, id="between", secret=f"{CANARY}-between")
        quickly(made_between)
        assert keys.secret_of(made_between, "between") == f"{CANARY}-between"
        keys.revoke(made_between, "between")
        made_between.close()
        assert secrets_of(str(state)) == everything(), point
        assert opened_by(old, state) == [], point
        assert [name for name in os.listdir(state) if name.startswith("secret.key")] == ["secret.key"]
    remark(f"secrets rotation: a process died at each of {len(every)} points")


def die_at(state: Path, point: str) -> None:
    """A process rotates and is gone at that point, as by `kill -9`."""
    code = (
        "import os, sys; from syncline.wiring import Installation; from syncline.service.rotation import rotate\n"
        "crash = lambda point: os._exit(9) if point == sys.argv[2] else None\n"
        "rotate(Installation(sys.argv[1], crash=crash), pause=lambda: None)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(state), point], check=False)
    assert done.returncode == 9, point


def test_when_making_the_key_durable_fails_nothing_is_changed(
    here: Installation, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "link", full)
    with pytest.raises(CredentialsInvalid) as caught:
        quickly(here)
    assert caught.value.code == "secret.key_unusable"
    monkeypatch.undo()
    assert [name for name in os.listdir(state) if name.startswith("secret.key")] == ["secret.key"]
    assert secrets_of(here.data_dir) == everything()


def test_a_process_that_dies_before_the_old_key_is_gone_leaves_both(here: Installation, state: Path) -> None:
    def die() -> None:
        raise SimulatedCrash("pause")

    old = key_in(state)
    with pytest.raises(SimulatedCrash):
        rotate(here, pause=die)
    assert key_in(state) == old
    assert (state / "secret.key.new").exists()
    assert secrets_of(here.data_dir) == everything()


# --- beside others ----------------------------------------------------------------------------------------------------


def test_whoever_seals_outside_of_a_transaction_is_looked_for_before_the_old_key_goes(
    here: Installation, state: Path
) -> None:
    other = Installation(here.data_dir)
    late = here.vault.keep("w-2", drafted("w-2", {"secret": f"{CANARY}-late", "previous": []}, FIELDS))
    old = key_in(state)

    def insert() -> None:
        other.control().db.execute(
            "insert into webhooks (id, url, types, sealed, created_at, updated_at) values ('w-2', 'x', '[]', ?, 0, 0)",
            (json.dumps(late),),
        )

    assert rotate(here, pause=insert).rows["webhooks"] == 2
    row = next(holder for holder in sealed.Sealed(other.control()).holders() if holder.id == "w-2")
    assert Vault(here.data_dir).open(row.owner, row.settings).config["secret"] == f"{CANARY}-late"
    assert opened_by(old, state) == []
    other.close()


def test_keys_made_and_read_beside_many_rotations_are_never_lost(
    here: Installation, remark: Callable[[str], None]
) -> None:
    made: list[tuple[str, str]] = []
    enough = threading.Event()
    problems: list[BaseException] = []

    def make() -> None:
        installation = Installation(here.data_dir)
        try:
            while not enough.is_set():
                key, secret = keys.create(installation)
                made.append((key.id, secret))
        except BaseException as error:
            problems.append(error)
        finally:
            installation.close()

    threads = [threading.Thread(target=make) for _ in range(2)]
    for thread in threads:
        thread.start()
    rounds = 0
    while rounds < 10 or len(made) < 50:
        quickly(here)
        rounds += 1
    enough.set()
    for thread in threads:
        thread.join()
    assert problems == []
    fresh = Installation(here.data_dir)
    assert [keys.secret_of(fresh, id) == secret for id, secret in made] == [True] * len(made)
    fresh.close()
    remark(f"secrets rotation: {len(made)} keys were made beside {rounds} rotations, none was lost")


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_rotates_and_says_what_it_did(
    here: Installation, state: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncline.service.rotation.PAUSE_S", 0.0)
    old = key_in(state)
    assert run(["secrets", "rotate", "--json", "--data-dir", str(state)]) == 0
    assert json.loads(capsys.readouterr().out)["resealed"]["keys"] == 1
    assert opened_by(old, state) == []
    monkeypatch.setenv(NEW_VARIABLE, "a new passphrase, longer")
    assert run(["secrets", "rotate", "--human", "--data-dir", str(state)]) == 0
    told = capsys.readouterr()
    assert "7 rows" in told.out
    assert VARIABLE in told.err
    monkeypatch.delenv(NEW_VARIABLE)
    monkeypatch.setenv(VARIABLE, "a new passphrase, longer")
    assert run(["secrets", "rotate", "--json", "--data-dir", str(state)]) == 6
    assert json.loads(capsys.readouterr().err)["error"]["code"] == "secret.no_new_key"
