"""Names of other systems become names of ours, each its own."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from syncline.dialects.names import as_uuid, by_uuid, connector_name, index_name
from syncline.service.connectors import checked_name
from syncline.wiring import checked_index


@given(st.text(max_size=200), st.lists(st.text(max_size=20), max_size=3))
def test_any_wish_becomes_the_name_of_an_index_that_nobody_has(wish: str, taken: list[str]) -> None:
    first = index_name(wish, taken)
    second = index_name(wish, [*taken, first])
    third = index_name(wish, [*taken, first, second])
    assert len({first, second, third}) == 3
    assert not {first, second, third} & set(taken)
    assert all(checked_index(name) == name for name in (first, second, third))


def test_a_name_that_may_stay_stays() -> None:
    assert index_name("docs_2026-a", ()) == "docs_2026-a"
    assert index_name("Müller & Söhne", ()) == "muller-sohne"
    assert connector_name("Team wiki (EU)", ["x"]) == "Team wiki -EU-"


@given(st.text(max_size=300), st.lists(st.text(max_size=20), max_size=3))
def test_any_wish_becomes_the_name_of_a_connector_that_nobody_has(wish: str, taken: list[str]) -> None:
    first = connector_name(wish, taken)
    second = connector_name(wish, [*taken, first])
    assert first != second
    assert not {first, second} & set(taken)
    assert checked_name(first) == first
    assert checked_name(second) == second


@given(st.text(max_size=50))
def test_an_id_that_is_no_uuid_is_found_by_the_one_that_stands_for_it(id: str) -> None:
    stands = as_uuid(id)
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", stands)
    assert as_uuid(stands) == stands
    assert by_uuid(["other", id], stands, str) == id or stands == as_uuid("other")
