"""Where a bucket is called: the endpoint, and whether the bucket's name stands in the host or in the path.

https://BUCKET.s3.REGION.amazonaws.com/KEY      virtual, the usual way at AWS
https://minio.example:9000/BUCKET/KEY           path, the usual way everywhere else
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple, Protocol
from urllib.parse import urlsplit

from syncline.sources.s3.signing import encoded_path

DEFAULT_REGION: Final = "us-east-1"
REGION = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_LOOPBACK = re.compile(r"localhost|127(\.[0-9]{1,3}){3}|::1")
_IN_HOST = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")  # no dots: certificates cover one label


class Settings(Protocol):
    """What is read of the settings here."""

    bucket: str
    region: str
    endpoint_url: str
    addressing: str


def endpoint_of(endpoint_url: str, environ: Mapping[str, str]) -> str:
    """The endpoint that was asked for, "" for that of AWS."""
    if endpoint_url:
        return endpoint_url
    if environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").strip().lower() == "true":
        return ""
    return environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL") or ""


def region_of(region: str, environ: Mapping[str, str]) -> str:
    """The region to begin with. A wrong one is corrected by what AWS answers."""
    return region or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or DEFAULT_REGION


def is_loopback(url: str) -> bool:
    """Whether it says that it leads to this machine."""
    return _LOOPBACK.fullmatch(urlsplit(url).hostname or "") is not None


class Address(NamedTuple):
    """Where requests go. `host` has a port only if it is not the usual one; `root` is the encoded path of the bucket,
    without a slash at its end."""

    scheme: str
    host: str
    port: int | None
    root: str
    region: str

    @classmethod
    def of(cls, config: Settings, endpoint: str, region: str) -> Address:
        """The address of the bucket. `endpoint` as `endpoint_of` gives it."""
        bucket = config.bucket
        if not endpoint:
            domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
            virtual = config.addressing != "path" and _IN_HOST.fullmatch(bucket) is not None
            host = f"s3.{region}.{domain}"
            return cls("https", f"{bucket}.{host}" if virtual else host, None, "" if virtual else f"/{bucket}", region)
        parts = urlsplit(endpoint)
        host, root = parts.hostname or "", encoded_path(parts.path.rstrip("/"))
        host = f"[{host}]" if ":" in host else host
        if config.addressing == "virtual":
            return cls(parts.scheme, f"{bucket}.{host}", parts.port, root, region)
        return cls(parts.scheme, host, parts.port, f"{root}/{bucket}", region)

    @property
    def netloc(self) -> str:
        """Host, and port unless it is the scheme's own: what the Host header says."""
        usual = {"http": 80, "https": 443}[self.scheme]
        return self.host if self.port in (None, usual) else f"{self.host}:{self.port}"

    @property
    def base(self) -> str:
        """Scheme, host and port."""
        return f"{self.scheme}://{self.netloc}"

    def path(self, key: str) -> str:
        """The encoded path of a key; "" is the bucket itself."""
        return f"{self.root}/{encoded_path(key)}" if key else self.root or "/"
