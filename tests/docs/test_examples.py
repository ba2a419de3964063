"""The examples are real, small and work."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from syncline.sources.registry import open_source, validate
from syncline.testing.conformance import check_source

FORMATS = {"md", "txt", "html", "csv", "json", "jsonl", "eml", "rtf", "docx", "pptx", "xlsx", "pdf"}


def test_the_handbook_is_small_and_speaks_every_format(root: Path) -> None:
    files = [path for path in (root / "examples" / "handbook").rglob("*") if path.is_file()]
    assert set(Counter(path.suffix[1:] for path in files)) == FORMATS
    assert 20 <= len(files) <= 40
    assert sum(path.stat().st_size for path in files) < 300_000


def test_the_source_of_the_example_keeps_every_law(root: Path) -> None:
    kind = f"{root}/examples/sources/feed.py:feed"
    settings = {"path": str(root / "examples" / "sources" / "feed.json")}
    broken = [check for check in check_source(kind, settings) if not check.passed]
    assert broken == []


def test_the_source_of_the_example_is_about_twenty_lines(root: Path) -> None:
    code = (root / "examples" / "sources" / "feed.py").read_text(encoding="utf-8").rpartition('"""\n\nimport')[2]
    assert len([line for line in code.splitlines() if line.strip()]) <= 22


def test_the_source_of_the_example_reads_the_feed(root: Path) -> None:
    kind = f"{root}/examples/sources/feed.py:feed"
    source = open_source(kind, validate(kind, {"path": str(root / "examples" / "sources" / "feed.json")}))
    *documents, end = source.read(None)
    assert len(documents) == 5
    assert documents[1].title == "A float that does not freeze"
    assert type(end).__name__ == "Complete"
