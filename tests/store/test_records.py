"""Records: what a dialect keeps, by kind and id, seen by nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from syncline.model.errors import Conflict
from syncline.store.relational.records import PAGE, Records
from syncline.store.sqlite.control import Control


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    control = Control(str(tmp_path / "control.db"))
    yield control
    control.close()


@pytest.fixture
def records(control: Control) -> Records:
    return Records(control, "words")


def test_a_record_comes_back_as_it_was_put(records: Records) -> None:
    body = {"a": [1, 2.5, None, True], "b": {"ä": "\u2028"}}
    added = records.add("thing", "x", body, 10.0, parent="p")
    assert added is not None
    assert (added.id, added.parent, added.body, added.revision, added.created_at) == ("x", "p", body, 1, 10.0)
    assert records.get("thing", "x") == added
    assert records.get("other", "x") is None


def test_an_id_is_added_once(records: Records) -> None:
    assert records.add("thing", "x", {"n": 1}, 1.0)
    assert records.add("thing", "x", {"n": 2}, 2.0) is None
    found = records.get("thing", "x")
    assert found is not None
    assert found.body == {"n": 1}


def test_an_update_raises_the_revision_and_refuses_an_old_one(records: Records) -> None:
    records.add("thing", "x", {"n": 1}, 1.0)
    updated = records.update("thing", "x", {"n": 2}, 5.0, revision=1)
    assert updated is not None
    assert (updated.body, updated.revision, updated.created_at, updated.updated_at) == ({"n": 2}, 2, 1.0, 5.0)
    with pytest.raises(Conflict):
        records.update("thing", "x", {"n": 3}, 6.0, revision=1)
    assert records.get("thing", "x") == updated
    assert records.update("thing", "absent", {}, 6.0) is None


def test_put_adds_or_replaces(records: Records) -> None:
    assert records.put("thing", "x", {"n": 1}, 1.0).revision == 1
    assert records.put("thing", "x", {"n": 2}, 2.0).revision == 2


def test_pages_come_in_the_order_of_adding_and_of_one_parent(records: Records) -> None:
    for n in range(PAGE + 5):
        records.add("thing", f"{-n}", {"n": n}, 1.0, parent=f"p{n % 2}")
    assert [record.body["n"] for record in records.all("thing")] == list(range(PAGE + 5))
    assert [record.body["n"] for record in records.page("thing", limit=2, parent="p1")] == [1, 3]
    assert (records.count("thing"), records.count("thing", "p0")) == (PAGE + 5, (PAGE + 6) // 2)
    assert records.remove_of("thing", "p0") == (PAGE + 6) // 2
    assert records.count("thing") == records.count("thing", "p1")


def test_a_number_is_never_given_twice(records: Records) -> None:
    first = records.put("thing", "x", {}, 1.0)
    assert records.remove("thing", "x")
    assert not records.remove("thing", "x")
    assert records.put("thing", "x", {}, 1.0).number > first.number


def test_dialects_do_not_see_each_other(control: Control, records: Records) -> None:
    records.put("thing", "x", {}, 1.0)
    other = Records(control, "others")
    assert not other.any()
    assert (other.get("thing", "x"), other.page("thing"), other.count("thing")) == (None, [], 0)
    assert not other.remove("thing", "x")
    assert records.any()


def test_records_are_part_of_an_outer_transaction(control: Control, records: Records) -> None:
    def put_and_fail() -> None:
        with control.writing("outer"):
            records.put("thing", "x", {}, 1.0)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        put_and_fail()
    assert not records.any()
