"""A source of one's own, in twenty lines: a generator with a decorator.

    @source("tickets", config=TicketsConfig)
    def tickets(config):
        for t in api.tickets(config.project):
            yield Document(id=t.key, title=t.summary, text=t.body, version=t.updated)

    generator ──▶ guarded: only our errors come out ──▶ every yield checked ──▶ StreamSource
    class     ──▶ guarded: only our errors come out ──▶ every answer checked ──▶ ListingSource or StreamSource

Between the arrows holds: the normal end of a generator is the end-of-scan proof and nothing else is; one bad document
fails alone; whatever breaks the contract is named in a SourceProtocolError, and nothing is deleted because of it.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from syncline.model.documents import MAX_ID_BYTES, Document, Tombstone
from syncline.model.errors import DocumentRejected, SourceProtocolError, SynclineError, UsageError
from syncline.model.news import (
    Checkpoint,
    Complete,
    Entry,
    Fetched,
    Gone,
    Listed,
    Note,
    Page,
    Read,
    Refused,
    Skipped,
    Unlisted,
)
from syncline.model.ports import Interruptible, ListingSource, StreamSource

if TYPE_CHECKING:
    from pydantic import BaseModel

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

MAX_MESSAGE_CHARS = 500


# --- is this a document? --------------------------------------------------------------------------------------------


def validate_document(document: Document) -> SynclineError | None:
    """None when a source may yield this document, else a DocumentRejected (code "document.invalid") that says why.

    Pure, and under a microsecond for a plain document. `load` is not called: what it returns is checked by whoever
    calls it.
    """
    key, text, title = document.id, document.text, document.title
    if (
        type(key) is str
        and key.isascii()
        and 0 < len(key) <= MAX_ID_BYTES
        and "\0" not in key
        and (text is None or (type(text) is str and text.isascii()))
        and type(title) is str
        and title.isascii()
        and (document.content is None or type(document.content) is bytes)
        and (document.version is None or type(document.version) is str)
        and (document.load is None or callable(document.load))
        and document.url == ""
        and document.media_type == ""
        and document.allow == ()
        and document.deny == ()
        and (document.metadata == {} or _metadata_fault(document.metadata) is None)
    ):
        return None
    fault = _document_fault(document)
    if fault is None:
        return None
    return DocumentRejected(fault, code="document.invalid", remedy="Correct what the source yields for this document.")


def id_fault(id: object) -> str | None:
    """What is wrong with a document id, in words that follow "the id"; None when it may be used."""
    if not isinstance(id, str):
        return f"is {_a(id)}, not text"
    if not id:
        return "is empty"
    if "\0" in id:
        return "contains a NUL character"
    if not _is_text(id):
        return "is not valid Unicode: it contains a lone surrogate"
    if len(id) > MAX_ID_BYTES or (not id.isascii() and len(id.encode()) > MAX_ID_BYTES):
        return f"is longer than {MAX_ID_BYTES} bytes"
    return None


def _document_fault(document: Document) -> str | None:
    """The first thing wrong with a document, in plain words."""
    fault = id_fault(document.id)
    if fault is not None:
        return f"the id {fault}"
    for name in ("title", "url", "media_type"):
        if not _is_text(getattr(document, name)):
            return f"the {name} {_not_text(getattr(document, name))}"
    for name in ("text", "version"):
        value = getattr(document, name)
        if value is not None and not _is_text(value):
            return f"the {name} {_not_text(value)}"
    if not (document.content is None or isinstance(document.content, bytes)):
        return f"the content is {_a(document.content)}, not bytes"
    if not (document.load is None or callable(document.load)):
        return f"load is {_a(document.load)}, not a function"
    for name in ("allow", "deny"):
        if not _are_texts(getattr(document, name)):
            return f"{name} must be a tuple of principals such as 'user:ann'"
    return _metadata_fault(document.metadata)


def _metadata_fault(metadata: object) -> str | None:
    if not isinstance(metadata, Mapping):
        return f"the metadata is {_a(metadata)}, not a dict"
    for key, value in metadata.items():
        if not (_is_text(key) and key):
            return f"the metadata has the key {key!r:.80}; keys are non-empty text"
        if _is_text(value) or value is None or isinstance(value, int) or _are_texts(value):
            continue
        if isinstance(value, float):
            if math.isfinite(value):
                continue
            return f"the metadata {key!r} is {value}, which JSON cannot hold"
        hint = "; give value.isoformat()" if hasattr(value, "isoformat") else ""
        return f"the metadata {key!r} is {_a(value)}, not text, a number, true, false or a list of texts{hint}"
    return None


def _is_text(value: object) -> bool:
    """True for text that UTF-8 can hold. Lone surrogates come from cut JSON escapes and from undecodable file names."""
    if not isinstance(value, str):
        return False
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _are_texts(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(map(_is_text, value))


def _not_text(value: object) -> str:
    if isinstance(value, str):
        return "is not valid Unicode: it contains a lone surrogate"
    return f"is {_a(value)}, not text"


def _a(value: object) -> str:
    """The type of a value with its article: "an int", "a dict", "None". Values may be secret and are never shown."""
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


# --- is this what a source may say? ---------------------------------------------------------------------------------


def _told(item: object, secrets: Sequence[str]) -> Read:
    """A yield of a stream, checked; a bad document becomes its own Refused. Raises SourceProtocolError."""
    if isinstance(item, Document):
        return _document_or_refused(item, secrets)
    if isinstance(item, (Tombstone, Refused, Skipped)):
        _check_id(item.id, f"a {type(item).__name__}")
        if isinstance(item, Refused):
            _check_error(item, secrets)
        return item
    if isinstance(item, Unlisted):
        _check_error(item, secrets)
        return item
    if isinstance(item, Checkpoint):
        if not isinstance(item.cursor, str):
            raise SourceProtocolError(f"the source yielded a Checkpoint whose cursor is {_a(item.cursor)}, not text")
        return item
    raise _strange(item, "Document, Tombstone or Checkpoint")


def _streamed(item: object, secrets: Sequence[str]) -> Read:
    """A yield of a StreamSource class: what a generator may say, and Complete."""
    return item if isinstance(item, Complete) else _told(item, secrets)


def _listed(item: object, secrets: Sequence[str]) -> Listed:
    """A yield of a listing, checked. Raises SourceProtocolError."""
    if isinstance(item, Page):
        _check_page(item)
        return item
    if isinstance(item, (Complete, Note)):
        return item
    if isinstance(item, (Skipped, Unlisted, Checkpoint)):
        _told(item, secrets)
        return item
    raise _strange(item, "Page, Skipped, Unlisted, Checkpoint or Complete")


def _fetched(item: object, secrets: Sequence[str]) -> Fetched:
    """An answer of `fetch`, checked; a bad document becomes its own Refused. Raises SourceProtocolError."""
    if isinstance(item, Document):
        return _document_or_refused(item, secrets)
    if isinstance(item, Gone):
        _check_id(item.id, "a Gone")
        return item
    if isinstance(item, Refused):
        _told(item, secrets)
        return item
    raise _strange(item, "Document, Gone or Refused")


def _document_or_refused(document: Document, secrets: Sequence[str]) -> Document | Refused:
    error = validate_document(document)
    if error is None:
        if secrets:
            _keep_quiet(document, secrets)
        return document
    _check_id(document.id, "a Document")
    return Refused(document.id, error, stage="read")


def _keep_quiet(document: Document, secrets: Sequence[str]) -> None:
    """What a document says of itself in messages is cleaned; its content is the source's own business."""
    if document.load is not None:
        document.load = partial(_guarded_load, document.load, secrets)
    if document.warning is not None:
        document.warning = tuple(_hidden(document.warning, secrets))


