"""The settings of a web connector. The only module here that needs pydantic."""

from __future__ import annotations

import re
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from syncline.sources.web.private import ALLOW_PRIVATE, private_allowed
from syncline.sources.web.urls import matcher, normalised

_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_OURS: Final = frozenset(
    {
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "te",
        "trailer",
        "upgrade",
        "accept-encoding",
        "range",
    }
    | {"if-none-match", "if-modified-since", "user-agent", "cookie", "expect", "keep-alive", "proxy-authorization"}
)
TAKEN: Final = (
    "text/*", "application/xhtml+xml", "application/pdf", "application/json", "application/xml", "application/rtf",
    "application/epub+zip", "application/msword", "application/vnd.ms-*", "application/vnd.openxmlformats-*",
    "application/vnd.oasis.opendocument.*", "message/rfc822", "application/*+json", "application/*+xml",
)  # fmt: skip


class WebConfig(BaseModel):
    """Pages of a web site."""

    model_config = ConfigDict(extra="forbid")

    urls: list[str] = Field(
        default_factory=list,
        max_length=100,
        examples=[["https://docs.example.com/"]],
        description="Pages to begin with. They are always read, whatever the patterns say.",
    )
    sitemaps: list[str] = Field(
        default_factory=list,
        max_length=20,
        examples=[["https://docs.example.com/sitemap.xml"]],
        description="Site maps whose pages to begin with: XML or text, packed or not, lists of site maps too.",
    )
    scope: Literal["host", "subdomains", "any"] = Field(
        default="host",
        description="How far links are followed: on the hosts of urls and sitemaps, on their subdomains too, or "
        "anywhere (then include is needed).",
    )
    include: list[str] = Field(
        default_factory=list,
        max_length=200,
        examples=[["/docs/", "https://example.com/blog/*", r"regex:https://example\.com/[0-9]+/.*"]],
        description="Read only pages that match one of these patterns. A pattern is the beginning of a URL, or of its "
        "path; * stands for anything; with regex: in front it is a regular expression for the whole URL.",
    )
    exclude: list[str] = Field(
        default_factory=list,
        max_length=200,
        examples=[["/search", "*?print=*"]],
        description="Do not read pages that match one of these patterns. They decide before include.",
    )
    max_depth: int = Field(
        default=10,
        ge=0,
        le=100,
        description="How many links away from the first pages to go. 0 reads only these.",
    )
    max_pages: int = Field(
        default=10_000,
        ge=1,
        le=1_000_000,
        description="Most pages to ask for in one job. What lies beyond is not looked at, and then nothing is deleted "
        "because it was not found.",
    )
    max_links_per_page: int = Field(
        default=10_000,
        ge=1,
        le=100_000,
        description="Most links to follow from one page. If there are more, nothing is deleted because it "
        "was not found.",
        json_schema_extra={"advanced": True},
    )
    max_bytes: int = Field(
        default=32 * 1024 * 1024,
        ge=1,
        description="Largest page that is read, in bytes, unpacked. A larger one fails.",
        json_schema_extra={"advanced": True},
    )
    requests_per_second: float = Field(
        default=5.0,
        gt=0,
        le=100,
        description="Most requests to one host in a second. A host that asks for less, gets less.",
    )
    requests_at_once: int = Field(
        default=2,
        ge=1,
        le=4,
        description="Most requests to one host at the same time.",
        json_schema_extra={"advanced": True},
    )
    timeout_s: float = Field(
        default=60.0,
        ge=1,
        le=3600,
        description="Longest time for one page, in seconds, from the connection to the last byte.",
        json_schema_extra={"advanced": True},
    )
    robots: bool = Field(
        default=True,
        description="Obey robots.txt, noindex and nofollow. Turn it off only for a site of your own.",
    )
    user_agent: str = Field(
        default="Syncline",
        min_length=1,
        max_length=300,
        pattern=r"^[\x21-\x7e][\x20-\x7e]*$",
        description="Name to show to the site. Its first word is what rules in robots.txt are held against.",
    )
    user: str = Field(default="", max_length=300, description="User for sites that ask for one (basic authentication).")
    password: SecretStr = Field(default=SecretStr(""), description="Password of that user.")
    cookies: SecretStr = Field(
        default=SecretStr(""),
        examples=["session=abc; lang=en"],
        description="Cookies to send, as in a Cookie header. Sent to the hosts of urls and sitemaps only.",
    )
    headers: dict[str, SecretStr] = Field(
        default_factory=dict,
        description="Headers to send, such as Authorization. Sent to the hosts of urls and sitemaps only.",
        json_schema_extra={"advanced": True},
    )
    proxy: SecretStr = Field(
        default=SecretStr(""),
        examples=["http://proxy.example:3128"],
        description="HTTP proxy to ask through. It may hold a user and password.",
        json_schema_extra={"advanced": True},
    )
    allow_private: bool = Field(
        default_factory=private_allowed,
        description="Read addresses of private networks, too. Only where the server allows it "
        "(SYNCLINE_ALLOW_PRIVATE_TARGETS=1); there it is the default.",
        json_schema_extra={"advanced": True},
    )
    media_types: list[str] = Field(
        default_factory=lambda: list(TAKEN),
        min_length=1,
        max_length=100,
        description="Media types that become documents; * stands for anything.",
        json_schema_extra={"advanced": True},
    )
    languages: list[str] = Field(
        default_factory=list,
        max_length=100,
        examples=[["en", "de-CH"]],
        description="Take only pages in one of these languages, or that do not say theirs. Empty takes all.",
    )
    canonical: bool = Field(
        default=True,
        description="Take a page that names another address of the site as the proper one under that address only.",
        json_schema_extra={"advanced": True},
    )
    keep_tracking: bool = Field(
        default=False,
        description="Leave parameters such as utm_source in URLs. Without it the same page is not read twice for them.",
        json_schema_extra={"advanced": True},
    )

    @field_validator("urls", "sitemaps", "include", "exclude", "languages", "media_types", mode="before")
    @classmethod
    def _one_or_more(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("urls", "sitemaps")
    @classmethod
    def _spelled(cls, urls: list[str]) -> list[str]:
        found = []
        for url in urls:
            plain = normalised(url, keep_tracking=True)
            if plain is None:
                raise ValueError(f"{url[:200]!r} is not a URL that can be read; give one such as https://example.com/")
            found.append(plain)
        return list(dict.fromkeys(found))

    @field_validator("include", "exclude")
    @classmethod
    def _patterns(cls, patterns: list[str]) -> list[str]:
        for pattern in patterns:
            matcher(pattern)
        return patterns

    @field_validator("media_types", "languages")
    @classmethod
    def _lower(cls, values: list[str]) -> list[str]:
        return [value.strip().lower() for value in values]

    @field_validator("headers")
    @classmethod
    def _headers(cls, headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, value in headers.items():
            if not _HEADER.fullmatch(name) or name.lower() in _OURS:
                raise ValueError(f"{name[:100]!r} cannot be set as a header")
            if not _is_line(value.get_secret_value()):
                raise ValueError(f"the value of the header {name!r} holds characters that a header cannot hold")
        return headers

    @field_validator("cookies")
    @classmethod
    def _cookies(cls, cookies: SecretStr) -> SecretStr:
        if not _is_line(cookies.get_secret_value()):
            raise ValueError("cookies hold characters that a header cannot hold")
        return cookies

    @field_validator("proxy")
    @classmethod
    def _proxy(cls, proxy: SecretStr) -> SecretStr:
        text = proxy.get_secret_value()
        if text:
            parts = urlsplit(text)
            plain = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/"
            if normalised(plain) is None or parts.path.strip("/") or parts.query:
                raise ValueError("a proxy is given as http://host:port")
        return proxy

    @field_validator("allow_private")
    @classmethod
    def _private(cls, allowed: bool) -> bool:
        if allowed and not private_allowed():
            raise ValueError(f"private addresses can be read only where {ALLOW_PRIVATE}=1 is set")
        return allowed

    @model_validator(mode="after")
    def _whole(self) -> WebConfig:
        if not self.urls and not self.sitemaps:
            raise ValueError("give urls or sitemaps to begin with")
        if self.scope == "any" and not self.include:
            raise ValueError("scope any needs include patterns: without them it is the whole web")
        if self.password.get_secret_value() and not self.user:
            raise ValueError("a password needs a user")
        if ":" in self.user:
            raise ValueError("a user name has no colon")
        return self


def _is_line(text: str) -> bool:
    return all(" " <= char <= "~" or char == "\t" for char in text)
