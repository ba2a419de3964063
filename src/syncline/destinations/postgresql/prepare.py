"""What changed documents go through before they are written: what cannot be stored is refused, vectors are made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import xxhash

from syncline.destinations.postgresql.table import LONGEST_SEARCHED, Settings
from syncline.model.documents import Document, encode_metadata
from syncline.model.errors import ConfigInvalid, DocumentRejected
from syncline.model.news import Refused
from syncline.model.sheets import Sheet

if TYPE_CHECKING:
    from collections.abc import Callable

LAYOUT: Final = "1"  # raised when the same document is written in another way
LONGEST_ID: Final = 2000  # bytes; an entry of an index of PostgreSQL has 2704 at most
LARGEST: Final = 200_000_000  # characters; a value has a GiB at most
AT_ONCE: Final = 64  # texts given to an embedder together
GIVE_UP_AFTER: Final = 3  # texts that fail alone, one after the other
GROUP: Final = "syncline.embedders"
STAGE: Final = "prepare"


class Prepare:
    """The transform. `Embedder`: a function that is given a list of texts, and the settings by name, and returns a
    list of vectors, each a sequence of `dimensions` numbers."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        told = encode_metadata([settings.language, settings.embedder, settings.dimensions, settings.embedder_settings])
        self.recipe = f"postgresql-{LAYOUT}-{xxhash.xxh3_64_hexdigest(told.encode('utf-8', 'surrogatepass'))}"
        self._embed: Callable[..., Any] | None = None

    def apply(self, documents: Sequence[Document]) -> Iterator[Document | Refused]:
        """One answer for each document. Raises ConfigInvalid when the embedder cannot be found."""
        taken = []
        for document in documents:
            refusal = _unstorable(document)
            if refusal is not None:
                yield Refused(document.id, refusal, STAGE)
                continue
            if len(document.text or "") > LONGEST_SEARCHED and document.warning is None:
                what = f"only the first {LONGEST_SEARCHED:,} characters can be found by search"
                document.warning = ("destination.text_cut", what)
            taken.append(document)
        if self._settings.embedder:
            yield from self._with_vectors(taken)
        else:
            yield from taken

    def leaves(self, sheet: Sheet) -> bool:
        """See `LeavesSheets`."""
        if self._settings.embedder or not all(sheet.ids) or any("\0" in id for id in sheet.ids):
            return False
        sizes = [len(id.encode(errors="replace")) for id in sheet.ids]
        return max(sizes) <= LONGEST_ID and max(map(len, sheet.texts)) <= LONGEST_SEARCHED

    def close(self) -> None:
        """Nothing is held."""

    def _with_vectors(self, documents: Sequence[Document]) -> Iterator[Document | Refused]:
        for start in range(0, len(documents), AT_ONCE):
            some = documents[start : start + AT_ONCE]
            try:
                vectors = self._vectors(some)
            except DocumentRejected:
                yield from self._one_by_one(some)
                continue
            for document, vector in zip(some, vectors, strict=True):
                document.vector = vector
                yield document

    def _one_by_one(self, documents: Sequence[Document]) -> Iterator[Document | Refused]:
        """So that a text that cannot be embedded fails alone; when each one fails, the rest is not tried."""
        failed: DocumentRejected | None = None
        failures = 0
        for document in documents:
            if failed is None or failures < GIVE_UP_AFTER:
                try:
                    document.vector = self._vectors([document])[0]
                    failures = 0
                    yield document
                    continue
                except DocumentRejected as error:
                    failed, failures = error, failures + 1
            yield Refused(document.id, failed, "embed")

    def _vectors(self, documents: Sequence[Document]) -> list[Any]:
        """Raises DocumentRejected when the embedder fails, or gives something else than vectors."""
        from array import array

        embed = self._embedder()
        texts = [f"{document.title}\n\n{document.text or ''}".strip() for document in documents]
        try:
            given = embed(texts, **self._settings.embedder_settings)
            vectors = [array("f", [float(number) for number in vector]) for vector in given]
        except Exception as error:
            what = f"the embedder failed: {type(error).__name__}: {error}"[:300]
            raise DocumentRejected(what, code="embedding.failed", remedy=_TRY_AGAIN) from error
        dimensions = self._settings.dimensions
        if len(vectors) != len(texts) or any(len(vector) != dimensions for vector in vectors):
            found = f"{len(vectors)} vectors of {sorted({len(vector) for vector in vectors})} numbers"
            what = f"the embedder gave {found} for {len(texts)} texts; {dimensions} numbers each are wanted"
            raise DocumentRejected(what, code="embedding.dimensions", remedy="Correct `dimensions`, or the embedder.")
        if not all(number - number == 0.0 for vector in vectors for number in vector):
            raise DocumentRejected(
                "the embedder gave a number that is none", code="embedding.failed", remedy=_TRY_AGAIN
            )
        return vectors

    def _embedder(self) -> Callable[..., Any]:
        if self._embed is None:
            self._embed = find_embedder(self._settings.embedder)
        return self._embed


_TRY_AGAIN: Final = "See what the embedder says; the next job tries the document again."


def find_embedder(name: str) -> Callable[..., Any]:
    """The function that "module:name" or an entry point names. Raises ConfigInvalid."""
    target = name
    if ":" not in name:
        from importlib.metadata import entry_points

        targets = {point.name: point.value for point in entry_points(group=GROUP)}
        if name not in targets:
            known = ", ".join(sorted(targets)) or "none"
            raise _no_embedder(f"there is no embedder {name!r:.200}; installed: {known}")
        target = targets[name]
    module, _, attribute = target.partition(":")
    try:
        found: Callable[..., Any] = getattr(import_module(module), attribute)
    except Exception as error:
        raise _no_embedder(f"{target} cannot be imported: {type(error).__name__}: {error}"[:500]) from error
    if not callable(found):
        raise _no_embedder(f"{target} is no function: it is {type(found).__name__}")
    return found


def _no_embedder(what: str) -> ConfigInvalid:
    return ConfigInvalid(what, code="embedding.no_embedder", remedy="Correct `embedder`, or install what it needs.")


def _unstorable(document: Document) -> DocumentRejected | None:
    """Why it cannot be written, if that is so."""
    id = document.id
    try:
        length = len(id.encode())
    except UnicodeEncodeError:
        length = 0
    if "\0" in id or not length:
        what = "its id holds a character that PostgreSQL cannot store"
        return DocumentRejected(what, code="destination.id_unusable", remedy="Give the document another id.")
    if length > LONGEST_ID:
        what = f"its id has {length:,} bytes, and PostgreSQL cannot index more than {LONGEST_ID:,}"
        return DocumentRejected(what, code="destination.id_unusable", remedy="Give the document another id.")
    if len(document.text or "") > LARGEST:
        what = f"its text has more than {LARGEST:,} characters"
        return DocumentRejected(what, code="destination.too_large", remedy="Keep it out, or split it.")
    return None
