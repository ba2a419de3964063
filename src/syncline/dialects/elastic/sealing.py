"""Secrets in records, sealed as those of connectors are (invariant 12).

A record's owner is "elastic:KIND:ID". What stands for a secret in an answer is asterisks; asterisks that come back keep
the secret that is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from syncline.dialects.elastic.refusals import illegal
from syncline.store.secrets import MASK, SEALED, Opened, Secret, drafted
from syncline.wiring import Installation

DIALECT: Final = "elastic"


def owner(kind: str, id: str) -> str:
    """Whom the secrets of a record are bound to."""
    return f"{DIALECT}:{kind}:{id}"


def opened(room: Installation, kind: str, id: str, body: Mapping[str, Any]) -> Opened:
    """The body in clear, and its secrets by place. Raises CredentialsInvalid when one cannot be read."""
    if not holds_sealed(body):
        return Opened(dict(body), {})
    return room.vault.open(owner(kind, id), body)


def sealed(
    room: Installation,
    kind: str,
    id: str,
    body: Mapping[str, Any],
    places: Sequence[str],
    known: Mapping[str, Secret] | None = None,
) -> dict[str, Any]:
    """The body as it may be stored; call it in the transaction that stores it."""
    if not places and not holds_sealed(body):
        return dict(body)
    draft = drafted(owner(kind, id), body, places, known)
    return room.vault.keep(owner(kind, id), draft)


def places_in(configuration: Any, above: str) -> list[str]:
    """Where the secrets of a configuration are."""
    if not isinstance(configuration, Mapping):
        return []
    return [f"{above}.{name}.value" for name, field in configuration.items() if is_secret(field)]


def is_secret(field: Any) -> bool:
    """Whether a field of a configuration says that its value is one."""
    return isinstance(field, Mapping) and bool(field.get("sensitive"))


def masked_fields(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration in clear as it may be shown."""
    return {
        name: {**field, "value": MASK} if is_secret(field) and field.get("value") not in (None, "") else field
        for name, field in configuration.items()
    }


def unmasked(given: Mapping[str, Any], held: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with the secrets that are there wherever asterisks are given. Raises Refused where they stand
    for none."""
    return {name: _unmasked(name, field, held.get(name)) for name, field in given.items()}


def _unmasked(name: str, field: Any, held: Any) -> Any:
    if not is_secret(field) or field.get("value") != MASK:
        return field
    value = held.get("value") if isinstance(held, Mapping) and is_secret(held) else None
    if value in (None, ""):
        raise illegal(f"the value of [{name:.100}] stands for a secret that is not there: give the secret itself")
    return {**field, "value": value}


def holds_sealed(value: Any) -> bool:
    """Whether something in there is sealed, or passes itself off as that."""
    if isinstance(value, Mapping):
        return SEALED in value or any(holds_sealed(one) for one in value.values())
    return isinstance(value, list) and any(map(holds_sealed, value))


def texts_in(secrets: Mapping[str, Secret]) -> Iterator[str]:
    """The secrets themselves."""
    for secret in secrets.values():
        if isinstance(secret.value, str):
            yield secret.value
