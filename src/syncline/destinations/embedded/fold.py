"""How text becomes comparable: one folding for the index, for questions and for highlights, so that they always agree.

    "Café ﬁn 東京"  ->  "Cafe fin  東  京 "

Letters outside ASCII lose their case and accents, ligatures and full-width forms become plain, and the signs of scripts
written without spaces stand alone: a run of them is found as a phrase. Pure ASCII, most text, passes untouched at no
cost; its case is left to the tokeniser.
"""

from __future__ import annotations

import unicodedata
from itertools import accumulate

_FEW = 64  # from here on one pass over the text is cheaper than one for each letter that changes
_UNSPACED = (  # first and last letters of scripts written without spaces
    "\u0e00\u0eff\u1000\u109f\u1780\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u1100\u11ff\ua960\ua97f\uac00\ud7ff"  # Hangul
    "\u2e80\u2fdf\u3005\u3007\u3021\u3029\u3031\u3035\u3038\u303c\u3040\u31ff"  # kana, bopomofo, radicals
    "\u3400\u4dbf\u4e00\u9fff\uf900\ufaff\U0001aff0\U0001b16f\U00020000\U000323af"  # Han
)
_ACCENTED = "\u00c0\u024f\u0370\u03ff\u1e00\u1fff"  # Latin and Greek
_MARKS = (  # accents on their own, Hebrew points, Arabic vowels and stretching
    "\u0300\u036f\u0591\u05bd\u05bf\u05c7\u0610\u061a\u0640\u0640\u064b\u065f\u0670\u0670"
)
_LETTERS = str.maketrans(
    {"æ": "ae", "œ": "oe", "ß": "ss", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ħ": "h", "ı": "i", "ŧ": "t"}
    | {"ŋ": "n", "ς": "σ", "ё": "е"}
)


class _Letters(dict[str, str]):
    """What each letter becomes; worked out when it is first met."""

    def __missing__(self, letter: str) -> str:
        self[letter] = folded = letter if letter.isascii() else _fold_letter(letter)
        return folded


_letters = _Letters()


def composed(text: str) -> str:
    """`text` with letters and their accents put together (NFC), which the functions below take for granted."""
    return text if text.isascii() or unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


def fold(text: str) -> str:
    """`text` with every letter outside ASCII folded; ASCII keeps its case. Lone surrogates become spaces."""
    if text.isascii():
        return text
    text = composed(text)
    changing = _changing(text)
    if len(changing) > _FEW:
        return "".join(map(_letters.__getitem__, text))
    for letter in changing:
        text = text.replace(letter, _letters[letter])
    return text


def aligned(text: str) -> tuple[str, list[int]]:
    """Composed `text` folded and in lower case, and where in it each character of `text` begins, with its end.
    The list is empty when both run in step."""
    if text.isascii() or all(len(_letters[letter]) == 1 for letter in _changing(text)):
        return fold(text).lower(), []
    parts = list(map(_letters.__getitem__, text))
    return "".join(parts).lower(), list(accumulate(map(len, parts), initial=0))


def _changing(text: str) -> list[str]:
    return [letter for letter in set(text) if _letters[letter] != letter]


def _fold_letter(letter: str) -> str:
    if "\ud800" <= letter <= "\udfff":
        return " "
    text = "".join(map(_plain, unicodedata.normalize("NFKC", letter).lower()))
    if text and not any(map(str.isalnum, text)):
        return letter if len(letter) == len(text) else " "  # marks of punctuation are all the same to the tokeniser
    return text


def _plain(letter: str) -> str:
    if _within(letter, _MARKS):
        return ""
    if _within(letter, _ACCENTED):
        letter = unicodedata.normalize("NFD", letter)[0]
    return f" {letter} " if _within(letter, _UNSPACED) else letter.translate(_LETTERS)


def _within(letter: str, ranges: str) -> bool:
    return any(ranges[at] <= letter <= ranges[at + 1] for at in range(0, len(ranges), 2))
