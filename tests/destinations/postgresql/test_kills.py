"""A table read by column into another one, killed for real, again and again: what the ledger calls live is there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.sources.tables.conftest import Server, make_table

from syncline.model.documents import State
from syncline.service import care, connectors, indexes, jobs
from syncline.wiring import Installation

from .conftest import Place

__all__ = ["make_table"]
ROWS = 20_000
LOAD = """
import sys
from syncline.engine import desk
from syncline.service import jobs
from syncline.wiring import Installation
desk.PASTED_ROWS = 1000
jobs.sync(Installation(sys.argv[1]), jobs.Order("rows"))
"""


def live(here: Installation) -> set[str]:
    """Ids of what the ledger says is there."""
    truth = here.index("shop").truth
    return {row.id for rows in truth.rows(1) for row in rows if row.state == State.LIVE}


def test_invariants_01_05_07_a_load_by_column_that_is_killed_again_and_again_ends_whole(
    place: Place, server: Server, make_table: Callable[..., str], tmp_path: Path, remark: Callable[[str], None]
) -> None:
    columns = "n int primary key, body text"
    table = make_table(columns, f"select n, md5(n::text) || repeat(' word', 40) from generate_series(1, {ROWS}) n")
    here = Installation(str(tmp_path / "state"))
    indexes.add(here, "shop", destination="postgresql", settings=place.settings())
    settings = server.settings(table=table, fetch_size=2000)
    connectors.add(here, connectors.draft(here.control(), "postgresql", settings, name="rows", index="shop"))
    kills, between = 0, set()
    for round in range(6):
        was = place.count()
        running = subprocess.Popen([sys.executable, "-c", LOAD, here.data_dir], env=dict(os.environ))
        kills += place.kill_in_the_middle(running, was + 1500, 0.004 * round)
        believed, found = live(here), {str(row[0]) for row in place.rows("id")}
        assert believed <= found
        between.add(len(believed))
    assert kills >= 4
    assert len(between) >= 4
    result = jobs.sync(here, jobs.Order("rows"))
    assert result.status == "succeeded", json.dumps(result.error)
    assert result.counters.total == ROWS
    rows = dict(place.ask(f"select id, metadata ->> 'body' from {place.table}"))
    assert rows.keys() == {str(n) for n in range(1, ROWS + 1)}
    assert care.verify(here, "shop", repair=False, source=True).problems == []
    assert jobs.sync(here, jobs.Order("rows")).counters.changed == 0
    here.close()
    remark(f"by column into PostgreSQL: a load of {ROWS:,} rows was killed {kills} times, at {sorted(between)} rows")
