"""URLs in one spelling, and which of them belong to the site.

The spelling is the id of a document, so it must be the same however a link was written: host in ASCII and lower case,
no default port, no dot segments, no fragment, percent signs in capitals and only where they are needed.
Source: RFC 3986, section 6.2.2 and 6.2.3.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final
from urllib.parse import quote, urljoin, urlsplit

from syncline.outgoing.addresses import TargetRefused, spelled_out

REGEX: Final = "regex:"
MAX_PATTERN: Final = 1000
MAX_STARS: Final = 16
OUTSIDE: Final = "outside"

_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})?")
_TRACKING = re.compile(
    r"utm_\w+|gclid|gclsrc|dclid|gbraid|wbraid|fbclid|msclkid|yclid|twclid|ttclid|igshid|mc_[ce]id|_hsenc|_hsmi|mkt_tok"
)
_SEMICOLON = "\ue000"  # stands for one, and is found in no link
_LOGIN = re.compile(
    r"(^|[/._-])(log-?[io]n|sign-?in|sso|saml2?|oauth2?|oidc|cas|auth|authenticate|authorize|session)([/._-]|$)", re.I
)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def normalised(url: str, *, keep_tracking: bool = False) -> str | None:
    """The one spelling of an absolute URL; None when it is none that can be read: another scheme, a malformed host."""
    url = re.sub(r"[\t\r\n]", "", url.strip(" \f\t\r\n")).partition("#")[0]
    try:
        parts = urlsplit(url)
        path = _escaped(parts.path, "/:@!$&'()*+,;=~-._")
        query = _escaped(parts.query, "/?:@!$&'()*+,;=~-._[]{}|")
        if not keep_tracking:
            query = _without_tracking(query)
        plain = f"{parts.scheme}://{parts.netloc}{_without_dots(path)}" + (f"?{query}" if query else "")
        return spelled_out(plain).url
    except (ValueError, TargetRefused):
        return None


def joined(base: str, link: str, *, keep_tracking: bool = False) -> str | None:
    """The one spelling of a link on a page; None when it leads to nothing that can be read."""
    link = re.sub(r"[\t\r\n]", "", link.strip(" \f\t\r\n"))
    if "\\" in link.partition("?")[0]:  # read differently by different readers
        return None
    try:
        return normalised(_joined(base, link), keep_tracking=keep_tracking)
    except ValueError:
        return None


def _joined(base: str, link: str) -> str:
    """As `urljoin`, to which a semicolon is more than a character: it takes some of them away."""
    if _SEMICOLON in link:
        return urljoin(base, link)
    return urljoin(base.replace(";", _SEMICOLON), link.replace(";", _SEMICOLON)).replace(_SEMICOLON, ";")


def origin(url: str) -> str:
    """Scheme, host and port of a normalised URL: "https://example.com/". Also the beginning of every id there."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}/"


def host_of(url: str) -> str:
    """The host of a normalised URL, without port."""
    return urlsplit(url).hostname or ""


def looks_like_login(url: str) -> bool:
    """Whether a page of that address is likely to ask who one is."""
    return bool(_LOGIN.search(urlsplit(url).path))


def _escaped(text: str, safe: str) -> str:
    def plain(found: re.Match[str]) -> str:
        if found[1] is None:
            return "%25"
        char = chr(int(found[1], 16))
        return char if char in _UNRESERVED else f"%{found[1].upper()}"

    return quote(_ESCAPE.sub(plain, text), safe=safe + "%")


def _without_tracking(query: str) -> str:
    if not query:
        return ""
    return "&".join(part for part in query.split("&") if not _TRACKING.fullmatch(part.partition("=")[0]))


def _without_dots(path: str) -> str:
    kept: list[str] = []
    parts = path.split("/")[1:] if path.startswith("/") else path.split("/")
    for part in parts:
        if part == "..":
            del kept[-1:]
        elif part != ".":
            kept.append(part)
    if parts and parts[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


# --- which belong to the site ----------------------------------------------------------------------------------------

Place = tuple[str, int]


def place_of(url: str) -> Place:
    """Host and port; port 0 stands for the default of either scheme."""
    parts = urlsplit(url)
    port = parts.port or 0
    return parts.hostname or "", 0 if port in _DEFAULT_PORTS.values() else port


def bare(host: str) -> str:
    """Without "www."."""
    return host.removeprefix("www.")


class Scope:
    """Which URLs are read. `mode` is "host", "subdomains" or "any"; exclude decides before include."""

    def __init__(
        self, mode: str, roots: Iterable[str], include: Sequence[str] = (), exclude: Sequence[str] = ()
    ) -> None:
        self._mode = mode
        self._roots = frozenset(roots)
        self._homes = {place_of(url) for url in self._roots}
        self._include = [matcher(pattern) for pattern in include]
        self._exclude = [(f"exclude {pattern}", matcher(pattern)) for pattern in exclude]

    def keeps_out(self, url: str) -> str | None:
        """None when it is read; OUTSIDE when it is not of the site; else the rule that keeps it out."""
        if url in self._roots:
            return None
        if not self._is_near(url):
            return OUTSIDE
        for rule, matches in self._exclude:
            if matches(url):
                return rule
        if self._include and not any(matches(url) for matches in self._include):
            return OUTSIDE
        return None

    def widen(self, url: str, target: str) -> bool:
        """A root redirects: its site is also where it leads, if that differs by "www." at most. True when it is."""
        old, new = place_of(url), place_of(target)
        if bare(old[0]) != bare(new[0]) or old[1] != new[1]:
            return False
        self._homes.add(new)
        return True

    def _is_near(self, url: str) -> bool:
        if self._mode == "any":
            return True
        host, port = place_of(url)
        if (host, port) in self._homes:
            return True
        if self._mode != "subdomains":
            return False
        return any(port == at and host.endswith(f".{bare(home)}") for home, at in self._homes)


def matcher(pattern: str) -> Callable[[str], object]:
    """What tells whether a URL matches: `regex:` is held against the whole URL; `*` stands for anything; without one
    the pattern is a beginning. A pattern that begins with "/" is held against path and query. Raises ValueError."""
    if not pattern.strip() or len(pattern) > MAX_PATTERN:
        raise ValueError(f"a pattern has 1 to {MAX_PATTERN} characters")
    if pattern.startswith(REGEX):
        try:
            return re.compile(pattern.removeprefix(REGEX)).fullmatch
        except re.error as error:
            raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
    if pattern.count("*") > MAX_STARS:
        raise ValueError(f"a pattern has at most {MAX_STARS} stars")
    pieces = pattern.split("*") if "*" in pattern else [pattern, ""]
    if pattern.startswith("/"):
        return lambda url: glob_matches(pieces, "/" + url.partition("://")[2].partition("/")[2])
    return lambda url: glob_matches(pieces, url)


def glob_matches(pieces: Sequence[str], text: str) -> bool:
    """Whether `text` is the pieces with anything in between: one pass, whatever the pattern is."""
    first, last = pieces[0], pieces[-1]
    if not text.startswith(first) or not text.endswith(last) or len(text) < len(first) + len(last):
        return False
    at, end = len(first), len(text) - len(last)
    for piece in pieces[1:-1]:
        found = text.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True
