"""Documents from a web site, by following its links or its site maps.

    seeds, site maps ──▶ level by level: robots.txt ──▶ pace ──▶ conditional GET ──▶ links ──▶ the next level
                                                                     │
    Page (url, version)  ◀── 304: as remembered ── 200: hash of what came (the body waits in a spool)
    entries ──▶ fetch ──▶ Document         from the spool, or read again

The promises between the arrows: nothing is asked of an address that must not be called, on any hop; a page counts as
gone only when its server says so, or when everything that could link to it was read and does not; what cannot be
reached, or was cut off by a limit, deletes nothing; a page that is as it was costs one answer without a body; what is
held in memory is bounded by the settings, and nothing waits that cannot be interrupted.
"""

from __future__ import annotations

from syncline.sources.kinds import SourceKind

KIND = SourceKind(
    name="web",
    title="Web site",
    config="syncline.sources.web.config:WebConfig",
    open="syncline.sources.web.source:WebSource",
    identity=("urls", "sitemaps", "scope"),
)

__all__ = ["KIND"]
