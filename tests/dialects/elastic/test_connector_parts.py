"""The parts of the connector half that need no server."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncline.dialects.elastic import bodies, indices, merging, sources, stamps, timetable
from syncline.model.schedules import Dialect, Schedule
from syncline.scheduler import parse
from syncline.sources.registry import find

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=12,
)
TABLES = st.dictionaries(st.text(max_size=2), JSON, max_size=4)


@given(TABLES, TABLES)
def test_merging_twice_changes_nothing_more(document: dict[str, Any], partial: dict[str, Any]) -> None:
    once = merging.merged(document, partial)
    assert merging.same(merging.merged(once, partial), once)
    assert merging.same(merging.merged(document, {}), document)
    assert document.keys() | partial.keys() == once.keys()


@given(TABLES)
def test_what_is_merged_into_itself_is_the_same(document: dict[str, Any]) -> None:
    assert merging.same(merging.merged(document, document), document)


@pytest.mark.parametrize(("one", "other"), [(True, 1), (1, 1.0), (None, False), ("1", 1), ([1], [True]), ({}, [])])
def test_values_of_other_types_are_not_the_same(one: Any, other: Any) -> None:
    assert not merging.same({"a": one}, {"a": other})


@given(st.floats(0, 4e9))
def test_a_stamp_is_the_instant_it_tells(at: float) -> None:
    text = stamps.stamp(at)
    assert text is not None
    assert stamps.seconds(text) == pytest.approx(at, abs=2e-6)


@pytest.mark.parametrize(
    "text", ["", "now", "2023-13-01T00:00:00Z", "2023-05-25 12:30", 5, None, "2023-05-25T25:00:00Z"]
)
def test_what_is_no_point_in_time(text: Any) -> None:
    assert stamps.seconds(text) is None


@pytest.mark.parametrize(
    ("dialect", "expression", "quartz"),
    [
        ("unix", "30 2 * * *", "0 30 2 * * ?"),
        ("unix", "*/15 9-17 * * MON-FRI", "0 */15 9-17 ? * MON-FRI"),
        ("unix", "0 0 * * 0", "0 0 0 ? * 1"),
        ("unix", "0 0 * * 7", "0 0 0 ? * 1"),
        ("unix", "0 0 * * 1-5", "0 0 0 ? * 2-6"),
        ("unix", "@daily", "0 0 0 * * ?"),
        ("unix", "0 0 1 1 *", "0 0 0 1 1 ?"),
        ("unix", "0 0 1 * 1", None),
        ("aws", "cron(30 2 ? * MON-FRI *)", "0 30 2 ? * MON-FRI *"),
        ("aws", "rate(5 minutes)", None),
        ("quartz", "0 30 2 ? * MON-FRI", "0 30 2 ? * MON-FRI"),
    ],
)
def test_schedules_are_told_in_quartz(dialect: str, expression: str, quartz: str | None) -> None:
    told = timetable.quartz(Schedule(1, "s", 1, "", expression, Dialect(dialect)))
    assert told == quartz
    if told is not None:
        wanted, found = parse(expression, dialect), parse(told, Dialect.QUARTZ)
        assert found.upcoming(1.7e9, 20) == wanted.upcoming(1.7e9, 20)


def test_a_schedule_in_another_zone_has_no_words_in_quartz() -> None:
    assert timetable.quartz(Schedule(1, "s", 1, "", "0 0 * * *", Dialect.UNIX, "Europe/Amsterdam")) is None


@pytest.mark.parametrize("name", sources.TYPES)
def test_every_field_reaches_a_setting_that_there_is(name: str) -> None:
    type = sources.TYPES[name]
    known = find(type.kind).load_config().model_fields
    assert {field.setting for field in type.fields if field.setting} <= known.keys()
    schema = sources.schema(type)
    assert schema
    assert sorted(field["order"] for field in schema.values()) == list(range(1, len(schema) + 1))
    assert all(field["value"] in (None, "") for field in schema.values() if field["sensitive"])


def test_every_word_is_found_again() -> None:
    for settings, kind, word in (
        ({"path": "/x"}, "folder", "dir"), ({"bucket": "b"}, "s3", "s3"),
        ({"bucket": "gs://b"}, "s3", "google_cloud_storage"),
        ({"bucket": "az://b"}, "s3", "azure_blob_storage"), ({}, "postgresql", "postgresql"), ({}, "web", "web"),
        ({}, "my_module:tickets", "my_module:tickets"),
    ):  # fmt: skip
        assert sources.word_for(kind, settings) == word


@pytest.mark.parametrize("name", ["docs", "my.docs", "ü-docs", "a" * 200, "0", "my.docs.2", "x_y"])
def test_an_index_has_always_the_same_name_here(name: str) -> None:
    assert indices.fault_of(name) is None
    assert indices.ours(name) == indices.ours(name)
    assert len(indices.ours(name)) <= 63
    others = {indices.ours(other) for other in ("docs", "my.docs", "my-docs", "my_docs", "my docs".replace(" ", "~"))}
    assert len(others) == 5


@given(TABLES, st.text("ab*.,-", max_size=12))
def test_pruning_only_takes_away(document: dict[str, Any], filter_path: str) -> None:
    pruned = bodies.pruned(document, filter_path)
    assert isinstance(pruned, dict)
    assert pruned.keys() <= document.keys()
