"""The plan of a classic search: a language model is asked once for words and filters, as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, get_args

from pydantic import Field, ValidationError

from syncline.dialects.airweave.faults import Invalid
from syncline.dialects.airweave.filters import GroupIn, Name, Operator, tree
from syncline.dialects.airweave.reading import Body
from syncline.dialects.airweave.sources import entity_type, short_name
from syncline.model.connectors import Connector
from syncline.model.search import Condition
from syncline.outgoing.llm import Chat, ModelMisbehaved

TRIES: Final = 2


class PlanIn(Body):
    """What the model answers."""

    query: str = Field(min_length=1, max_length=4096)
    filter: list[GroupIn] | None = Field(default=None, max_length=20)


class Plan(NamedTuple):
    """What to look for."""

    query: str
    condition: Condition | None


def plan(chat: Chat, question: str, connectors: Sequence[Connector], now: float) -> Plan:
    """The words to look for and what must hold. Raises ModelUnavailable, ModelMisbehaved."""
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": instructions(connectors, now)},
        {"role": "user", "content": question},
    ]
    wrong = ""
    for _ in range(TRIES):
        reply = chat.ask(messages)
        try:
            said = PlanIn.model_validate(json_in(reply.text))
            return Plan(said.query, tree(said.filter, connectors))
        except (ValidationError, Invalid, ValueError) as error:
            wrong = _why(error)
        messages += [
            reply.message,
            {"role": "user", "content": f"That cannot be used: {wrong}. Answer with the JSON object only."},
        ]
    raise ModelMisbehaved(f"the plan of the language model cannot be used: {wrong}")


def instructions(connectors: Sequence[Connector], now: float) -> str:
    """What the model is told of its task, and of filters."""
    return (
        "You plan one full-text search over a collection of documents. Words are matched literally (BM25): give the "
        "words that relevant documents would contain, including synonyms, and no operators.\n"
        'Answer with one JSON object and nothing else: {"query": "words", "filter": null}.\n'
        f"{filter_help(connectors, now)}\nUse a filter only when the question asks for it."
    )


def filter_help(connectors: Sequence[Connector], now: float) -> str:
    """How filters are written, and which values there are."""
    sources = sorted({short_name(one.kind) for one in connectors})
    types = sorted({entity_type(one.kind) for one in connectors})
    return (
        'A filter is a list of groups, of which one must hold: [{"conditions": [{"field": ..., "operator": ..., '
        '"value": ...}]}]; all conditions of a group must hold.\n'
        f"Fields: {', '.join(get_args(Name))}.\nOperators: {', '.join(get_args(Operator))}. Greater and less only for "
        "dates (ISO 8601) and chunk_index, contains only for texts, in and not_in take lists.\n"
        f"Values of source_name here: {', '.join(sources) or 'none'}; of entity_type: {', '.join(types) or 'none'}. "
        f"Today is {datetime.fromtimestamp(now, UTC).date().isoformat()}."
    )


def json_in(text: str) -> Any:
    """The first JSON object in a text, which may stand in prose or in a code block. Raises ValueError."""
    decoder, start = json.JSONDecoder(), text.find("{")
    while start >= 0:
        try:
            return decoder.raw_decode(text, start)[0]
        except (ValueError, RecursionError):
            start = text.find("{", start + 1)
            if start > 2000:
                break
    raise ValueError("it holds no JSON object")


def _why(error: Exception) -> str:
    if isinstance(error, ValidationError):
        found = error.errors(include_url=False, include_input=False, include_context=False)[:3]
        return "; ".join(f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in found)
    return str(error)[:300]
