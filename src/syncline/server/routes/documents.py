"""Documents of an index, one by one, page by page, and by search."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import Discriminator, Field, Tag, TypeAdapter, ValidationError
from starlette.responses import Response

from syncline.model.destinations import Shown
from syncline.model.errors import NotFound
from syncline.model.indexes import Index
from syncline.model.keys import Scope
from syncline.model.search import All, AnyOf, Condition, Facet, Filter, Hit, Not, Reader, Request, Results, Sort
from syncline.server import problems
from syncline.server.operations import (
    FIRST,
    Body,
    Call,
    Cursor,
    Flag,
    IndexRef,
    Limit,
    Operations,
    Whole,
    answered,
)
from syncline.server.paging import Pages
from syncline.server.parameters import Path, Query
from syncline.server.routes.indexes import visible
from syncline.service import documents, searching
from syncline.wiring import DEFAULT_INDEX, Installation

operations = Operations("documents")

EXCERPT_CHARS: Final = 500
PATIENCE_S: Final = 0.1  # that a search has with another process that writes

Text = Annotated[Flag, Query(description="With the whole text instead of its beginning.")]
OfConnector = Annotated[str | None, Query(description="Name or id of the connector that brought it.")]


def document_shape(shown: Shown, index: str, names: dict[int, tuple[str, str]], whole: bool) -> dict[str, Any]:
    """One document. `excerpt` is the beginning of its text; `text` all of it, when it was asked for."""
    id, name = names.get(shown.connector, ("", str(shown.connector)))
    text = {"text": shown.text} if whole else {}
    return {
        "id": shown.id,
        "index": index,
        "connector": name,
        "connector_id": id,
        "title": shown.title,
        "url": shown.url,
        "media_type": shown.media_type,
        "metadata": shown.metadata,
        "allow": list(shown.allow),
        "deny": list(shown.deny),
        "chars": shown.chars,
        "excerpt": shown.text[:EXCERPT_CHARS],
        **text,
        "version": shown.version,
        "job": shown.job,
        "checksum": f"{shown.checksum:016x}",
    }


def _names(room: Installation, rows: Sequence[Shown]) -> dict[int, tuple[str, str]]:
    """Id and name of each connector by its number."""
    found = map(room.control().connector_numbered, {row.connector for row in rows})
    return {one.number: (one.id, one.name) for one in found if one is not None}


def _found(call: Call, room: Installation, index: Index, id: str, connector: str | None) -> list[Shown]:
    control = room.control()
    if connector is None:
        numbers = [one.number for one in control.connectors() if one.index == index.name]
    else:
        numbers = [call.connector(control, connector).number]
    return room.index(index.name).shelf().one(numbers, id) if index.name in room.indexes() else []


@operations("GET", "/v1/documents/{index}", "List documents", scope=Scope.READ, answers="DocumentPage")
def list_documents(
    call: Call,
    index: IndexRef,
    connector: OfConnector = None,
    id: Annotated[str | None, Query(description="Only documents with this id, one for each connector.")] = None,
    limit: Limit = FIRST,
    cursor: Cursor = None,
) -> Response:
    """By connector, oldest first, then by id."""
    with call.room() as room:
        held = visible(call, room, index)
        pages = Pages("documents", cursor, index=held.id, connector=connector, id=id)
        if id is None:
            number = None if connector is None else call.connector(room.control(), connector).number
            at, last = _place(pages.after([0, ""]))
            shelf = room.index(held.name).shelf() if held.name in room.indexes() else None
            rows = [] if shelf is None else shelf.page((at, last), limit + 1, EXCERPT_CHARS, number)
        else:
            rows = _found(call, room, held, id, connector)[: limit + 1]
        names = _names(room, rows)
    shape = lambda row: document_shape(row, held.name, names, False)  # noqa: E731
    return answered(pages.page(rows, limit, lambda row: [row.connector, row.id], shape))


def _place(at: list[Any]) -> tuple[int, str]:
    """Where a page of documents ended: after that id, of the connector with that number."""
    number, id = at
    return int(number), str(id)


@operations("GET", "/v1/documents/{index}/why", "Tell why", scope=Scope.READ, answers="Stories")
def why_document(
    call: Call,
    index: IndexRef,
    id: Annotated[str, Query(min_length=1, description="Of the document.")],
    connector: OfConnector = None,
) -> Response:
    """The whole story of one document: one for each connector that knows the id. An empty list: nobody does."""
    with call.room() as room:
        held = visible(call, room, index)
        chosen = None if connector is None else call.connector(room.control(), connector).id
        stories = documents.why(room, id, held.name, chosen)
    return answered({"id": id, "index": held.name, "stories": [story.as_dict() for story in stories]})


@operations(
    "GET", "/v1/documents/{index}/{id:path}", "Show a document", scope=Scope.READ, answers="Document", tells=(409,)
)
def get_document(
    call: Call,
    index: IndexRef,
    id: Annotated[str, Path(description="Of the document. For odd ones use the list with its parameter id.")],
    connector: OfConnector = None,
    text: Text = False,
) -> Response:
    """Its fields and the beginning of its text, or all of it. 409 when several connectors have a document of that
    id."""
    with call.room() as room:
        held = visible(call, room, index)
        rows = _found(call, room, held, id, connector)
        names = _names(room, rows)
    if not rows:
        raise NotFound(f"there is no document {id!r:.200} in this index", remedy="Ask why: GET …/why?id=… tells.")
    if len(rows) > 1:
        known = [names[row.connector][1] for row in rows if row.connector in names]
        raise problems.Ambiguous(f"{len(rows)} connectors have a document {id!r:.200}", connectors=known)
    return call.shown(document_shape(rows[0], held.name, names, text))


# --- search ----------------------------------------------------------------------------------------------------------


class FilterIn(Body):
    """One condition on a field."""

    field: str = Field(
        min_length=1, max_length=500, description="A metadata key, or connector, id, title, text, media_type, url."
    )
    op: Literal["eq", "in", "range", "above", "below", "exists", "prefix", "contains", "words"] = Field(
        default="eq",
        description="eq: value; in: a list of values; range: [low, high], null for open; above, below: value, which is "
        "left out; exists: no value; prefix: the beginning of a text; contains: part of a text, in any case; words: "
        "every word is there, of title or text.",
    )
    value: Any = None

    def condition(self) -> Condition:
        """As the search takes it."""
        value = tuple(self.value) if self.op == "range" and isinstance(self.value, list) else self.value
        return Filter(self.field, self.op, value)


class AllIn(Body):
    """Conditions that must all hold."""

    all: list[ConditionIn] = Field(max_length=1000)

    def condition(self) -> Condition:
        """As the search takes it."""
        return All([one.condition() for one in self.all])


class AnyIn(Body):
    """Conditions of which one must hold."""

    any: list[ConditionIn] = Field(max_length=1000)

    def condition(self) -> Condition:
        """As the search takes it."""
        return AnyOf([one.condition() for one in self.any])


class NotIn(Body):
    """A condition that must not hold."""

    inner: ConditionIn = Field(alias="not")

    def condition(self) -> Condition:
        """As the search takes it."""
        return Not(self.inner.condition())


def _kind(said: Any) -> str:
    """Which of the conditions is meant."""
    if isinstance(said, dict):
        return next((name for name in ("all", "any", "not") if name in said), "field")
    return next(
        (name for kind, name in ((AllIn, "all"), (AnyIn, "any"), (NotIn, "not")) if isinstance(said, kind)), "field"
    )


ConditionIn = Annotated[
    Annotated[FilterIn, Tag("field")]
    | Annotated[AllIn, Tag("all")]
    | Annotated[AnyIn, Tag("any")]
    | Annotated[NotIn, Tag("not")],
    Discriminator(_kind),
]
for _model in (AllIn, AnyIn, NotIn):
    _model.model_rebuild()


class SortIn(Body):
    """An order of results."""

    field: str = Field(min_length=1, max_length=500, description="A metadata key, score, or any other but text.")
    descending: bool = False


class FacetIn(Body):
    """Values of a field that are counted."""

    field: str = Field(min_length=1, max_length=500, description="A metadata key, or any other field but text.")
    limit: int = Field(default=10, ge=0, le=10_000, description="Only the most frequent ones.")


class SearchIn(Body):
    """A search."""

    query: str = Field(
        default="", max_length=4096, description='Words, "phrases", +must, -not, prefix*; empty: everything.'
    )
    index: str = Field(default=DEFAULT_INDEX, description="Name or id of an index.")
    filters: list[ConditionIn] = Field(default_factory=list, max_length=50, description="All must hold.")
    sort: list[SortIn] = Field(
        default_factory=list, max_length=10, description="Empty: by rank. Several: the next decides among equals."
    )
    facets: list[FacetIn] = Field(default_factory=list, max_length=50)
    user: str | None = Field(
        default=None, max_length=500, description="On behalf of whom: finds what that user may see."
    )
    groups: list[str] = Field(default_factory=list, max_length=1000, description="The groups of that user.")
    unrestricted: bool = Field(default=False, description="Also documents that only some may see, whoever they are.")
    limit: int = Field(default=10, ge=0, le=1000, description="0: only count.")
    offset: int = Field(default=0, ge=0, le=10_000)
    highlight: list[str] | None = Field(
        default=None, min_length=2, max_length=2, description='Put around each match in snippets: ["<b>", "</b>"].'
    )
    snippet_chars: int = Field(default=240, ge=0, le=5000)

    def request(self) -> Request:
        """As the search takes it."""
        before, after = self.highlight or ("", "")
        return Request(
            text=self.query,
            limit=self.limit,
            offset=self.offset,
            filters=[one.condition() for one in self.filters],
            sort=[Sort(one.field, one.descending) for one in self.sort],
            facets=[Facet(one.field, one.limit) for one in self.facets],
            reader=Reader(self.user, tuple(self.groups), self.unrestricted),
            highlight=(before, after),
            snippet_chars=self.snippet_chars,
        )


_FILTERS: Final[TypeAdapter[Any]] = TypeAdapter(ConditionIn)


def hit_shape(hit: Hit) -> dict[str, Any]:
    """One result."""
    return {
        "id": hit.id,
        "title": hit.title,
        "score": round(hit.score, 4),
        "snippet": hit.snippet,
        "metadata": hit.metadata,
        "connector": hit.connector,
        "url": hit.url,
    }


def results_shape(results: Results, index: str) -> dict[str, Any]:
    """The answer of a search; `total` counts every match."""
    shape = {"index": index, "total": results.total, "results": [hit_shape(hit) for hit in results.hits]}
    return {**shape, "facets": facets_shape(results)} if results.facets else shape


def facets_shape(results: Results) -> dict[str, Any]:
    """How often each value is there, by field."""
    return {
        field: [{"value": value, "count": count} for value, count in pairs] for field, pairs in results.facets.items()
    }


def _search(call: Call, wanted: SearchIn) -> Response:
    with call.room() as room:
        held = visible(call, room, wanted.index)
        if held.name not in room.indexes():
            nothing = Results(facets={one.field: () for one in wanted.facets})
            return answered(results_shape(nothing, held.name))
        results = searching.search(room, held.name, wanted.request(), patience_s=PATIENCE_S)
    return answered(results_shape(results, held.name))


@operations("POST", "/v1/search", "Search", scope=Scope.READ, answers="Results", changes=False, tells=(404,))
def search(call: Call, body: SearchIn) -> Response:
    """Ranked results. Documents that only some may see are found on behalf of one of those, or unrestricted. What a
    job has written is found when it has ended; while it runs, what it has written so far may be."""
    return _search(call, body)


@operations("GET", "/v1/search", "Search by URL", scope=Scope.READ, answers="Results", tells=(404,))
def search_by_url(
    call: Call,
    q: Annotated[str, Query(max_length=4096, description="As `query` of POST.")] = "",
    index: Annotated[str, Query(description="Name or id of an index.")] = DEFAULT_INDEX,
    filter: Annotated[
        list[str] | None,
        Query(
            max_length=50, description='A condition as JSON: {"field": "lang", "op": "eq", "value": "de"}. Repeatable.'
        ),
    ] = None,
    user: Annotated[str | None, Query(max_length=500, description="On behalf of whom.")] = None,
    group: Annotated[list[str] | None, Query(max_length=1000, description="A group of that user. Repeatable.")] = None,
    unrestricted: Flag = False,
    limit: Annotated[Whole, Query(ge=0, le=1000)] = 10,
    offset: Annotated[Whole, Query(ge=0, le=10_000)] = 0,
    highlight: Annotated[list[str] | None, Query(min_length=2, max_length=2, description="Before, and after.")] = None,
    snippet_chars: Annotated[Whole, Query(ge=0, le=5000)] = 240,
) -> Response:
    """The same as POST, for what fits into a URL."""
    wanted = SearchIn(
        query=q,
        index=index,
        filters=[_filter(said) for said in filter or ()],
        user=user,
        groups=group or [],
        unrestricted=unrestricted,
        limit=limit,
        offset=offset,
        highlight=highlight,
        snippet_chars=snippet_chars,
    )
    return _search(call, wanted)


def _filter(said: str) -> Any:
    from syncline.server.bodies import parsed

    try:
        return _FILTERS.validate_python(parsed(said.encode("utf-8", "surrogatepass")))
    except (ValidationError, problems.RequestError) as error:
        words = "must be a condition as JSON: " + json.dumps({"field": "lang", "op": "eq", "value": "de"})
        raise problems.RequestInvalid(f"filter {words}", fields={"filter": words}) from error
