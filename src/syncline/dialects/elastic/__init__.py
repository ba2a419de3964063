"""Elasticsearch's words: its Connector API, and as much of the rest as a worker and a reader of the result need.

    transport    bytes to calls and back: keys, media types, routes, errors
      routing    which function a path means             bodies     JSON in and out
      parsing    bodies held against what is understood  refusals   how this dialect says no

    connectors   made, read, listed, deleted; changes, sync_jobs and secrets are the rest of the Connector API
      books      their documents, stored and live        sealing    secrets in them
      linking    the connector of ours behind one        sources    service types and settings, theirs and ours
      timetable  schedules                               watching   what happens by time
      fields, blank, direct, rules, merging, live, words, stamps

    hosting      indexes, documents and search, and the system indices over the same books
      indices    names of indexes, theirs and ours

docs/dialects/elastic.md and docs/dialects/elasticsearch.md say what clients see.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncline.dialects.elastic.transport import Elastic

if TYPE_CHECKING:
    from syncline.dialects.host import Host


def build(host: Host) -> Elastic:
    """The application at /elastic."""
    from syncline.dialects.elastic import connectors, hosting  # the clockwork imports neither

    return Elastic(host, [*connectors.routes(host), *hosting.routes(host)])
