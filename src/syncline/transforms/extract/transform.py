"""The transform: one answer for every document, the text formats here, the others in child processes.

documents ─┬─ has text already ─────────────────────────────────────▶ Document
           ├─ a format without text ────────────────────────────────▶ Unwanted
           ├─ text, Markdown, CSV, JSON …        inline.py ─────────▶ Document
           └─ PDF, Office, HTML, mail …          pool.py ─ child.py ─▶ Document, Refused or Unwanted
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from syncline.model.documents import Document
from syncline.model.news import Refused
from syncline.model.ports import Unwanted
from syncline.model.sheets import Sheet
from syncline.transforms.extract import inline, media
from syncline.transforms.extract.answers import Done, Extracted, Task, cut
from syncline.transforms.extract.errors import NotExtracted
from syncline.transforms.extract.limits import Limits

if TYPE_CHECKING:
    from syncline.transforms.extract.media import Form
    from syncline.transforms.extract.pool import Pool

_DEFAULT = Limits()


class Extract:
    """Turns bytes into text, title and metadata. What it finds depends on the bytes and the id alone.

    Reading runs in at most `workers` child processes, started when the first document needs one."""

    def __init__(self, limits: Limits = _DEFAULT, *, workers: int | None = None) -> None:
        self.limits = limits
        self.recipe = f"extract-{limits.recipe()}"
        self._workers = workers or min(4, os.cpu_count() or 1)
        self._pool: Pool | None = None
        self._interrupted = False

    def apply(self, documents: Sequence[Document]) -> Iterator[Document | Refused | Unwanted]:
        """One answer for each document, in any order. The documents given are changed and given back; their
        content is let go of."""
        try:
            for document in documents:
                answer = self._answer(document)
                if isinstance(answer, Task):
                    yield from map(_settle, self._children().submit(answer))
                else:
                    yield answer
            if self._pool is not None:
                yield from map(_settle, self._pool.drain())
        finally:
            if self._pool is not None:
                self._pool.abandon()

    def leaves(self, sheet: Sheet) -> bool:
        """See `LeavesSheets`: what brings its text is left alone, up to the limit."""
        return max(map(len, sheet.texts), default=0) <= self.limits.max_text_chars

    def interrupt(self) -> None:
        """From another thread: answer what is under way, and whatever comes, at once. For good."""
        self._interrupted = True
        if self._pool is not None:
            self._pool.interrupt()

    def close(self) -> None:
        """End the child processes. The next document that needs one starts it again."""
        if self._pool is not None:
            self._pool.close()

    def _answer(self, document: Document) -> Document | Refused | Unwanted | Task:
        """What becomes of a document, or the task for a child to find out."""
        try:
            content = document.content
            if document.text is not None or content is None:
                return self._pass(document)
            return self._read(document, content)
        except Exception as problem:  # a source may hand over anything
            message = f"cannot be read: {type(problem).__name__}: {str(problem)[:200]}"
            return _refuse(document, NotExtracted("extract.damaged", message))

    def _pass(self, document: Document) -> Document:
        """A document that brings its text: only the limit applies."""
        text, limit = document.text or "", self.limits.max_text_chars
        if len(text) > limit:
            _warn(document, cut(limit, str(len(text))))
            text = text[:limit]
        document.text, document.content = text, None
        return document

    def _read(self, document: Document, content: bytes) -> Document | Refused | Unwanted | Task:
        id, media_type = document.id, document.media_type
        form = media.by_media_type(media_type, id) if media_type else media.by_extension(id)
        if form is not None and not form.reader:
            return Unwanted(id, media.no_text(form), "filtered.no_text")
        if not content:
            return _accept(document, form or media.GUESS, Extracted(""))
        form = media.refine(form, content)
        if not form.reader:
            return Unwanted(id, media.no_text(form), "filtered.no_text")
        declared = media.declared_charset(media_type) if media_type else ""
        if form.reader in inline.READERS and not self._is_large_json(form, content):
            found = inline.read(content, form, declared, self.limits)
            if found is None:
                return Unwanted(id, media.no_text(media.BINARY), "filtered.no_text")
            return _accept(document, form, found)
        if len(content) > self.limits.max_content_bytes:
            message = f"{len(content)} bytes, more than {self.limits.max_content_bytes}"
            return _refuse(document, NotExtracted("extract.too_large", message))
        return Task(document, content, form, declared)

    def _is_large_json(self, form: Form, content: bytes) -> bool:
        limit = min(inline.MAX_JSON, self.limits.max_content_bytes)
        return form.reader == "json" and inline.MAX_JSON_HERE < len(content) <= limit

    def _children(self) -> Pool:
        if self._pool is None:
            from syncline.transforms.extract.pool import Pool

            self._pool = Pool(self.limits, self._workers)
            if self._interrupted:
                self._pool.interrupt()
        return self._pool


def _settle(done: Done) -> Document | Refused | Unwanted:
    task, answer = done
    if isinstance(answer, Extracted):
        return _accept(task.document, task.form, answer)
    if isinstance(answer, NotExtracted):
        return _refuse(task.document, answer)
    task.document.content = None
    return answer


def _refuse(document: Document, error: NotExtracted) -> Refused:
    document.content = None
    return Refused(document.id, error, "extract")


def _accept(document: Document, form: Form, found: Extracted) -> Document:
    """Put what was found into the document, beside what the source said, which wins."""
    text = found.text
    if document.content and not _is_visible(text):
        _warn(document, ("extract.empty", f"no text found in {len(document.content)} bytes"))
    for warning in found.warnings:
        _warn(document, warning)
    document.text = text
    document.content = None
    document.media_type = found.media_type or form.media_type
    if not document.title:
        document.title = found.title or media.file_name(document.id)
    if found.metadata:
        document.metadata = {**found.metadata, **document.metadata}
    return document


def _is_visible(text: str) -> bool:
    first = text.lstrip()[:1]
    return bool(first) and (first.isprintable() or any(each.isprintable() and not each.isspace() for each in text))


def _warn(document: Document, warning: tuple[str, str]) -> None:
    """A document has one warning: the first gives the code, later ones are added to its message."""
    held = document.warning
    document.warning = warning if held is None else (held[0], f"{held[1]}; {warning[1]}")
