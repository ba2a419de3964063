"""Search: at once by words; planned by a language model; or by a language model that looks around by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.responses import Response

from syncline.dialects.airweave import collections, results
from syncline.dialects.airweave.agent import Agent
from syncline.dialects.airweave.calls import Call, answered
from syncline.dialects.airweave.faults import Fault, fault_of
from syncline.dialects.airweave.filters import GroupIn, tree
from syncline.dialects.airweave.planner import plan
from syncline.dialects.airweave.reading import Body, Query
from syncline.dialects.airweave.streams import Events
from syncline.model.errors import SynclineError
from syncline.model.indexes import Index
from syncline.model.search import All
from syncline.outgoing.llm import Chat, endpoint_of

MAX_QUERY_CHARS: Final = 4096
MAX_OFFSET: Final = 10_000
LIMIT: Final = 100
MAX_GROUPS: Final = 20
_DEPRECATED: Final = {"deprecation": "true", "warning": '299 - "use /search/instant"'}


def _not_blank(said: str) -> str:
    if not said.strip():
        raise ValueError("query must not be blank")
    return said


Question = Annotated[str, Field(max_length=MAX_QUERY_CHARS), AfterValidator(_not_blank)]
Groups = Annotated[list[GroupIn] | None, Field(max_length=MAX_GROUPS)]
Limit = Annotated[int, Field(ge=1, le=1000)]
Offset = Annotated[int, Field(ge=0, le=MAX_OFFSET)]


class InstantIn(Body):
    """A question. Every strategy goes by words here: nothing is embedded."""

    query: Question
    retrieval_strategy: Literal["semantic", "keyword", "hybrid"] = "hybrid"
    filter: Groups = None
    limit: Limit = LIMIT
    offset: Offset = 0


class ClassicIn(Body):
    """A question that is planned first."""

    query: Question
    filter: Groups = None
    limit: Limit = LIMIT
    offset: Offset = 0


class AgenticIn(Body):
    """A question that is looked into."""

    query: Question
    thinking: bool | None = False
    filter: Groups = None
    limit: Annotated[int, Field(ge=1, le=1000)] | None = None


class LegacyIn(BaseModel):
    """As older clients ask. What they say besides means nothing here."""

    model_config = ConfigDict(extra="ignore")

    query: Question
    limit: Annotated[int, Field(ge=1, le=1000)] | None = None
    offset: Annotated[int, Field(ge=0, le=MAX_OFFSET)] | None = None
    filter: Any = None


class LegacyQuery(Query):
    """The same in a URL."""

    query: Question
    limit: Limit = LIMIT
    offset: Offset = 0


def instant(call: Call) -> Response:
    """By words, at once."""
    body: InstantIn = call.body
    index = _index(call)
    connectors = results.connectors_of(call, index)
    condition = tree(body.filter, connectors)
    found = results.find(call, index, connectors, body.query, condition, body.limit, body.offset)
    return answered({"results": found})


def classic(call: Call) -> Response:
    """A language model says once what to look for and how to narrow it down."""
    body: ClassicIn = call.body
    index = _index(call)
    connectors = results.connectors_of(call, index)
    wanted = tree(body.filter, connectors)
    chat = _chat(call)
    planned = plan(chat, body.query, connectors, call.host.clock())
    both = [one for one in (wanted, planned.condition) if one is not None]
    found = results.find(
        call, index, connectors, planned.query, All(both) if both else None, body.limit, body.offset
    )  # fmt: skip
    return answered({"results": found})


def agentic(call: Call) -> Response:
    """A language model looks around until it has what it wants."""
    agent = _agent(call)
    for event in agent.events():
        if event["type"] == "done":
            return answered({"results": event["results"]})
    raise Fault(502, "The search ended without an answer")


def stream(call: Call) -> Response:
    """The same, told as it goes."""
    agent = _agent(call)
    return Events(call.host, _told(agent), agent.abort, call.slow)


def _told(agent: Agent) -> Iterator[dict[str, Any]]:
    """Its events; what goes wrong is one, too."""
    try:
        yield from agent.events()
    except SynclineError as error:
        yield {"type": "error", "message": fault_of(error).detail, "duration_ms": agent.took_ms()}


def _agent(call: Call) -> Agent:
    body: AgenticIn = call.body
    index = _index(call)
    connectors = results.connectors_of(call, index)
    wanted = tree(body.filter, connectors)
    said = None if body.filter is None else [group.model_dump() for group in body.filter]
    chat = _chat(call)
    return Agent(call, chat, index, connectors, body.query, wanted, said, bool(body.thinking), body.limit)


def _chat(call: Call) -> Chat:
    """Raises ModelNotConfigured."""
    chat = Chat(endpoint_of(call.host.environ))
    call.aborts.append(chat.abort)
    return chat


def _index(call: Call) -> Index:
    with call.room() as room:
        return collections.found(call, room, call.path["readable_id"])


# --- as older clients ask --------------------------------------------------------------------------------------------


def legacy(call: Call) -> Response:
    """By words, whatever else is asked for."""
    body: LegacyIn = call.body
    if body.filter:
        raise Fault(422, "Filters of this older search are not available; use /search/instant")
    return _legacy(call, body.query, body.limit or LIMIT, body.offset or 0)


def legacy_by_url(call: Call) -> Response:
    """The same by URL."""
    query: LegacyQuery = call.query
    return _legacy(call, query.query, query.limit, query.offset)


def _legacy(call: Call, query: str, limit: int, offset: int) -> Response:
    try:
        index = _index(call)
    except Fault as fault:
        raise Fault(fault.status, f"{fault.detail}.") from None
    found = results.find(call, index, results.connectors_of(call, index), query, None, limit, offset)
    return answered({"results": found, "completion": None}, headers=_DEPRECATED)
