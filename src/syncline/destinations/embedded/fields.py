"""The fields of the text index, and how a stored document is laid out in them. Nothing is stored in tantivy itself:
the text comes from the truth when a result is shown."""

from __future__ import annotations

import tantivy

from syncline.destinations.embedded.fold import fold
from syncline.destinations.embedded.terms import Terms
from syncline.model.ports import StoredDocument

LONGEST_WORD = 80  # bytes; longer ones are not indexed

_TOKENIZER = "words"
_FACTS = "facts"  # all facts of a document as one text: a call for each would cost a fifth of all indexing


def schema() -> tantivy.Schema:
    """n and checksum are numbers; title and body are words with positions; facts are exact terms; values are ordered
    numbers by path."""
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("n", indexed=True, fast=True)
    builder.add_unsigned_field("checksum", fast=True)
    builder.add_text_field("title", tokenizer_name=_TOKENIZER)
    builder.add_text_field("body", tokenizer_name=_TOKENIZER)
    builder.add_text_field("facts", tokenizer_name=_FACTS, index_option="basic")
    builder.add_json_field("values", tokenizer_name="raw", index_option="basic", fast=True)
    return builder.build()


def analyzer() -> tantivy.TextAnalyzer:
    """Splits folded text at everything that is neither letter nor digit, and lowers the case."""
    simple = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
    short = simple.filter(tantivy.Filter.remove_long(LONGEST_WORD + 1))
    return short.filter(tantivy.Filter.lowercase()).build()


def open_index(path: str, create: bool = False) -> tantivy.Index:
    """The index in that directory, ready for use. Raises ValueError when there is none or it is damaged."""
    index = tantivy.Index(schema(), path=path) if create else tantivy.Index.open(path)
    index.register_tokenizer(_TOKENIZER, analyzer())
    index.register_tokenizer(_FACTS, tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build())
    return index


def tantivy_document(stored: StoredDocument, terms: Terms) -> tantivy.Document:
    """One document as it is indexed."""
    title, text = stored.title, stored.text
    document = tantivy.Document()
    document.add_unsigned("n", stored.n)
    document.add_unsigned("checksum", stored.checksum)
    document.add_text("title", title if title.isascii() else fold(title))
    document.add_text("body", text if text.isascii() else fold(text))
    facts, numbers = terms.of(stored)
    document.add_text("facts", facts)
    if numbers:
        document.add_json("values", numbers)
    return document
