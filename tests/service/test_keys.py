"""Keys: who they let in, what becomes of their secrets, and the root key beside them."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.leaks import files_with

from syncline.model.errors import CredentialsInvalid, NotFound, UsageError
from syncline.model.keys import Scope
from syncline.service import keys
from syncline.wiring import Installation

SECRET = "CANARY-5f1d-0123456789"
ROOT = "boss:CANARY-root-0123456789"


class Hands:
    """A clock that stands until it is moved."""

    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def _nothing_around(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SYNCLINE_SECRET_KEY", raising=False)
    monkeypatch.delenv("SYNCLINE_ROOT_KEY", raising=False)


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def here(state: Path, clock: Hands) -> Iterator[Installation]:
    installation = Installation(str(state), clock)
    yield installation
    installation.close()


def refused(action: Callable[[], object]) -> str:
    with pytest.raises(UsageError) as caught:
        action()
    assert caught.value.remedy
    assert SECRET not in str(caught.value.as_dict())
    return caught.value.code


# --- made and recognised ----------------------------------------------------------------------------------------------


def test_a_key_is_recognised_by_the_secret_it_was_made_with(here: Installation) -> None:
    key, secret = keys.create(here, name="site", scopes=["read"], indexes=["handbook"])
    assert keys.identify(here, secret) == key
    assert keys.identify_pair(here, key.id, secret) == keys.get(here, key.id)
    assert keys.secret_of(here, key.id) == secret
    assert (key.id[:3], len(secret) >= 43, key.name, key.scopes, key.indexes) == (
        "sk_", True, "site", (Scope.READ,), ("handbook",),
    )  # fmt: skip


def test_two_keys_have_nothing_in_common(here: Installation) -> None:
    (one, first), (other, second) = keys.create(here), keys.create(here)
    assert one.id != other.id
    assert first != second
    assert keys.identify_pair(here, one.id, second) is None
    assert keys.identify_pair(here, other.id, second) is not None


@pytest.mark.parametrize("secret", ["", "x", SECRET[:-1], SECRET + "x", SECRET.lower(), "\udcff", "ü" * 20])
def test_any_other_secret_opens_nothing(here: Installation, secret: str) -> None:
    keys.create(here, id="ci", secret=SECRET)
    assert keys.identify(here, secret) is None
    assert keys.identify_pair(here, "ci", secret) is None
    assert keys.identify_pair(here, "nobody", SECRET) is None
    assert keys.identify_pair(here, "", "") is None
    assert keys.identify_pair(here, "ci", SECRET) is not None


def test_id_and_secret_can_be_given(here: Installation) -> None:
    key, secret = keys.create(here, id="AKIA_.-0", secret=SECRET, scopes=[Scope.ADMIN])
    assert (key.id, secret) == ("AKIA_.-0", SECRET)


@pytest.mark.parametrize("id", ["", "a:b", "a b", "ü", "a" * 129, "a\n"])
def test_an_id_that_a_key_cannot_have_is_refused(here: Installation, id: str) -> None:
    assert refused(lambda: keys.create(here, id=id)) == "key.bad_id"


@pytest.mark.parametrize("secret", ["", "fifteen-letters", "0123456789 123456", "0123456789abcdeü", "a" * 1001])
def test_a_secret_that_a_key_cannot_have_is_refused(here: Installation, secret: str) -> None:
    assert refused(lambda: keys.create(here, secret=secret)) == "key.bad_secret"


def test_scopes_and_indexes_must_be_possible(here: Installation) -> None:
    assert refused(lambda: keys.create(here, scopes=["reed"])) == "key.bad_scope"
    assert refused(lambda: keys.create(here, indexes=["No Index"])) == "index.bad_name"


def test_an_id_or_a_secret_is_given_out_once(here: Installation) -> None:
    keys.create(here, id="ci", secret=SECRET)
    assert refused(lambda: keys.create(here, id="ci")) == "key.id_taken"
    with pytest.raises(UsageError) as caught:
        keys.create(here, id="other", secret=SECRET)
    assert caught.value.code == "key.secret_taken"
    assert "ci" not in caught.value.message.split()  # nobody learns whose it is
    assert [key.id for key in keys.all(here)] == ["ci"]


def test_a_key_without_scopes_is_known_and_may_nothing(here: Installation) -> None:
    _, secret = keys.create(here, scopes=[])
    key = keys.identify(here, secret)
    assert key is not None
    assert [scope for scope in Scope if key.may(scope)] == []


@pytest.mark.parametrize(
    ("given", "may"),
    [(["read"], ["read"]), (["write"], ["read", "write"]), (["admin"], ["read", "write", "admin"]), ([], [])],
)
def test_each_scope_includes_those_before_it(here: Installation, given: list[str], may: list[str]) -> None:
    key, _ = keys.create(here, scopes=given)
    assert [scope.value for scope in Scope if key.may(scope)] == may


def test_a_key_sees_the_indexes_it_was_made_for(here: Installation) -> None:
    some, _ = keys.create(here, indexes=["handbook", "handbook"])
    everything, _ = keys.create(here)
    nothing, _ = keys.create(here, indexes=[])
    assert [key.sees("handbook") for key in (some, everything, nothing)] == [True, True, False]
    assert [key.sees("other") for key in (some, everything, nothing)] == [False, True, False]
    assert keys.get(here, some.id).indexes == ("handbook",)


# --- revoked ----------------------------------------------------------------------------------------------------------


def test_a_revoked_key_is_of_no_use_at_once_and_to_nobody_who_has_the_directory_open(here: Installation) -> None:
    key, secret = keys.create(here)
    server = Installation(here.data_dir, here.clock)
    assert keys.identify(server, secret) is not None
    keys.revoke(here, key.id)
    assert keys.identify(server, secret) is None
    assert keys.identify_pair(server, key.id, secret) is None
    assert keys.secret_of(server, key.id) is None
    assert keys.all(server) == []
    assert [one.id for one in keys.all(server, revoked=True)] == [key.id]
    server.close()


def test_a_revocation_is_for_good(here: Installation, clock: Hands) -> None:
    keys.create(here, id="ci", secret=SECRET)
    first = keys.revoke(here, "ci")
    clock.now += 60
    assert keys.revoke(here, "ci") == first
    assert refused(lambda: keys.create(here, id="ci")) == "key.id_taken"
    assert refused(lambda: keys.create(here, secret=SECRET)) == "key.secret_taken"


def test_what_is_not_there_cannot_be_revoked_or_looked_at(here: Installation) -> None:
    for action in (keys.get, keys.revoke):
        with pytest.raises(NotFound):
            action(here, "nobody")


# --- used -------------------------------------------------------------------------------------------------------------


def test_when_a_key_was_used_is_written_at_most_once_a_minute(here: Installation, clock: Hands) -> None:
    key, secret = keys.create(here)
    assert keys.get(here, key.id).last_used_at is None
    began, written = clock.now, []
    watcher = here.open_control()
    for _ in range(13):
        before = watcher.version()
        keys.identify(here, secret)
        if watcher.version() != before:
            written.append(clock.now - began)
        clock.now += 10
    assert written == [0, 60, 120]
    assert keys.get(here, key.id).last_used_at == began + 120
    watcher.close()


# --- secrets stay secret ----------------------------------------------------------------------------------------------


def test_invariant_12_the_secret_of_a_key_is_in_no_file_and_in_nothing_that_is_shown(
    here: Installation, state: Path
) -> None:
    key, _ = keys.create(here, id="ci", secret=SECRET)
    keys.identify(here, SECRET)
    shown = repr(key) + repr(keys.all(here)) + str([keys.shape(one) for one in keys.all(here)])
    assert SECRET not in shown
    assert keys.shape(key).keys() == {
        "id", "name", "scopes", "indexes", "created_at", "last_used_at", "revoked_at",
    }  # fmt: skip
    assert files_with(state, "CANARY") == []


def test_without_the_secret_key_of_the_directory_requests_are_still_recognised_and_signatures_are_not(
    here: Installation, state: Path
) -> None:
    keys.create(here, id="ci", secret=SECRET)
    os.unlink(state / "secret.key")
    assert keys.identify(here, SECRET) is not None
    with pytest.raises(CredentialsInvalid) as caught:
        keys.secret_of(here, "ci")
    assert caught.value.code == "secret.key_missing"
    assert "revoke" in caught.value.remedy


def test_a_sealed_secret_opens_for_no_other_key(here: Installation) -> None:
    keys.create(here, id="ci", secret=SECRET)
    keys.create(here, id="other")
    db = here.control().db
    db.execute("update keys set sealed = (select sealed from keys where id = 'ci') where id = 'other'")
    with pytest.raises(CredentialsInvalid):
        keys.secret_of(here, "other")


# --- the root key -----------------------------------------------------------------------------------------------------


def test_the_root_key_may_do_everything_and_is_in_no_table(here: Installation) -> None:
    found = keys.root(here, ROOT)
    assert (found.key.id, found.secret, found.made) == ("boss", ROOT.partition(":")[2], False)
    for key in (
        keys.identify(here, found.secret, root_key=ROOT),
        keys.identify_pair(here, "boss", found.secret, root_key=ROOT),
    ):
        assert key == found.key
        assert key.root
        assert all(key.may(scope) for scope in Scope)
        assert key.sees("anything")
    assert keys.secret_of(here, "boss", root_key=ROOT) == found.secret
    assert keys.identify_pair(here, "other", found.secret, root_key=ROOT) is None
    assert keys.identify(here, found.secret) is None
    assert keys.all(here, revoked=True) == []
    assert not os.path.exists(here.path("root.key"))


def test_without_the_variable_a_root_key_is_made_once_for_the_owner_only(here: Installation) -> None:
    assert keys.known_root(here, None) is None
    made = keys.root(here, None)
    again = keys.root(here, None)
    assert (made.made, again.made) == (True, False)
    assert (made.key, made.secret) == (again.key, again.secret)
    assert stat.S_IMODE(os.stat(here.path("root.key")).st_mode) == 0o600
    assert keys.identify(here, made.secret) == made.key
    assert os.listdir(here.data_dir) == ["root.key"]


def test_of_several_servers_that_start_at_once_one_makes_the_root_key(state: Path) -> None:
    code = (
        "import sys; from syncline.wiring import Installation; from syncline.service.keys import root\n"
        "sys.stdin.read(); found = root(Installation(sys.argv[1]), None); print(found.made, found.secret)"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(state)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    told = [process.communicate(timeout=60)[0].split() for process in started]
    assert sorted(made for made, _ in told) == ["False", "False", "False", "True"]
    assert len({secret for _, secret in told}) == 1


def test_a_root_key_that_is_removed_or_replaced_opens_nothing_any_more(here: Installation) -> None:
    old = keys.root(here, None)
    os.unlink(here.path("root.key"))
    assert keys.identify(here, old.secret) is None
    new = keys.root(here, None)
    assert keys.identify(here, old.secret) is None
    assert keys.identify(here, new.secret) == new.key


@pytest.mark.parametrize(
    "said", ["", "no-colon-but-sixteen-letters", ":CANARY-root-0123456789", "a b:" + SECRET, "a:b"]
)
def test_a_root_key_that_is_none_is_refused_without_being_quoted(here: Installation, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        keys.root(here, said)
    assert caught.value.code == "key.root_malformed"
    assert "SYNCLINE_ROOT_KEY" in caught.value.message
    assert "CANARY" not in str(caught.value.as_dict())
    assert keys.identify(here, said.rpartition(":")[2], root_key=said) is None
    here.make()
    Path(here.path("root.key")).write_text(said)
    with pytest.raises(UsageError) as caught:
        keys.root(here, None)
    assert here.path("root.key") in caught.value.message
    assert keys.identify(here, said.rpartition(":")[2]) is None


def test_the_root_key_cannot_be_revoked_and_the_remedy_says_what_to_do(here: Installation) -> None:
    made = keys.root(here, None)
    for id, root_key, word in ((made.key.id, None, here.path("root.key")), ("boss", ROOT, "SYNCLINE_ROOT_KEY")):
        with pytest.raises(UsageError) as caught:
            keys.revoke(here, id, root_key=root_key)
        assert caught.value.code == "key.root"
        assert word in caught.value.remedy


def test_no_other_key_can_have_the_id_or_the_secret_of_the_root_key(here: Installation) -> None:
    secret = keys.root(here, ROOT).secret
    assert refused(lambda: keys.create(here, id="boss", root_key=ROOT)) == "key.id_taken"
    assert refused(lambda: keys.create(here, secret=secret, root_key=ROOT)) == "key.secret_taken"
