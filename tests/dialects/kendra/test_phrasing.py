"""QueryText, read; and passages, cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncline.dialects.kendra.phrasing import phrased
from syncline.service.passages import MOST_WORDS, passages


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("how do I ask for vacation?", "how do I ask for vacation?"),
        ("X-Ray (2024) - prices", "X-Ray 2024 prices"),
        ("+must -not title:a TEXT:b", "must not a b"),
        ('"side by side" words', '"side by side" words'),
        ("“curly quotes”", '"curly quotes"'),
        ("refu*", "refu*"),
        ("a AND b", "+a +b"),
        ("a b AND c", "a +b +c"),
        ("a AND NOT b", "a -b"),
        ("NOT b", "-b"),
        ("a OR b", "a b"),
        ("a and b or not c", "a and b or not c"),
        ("", ""),
        ('""', ""),
    ],
)
def test_a_query_is_read_as_documented(said, text):
    assert (phrased(said).text, phrased(said).warning) == (text, "")


@pytest.mark.parametrize(
    "said", ['"open', "a AND", "OR a", "a AND OR b", "NOT NOT a", "(a OR b) AND c", "a OR b AND c", "a OR NOT b"]
)
def test_what_cannot_be_read_is_searched_for_plainly(said):
    read = phrased(said)
    assert read.warning
    assert not set("+-()") & set(read.text)
    assert not {"AND", "OR", "NOT"} & set(read.text.split())


@given(st.text(st.sampled_from('ab "()*+-ANDORT:')) | st.text())
def test_any_text_can_be_read(said):
    assert isinstance(phrased(said).text, str)


@given(st.lists(st.sampled_from(["word", "end.", "\n\n", "refund", "Élan", "東京"]), max_size=900), st.integers(1, 5))
def test_passages_are_stretches_of_whole_words(words, most):
    text = " ".join(words)
    found = passages(text, "refund elan", most)
    assert len(found) <= most
    assert bool(found) == bool(text.split())
    for content, place in found:
        assert text[place.begin : place.end] == content == content.strip()
        assert 1 <= len(content.split()) <= MOST_WORDS
        assert set(content.split()) <= set(text.split())
    spans = sorted((place.begin, place.end) for _, place in found)
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(spans))


@given(st.lists(st.sampled_from(["word", "end.", "\n\n", "x"]), max_size=900))
def test_no_word_is_lost_between_passages(words):
    text = " ".join(words)
    found = sorted(passages(text, "word end x", 1000), key=lambda one: one[1].begin)
    assert [word for content, _ in found for word in content.split()] == text.split()


def test_the_passage_with_most_of_the_question_comes_first():
    filler = "nothing at all to see here. " * 60
    text = f"{filler}\n\nA refund.\n\n{filler}\n\nThe refund policy.\n\n{filler}"
    contents = [content for content, _ in passages(text, "refund policy", 3)]
    assert "refund policy" in contents[0]
    assert "A refund" in contents[1]
    assert len(contents) == 2
    assert passages(text, "absent", 3)[0][0].startswith("nothing")
    assert passages("", "refund", 3) == passages(" \n ", "refund", 3) == []
