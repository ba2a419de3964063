"""A data directory of its own, and a way to declare something for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from syncline.service.declaration.applying import Applied, Plan, carry_out, plan
from syncline.service.declaration.current import standing
from syncline.service.declaration.difference import Item
from syncline.wiring import Installation


class Place:
    """One data directory beside one syncline.yaml."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.file = folder / "syncline.yaml"
        self.environ: dict[str, str] = {}
        self.installation = Installation(str(folder / "data"))

    def plan(self, text: str, prune: bool = False) -> Plan:
        """What applying that text would do."""
        self.file.write_text(dedent(text), "utf-8")
        return plan(self.installation, str(self.file), prune=prune, environ=self.environ)

    def apply(self, text: str, prune: bool = False) -> Applied:
        """Apply it."""
        return carry_out(self.installation, self.plan(text, prune))

    def state(self) -> dict[Any, Mapping[str, Any]]:
        """Everything that stands, in clear, without ids."""
        current = standing(self.installation)
        return {item.at: self._clear(item) for item in current.items}

    def _clear(self, item: Item) -> Mapping[str, Any]:
        bare = {name.removeprefix("settings."): value for name, value in item.fields.items()}
        opened = self.installation.vault.open(item.id, bare).config
        return dict(zip(item.fields, opened.values(), strict=True))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path / "place")
    yield made
    made.installation.close()


@pytest.fixture
def new_place(tmp_path: Path) -> Iterator[Callable[[], Place]]:
    """Any number of them, one after the other."""
    made: list[Place] = []

    def make() -> Place:
        made.append(Place(tmp_path / f"place-{len(made)}"))
        return made[-1]

    yield make
    for one in made:
        one.installation.close()