def _check_page(page: Page) -> None:
    if not isinstance(page.entries, Sequence):
        raise SourceProtocolError(f"the source yielded a Page whose entries are {_a(page.entries)}, not a list")
    for entry in page.entries:
        if not isinstance(entry, Entry):
            raise SourceProtocolError(f"the source yielded a Page that holds {_a(entry)}; it must hold Entry only")
        key, version = entry.id, entry.version
        if not (type(key) is str and key.isascii() and 0 < len(key) <= MAX_ID_BYTES and "\0" not in key):
            _check_id(key, "an Entry")
        if version is not None and type(version) is not str:
            raise SourceProtocolError(f"the source yielded an Entry whose version is {_a(version)}, not text")


def _check_id(id: object, what: str) -> None:
    fault = id_fault(id)
    if fault is not None:
        raise SourceProtocolError(f"the source yielded {what} whose id {fault}")


def _check_error(item: Refused | Unlisted, secrets: Sequence[str]) -> None:
    if isinstance(item, Unlisted) and not isinstance(item.prefix, str):
        raise SourceProtocolError(f"the source yielded an Unlisted whose prefix is {_a(item.prefix)}, not text")
    if not isinstance(item.error, SynclineError):
        name = type(item).__name__
        raise SourceProtocolError(f"the source yielded {name} with {_a(item.error)}; its error must be a SynclineError")
    _clean(item.error, secrets)


