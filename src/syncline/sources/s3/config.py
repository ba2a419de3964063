"""The settings of an object store connector. The only module here that needs pydantic."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from syncline.sources.s3.addressing import REGION, is_loopback
from syncline.sources.s3.selection import check_pattern

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")
_ACCESS_POINT = re.compile(r"[a-z0-9-]{1,100}-s3alias")
_SCHEMES = ("s3://", "gs://", "az://")


class S3Config(BaseModel):
    """Objects in a bucket of Amazon S3, of anything that speaks S3, of Google Cloud Storage or of Azure."""

    model_config = ConfigDict(extra="forbid")

    bucket: str = Field(
        min_length=3,
        examples=["handbook", "s3://handbook/2026/", "gs://handbook", "az://container"],
        description="Name of the bucket, or a URL. A path in the URL is one more prefix. gs:// is Google Cloud Storage "
        "and az:// a container of Azure; both need the extra s3.",
    )
    prefixes: list[str] = Field(
        default_factory=list,
        examples=[["docs/", "policies/2026-"]],
        description="Read only keys that begin with one of these. Nothing else is listed. Empty reads everything.",
    )
    include: list[str] = Field(
        default_factory=list,
        examples=[["*.md", "glob:**/*.{pdf,docx}", "regex:reports/[0-9]+/.*"]],
        description="Take only what matches one of these patterns. They are written as in .gitignore; with glob: or "
        "regex: in front they are held against the whole key. Empty takes everything.",
    )
    exclude: list[str] = Field(
        default_factory=list,
        examples=[["*.log", "/drafts/"]],
        description="Leave out what matches one of these patterns. They are written like `include`, and decide first.",
    )
    region: str = Field(
        default="",
        examples=["eu-central-1"],
        description="Region of the bucket. Empty: AWS_REGION or AWS_DEFAULT_REGION, else us-east-1; AWS corrects a "
        "wrong one.",
    )
    endpoint_url: str = Field(
        default="",
        examples=["https://minio.example:9000"],
        description="Where to call, for stores other than AWS. Empty: AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, else "
        "AWS.",
    )
    addressing: Literal["auto", "path", "virtual"] = Field(
        default="auto",
        description="Whether the bucket is named in the path or in the host. By itself: in the host at AWS, in the "
        "path elsewhere.",
        json_schema_extra={"advanced": True},
    )
    allow_http: bool = Field(
        default=False,
        description="Allow an endpoint_url without encryption on another machine.",
        json_schema_extra={"advanced": True},
    )
    access_key_id: str = Field(
        default="",
        description="Access key to sign with. Empty: the environment, then the usual files and roles, as the AWS "
        "command line does (needs the extra s3).",
    )
    secret_access_key: SecretStr = Field(default=SecretStr(""), description="Secret of the access key.")
    session_token: SecretStr = Field(default=SecretStr(""), description="Token of temporary credentials.")
    profile: str = Field(
        default="",
        description="Profile in the AWS files to take the credentials from (needs the extra s3).",
    )
    anonymous: bool = Field(default=False, description="Do not sign requests: the bucket is public.")
    azure_account: str = Field(
        default="",
        pattern=r"^([a-z0-9]{3,24})?$",
        description="Storage account of an az:// container. Empty: AZURE_STORAGE_ACCOUNT_NAME.",
        json_schema_extra={"advanced": True},
    )
    azure_key: SecretStr = Field(
        default=SecretStr(""),
        description="Key of the storage account. Empty: the AZURE_ variables, then the machine's own identity.",
        json_schema_extra={"advanced": True},
    )
    google_service_account: SecretStr = Field(
        default=SecretStr(""),
        description="Service account for a gs:// bucket, as JSON. Empty: the usual places of Google.",
        json_schema_extra={"advanced": True},
    )
    max_bytes: int = Field(
        default=64 * 1024 * 1024,
        ge=1,
        le=4 * 1024 * 1024 * 1024,
        description="Largest object that is read, in bytes. Larger ones are left out, and named.",
    )
    metadata_files: bool = Field(
        default=False,
        description="Take title, attributes and access list from KEY.metadata.json. Such files are then no documents.",
    )
    metadata_prefix: str = Field(
        default="",
        examples=["metadata/"],
        description="Where the metadata files are: this prefix, then the whole key, then .metadata.json. Empty: beside "
        "their objects. Setting it switches metadata_files on.",
    )
    acl_file: str = Field(
        default="",
        examples=["access.json"],
        description="Key of a JSON file that says who may find what: a list of keyPrefix and aclEntries. Without it "
        "everybody may.",
    )
    bucket_owner: str = Field(
        default="",
        pattern=r"^([0-9]{12})?$",
        description="Account that must own the bucket, 12 digits. Another bucket of that name is then not read.",
        json_schema_extra={"advanced": True},
    )
    requester_pays: bool = Field(
        default=False,
        description="Agree to pay for requests and transfer.",
        json_schema_extra={"advanced": True},
    )
    sse_customer_key: SecretStr = Field(
        default=SecretStr(""),
        description="Key of objects that are encrypted with a key of yours (SSE-C): 32 bytes in base64.",
        json_schema_extra={"advanced": True},
    )
    parallel: int = Field(
        default=16,
        ge=1,
        le=128,
        description="Objects that are read at the same time.",
        json_schema_extra={"advanced": True},
    )

    @field_validator("prefixes")
    @classmethod
    def _prefixes(cls, prefixes: list[str]) -> list[str]:
        for prefix in prefixes:
            if "\0" in prefix or len(prefix.encode("utf-8", "replace")) > 1024:
                raise ValueError("a prefix has at most 1024 bytes and no null character")
        return prefixes

    @field_validator("include", "exclude")
    @classmethod
    def _patterns(cls, patterns: list[str]) -> list[str]:
        for pattern in patterns:
            check_pattern(pattern)
        return patterns

    @field_validator("region")
    @classmethod
    def _region(cls, region: str) -> str:
        if region and not REGION.fullmatch(region):
            raise ValueError("is no region, such as eu-central-1")
        return region

    @field_validator("endpoint_url")
    @classmethod
    def _endpoint(cls, url: str) -> str:
        if not url:
            return url
        try:
            parts = urlsplit(url)
            _ = parts.port
        except ValueError:
            raise ValueError("is no URL") from None
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("is no URL of scheme http or https, without query and fragment")
        if "@" in parts.netloc or any(char <= " " or char in "\\\x7f" for char in url):
            raise ValueError("holds a user name, or characters that do not belong there")
        return url.rstrip("/")

    @field_validator("sse_customer_key")
    @classmethod
    def _customer_key(cls, key: SecretStr) -> SecretStr:
        try:
            size = len(base64.b64decode(key.get_secret_value(), validate=True))
        except (binascii.Error, ValueError):
            size = -1
        if size not in (0, 32):
            raise ValueError("must be 32 bytes in base64")
        return key

    @field_validator("bucket")
    @classmethod
    def _bucket(cls, bucket: str) -> str:
        _, name, _ = split_bucket(bucket)
        if not (_BUCKET.fullmatch(name) or _ACCESS_POINT.fullmatch(name)) or ".." in name:
            raise ValueError("is no name of a bucket, and no URL that begins with s3://, gs:// or az://")
        return bucket

    @model_validator(mode="after")
    def _together(self) -> S3Config:
        scheme, name, path = split_bucket(self.bucket)
        self.bucket = name if scheme == "s3://" else f"{scheme}{name}"
        if path:
            self.prefixes = [*self.prefixes, path if path.endswith("/") else f"{path}/"]
        self.prefixes = _without_nested(self.prefixes)
        self.metadata_files = self.metadata_files or bool(self.metadata_prefix)
        if bool(self.access_key_id) != bool(self.secret_access_key.get_secret_value()):
            raise ValueError("access_key_id and secret_access_key are given together")
        if self.endpoint_url.startswith("http:") and not (self.allow_http or is_loopback(self.endpoint_url)):
            raise ValueError("endpoint_url is not encrypted: use https, or set allow_http")
        return self


def split_bucket(bucket: str) -> tuple[str, str, str]:
    """(scheme, name, path) of a bucket or of its URL; a plain name is S3."""
    scheme = next((scheme for scheme in _SCHEMES if bucket.startswith(scheme)), "")
    name, _, path = bucket.removeprefix(scheme).partition("/") if scheme else (bucket, "", "")
    return scheme or "s3://", name, path


def _without_nested(prefixes: list[str]) -> list[str]:
    """Sorted, without those that lie within another."""
    kept: list[str] = []
    for prefix in sorted(set(prefixes)):
        if not kept or not prefix.startswith(kept[-1]):
            kept.append(prefix)
    return [] if kept == [""] else kept
