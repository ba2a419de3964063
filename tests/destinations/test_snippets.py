"""Extracts that show why a document was found."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncline.destinations.embedded.fold import aligned, composed, fold
from syncline.destinations.embedded.snippets import Wanted, snippet

MARKS = ("<", ">")


def words(*tokens: str) -> list[Wanted]:
    return [Wanted((token,)) for token in tokens]


def test_what_was_wanted_is_marked_as_it_is_written():
    assert snippet("My Résumé, re\u0301sume\u0301 and resumes", words("resume"), 240, MARKS) == (
        "My <Résumé>, <résumé> and resumes"
    )


def test_phrases_prefixes_and_other_scripts_are_marked():
    assert snippet("the refund\n policy", [Wanted(("refund", "policy"))], 240, MARKS) == "the <refund policy>"
    assert snippet("refunds", [Wanted(("refu",), True)], 240, MARKS) == "<refunds>"
    assert snippet("私は東京に", [Wanted(("東", "京"))], 240, MARKS) == "私は<東京>に"
    assert snippet("Lange Straße", words("strasse"), 240, MARKS) == "Lange <Straße>"


def test_the_window_with_most_different_words_is_shown():
    text = "apple " * 50 + "filler " * 100 + "apple and pear together " + "filler " * 100
    assert "<apple> and <pear> together" in snippet(text, words("apple", "pear"), 100, MARKS)


def test_cuts_are_shown_and_made_between_words():
    text = "alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike"
    shown = snippet(text, words("golf"), 40)
    assert shown.startswith("…")
    assert shown.endswith("…")
    assert set(shown.strip("…").split()) <= set(text.split())
    assert snippet(text, [], 20) == "alpha bravo charlie…"


def test_white_space_becomes_one_line():
    assert snippet("  a\n\n\tb   c ", [], 240) == "a b c"


def test_nothing_found_shows_the_beginning():
    assert snippet("the beginning of it", words("absent"), 240) == "the beginning of it"
    assert snippet("", words("absent"), 240) == ""


def test_a_word_without_end_is_cut():
    assert snippet("x" * 1000, [], 50) == "x" * 49 + "…"


def test_marks_are_left_as_they_are():
    assert snippet("one two", words("two"), 240, ('<b class="a  b">', "</b>")) == 'one <b class="a  b">two</b>'


@pytest.mark.timeout(60)  # what is quadratic in two million characters takes hours
def test_long_texts_are_read_in_one_pass():
    ascii_text, other = "lorem ipsum " * 170_000, "lorém ipsum 東京 " * 130_000
    for text in (ascii_text, ascii_text + "needle", other, other + "needle", "a" * 2_000_000):
        assert len(snippet(text, words("needle", "a"), 240, MARKS)) < 1000


_TEXTS = st.text(st.sampled_from("ab c\n.éÀ東京ﬁßİ\u0301한") | st.characters())
_WANTED = st.lists(st.builds(Wanted, st.lists(st.sampled_from(["a", "b", "ae", "東", "e"]), min_size=1).map(tuple)))


@given(_TEXTS, _WANTED, st.integers(1, 60))
def test_a_snippet_is_an_extract_no_longer_than_asked(text, wanted, chars):
    shown = snippet(text, wanted, chars)
    assert len(shown) <= chars
    assert "\n" not in shown
    assert shown.strip("…").strip() in re.sub(r"\s+", " ", composed(text))


@given(_TEXTS, _WANTED)
def test_marks_only_add_to_a_snippet(text, wanted):
    text = text.replace("<", "").replace(">", "")
    marked = snippet(text, wanted, 50, MARKS)
    assert marked.replace("<", "").replace(">", "") == snippet(text, wanted, 50)
    assert marked.count("<") == marked.count(">")


@given(_TEXTS)
def test_folding_letter_by_letter_is_the_same_folding(text):
    folded, places = aligned(composed(text))
    assert folded.split() == fold(text).lower().split()
    assert not places or places[-1] == len(folded)


@given(_TEXTS)
def test_folding_twice_changes_nothing_more(text):
    assert fold(fold(text)).split() == fold(text).split()
