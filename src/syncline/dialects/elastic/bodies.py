"""JSON in and out: strict about what comes in, and pruned and indented on the way out if the client asks for it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from syncline.dialects.elastic.refusals import Refused, illegal, unparsable

DEEPEST: Final = 100
LARGEST: Final = 1 << 63  # whole numbers are smaller than this
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_ESCAPED_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")


def parsed(raw: bytes) -> Any:
    """The JSON value of a body. Raises Refused for what is not JSON in UTF-8, for doubled names, NaN, numbers that
    64 bits cannot hold, half characters, and more than 100 levels."""
    try:
        text = raw.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_table, parse_constant=_constant, parse_int=_int, parse_float=_float)
    except json.JSONDecodeError as error:
        raise unparsable(f"[{error.lineno}:{error.colno}] the body is not JSON: {error.msg}") from None
    except UnicodeDecodeError:
        raise unparsable("[1:1] the body is not UTF-8") from None
    except RecursionError:
        raise unparsable("[1:1] the body is nested too deeply") from None
    if raw.count(b"[") + raw.count(b"{") > DEEPEST:
        _check_depth(value)
    if _ESCAPED_SURROGATE.search(raw) and _SURROGATE.search(json.dumps(value, ensure_ascii=False)):
        raise unparsable("[1:1] the body holds half of a surrogate pair")
    return value


def lines_of(raw: bytes) -> Iterator[tuple[int, Any]]:
    """(number of the line from 1, value) of every line of a body of newline-delimited JSON. Raises Refused."""
    if raw and not raw.endswith(b"\n"):
        raise illegal("The bulk request must be terminated by a newline [\\n]")
    for number, line in enumerate(raw.split(b"\n"), 1):
        if line.strip():
            yield number, parsed(line)


def _check_depth(value: Any, depth: int = 1) -> None:
    if depth > DEEPEST:
        raise unparsable(f"[1:1] the body is nested more than {DEEPEST} levels deep")
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        if isinstance(one, dict | list):
            _check_depth(one, depth + 1)


def _table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise unparsable(f"[1:1] Duplicate field '{double:.200}'")
    return table


def _constant(text: str) -> Any:
    raise unparsable(f"[1:1] {text} is no JSON")


def _int(text: str) -> int:
    number = int(text) if len(text) < 25 else LARGEST
    if not -LARGEST <= number < LARGEST:
        raise unparsable(f"[1:1] Numeric value ({text:.40}) out of range of long")
    return number


def _float(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise unparsable(f"[1:1] the number {text:.40} is not finite")
    return number


# --- out --------------------------------------------------------------------------------------------------------------


def encoded(body: Any, *, pretty: bool = False) -> bytes:
    """JSON in UTF-8."""
    if pretty:
        return json.dumps(body, ensure_ascii=False, indent=2).encode() + b"\n"
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def pruned(body: Any, filter_path: str) -> Any:
    """Only the members that `filter_path` names: a comma list of dotted paths, "*" for any name or part of one, "**"
    for any number of names; those with a "-" before them are left out."""
    paths = [path.strip() for path in filter_path.split(",") if path.strip()]
    wanted = [_steps(path) for path in paths if not path.startswith("-")]
    unwanted = [_steps(path[1:]) for path in paths if path.startswith("-")]
    kept = body if not wanted else _kept(body, wanted)
    if kept is _NOTHING:
        return {}
    return _without(kept, unwanted) if unwanted else kept


_NOTHING: Final = object()
Steps = tuple[str, ...]


@lru_cache(256)
def _steps(path: str) -> Steps:
    if path.count("**") > 8 or path.count(".") > 50:
        raise illegal("[filter_path] is too long")
    return tuple(path.split("."))


def _kept(value: Any, paths: Sequence[Steps]) -> Any:
    if isinstance(value, list):
        kept = [one for one in (_kept(item, paths) for item in value) if one is not _NOTHING]
        return kept or _NOTHING
    if not isinstance(value, Mapping):
        return _NOTHING
    found = {}
    for name, inner in value.items():
        left = _left(name, paths)
        if () in left:
            found[name] = inner
        elif left:
            rest = _kept(inner, left)
            if rest is not _NOTHING:
                found[name] = rest
    return found or _NOTHING


def _without(value: Any, paths: Sequence[Steps]) -> Any:
    if isinstance(value, list):
        return [_without(item, paths) for item in value]
    if not isinstance(value, Mapping):
        return value
    found = {}
    for name, inner in value.items():
        left = _left(name, paths)
        if () not in left:
            found[name] = _without(inner, left) if left else inner
    return found


def _left(name: str, paths: Sequence[Steps]) -> list[Steps]:
    """What is left of the paths below a member of that name."""
    left: list[Steps] = []
    for path in paths:
        for one in _below(name, path):
            if one not in left:
                left.append(one)
    return left


def _below(name: str, path: Steps) -> Iterator[Steps]:
    step = path[0]
    if step == "**":
        yield path
        yield from _below(name, path[1:]) if len(path) > 1 else ((),)
    elif step == name or ("*" in step and _like(step).fullmatch(name)):
        yield path[1:]


@lru_cache(256)
def _like(step: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in re.split(r"\*+", step)), re.DOTALL)


__all__ = ["Refused", "encoded", "lines_of", "parsed", "pruned"]