def _strange(item: object, expected: str) -> SourceProtocolError:
    """The error for something a source may not say."""
    hint = {
        "dict": " Yield Document(...) instead of a dict.",
        "Complete": " A generator says Complete by coming to its end.",
        "NoneType": " A bare `yield` gives nothing.",
    }.get(type(item).__name__, "")
    return SourceProtocolError(
        f"the source yielded {_a(item)} where {expected} was expected.{hint}", code="source.strange_yield"
    )


# --- only our errors come out ---------------------------------------------------------------------------------------


def guarded_call(function: Callable[..., T], *args: Any, secrets: Sequence[str]) -> T:
    """`function(*args)`. Errors outside the family come out as SourceProtocolError, with their cause; no error that
    comes out quotes one of `secrets`, which `secret_texts` made."""
    try:
        return function(*args)
    except SynclineError as error:
        _clean(error, secrets)
        raise
    except Exception as error:
        raise _raised(error, secrets) from _cause(error, secrets)


def _guarded(start: Callable[[], Iterable[T] | None], secrets: Sequence[str]) -> Generator[T, None, None]:
    """Everything `start()` gives. Errors come out as they do from `guarded_call`."""
    try:
        items = start()
        if items is None:
            raise SourceProtocolError("the source returned None; it must yield what it reads")
        yield from items
    except SynclineError as error:
        _clean(error, secrets)
        raise
    except Exception as error:
        raise _raised(error, secrets) from _cause(error, secrets)


def _guarded_load(load: Callable[[], Any], secrets: Sequence[str]) -> Any:
    """What `load()` returns. Whatever it raises comes out as an error of the family that fails one document."""
    try:
        return load()
    except SynclineError as error:
        _clean(error, secrets)
        raise
    except Exception as error:
        text = _hidden(f"its body could not be loaded: {type(error).__name__}: {error}", secrets)
        raise DocumentRejected(text, code="source.load_failed") from _cause(error, secrets)


def _raised(error: Exception, secrets: Sequence[str]) -> SourceProtocolError:
    """An error of somebody else's code as one of ours: its type and text, without traceback and without secrets."""
    text = _hidden(f"the source raised {type(error).__name__}: {error}", secrets)
    if len(text) > MAX_MESSAGE_CHARS:
        text = text[:MAX_MESSAGE_CHARS] + " …"
    return SourceProtocolError(
        text,
        code="source.raised",
        remedy="Look for the cause in the source or in the place it reads; the log has more.",
    )


# --- nothing that comes out quotes a secret (invariant 12) ----------------------------------------------------------


def secret_texts(values: Iterable[Any]) -> list[str]:
    """Every text in those secrets, each as it may be spelled in a message: plain, stripped, escaped, or in a URL. The
    longest come first, so that no rest of one stays behind when a shorter one is taken out."""
    texts = {text for value in values for text in _texts(value)}
    if not texts:
        return []
    from json import dumps
    from urllib.parse import quote, quote_plus

    spelled = (str, str.strip, lambda text: repr(text)[1:-1], lambda text: dumps(text)[1:-1], quote_plus, quote)
    spellings = {_spelled(spell, text) for text in texts for spell in spelled}
    return sorted(spellings - {""}, key=len, reverse=True)


