"""What can be wrong with SiteWise, in words for people. Of what AWS says only its short codes are repeated here: a
message may quote the request."""

from __future__ import annotations

import re

from syncline.model.errors import (
    Category,
    ConfigInvalid,
    CredentialsInvalid,
    DocumentRejected,
    SourceUnavailable,
    SynclineError,
)
from syncline.model.news import Refused

EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"})
WRONG = frozenset(
    {
        "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "InvalidClientTokenId", "NotSignedUp",
        "UnrecognizedClientException", "InvalidSignatureException", "MissingAuthenticationTokenException",
        "IncompleteSignatureException", "AuthFailure", "MissingAuthenticationToken", "IncompleteSignature",
    }
)  # fmt: skip
_WORD = re.compile(r"[A-Za-z0-9._]{1,64}")


class AccessDenied(SourceUnavailable):
    """Something of SiteWise may not be read with these credentials."""

    code = "permission.denied"
    category = Category.PERMISSION
    default_remedy = (
        "Allow iotsitewise:ListAssetModels, DescribeAssetModel, ListAssetModelProperties, ListAssets, "
        "ListAssociatedAssets and DescribeAsset."
    )


def word(code: str) -> str:
    """A server's short code, if it looks like one."""
    return code if _WORD.fullmatch(code) else "an unknown error"


def credentials_refused(where: str, code: str) -> CredentialsInvalid:
    """The signature is not accepted."""
    if code in EXPIRED:
        return CredentialsInvalid(
            f"The credentials for {where} have expired ({code}).",
            code="credentials.expired",
            remedy="Give the connector new credentials, or leave them out and let the environment provide them.",
        )
    return CredentialsInvalid(f"The credentials for {where} are not accepted ({word(code)}).")


def no_credentials(where: str, reason: str = "none in the settings, the environment or the usual files") -> Exception:
    """Nothing to sign with."""
    return CredentialsInvalid(
        f"There are no credentials for {where}: {reason}.",
        code="credentials.missing",
        remedy="Set access_key_id and secret_access_key, name a profile, or set AWS_ACCESS_KEY_ID for the server.",
    )


def extra_missing() -> ConfigInvalid:
    """botocore is not installed."""
    return ConfigInvalid(
        "Reading SiteWise needs a package that is not installed.",
        code="source.extra_missing",
        remedy="pip install 'syncline[aws]'",
    )


def no_region() -> ConfigInvalid:
    """Nobody says which region is meant."""
    return ConfigInvalid(
        "The settings of sitewise are wrong: region is empty, and the environment names none.",
        remedy="Set region, or AWS_REGION in the environment.",
    )


def denied(where: str, operation: str) -> AccessDenied:
    """A role lacks an action."""
    return AccessDenied(f"{operation} on {where} is not allowed with these credentials.")


def unreachable(where: str, reason: str) -> SourceUnavailable:
    """Nobody answers, or not properly, after every try."""
    return SourceUnavailable(f"{where} cannot be read: {reason}.", code="source.unreachable")


def damaged(where: str, reason: str) -> SourceUnavailable:
    """An answer that cannot be right."""
    return SourceUnavailable(
        f"What {where} answers cannot be trusted: {reason}. Nothing is deleted because of it.",
        code="source.listing_damaged",
        remedy="Run the job again. If it stays so, look at what stands between Syncline and SiteWise.",
    )


def too_many(where: str, most: int) -> ConfigInvalid:
    """More assets than the settings allow."""
    return ConfigInvalid(
        f"{where} has more than {most:,} assets.",
        code="config.too_many_assets",
        remedy="Raise the connector's max_assets, if there is memory for it: about 1 KB each.",
    )


def interrupted(where: str) -> SourceUnavailable:
    """Somebody asked to stop."""
    return SourceUnavailable(
        f"Reading {where} was interrupted.", code="source.interrupted", remedy="Run the job again."
    )


def refused(id: str, error: SynclineError) -> Refused:
    """One document cannot be taken now."""
    rejected = DocumentRejected(error.message, code="document.unreadable", remedy="The next job tries it again.")
    return Refused(id, rejected)


def name_taken(id: str, name: str, holder: str) -> Refused:
    """A sibling has the name."""
    return Refused(
        id,
        DocumentRejected(
            f"Its name {name!r} is that of {holder}, below the same parent.",
            code="twin.name_taken",
            remedy="Rename one of the two in SiteWise.",
        ),
        "decide",
    )


def id_taken(id: str) -> Refused:
    """An entity of that id was made by hand."""
    return Refused(
        id,
        DocumentRejected(
            f"An entity with the id {id} was made by hand in this workspace.",
            code="twin.id_taken",
            remedy="Delete that entity; the next pass takes the asset.",
        ),
        "decide",
    )
