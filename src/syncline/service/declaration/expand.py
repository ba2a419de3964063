"""Values from outside: `${NAME}`, `${NAME:-default}` and `${file:PATH}` in the texts of a declaration.

What is put in stays known: it is shown nowhere, since it may be a secret wherever it stands (invariant 12).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from syncline.service.declaration.files import Fault, Path, Yaml, mapped

MAX_FILE_BYTES: Final = 1 << 20
HIDDEN: Final = "***"
LEAST_CHARS: Final = 3  # anything shorter stands in every message by chance

_REFERENCE = re.compile(r"\$\$\{|\$\{([^}\n]*)(\})?")
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)


@dataclass(slots=True)
class Expanded:
    """Values with everything from outside in its place.

    written  what stood in the file, of every text that was changed by a value from outside, by path.
    around   the same, by the path of everything that holds such a text; the first one of it.
    texts    what was put in.
    """

    values: Any
    written: dict[Path, str] = field(default_factory=dict)
    around: dict[Path, str] = field(default_factory=dict)
    texts: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)

    def from_outside(self, path: Path) -> str | None:
        """What was written where the value at `path`, or anything in it, came from outside; None: nothing did."""
        return self.around.get(path)

    def put_in(self, path: Path, said: str) -> None:
        """The text at `path` was changed; the file says `said`."""
        self.written[path] = said
        for end in range(len(path), -1, -1):
            self.around.setdefault(path[:end], said)

    def hide(self, text: str) -> str:
        """The text without anything that was put in."""
        return hide(text, self.texts)


def hide(text: str, secrets: set[str]) -> str:
    """The text with asterisks for every one of them that is long enough to mean something."""
    for secret in sorted(secrets, key=len, reverse=True):
        spellings = (secret, secret.strip(), repr(secret)[1:-1])
        for spelled in spellings:
            if len(spelled) >= LEAST_CHARS:
                text = text.replace(spelled, HIDDEN)
    return text


def expand(read: Yaml, environ: Mapping[str, str]) -> Expanded:
    """The values of a file with what they refer to. What is missing is a fault; the text stays as it was."""
    return _Expansion(read, environ).all()


def escaped(text: str) -> str:
    """The text as it must be written to mean itself."""
    return text.replace("${", "$${")


class _Expansion:
    def __init__(self, read: Yaml, environ: Mapping[str, str]) -> None:
        self._read = read
        self._environ = environ
        self._expanded = Expanded(None)

    def all(self) -> Expanded:
        self._expanded.values = mapped(self._read.values, self._text)
        return self._expanded

    def _text(self, text: str, path: Path) -> str:
        if "${" not in text:
            return text
        parts, end, outside = [], 0, False
        for match in _REFERENCE.finditer(text):
            parts.append(text[end : match.start()])
            end = match.end()
            if match[0] == "$${":
                parts.append("${")
                continue
            value = self._value(match[1], match[2] is not None, path)
            outside = True
            parts.append(value)
        if outside:
            self._expanded.put_in(path, text)
        return "".join([*parts, text[end:]])

    def _value(self, said: str, closed: bool, path: Path) -> str:
        if closed and said.startswith("file:"):
            return self._of_file(said.removeprefix("file:"), path)
        match = _NAME.fullmatch(said) if closed else None
        if match is None:
            remedy = "Write ${NAME}, ${NAME:-default} or ${file:PATH}; for the characters themselves write $${."
            return self._wrong(path, f"${{{said[:40]}{'}' if closed else ''} refers to nothing", remedy)
        name, default = match.groups()
        value = self._environ.get(name)
        if default is not None and not value:
            return str(default)
        if value is None:
            remedy = f"Set it, or give a default: ${{{name}:-…}}."
            return self._wrong(path, f"the variable {name} is not set", remedy)
        self._expanded.texts.add(value)
        return value

    def _of_file(self, said: str, path: Path) -> str:
        file = os.path.join(self._read.folder, os.path.expanduser(said.strip()))
        try:
            with open(file, "rb") as opened:
                data = opened.read(MAX_FILE_BYTES + 1)
            if len(data) > MAX_FILE_BYTES:
                return self._wrong(path, f"the file {file} is larger than {MAX_FILE_BYTES >> 20} MiB")
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            return self._wrong(path, f"the file {file} is not UTF-8", "Only text can be put into a setting.")
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "that is no path"
            return self._wrong(path, f"the file {file} cannot be read: {why}", "Check path and permissions.")
        text = text.removesuffix("\n").removesuffix("\r")
        self._expanded.texts.add(text)
        return text

    def _wrong(self, path: Path, message: str, remedy: str = "") -> str:
        self._expanded.faults.append(self._read.fault(path, message, remedy))
        return ""
