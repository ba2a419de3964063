"""The decision is pure: the same news and the same ledger row always give the same answer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from syncline.model.documents import Held, State
from syncline.model.news import Entry
from syncline.planning import decide
from syncline.planning.decide import Step, Write

versions = st.sampled_from([None, "1", "2"])
recipes = st.sampled_from(["r", "s", "=rule"])
rows = st.none() | st.builds(
    Held, st.integers(1, 9), st.just("a"), versions, st.sampled_from([b"x", b"y"]), recipes, st.sampled_from(State)
)


@given(st.lists(st.tuples(versions, rows)), recipes, st.booleans())
def test_a_page_is_decided_as_its_entries_are_one_by_one(
    news: list[tuple[str | None, Held | None]], recipe: str, force: bool
) -> None:
    entries = [Entry(str(at), version) for at, (version, _) in enumerate(news)]
    held = {str(at): row for at, (_, row) in enumerate(news) if row is not None}
    page = decide.page(entries, held, recipe, force)
    answers = [decide.listed(entry.version, held.get(entry.id), recipe, force) for entry in entries]
    assert [need.entry for need in page.needs] == [
        entry for entry, (step, _) in zip(entries, answers, strict=True) if step is Step.FETCH
    ]
    assert len(page.kept) == sum(step is Step.KEEP for step, _ in answers)
    assert len(page.filtered) == sum(step is Step.KEEP_FILTERED for step, _ in answers)


@given(versions, rows, recipes)
def test_what_is_kept_without_a_look_is_surely_unchanged(version: str | None, row: Held | None, recipe: str) -> None:
    step, _ = decide.listed(version, row, recipe, force=False)
    if step is not Step.FETCH:
        assert row is not None
        assert version is not None
        assert (row.version, row.recipe) == (version, recipe)
        assert row.state is not State.FAILED


@given(rows, recipes, st.sampled_from([b"x", b"y"]))
def test_equal_content_is_never_written_again(row: Held | None, recipe: str, fingerprint: bytes) -> None:
    answer = decide.content(fingerprint, row, recipe)
    live = row is not None and row.state is State.LIVE
    assert (answer is Write.INSERT) == (not live)
    assert (answer is Write.REFRESH) == (
        live and row is not None and (row.fingerprint, row.recipe) == (fingerprint, recipe)
    )


def test_a_failed_document_is_tried_again_whatever_its_version() -> None:
    row = Held(1, "a", "1", b"", "r", State.FAILED)
    assert decide.listed("1", row, "r", force=False) == (Step.FETCH, decide.FAILED_BEFORE)


def test_a_document_that_no_rule_keeps_out_any_more_is_fetched() -> None:
    row = Held(1, "a", None, b"", decide.rule_recipe("*.log"), State.FILTERED)
    assert decide.listed("1", row, "r", force=False) == (Step.FETCH, decide.UNFILTERED)
    assert decide.still_filtered("*.log", row)
    assert not decide.still_filtered("*.txt", row)
