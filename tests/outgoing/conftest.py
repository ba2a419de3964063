"""Receivers that are closed when a test is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.outgoing.receivers import Receiver


@pytest.fixture
def receivers() -> Iterator[Callable[[Path | None], Receiver]]:
    """Makes them; with a certificate, one that speaks TLS."""
    made: list[Receiver] = []

    def make(certificate: Path | None = None) -> Receiver:
        made.append(Receiver(certificate))
        return made[-1]

    yield make
    for receiver in made:
        receiver.close()


@pytest.fixture
def receiver(receivers: Callable[[], Receiver]) -> Receiver:
    """One without TLS."""
    return receivers()
