"""Looking for damage in the truth of an index: ledger and documents must speak of the same things."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from syncline.model.documents import Document
from syncline.model.ports import StoredDocument
from syncline.store.relational.truth import SQL, Truth, checksum


class Finding(NamedTuple):
    """Something wrong. `mend` puts it right, if that is possible without the source; `remedy` says what was done."""

    message: str
    remedy: str = ""
    mend: Callable[[], None] | None = None


class Checks:
    """Reads all of one truth."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self._db = truth.connection

    def totals(self) -> tuple[int, int]:
        """(documents, live ledger rows)."""
        with self._truth.reading():
            row: Any = self._db.execute(SQL["totals"]).fetchone()
        return int(row[0]), int(row[1])

    def checksums(self) -> Iterator[tuple[int, int]]:
        """(number, checksum as unsigned 64 bits) of every document, by number."""
        with self._truth.reading():
            for n, total in self._db.execute(SQL["all_checksums"]):
                yield int(n), int(total) & 0xFFFF_FFFF_FFFF_FFFF

    def findings(self) -> Iterator[Finding]:
        """Everything wrong between ledger and documents."""
        yield from self._file()
        yield from self._rows_without_document()
        yield from self._documents_without_row()
        yield from self._altered_documents()

    def read_again(self, seqs: Sequence[int]) -> None:
        """Forget of these rows that their documents have been taken: the next job takes them again."""
        for start in range(0, len(seqs), 1000):
            self._execute([("fail_row", (seq,)) for seq in seqs[start : start + 1000]])

    def _file(self) -> Iterator[Finding]:
        damage = self._truth.database.damage()
        if damage:
            yield Finding(f"the database file is damaged: {damage}")

    def _rows_without_document(self) -> Iterator[Finding]:
        with self._truth.reading():
            rows = self._db.execute(SQL["rows_without_document"]).fetchall()
        for seq, id in rows:
            yield Finding(
                f"{id}: the ledger knows it, its document is missing",
                f"{id}: the next sync reads it again",
                lambda seq=seq: self._execute([("fail_row", (seq,))]),  # type: ignore[misc]
            )

    def _documents_without_row(self) -> Iterator[Finding]:
        with self._truth.reading():
            rows = self._db.execute(SQL["documents_without_row"]).fetchall()
        for n, id in rows:
            yield Finding(
                f"{id}: a document that the ledger does not know",
                f"{id}: removed",
                lambda n=n: self._execute([("add_removed", (n,)), ("delete_number", (n,))]),  # type: ignore[misc]
            )

    def _altered_documents(self) -> Iterator[Finding]:
        n = 0
        while documents := self._truth.after(n, 1000):
            for stored in documents:
                if checksum(_as_document(stored)) != stored.checksum:
                    yield self._altered(stored)
            n = documents[-1].n

    def _altered(self, stored: StoredDocument) -> Finding:
        return Finding(
            f"{stored.id}: the stored document is not what was written",
            f"{stored.id}: the next sync reads it again",
            lambda: self._read_again(stored),
        )

    def _read_again(self, stored: StoredDocument) -> None:
        row = self._truth.held(stored.connector, [stored.id]).get(stored.id)
        steps: list[tuple[str, tuple[Any, ...]]] = [("add_removed", (stored.n,)), ("delete_number", (stored.n,))]
        if row is not None:
            steps.append(("fail_row", (row.seq,)))
        self._execute(steps)

    def _execute(self, steps: list[tuple[str, tuple[Any, ...]]]) -> None:
        with self._truth.writing("mend"):
            for name, parameters in steps:
                self._db.execute(SQL[name], parameters)


def _as_document(stored: StoredDocument) -> Document:
    return Document(
        id=stored.id,
        text=stored.text,
        title=stored.title,
        metadata=stored.metadata,
        media_type=stored.media_type,
        url=stored.url,
        allow=stored.allow,
        deny=stored.deny,
    )
