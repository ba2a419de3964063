"""Highlights: the pieces of a field's texts in which the words of a query stand, with marks around them. Pure."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from syncline.dialects.elastic.query_docs import Doc, words_of
from syncline.dialects.elastic.query_fields import Fields, Kind
from syncline.dialects.elastic.query_globs import glob
from syncline.dialects.elastic.query_nodes import Mark, Node
from syncline.dialects.elastic.query_refusals import unparsed, unsupported
from syncline.dialects.elastic.query_values import number

MAX_FIELDS: Final = 100
LONGEST: Final = 1_000_000  # characters of a text that are looked at, as in Elasticsearch
_WORD: Final = re.compile(r"[^\W_]+")
_TYPES: Final = ("unified", "plain", "fvh")
_NO_EFFECT: Final = (
    "boundary_chars", "boundary_max_scan", "boundary_scanner", "boundary_scanner_locale", "force_source",
    "fragmenter", "matched_fields", "max_analyzed_offset", "phrase_limit", "tags_schema", "fragment_offset", "options",
    "max_fragment_length",
)  # fmt: skip


@dataclass(slots=True, frozen=True)
class _Options:
    before: str = "<em>"
    after: str = "</em>"
    size: int = 100
    many: int = 5
    only_own: bool = True
    no_match: int = 0
    escape: bool = False


class Highlighter:
    """What a request wants to be highlighted."""

    def __init__(self, said: Any, node: Node, fields: Fields) -> None:
        """Raises Refused for what cannot be understood or is not served."""
        if not isinstance(said, Mapping) or not isinstance(said.get("fields"), dict | list):
            raise unparsed("[highlight] needs [fields]")
        base = _options(said, _Options(), top=True)
        listed = said["fields"] if isinstance(said["fields"], list) else [said["fields"]]
        self._fields = fields
        self._wanted: list[tuple[str, _Options]] = []
        for table in listed:
            if not isinstance(table, Mapping):
                raise unparsed("[fields] of [highlight] must be objects")
            for name, body in table.items():
                self._wanted.append((name, _options(body, base)))
        if len(self._wanted) > MAX_FIELDS:
            raise unparsed(f"more than {MAX_FIELDS} fields in [highlight]")
        self._marks = list(dict.fromkeys(node.marks()))

    def of(self, doc: Doc) -> dict[str, list[str]]:
        """The pieces by field; fields without any are left out."""
        found: dict[str, list[str]] = {}
        for pattern, options in self._wanted:
            for name in doc.names(pattern) if "*" in pattern else (pattern,):
                pieces = self._pieces(doc, name, options)
                if pieces:
                    found[name] = pieces
        return found

    def _pieces(self, doc: Doc, name: str, options: _Options) -> list[str]:
        field = self._fields.resolve(name)
        if field.kind not in (Kind.TEXT, Kind.OPEN, Kind.KEYWORD):
            return []
        marks = [mark for mark in self._marks if not options.only_own or _speaks_of(mark, name)]
        pieces: list[str] = []
        for value in doc.values(field):
            if isinstance(value, str):
                pieces += _cut(value[:LONGEST], _places(value[:LONGEST], marks), options)
        if not pieces and options.no_match:
            first = next((value for value in doc.values(field) if isinstance(value, str)), "")
            pieces = [_cleaned(first[: options.no_match], options)] if first else []
        return pieces[: options.many] if options.many else pieces


def _speaks_of(mark: Mark, name: str) -> bool:
    return mark.field == name or ("*" in mark.field and glob(mark.field).fullmatch(name))


def _options(said: Any, base: _Options, top: bool = False) -> _Options:
    if not isinstance(said, Mapping):
        raise unparsed("a field of [highlight] must be an object")
    known = ("pre_tags", "post_tags", "fragment_size", "number_of_fragments", "require_field_match", "type", "encoder",
             "no_match_size", "order", "fields", *_NO_EFFECT)  # fmt: skip
    odd = next((key for key in said if key not in known or (key == "fields" and not top)), None)
    if odd == "highlight_query":
        raise unsupported("[highlight_query]")
    if odd is not None:
        raise unparsed(f"[highlight] unknown field [{odd:.200}]")
    if said.get("type", "unified") not in _TYPES:
        raise unparsed(f"unknown highlighter type [{said['type']!s:.100}]")
    return _Options(
        _tag(said.get("pre_tags"), base.before),
        _tag(said.get("post_tags"), base.after),
        _whole(said, "fragment_size", base.size),
        _whole(said, "number_of_fragments", base.many),
        said.get("require_field_match", base.only_own) in (True, "true"),
        _whole(said, "no_match_size", base.no_match),
        said.get("encoder", "html" if base.escape else "default") == "html",
    )


def _tag(said: Any, otherwise: str) -> str:
    first = said[0] if isinstance(said, list) and said else said
    if first is None:
        return otherwise
    if not isinstance(first, str):
        raise unparsed("tags of [highlight] must be texts")
    return first


def _whole(said: Mapping[str, Any], name: str, otherwise: int) -> int:
    found = number(said.get(name, otherwise))
    if found is None or not 0 <= found <= LONGEST:
        raise unparsed(f"[{name}] of [highlight] must be a whole number, 0 or more")
    return int(found)


# --- where, and what is around it -------------------------------------------------------------------------------------


def _places(text: str, marks: Sequence[Mark]) -> list[tuple[int, int]]:
    """(begin, end) of every word, or row of words, that is to be marked, in order."""
    if not marks:
        return []
    words = [(match.start(), match.end(), token) for match, token in _tokens(text)]
    by_token: dict[str, list[int]] = {}
    for at, (_, _, token) in enumerate(words):
        by_token.setdefault(token, []).append(at)
    found: set[tuple[int, int]] = set()
    for mark in marks:
        for at in _starts(mark, by_token):
            last = at + len(mark.words) - 1
            if last < len(words) and _fits(mark, words, at):
                found |= {(words[place][0], words[place][1]) for place in range(at, last + 1)}
    return sorted(found)


def _tokens(text: str) -> Iterator[tuple[re.Match[str], str]]:
    for match in _WORD.finditer(text):
        word = match[0]
        if word.isascii():
            yield match, word.lower()
        else:
            for token in words_of(word):
                yield match, token


def _starts(mark: Mark, by_token: Mapping[str, list[int]]) -> Sequence[int]:
    if len(mark.words) == 1 and mark.prefix:
        return [at for token, places in by_token.items() if token.startswith(mark.words[0]) for at in places]
    return by_token.get(mark.words[0], []) if mark.words else []


def _fits(mark: Mark, words: Sequence[tuple[int, int, str]], at: int) -> bool:
    last = len(mark.words) - 1
    for step, word in enumerate(mark.words):
        token = words[at + step][2]
        if token != word and not (mark.prefix and step == last and token.startswith(word)):
            return False
    return True


def _cut(text: str, places: Sequence[tuple[int, int]], options: _Options) -> list[str]:
    if not places:
        return []
    if options.many == 0 or options.size == 0 or len(text) <= options.size:
        return [_marked(text, 0, len(text), places, options)]
    pieces: list[str] = []
    at = 0
    while at < len(places) and len(pieces) < options.many:
        begin = _word_start(text, max(0, places[at][0] - options.size // 3))
        end = _word_end(text, max(begin + options.size, places[at][1]))
        inside = [place for place in places[at:] if place[1] <= end]
        pieces.append(_marked(text, begin, end, inside, options))
        at += max(1, len(inside))
    return pieces


def _word_start(text: str, at: int) -> int:
    space = text.rfind(" ", max(0, at - 30), at + 1)
    return space + 1 if at > 0 and space >= 0 else at


def _word_end(text: str, at: int) -> int:
    if at >= len(text):
        return len(text)
    space = text.find(" ", at, at + 30)
    return space if space >= 0 else at


def _marked(text: str, begin: int, end: int, places: Sequence[tuple[int, int]], options: _Options) -> str:
    parts, at = [], begin
    for start, stop in places:
        parts += [_cleaned(text[at:start], options), options.before, _cleaned(text[start:stop], options), options.after]
        at = stop
    return "".join([*parts, _cleaned(text[at:end], options)])


def _cleaned(text: str, options: _Options) -> str:
    return html.escape(text) if options.escape else text
