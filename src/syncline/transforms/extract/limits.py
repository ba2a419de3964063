"""How much one document may cost."""

from __future__ import annotations

from dataclasses import dataclass

import xxhash

VERSION = 1  # raise it when the same bytes would give another text, title or metadata than before

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """Ceilings for one document.

    max_text_chars      longer text is cut there, with a warning.
    max_content_bytes   larger files are refused; plain text is cut there, with a warning.
    max_unpacked_bytes  what zip-based formats may unpack to, as declared and as found.
    max_zip_ratio       unpacked : packed of one member, for members above 16 MiB.
    max_files_in_zip    members of a zip.
    wall_s              seconds from handing a document to a child process until it is killed.
    memory_bytes        what a child may take beyond the memory of a bare interpreter.
    """

    max_text_chars: int = 2_000_000
    max_content_bytes: int = 64 * MIB
    max_unpacked_bytes: int = 256 * MIB
    max_zip_ratio: int = 250
    max_files_in_zip: int = 10_000
    wall_s: float = 30.0
    memory_bytes: int = 1024 * MIB

    def recipe(self) -> str:
        """16 letters that change when the text of a document might. Time and memory have no part in it: what they
        stop has failed, and is tried again by the next job anyway."""
        shaping = (
            VERSION,
            self.max_text_chars,
            self.max_content_bytes,
            self.max_unpacked_bytes,
            self.max_zip_ratio,
            self.max_files_in_zip,
        )
        return xxhash.xxh3_64_hexdigest(repr(shaping).encode())
