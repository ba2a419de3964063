"""The language of `query_string`: words, "phrases", field:word, AND OR NOT + -, ( ), *, ranges and boosts. Pure.

    title:(refund OR policy) AND created:[2026-01-01 TO *] -draft

Words side by side without an operator are put to the fields together, as one `match`. As in Lucene, AND makes both its
neighbours obligatory, and OR neither.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from syncline.destinations.embedded.fold import fold
from syncline.dialects.elastic import query_dsl as dsl
from syncline.dialects.elastic import query_leaves as leaves
from syncline.dialects.elastic.query_fields import Field, Kind
from syncline.dialects.elastic.query_leaves import Ground
from syncline.dialects.elastic.query_nodes import Bool, Constant, EachField, Everything, Exists, Node, Nothing
from syncline.dialects.elastic.query_refusals import unfit, unparsed, unsupported
from syncline.dialects.elastic.query_values import number, spelled
from syncline.dialects.elastic.refusals import Refused

LONGEST: Final = 50_000
DEEPEST: Final = 50

_TOKEN: Final = re.compile(
    r"""(?P<space>[\s\u3000]+)
    |(?P<and>(?:AND(?![^\s()])|&&))|(?P<or>(?:OR(?![^\s()])|\|\|))|(?P<not>(?:NOT(?![^\s()])|!))
    |(?P<open>\()|(?P<close>\))|(?P<plus>\+)|(?P<minus>-)
    |(?P<phrase>"(?:\\.|[^"\\])*")
    |(?P<range>[\[{]\s*(?:"(?:\\.|[^"\\])*"|\S+?)\s+TO\s+(?:"(?:\\.|[^"\\])*"|[^\s\]}]+)\s*[\]}])
    |(?P<regex>/(?:\\.|[^/\\])*/)
    |(?P<boost>\^[0-9.]+)|(?P<fuzzy>~[0-9.]*)|(?P<colon>:)
    |(?P<compare><=|>=|<|>)
    |(?P<word>(?:\\.|[^\s+\-!():^\[\]"{}~\\/&|<>]|&(?!&)|\|(?!\|))(?:\\.|[^\s!():^\[\]"{}~\\/&|]|&(?!&)|\|(?!\|))*)
    |(?P<odd>.)""",
    re.VERBOSE | re.DOTALL,
)
_RANGE: Final = re.compile(
    r'([\[{])\s*("(?:\\.|[^"\\])*"|\S+?)\s+TO\s+("(?:\\.|[^"\\])*"|[^\s\]}]+)\s*([\]}])', re.DOTALL
)

_OPTIONS: Final = (
    "query", "fields", "default_field", "default_operator", "minimum_should_match", "lenient", "analyze_wildcard",
    "allow_leading_wildcard", "type", "tie_breaker", "time_zone", "escape", "analyzer", "quote_analyzer", "fuzziness",
    "quote_field_suffix", "phrase_slop", "max_determinized_states",
)  # fmt: skip


class _Token(NamedTuple):
    kind: str
    text: str


@dataclass(slots=True)
class _Clause:
    must: bool
    never: bool
    node: Node


def compiled(ground: Ground, body: Any) -> Node:
    """The query as a node. Raises Refused."""
    body = dsl._options("query_string", body, _OPTIONS, dsl._NO_EFFECT)
    dsl._unchanged(
        "query_string", body, type=("best_fields",), time_zone=dsl._UTC, analyzer=(), quote_analyzer=(),
        quote_field_suffix=(), fuzziness=(0, "0", "AUTO", "auto"), phrase_slop=(0, "0"), escape=(False, "false"),
        tie_breaker=(0, 0.0),
    )  # fmt: skip
    text = dsl._needed("query_string", body, "query")
    if not isinstance(text, str):
        text = spelled(dsl._scalar("query_string", text))
    fields = body.get("fields", body.get("default_field"))
    return parsed(
        ground,
        text,
        dsl.fields_of(fields),
        all_words=_operator(body.get("default_operator", "or")),
        least=body.get("minimum_should_match"),
        boost=dsl._boost(body),
        lenient=dsl._flag(body, "lenient") or fields is None,
        leading=dsl._flag(body, "allow_leading_wildcard", True),
    )


def _operator(said: Any) -> bool:
    if str(said).lower() not in ("and", "or"):
        raise unparsed(f"[default_operator] must be [and] or [or], not [{said!s:.50}]")
    return str(said).lower() == "and"


def parsed(
    ground: Ground,
    text: str,
    fields: Sequence[tuple[str, float]],
    *,
    all_words: bool = False,
    least: Any = None,
    boost: float = 1.0,
    lenient: bool = False,
    leading: bool = True,
) -> Node:
    """The text as a node. Raises Refused when it cannot be understood."""
    if len(text) > LONGEST:
        raise unparsed(f"the query is longer than {LONGEST} characters")
    node = _Parser(ground, text, fields, all_words, least, lenient, leading).whole()
    return node if boost == 1.0 else Bool([node], (), (), (), 0, boost)


class _Parser:
    def __init__(
        self,
        ground: Ground,
        text: str,
        fields: Sequence[tuple[str, float]],
        all_words: bool,
        least: Any,
        lenient: bool,
        leading: bool,
    ) -> None:
        self.ground, self.text, self.fields, self.least = ground, text, fields, least
        self.all_words, self.lenient, self.leading = all_words, lenient, leading
        self.tokens = [_Token(str(match.lastgroup), match[0]) for match in _TOKEN.finditer(text)]
        self.at = 0
        self.depth = 0

    def whole(self) -> Node:
        node = self._clauses(self.fields)
        if self.at < len(self.tokens):
            raise self._unreadable()
        return Nothing() if node is None else node

    def _unreadable(self) -> Refused:
        return unfit(f"Failed to parse query [{self.text:.500}]")

    # --- tokens

    def _kind(self, ahead: int = 0) -> str:
        """Of the token at hand, or of one further on; blanks are passed over."""
        at = self.at
        while True:
            while at < len(self.tokens) and self.tokens[at].kind == "space":
                at += 1
            if ahead == 0 or at >= len(self.tokens):
                return self.tokens[at].kind if at < len(self.tokens) else ""
            at, ahead = at + 1, ahead - 1

    def _next(self) -> _Token:
        while self.tokens[self.at].kind == "space":
            self.at += 1
        self.at += 1
        return self.tokens[self.at - 1]

    def _took(self, kind: str) -> bool:
        if self._kind() == kind:
            self._next()
            return True
        return False

    def _joined(self, kind: str) -> bool:
        """Whether the very next token, without a blank before it, is of that kind."""
        return self.at < len(self.tokens) and self.tokens[self.at].kind == kind

    # --- clauses

    def _clauses(self, fields: Sequence[tuple[str, float]]) -> Node | None:
        self.depth += 1
        if self.depth > DEEPEST:
            raise unparsed(f"the query is nested more than {DEEPEST} levels deep")
        found: list[_Clause] = []
        while self._kind() not in ("", "close"):
            self._clause(found, fields)
            if len(found) > dsl.MAX_CLAUSES:
                raise unparsed(f"too many clauses: maxClauseCount is set to {dsl.MAX_CLAUSES}")
        self.depth -= 1
        return self._joined_up(found)

    def _clause(self, found: list[_Clause], fields: Sequence[tuple[str, float]]) -> None:
        joint = "and" if self._took("and") else "or" if self._took("or") else ""
        if joint and not found:
            raise self._unreadable()
        sign = next((kind for kind in ("not", "minus", "plus") if self._took(kind)), "")
        node = self._operand(fields, bare=not joint and not sign)
        if found and not found[-1].never:
            if joint == "and":
                found[-1].must = True
            elif joint == "or" and self.all_words:
                found[-1].must = False
        never = sign in ("not", "minus")
        must = not never and (joint != "or" if self.all_words else sign == "plus" or joint == "and")
        if node is not None:
            found.append(_Clause(must or sign == "plus", never, node))

    def _joined_up(self, found: Sequence[_Clause]) -> Node | None:
        if not found:
            return None
        if len(found) == 1 and not found[0].never:
            return found[0].node
        must = [one.node for one in found if one.must]
        never = [one.node for one in found if one.never]
        should = [one.node for one in found if not one.must and not one.never]
        default = 1 if should and not must else 0
        least = dsl.least_of(self.least, default)(len(should)) if self.depth == 0 else default
        return Bool(must, (), should, never, least, 1.0)

    # --- operands

    def _operand(self, fields: Sequence[tuple[str, float]], bare: bool) -> Node | None:
        kind = self._kind()
        if kind in ("word", "compare") and (kind == "compare" or self._is_field()):
            if kind == "compare":
                return self._boosted(self._compare(fields))
            return self._of_field()
        if kind == "open":
            self._next()
            node = self._clauses(fields)
            if not self._took("close"):
                raise self._unreadable()
            return self._boosted(node)
        if kind == "word" and bare:
            return self._run(fields)
        return self._boosted(self._plain(fields))

    def _is_field(self) -> bool:
        at = self.at
        while self.tokens[at].kind == "space":
            at += 1
        return at + 1 < len(self.tokens) and self.tokens[at + 1].kind == "colon"

    def _of_field(self) -> Node | None:
        name = _unescaped(self._next().text)
        self._next()
        if self._kind() == "word" and self.tokens[self.at].text == "*" and not self._is_field():
            self._next()
            return self._boosted(Everything() if name == "*" else _exists(self.ground, name))
        if name == "_exists_":
            return self._boosted(_exists(self.ground, _unescaped(self._next().text)))
        fields = [(name, 1.0)]
        if self._kind() == "open":
            return self._operand(fields, bare=False)
        if self._kind() == "compare":
            return self._boosted(self._compare(fields))
        if self._kind() in ("", "close", "and", "or", "colon"):
            raise self._unreadable()
        self._took("plus")
        minus = "-" if self._took("minus") else ""
        return self._boosted(self._plain(fields, minus))

    def _boosted(self, node: Node | None) -> Node | None:
        if self._joined("boost"):
            weight = number(self._next().text[1:])
            if weight is None:
                raise self._unreadable()
            return None if node is None else Bool([node], (), (), (), 0, float(weight))
        return node

    def _run(self, fields: Sequence[tuple[str, float]]) -> Node | None:
        """Words side by side, as far as no operator has to do with them."""
        words: list[str] = []
        while self._kind() == "word" and not self._is_field():
            follows = self._kind(1)
            if words and (follows in ("and", "or") or self._is_special()):
                break
            words.append(self._next().text)
            if (
                self._is_pattern(words[-1])
                or self._joined("boost")
                or self._joined("fuzzy")
                or follows in ("and", "or")
            ):
                break
        if len(words) == 1:
            self.at -= 1
            return self._boosted(self._plain(fields))
        return self._match(fields, " ".join(map(_unescaped, words)))

    def _is_special(self) -> bool:
        at = self.at
        while self.tokens[at].kind == "space":
            at += 1
        after = self.tokens[at + 1].kind if at + 1 < len(self.tokens) else ""
        return self._is_pattern(self.tokens[at].text) or after in ("boost", "fuzzy")

    def _is_pattern(self, word: str) -> bool:
        return re.search(r"(?<!\\)[*?]", word) is not None

    def _plain(self, fields: Sequence[tuple[str, float]], minus: str = "") -> Node | None:
        """A word, a pattern, a phrase or a range."""
        if self._kind() == "":
            raise self._unreadable()
        token = self._next()
        match token.kind:
            case "phrase":
                self._no_fuzzy("slop")
                return self._phrase(fields, _unescaped(token.text[1:-1]))
            case "range":
                return self._range(fields, token.text)
            case "regex":
                raise unsupported("a regular expression in a query string")
            case "word":
                self._no_fuzzy("fuzzy words")
                if self._is_pattern(token.text):
                    return self._pattern(fields, minus + token.text)
                return self._match(fields, minus + _unescaped(token.text))
        raise self._unreadable()

    def _no_fuzzy(self, what: str) -> None:
        if self._joined("fuzzy") and self._next().text not in ("~0",):
            raise unsupported(f"{what} in a query string")

    # --- what is asked of the fields

    def _over(self, fields: Sequence[tuple[str, float]], ask: dsl.Ask) -> Node:
        return dsl.over_fields(self.ground, fields, ask)

    def _soft(self, fields: Sequence[tuple[str, float]]) -> bool:
        return self.lenient or any("*" in name for name, _ in fields)

    def _match(self, fields: Sequence[tuple[str, float]], text: str) -> Node:
        least: Callable[[int], int] = (lambda count: count) if self.all_words else (lambda _count: 1)
        if self.least is not None and not self.all_words:
            least = dsl.least_of(self.least, 1)
        soft = self._soft(fields)
        return self._over(
            fields, lambda field, weight: leaves.words(self.ground, field, text, least, boost=weight, lenient=soft)
        )  # fmt: skip

    def _phrase(self, fields: Sequence[tuple[str, float]], text: str) -> Node:
        soft = self._soft(fields)
        return self._over(
            fields, lambda field, weight: leaves.phrase(self.ground, field, text, boost=weight, lenient=soft)
        )  # fmt: skip

    def _pattern(self, fields: Sequence[tuple[str, float]], text: str) -> Node:
        if text == "*":
            return Everything()
        if not self.leading and text[0] in "*?":
            raise unfit(f"Failed to parse query [{self.text:.500}]: '*' or '?' not allowed as first character")
        soft = self._soft(fields)

        def ask(field: Field, weight: float) -> Node:
            if field.kind in (Kind.NUMBER, Kind.DATE, Kind.BOOLEAN) and soft:
                return Nothing()
            words = field.kind in (Kind.TEXT, Kind.OPEN) and not field.parent
            return leaves.like(field, fold(text).lower() if words else text, boost=weight)

        return self._over(fields, ask)

    def _range(self, fields: Sequence[tuple[str, float]], text: str) -> Node:
        match = _RANGE.fullmatch(text)
        if match is None:
            raise self._unreadable()
        opening, low, high, closing = match.groups()
        bounds: dict[str, Any] = {}
        if low != "*":
            bounds["gte" if opening == "[" else "gt"] = _bound(low)
        if high != "*":
            bounds["lte" if closing == "]" else "lt"] = _bound(high)
        return self._within(fields, bounds)

    def _compare(self, fields: Sequence[tuple[str, float]]) -> Node:
        name = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}[self._next().text]
        minus = "-" if self._took("minus") else ""
        if self._kind() not in ("word", "phrase"):
            raise self._unreadable()
        return self._within(fields, {name: minus + _bound(self._next().text)})

    def _within(self, fields: Sequence[tuple[str, float]], bounds: Mapping[str, Any]) -> Node:
        soft = self._soft(fields)

        def ask(field: Field, weight: float) -> Node:
            try:
                return Constant(leaves.within(self.ground, field, bounds), weight)
            except Refused:
                if soft and "*" not in field.name:
                    return Nothing()
                raise

        return self._over(fields, ask)


def _exists(ground: Ground, name: str) -> Node:
    if "*" in name:
        return EachField(name, ground.fields, lambda field: Exists(field, 1.0))
    return Exists(ground.fields.resolve(name), 1.0)


def _bound(text: str) -> str:
    return _unescaped(text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text)


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL) if "\\" in text else text
