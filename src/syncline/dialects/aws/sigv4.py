"""Signature Version 4, from the side that verifies it. Pure: what came in, the secret and the time are arguments.

    read_claim   who says to have signed this, what, and when     ─▶ MissingAuthenticationToken, IncompleteSignature,
                                                                     InvalidSignature (time, scope), RequestExpired
    verify       whether the secret agrees                        ─▶ InvalidSignature

Path, query, Host and headers are taken as they were received, and encoded no further than the rules say. Both forms
are understood: the header Authorization, and the query of a presigned URL. A session token is accepted and means
nothing here; it is signed like any other header. Source: AWS, "Create a signed AWS API request".
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import quote, unquote_plus

from syncline.dialects.aws.faults import Fault

ALGORITHM: Final = "AWS4-HMAC-SHA256"
SKEW_S: Final = 300
PRESIGNED_SKEW_S: Final = 900  # a URL may have been signed by a clock that is this much ahead
MAX_EXPIRES_S: Final = 604_800
UNSIGNED: Final = "UNSIGNED-PAYLOAD"
_STAMP: Final = "%Y%m%dT%H%M%SZ"
_MUST_BE_SIGNED: Final = ("host", "x-amz-target")


@dataclass(slots=True, frozen=True)
class Head:
    """A request without its body, as received. Names of headers are in lower case; path and query are raw."""

    method: str
    path: str
    query: bytes
    headers: tuple[tuple[bytes, bytes], ...]

    def header(self, name: str) -> str | None:
        """All values of that name, as they are signed: trimmed, joined by commas. None when there is none."""
        wanted = name.encode("latin-1", "replace")
        said = [_trimmed(value) for key, value in self.headers if key == wanted]
        return ",".join(said) if said else None


@dataclass(slots=True, frozen=True)
class Claim:
    """What a request says of its own signature. Nothing of it is proved before `verify`."""

    key_id: str
    stamp: str  # like 20261122T093000Z
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    presigned: bool

    @property
    def scope(self) -> str:
        """Where and when the signing key holds."""
        return f"{self.stamp[:8]}/{self.region}/{self.service}/aws4_request"


def read_claim(head: Head, services: Collection[str], now: float) -> Claim:
    """`now` in Unix seconds; `services` are the names a scope may carry, any region will do. Raises Fault."""
    said = head.header("authorization")
    fields = _of_header(head, said) if said else _of_query(head)
    presigned = said is None
    key_id, date, region, service, ending = _credential(fields["Credential"])
    if ending != "aws4_request":
        raise _invalid(f"Credential should be scoped with a valid terminator: 'aws4_request', not '{ending}'.")
    if service not in services:
        raise _invalid(f"Credential should be scoped to correct service: '{sorted(services)[0]}'. ")
    if not re.fullmatch(r"[A-Za-z0-9-]+", region, re.ASCII):
        raise _invalid("Credential should be scoped to a valid region. ")
    stamp, when = _stamp(fields["Date"])
    if date != stamp[:8]:
        raise _invalid(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{date}' != '{stamp[:8]}', from '{stamp}'."
        )
    _check_time(stamp, when, now, fields.get("Expires"))
    signed = _signed_headers(head, fields["SignedHeaders"])
    return Claim(key_id, stamp, region, service, signed, fields["Signature"], presigned)


def verify(head: Head, claim: Claim, body: bytes, secret: str, *, unsigned_body: bool = False) -> None:
    """`unsigned_body`: the body need not be signed. Raises Fault when the signature is not that of the secret."""
    canonical = _canonical(head, claim, _body_hash(head, body, unsigned_body))
    to_sign = "\n".join((ALGORITHM, claim.stamp, claim.scope, _sha256(canonical.encode("utf-8", "surrogateescape"))))
    key = _signing_key(secret, claim)
    expected = hmac.new(key, to_sign.encode(), "sha256").hexdigest()
    if not hmac.compare_digest(expected.encode(), claim.signature.encode("utf-8", "surrogateescape")):
        raise Fault("InvalidSignatureException")


# --- what the request says -------------------------------------------------------------------------------------------


def _of_header(head: Head, said: str) -> dict[str, str]:
    algorithm, _, rest = said.partition(" ")
    if algorithm != ALGORITHM:
        raise _incomplete(f"Unsupported AWS 'algorithm': '{algorithm[:40]}'.")
    fields = {}
    for part in rest.split(","):
        name, equals, value = part.strip().partition("=")
        if not equals:
            raise _incomplete("not a valid key=value pair (missing equal-sign) in Authorization header.")
        fields[name] = value
    missing = [name for name in ("Credential", "Signature", "SignedHeaders") if not fields.get(name)]
    date = head.header("x-amz-date") or head.header("date")
    complaints = [f"Authorization header requires '{name}' parameter." for name in missing]
    if not date:
        complaints.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    if complaints:
        raise _incomplete(" ".join(complaints))
    return {**fields, "Date": date or ""}


def _of_query(head: Head) -> dict[str, str]:
    fields = {name.removeprefix("X-Amz-"): value for name, value in _query_values(head).items()}
    if not fields.keys() & {"Algorithm", "Credential", "Signature"}:
        raise Fault("MissingAuthenticationTokenException")
    if fields.get("Algorithm", ALGORITHM) != ALGORITHM:
        raise _incomplete("AWS query-string parameters must include a supported 'X-Amz-Algorithm'.")
    needed = ("Algorithm", "Credential", "Signature", "SignedHeaders", "Date", "Expires")
    if missing := [name for name in needed if not fields.get(name)]:
        raise _incomplete(" ".join(f"AWS query-string parameters must include 'X-Amz-{name}'." for name in missing))
    return fields


def _query_values(head: Head) -> Mapping[str, str]:
    return {name: unquote_plus(value) for name, value in _pairs(head) if name.startswith("X-Amz-")}


def _pairs(head: Head) -> list[tuple[str, str]]:
    """Of the query, as they came."""
    parts = (pair.partition("=") for pair in head.query.decode("utf-8", "surrogateescape").split("&"))
    return [(name, value) for name, _, value in parts]


def _credential(said: str) -> tuple[str, str, str, str, str]:
    parts = said.rsplit("/", 4)
    if len(parts) != 5:
        raise _incomplete("Credential must have 5 slash-delimited elements: keyid/date/region/service/aws4_request.")
    return parts[0], parts[1], parts[2], parts[3], parts[4]


def _stamp(said: str) -> tuple[str, float]:
    """The date as it is signed, and in Unix seconds."""
    try:
        if re.fullmatch(r"\d{8}T\d{6}Z", said, re.ASCII):
            when = datetime.strptime(said, _STAMP).replace(tzinfo=UTC)
        else:
            when = parsedate_to_datetime(said)
            when = (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        raise _incomplete("Date must be in ISO-8601 'basic format'.") from None
    return when.strftime(_STAMP), when.timestamp()


def _check_time(stamp: str, when: float, now: float, expires: str | None) -> None:
    early = SKEW_S if expires is None else PRESIGNED_SKEW_S
    if when > now + early:
        here, least = _told(now), _told(now + early)
        raise _invalid(f"Signature not yet current: {stamp} is still later than {least} ({here} + {early // 60} min.)")
    if expires is not None:
        if not re.fullmatch(r"\d{1,6}", expires, re.ASCII) or not 0 < int(expires) <= MAX_EXPIRES_S:
            raise _incomplete("X-Amz-Expires must be at least 1 and less than a week (in seconds); i.e. 604800")
        if now > when + int(expires):
            raise Fault("RequestExpired")
    elif when < now - SKEW_S:
        here, last = _told(now), _told(now - SKEW_S)
        raise _invalid(f"Signature expired: {stamp} is now earlier than {last} ({here} - 5 min.)")


def _told(when: float) -> str:
    return datetime.fromtimestamp(when, UTC).strftime(_STAMP)


def _signed_headers(head: Head, said: str) -> tuple[str, ...]:
    names = tuple(said.split(";"))
    if len(set(names)) < len(names) or said != said.lower():
        raise _incomplete("SignedHeaders must be lower case, and each only once.")
    for name in _MUST_BE_SIGNED:
        if name not in names and (name == "host" or head.header(name) is not None):
            raise _invalid(f"'{name.title()}' must be a 'SignedHeader' in the AWS Authorization.")
    return tuple(sorted(names))


# --- what was signed -------------------------------------------------------------------------------------------------


def _canonical(head: Head, claim: Claim, body_hash: str) -> str:
    lines = [head.method, _canonical_path(head.path), _canonical_query(head, claim)]
    for name in claim.signed_headers:
        value = head.header(name)
        if value is None:
            raise Fault("InvalidSignatureException")
        lines.append(f"{name}:{value}")
    return "\n".join((*lines, "", ";".join(claim.signed_headers), body_hash))


def _canonical_path(path: str) -> str:
    """Without empty and dot segments, and encoded once more."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    plain = "/" + "/".join(kept) + ("/" if kept and path.endswith("/") else "")
    return quote(plain, safe="/~", errors="surrogateescape")


def _canonical_query(head: Head, claim: Claim) -> str:
    if not head.query:
        return ""
    left_out = "X-Amz-Signature" if claim.presigned else None
    return "&".join(f"{name}={value}" for name, value in sorted(_pairs(head)) if name != left_out)


def _body_hash(head: Head, body: bytes, unsigned_body: bool) -> str:
    """What stands for the body. One that is named in a header must be that of the body."""
    actual, said = _sha256(body), head.header("x-amz-content-sha256")
    if said in (None, actual) or (said == UNSIGNED and unsigned_body):
        return said or actual
    raise Fault("InvalidSignatureException")


def _signing_key(secret: str, claim: Claim) -> bytes:
    key = b"AWS4" + secret.encode()
    for part in claim.scope.split("/"):
        key = hmac.new(key, part.encode(), "sha256").digest()
    return key


def _trimmed(value: bytes) -> str:
    return " ".join(value.decode("utf-8", "surrogateescape").split())


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _invalid(message: str) -> Fault:
    return Fault("InvalidSignatureException", message)


def _incomplete(message: str) -> Fault:
    return Fault("IncompleteSignatureException", message)
