"""Query and Retrieve.

    QueryText ─▶ words of ours    AttributeFilter ─▶ conditions    UserContext ─▶ reader
                       └────────────── one search ──────────────┘
    hits ─▶ documents with highlights (Query), passages of them (Retrieve)

Only the first hundred results can be reached; the total counts all of them.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

from syncline.dialects.kendra.attributes import Attributes, uri_of
from syncline.dialects.kendra.counting import count_facets, facets_of
from syncline.dialects.kendra.ground import Function, Ground, Place, Request, invalid
from syncline.dialects.kendra.narrowing import Narrowed, narrowed
from syncline.dialects.kendra.phrasing import Phrased, phrased
from syncline.dialects.kendra.readers import reader_of
from syncline.model.search import Condition, Facet, Hit, Reader, Results, Sort
from syncline.model.search import Request as Search
from syncline.service import searching
from syncline.service.passages import passages

REACHABLE: Final = 100
PAGE_SIZE: Final = 10
EXCERPT_CHARS: Final = 300
MOST_CHARS: Final = 2048  # of a title or an excerpt
MOST_SORTS: Final = 3
PASSAGES: Final = 3  # of one document
AT_ONCE: Final = 10  # documents whose whole texts are read at once
PATIENCE_S: Final = 0.1
MOST_OTHERS: Final = 10_000
_CONFIDENCES: Final = ((0.8, "VERY_HIGH"), (0.55, "HIGH"), (0.3, "MEDIUM"), (0.0, "LOW"))
_BY_RANK: Final = Sort("score", descending=True)


def operations(ground: Ground) -> dict[str, Function]:
    """The two."""
    return {"Query": partial(query, ground), "Retrieve": partial(retrieve, ground)}


class Question(NamedTuple):
    """A request, understood."""

    place: Place
    attributes: Attributes
    phrased: Phrased
    narrowed: Narrowed
    reader: Reader
    requested: Sequence[str] | None
    offset: int
    limit: int

    def search(
        self, *, sort: Sequence[Sort] = (), facets: Sequence[Facet] = (), also: Condition | None = None, **more: Any
    ) -> Results:
        """One search for it; with `also`, what the documents must be like besides."""
        return ask(
            self.place,
            Search(
                text=self.phrased.text,
                filters=[self.narrowed.condition, *([] if also is None else [also])],
                reader=self.reader,
                sort=sort,
                facets=facets,
                **more,
            ),
        )

    def best(self) -> float:
        """The score of the result that answers best."""
        found = self.search(limit=1).hits
        return found[0].score if found else 0.0


def ask(place: Place, search: Search) -> Results:
    """A search of the index; nothing, while there are no documents."""
    if place.index.name not in place.room.indexes():
        return Results(facets={one.field: () for one in search.facets})
    return searching.search(place.room, place.index.name, search, patience_s=PATIENCE_S)


def understood(ground: Ground, place: Place, request: Request) -> Question:
    """Raises ValidationException."""
    offset, limit = _page(request)
    attributes = Attributes(place)
    requested = request.get("RequestedDocumentAttributes")
    for key in requested or ():
        attributes.field(key)
    for one in request.get("DocumentRelevanceOverrideConfigurations", ()):
        attributes.field(one["Name"])
    narrow = narrowed(request.get("AttributeFilter"), attributes, partial(_others, place, attributes))
    reader = reader_of(ground, place, request, narrow.people)
    said = request.get("QueryText", "")
    text = phrased(said)
    if said.strip() and not text.text:
        text = text._replace(text='"')  # nothing but signs: it finds nothing, instead of everything
    return Question(place, attributes, text, narrow, reader, requested, offset, limit)


def _page(request: Request) -> tuple[int, int]:
    number, size = request.get("PageNumber", 1), request.get("PageSize", PAGE_SIZE)
    if number < 1 or size < 1:
        raise invalid("PageNumber and PageSize must be 1 or more.")
    size = min(size, REACHABLE)
    offset = min((number - 1) * size, REACHABLE)
    return offset, min(size, REACHABLE - offset)


def _others(place: Place, attributes: Attributes, key: str, texts: Sequence[str]) -> list[str]:
    """The values that the field has beside these, in all documents."""
    field = attributes.ours(key)
    search = Search(limit=0, reader=Reader(unrestricted=True), facets=[Facet(field, MOST_OTHERS)])
    found = [value for value, _ in ask(place, search).facets[field] if value not in texts]
    if len(found) + len(texts) > MOST_OTHERS:
        raise invalid(f"The field {key} has too many values for EqualsTo on a list; use ContainsAll.")
    return found


# --- Query -----------------------------------------------------------------------------------------------------------


def query(ground: Ground, request: Request) -> dict[str, Any]:
    """Documents, with facets."""
    if request.get("CollapseConfiguration") is not None:
        raise invalid("CollapseConfiguration is not supported here.")
    with ground.at(request, request["IndexId"]) as place:
        question = understood(ground, place, request)
        asked = facets_of(request.get("Facets", ()), question.attributes)
        order = _order(request, question)
        found, items = Results(facets={one.field: () for one in asked.ours}), []
        id = str(uuid.uuid4())
        if request.get("QueryResultTypeFilter", "DOCUMENT") == "DOCUMENT":
            found = question.search(
                sort=order,
                facets=asked.ours,
                limit=question.limit,
                offset=question.offset,
                snippet_chars=EXCERPT_CHARS,
            )
            confidence = _Confidence(found, question, bool(order))
            items = [_item(id, hit, question, confidence) for hit in found.hits]
        return {
            "QueryId": id,
            "ResultItems": items,
            "FacetResults": count_facets(asked, found, question.attributes, question.search),
            "TotalNumberOfResults": found.total,
            "Warnings": question.phrased.warnings,
            "SpellCorrectedQueries": [],
        }


def _order(request: Request, question: Question) -> list[Sort]:
    one, several = request.get("SortingConfiguration"), request.get("SortingConfigurations")
    if one is not None and several is not None:
        raise invalid("Give SortingConfiguration or SortingConfigurations, not both.")
    wanted: Sequence[Mapping[str, Any]] = several or ([one] if one is not None else [])
    if len(wanted) > MOST_SORTS:
        raise invalid(f"SortingConfigurations has more than {MOST_SORTS} fields.")
    order = []
    for each in wanted:
        key = each["DocumentAttributeKey"]
        if not question.attributes.field(key).sortable:
            raise invalid(f"The field {key} is not Sortable.")
        order.append(Sort(question.attributes.ours(key), each["SortOrder"] == "DESC"))
    return [*order, _BY_RANK] if order and question.phrased.text else order


class _Confidence:
    """How well a result answers, compared with the one that answers best."""

    def __init__(self, found: Results, question: Question, sorted: bool) -> None:
        scores = [hit.score for hit in found.hits]
        first = not sorted and question.offset == 0
        self._best = 0.0 if not any(scores) else max(scores) if first else max(question.best(), *scores, 0.0)

    def of(self, score: float) -> dict[str, Any]:
        """ScoreAttributes."""
        if self._best <= 0.0:
            return {"ScoreConfidence": "NOT_AVAILABLE"}
        part = score / self._best
        return {"ScoreConfidence": next(name for least, name in _CONFIDENCES if part >= least)}


def _item(query_id: str, hit: Hit, question: Question, confidence: _Confidence) -> dict[str, Any]:
    title = _title(hit, question)
    return {
        **_identified(query_id, hit, question),
        "Type": "DOCUMENT",
        "Format": "TEXT",
        "AdditionalAttributes": [],
        "DocumentTitle": _highlighted(title, hit.title_matches),
        "DocumentExcerpt": _highlighted(hit.snippet or title, hit.snippet_matches),
        "ScoreAttributes": confidence.of(hit.score),
        "FeedbackToken": base64.b64encode(uuid.uuid4().bytes).decode(),
    }


def _identified(query_id: str, hit: Hit, question: Question) -> dict[str, Any]:
    return {
        "Id": f"{query_id}-{uuid.uuid4()}",
        "DocumentId": question.attributes.document_id(hit),
        "DocumentURI": uri_of(hit),
        "DocumentAttributes": question.attributes.shown(hit, question.requested),
    }


def _title(hit: Hit, question: Question) -> str:
    """Clients take it for granted that there is one: without it, the last part of the id."""
    id = question.attributes.document_id(hit)
    return hit.title or id.rstrip("/").rpartition("/")[2] or id


def _highlighted(text: str, found: Iterable[tuple[int, int]]) -> dict[str, Any]:
    marks = [
        {"BeginOffset": begin, "EndOffset": end, "TopAnswer": False, "Type": "STANDARD"}
        for begin, end in found
        if end <= MOST_CHARS
    ]
    return {"Text": text[:MOST_CHARS], "Highlights": marks}


# --- Retrieve --------------------------------------------------------------------------------------------------------


def retrieve(ground: Ground, request: Request) -> dict[str, Any]:
    """Passages, by how well their documents answer, then by how much of the question is in them."""
    with ground.at(request, request["IndexId"]) as place:
        question = understood(ground, place, request)
        id, end = str(uuid.uuid4()), question.offset + question.limit
        items: list[dict[str, Any]] = []
        best, place_of = 0.0, 0
        while len(items) < end and place_of < REACHABLE:
            hits = question.search(limit=AT_ONCE, offset=place_of, whole=True, snippet_chars=0).hits
            for hit in hits:
                best = max(best, hit.score)
                items += _passages(id, hit, question, best)
            place_of += AT_ONCE
            if len(hits) < AT_ONCE:
                break
        return {"QueryId": id, "ResultItems": items[question.offset : end]}


def _passages(query_id: str, hit: Hit, question: Question, best: float) -> list[dict[str, Any]]:
    """Those of one document; a document without text has none."""
    found = passages(hit.text, question.phrased.text, PASSAGES)
    most = max((one.different for _, one in found), default=0)
    return [
        {
            **_identified(query_id, hit, question),
            "DocumentTitle": _title(hit, question),
            "Content": content,
            "ScoreAttributes": _of_passage(hit.score / best if best else 0.0, one.different / most if most else 1.0),
        }
        for content, one in found
    ]


def _of_passage(document: float, part: float) -> dict[str, Any]:
    if document <= 0.0:
        return {"ScoreConfidence": "NOT_AVAILABLE"}
    return {"ScoreConfidence": next(name for least, name in _CONFIDENCES if document * part >= least)}
