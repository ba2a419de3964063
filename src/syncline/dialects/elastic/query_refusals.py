"""Why a search cannot be answered, in the words of this dialect. A refusal is better than a wrong result."""

from __future__ import annotations

from syncline.dialects.elastic.refusals import Refused, illegal


def unsupported(what: str, instead: str = "") -> Refused:
    """A feature that is not served here."""
    return illegal(f"{what} is not supported here" + (f": {instead}" if instead else ""))


def unparsed(reason: str) -> Refused:
    """A query that cannot be understood."""
    return Refused(400, "parsing_exception", reason)


def unfit(reason: str) -> Refused:
    """A query that does not fit the field it asks."""
    return Refused(400, "query_shard_exception", f"failed to create query: {reason}")
