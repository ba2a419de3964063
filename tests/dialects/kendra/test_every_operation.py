"""What holds for every operation: it works, its input is held against the model, unknown ids, signatures, keys."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.dialects.aws.specified import KENDRA
from tests.dialects.kendra.desk import NOBODY, Desk, name
from tests.dialects.kendra.wire import Raw, valid

from syncline.dialects.aws.models import load_service
from syncline.dialects.aws.scopes import scope_of
from syncline.dialects.kendra import functions
from syncline.dialects.kendra.ground import Ground
from syncline.model.keys import Scope
from syncline.testing.aws import edges, sample

# In an order in which each finds what it needs: the mapping before it is looked at, what deletes at last.
LAST = ("DescribePrincipalMapping", "DeletePrincipalMapping", "DeleteDataSource", "DeleteIndex")
ORDER = [*sorted(set(KENDRA) - set(LAST)), *LAST]
MOST_EDGES = 16  # of one sample, chosen at random
NO_IDS = ("CreateIndex", "ListIndices")
NOT_FOUND = {
    "TagResource": "ResourceUnavailableException",
    "UntagResource": "ResourceUnavailableException",
    "ListTagsForResource": "ResourceUnavailableException",
}


@pytest.fixture(scope="module")
def raw(served: Any) -> Iterator[Raw]:
    made = Raw(served.url)
    yield made
    made.close()


def test_all_of_them_are_served() -> None:
    nowhere: Any = None
    assert sorted(functions(Ground(nowhere))) == sorted(KENDRA)


def test_each_is_done(desk: Desk, raw: Raw) -> None:
    index = desk.index()
    source = desk.custom(index)
    for operation in ORDER:
        assert raw.ask(operation, valid(operation, index, source)) == (200, "", ""), operation


@pytest.mark.parametrize("operation", sorted(KENDRA))
@settings(max_examples=2, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1))
def test_every_bound_of_the_input_is_kept(raw: Raw, operation: str, seed: int) -> None:
    """At each bound the model allows it, one beyond it is refused in the words of AWS."""
    chance = random.Random(seed)
    shape = load_service("kendra").operation(operation).input
    value = {**sample(shape, chance, 0.6), **_far(operation)}
    found = list(edges(shape, value, chance))
    for edge in chance.sample(found, min(MOST_EDGES, len(found))):
        status, code, message = raw.ask(operation, edge.value)
        if edge.constraint is None:
            assert "failed to satisfy constraint" not in message, (edge, message)
            assert status in (200, 400), (edge, code)
        else:
            assert (status, code) == (400, "ValidationException"), edge
            assert edge.constraint in message, (edge, message)
            assert f"'{edge.path}'" in message, (edge, message)


def _far(operation: str) -> dict[str, Any]:
    """What keeps a sample from doing anything: an index that there is not."""
    members = load_service("kendra").operation(operation).input.members
    if "IndexId" in members:
        return {"IndexId": NOBODY}
    if "ResourceARN" in members:
        return {"ResourceARN": f"arn:aws:kendra:eu-west-1:1:index/{NOBODY}"}
    return {"Id": NOBODY} if "Id" in members else {}


@pytest.mark.parametrize("operation", sorted(set(KENDRA) - set(NO_IDS)))
def test_an_unknown_index_is_not_found(raw: Raw, operation: str) -> None:
    status, code, message = raw.ask(operation, valid(operation, NOBODY, "nothing"))
    assert (status, code) == (400, NOT_FOUND.get(operation, "ResourceNotFoundException"))
    assert NOBODY in message


def test_an_unknown_data_source_is_not_found(desk: Desk, raw: Raw) -> None:
    index = desk.index()
    for operation in KENDRA:
        value = valid(operation, index, "nothing")
        if "nothing" not in repr(value):
            continue
        status, code, message = raw.ask(operation, value)
        assert (status, code) == (400, NOT_FOUND.get(operation, "ResourceNotFoundException")), operation
        assert "nothing" in message


@pytest.mark.parametrize("operation", sorted(KENDRA))
def test_who_does_not_sign_properly_learns_nothing(raw: Raw, operation: str) -> None:
    value = valid(operation, NOBODY, "nothing")
    root = ("root", "another-secret-than-the-root-key-has")
    for told, code in (
        ({"key": None}, "MissingAuthenticationTokenException"),
        ({"key": root}, "InvalidSignatureException"),
        ({"key": ("AKNOBODY", "whatever")}, "UnrecognizedClientException"),
        ({"tamper": True}, "InvalidSignatureException"),
        ({"date": "20200101T000000Z"}, "InvalidSignatureException"),
        ({"key": None, "headers": {"Authorization": "AWS4-HMAC-SHA256 nonsense"}}, "IncompleteSignatureException"),
    ):
        status, found, _ = raw.ask(operation, value, **told)  # type: ignore[arg-type]
        assert (status, found) == (400, code), told


def test_a_key_may_do_what_its_scope_allows(desk: Desk, raw: Raw) -> None:
    order = [Scope.READ, Scope.WRITE, Scope.ADMIN]
    for scope in order[:2]:
        id, secret = _key(desk, scope.value)
        for operation in KENDRA:
            enough = order.index(scope) >= order.index(scope_of(operation))
            status, code, message = raw.ask(operation, valid(operation, NOBODY, "nothing"), (id, secret))
            if enough:
                assert code != "AccessDeniedException", (operation, scope)
            else:
                assert (status, code) == (400, "AccessDeniedException"), (operation, scope)
                assert f"kendra:{operation}" in message


def test_a_key_of_other_indexes_sees_nothing_here(desk: Desk, raw: Raw) -> None:
    own, foreign = desk.index(), desk.index()
    source = desk.custom(foreign)
    key = _key(desk, "admin", indexes=[desk.index_name(own)])
    for operation in sorted(set(KENDRA) - set(NO_IDS)):
        for index in (foreign, NOBODY):  # whether it is there is not told
            status, code, _ = raw.ask(operation, valid(operation, index, source), key)
            assert (status, code) == (400, "AccessDeniedException"), operation
    assert raw.ask("CreateIndex", valid("CreateIndex", "", ""), key)[1] == "AccessDeniedException"
    listed = desk.client(*key).list_indices()["IndexConfigurationSummaryItems"]
    assert [one["Id"] for one in listed] == [own]
    assert raw.ask("DescribeIndex", {"Id": own}, key)[0] == 200


def _key(desk: Desk, *scopes: str, **more: Any) -> tuple[str, str]:
    with desk.served.client() as http:
        body = {"name": name("key"), "scopes": list(scopes), **more}
        made = http.post("/v1/keys", json=body).raise_for_status().json()
    return made["id"], made["secret"]


def test_what_is_no_operation(raw: Raw, desk: Desk) -> None:
    status, code, _ = raw.ask("ListIndices", {}, headers={"X-Amz-Target": "AWSKendraFrontendService.Nothing"})
    assert (status, code) == (400, "UnknownOperationException")
    with desk.served.client() as http:
        assert http.post("/kendra", content=b"{}").headers["x-amzn-errortype"] == "UnknownOperationException"
