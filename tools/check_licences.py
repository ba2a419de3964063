"""List the licences of what comes with `pip install 'syncline[all]'`, and fail on any that is not permissive.

    python tools/check_licences.py

Permissive licences pass. Anything else must be named below with the exact words of its metadata and the reason why it
may stay; other words in a later version ask for another look. Packages for developers only are not looked at.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from email.message import Message
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement

ROOT = "syncline"
EXTRA = "all"

PERMISSIVE = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "BSL-1.0",
        "CC0-1.0",
        "ISC",
        "MIT",
        "MIT-0",
        "PSF-2.0",
        "Python-2.0",
        "Unlicense",
        "Zlib",
    }
)

# Words of older metadata, and the licence they mean.
SPOKEN = {
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd 2-clause": "BSD-2-Clause",
    "bsd 3-clause": "BSD-3-Clause",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "python software foundation license": "PSF-2.0",
    "the unlicense (unlicense)": "Unlicense",
}

# (package, the words of its metadata) -> why it may stay.
REVIEWED = {
    (
        "apsw",
        "any-OSI",
    ): "may be used under any OSI-approved licence; the file it ships is permissive; SQLite is public domain",
    (
        "pypdfium2",
        "BSD-3-Clause, Apache-2.0, dependency licenses",
    ): "PDFium and what is built into it: BSD, Apache, MIT, zlib, IJG, FreeType and ICU licences",
    ("python-dateutil", "Dual License"): "Apache-2.0 or BSD-3-Clause, as its LICENSE file says",
    ("protobuf", "3-Clause BSD License"): "BSD-3-Clause, written in its own order",
    ("certifi", "MPL-2.0"): "data only: a list of certificates, not changed by us",
}


def runtime() -> dict[str, Distribution]:
    """The distributions that syncline[all] needs here, by normal name, without syncline itself.
    Raises PackageNotFoundError when one is not installed."""
    found: dict[str, Distribution] = {}
    asked: set[tuple[str, str]] = set()
    todo = [(ROOT, EXTRA)]
    while todo:
        name, extra = todo.pop()
        if (name, extra) in asked:
            continue
        asked.add((name, extra))
        package = distribution(name)
        found[name] = package
        for line in package.requires or ():
            need = Requirement(line)
            if need.marker is None or need.marker.evaluate({"extra": extra}):
                todo += [(normal(need.name), wanted) for wanted in ("", *need.extras)]
    del found[ROOT]
    return dict(sorted(found.items()))


def normal(name: str) -> str:
    """The name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def licence(metadata: Message) -> str:
    """What the metadata says: the expression, else a short licence field, else the classifiers; "" when silent."""
    expression = metadata.get("License-Expression")
    if expression:
        return expression.strip()
    words = (metadata.get("License") or "").strip()
    if words and "\n" not in words and len(words) < 100:
        return words
    classifiers = metadata.get_all("Classifier") or []
    names = [line.rpartition("::")[2].strip() for line in classifiers if line.startswith("License :: OSI Approved ::")]
    return " AND ".join(SPOKEN.get(name.lower(), name) for name in names)


def permitted(words: str) -> bool:
    """Whether an SPDX expression can be met with permissive licences alone; False for what is no expression."""
    tokens = re.findall(r"[()]|[^\s()]+", SPOKEN.get(words.lower(), words))
    tree = list(tokens)
    try:
        result = _either(tree)
    except IndexError:
        return False
    return result and not tree


def _either(tokens: list[str]) -> bool:
    result = _both(tokens)
    while tokens and tokens[0].upper() == "OR":
        tokens.pop(0)
        result = _both(tokens) or result
    return result


def _both(tokens: list[str]) -> bool:
    result = _single(tokens)
    while tokens and tokens[0].upper() == "AND":
        tokens.pop(0)
        result = _single(tokens) and result
    return result


def _single(tokens: list[str]) -> bool:
    word = tokens.pop(0)
    if word == "(":
        result = _either(tokens)
        return tokens.pop(0) == ")" and result
    if tokens and tokens[0].upper() == "WITH":
        del tokens[:2]  # an exception only ever permits more
    return word in PERMISSIVE


def verdicts() -> Iterator[tuple[str, str, str, bool]]:
    """(name, version, licence and reason, whether it may stay)."""
    for name, package in runtime().items():
        words = licence(package.metadata)  # type: ignore[arg-type]
        reason = REVIEWED.get((name, words))
        told = f"{words}: {reason}" if reason else words or "says nothing"
        yield name, package.version, told, bool(reason) or permitted(words)


def main() -> int:
    """0 when every package may stay."""
    try:
        found = list(verdicts())
    except PackageNotFoundError as error:
        print(f"not installed: {error.name}; run: pip install '.[{EXTRA}]'", file=sys.stderr)
        return 1
    for name, version, told, fine in found:
        print(f"{'ok ' if fine else 'NO '} {name} {version}  {told}")
    refused = [name for name, _, _, fine in found if not fine]
    if refused:
        print(f"not permissive, or not known to be: {', '.join(refused)}", file=sys.stderr)
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
