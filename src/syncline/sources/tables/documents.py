"""From the values of a row to a document, as the settings have it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from itertools import repeat
from json.encoder import encode_basestring
from typing import Any, Final, Protocol
from urllib.parse import quote

from syncline.model.documents import Document, encode_metadata
from syncline.model.errors import ConfigInvalid
from syncline.model.sheets import Sheet
from syncline.sources.tables.shape import Kind, Relation
from syncline.sources.tables.values import Known, kept, shown

TITLES: Final = ("title", "name", "subject")  # taken as the title when the settings name none
_FLOATS: Final = Known(float.__repr__)
_FIELD: Final = re.compile(r"\{\{|\}\}|\{([^{}]+)\}")

Values = Sequence[Any]
Columns = Sequence[Sequence[Any]]


class Settings(Protocol):
    """The part of the settings that makes documents of rows."""

    title: str
    body: Sequence[str]
    metadata: Sequence[str] | None
    template: str
    url: str
    names: Mapping[str, str]
    groups: str


def mapping(settings: Settings) -> str:
    """Those settings as one text: another one when the same rows may give other documents."""
    told: list[Any] = [settings.title, list(settings.body), settings.metadata, settings.template, settings.url]
    if settings.names or settings.groups:
        told += [dict(settings.names), settings.groups]
    return json.dumps(told, ensure_ascii=False, sort_keys=True)


class Mapper:
    """Makes documents of the rows of one relation. Raises ConfigInvalid when the settings name a column it has not."""

    def __init__(self, relation: Relation, settings: Settings) -> None:
        self._relation = relation
        self._at = {column.name: position for position, column in enumerate(relation.columns)}
        title = settings.title or next((name for name in TITLES if self._is_text(name)), "")
        self._title = self._template(title if "{" in title else _braced(title), "title") if title else None
        self._url = self._template(settings.url, "url", quoted=True) if settings.url else None
        template = settings.template
        used = _fields_of(template) | _fields_of(title) | ({title} if "{" not in title else set())
        texts = [column.name for column in relation.columns if column.kind is Kind.TEXT and column.name not in used]
        body = list(settings.body) or ([] if template else [name for name in texts if name not in self._key_names])
        self._body = [self._position(name, "body") for name in body]
        self._whole = self._template(template, "template") if template else None
        self._binary = len(self._body) == 1 and relation.columns[self._body[0]].kind is Kind.BINARY
        taken = {*body, *([title] if title in self._at else [])}
        names = settings.metadata
        if names is None:
            taken |= {settings.groups}
            names = [column.name for column in relation.columns if column.name not in taken]
        others = settings.names
        self._metadata = [(others.get(name, name), self._position(name, "metadata")) for name in names]
        self._groups = self._position(settings.groups, "groups") if settings.groups else None

    @property
    def _key_names(self) -> set[str]:
        return {column.name for column in self._relation.keys}

    def document(self, id: str, version: str | None, values: Values) -> Document:
        """The document of a row."""
        metadata = {name: value for name, at in self._metadata if (value := values[at]) is not None}
        if bytes in map(type, metadata.values()):
            metadata = {name: kept(value) for name, value in metadata.items()}
        document = Document(id, metadata=metadata, version=version)
        if self._binary:
            document.content = values[self._body[0]] or b""
        else:
            document.text = self._text(values)
        if self._title is not None:
            document.title = self._title.fill(values)
        if self._url is not None:
            document.url = self._url.fill(values)
        if self._groups is not None:
            document.allow = _groups(values[self._groups])
        return document

    def sheet(self, ids: Sequence[str], versions: Sequence[str | None], columns: Columns) -> Sheet | None:
        """The documents of many rows; None when they have to be made one by one."""
        names = sorted(self._metadata)
        if self._binary or len(dict(names)) < len(names):
            return None
        rows = len(ids)
        told = [columns[at] for _, at in names]
        return Sheet(
            ids,
            versions,
            [""] * rows if self._title is None else self._title.fill_all(columns, rows),
            self._texts(columns, rows),
            encoded([name for name, _ in names], told) if names else [""] * rows,
            None if self._url is None else self._url.fill_all(columns, rows),
            None if self._groups is None else list(map(_groups, columns[self._groups])),
        )

    def _texts(self, columns: Columns, rows: int) -> list[str]:
        if self._whole is not None:
            return self._whole.fill_all(columns, rows)
        texts = [all_shown(columns[at]) for at in self._body]
        if len(texts) == 1:
            return texts[0]
        return ["\n".join(filter(None, row)) for row in zip(*texts, strict=True)] if texts else [""] * rows

    def _text(self, values: Values) -> str:
        if self._whole is not None:
            return self._whole.fill(values)
        body = self._body
        if len(body) == 1:
            return shown(values[body[0]])
        return "\n".join([text for at in body if (text := shown(values[at]))])

    def _is_text(self, name: str) -> bool:
        at = self._at.get(name)
        return at is not None and self._relation.columns[at].kind is Kind.TEXT

    def _position(self, name: str, setting: str) -> int:
        at = self._at.get(name)
        if at is None:
            known = ", ".join(self._at)
            raise ConfigInvalid(
                f"{setting} names the column {name!r}, which {self._relation.name} does not have or does not show",
                code="config.column_missing",
                remedy=f"Use one of: {known}.",
            )
        return at

    def _template(self, template: str, setting: str, *, quoted: bool = False) -> Template:
        """What fills the columns named in braces. `quoted`: as a part of a URL. "{{" is a brace."""
        parts: list[str | int] = []
        end = 0
        for found in _FIELD.finditer(template):
            parts.append(template[end : found.start()])
            name = found.group(1)
            parts.append(self._position(name, setting) if name else found.group()[0])
            end = found.end()
        return Template([part for part in (*parts, template[end:]) if part != ""], quoted)


class Template:
    """Texts and, by their position, columns in between. `quoted`: values become parts of a URL."""

    def __init__(self, parts: Sequence[str | int], quoted: bool) -> None:
        self._parts = parts
        self._quoted = quoted

    def fill(self, values: Values) -> str:
        """For one row."""
        return "".join([part if isinstance(part, str) else self._shown(values[part]) for part in self._parts])

    def fill_all(self, columns: Columns, rows: int) -> list[str]:
        """For so many rows."""
        filled = [part if isinstance(part, str) else self._column(columns[part]) for part in self._parts]
        if len(filled) == 1 and not isinstance(filled[0], str):
            return filled[0]
        texts = zip(*[repeat(part, rows) if isinstance(part, str) else part for part in filled], strict=True)
        return list(map("".join, texts)) if filled else [""] * rows

    def _column(self, column: Values) -> list[str]:
        return list(map(self._shown, column)) if self._quoted else all_shown(column)

    def _shown(self, value: Any) -> str:
        return quote(shown(value), safe="") if self._quoted else shown(value)


def all_shown(column: Values) -> list[str]:
    """`shown` of each."""
    return list(column) if set(map(type, column)) == {str} else list(map(shown, column))


def all_encoded(column: Values) -> list[str] | None:
    """`encode_metadata` of each; None when one of them is NULL."""
    types = set(map(type, column))
    if type(None) in types:
        return None
    if types == {str}:
        return list(map(encode_basestring, column))
    if types == {int}:
        return list(map(int.__repr__, column))
    if types == {float} and all(map(math.isfinite, column)):
        shown_as = float.__repr__ if 0.0 in column else _FLOATS.__getitem__  # 0.0 equals -0.0
        return list(map(shown_as, column))
    return [encode_metadata(kept(value)) for value in column]


def encoded(names: Sequence[str], columns: Columns) -> list[str]:
    """The metadata of many rows, as `encode_metadata` has it; "" for those without any. `names` are in order."""
    texts = [all_encoded(column) for column in columns]
    keys = [encode_basestring(name) + ":" for name in names]
    known = [text for text in texts if text is not None]
    if len(known) == len(texts):
        before = [repeat("{" + keys[0]), *(repeat("," + key) for key in keys[1:])]
        pieces = [part for pair in zip(before, known, strict=True) for part in pair]
        return list(map("".join, zip(*pieces, repeat("}"), strict=False)))
    parts = [
        [key + encode_metadata(kept(value)) if value is not None else "" for value in column]
        if text is None
        else list(map(key.__add__, text))
        for key, text, column in zip(keys, texts, columns, strict=True)
    ]
    joined = [",".join(filter(None, row)) for row in zip(*parts, strict=True)]
    return ["{" + text + "}" if text else "" for text in joined]


def _groups(value: Any) -> tuple[str, ...]:
    """The principals of "a; b". No groups: one that nobody is in, since a document without any is for everybody."""
    names = value if isinstance(value, list) else shown(value).split(";")
    return tuple(sorted({f"group:{name.strip()}" for name in map(str, names) if name.strip()})) or ("group:",)


def _braced(name: str) -> str:
    return "{" + name + "}"


def _fields_of(template: str) -> set[str]:
    return {name for name in _FIELD.findall(template) if name}
