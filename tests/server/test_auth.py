"""Who may do what on the server: the headers it takes, and the answers it gives."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.datastructures import Headers

from syncline.model.errors import Category, SynclineError
from syncline.model.keys import Forbidden, Scope, Unauthorized
from syncline.server import auth
from syncline.server.house import House
from syncline.server.settings import Settings
from syncline.service import keys
from syncline.wiring import Installation

SECRET = "CANARY-5f1d-0123456789"
ROOT = "boss:CANARY-root-0123456789"


@pytest.fixture(autouse=True)
def _nothing_around(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SYNCLINE_SECRET_KEY", raising=False)
    monkeypatch.delenv("SYNCLINE_ROOT_KEY", raising=False)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(Settings(str(tmp_path / "state"), root_key=ROOT))
    yield house
    house.close()


@pytest.fixture
def beside(house: House) -> Iterator[Installation]:
    """The data directory as a command has it open, beside the server."""
    installation = Installation(house.settings.data_dir)
    yield installation
    installation.close()


def refusal(house: House, headers: dict[str, str]) -> SynclineError:
    with pytest.raises(Unauthorized) as caught:
        auth.authenticate(house, Headers(headers))
    return caught.value


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {SECRET}"},
        {"authorization": f"bearer  {SECRET} "},
        {"X-API-Key": SECRET},
        {"Authorization": "Basic dXNlcjpwYXNz", "x-api-key": SECRET},  # a proxy may use the header for itself
        {"Authorization": f"Bearer {SECRET}", "x-api-key": "something else"},
    ],
)
def test_a_key_is_taken_from_either_header(house: House, beside: Installation, headers: dict[str, str]) -> None:
    keys.create(beside, id="ci", secret=SECRET, scopes=["read"], indexes=["handbook"])
    caller = auth.authenticate(house, Headers(headers))
    assert (caller.key_id, caller.scopes, caller.indexes) == ("ci", (Scope.READ,), ("handbook",))


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": ""}, {"Authorization": "Bearer"}, {"Authorization": f"Basic {SECRET}"}, {"x-api-key": " "}],
)
def test_a_request_without_a_key_is_told_how_to_send_one(house: House, headers: dict[str, str]) -> None:
    error = refusal(house, headers)
    assert (error.code, error.category) == ("auth.missing", Category.CREDENTIALS)
    assert "Authorization: Bearer" in error.remedy
    assert "x-api-key" in error.remedy


@pytest.mark.parametrize("secret", ["x", SECRET + "x", SECRET[:-1], "\xe4" * 20, "a" * 5000])
def test_an_unknown_and_a_revoked_secret_get_the_same_answer(house: House, beside: Installation, secret: str) -> None:
    keys.create(beside, id="old", secret=SECRET)
    keys.revoke(beside, "old")
    unknown = refusal(house, {"Authorization": f"Bearer {secret}"})
    revoked = refusal(house, {"Authorization": f"Bearer {SECRET}"})
    assert unknown.as_dict() == revoked.as_dict()
    assert unknown.code == "auth.invalid"
    assert "CANARY" not in str(revoked.as_dict())


def test_a_revocation_takes_effect_on_a_running_server_at_once(house: House, beside: Installation) -> None:
    keys.create(beside, id="ci", secret=SECRET)
    headers = Headers({"x-api-key": SECRET})
    assert auth.authenticate(house, headers).key_id == "ci"
    keys.revoke(beside, "ci")
    with pytest.raises(Unauthorized):
        auth.authenticate(house, headers)


def test_the_root_key_is_known_without_a_table(house: House) -> None:
    id, _, secret = ROOT.partition(":")
    callers = [
        auth.authenticate(house, {"x-api-key": secret}),
        auth.identify(house, secret),
        auth.identify_pair(house, id, secret),
    ]
    assert {caller.key_id for caller in callers} == {"boss"}
    assert all(caller.may(Scope.ADMIN) and caller.sees("any") for caller in callers)
    assert auth.secret_of(house, id) == secret


def test_a_pair_must_belong_together(house: House, beside: Installation) -> None:
    keys.create(beside, id="ci", secret=SECRET)
    keys.create(beside, id="other")
    assert auth.identify_pair(house, "ci", SECRET).key_id == "ci"
    assert auth.secret_of(house, "ci") == SECRET
    assert auth.secret_of(house, "nobody") is None
    for id in ("other", "nobody", "", "boss"):
        with pytest.raises(Unauthorized):
            auth.identify_pair(house, id, SECRET)


def test_what_a_key_may_not_do_is_refused_with_the_scope_that_is_needed(house: House, beside: Installation) -> None:
    keys.create(beside, id="ci", secret=SECRET, scopes=["write"])
    caller = auth.identify(house, SECRET)
    caller.need(Scope.READ)
    caller.need(Scope.WRITE)
    with pytest.raises(Forbidden) as caught:
        caller.need(Scope.ADMIN)
    told = caught.value.as_dict()
    assert (told["code"], told["category"], told["scope"]) == ("auth.scope", "permission", "admin")
    assert "'admin'" in told["message"]
    assert "CANARY" not in str(told)


def test_an_index_that_a_key_was_not_made_for_is_refused_whether_it_exists_or_not(
    house: House, beside: Installation
) -> None:
    keys.create(beside, id="ci", secret=SECRET, indexes=["handbook"])
    beside.control().ensure_index("private", 0.0)
    caller = auth.identify(house, SECRET)
    caller.need_index("handbook")
    told = []
    for index in ("private", "nothing"):
        with pytest.raises(Forbidden) as caught:
            caller.need_index(index)
        told.append(str(caught.value.as_dict()).replace(index, "INDEX"))
    assert told[0] == told[1]
    with pytest.raises(Forbidden) as caught:
        caller.need_all_indexes()
    assert caught.value.code == "auth.index"


def test_a_key_without_scopes_is_known_and_then_forbidden(house: House, beside: Installation) -> None:
    keys.create(beside, id="ci", secret=SECRET, scopes=[])
    caller = auth.identify(house, SECRET)
    for scope in Scope:
        with pytest.raises(Forbidden):
            caller.need(scope)


def test_a_full_disk_or_a_busy_table_turns_nobody_away(house: House, beside: Installation) -> None:
    keys.create(beside, id="ci", secret=SECRET)
    with house.room() as room:
        room.control().db.set_busy_timeout(10)
    beside.control().db.execute("begin immediate")
    try:
        assert auth.identify(house, SECRET).key_id == "ci"
    finally:
        beside.control().db.execute("rollback")
    assert keys.get(beside, "ci").last_used_at is None


def test_what_it_costs_to_know_a_caller(house: House, beside: Installation, remark: Callable[[str], None]) -> None:
    for _ in range(100):
        keys.create(beside)
    keys.create(beside, id="ci", secret=SECRET)
    headers = Headers({"authorization": f"Bearer {SECRET}"})
    assert auth.authenticate(house, headers).key_id == "ci"
    began = time.perf_counter()
    found = {auth.authenticate(house, headers).key_id for _ in range(1000)}
    took = time.perf_counter() - began
    assert found == {"ci"}
    remark(f"a caller is recognised among 100 keys in {took * 1000:.0f} microseconds")