def _spelled(spell: Callable[[str], str], text: str) -> str:
    try:
        return spell(text)
    except UnicodeError:  # a lone surrogate has no place in a URL
        return text


def _texts(secret: Any) -> list[str]:
    if isinstance(secret, Mapping):
        return [text for value in secret.values() for text in _texts(value)]
    if isinstance(secret, (list, tuple, set, frozenset)):
        return [text for value in secret for text in _texts(value)]
    if isinstance(secret, bytes):
        return [secret.decode("utf-8", "backslashreplace")]
    return [] if secret is None or isinstance(secret, bool) else [str(secret)]


def _secrets_in(config: Any) -> list[str]:
    """The texts of the secrets anywhere in a config: fields of type SecretStr, alone, in lists, dicts and models."""
    return secret_texts(_secret_values(config))


def _secret_values(value: Any) -> list[Any]:
    if hasattr(value, "get_secret_value"):
        return [value.get_secret_value()]
    if isinstance(value, (list, tuple, set, frozenset)):
        inner: Iterable[Any] = value
    elif isinstance(value, dict):
        inner = value.values()
    elif hasattr(value, "model_fields_set"):
        inner = vars(value).values()
    else:
        return []
    return [secret for item in inner for secret in _secret_values(item)]


def _hidden(value: Any, secrets: Sequence[str]) -> Any:
    """The same text, or JSON, with asterisks for secrets."""
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, "***")
        return value
    if isinstance(value, Mapping):
        return {name: _hidden(item, secrets) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_hidden(item, secrets) for item in value]
    return value if value is None or isinstance(value, (bool, int, float)) else _hidden(str(value), secrets)


def _clean(error: SynclineError, secrets: Sequence[str]) -> None:
    """Take secrets out of an error of the family that somebody else's code made. Changes it."""
    if not secrets:
        return
    error.message, error.remedy = _hidden(str(error.message), secrets), _hidden(str(error.remedy), secrets)
    error.args, error.details = tuple(_hidden(error.args, secrets)), _hidden(error.details, secrets)
    if _quotes(error, secrets):
        error.__cause__ = None  # and nothing is shown of what it was raised from
        error.__notes__ = []


def _cause(error: Exception, secrets: Sequence[str]) -> Exception | None:
    """The error, for whoever wants to see its traceback; None when that would show a secret."""
    return None if secrets and _quotes(error, secrets) else error


def _quotes(error: Exception, secrets: Sequence[str]) -> bool:
    from traceback import format_exception

    told = "".join(format_exception(error))
    return any(secret in told for secret in secrets)


# --- what the engine sees -------------------------------------------------------------------------------------------


class GeneratorSource:
    """A StreamSource made of a generator function (config) or (config, cursor)."""

    def __init__(
        self,
        function: Callable[..., Iterable[Any] | None],
        config: Any,
        *,
        incremental: bool,
        check: Callable[[Any], None] | None = None,
    ) -> None:
        self.incremental = incremental
        self._function = function
        self._config = config
        self._check = check
        self._secrets = _secrets_in(config)

    def check(self) -> None:
        """Run the author's check, if there is one. Raises a SynclineError."""
        if self._check is not None:
            guarded_call(self._check, self._config, secrets=self._secrets)

    def read(self, cursor: str | None) -> Iterator[Read]:
        """What the generator yields, checked, then Complete. Raises a SynclineError and never anything else.
        Without news an incremental read goes on from where it was, so the last Complete repeats `cursor`."""
        latest = cursor if self.incremental else None
        arguments = (self._config, cursor) if self.incremental else (self._config,)
        with closing(_guarded(partial(self._function, *arguments), self._secrets)) as items:
            for item in items:
                if type(item) is Document:
                    yield _document_or_refused(item, self._secrets)
                    continue
                news = _told(item, self._secrets)
                if isinstance(news, Checkpoint):
                    latest = self._cursor_of(news)
                yield news
        yield Complete(cursor=latest)

    def _cursor_of(self, checkpoint: Checkpoint) -> str:
        if not self.incremental:
            raise SourceProtocolError(
                "the source yielded a Checkpoint but takes no cursor; give its generator a second parameter `cursor`"
            )
        return checkpoint.cursor


