"""The fingerprint sees what a reader of the index could see, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from syncline.model.documents import Document, encode_metadata

values = st.text() | st.integers() | st.floats(allow_nan=False) | st.booleans() | st.none() | st.lists(st.text())
metadata = st.dictionaries(st.text(), values, max_size=4)
documents = st.builds(
    Document,
    st.just("id"),
    text=st.text(),
    title=st.text(),
    media_type=st.sampled_from(["", "text/plain"]),
    metadata=metadata,
    url=st.text(max_size=3),
    allow=st.lists(st.sampled_from(["a", "b"]), unique=True).map(tuple),
    deny=st.lists(st.sampled_from(["a", "b"]), unique=True).map(tuple),
)


@given(metadata)
def test_metadata_is_written_as_canonical_json(given_metadata: dict[str, object]) -> None:
    written = encode_metadata(given_metadata)
    assert json.loads(written) == given_metadata
    assert written == encode_metadata(dict(reversed(given_metadata.items())))
    assert written == json.dumps(given_metadata, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


@given(documents, documents)
def test_two_documents_have_one_fingerprint_only_if_they_look_the_same(one: Document, other: Document) -> None:
    def looks(d: Document) -> object:
        return (
            d.text, d.title, d.media_type, encode_metadata(d.metadata), d.url, sorted(d.allow), sorted(d.deny),
        )  # fmt: skip

    assert (one.fingerprint() == other.fingerprint()) == (looks(one) == looks(other))


@given(documents)
def test_the_version_has_no_part_in_it(document: Document) -> None:
    assert replace(document, version="2").fingerprint() == document.fingerprint()


def test_bytes_and_the_same_text_are_the_same_content() -> None:
    assert Document("a", content="é".encode()).fingerprint() == Document("a", text="é").fingerprint()
