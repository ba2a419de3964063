"""Single objects of a bucket, read for somebody who names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from syncline.model.documents import Document
from syncline.model.errors import DocumentRejected, SynclineError
from syncline.model.news import Entry, Gone, Refused
from syncline.model.ports import ListingSource
from syncline.service import connectors, jobs
from syncline.wiring import Installation


def read(
    installation: Installation, bucket: str, keys: Sequence[str], *, region: str = "", max_bytes: int
) -> Mapping[str, Document | SynclineError]:
    """What lies under those keys of a bucket of S3, with the credentials of this machine; or why it cannot be had.
    Raises ConfigInvalid, CredentialsInvalid and SourceUnavailable, which concern all of them."""
    settings = {"bucket": bucket, "region": region, "max_bytes": max_bytes}
    source = jobs.open_source(installation, connectors.draft(None, "s3", settings))
    assert isinstance(source, ListingSource)
    found: dict[str, Document | SynclineError] = {}
    for answer in source.fetch([Entry(key, None) for key in dict.fromkeys(keys)]):
        if isinstance(answer, Document):
            found[answer.id] = answer
        elif isinstance(answer, Refused):
            found[answer.id] = answer.error
        elif isinstance(answer, Gone):
            found[answer.id] = DocumentRejected(f"there is no object {answer.id!r:.200} in the bucket {bucket}")
    return found
