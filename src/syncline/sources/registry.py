"""Where source kinds are found, how their settings are validated, and how they are opened.

    "folder", "push"      built in: a table, so that start-up pays for nothing else
    "tickets"             an entry point in the group "syncline.sources"
    "package.module:name" an import path, looked up as `python -m` does
    "./my_source.py:name" a file

    settings ──validate──▶ plain JSON values (kept with the connector) ──open_source──▶ a source

Nothing is registered by importing it: a name is looked up when somebody asks for it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from syncline.model.errors import ConfigInvalid, NotFound, SourceProtocolError, SynclineError, UsageError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from pydantic import BaseModel

GROUP: Final = "syncline.sources"
BUILT_IN: Final[Mapping[str, str]] = {
    "folder": "syncline.sources.folder:KIND",
    "push": "syncline.sources.push:KIND",
    "hosted": "syncline.sources.hosted:KIND",
    "sqlite": "syncline.sources.tables:SQLITE",
    "sql": "syncline.sources.tables:SQL",
    "postgresql": "syncline.sources.tables:POSTGRESQL",
    "mysql": "syncline.sources.tables:MYSQL",
    "s3": "syncline.sources.s3:KIND",
    "web": "syncline.sources.web:KIND",
    "sitewise": "syncline.sources.sitewise:KIND",
}


class Kind(Protocol):
    """What a source kind is to everybody else; SourceKind and AuthoredKind both are one."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def config(self) -> str: ...
    @property
    def open(self) -> str: ...
    @property
    def plain(self) -> bool: ...
    @property
    def identity(self) -> tuple[str, ...]: ...
    def load_config(self) -> type[BaseModel]: ...
    def load_source(self) -> Callable[..., Any]: ...


class Available(NamedTuple):
    """A kind that can be named without an import path. `problem` says why it cannot be used; "" when it can."""

    name: str
    title: str
    where: str
    problem: str = ""


# --- finding --------------------------------------------------------------------------------------------------------


def find(kind: str) -> Kind:
    """The source kind of that name, import path or file. Raises NotFound with near matches, UsageError when what is
    found is no source, and SourceProtocolError (code "source.import_failed") when its module cannot be imported."""
    if kind in BUILT_IN:
        module, _, name = BUILT_IN[kind].partition(":")
        return _kind_in(_imported(module), name)
    module, colon, name = kind.rpartition(":")
    if colon and module and name:
        return _kind_in(_module_of_file(module) if _is_file(module) else _imported(module, here=True), name)
    if _is_file(kind):
        held = ", ".join(_kinds_of(_module_of_file(kind))) or "none"
        raise UsageError(f"which source of {kind} is meant?", remedy=f"Say {kind}:NAME. Sources in it: {held}.")
    return _installed(kind)


def address(kind: str) -> str:
    """The same kind, named so that a process started elsewhere finds it: paths of files become absolute."""
    module, colon, name = kind.rpartition(":")
    return f"{os.path.abspath(os.path.expanduser(module))}:{name}" if colon and _is_file(module) else kind


def available() -> list[Available]:
    """Every kind that can be used by its name alone, built in or installed, by name. One that cannot be loaded is
    listed with its problem."""
    wheres = {point.name: point.value for point in _entry_points()} | dict(BUILT_IN)
    return [_described(name, wheres[name]) for name in sorted(wheres)]


def _described(name: str, where: str) -> Available:
    try:
        return Available(name, find(name).title, where)
    except SynclineError as error:
        return Available(name, "", where, error.message)


def _installed(name: str) -> Kind:
    """The kind behind an entry point."""
    points = {point.name: point for point in _entry_points()}
    if name in points:
        return _kind_in(_imported(points[name].module), points[name].attr)
    known = sorted({*BUILT_IN, *points})
    raise NotFound(
        f"there is no source kind {name!r}{_near(name, known)}",
        remedy=f"Use one of {', '.join(known)}, or name your own: my_module:tickets or ./my_source.py:tickets.",
    )