class AuthoredListing:
    """A coat around a ListingSource class of somebody else's: checks what it says, lets only our errors out."""

    def __init__(self, inner: Any, secrets: Sequence[str] = ()) -> None:
        self._inner = inner
        self._secrets = secrets
        if isinstance(inner, Interruptible):
            self.interrupt = partial(guarded_call, inner.interrupt, secrets=secrets)

    def check(self) -> None:
        """The class's own check, if it has one. Raises a SynclineError."""
        if hasattr(self._inner, "check"):
            guarded_call(self._inner.check, secrets=self._secrets)

    def list(self, memory: Mapping[str, Any] | None, cursor: str | None) -> Iterator[Listed]:
        """What the class lists, checked."""
        with closing(_guarded(partial(self._inner.list, memory, cursor), self._secrets)) as items:
            for item in items:
                yield _listed(item, self._secrets)

    def fetch(self, entries: Sequence[Entry]) -> Iterator[Fetched]:
        """What the class answers, checked."""
        with closing(_guarded(partial(self._inner.fetch, entries), self._secrets)) as items:
            for item in items:
                yield _fetched(item, self._secrets)


class AuthoredStream:
    """A coat around a StreamSource class of somebody else's: checks what it says, lets only our errors out."""

    def __init__(self, inner: Any, secrets: Sequence[str] = ()) -> None:
        self._inner = inner
        self._secrets = secrets
        self.incremental: bool = bool(getattr(inner, "incremental", False))
        if isinstance(inner, Interruptible):
            self.interrupt = partial(guarded_call, inner.interrupt, secrets=secrets)

    def check(self) -> None:
        """The class's own check, if it has one. Raises a SynclineError."""
        if hasattr(self._inner, "check"):
            guarded_call(self._inner.check, secrets=self._secrets)

    def read(self, cursor: str | None) -> Iterator[Read]:
        """What the class reads, checked."""
        with closing(_guarded(partial(self._inner.read, cursor), self._secrets)) as items:
            for item in items:
                yield _streamed(item, self._secrets)


# --- the decorator --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AuthoredKind:
    """A source kind that lives in memory, made by `@source`. Same attributes and methods as SourceKind."""

    name: str
    title: str
    made_of: Callable[..., Any]  # the generator function or the class
    model: type[BaseModel] | None = None
    checked_by: Callable[[Any], None] | None = None
    identity: tuple[str, ...] = ()

    @property
    def config(self) -> str:
        """Import path of the config model, for people; "" when the source takes no settings."""
        return "" if self.model is None else f"{self.model.__module__}:{self.model.__qualname__}"

    @property
    def open(self) -> str:
        """Import path of the function or class, for people."""
        return f"{self.made_of.__module__}:{getattr(self.made_of, '__qualname__', self.name)}"

    @property
    def plain(self) -> bool:
        """False: the source gets its pydantic model. True without settings: an empty namespace."""
        return self.model is None

    def load_config(self) -> type[BaseModel]:
        """The pydantic model of the settings; one without fields when the source takes none."""
        if self.model is not None:
            return self.model
        from pydantic import create_model

        return create_model("NoSettings")

    def load_source(self) -> Callable[..., ListingSource | StreamSource]:
        """Called with the config, gives the source. Whatever else is offered by name is left unused."""
        return self._open

    def _open(self, config: Any, **_offered: Any) -> ListingSource | StreamSource:
        if not inspect.isclass(self.made_of):
            incremental = _takes_cursor(self.made_of)
            return GeneratorSource(self.made_of, config, incremental=incremental, check=self.checked_by)
        secrets = _secrets_in(config)
        inner = guarded_call(self.made_of, config, secrets=secrets)
        return AuthoredListing(inner, secrets) if _lists(self.made_of) else AuthoredStream(inner, secrets)


