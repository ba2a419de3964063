"""What a source kind is, told without importing it.

A kind is named by two import paths. The settings' type is imported only to validate settings or to show their schema
(pydantic costs 150 ms at start); the source itself only when a job, a plan or a check opens it.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class SourceKind:
    """One kind of place documents come from.

    name      what a connector's `kind` says: "folder".
    title     for people, in lists and forms.
    config    import path of the one pydantic model of its settings.
    open      import path of what makes a source when called with the settings.
    plain     True: at run time the source is given a plain namespace of the validated, JSON-plain values;
              False: the pydantic model itself.
    identity  fields of the settings that make two connectors the same place; empty: every connector is its own.
    paths     fields of the settings that are paths on this machine; requests reach only some of them.
    anything  True: the settings can name any file or driver of this machine, so requests reach none of it.
    """

    name: str
    title: str
    config: str
    open: str
    plain: bool = True
    identity: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    anything: bool = False

    def load_config(self) -> type[BaseModel]:
        """The settings' type. Raises ImportError or AttributeError when it cannot be found."""
        found: type[BaseModel] = _load(self.config)
        return found

    def load_source(self) -> Callable[..., Any]:
        """What makes a source when called with the settings. Raises ImportError or AttributeError."""
        found: Callable[..., Any] = _load(self.open)
        return found


def _load(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)
