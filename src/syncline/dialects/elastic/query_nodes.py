"""A query, compiled: a tree of nodes, each of which looks at one document and says how well it fits. Pure.

A score is BM25 for words and the boost for everything else. How rare a word is, the text index says; how long a text is
counts against a fixed length instead of an average, so that a document can be judged by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from syncline.dialects.elastic.query_docs import Doc, Pattern, Text, is_text
from syncline.dialects.elastic.query_fields import Field, Fields, Kind, has_below

K1, B, AVERAGE_WORDS = 1.2, 0.75, 128.0

Predicate = Callable[[Any], bool]


class Stats(Protocol):
    """What is known of words in all documents."""

    def idf(self, word: str) -> float:
        """How much it tells that a document has the word; above 0."""
        ...


# --- what a document must have, to be worth a look --------------------------------------------------------------------


class AnyWord(NamedTuple):
    """One of these words in that field."""

    field: str
    words: tuple[str, ...]


class AnyId(NamedTuple):
    """One of these ids."""

    ids: tuple[str, ...]


class AllOf(NamedTuple):
    """All of that."""

    needs: tuple[Need, ...]


class OneOf(NamedTuple):
    """One of that."""

    needs: tuple[Need, ...]


Need = AnyWord | AnyId | AllOf | OneOf


class Mark(NamedTuple):
    """Words to be marked in highlights. `field` "*": in all fields."""

    field: str
    words: tuple[str, ...]
    prefix: bool = False


class Node:
    """A part of a query. A score of None: the document does not match."""

    __slots__ = ()

    def score(self, doc: Doc) -> float | None:
        """How well the document matches."""
        raise NotImplementedError

    def matches(self, doc: Doc) -> bool:
        """Whether it does."""
        return self.score(doc) is not None

    def need(self) -> Need | None:
        """What every document that matches has; None: nothing is known."""
        return None

    def names(self) -> frozenset[str]:
        """The fields it looks at; "*" stands for any."""
        return frozenset()

    def marks(self) -> Iterator[Mark]:
        """What to mark in highlights."""
        return iter(())


class Everything(Node):
    """Every document."""

    __slots__ = ("boost",)

    def __init__(self, boost: float = 1.0) -> None:
        self.boost = boost

    def score(self, doc: Doc) -> float | None:
        return self.boost


class Nothing(Node):
    """No document."""

    __slots__ = ()

    def score(self, doc: Doc) -> float | None:
        return None

    def need(self) -> Need | None:
        return OneOf(())


class Words(Node):
    """At least `least` of the words are in a text of the field; or `other` is true of a value that is no text."""

    __slots__ = ("boost", "field", "least", "other", "patterns", "stats", "words")

    def __init__(
        self,
        field: Field,
        words: Sequence[str],
        patterns: Sequence[Pattern],
        stats: Stats,
        *,
        least: int = 1,
        boost: float = 1.0,
        other: Predicate | None = None,
    ) -> None:
        self.field, self.words, self.patterns, self.stats = field, tuple(words), tuple(patterns), stats
        self.least, self.boost, self.other = least, boost, other

    def score(self, doc: Doc) -> float | None:
        texts = doc.texts(self.field)
        if texts and self.patterns:
            counts = [_count(one, texts) for one in self.patterns]
            if sum(map(bool, counts)) >= self.least:
                length = sum(text.words for text in texts)
                pairs = zip(self.words, counts, strict=True)
                return self.boost * sum(bm25(self.stats.idf(word), tf, length) for word, tf in pairs if tf)
        return self.boost if _any_other(doc, self.field, self.other) else None

    def matches(self, doc: Doc) -> bool:
        texts, left = doc.texts(self.field), self.least
        if texts and self.patterns:
            for one in self.patterns:
                left -= 1 if _count(one, texts) else 0
                if left <= 0:
                    return True
        return _any_other(doc, self.field, self.other)

    def names(self) -> frozenset[str]:
        return frozenset((self.field.name,))

    def need(self) -> Need | None:
        if not _is_told(self.field):
            return None
        if self.other is not None and self.field.kind is Kind.OPEN:
            return None if _could_be_other(self.words) else AnyWord(self.field.name, self.words)
        return AnyWord(self.field.name, self.words) if self.patterns else OneOf(())

    def marks(self) -> Iterator[Mark]:
        for word in self.words:
            yield Mark(self.field.name, (word,))


class BeginningWords(Words):
    """The same, and the last of them is the beginning of a word."""

    __slots__ = ()

    def need(self) -> Need | None:
        return None

    def marks(self) -> Iterator[Mark]:
        for at, word in enumerate(self.words):
            yield Mark(self.field.name, (word,), at == len(self.words) - 1)


class Phrase(Node):
    """The words side by side in a text of the field; or `other` is true of a value that is no text."""

    __slots__ = ("boost", "field", "other", "pattern", "prefix", "stats", "words")

    def __init__(
        self,
        field: Field,
        words: Sequence[str],
        pattern: Pattern,
        stats: Stats,
        *,
        prefix: bool = False,
        boost: float = 1.0,
        other: Predicate | None = None,
    ) -> None:
        self.field, self.words, self.pattern, self.stats = field, tuple(words), pattern, stats
        self.prefix, self.boost, self.other = prefix, boost, other

    def score(self, doc: Doc) -> float | None:
        texts = doc.texts(self.field)
        tf = _count(self.pattern, texts) if self.words else 0
        if tf:
            idf = sum(map(self.stats.idf, self.words))
            return self.boost * bm25(idf, tf, sum(text.words for text in texts))
        return self.boost if _any_other(doc, self.field, self.other) else None

    def names(self) -> frozenset[str]:
        return frozenset((self.field.name,))

    def need(self) -> Need | None:
        sure = self.words[:-1] if self.prefix else self.words
        if not sure or not _is_told(self.field) or (self.other is not None and _could_be_other(self.words)):
            return None
        return AllOf(tuple(AnyWord(self.field.name, (word,)) for word in sure))

    def marks(self) -> Iterator[Mark]:
        yield Mark(self.field.name, self.words, self.prefix)


class Values(Node):
    """Something is true of a value of the field, or of one of its texts."""

    __slots__ = ("boost", "field", "needed", "of_text", "of_value", "word")

    def __init__(
        self,
        field: Field,
        of_value: Predicate | None,
        of_text: Callable[[Text], bool] | None = None,
        boost: float = 1.0,
        word: Mark | None = None,
        needed: Need | None = None,
    ) -> None:
        self.field, self.of_value, self.of_text, self.boost, self.word = field, of_value, of_text, boost, word
        self.needed = needed

    def need(self) -> Need | None:
        return self.needed

    def score(self, doc: Doc) -> float | None:
        return self.boost if self.matches(doc) else None

    def matches(self, doc: Doc) -> bool:
        if self.of_text is not None and any(map(self.of_text, doc.texts(self.field))):
            return True
        if self.of_value is None:
            return False
        return any(self.of_value(value) for value in doc.values(self.field) if not is_text(self.field, value))

    def names(self) -> frozenset[str]:
        return frozenset((self.field.name,))

    def marks(self) -> Iterator[Mark]:
        if self.word is not None:
            yield self.word


class Exists(Node):
    """There is a value in the field, or below it."""

    __slots__ = ("boost", "field")

    def __init__(self, field: Field, boost: float) -> None:
        self.field, self.boost = field, boost

    def names(self) -> frozenset[str]:
        return frozenset((self.field.name,))

    def score(self, doc: Doc) -> float | None:
        if self.field.name in ("_id", "_index") or doc.values(self.field):
            return self.boost
        return self.boost if self.field.kind is Kind.OPEN and has_below(doc.source, self.field.path) else None


class Ids(Node):
    """One of these ids."""

    __slots__ = ("boost", "ids")

    def __init__(self, ids: Sequence[str], boost: float) -> None:
        self.ids, self.boost = frozenset(ids), boost

    def score(self, doc: Doc) -> float | None:
        return self.boost if doc.id in self.ids else None

    def need(self) -> Need | None:
        return AnyId(tuple(self.ids))


class Bool(Node):
    """All of `must` and `silent`, none of `never`, and `least` of `should`. `silent` adds nothing to the score."""

    __slots__ = ("boost", "least", "must", "never", "should", "silent")

    def __init__(
        self,
        must: Sequence[Node],
        silent: Sequence[Node],
        should: Sequence[Node],
        never: Sequence[Node],
        least: int,
        boost: float,
    ) -> None:
        self.must, self.silent, self.should, self.never = must, silent, should, never
        self.least, self.boost = least, boost

    def score(self, doc: Doc) -> float | None:
        if not self._allowed(doc):
            return None
        total, found = 0.0, 0
        for node in self.must:
            score = node.score(doc)
            if score is None:
                return None
            total += score
        for node in self.should:
            score = node.score(doc)
            if score is not None:
                total, found = total + score, found + 1
        return None if found < self.least else self.boost * total

    def _allowed(self, doc: Doc) -> bool:
        return all(node.matches(doc) for node in self.silent) and not any(node.matches(doc) for node in self.never)

    def matches(self, doc: Doc) -> bool:
        if not all(node.matches(doc) for node in self.must) or not self._allowed(doc):
            return False
        left = self.least
        for node in self.should if left > 0 else ():
            left -= node.matches(doc)
            if left <= 0:
                return True
        return left <= 0

    def need(self) -> Need | None:
        needs = [need for node in (*self.must, *self.silent) if (need := node.need()) is not None]
        if self.least > 0:
            ways = [node.need() for node in self.should]
            if None not in ways:
                needs.append(OneOf(tuple(way for way in ways if way is not None)))
        return AllOf(tuple(needs)) if needs else None

    def names(self) -> frozenset[str]:
        return frozenset[str]().union(*(node.names() for node in (*self.must, *self.silent, *self.should, *self.never)))

    def marks(self) -> Iterator[Mark]:
        for node in (*self.must, *self.should, *self.silent):
            yield from node.marks()


class Constant(Node):
    """What the inner one matches, every document with the same score."""

    __slots__ = ("boost", "inner")

    def __init__(self, inner: Node, boost: float) -> None:
        self.inner, self.boost = inner, boost

    def score(self, doc: Doc) -> float | None:
        return self.boost if self.inner.matches(doc) else None

    def matches(self, doc: Doc) -> bool:
        return self.inner.matches(doc)

    def need(self) -> Need | None:
        return self.inner.need()

    def names(self) -> frozenset[str]:
        return self.inner.names()

    def marks(self) -> Iterator[Mark]:
        return self.inner.marks()


class Best(Node):
    """One of them at least; the best score, and `tie` of the others."""

    __slots__ = ("boost", "nodes", "tie")

    def __init__(self, nodes: Sequence[Node], tie: float = 0.0, boost: float = 1.0) -> None:
        self.nodes, self.tie, self.boost = nodes, tie, boost

    def score(self, doc: Doc) -> float | None:
        return _best((node.score(doc) for node in self.nodes), self.tie, self.boost)

    def matches(self, doc: Doc) -> bool:
        return any(node.matches(doc) for node in self.nodes)

    def need(self) -> Need | None:
        ways = [node.need() for node in self.nodes]
        return None if None in ways else OneOf(tuple(way for way in ways if way is not None))

    def names(self) -> frozenset[str]:
        return frozenset[str]().union(*(node.names() for node in self.nodes))

    def marks(self) -> Iterator[Mark]:
        for node in self.nodes:
            yield from node.marks()


class EachField(Node):
    """The same question put to every field of the document whose name is like the pattern."""

    __slots__ = ("_nodes", "boost", "fields", "make", "pattern", "tie")

    def __init__(
        self, pattern: str, fields: Fields, make: Callable[[Field], Node], tie: float = 0.0, boost: float = 1.0
    ) -> None:
        self.pattern, self.fields, self.make, self.tie, self.boost = pattern, fields, make, tie, boost
        self._nodes: dict[str, Node] = {}

    def _of(self, doc: Doc) -> Iterator[Node]:
        for name in doc.names(self.pattern):
            node = self._nodes.get(name)
            if node is None:
                node = self._nodes[name] = self.make(self.fields.resolve(name))
            yield node

    def score(self, doc: Doc) -> float | None:
        return _best((node.score(doc) for node in self._of(doc)), self.tie, self.boost)

    def matches(self, doc: Doc) -> bool:
        return any(node.matches(doc) for node in self._of(doc))

    def need(self) -> Need | None:
        return self.make(Field("*", ("*",), Kind.OPEN)).need()

    def names(self) -> frozenset[str]:
        return frozenset("*")

    def marks(self) -> Iterator[Mark]:
        for mark in self.make(Field("*", ("*",), Kind.OPEN)).marks():
            yield mark._replace(field=self.pattern)


def _best(scores: Iterator[float | None], tie: float, boost: float) -> float | None:
    found = [score for score in scores if score is not None]
    if not found:
        return None
    best = max(found)
    return boost * (best + tie * (sum(found) - best))


def bm25(idf: float, tf: int, words: int) -> float:
    """What a word that is there `tf` times adds to the score of a text of that length."""
    return idf * tf * (K1 + 1) / (tf + K1 * (1 - B + B * words / AVERAGE_WORDS))


def _count(pattern: Pattern, texts: Sequence[Text]) -> int:
    return sum(pattern.count(text) for text in texts)


def _any_other(doc: Doc, field: Field, other: Predicate | None) -> bool:
    if other is None:
        return False
    return any(other(value) for value in doc.values(field) if not is_text(field, value))


def words_needed(field: Field, words: Sequence[str]) -> Need | None:
    """What a document must have whose value in the field is, word for word, a text of these."""
    if not words or _could_be_other(words) or not _is_told(field):
        return None
    return AllOf(tuple(AnyWord(".".join(field.path), (word,)) for word in words))


def _is_told(field: Field) -> bool:
    """Whether the texts of the field are in the text index: those of names with "_" before them are not."""
    return not (field.path and field.path[0].startswith("_"))


def _could_be_other(words: Sequence[str]) -> bool:
    """Whether words could mean a number, a boolean or a date, whose documents cannot be found by words."""
    if not words:
        return True
    return words[0][:1].isdigit() or tuple(words) in (("true",), ("false",)) or words[0] == "now"
