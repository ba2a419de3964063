"""Documents from a bucket of an object store.

    list pages ──▶ pair with metadata files ──▶ rules ──▶ Page (key, version)      one request for 1,000 objects
    entries ──▶ 16 workers ──▶ Document                                            one request for each that changed

The promises between the arrows: a listing counts only when every page of it is whole and in order, else nothing is
deleted; a version changes with the object, its metadata file and its access list; a body is whole or is not taken;
what is under way at any time is bounded in number and in bytes; nothing waits that cannot be interrupted.
"""

from __future__ import annotations

from syncline.sources.kinds import SourceKind

KIND = SourceKind(
    name="s3",
    title="Object store (S3)",
    config="syncline.sources.s3.config:S3Config",
    open="syncline.sources.s3.source:S3Source",
    identity=("bucket", "endpoint_url", "prefixes"),
)

__all__ = ["KIND"]
