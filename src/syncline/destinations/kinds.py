"""What a destination kind is, told without importing it, and where kinds are found.

"embedded", "postgresql"  built in
"vault"                   an entry point in the group "syncline.destinations"
"package.module:name"     an import path
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from syncline.model.errors import DestinationError, NotFound, UsageError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from pydantic import BaseModel

GROUP: Final = "syncline.destinations"
EMBEDDED: Final = "embedded"
BUILT_IN: Final[Mapping[str, str]] = {
    EMBEDDED: "syncline.destinations.embedded:KIND",
    "postgresql": "syncline.destinations.postgresql:KIND",
}


@dataclass(frozen=True, slots=True)
class DestinationKind:
    """One kind of place documents land in.

    name      what an index says: "postgresql".
    title     for people.
    config    import path of the one pydantic model of its settings.
    open      import path of what makes a `Destination` when called with the settings and `index=` (the index's id).
    place     settings that cannot change while the index holds documents, for they say where these are.
    code      settings that name code of this machine when they hold a colon; requests cannot give them then.
    """

    name: str
    title: str
    config: str
    open: str
    place: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    plain: bool = True

    def load_config(self) -> type[BaseModel]:
        """The settings' type."""
        found: type[BaseModel] = _load(self.config)
        return found

    def load_source(self) -> Callable[..., Any]:
        """What makes a destination."""
        made: Callable[..., Any] = _load(self.open)
        return made


def find(name: str) -> DestinationKind:
    """The kind of that name or import path. Raises NotFound, UsageError when what is found is none, DestinationError
    ("destination.import_failed") when its module cannot be imported."""
    target = BUILT_IN.get(name) or (name if ":" in name else _installed(name))
    try:
        found = _load(target)
    except Exception as error:
        what = f"{target} cannot be imported: {type(error).__name__}: {error}"[:500]
        remedy = "Correct the module, or install what it needs."
        raise DestinationError(what, code="destination.import_failed", remedy=remedy) from error
    if not isinstance(found, DestinationKind):
        raise UsageError(f"{target} is no destination kind: it is {type(found).__name__}", remedy="Name one.")
    return found


def available() -> dict[str, str]:
    """Where each kind is that can be named without an import path, by name."""
    return {point.name: point.value for point in _entry_points()} | dict(BUILT_IN)


def _installed(name: str) -> str:
    known = available()
    if name in known:
        return known[name]
    raise NotFound(
        f"there is no destination kind {name!r:.200}",
        remedy=f"Use one of {', '.join(sorted(known))}, or name your own: my_module:KIND.",
    )


def _entry_points() -> list[EntryPoint]:
    from importlib.metadata import entry_points  # 50 ms, so only when no built-in name was meant

    return list(entry_points(group=GROUP))


def _load(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)
