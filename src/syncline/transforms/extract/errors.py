"""Why a document could not be read, and what to do about it. The codes are public and stable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from syncline.model.errors import DocumentRejected

REMEDIES: Mapping[str, str] = {
    "extract.encrypted": "Save a copy without a password, or exclude the file.",
    "extract.damaged": "Open the file in its own program and save it again, or exclude it.",
    "extract.bomb": "Exclude the file, or raise max_unpacked_bytes if you trust it.",
    "extract.timeout": "Split the file, or raise wall_s if it is worth the time.",
    "extract.memory": "Split the file, or raise memory_bytes if it is worth the memory.",
    "extract.crashed": "Open the file in its own program and save it again; report it to us if that does not help.",
    "extract.too_large": "Split the file, or raise max_content_bytes.",
    "extract.unavailable": "Run `pip install 'syncline[extract]'` and then the job again.",
    "extract.interrupted": "Run the job again.",
}


class NotExtracted(DocumentRejected):
    """One document's text cannot be read; the job goes on and counts it as failed."""

    code = "extract.damaged"
    default_remedy: ClassVar[str] = REMEDIES["extract.damaged"]

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message, code=code, remedy=REMEDIES.get(code, self.default_remedy))
