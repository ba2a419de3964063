"""Signature Version 4 for requests without a body.

Source: "Create a signed AWS API request" and "Authenticating Requests (AWS Signature Version 4)" of the S3 reference:
the path is encoded once, and stays as it is.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import quote

EMPTY: Final = hashlib.sha256(b"").hexdigest()


class Credentials(NamedTuple):
    """What requests are signed with. `token` is "" for keys that do not expire."""

    key_id: str
    secret: str
    token: str = ""

    def __repr__(self) -> str:
        return f"Credentials({self.key_id!r})"


def encoded_path(path: str) -> str:
    """A path as it travels, whatever characters are in it."""
    return quote(path, safe="/-_.~")


def encoded_query(query: Sequence[tuple[str, str]]) -> str:
    """Parameters as they travel and as they are signed: in order of their names."""
    return "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in sorted(query))


def signed(
    host: str, path: str, query: str, headers: Mapping[str, str], who: Credentials, region: str, now: float
) -> dict[str, str]:
    """The headers of a GET, with the signature. Names are lower case; `path` and `query` are encoded; `now` is Unix
    seconds."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    every = {"host": host, **headers, "x-amz-content-sha256": EMPTY, "x-amz-date": stamp}
    if who.token:
        every["x-amz-security-token"] = who.token
    names = ";".join(sorted(every))
    lines = "".join(f"{name}:{' '.join(every[name].split())}\n" for name in sorted(every))
    request = f"GET\n{path}\n{query}\n{lines}\n{names}\n{EMPTY}"
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = hmac.new(_key(who.secret, stamp[:8], region), text.encode(), hashlib.sha256).hexdigest()
    every["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={who.key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return every


@lru_cache(maxsize=16)
def _key(secret: str, day: str, region: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, region, "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
