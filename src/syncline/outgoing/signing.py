"""Signatures of outgoing webhooks, as the Standard Webhooks specification has them, version 1 with symmetric keys.

    webhook-id          the message; the same on every attempt
    webhook-timestamp   when this attempt was made, Unix seconds
    webhook-signature   "v1,BASE64" of HMAC-SHA256 over "id.timestamp.body"; several, with a space between, while a
                        secret is being replaced

A secret is "whsec_" and the base64 of 24 to 64 random bytes.  Source: www.standardwebhooks.com, "Signature scheme".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Callable, Sequence
from typing import Final

from syncline.model.errors import ConfigInvalid

PREFIX: Final = "whsec_"
KEY_BYTES: Final = 32
MIN_KEY_BYTES: Final = 24
MAX_KEY_BYTES: Final = 64
ROTATION_S: Final = 24 * 3600.0  # for how long a replaced secret still signs


def new_secret(random_bytes: Callable[[int], bytes] = os.urandom) -> str:
    """A secret nobody knows."""
    return PREFIX + base64.b64encode(random_bytes(KEY_BYTES)).decode()


def key_of(secret: str) -> bytes:
    """The key in a secret. Raises ConfigInvalid when it is none; the message does not show it."""
    try:
        key = binascii.a2b_base64(secret.removeprefix(PREFIX), strict_mode=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(PREFIX) or not MIN_KEY_BYTES <= len(key) <= MAX_KEY_BYTES:
        raise ConfigInvalid(
            "the signing secret is malformed",
            remedy=f"Give {PREFIX} and the base64 of {MIN_KEY_BYTES} to {MAX_KEY_BYTES} random bytes.",
        )
    return key


def signature(secret: str, id: str, timestamp: int, body: bytes) -> str:
    """One signature: "v1,BASE64"."""
    signed = b".".join((id.encode(), str(timestamp).encode(), body))
    digest = hmac.new(key_of(secret), signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def signed_headers(
    id: str, timestamp: int, body: bytes, secrets: Sequence[str], names: Sequence[str] = ("webhook",)
) -> dict[str, str]:
    """The three headers of one attempt, signed with each of the secrets in that order; once for each of `names`, which
    their own names begin with."""
    signatures = " ".join(signature(secret, id, timestamp, body) for secret in secrets)
    said = {"id": id, "timestamp": str(timestamp), "signature": signatures}
    return {f"{name}-{what}": value for name in names for what, value in said.items()}
