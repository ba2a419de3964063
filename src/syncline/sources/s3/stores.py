"""Which store the settings mean, opened."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Protocol

from syncline.sources.s3.addressing import Address, endpoint_of, region_of
from syncline.sources.s3.client import Options, S3Client
from syncline.sources.s3.credentials import provider
from syncline.sources.s3.objects import ObjectStore
from syncline.sources.s3.pace import Pace
from syncline.sources.s3.wire import Patience, Wire

if TYPE_CHECKING:
    import httpcore


class Settings(Protocol):
    """The settings as plain values; `S3Config` says what they mean."""

    bucket: str
    prefixes: Sequence[str]
    include: Sequence[str]
    exclude: Sequence[str]
    region: str
    endpoint_url: str
    addressing: str
    allow_http: bool
    access_key_id: str
    secret_access_key: str
    session_token: str
    profile: str
    anonymous: bool
    azure_account: str
    azure_key: str
    google_service_account: str
    max_bytes: int
    metadata_files: bool
    metadata_prefix: str
    acl_file: str
    bucket_owner: str
    requester_pays: bool
    sse_customer_key: str
    parallel: int


def targets(config: Mapping[str, object]) -> list[str]:
    """The URLs that whoever wrote these settings has chosen to be called, as validated values: an endpoint of theirs.
    The addresses of AWS, Google and Azure are not among them, nor what the environment of this process says."""
    url = str(config.get("endpoint_url") or "")
    return [url] if url else []


def uses_own_credentials(config: Mapping[str, object]) -> bool:
    """True when the settings bring their own credentials or need none; False: those of this machine are used."""
    bucket = str(config.get("bucket") or "")
    if bucket.startswith("gs://"):
        return bool(config.get("anonymous") or config.get("google_service_account"))
    if bucket.startswith("az://"):
        return bool(config.get("anonymous") or config.get("azure_key"))
    return bool(config.get("anonymous") or config.get("access_key_id"))


def open_store(
    config: Settings,
    environ: Mapping[str, str],
    patience: Patience,
    *,
    clock: Callable[[], float],
    chance: Callable[[], float],
    backend: httpcore.NetworkBackend | None,
    page_size: int,
) -> ObjectStore:
    """The bucket. Raises ConfigInvalid and CredentialsInvalid."""
    if config.bucket.startswith(("gs://", "az://")):
        from syncline.sources.s3.others import open_other

        return open_other(config, patience)
    endpoint = endpoint_of(config.endpoint_url, environ)
    address = partial(Address.of, config, endpoint)
    region = region_of(config.region, environ)
    name = f"s3://{config.bucket}"
    return S3Client(
        name,
        address,
        region,
        provider(config, environ, name),
        Wire(address(region).base, config.parallel + 2, patience, backend=backend),
        Pace(patience, clock, chance),
        Options(_own(config), _reading(config), page_size, patience.tries),
        clock,
    )


def _own(config: Settings) -> dict[str, str]:
    headers = {"x-amz-request-payer": "requester"} if config.requester_pays else {}
    if config.bucket_owner:
        headers["x-amz-expected-bucket-owner"] = config.bucket_owner
    return headers


def _reading(config: Settings) -> dict[str, str]:
    if not config.sse_customer_key:
        return {}
    key = base64.b64decode(config.sse_customer_key)
    return {
        "x-amz-server-side-encryption-customer-algorithm": "AES256",
        "x-amz-server-side-encryption-customer-key": config.sse_customer_key,
        "x-amz-server-side-encryption-customer-key-md5": base64.b64encode(
            hashlib.md5(key, usedforsecurity=False).digest()
        ).decode(),
    }
