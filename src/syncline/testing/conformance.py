"""Does a source keep its promises? Every law that needs no writing, without pytest and without ever raising.

for check in check_source("./my_source.py:tickets", {"project": "DOCS"}):
    print("ok  " if check.passed else "FAIL", check.law, check.detail)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from syncline.model.errors import SynclineError
from syncline.sources import registry
from syncline.testing.laws import READING_LAWS, DoesNotApply, Law, LawBroken
from syncline.testing.reading import Subject


class Check(NamedTuple):
    """What came of one law. `law` is a sentence; `detail` says what was found, or why it was not needed."""

    name: str
    law: str
    passed: bool
    detail: str = ""


def open_source(kind: Any, settings: Mapping[str, Any] | None = None, **more: Any) -> Any:
    """A source, opened as a connector would open it. `kind` is a name, an import path, or something decorated with
    `@source`; settings may also be given by name. Raises NotFound, ConfigInvalid."""
    return registry.open_source(kind, registry.validate(kind, {**(settings or {}), **more}))


def check_source(kind: Any, settings: Mapping[str, Any] | None = None, *, sample: int = 50) -> list[Check]:
    """Prove every law of a source that needs no writing, on the place its settings name. Never raises.

    Reads the whole place about six times, and the bodies of `sample` documents. When the source cannot be found or
    opened, that check is the last one.
    """
    checks: list[Check] = []
    found = _attempt(checks, "kind_is_found", "There is a source of that name.", lambda: registry.resolve(kind))
    if not checks[-1].passed:
        return checks
    values = _attempt(
        checks, "settings_are_valid", "Its settings are valid.", lambda: registry.validate(found, settings or {})
    )
    if not checks[-1].passed:
        return checks
    _attempt(checks, "it_opens", "It can be opened.", lambda: registry.open_source(found, values))
    if checks[-1].passed:
        subject = Subject(lambda: registry.open_source(found, values), sample=sample)
        checks += [_tried(law, subject) for law in READING_LAWS]
    return checks


def _attempt(checks: list[Check], name: str, law: str, act: Callable[[], Any]) -> Any:
    """Do it, and add a Check of whether it could be done."""
    try:
        value = act()
    except Exception as error:
        checks.append(Check(name, law, False, _told(error)))
        return None
    checks.append(Check(name, law, True))
    return value


def _tried(law: Law, subject: Subject) -> Check:
    try:
        return Check(law.name, law.says, True, law.prove(subject) or "")
    except DoesNotApply as reason:
        return Check(law.name, law.says, True, str(reason))
    except Exception as error:
        return Check(law.name, law.says, False, _told(error))


def _told(error: Exception) -> str:
    if isinstance(error, LawBroken):
        return str(error)
    if isinstance(error, SynclineError):
        return f"{error.message} [{error.code}] {error.remedy}".rstrip()
    return f"raised {type(error).__name__}: {error}"
