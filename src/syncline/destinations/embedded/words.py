"""A question in the query language, compiled for tantivy and for the highlighter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import tantivy
from tantivy import Occur, Query

from syncline.destinations.embedded.fold import fold
from syncline.destinations.embedded.query import Clause, Question
from syncline.destinations.embedded.snippets import Wanted

TITLE_WEIGHT = 2.5

_LONGEST_PHRASE = 64
_WEIGHTS = {"title": TITLE_WEIGHT, "body": 1.0}
_FIELDS: dict[str, Sequence[str]] = {"": ("body", "title"), "title": ("title",), "text": ("body",)}

Conditions = list[tuple[Occur, Query]]
Analyze = Callable[[str], list[str]]


class Words(NamedTuple):
    """conditions  what a document must, may and must not say.
    wanted      what to mark in a snippet.
    wanted_in_title  the same in a title.
    any_of      one of the optional conditions must hold.
    ranked      scores mean something.
    """

    conditions: Conditions
    wanted: list[Wanted]
    any_of: bool
    ranked: bool
    wanted_in_title: Sequence[Wanted] = ()


def compile_words(question: Question, schema: tantivy.Schema, analyze: Analyze) -> Words | None:
    """What to ask of tantivy; None when nothing can match. `analyze` is the tokeniser of the index."""
    conditions: Conditions = []
    wanted: dict[str, list[Wanted]] = {"title": [], "text": []}
    signs = set()
    for clause in question.clauses:
        tokens = tuple(analyze(fold(clause.words))[:_LONGEST_PHRASE])
        if not tokens:
            continue
        signs.add(clause.sign)
        conditions += _conditions(clause, tokens, schema)
        if clause.sign != "-":
            for field in (clause.field,) if clause.field else ("title", "text"):
                wanted[field].append(Wanted(tokens, clause.prefix))
    if not signs and not question.everything:
        return None
    any_of, ranked = "" in signs and "+" not in signs, bool(signs - {"-"})
    return Words(conditions, wanted["text"], any_of, ranked, wanted["title"])


def silent(query: Query) -> Query:
    """The same documents, adding nothing to their score."""
    return Query.const_score_query(query, 0.0)


def _conditions(clause: Clause, tokens: Sequence[str], schema: tantivy.Schema) -> Conditions:
    queries = [_weighted(field, clause, tokens, schema) for field in _FIELDS[clause.field]]
    if clause.sign == "-":
        return [(Occur.MustNot, query) for query in queries]
    if clause.sign == "":
        return [(Occur.Should, query) for query in queries]
    either = queries[0] if len(queries) == 1 else Query.boolean_query([(Occur.Should, query) for query in queries])
    return [(Occur.Must, either)]


def _weighted(field: str, clause: Clause, tokens: Sequence[str], schema: tantivy.Schema) -> Query:
    query = _query(field, clause, list(tokens), schema)
    return query if _WEIGHTS[field] == 1.0 else Query.boost_query(query, _WEIGHTS[field])


def _query(field: str, clause: Clause, tokens: list[str], schema: tantivy.Schema) -> Query:
    match len(tokens), clause.prefix:
        case 1, False:
            return Query.term_query(schema, field, tokens[0], "freq")
        case 1, True:
            return Query.fuzzy_term_query(schema, field, tokens[0], distance=0, prefix=True)
        case _, True:
            return Query.phrase_prefix_query(schema, field, [*tokens])
        case _:
            return Query.phrase_query(schema, field, [*tokens])
