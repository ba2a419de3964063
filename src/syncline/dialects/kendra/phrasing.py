"""QueryText as our search takes it.

    refund policy        as it is
    "refund policy"      these words side by side
    refund AND policy    both
    refund OR policy     either
    refund NOT draft     without draft
    refu*                words that begin so

Signs that mean something to us and nothing to Kendra are taken off. What looks like a query and cannot be read is
searched for as plain words, with a warning.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

MOST_WORDS: Final = 30
_PIECE: Final = re.compile(r'"[^"]*"|[^\s"]+')
_OPERATORS: Final = frozenset({"AND", "OR", "NOT"})
_SIGNS: Final = re.compile(r"^[+\-*()]+|[+\-()]+$")
_FIELD: Final = re.compile(r"^(title|text):", re.IGNORECASE)
WARNING: Final = "QUERY_LANGUAGE_INVALID_SYNTAX"


class Phrased(NamedTuple):
    """`text` in our language; `warning` when it was not read as it was meant."""

    text: str
    warning: str = ""

    @property
    def warnings(self) -> list[dict[str, Any]] | None:
        """As Kendra tells them."""
        return [{"Message": self.warning, "Code": WARNING}] if self.warning else None


def phrased(text: str) -> Phrased:
    """The first thirty words of it."""
    words = text.split()
    if len(words) > MOST_WORDS:
        text = " ".join(words[:MOST_WORDS])
    text = text.translate({ord("“"): '"', ord("”"): '"'})
    pieces: list[str] = _PIECE.findall(text)
    asked = any(piece in _OPERATORS for piece in pieces)
    if text.count('"') % 2:
        return Phrased(_plain(pieces), "The query has a quotation mark without another one.")
    if not asked:
        return Phrased(_plain(pieces))
    if any(piece.startswith("(") or piece.endswith(")") for piece in pieces if piece[0] != '"'):
        return Phrased(_plain(pieces), "Parentheses are not supported: the query was searched for as plain words.")
    if len({piece for piece in pieces if piece != "OR"} & _OPERATORS) and "OR" in pieces:
        return Phrased(
            _plain(pieces), "OR cannot be used together with AND or NOT: the words were searched for plainly."
        )
    read = _read(pieces)
    if read is None:
        return Phrased(_plain(pieces), "An operator of the query has nothing to work on.")
    return Phrased(read)


def _read(pieces: list[str]) -> str | None:
    """With operators. AND binds the terms beside it; NOT the term after it. None when it makes no sense."""
    terms: list[list[str]] = []  # [sign, term]
    before = "OR"
    for piece in pieces:
        if piece == "NOT":
            if before == "NOT":
                return None
            before = "NOT"
        elif piece in ("AND", "OR"):
            if not terms or before != "":
                return None
            before = piece
        else:
            sign = {"NOT": "-", "AND": "+"}.get(before, "")
            if before == "AND" and terms[-1][0] == "":
                terms[-1][0] = "+"
            terms.append([sign, piece])
            before = ""
    if before != "":
        return None
    return " ".join(sign + clean for sign, term in terms if (clean := _clean(term)))


def _plain(pieces: list[str]) -> str:
    return " ".join(clean for piece in pieces if piece not in _OPERATORS and (clean := _clean(piece)))


def _clean(piece: str) -> str:
    if piece.startswith('"'):
        return piece if piece.strip('" ') else ""
    return _FIELD.sub("", _SIGNS.sub("", piece))
