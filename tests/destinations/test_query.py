"""The query language, and what a question in it finds."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncline.destinations.embedded.query import MAX_CLAUSES, Clause, parse
from syncline.model.errors import UsageError
from syncline.model.search import Filter


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("refund policy", [Clause("", "", "refund", False), Clause("", "", "policy", False)]),
        ('"refund policy"', [Clause("", "", "refund policy", False)]),
        ('+a -b +"c d"', [Clause("+", "", "a", False), Clause("-", "", "b", False), Clause("+", "", "c d", False)]),
        ("title:refund text:policy", [Clause("", "title", "refund", False), Clause("", "text", "policy", False)]),
        ('-title:"final draft"', [Clause("-", "title", "final draft", False)]),
        ("refu*", [Clause("", "", "refu", True)]),
        ('"never closed', [Clause("", "", "never closed", False)]),
        ("“curly quotes”", [Clause("", "", "curly quotes", False)]),
        ("author:ann", [Clause("", "", "author:ann", False)]),
        ("title:", [Clause("", "", "title:", False)]),
        ("+ -", [Clause("", "", "+", False), Clause("", "", "-", False)]),
    ],
)
def test_a_question_is_read_as_documented(text, clauses):
    assert parse(text) == (False, tuple(clauses))


@pytest.mark.parametrize("text", ["", "  \n", "*", " * "])
def test_no_words_ask_for_everything(text):
    assert parse(text) == (True, ())


@given(st.text())
def test_any_string_can_be_read(text):
    question = parse(text)
    assert len(question.clauses) <= MAX_CLAUSES


def test_a_question_of_a_million_characters_takes_no_longer_than_a_long_one():
    assert len(parse('"' * 500_000 + "+-" * 250_000).clauses) <= MAX_CLAUSES


_ODD = st.text(st.sampled_from('ab" +-*:.東京éﬁÀ\ud800\x00\u0301')) | st.text()


def test_any_question_gets_an_answer(filled):
    desk = filled(a="plain text", b="東京 café ab", c='"quoted" +plus')

    @settings(max_examples=300)
    @given(_ODD)
    def any_question(text):
        results = desk.ask(text)
        assert len(results.hits) == min(10, results.total) <= 3

    any_question()
    assert desk.told == []


def test_any_word_matches_and_documents_with_more_of_them_come_first(filled):
    desk = filled(one="refund form", two="refund policy", none="something else")
    assert desk.ids("refund policy") == ["two", "one"]


def test_a_required_word_must_be_there_and_an_excluded_one_must_not(filled):
    desk = filled(a="refund policy", b="refund draft", c="policy")
    assert desk.ids("+refund policy") == ["a", "b"]
    assert desk.ids("refund policy -draft") == ["a", "c"]
    assert desk.ids("-draft") == ["a", "c"]
    assert desk.ids("+refund -draft") == ["a"]


def test_a_phrase_means_these_words_side_by_side(filled):
    desk = filled(a="the refund policy of 2024", b="policy on refund", c="refund: policy")
    assert sorted(desk.ids('"refund policy"')) == ["a", "c"]


def test_a_prefix_finds_words_that_begin_so(filled):
    desk = filled(a="refund", b="refusal", c="reuse", d="the grand refund-form")
    assert sorted(desk.ids("refu*")) == ["a", "b", "d"]
    assert desk.ids("refund-fo*") == ["d"]


def test_a_field_can_be_named(desk):
    desk.truth.put("in title", "nothing", "Refund")
    desk.truth.put("in text", "refund", "Nothing")
    desk.index.settle()
    assert desk.ids("title:refund") == ["in title"]
    assert desk.ids("text:refund") == ["in text"]
    assert desk.ids("refund") == ["in title", "in text"], "the title weighs more"


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("CAFE", "un café noir"),
        ("café", "un CAFE noir"),
        ("resume", "re\u0301sume\u0301"),
        ("strasse", "Lange Straße"),
        ("σισυφοσ", "ΣΊΣΥΦΟΣ"),
        ("елка", "Ёлка"),
        ("fin", "ﬁn"),
        ("abc", "ＡＢＣ"),
        ("istanbul", "İstanbul"),
        ("e-mail", "send an e-mail"),
        ("don't", "don’t"),
        ("東京", "私は東京に住んでいます"),
        ("北京大学", "我在北京大学学习"),
        ("한국", "한국어"),
        ("ไทย", "ภาษาไทยง่าย"),
        ("हिन्दी", "यह हिन्दी है"),
        ("𠮷野", "𠮷野家"),
        ("2024", "in 2024."),
    ],
)
def test_case_accents_and_scripts_do_not_stand_in_the_way(filled, question, text):
    desk = filled(yes=text, no="zzz 京東 学大 qqq")
    assert desk.ids(question) == ["yes"]


def test_signs_of_a_script_without_spaces_must_stand_in_order(filled):
    desk = filled(a="東京都", b="京東", c="東の京")
    assert desk.ids("東京") == ["a"]


def test_punctuation_alone_finds_nothing(filled):
    assert filled(a="!!! text").ask("!!! ???").total == 0


def test_words_of_unreasonable_length_are_left_out(filled):
    desk = filled(a="x" * 80, b="y" * 81)
    assert desk.ids("x" * 80) == ["a"]
    assert desk.ids("y" * 81) == []


def test_a_phrase_of_one_word_and_a_very_long_one_are_no_trouble(filled):
    desk = filled(a="word " * 500)
    assert desk.ids('"word"') == ["a"]
    assert desk.ids('"' + "word " * 400 + '"') == ["a"]


@pytest.mark.parametrize("page", [{"limit": -1}, {"limit": 1001}, {"offset": -1}, {"offset": 10_001}])
def test_a_page_out_of_range_is_refused_with_a_remedy(desk, page):
    desk.truth.put("a")
    desk.index.settle()
    with pytest.raises(UsageError) as refused:
        desk.ask("a", **page)
    assert "1000" in refused.value.remedy


def test_pages_follow_one_another_without_gap_or_overlap(desk):
    for number in range(2500):
        desk.truth.put(str(number), "same words", metadata={"even": number % 2 == 0})
    desk.index.settle()
    found = [id for offset in (0, 1000, 2000) for id in desk.ids("same", limit=1000, offset=offset)]
    assert sorted(found, key=int) == [str(number) for number in range(2500)]
    assert desk.ids("", limit=3, offset=1200) == ["1200", "1201", "1202"]
    assert desk.ids("", Filter("even", "eq", True), limit=3, offset=1000) == ["2000", "2002", "2004"]
    assert desk.ask("same", limit=1, offset=10_000).total == 2500


def test_equal_scores_are_ordered_by_number_over_segments(desk):
    for name in ("a", "b", "c", "d"):
        desk.truth.put(name, "same words")
        desk.index.settle()
    desk.truth.put("b", "same words")
    desk.index.settle()
    assert desk.ids("same") == ["a", "c", "d", "b"]


def test_an_empty_question_scores_nothing_and_a_real_one_something(filled):
    desk = filled(a="word")
    assert desk.ask("").hits[0].score == 0.0
    assert desk.ask("word").hits[0].score > 0.0
