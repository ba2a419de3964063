"""What passes between the parts of this transform."""

from __future__ import annotations

from typing import Any, NamedTuple

from syncline.model.documents import Document
from syncline.model.ports import Unwanted
from syncline.transforms.extract.errors import NotExtracted
from syncline.transforms.extract.media import Form

Warnings = tuple[tuple[str, str], ...]


class Extracted(NamedTuple):
    """What was found in a document. `text` is within the limit; `warnings` are (code, message)."""

    text: str
    title: str = ""
    metadata: dict[str, Any] | None = None
    media_type: str = ""
    warnings: Warnings = ()


class Task(NamedTuple):
    """One document that a child process must read. `declared` is the charset the source named, or ""."""

    document: Document
    content: bytes
    form: Form
    declared: str
    tries: int = 0


Answer = Extracted | NotExtracted | Unwanted


class Done(NamedTuple):
    """A task and what became of it."""

    task: Task
    answer: Answer


def cut(limit: int, total: str = "") -> tuple[str, str]:
    """The warning of text that was cut. `total` is a number, or words, or "" when nobody counted."""
    return "extract.cut", f"text cut at {limit} of {total or f'more than {limit}'} characters"