def _entry_points() -> list[EntryPoint]:
    from importlib.metadata import entry_points  # 50 ms, so only when no built-in name was meant

    return list(entry_points(group=GROUP))


def _imported(module: str, *, here: bool = False) -> ModuleType:
    """The module of that name; with `here`, the current directory is searched first, as `python -m` does."""
    from importlib import import_module, invalidate_caches

    if here:
        _search_first(os.getcwd())
        invalidate_caches()  # it may have been written a moment ago
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise _import_failed(module, error) from error
        raise NotFound(
            f"there is no module {module!r}{_near(module, _modules_here() if here else ())}",
            remedy=f"Looked in {os.getcwd()} and in the installed packages." if here else None,
        ) from None
    except Exception as error:
        raise _import_failed(module, error) from error


def _module_of_file(path: str) -> ModuleType:
    """The module in a file, imported once per file and process; its directory is searched for what it imports."""
    from hashlib import blake2s
    from importlib.util import module_from_spec, spec_from_file_location

    file = os.path.abspath(os.path.expanduser(path))
    if not os.path.isfile(file):
        siblings = [name for name in _listdir(os.path.dirname(file)) if name.endswith(".py")]
        raise NotFound(f"there is no file {path}{_near(os.path.basename(file), siblings)}")
    name = f"syncline_source_{blake2s(os.fsencode(file), digest_size=6).hexdigest()}"
    if name in sys.modules:
        return sys.modules[name]
    spec = spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} is not a Python file")
    module = sys.modules[name] = module_from_spec(spec)
    _search_first(os.path.dirname(file))
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if not isinstance(error, Exception):
            raise
        raise _import_failed(path, error) from error
    return module


def _kind_in(module: ModuleType, path: str) -> Kind:
    """The kind that `module` holds under that name."""
    found: Any = module
    for part in path.split("."):
        found = getattr(found, part, None)
    kind = _as_kind(found)
    if kind is not None:
        return kind
    held = _kinds_of(module)
    if found is not None:
        what = f"{path!r} in {_name_of(module)} is no source: it is {type(found).__name__}"
        raise UsageError(what, remedy="Put @source(...) before the function or class." if callable(found) else None)
    raise NotFound(
        f"{_name_of(module)} holds no source {path!r}{_near(path, held)}",
        remedy=f"Sources in it: {', '.join(held) or 'none'}.",
    )


def _as_kind(thing: Any) -> Kind | None:
    """The thing itself when it is a kind, or the kind that `@source` gave to it (not to a class it inherits from)."""
    own = getattr(thing, "__dict__", {}).get("kind", thing)
    for candidate in (own, thing):
        if not isinstance(candidate, type) and hasattr(candidate, "load_config") and hasattr(candidate, "load_source"):
            kind: Kind = candidate
            return kind
    return None


def _kinds_of(module: ModuleType) -> list[str]:
    return sorted(name for name, thing in vars(module).items() if _as_kind(thing) is not None)


def _import_failed(what: str, error: Exception) -> SourceProtocolError:
    return SourceProtocolError(
        f"{what} cannot be imported: {type(error).__name__}: {error}"[:500],
        code="source.import_failed",
        remedy="Correct the module, or install what it needs.",
    )


def _is_file(module: str) -> bool:
    return module.endswith(".py") or "/" in module


def _search_first(directory: str) -> None:
    if directory not in sys.path and not (directory == os.getcwd() and "" in sys.path):
        sys.path.insert(0, directory)


def _modules_here() -> list[str]:
    return [name.removesuffix(".py") for name in _listdir(os.getcwd()) if name.endswith(".py")]


