"""docs/api.md lists the operations that are served, and no others."""

from __future__ import annotations

from pathlib import Path

from syncline.server.app import NOUNS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"


def table() -> str:
    parts = []
    for noun in NOUNS:
        rows = [
            f"| `{one.method} {one.path}` | {one.summary} | {one.scope.value if one.scope else 'none'} |"
            for one in noun.all
        ]
        head = "| operation | | scope |\n| --- | --- | --- |"
        parts.append("\n".join([f"### {noun.tag.capitalize()}\n\n{head}", *rows]))
    return "\n\n".join(parts)


def test_the_page_lists_every_operation() -> None:
    listed = PAGE.read_text(encoding="utf-8").partition("<!-- begin operations")[2].partition("-->")[2]
    assert listed.partition("<!-- end operations")[0].strip() == table(), f"put this in:\n\n{table()}"