def source(
    name: str,
    *,
    config: type[BaseModel] | None = None,
    title: str = "",
    check: Callable[[Any], None] | None = None,
    identity: Sequence[str] = (),
) -> Callable[[F], F]:
    """Make a source kind of a generator function or of a class. What is decorated stays what it was and gains `.kind`.

    name      lower-case letters, digits, "-" and "_".
    config    a pydantic model: one declaration of the settings. SecretStr fields are kept as secrets.
    title     for lists and forms; default: the first line of the docstring.
    check     called with the config; raises when the place cannot be read. Without it only reading proves anything.
    identity  config fields that make two connectors the same place.

    A generator (config) yields every Document each time. A generator (config, cursor) is incremental: it yields
    Document, Tombstone and Checkpoint; everything when `cursor` is None. A class has the verbs of a ListingSource or of
    a StreamSource (model/ports.py) and is made with the config.
    Raises UsageError, when the module is imported, for anything that could never work.
    """

    def decorate(made_of: F) -> F:
        _check_name(name)
        _check_form(made_of, check)
        fields = _checked_identity(config, (identity,) if isinstance(identity, str) else tuple(identity))
        said = title or _first_line(made_of) or _first_line(config) or name.replace("_", " ").capitalize()
        kind = AuthoredKind(name, said, made_of, config, check, fields)
        setattr(made_of, "kind", kind)  # noqa: B010 - F has no such attribute as far as types know
        return made_of

    return decorate


def _check_name(name: object) -> None:
    if not (isinstance(name, str) and re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", name)):
        raise UsageError(
            f"a source cannot be named {name!r}",
            remedy="Use up to 64 lower-case letters, digits, - and _: @source('tickets').",
        )


def _check_form(made_of: Callable[..., Any], check: Callable[[Any], None] | None) -> None:
    """Raises UsageError unless this is a function (config), (config, cursor) or a class with the verbs of a source."""
    if inspect.isclass(made_of):
        if not (_lists(made_of) or callable(getattr(made_of, "read", None))):
            raise UsageError(f"class {made_of.__name__} is no source: it needs list and fetch, or read")
        if check is not None:
            raise UsageError(f"give class {made_of.__name__} a method check(self) instead of check=")
        return
    if inspect.iscoroutinefunction(made_of) or inspect.isasyncgenfunction(made_of):
        raise UsageError("a source is a plain generator: write `def`, not `async def`")
    if not callable(made_of):
        raise UsageError(f"@source stands before a generator function or a class, not {_a(made_of)}")
    _takes_cursor(made_of)


def _lists(made_of: Any) -> bool:
    return callable(getattr(made_of, "list", None)) and callable(getattr(made_of, "fetch", None))


def _takes_cursor(function: Callable[..., Any]) -> bool:
    """True for (config, cursor), False for (config). Raises UsageError for any other shape."""
    signature = inspect.signature(function)
    required = [p for p in signature.parameters.values() if p.default is p.empty and p.kind not in _STARRED]
    positional = [p for p in signature.parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if not positional or len(required) > 2 or any(p not in positional for p in required):
        raise UsageError(f"a source takes (config) or (config, cursor), not {signature}")
    return len(required) == 2 or (len(positional) > 1 and positional[1].name == "cursor")


_STARRED = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def _checked_identity(config: type[BaseModel] | None, identity: tuple[str, ...]) -> tuple[str, ...]:
    if config is not None and not hasattr(config, "model_validate"):
        raise UsageError(f"config= must be a pydantic model, not {config!r}")
    known = set() if config is None else set(config.model_fields)
    for field in identity:
        if field not in known:
            raise UsageError(f"identity names {field!r}, which is no field of the config")
    return identity


def _first_line(thing: Any) -> str:
    """First line of a docstring of its own, without the full stop; "" when there is none."""
    documented = inspect.isfunction(thing) or inspect.isclass(thing)  # anything else has the docstring of its type
    text = (thing.__doc__ if documented else None) or ""
    return text.strip().partition("\n")[0].strip().removesuffix(".")