def _listdir(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []


def _name_of(module: ModuleType) -> str:
    named = module.__name__
    return str(module.__file__) if named.startswith("syncline_source_") else named


def _near(word: str, known: Iterable[str]) -> str:
    """A question to append, such as "; did you mean 'folder'?", or "" when nothing is near."""
    from difflib import get_close_matches

    matches = get_close_matches(word, list(known), n=1)
    return f"; did you mean {matches[0]!r}?" if matches else ""


# --- settings -------------------------------------------------------------------------------------------------------


def validate(kind: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as plain JSON values, with defaults filled in, through the kind's pydantic model. `kind` is whatever
    `resolve` takes, here and below.

    Secrets are in the answer as they were given: `secret_fields` says which they are, and whoever keeps the answer must
    take them out. Raises ConfigInvalid naming every wrong field (also in `details["fields"]`), never a secret's value.
    """
    found = resolve(kind)
    config = _validated(found, settings)
    by_alias = not found.plain  # a plain namespace is made of field names; a model is validated again, by alias
    try:
        values: dict[str, Any] = config.model_dump(mode="json", by_alias=by_alias, warnings=False)
    except Exception as error:
        raise SourceProtocolError(
            f"the settings of {found.name} cannot be written as JSON: {type(error).__name__}: {error}"[:500],
            remedy="Use only field types that pydantic can write as JSON.",
        ) from error
    _reveal(config, values, by_alias=by_alias)
    return values


def open_source(kind: Any, values: Mapping[str, Any], **extra: Any) -> Any:
    """The source of that kind, opened with values that `validate` gave. `extra` goes to whatever opens the source.
    Raises ConfigInvalid when the values do not fit the kind any more."""
    found = resolve(kind)
    config = SimpleNamespace(**values) if found.plain else _validated(found, values)
    return found.load_source()(config, **extra)


def secret_fields(kind: Any) -> tuple[str, ...]:
    """Names of the settings that are secrets, nested ones with dots ("auth.token"), in order of the model."""
    return tuple(_secret_paths(resolve(kind).load_config()))


def resolve(kind: Any) -> Kind:
    """The kind itself: of a name, of something decorated with `@source`, or of a kind. Raises as `find` does."""
    if isinstance(kind, str):
        return find(kind)
    found = _as_kind(kind)
    if found is None:
        raise UsageError(f"{kind!r:.80} is no source", remedy="Put @source(...) before the function or class.")
    return found


def _validated(kind: Kind, settings: Mapping[str, Any]) -> BaseModel:
    """The settings as the kind's model. Raises ConfigInvalid."""
    from pydantic import ValidationError

    model = kind.load_config()
    known = _known_names(model)
    faults = {name: f"is not a setting{_near(name, known)}" for name in settings if name not in known}
    if model.model_config.get("extra") == "allow":
        faults = {}
    try:
        config = model.model_validate({name: value for name, value in settings.items() if name not in faults})
    except ValidationError as error:
        faults |= _faults_of(error, model, settings)
    if not faults:
        return config
    told = "; ".join(f"{field} {fault}" if field else fault for field, fault in faults.items())
    raise ConfigInvalid(f"the settings of {kind.name} are wrong: {told}", fields=faults)


def _known_names(model: type[BaseModel]) -> list[str]:
    """What the settings may be called: field names, or their aliases."""
    names = []
    for name, field in model.model_fields.items():
        alias = field.validation_alias or field.alias
        choices = getattr(alias, "choices", [alias] if alias else [])
        aliases = [choice if isinstance(choice, str) else str(choice.path[0]) for choice in choices]
        by_name = model.model_config.get("populate_by_name") or model.model_config.get("validate_by_name")
        names += [*aliases, name] if by_name or not aliases else aliases
    return names


def _faults_of(error: Any, model: type[BaseModel], settings: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with each field, in plain words and without secrets."""
    paths = [path.split(".") for path in _secret_paths(model)]
    guarded = {path[0] for path in paths}
    secrets = [text for path in paths for text in _texts_at(path, settings)]
    faults: dict[str, str] = {}
    for fault in error.errors(include_url=False):
        path = [str(part) if isinstance(part, str) else f"[{part}]" for part in fault["loc"]]
        words = _in_words(fault, echo=bool(path) and path[0] not in guarded)
        if any(secret in words for secret in secrets):
            words = "is not accepted"
        faults.setdefault(".".join(path).replace(".[", "["), words)
    return faults


_WORDS: Final[Mapping[str, str]] = {
    "missing": "is missing",
    "extra_forbidden": "is not a setting",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "list_type": "must be a list",
    "dict_type": "must be a table of names and values",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match the pattern {pattern}",
}


def _in_words(fault: Mapping[str, Any], *, echo: bool) -> str:
    """One fault of pydantic's in plain words; with `echo`, what was given is shown when it is short and simple."""
    kind, given = fault["type"], fault.get("input")
    if kind in _WORDS:
        words = _WORDS[kind].format(**fault.get("ctx", {}))
    else:
        words = str(fault["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
        words = words.replace("Input should", "should", 1)
    shown = echo and kind not in ("missing", "extra_forbidden") and isinstance(given, (str, int, float, bool))
    return f"{words}, not {given!r:.80}" if shown else words


def _secret_paths(model: type[BaseModel], above: tuple[type[BaseModel], ...] = ()) -> list[str]:
    paths: list[str] = []
    for name, field in model.model_fields.items():
        for called in dict.fromkeys(filter(None, (field.alias, field.serialization_alias, name))):
            if _mentions_secret(field.annotation):
                paths.append(called)
            for inner in _models_in(field.annotation):
                if inner is not model and inner not in above:
                    paths += [f"{called}.{path}" for path in _secret_paths(inner, (*above, model))]
    return paths


def _mentions_secret(annotation: Any) -> bool:
    from typing import get_args

    from pydantic import Secret, SecretBytes, SecretStr

    annotation = _meant(annotation)
    if isinstance(annotation, type) and issubclass(annotation, (SecretStr, SecretBytes, Secret)):
        return True
    return any(_mentions_secret(part) for part in get_args(annotation))


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    from typing import get_args

    annotation = _meant(annotation)
    if isinstance(annotation, type) and hasattr(annotation, "model_fields"):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]


def _meant(annotation: Any) -> Any:
    """What a type alias stands for."""
    while hasattr(annotation, "__value__"):
        annotation = annotation.__value__
    return annotation


def _texts_at(path: Sequence[str], value: Any) -> list[str]:
    """Every text at that path of the settings, and below it; lists are passed through."""
    if isinstance(value, (list, tuple)):
        return [text for item in value for text in _texts_at(path, item)]
    if isinstance(value, Mapping):
        inner = [value.get(path[0])] if path else value.values()
        return [text for item in inner for text in _texts_at(path[1:], item)]
    if hasattr(value, "get_secret_value"):
        return _texts_at((), value.get_secret_value())
    return [str(value)] if value not in (None, "") and not path else []


def _reveal(config: Any, values: Any, *, by_alias: bool) -> Any:
    """Put the secrets of `config` into `values`, its JSON form, where pydantic wrote asterisks. Changes `values`."""
    if hasattr(config, "get_secret_value"):
        secret = config.get_secret_value()
        return secret.decode() if isinstance(secret, bytes) else secret
    if hasattr(config, "model_fields_set") and isinstance(values, dict):
        for name, field in type(config).model_fields.items():
            called = (field.serialization_alias or field.alias or name) if by_alias else name
            if called in values:
                values[called] = _reveal(getattr(config, name), values[called], by_alias=by_alias)
    elif isinstance(config, (list, tuple)) and isinstance(values, list) and len(config) == len(values):
        values[:] = [_reveal(c, v, by_alias=by_alias) for c, v in zip(config, values, strict=True)]
    elif isinstance(config, dict) and isinstance(values, dict):
        for key, value in config.items():
            if key in values:
                values[key] = _reveal(value, values[key], by_alias=by_alias)
    return values
