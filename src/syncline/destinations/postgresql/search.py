"""One search: conditions and words become one WHERE; the rows of a page become hits with snippets.

Orders and facets are those of the embedded index. The rank is PostgreSQL's `ts_rank`, a title counting two and a half
times: it orders much as BM25 does, with other numbers. Among equals, what was written earlier comes first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from syncline.destinations.embedded.query import parse
from syncline.destinations.embedded.snippets import Wanted, snippet
from syncline.destinations.postgresql.conditions import TEXTS, Compiler, check_size
from syncline.destinations.postgresql.rows import clean
from syncline.destinations.postgresql.table import Table, literal
from syncline.destinations.postgresql.words import compiled
from syncline.model.errors import UsageError
from syncline.model.search import Facet, Hit, Request, Results, Sort

MAX_LIMIT, MAX_OFFSET = 1000, 10_000
_MARKS: Final = ("\x02", "\x03")
_NO_MARKS: Final = str.maketrans("", "", "".join(_MARKS))
_RANK: Final = "ts_rank('{0.4, 0.4, 0.4, 1.0}', search, %s, 1)"
_VALUES: Final = '? (@.type() == "string" || @.type() == "number" || @.type() == "boolean")'


class Search:
    """A request, understood. Raises UsageError for one that makes no sense, or cannot be answered here."""

    def __init__(self, table: Table, request: Request, connectors: Mapping[int, str]) -> None:
        if not (0 <= request.limit <= MAX_LIMIT and 0 <= request.offset <= MAX_OFFSET):
            raise UsageError(
                f"limit {request.limit} and offset {request.offset} are out of range.",
                remedy=f"Ask for 0 to {MAX_LIMIT} results, from offset 0 to {MAX_OFFSET:,}.",
            )
        self._table = table
        self._request = request
        self._connectors = connectors
        language = f"{literal(table.language)}::regconfig" if table.searched else None
        check_size(request.filters)
        compiler = self._compiler = Compiler(connectors, language)
        words = self._words = compiled(parse(request.text))
        self._wanted: Sequence[Wanted] = words.wanted if words else []
        conditions = [compiler.access(request.reader), *map(compiler.condition, request.filters)]
        if words and words.matching:
            conditions.append(compiler.matches(words.matching))
        self._where = " and ".join(conditions)
        self._asked = len(compiler.parameters)  # so many belong to the conditions
        self._rank = _RANK % compiler.question(words.ranking) if words and words.ranking else "0.0::real"
        self._order = ", ".join([*(self._sorted(one) for one in request.sort), *self._usual_order()])

    async def answer(self, connection: Any) -> Results:
        """The page of results asked for, of one snapshot."""
        if self._words is None:
            return Results()
        asked = self._compiler.parameters[: self._asked]
        total = await connection.fetchval(f"select count(*) from {self._table.quoted} where {self._where}", *asked)
        facets = {one.field: await self._facet(connection, one) for one in self._request.facets}
        if not self._request.limit:
            return Results(total, [], facets)
        rows = await connection.fetch(self._page(), *self._compiler.parameters)
        wanted = await self._stems(connection)
        return Results(total, [self._hit(row, wanted) for row in rows], facets)

    def _page(self) -> str:
        return (
            "select connector, id, title, body, metadata::text, media_type, url, allow, deny, rank from ("
            f"select *, {self._rank} as rank from {self._table.quoted} where {self._where}) found"
            f" order by {self._order} limit {self._request.limit} offset {self._request.offset}"
        )

    # --- order --------------------------------------------------------------------------------------------------------

    def _usual_order(self) -> list[str]:
        rank = ["rank desc"] if self._words and self._words.ranking else []
        return [*rank, "written", "connector", 'id collate "C"']

    def _sorted(self, one: Sort) -> str:
        way = "desc nulls last" if one.descending else "nulls last"
        if one.field == "score":
            return f"rank {way}"
        if one.field == "connector":
            named = sorted(self._connectors, key=lambda number: self._connectors[number])
            return f"array_position({self._compiler.given(named)}::bigint[], connector) {way}"
        if one.field == "text":
            raise UsageError("Results cannot be sorted by their texts.", remedy="Sort by another field, such as title.")
        if one.field in TEXTS:
            return f"nullif({TEXTS[one.field]}, '') collate \"C\" {way}"
        best = "max" if one.descending else "min"
        keys = [
            self._best(best, "metadata", one.field, "number", "::numeric"),
            self._best(best, "dates", one.field, "number", "::numeric"),
            self._best(best, "metadata", one.field, "string", ' collate "C"'),
            self._best(best, "metadata", one.field, "boolean", ' collate "C"'),
        ]
        return ", ".join([f"{key} {way}" for key in keys])

    def _best(self, best: str, column: str, field: str, kind: str, as_what: str) -> str:
        """Of the values of that kind, the one that comes first."""
        path = self._compiler.given(f'$.{json.dumps(clean(field))}[*] ? (@.type() == "{kind}")')
        values = f"jsonb_path_query({column}, {path}::jsonpath, '{{}}', true) value"
        return f"(select {best}((value #>> '{{}}'){as_what}) from {values})"

    # --- facets -------------------------------------------------------------------------------------------------------

    async def _facet(self, connection: Any, one: Facet) -> list[tuple[Any, int]]:
        """The most frequent values among all matches, each counted once for a document."""
        asked = self._compiler.parameters[: self._asked]
        table, where, limit = self._table.quoted, self._where, max(0, one.limit)
        if one.field in TEXTS or one.field == "connector":
            column = TEXTS.get(one.field, "connector")
            some = f" and {column} <> ''" if one.field in TEXTS else ""
            counted = f"select {column}, count(*) from {table} where {where}{some}"
            rows = await connection.fetch(f"{counted} group by 1 order by 2 desc, 1 limit {limit}", *asked)
            named = self._connectors if one.field == "connector" else {}
            return [(named.get(value, value) if named else value, count) for value, count in rows]
        path = f"$.{json.dumps(clean(one.field))}[*] {_VALUES}"
        each = f"jsonb_path_query(metadata, ${len(asked) + 1}::jsonpath, '{{}}', true)"
        rows = await connection.fetch(
            f"select value::text, count(*) from (select distinct connector, id, value from {table},"
            f" lateral {each} as value where {where}) found group by value order by 2 desc, value limit {limit}",
            *asked,
            path,
        )
        return [(json.loads(value), count) for value, count in rows]

    # --- hits ---------------------------------------------------------------------------------------------------------

    async def _stems(self, connection: Any) -> Sequence[Wanted]:
        """What to mark: in a language, every word that begins as those that were asked for."""
        if self._table.language == "simple" or not self._wanted:
            return self._wanted
        tokens = sorted({token for one in self._wanted for token in one.tokens})
        rows = await connection.fetch(
            f"select (tsvector_to_array(to_tsvector({literal(self._table.language)}::regconfig, token)))[1]"
            " from unnest($1::text[]) token",
            tokens,
        )
        return [Wanted((stem,), prefix=True) for (stem,) in rows if stem]

    def _hit(self, row: Any, wanted: Sequence[Wanted]) -> Hit:
        request = self._request
        number, id, title, body, metadata, media_type, url, allow, deny, rank = row
        extract = snippet(body.translate(_NO_MARKS), wanted, request.snippet_chars, _MARKS)
        _, in_snippet = _places(extract)
        marked = snippet(title.translate(_NO_MARKS), wanted, 4 * len(title) + 20, _MARKS)
        plain_title, in_title = _places(marked)
        return Hit(
            id=id,
            connector=self._connectors.get(number, str(number)),
            score=float(rank),
            title=title,
            snippet=extract.replace(_MARKS[0], request.highlight[0]).replace(_MARKS[1], request.highlight[1]),
            metadata=json.loads(metadata),
            url=url,
            connector_number=number,
            media_type=media_type,
            allow=tuple(allow),
            deny=tuple(deny),
            text=body if request.whole else "",
            title_matches=in_title if plain_title == title else (),
            snippet_matches=in_snippet,
        )


def _places(marked: str) -> tuple[str, tuple[tuple[int, int], ...]]:
    """A text without its marks, and where they were."""
    parts: list[str] = []
    places = []
    at = 0
    for n, part in enumerate(marked.replace(_MARKS[1], _MARKS[0]).split(_MARKS[0])):
        if n % 2:
            places.append((at, at + len(part)))
        parts.append(part)
        at += len(part)
    return "".join(parts), tuple(places)
