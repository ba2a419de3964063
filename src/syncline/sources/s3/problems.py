"""What can be wrong with a bucket, in words for people. Nothing a server says is repeated here but its short codes:
an answer may quote the request, and the request holds a session token."""

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

_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"})
_WRONG = frozenset(
    {
        "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "AuthorizationHeaderMalformed",
        "InvalidSecurity", "InvalidClientTokenId", "UnrecognizedClientException", "NotSignedUp",
        "AccountProblem", "InvalidSignature", "MissingAuthenticationToken", "AuthFailure", "AuthenticationFailed",
    }
)  # fmt: skip
_WORD = re.compile(r"[A-Za-z0-9.]{1,64}")


class AccessDenied(SourceUnavailable):
    """The bucket, or a part of it, may not be read with these credentials."""

    code = "permission.denied"
    category = Category.PERMISSION
    default_remedy = "Allow s3:ListBucket on the bucket and s3:GetObject on what is in it."


def word(code: str) -> str:
    """A server's short code, if it looks like one."""
    return code if _WORD.fullmatch(code) else ""


def answer(status: int, code: str) -> str:
    """How a server answered, for a message."""
    return f"status {status}" + (f" ({word(code)})" if word(code) else "")


def credentials_problem(where: str, status: int, code: str) -> CredentialsInvalid | None:
    """What is wrong with the credentials, if that is what the answer says."""
    if code in _EXPIRED:
        return CredentialsInvalid(
            f"The credentials for {where} have expired ({code}).",
            code="credentials.expired",
            remedy="Give the connector new credentials, or leave them out and let the environment provide them.",
        )
    if code in _WRONG or status == 401:
        told = answer(status, code)
        return CredentialsInvalid(f"The credentials for {where} are not accepted: {told}.")
    return None


def no_credentials(where: str) -> CredentialsInvalid:
    """The settings name none, and the usual places hold none."""
    return CredentialsInvalid(
        f"There are no credentials for {where}: none in the settings, the environment or the usual files.",
        code="credentials.missing",
        remedy="Set access_key_id and secret_access_key, name a profile, or set anonymous for a public bucket.",
    )


def extra_missing(what: str) -> ConfigInvalid:
    """A package that only some settings need is not installed."""
    return ConfigInvalid(
        f"{what} needs a package that is not installed.",
        code="source.extra_missing",
        remedy="pip install 'syncline[s3]'",
    )


def bucket_missing(where: str) -> SourceUnavailable:
    """There is no bucket of that name there."""
    return SourceUnavailable(
        f"There is no bucket {where}.",
        code="source.bucket_missing",
        remedy="Correct the connector's bucket, region or endpoint_url.",
    )


def access_denied(what: str) -> AccessDenied:
    """Status 403 for a bucket, a prefix, or a file that everything depends on."""
    return AccessDenied(f"{what} may not be read with these credentials.")


def unreachable(where: str, reason: str) -> SourceUnavailable:
    """Nobody answers, or not properly, after every try."""
    return SourceUnavailable(f"{where} cannot be read: {reason}.", code="source.unreachable")


def wrong_region(where: str, region: str) -> ConfigInvalid:
    """The endpoint that was given serves another region than the bucket is in."""
    told = f" It is in {region}." if region else ""
    return ConfigInvalid(
        f"{where} cannot be read from this endpoint.{told}",
        code="config.wrong_region",
        remedy="Correct region or endpoint_url.",
    )


def listing_damaged(where: str, reason: str) -> SourceUnavailable:
    """A page of the listing cannot be right, however often it is asked for."""
    return SourceUnavailable(
        f"The listing of {where} cannot be trusted: {reason}. Nothing is deleted because of it.",
        code="source.listing_damaged",
        remedy="Run the job again. If it stays so, look at what stands between Syncline and the store.",
    )


def key_unusable(where: str, key: str) -> SourceUnavailable:
    """An object whose key cannot be the id of a document."""
    return SourceUnavailable(
        f"The key {key[:60]!r} in {where} cannot be the id of a document.",
        code="source.key_unusable",
        remedy="Rename the object, or exclude it.",
    )


def access_file_problem(where: str, key: str, reason: str) -> SynclineError:
    """The file that says who may see what cannot be used; nothing is read without it."""
    return SourceUnavailable(
        f"The access list {key} in {where} cannot be used: {reason}. Nothing is taken without it.",
        code="source.access_list_unusable",
        remedy="Correct the file, or the connector's acl_file.",
    )


def interrupted(where: str) -> SourceUnavailable:
    """Somebody asked to stop."""
    return SourceUnavailable(
        f"Reading {where} was interrupted.", code="source.interrupted", remedy="Run the job again."
    )


# --- one document ----------------------------------------------------------------------------------------------------

_REMEDIES = {
    "document.archived": "Restore the object, or exclude it.",
    "document.too_large": "Raise the connector's max_bytes, or exclude the object.",
    "document.metadata_invalid": "Correct the metadata file; the next job tries the document again.",
}


def refused(id: str, reason: str, code: str = "document.unreadable") -> Refused:
    """One document cannot be taken now."""
    remedy = _REMEDIES.get(code, "See that the object can be read, or exclude it. The next job tries it again.")
    return Refused(id, DocumentRejected(reason, code=code, remedy=remedy))


def too_large(id: str, size: int, limit: int) -> Refused:
    """It has grown since it was listed, or while it was unpacked."""
    return refused(id, f"The object has {size} bytes or more, more than max_bytes = {limit}.", "document.too_large")
