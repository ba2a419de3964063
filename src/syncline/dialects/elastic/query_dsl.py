"""The query DSL: JSON in, a tree of nodes out. What is not served is refused with a reason. Pure.

{"bool": {"must": {"match": {"title": "refunds"}}}} ──compiled──▶ Bool([Words(title, …)], …)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from syncline.dialects.elastic import query_leaves as leaves
from syncline.dialects.elastic.query_fields import Field, known_format
from syncline.dialects.elastic.query_leaves import Ground
from syncline.dialects.elastic.query_nodes import (
    Best,
    Bool,
    Constant,
    EachField,
    Everything,
    Exists,
    Ids,
    Node,
    Nothing,
)
from syncline.dialects.elastic.query_refusals import unparsed, unsupported
from syncline.dialects.elastic.query_values import number, spelled

DEEPEST: Final = 30
MAX_CLAUSES: Final = 1024
MAX_TERMS: Final = 65_536
_COMMON: Final = ("boost", "_name")
_UTC: Final = ("UTC", "Z", "+00:00", "GMT", "Etc/UTC")
_NO_EFFECT: Final = (  # of `match` and the like: they speak of what is never done here
    "auto_generate_synonyms_phrase_query", "fuzzy_transpositions", "fuzzy_rewrite", "max_expansions", "prefix_length",
    "phrase_slop", "enable_position_increments", "fuzzy_prefix_length", "fuzzy_max_expansions", "rewrite",
)  # fmt: skip
SPECIAL: Final = ("_id", "_index")

Body = Mapping[str, Any]
Compile = Callable[["Ground", Any, int], Node]


def compiled(ground: Ground, query: Any, depth: int = 0) -> Node:
    """The query as a node. Raises Refused."""
    if depth > DEEPEST:
        raise unparsed(f"the query is nested more than {DEEPEST} levels deep")
    if not isinstance(query, Mapping):
        raise unparsed("query malformed, must be an object")
    if not query:
        raise unparsed("query malformed, empty clause found")
    if len(query) > 1:
        names = ", ".join(map(str, query))
        raise unparsed(f"query malformed, one query expected but found several: [{names:.200}]")
    ((name, body),) = query.items()
    compile = QUERIES.get(name)
    if compile is None:
        if name in KNOWN:
            raise unsupported(f"[{name}] query")
        raise unparsed(f"unknown query [{name:.200}]")
    return compile(ground, body, depth)


# --- reading bodies ---------------------------------------------------------------------------------------------------


def _options(name: str, body: Any, allowed: Sequence[str], ignored: Sequence[str] = ()) -> Body:
    if not isinstance(body, Mapping):
        raise unparsed(f"[{name}] query malformed, must be an object")
    odd = next((key for key in body if key not in allowed and key not in ignored and key not in _COMMON), None)
    if odd is not None:
        raise unparsed(f"[{name}] query does not support [{odd:.200}]")
    return body


def _of_field(name: str, body: Any, short: str) -> tuple[str, Body]:
    """The field, and what is asked of it; a plain value stands for {short: value}."""
    if not isinstance(body, Mapping) or len([key for key in body if key not in _COMMON]) != 1:
        raise unparsed(f"[{name}] query needs one field, and supports no more")
    field = next(key for key in body if key not in _COMMON)
    said = body[field]
    return field, said if isinstance(said, Mapping) else {short: said}


def _boost(body: Body) -> float:
    said = body.get("boost", 1.0)
    found = number(said)
    if found is None or found < 0:
        raise unparsed(f"negative [boost] or one that is no number: [{spelled(said):.100}]")
    return float(found)


def _flag(body: Body, name: str, default: bool = False) -> bool:
    said = body.get(name, default)
    if said in (True, "true"):
        return True
    if said in (False, "false", None):
        return False
    raise unparsed(f"[{name}] must be true or false")


def _needed(name: str, body: Body, key: str) -> Any:
    if body.get(key) is None:
        raise unparsed(f"[{name}] query needs a [{key}]")
    return body[key]


def _scalar(name: str, value: Any) -> Any:
    if isinstance(value, dict | list) or value is None:
        raise unparsed(f"[{name}] query needs a text, a number or a boolean")
    return value


def _unchanged(name: str, body: Body, **only: Any) -> None:
    """Raises Refused unless each of these is absent or has no effect."""
    for key, harmless in only.items():
        if body.get(key) is not None and body[key] not in harmless:
            raise unsupported(f"[{key}: {spelled(body[key]):.50}] in a [{name}] query")


# --- how many ---------------------------------------------------------------------------------------------------------


_LEAST: Final = re.compile(r"(-?\d{1,6})(%?)")


def least_of(said: Any, default: int) -> Callable[[int], int]:
    """How many of a number of optional parts must hold, by `minimum_should_match`: 2, -1, "75%", "-25%", "3<90%"."""
    if said is None:
        return lambda count: min(default, count) if default >= 0 else count
    steps: list[tuple[int, str]] = []
    plain = ""
    for part in str(said).split():
        above, arrow, rule = part.partition("<")
        if not arrow:
            plain, rule = part, part
        elif not above.isdecimal():
            raise unparsed(f"[minimum_should_match] cannot be understood: [{said!s:.100}]")
        if _LEAST.fullmatch(rule) is None:
            raise unparsed(f"[minimum_should_match] cannot be understood: [{said!s:.100}]")
        if arrow:
            steps.append((int(above), rule))
    if bool(plain) == bool(steps):
        raise unparsed(f"[minimum_should_match] cannot be understood: [{said!s:.100}]")
    return lambda count: _least_by(steps, plain, count)


def _least_by(steps: Sequence[tuple[int, str]], plain: str, count: int) -> int:
    rule = plain
    if steps:
        rule = next((one for above, one in sorted(steps, reverse=True) if count > above), "")
        if not rule:
            return count
    match = _LEAST.fullmatch(rule)
    assert match is not None
    many = int(match[1])
    if match[2]:
        share = abs(many) * count // 100
        many = share if many >= 0 else count - share
    elif many < 0:
        many = count + many
    return max(0, many)


def _words_needed(name: str, body: Body) -> Callable[[int], int]:
    operator = str(body.get("operator", "or")).lower()
    if operator not in ("or", "and"):
        raise unparsed(f"[{name}] operator must be [and] or [or], not [{operator:.50}]")
    if body.get("minimum_should_match") is not None and operator == "or":
        return least_of(body["minimum_should_match"], 1)
    return (lambda count: count) if operator == "and" else (lambda _count: 1)


# --- whole documents --------------------------------------------------------------------------------------------------


def _match_all(_ground: Ground, body: Any, _depth: int) -> Node:
    return Everything(_boost(_options("match_all", body, ())))


def _match_none(_ground: Ground, body: Any, _depth: int) -> Node:
    _options("match_none", body, ())
    return Nothing()


def _ids(_ground: Ground, body: Any, _depth: int) -> Node:
    values = _options("ids", body, ("values",)).get("values", [])
    values = values if isinstance(values, list) else [values]
    return Ids([spelled(_scalar("ids", one)) for one in values], _boost(body))


def _exists(ground: Ground, body: Any, _depth: int) -> Node:
    name = _needed("exists", _options("exists", body, ("field",)), "field")
    if not isinstance(name, str) or not name:
        raise unparsed("[exists] needs the name of a field")
    if "*" in name:
        return EachField(name, ground.fields, lambda field: Exists(field, 1.0), boost=_boost(body))
    return Exists(ground.fields.resolve(name), _boost(body))


# --- one field --------------------------------------------------------------------------------------------------------


def _match(ground: Ground, body: Any, _depth: int) -> Node:
    name, said = _of_field("match", body, "query")
    allowed = ("query", "operator", "minimum_should_match", "lenient", "zero_terms_query", "fuzziness", "analyzer")
    said = _options("match", said, (*allowed, "cutoff_frequency"), _NO_EFFECT)
    _unchanged("match", said, fuzziness=(0, "0"), analyzer=(), cutoff_frequency=())
    value = _scalar("match", _needed("match", said, "query"))
    least, lenient = _words_needed("match", said), _flag(said, "lenient")
    node = leaves.words(ground, ground.field(name), value, least, boost=_boost(said), lenient=lenient)
    return _or_everything(said, value, node)


def _or_everything(body: Body, value: Any, node: Node) -> Node:
    rule = body.get("zero_terms_query", "none")
    if rule not in ("none", "all"):
        raise unparsed(f"[zero_terms_query] must be [none] or [all], not [{spelled(rule):.50}]")
    return Everything(_boost(body)) if rule == "all" and not leaves.analysed(spelled(value)) else node


def _match_phrase(ground: Ground, body: Any, _depth: int, name: str = "match_phrase") -> Node:
    field, said = _of_field(name, body, "query")
    said = _options(name, said, ("query", "slop", "analyzer", "zero_terms_query"), _NO_EFFECT)
    _unchanged(name, said, slop=(0, "0"), analyzer=())
    value = _scalar(name, _needed(name, said, "query"))
    prefix = name == "match_phrase_prefix"
    node = leaves.phrase(ground, ground.field(field), value, boost=_boost(said), prefix=prefix)
    return _or_everything(said, value, node)


def _match_phrase_prefix(ground: Ground, body: Any, depth: int) -> Node:
    return _match_phrase(ground, body, depth, "match_phrase_prefix")


def _match_bool_prefix(ground: Ground, body: Any, _depth: int) -> Node:
    name, said = _of_field("match_bool_prefix", body, "query")
    allowed = ("query", "operator", "minimum_should_match", "fuzziness", "analyzer")
    said = _options("match_bool_prefix", said, allowed, _NO_EFFECT)
    _unchanged("match_bool_prefix", said, fuzziness=(0, "0"), analyzer=())
    value = _scalar("match_bool_prefix", _needed("match_bool_prefix", said, "query"))
    least = _words_needed("match_bool_prefix", said)
    return leaves.words(ground, ground.field(name), value, least, boost=_boost(said), prefix=True)


def _term(ground: Ground, body: Any, _depth: int) -> Node:
    name, said = _of_field("term", body, "value")
    said = _options("term", said, ("value", "case_insensitive"))
    value = _scalar("term", _needed("term", said, "value"))
    field = ground.field(name)
    return leaves.term(
        ground, field, value, boost=_boost({**body, **said}), ignore_case=_flag(said, "case_insensitive")
    )  # fmt: skip


def _terms(ground: Ground, body: Any, _depth: int) -> Node:
    if not isinstance(body, Mapping) or len([key for key in body if key not in _COMMON]) != 1:
        raise unparsed("[terms] query requires one field, and supports no more")
    name = next(key for key in body if key not in _COMMON)
    said = body[name]
    if isinstance(said, Mapping):
        raise unsupported("[terms] lookup of values in another document")
    if not isinstance(said, list):
        raise unparsed("[terms] query requires a list of values")
    if len(said) > MAX_TERMS:
        raise unparsed(f"the number of terms [{len(said)}] is above the maximum [{MAX_TERMS}]")
    return leaves.terms(ground, ground.field(name), said, boost=_boost(body))


def _range(ground: Ground, body: Any, _depth: int) -> Node:
    name, said = _of_field("range", body, "")
    said = _options("range", said, ("gt", "gte", "lt", "lte", "format", "time_zone", "relation"))
    if said.get("format") is not None:
        known_format(said["format"])
    _unchanged("range", said, time_zone=_UTC, relation=("INTERSECTS", "intersects"))
    bounds = {key: said[key] for key in ("gt", "gte", "lt", "lte") if key in said}
    return leaves.within(ground, ground.field(name), bounds, boost=_boost(said))


def _prefix(ground: Ground, body: Any, _depth: int) -> Node:
    name, said = _of_field("prefix", body, "value")
    said = _options("prefix", said, ("value", "case_insensitive"), _NO_EFFECT)
    value = spelled(_scalar("prefix", _needed("prefix", said, "value")))
    ignore_case = _flag(said, "case_insensitive")
    return leaves.beginning(ground.field(name), value, boost=_boost(said), ignore_case=ignore_case)


def _wildcard(ground: Ground, body: Any, _depth: int) -> Node:
    name, said = _of_field("wildcard", body, "value")
    said = _options("wildcard", said, ("value", "wildcard", "case_insensitive"), _NO_EFFECT)
    value = said.get("value", said.get("wildcard"))
    value = spelled(_scalar("wildcard", value))
    ignore_case = _flag(said, "case_insensitive")
    return leaves.like(ground.field(name), value, boost=_boost(said), ignore_case=ignore_case)


# --- several fields ---------------------------------------------------------------------------------------------------


def fields_of(said: Any, default: Sequence[str] = ("*",)) -> list[tuple[str, float]]:
    """(name or pattern, boost) of "title^2" and the like."""
    if said is None:
        said = list(default)
    given = said if isinstance(said, list) else [said]
    if not all(isinstance(one, str) and one for one in given):
        raise unparsed("[fields] must be names of fields")
    if len(given) > MAX_CLAUSES:
        raise unparsed(f"more than {MAX_CLAUSES} fields")
    found = []
    for one in given:
        name, caret, boost = one.rpartition("^")
        if not caret:
            name, boost = one, "1"
        weight = number(boost)
        if weight is None or weight < 0 or not name:
            raise unparsed(f"[fields] cannot be understood: [{one:.200}]")
        found.append((name, float(weight)))
    return found


Ask = Callable[[Field, float], Node]


def over_fields(ground: Ground, fields: Sequence[tuple[str, float]], ask: Ask, tie: float = 0.0) -> Node:
    """The question put to each of the fields; the best answer counts."""
    nodes: list[Node] = []
    for name, boost in fields:
        if "*" in name:
            nodes.append(_each(ground, name, boost, ask, tie))
        else:
            nodes.append(ask(ground.field(name), boost))
    if not nodes:
        return Nothing()
    return nodes[0] if len(nodes) == 1 else Best(nodes, tie)


def _each(ground: Ground, pattern: str, boost: float, ask: Ask, tie: float) -> Node:
    return EachField(pattern, ground.fields, lambda field: ask(field, boost), tie)


_MULTI: Final = (
    "query", "fields", "type", "operator", "minimum_should_match", "tie_breaker", "lenient", "analyzer", "fuzziness",
    "slop", "zero_terms_query",
)  # fmt: skip


def _multi_match(ground: Ground, body: Any, _depth: int) -> Node:
    body = _options("multi_match", body, _MULTI, _NO_EFFECT)
    _unchanged("multi_match", body, analyzer=(), fuzziness=(0, "0"), slop=(0, "0"), zero_terms_query=("none",))
    value = _scalar("multi_match", _needed("multi_match", body, "query"))
    fields, type = fields_of(body.get("fields")), body.get("type", "best_fields")
    lenient = _flag(body, "lenient") or body.get("fields") is None or any("*" in name for name, _ in fields)
    least, boost = _words_needed("multi_match", body), _boost(body)
    tie = number(body.get("tie_breaker", 1.0 if type in ("most_fields", "bool_prefix") else 0.0))
    if tie is None or not 0 <= tie <= 1:
        raise unparsed("[tie_breaker] must be a number from 0 to 1")
    if type == "cross_fields":
        return _cross_fields(ground, fields, value, least, boost, float(tie))
    ask = _ask(ground, type, value, least, boost, lenient)
    return over_fields(ground, fields, ask, float(tie))


def _ask(ground: Ground, type: Any, value: Any, least: Callable[[int], int], boost: float, lenient: bool) -> Ask:
    match type:
        case "best_fields" | "most_fields" | "bool_prefix":
            prefix = type == "bool_prefix"
            return lambda field, weight: leaves.words(
                ground, field, value, least, boost=boost * weight, lenient=lenient, prefix=prefix
            )
        case "phrase" | "phrase_prefix":
            prefix = type == "phrase_prefix"
            return lambda field, weight: leaves.phrase(
                ground, field, value, boost=boost * weight, lenient=lenient, prefix=prefix
            )
    raise unparsed(f"[multi_match] type [{spelled(type):.50}] is not known")


def _cross_fields(
    ground: Ground,
    fields: Sequence[tuple[str, float]],
    value: Any,
    least: Callable[[int], int],
    boost: float,
    tie: float,
) -> Node:
    """Each word in any of the fields."""
    words = leaves.analysed(spelled(value))
    if not words:
        return Nothing()
    asked = [over_fields(ground, fields, _ask_word(ground, word, boost), tie) for word in words]
    return Bool((), (), asked, (), max(1, least(len(asked))), 1.0)


def _ask_word(ground: Ground, word: str, boost: float) -> Ask:
    return lambda field, weight: leaves.words(
        ground, field, word, lambda count: count, boost=boost * weight, lenient=True
    )  # fmt: skip


# --- several queries --------------------------------------------------------------------------------------------------


def _bool(ground: Ground, body: Any, depth: int) -> Node:
    parts = ("must", "filter", "should", "must_not")
    body = _options("bool", body, (*parts, "minimum_should_match", "adjust_pure_negative"))
    must, silent, should, never = (_clauses(ground, body.get(part), depth) for part in parts)
    default = 1 if should and not must and not silent else 0
    least = least_of(body.get("minimum_should_match"), default)(len(should))
    if least > len(should):
        return Nothing()
    if not (must or silent or should or never):
        return Everything(_boost(body))
    return Bool(must, silent, should, never, least, _boost(body))


def _clauses(ground: Ground, said: Any, depth: int) -> list[Node]:
    given = [] if said is None else said if isinstance(said, list) else [said]
    if len(given) > MAX_CLAUSES:
        raise unparsed(f"too many clauses: maxClauseCount is set to {MAX_CLAUSES}")
    return [compiled(ground, one, depth + 1) for one in given]


def _constant_score(ground: Ground, body: Any, depth: int) -> Node:
    inner = _needed("constant_score", _options("constant_score", body, ("filter",)), "filter")
    return Constant(compiled(ground, inner, depth + 1), _boost(body))


def _dis_max(ground: Ground, body: Any, depth: int) -> Node:
    body = _options("dis_max", body, ("queries", "tie_breaker"))
    nodes = _clauses(ground, _needed("dis_max", body, "queries"), depth)
    tie = number(body.get("tie_breaker", 0.0))
    if tie is None or not 0 <= tie <= 1:
        raise unparsed("[tie_breaker] must be a number from 0 to 1")
    return Best(nodes, float(tie), _boost(body)) if nodes else Nothing()


def _query_string(ground: Ground, body: Any, _depth: int) -> Node:
    from syncline.dialects.elastic import query_string

    return query_string.compiled(ground, body)


def _simple_query_string(ground: Ground, body: Any, _depth: int) -> Node:
    from syncline.dialects.elastic import query_simple

    return query_simple.compiled(ground, body)


QUERIES: Final[Mapping[str, Compile]] = {
    "match_all": _match_all,
    "match_none": _match_none,
    "ids": _ids,
    "exists": _exists,
    "match": _match,
    "match_phrase": _match_phrase,
    "match_phrase_prefix": _match_phrase_prefix,
    "match_bool_prefix": _match_bool_prefix,
    "term": _term,
    "terms": _terms,
    "range": _range,
    "prefix": _prefix,
    "wildcard": _wildcard,
    "multi_match": _multi_match,
    "bool": _bool,
    "constant_score": _constant_score,
    "dis_max": _dis_max,
    "query_string": _query_string,
    "simple_query_string": _simple_query_string,
}
KNOWN: Final = frozenset(  # served elsewhere, not here
    (
        "boosting", "combined_fields", "distance_feature", "function_score", "fuzzy", "geo_bounding_box",
        "geo_distance", "geo_grid", "geo_polygon", "geo_shape", "has_child", "has_parent", "intervals", "knn",
        "more_like_this", "nested", "parent_id", "percolate", "pinned", "rank_feature", "regexp", "rule",
        "script", "script_score", "semantic", "shape", "span_containing", "span_field_masking", "span_first",
        "span_multi", "span_near", "span_not", "span_or", "span_term", "span_within", "sparse_vector",
        "terms_set", "text_expansion", "weighted_tokens", "wrapper",
    )
)  # fmt: skip
