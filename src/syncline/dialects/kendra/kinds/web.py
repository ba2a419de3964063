"""WEBCRAWLER: a web site. Its patterns are regular expressions over whole URLs; the first page has depth 1."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlsplit

from syncline.dialects.kendra.ground import invalid
from syncline.dialects.kendra.kinds.drawing import Drawn, Surroundings
from syncline.model.connectors import Connector

REGEX: Final = "regex:"
DEPTH: Final = 2
LINKS: Final = 100
MEGABYTES: Final = 50.0
PER_MINUTE: Final = 300
MOST_LINKS: Final = 1000
_MODES: Final = {"HOST_ONLY": "host", "SUBDOMAINS": "subdomains", "EVERYTHING": "any"}


def drawn(said: Mapping[str, Any], around: Surroundings) -> Drawn:
    """A WebCrawlerConfiguration. Raises ValidationException."""
    seeds = said["Urls"].get("SeedUrlConfiguration", {})
    urls, maps = list(seeds.get("SeedUrls", [])), said["Urls"].get("SiteMapsConfiguration", {}).get("SiteMaps", [])
    if not urls and not maps:
        raise invalid("Urls must have SeedUrls or SiteMaps.")
    scope = _MODES[seeds.get("WebCrawlerMode", "HOST_ONLY")]
    include = [f"{REGEX}{one}" for one in said.get("UrlInclusionPatterns", [])]
    depth = int(said.get("CrawlDepth", DEPTH))
    return Drawn(
        "web",
        {
            "urls": urls,
            "sitemaps": list(maps),
            "scope": scope,
            "include": include or ([f"{REGEX}.*"] if scope == "any" else []),
            "exclude": [f"{REGEX}{one}" for one in said.get("UrlExclusionPatterns", [])],
            # A site map lists the pages that are wanted; links on them are followed from seed pages only.
            "max_depth": max(depth - 1, 0) if urls else 0,
            "max_links_per_page": int(said.get("MaxLinksPerPage", LINKS)),
            "max_bytes": max(int(said.get("MaxContentSizePerPageInMegaBytes", MEGABYTES) * (1 << 20)), 1),
            "requests_per_second": said.get("MaxUrlsPerMinuteCrawlRate", PER_MINUTE) / 60,
            **_proxy(said.get("ProxyConfiguration"), around),
            **_login(said.get("AuthenticationConfiguration", {}), [*urls, *maps], around),
        },
    )


def _proxy(said: Mapping[str, Any] | None, around: Surroundings) -> dict[str, Any]:
    if said is None:
        return {"proxy": None}
    who = ""
    if "Credentials" in said:
        login = around.secrets.login(said["Credentials"], said["Host"])
        who = f"{quote(login.user, safe='')}:{quote(login.password, safe='')}@"
    return {"proxy": f"http://{who}{said['Host']}:{said['Port']}"}


def _login(said: Mapping[str, Any], urls: list[str], around: Surroundings) -> dict[str, Any]:
    """The settings know one user for all hosts of the site."""
    entries = said.get("BasicAuthentication", [])
    if not entries:
        return {"user": None, "password": None}
    if len(entries) > 1:
        raise invalid("BasicAuthentication for more than one host is not supported here.")
    entry, places = entries[0], {_place(url) for url in urls}
    if places != {(entry["Host"].lower(), entry["Port"])}:
        raise invalid("BasicAuthentication must be for the host and port of all SeedUrls and SiteMaps.")
    login = around.secrets.login(entry["Credentials"], entry["Host"])
    return {"user": login.user, "password": login.password}


def _place(url: str) -> tuple[str, int]:
    try:
        parts = urlsplit(url)
        return (parts.hostname or "").lower(), parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise invalid(f"{url:.300} is not a URL that can be read.") from None


def shown(connector: Connector) -> dict[str, Any] | None:
    """As a WebCrawlerConfiguration; None when it is not one: too many site maps."""
    config = connector.config
    if len(config["sitemaps"]) > 3 or len(config["include"]) > 250 or len(config["exclude"]) > 250:
        return None
    modes = {ours: theirs for theirs, ours in _MODES.items()}
    urls: dict[str, Any] = {}
    if config["urls"]:
        mode = modes[config["scope"]]
        urls["SeedUrlConfiguration"] = {"SeedUrls": config["urls"], "WebCrawlerMode": mode}
    if config["sitemaps"]:
        urls["SiteMapsConfiguration"] = {"SiteMaps": config["sitemaps"]}
    return {
        "Urls": urls,
        "CrawlDepth": min(config["max_depth"] + 1, 10),
        "MaxLinksPerPage": min(config["max_links_per_page"], MOST_LINKS),
        "MaxContentSizePerPageInMegaBytes": min(config["max_bytes"] / (1 << 20), MEGABYTES),
        "MaxUrlsPerMinuteCrawlRate": min(max(round(config["requests_per_second"] * 60), 1), PER_MINUTE),
        **_patterns("UrlInclusionPatterns", config["include"]),
        **_patterns("UrlExclusionPatterns", config["exclude"]),
    }


def _patterns(member: str, patterns: list[str]) -> dict[str, list[str]]:
    found = [_regex(one)[:300] for one in patterns]
    return {member: found} if found else {}


def _regex(pattern: str) -> str:
    """A pattern of ours as a regular expression for whole URLs."""
    if pattern.startswith(REGEX):
        return pattern.removeprefix(REGEX)
    host = "[a-z]+://[^/]*" if pattern.startswith("/") else ""
    body = ".*".join(re.escape(piece) for piece in pattern.split("*"))
    return host + body + ("" if "*" in pattern else ".*")
