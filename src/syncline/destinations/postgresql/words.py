"""A question in the query language, as a tsquery."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from syncline.destinations.embedded.query import Question
from syncline.destinations.embedded.snippets import Wanted
from syncline.destinations.postgresql.rows import words_of

TITLE, BODY = "A", "D"  # weights of the words in a tsvector
_LONGEST_PHRASE = 64
_FIELDS = {"": (TITLE, BODY), "title": (TITLE,), "text": (BODY,)}


class Words(NamedTuple):
    """matching  a tsquery of what a document must and must not say; "" when nothing is asked of its words.
    ranking   one of everything that counts for the rank; "" when the rank means nothing.
    wanted    what to mark.
    """

    matching: str
    ranking: str
    wanted: list[Wanted]


def compiled(question: Question) -> Words | None:
    """What to ask; None when nothing can match."""
    if question.everything:
        return Words("", "", [])
    must: list[str] = []
    should: list[str] = []
    ranking: list[str] = []
    wanted: list[Wanted] = []
    for clause in question.clauses:
        tokens = words_of(clause.words)[:_LONGEST_PHRASE]
        if not tokens:
            continue
        said = said_in(tokens, _FIELDS[clause.field], clause.prefix)
        if clause.sign == "-":
            must.append(f"!({said})")
            continue
        (must if clause.sign == "+" else should).append(f"({said})")
        ranking.append(f"({said})")
        wanted.append(Wanted(tuple(tokens), clause.prefix))
    needed = any(clause.sign == "+" and words_of(clause.words) for clause in question.clauses)
    if should and not needed:
        must.append(f"({' | '.join(should)})")
    return Words(" & ".join(must), " | ".join(ranking), wanted) if must else None


def said_in(tokens: Sequence[str], weights: Sequence[str], prefix: bool = False) -> str:
    """Those words side by side, in one of the fields with those weights."""
    if len(tokens) == 1 and len(weights) == 2:
        return _phrase(tokens, "", prefix)
    return " | ".join([f"({_phrase(tokens, weight, prefix)})" for weight in weights])


def all_in(tokens: Sequence[str], weight: str) -> str:
    """Every one of those words, in any order."""
    return " & ".join([_phrase([token], weight, False) for token in tokens])


def _phrase(tokens: Sequence[str], weight: str, prefix: bool) -> str:
    """Tokens are letters and digits, so they need no escaping."""
    last = len(tokens) - 1
    parts = []
    for n, token in enumerate(tokens):
        label = ("*" if prefix and n == last else "") + weight
        parts.append(f"'{token}'" + (f":{label}" if label else ""))
    return " <-> ".join(parts)
