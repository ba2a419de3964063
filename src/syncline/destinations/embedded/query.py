"""The query language. Small, forgiving, the same everywhere; any string means something and none raises.

    refund policy        either word; documents with more and rarer of them come first
    "refund policy"      the words side by side, in this order
    +refund -draft       `+` must be there, `-` must not
    refu*                words that begin so
    title:refund         only in the title; `text:` only in the text
    (nothing) or *       every document

Case, accents and punctuation do not matter: `e-mail` is found as the phrase `e mail`, `café` as `cafe`. A question
made of punctuation alone finds nothing.
"""

from __future__ import annotations

import re
from typing import NamedTuple

MAX_CHARS = 4096  # of a question; the rest is ignored
MAX_CLAUSES = 64

_QUOTES = str.maketrans("“”„«»＂", '""""""')
_CLAUSE = re.compile(r"""([+-]?)(?:(title|text):(?=\S))?(?:"([^"]*)"?|([^\s"]+))""")


class Clause(NamedTuple):
    """One condition on words.

    sign    "" counts for the rank, "+" must match, "-" must not.
    field   "title", "text" or "" for both.
    words   as written; more than one token means a phrase.
    prefix  the last token may go on.
    """

    sign: str
    field: str
    words: str
    prefix: bool


class Question(NamedTuple):
    """What was asked. `everything` when no words were given; no clauses otherwise means that nothing can match."""

    everything: bool
    clauses: tuple[Clause, ...]


def parse(text: str) -> Question:
    """Read a question. Never raises; takes time in proportion to the first `MAX_CHARS` characters."""
    text = text[:MAX_CHARS].translate(_QUOTES).strip()
    if text in ("", "*"):
        return Question(True, ())
    clauses = []
    for match in _CLAUSE.finditer(text):
        sign, field, phrase, word = match.groups()
        if phrase is None:
            clauses.append(Clause(sign, field or "", word.rstrip("*"), word.endswith("*")))
        else:
            clauses.append(Clause(sign, field or "", phrase, False))
        if len(clauses) == MAX_CLAUSES:
            break
    return Question(False, tuple(clauses))
