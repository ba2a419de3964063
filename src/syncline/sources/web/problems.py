"""What can be wrong with a site, in words for people. Nothing a server says is repeated here."""

from __future__ import annotations

from http import HTTPStatus

from syncline.model.errors import ConfigInvalid, CredentialsInvalid, DocumentRejected, SourceUnavailable, SynclineError
from syncline.model.news import Unlisted


class Halted(Exception):
    """Somebody asked to stop."""


class Trouble(Exception):
    """A page could not be read. `host`: nothing of its host can. `closed`: the server says that we may not."""

    def __init__(self, error: SynclineError, *, host: bool = False, closed: bool = False) -> None:
        super().__init__(error.message)
        self.error = error
        self.host = host
        self.closed = closed


def phrase(status: int) -> str:
    """A status in words: "503 Service Unavailable"."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def extra_missing(what: str) -> ConfigInvalid:
    """A package that this source needs is not installed."""
    return ConfigInvalid(
        f"{what} needs a package that is not installed.",
        code="source.extra_missing",
        remedy="pip install 'syncline[web]'",
    )


def unreachable(where: str, reason: str) -> SourceUnavailable:
    """Nobody answers, or not properly, after every try."""
    return SourceUnavailable(f"{where} cannot be read: {reason}.", code="source.unreachable")


def root_unreadable(url: str, reason: str) -> SourceUnavailable:
    """A page or site map that the settings name does not answer as it should."""
    return SourceUnavailable(
        f"{url}, which the connector's settings name, cannot be read: {reason}. Nothing is deleted because of it.",
        code="source.seed_unreadable",
        remedy="Correct the connector's urls or sitemaps, or make the site answer.",
    )


def not_admitted(url: str) -> CredentialsInvalid:
    """The site wants to know who asks."""
    return CredentialsInvalid(
        f"{url} cannot be read without, or with these, credentials.",
        remedy="Give the connector a user and password, a header or cookies that the site accepts.",
    )


def interrupted() -> SourceUnavailable:
    """Somebody asked to stop."""
    return SourceUnavailable(
        "Reading the site was interrupted.", code="source.interrupted", remedy="Run the job again."
    )


def rejected(message: str, code: str = "document.unreadable", remedy: str | None = None) -> DocumentRejected:
    """One page cannot be taken now."""
    return DocumentRejected(
        message,
        code=code,
        remedy=remedy or "See that the page can be read, or exclude it. The next job tries it again.",
    )


def too_large(limit: int) -> DocumentRejected:
    """A body is longer than the settings allow, perhaps only after it was unpacked."""
    return rejected(
        f"The page has more than max_bytes = {limit} bytes.",
        "document.too_large",
        "Raise the connector's max_bytes, or exclude the page.",
    )


def redirected(target: str) -> DocumentRejected:
    """A page that was read before leads elsewhere for the time being: perhaps to a login."""
    return rejected(
        f"The page, which was read before, leads to {target} for the time being. It is kept as it was.",
        "document.redirected",
        "If a login is needed, give the connector credentials. If it has moved for good, let the server say 301, or "
        "exclude the page.",
    )


def circular() -> DocumentRejected:
    """Redirects that lead nowhere."""
    return rejected("The page leads in a circle of redirects, or through too many of them.")


# --- parts that were not listed --------------------------------------------------------------------------------------


def host_unlisted(prefix: str, error: SynclineError) -> Unlisted:
    """A host cannot be read; its documents stay."""
    return Unlisted(prefix, error)


def unknown_links(url: str, error: SynclineError) -> Unlisted:
    """A page cannot be read and nobody knows where it leads now, so that absence proves nothing."""
    told = SourceUnavailable(
        f"{url} cannot be read, and what it links to now is not known, so nothing is deleted because it was not found. "
        f"{error.message}",
        code="source.links_unknown",
        remedy="Run the job again when the page can be read, or exclude it.",
    )
    return Unlisted("", told)


def page_limit(limit: int) -> Unlisted:
    """There are more pages than may be read."""
    error = SourceUnavailable(
        f"The site has more than max_pages = {limit} pages. The rest was not looked at, and nothing is deleted.",
        code="source.page_limit",
        remedy="Raise max_pages, or exclude what need not be read.",
    )
    return Unlisted("", error)


def link_limit(url: str, limit: int) -> Unlisted:
    """A page has more links than may be followed."""
    error = SourceUnavailable(
        f"{url} has more than max_links_per_page = {limit} links. The rest was not looked at, and nothing is deleted.",
        code="source.link_limit",
        remedy="Raise max_links_per_page, or exclude the page.",
    )
    return Unlisted("", error)
