"""Every link of the documentation leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def anchors(text: str) -> set[str]:
    """The anchors that headings of a page get."""
    heads = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


def test_every_relative_link_resolves(pages: dict[str, str], root: Path) -> None:
    broken = []
    for name, text in pages.items():
        for link in LINK.findall(text):
            if re.match(r"[a-z]+:", link):
                continue
            path, _, anchor = link.partition("#")
            target = (root / name).parent / path if path else root / name
            if not target.exists():
                broken.append(f"{name}: {link}")
            elif anchor and anchor not in anchors(target.read_text(encoding="utf-8")):
                broken.append(f"{name}: {link} (no such heading)")
    assert not broken, "\n".join(broken)


def test_every_page_of_docs_can_be_reached_from_the_readme(pages: dict[str, str], root: Path) -> None:
    reached, todo = set(), ["README.md"]
    while todo:
        name = todo.pop()
        if name in reached or name not in pages:
            continue
        reached.add(name)
        for link in LINK.findall(pages[name]):
            if not re.match(r"[a-z]+:", link):
                target = ((root / name).parent / link.partition("#")[0]).resolve()
                todo.append(target.relative_to(root).as_posix())
    assert {name for name in pages if name.startswith("docs/")} <= reached


@pytest.mark.parametrize("secret", ["/work/", "/tmp/", "localhost:"])
def test_no_page_names_a_place_on_somebodys_machine(pages: dict[str, str], secret: str) -> None:
    assert not [name for name, text in pages.items() if secret in text]
