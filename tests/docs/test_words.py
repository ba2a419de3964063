"""The pages that others rely on: glossary, invariants, decisions, changes."""

from __future__ import annotations

import re
from pathlib import Path

TERMS = [
    *("anchor", "approve", "attempt", "batch", "capability", "checkpoint", "chunk", "connector", "counted bitmap"),
    *("cursor", "data directory", "deleted", "destination", "dialect", "document", "end-of-scan proof", "failed"),
    *(
        "fence",
        "filtered",
        "fingerprint",
        "guard",
        "incomplete",
        "index",
        "inserted",
        "kept",
        "lease",
        "ledger",
        "listing",
    ),
    *("orphan", "outcome", "plan", "recipe", "scope", "seen bitmap", "source", "source kind", "stopped", "succeeded"),
    *("suspended", "sync job", "text index", "tombstone", "transform", "truth", "updated", "version", "warning"),
    *("watermark", "withheld"),
]
SECTIONS = ["Context", "Decision", "What we refuse because of it", "Consequences"]


def test_every_term_is_in_the_glossary_and_once_in_its_part(pages: dict[str, str]) -> None:
    parts = pages["docs/glossary.md"].split("\n## ")
    defined = [re.findall(r"^(?:- )?\*\*([^*]+)\*\*[:,]", part, re.MULTILINE) for part in parts]
    assert set(TERMS) <= {term for part in defined for term in part}
    assert [part for part in defined if len(set(part)) < len(part)] == []


def test_there_are_twelve_invariants_and_each_says_where_it_is_kept(pages: dict[str, str]) -> None:
    parts = re.split(r"^## (\d+)\. ", pages["docs/invariants.md"], flags=re.MULTILINE)[1:]
    assert parts[::2] == [str(n) for n in range(1, 13)]
    assert [number for number, text in zip(parts[::2], parts[1::2], strict=True) if "*Kept" not in text] == []


def test_every_place_that_keeps_an_invariant_exists(pages: dict[str, str], root: Path) -> None:
    places = set(re.findall(r"`([a-z_]+/(?:[a-z_]+\.py)?)`", pages["docs/invariants.md"]))
    assert {place for place in places if not (root / "src" / "syncline" / place).exists()} == set()


def test_every_invariant_has_tests_that_carry_its_number(root: Path) -> None:
    tested = set()
    for path in (root / "tests").rglob("*.py"):
        tested |= set(re.findall(r"def test_\w*invariant_(\d\d)", path.read_text(encoding="utf-8")))
    for path in (root / "src" / "syncline" / "testing").rglob("*.py"):
        tested |= set(re.findall(r"def test_\w*invariant_(\d\d)", path.read_text(encoding="utf-8")))
    assert {f"{n:02}" for n in range(1, 13)} - tested == set()


def test_decisions_are_dated_and_have_the_same_four_parts(root: Path) -> None:
    for path in sorted((root / "docs" / "decisions").glob("*.md")):
        text = path.read_text(encoding="utf-8")
        assert re.fullmatch(r"\d{8}-[a-z0-9-]+\.md", path.name)
        year, month, day = path.name[:4], path.name[4:6], path.name[6:8]
        assert f"Date: {year}-{month}-{day}. Status: " in text, path.name
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS, path.name


def test_changes_are_told_in_whole_sentences(root: Path) -> None:
    notes = [path for path in (root / "changelog.d").iterdir() if path.name != ".gitkeep"]
    assert [
        path.name for path in notes if not re.fullmatch(r"[a-z0-9-]+\.(added|changed|fixed|removed)\.md", path.name)
    ] == []
    assert [path.name for path in notes if not path.read_text(encoding="utf-8").rstrip().endswith(".")] == []
