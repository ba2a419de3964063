"""What a reader finds, and the ways in which it can end early."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_TITLE = 500
_SLACK = 64  # blank space at the end must not make a text that just fits look cut
MAX_VALUE = 2000  # characters of one metadata value; files may claim an author of any length


class Enough(Exception):
    """The text limit is reached; whoever called the reader takes what there is."""


class Trouble(Exception):
    """The file cannot be read. `code` is one of those in extract/errors.py, `message` one line for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class NoText(Exception):
    """A closer look shows a format that has no text, or that nobody here reads. `rule` says so to people."""

    def __init__(self, rule: str, code: str = "filtered.no_text") -> None:
        super().__init__(rule)
        self.rule = rule
        self.code = code


def damaged(message: str) -> Trouble:
    """The file is truncated or corrupt."""
    return Trouble("extract.damaged", message)


class Budget:
    """How much a container may unpack to. One for each document; what is unpacked is taken off `unpacked_bytes`.

    ratio   unpacked : packed of one member, looked at only above 16 MiB: small members compress absurdly well.
    files   members of a zip.
    """

    __slots__ = ("files", "ratio", "unpacked_bytes")

    def __init__(self, unpacked_bytes: int, ratio: int, files: int) -> None:
        self.unpacked_bytes = unpacked_bytes
        self.ratio = ratio
        self.files = files


class Reading:
    """Collects the text of one document up to `limit` characters, its title, metadata and reservations.

    budget    what its containers may unpack to.
    declared  the encoding the source gave with the bytes, "" when it gave none.
    cut       text was left out because of the limit.
    warnings  (code, message) of whatever else the reader took with a reservation.
    """

    __slots__ = ("budget", "cut", "declared", "limit", "media_type", "metadata", "parts", "room", "title", "warnings")

    def __init__(self, limit: int, budget: Budget, declared: str = "") -> None:
        self.budget = budget
        self.declared = declared
        self.limit = limit
        self.room = limit + _SLACK
        self.parts: list[str] = []
        self.title = ""
        self.media_type = ""
        self.metadata: dict[str, Any] = {}
        self.warnings: list[tuple[str, str]] = []
        self.cut = False

    def add(self, text: str) -> None:
        """Append `text`; raises Enough when the limit is well passed."""
        self.room -= len(text)
        if self.room < 0:
            self.parts.append(text[: self.room])
            self.room = 0
            self.cut = True
            raise Enough
        self.parts.append(text)

    def clear(self) -> None:
        """Begin again."""
        self.parts.clear()
        self.room = self.limit + _SLACK

    def text(self) -> str:
        """At most `limit` characters of it, without blank space at either end and without lone surrogates."""
        text = whole("".join(self.parts).strip())
        if len(text) > self.limit:
            self.cut = True
        return text[: self.limit]

    def entitle(self, title: str | None) -> None:
        """Set the title unless a better one (an earlier one) is there."""
        if title and not self.title:
            self.title = one_line(title, MAX_TITLE)

    def note(self, key: str, value: str | int | list[str] | None) -> None:
        """Add one fact to the metadata, unless it is empty or already known."""
        if isinstance(value, str):
            value = one_line(value, MAX_VALUE)
        elif isinstance(value, list):
            value = [line for item in value[:1000] if (line := one_line(item, MAX_VALUE))]
        if value and key not in self.metadata:
            self.metadata[key] = value

    def warn(self, code: str, message: str) -> None:
        """Remember a reservation."""
        self.warnings.append((code, message))


def one_line(text: str, limit: int) -> str:
    """`text` in one line of at most `limit` characters."""
    return whole(" ".join(text[: 4 * limit].split())[:limit])


def whole(text: str) -> str:
    """`text` as it can be stored: surrogate pairs joined, lone surrogates and NUL replaced by U+FFFD."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text.replace("\0", "\ufffd") if "\0" in text else text
