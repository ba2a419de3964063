"""Random histories of a folder, with deaths and stops, against the truth in PostgreSQL: few, for the long form see
`tests/engine/test_histories.py`."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from tests.engine import test_histories

EXAMPLES, STEPS = 5, 20


def test_random_histories_end_as_the_model_says(base: Any, remark: Any) -> None:
    store, names = base.store(crash=lambda point: current[-1].crash(point)), itertools.count(1)
    current: list[Any] = []

    class Here(test_histories.Histories):  # type: ignore[misc]
        def _open_truth(self) -> Any:
            if not hasattr(self, "name"):
                self.name = f"history-{next(names)}"
                current.append(self)
                store.make(self.name, self.name, 1.0)
            return store.truth(self.name)

    how = settings(max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None, print_blob=True)
    run_state_machine_as_test(Here, settings=how)
    remark(f"PostgreSQL: {len(current)} random histories of up to {STEPS} steps")
