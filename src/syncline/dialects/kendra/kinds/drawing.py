"""What rooms of this package hand each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from syncline.dialects.kendra.fields import Field
from syncline.dialects.kendra.ground import invalid
from syncline.dialects.kendra.secrets import Secrets


class Drawn(NamedTuple):
    """One of our source kinds, its settings, and whether its jobs read every document again."""

    kind: str
    settings: dict[str, Any]
    force: bool = False


@dataclass(frozen=True)
class Surroundings:
    """What a configuration is looked at with. `region` of the request; `keeps`: the SecretArn that stands for the
    secret the connector already has, and the host that it is for."""

    secrets: Secrets
    fields: Mapping[str, Field] = field(default_factory=dict)
    region: str = ""
    keeps: tuple[str, str] | None = None

    def check_fields(self, names: Iterable[str]) -> None:
        """Raises ValidationException for one that the index does not have."""
        for name in names:
            if name not in self.fields:
                raise invalid(f"The index has no field {name}: add it with UpdateIndex first.")
