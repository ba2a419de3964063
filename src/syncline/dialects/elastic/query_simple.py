"""The language of `simple_query_string`: words, "phrases", + | - ( ) and * at the end. Any text means something. Pure.

As in Lucene, operators have no order of precedence, and a word with "-" before it means "every document without it".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from syncline.destinations.embedded.fold import fold
from syncline.dialects.elastic import query_dsl as dsl
from syncline.dialects.elastic import query_leaves as leaves
from syncline.dialects.elastic.query_fields import Kind
from syncline.dialects.elastic.query_leaves import Ground
from syncline.dialects.elastic.query_nodes import Bool, Everything, Node, Nothing
from syncline.dialects.elastic.query_refusals import unparsed, unsupported
from syncline.dialects.elastic.query_string import LONGEST, _operator
from syncline.dialects.elastic.query_values import spelled

_TOKEN: Final = re.compile(
    r"""(?P<space>\s+)|(?P<open>\()|(?P<close>\))|(?P<plus>\+)|(?P<bar>\|)|(?P<minus>-)
    |"(?P<phrase>(?:\\.|[^"\\])*)"(?P<slop>~\d+)?|(?P<word>(?:\\.|[^\s"|+()\\])+)|(?P<odd>.)""",
    re.VERBOSE | re.DOTALL,
)
_FUZZY: Final = re.compile(r"(?<!\\)~\d*$")
_OPTIONS: Final = (
    "query", "fields", "default_operator", "minimum_should_match", "lenient", "analyze_wildcard", "flags", "analyzer",
    "quote_field_suffix", "fuzzy_transpositions",
)  # fmt: skip


@dataclass(slots=True)
class _State:
    """A group at work: what it has come to, and the operator before what comes next."""

    top: Node | None = None
    parts: list[Node] | None = None
    joined: str = ""  # the operator that `parts` are joined by
    operator: str = ""
    nots: int = 0


def compiled(ground: Ground, body: Any) -> Node:
    """The query as a node. Raises Refused only for what is not served."""
    body = dsl._options("simple_query_string", body, _OPTIONS, dsl._NO_EFFECT)
    dsl._unchanged("simple_query_string", body, flags=("ALL", "all", -1), analyzer=(), quote_field_suffix=())
    text = spelled(dsl._scalar("simple_query_string", dsl._needed("simple_query_string", body, "query")))
    if len(text) > LONGEST:
        raise unparsed(f"the query is longer than {LONGEST} characters")
    if body.get("minimum_should_match") is not None:
        raise unsupported("[minimum_should_match] in a [simple_query_string] query", "use [multi_match]")
    fields = dsl.fields_of(body.get("fields"))
    soft = dsl._flag(body, "lenient") or body.get("fields") is None or any("*" in name for name, _ in fields)
    reader = _Reader(ground, fields, _operator(body.get("default_operator", "or")), soft)
    node = reader.read(text)
    weight = dsl._boost(body)
    return node if weight == 1.0 else Bool([node], (), (), (), 0, weight)


class _Reader:
    def __init__(self, ground: Ground, fields: Sequence[tuple[str, float]], all_words: bool, soft: bool) -> None:
        self.ground, self.fields, self.all_words, self.soft = ground, fields, all_words, soft

    def read(self, text: str) -> Node:
        stack = [_State()]
        for match in _TOKEN.finditer(text):
            self._take(stack, str(match.lastgroup), match)
        while len(stack) > 1:
            self._close(stack)
        return _result(stack[0]) or Nothing()

    def _take(self, stack: list[_State], kind: str, match: re.Match[str]) -> None:
        state = stack[-1]
        match kind:
            case "open":
                if len(stack) > dsl.DEEPEST:
                    raise unparsed(f"the query is nested more than {dsl.DEEPEST} levels deep")
                stack.append(_State())
            case "close":
                self._close(stack)
            case "plus" | "bar":
                if state.top is not None or state.parts:
                    state.operator = "must" if kind == "plus" else "should"
            case "minus":
                state.nots += 1
            case "phrase" | "slop":
                if match["slop"] not in (None, "~0"):
                    raise unsupported("slop in a [simple_query_string] query")
                self._add(state, self._phrase(_plain(match["phrase"])))
            case "word":
                self._add(state, self._word(match["word"]))

    def _close(self, stack: list[_State]) -> None:
        if len(stack) > 1:
            node = _result(stack.pop())
            if node is not None:
                self._add(stack[-1], node)

    def _add(self, state: _State, node: Node | None) -> None:
        if node is None:
            return
        if state.nots % 2:
            node = Bool((), (), (Everything(),), (node,), 1, 1.0)
        operator = state.operator or ("must" if self.all_words else "should")
        if state.top is None and not state.parts:
            state.top = node
        elif state.parts and state.joined == operator:
            state.parts.append(node)
        else:
            before = _result(state)
            assert before is not None
            state.parts, state.joined, state.top = [before, node], operator, None
        state.operator, state.nots = "", 0

    def _word(self, said: str) -> Node | None:
        if _FUZZY.search(said):
            raise unsupported("fuzzy words in a [simple_query_string] query")
        if said == "*":
            return Everything()
        if said.endswith("*") and not said.endswith("\\*"):
            return self._beginning(_plain(said[:-1]))
        text, soft = _plain(said), self.soft
        every = self.all_words
        return dsl.over_fields(
            self.ground,
            self.fields,
            lambda field, weight: leaves.words(
                self.ground, field, text, lambda count: count if every else 1, boost=weight, lenient=soft
            ),
        )

    def _beginning(self, text: str) -> Node:
        def ask(field: Any, weight: float) -> Node:
            if field.kind in (Kind.NUMBER, Kind.DATE, Kind.BOOLEAN):
                return Nothing()
            words = field.kind in (Kind.TEXT, Kind.OPEN) and not field.parent
            return leaves.beginning(field, fold(text).lower() if words else text, boost=weight)

        return dsl.over_fields(self.ground, self.fields, ask)

    def _phrase(self, text: str) -> Node:
        soft = self.soft
        return dsl.over_fields(
            self.ground,
            self.fields,
            lambda field, weight: leaves.phrase(self.ground, field, text, boost=weight, lenient=soft),
        )


def _result(state: _State) -> Node | None:
    if not state.parts:
        return state.top
    if state.joined == "must":
        return Bool(state.parts, (), (), (), 0, 1.0)
    return Bool((), (), state.parts, (), 1, 1.0)


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)
