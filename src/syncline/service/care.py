"""Care: proving that index = ledger = truth (= source), mending what is not, and building the text index again."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from syncline.model.destinations import Takes
from syncline.model.documents import Held, State
from syncline.model.errors import JobActive
from syncline.model.reports import Plan, VerifyReport
from syncline.planning.seen import Seen
from syncline.service import jobs
from syncline.store.relational.checks import Checks
from syncline.wiring import DEFAULT_INDEX, EmbeddedIndex, FarIndex, Installation

STOCK = 5000  # documents looked at together

Tell = Callable[[str, int, int], None]


def silent(stage: str, done: int, total: int) -> None:
    """Nobody watches."""


def verify(
    installation: Installation, index: str | None, *, repair: bool, source: bool, tell: Tell = silent
) -> VerifyReport:
    """What is wrong, in one line each; with `repair`, what was mended."""
    name = index or DEFAULT_INDEX
    opened = installation.index(name)
    report = VerifyReport(name)
    checks = Checks(opened.truth)
    if isinstance(opened, FarIndex):
        _check_destination(installation, name, opened, report, repair, tell)
    else:
        _check_truth(checks, report, repair, tell)
        opened.settle()
        _check_text(opened, checks, report, repair, tell)
        report.documents, report.ledger_rows = checks.totals()
    if source:
        _check_sources(installation, name, report)
    return report


def _check_truth(checks: Checks, report: VerifyReport, repair: bool, tell: Tell) -> None:
    tell("documents", 0, 0)
    for finding in checks.findings():
        report.problems.append(finding.message)
        if repair and finding.mend is not None:
            finding.mend()
            report.repaired.append(finding.remedy)


def _check_text(opened: EmbeddedIndex, checks: Checks, report: VerifyReport, repair: bool, tell: Tell) -> None:
    tell("text index", 0, 0)
    indexed = dict(opened.text.pairs())
    report.searchable = len(indexed)
    missing = []
    for n, checksum in checks.checksums():
        if indexed.pop(n, None) != checksum:
            missing.append(n)
    wrong = sorted(indexed)
    for count, what in ((len(missing), "cannot be found by search"), (len(wrong), "are found by search but are gone")):
        if count:
            report.problems.append(f"{count} documents {what}")
    if repair and (missing or wrong):
        opened.text.repair(wrong, missing)
        kinds = [missing, wrong]
        report.repaired += [f"indexed {len(kind)} documents anew" for kind in kinds if kind]
        report.searchable = sum(1 for _ in opened.text.pairs())


def _check_destination(
    installation: Installation, name: str, opened: FarIndex, report: VerifyReport, repair: bool, tell: Tell
) -> None:
    """Ledger and destination must speak of the same documents. A document that is not there as it was written is read
    again by the next sync; one that the ledger does not know is removed."""
    if not isinstance(opened.destination, Takes):
        report.problems.append(f"the destination of index {name} cannot be taken stock of")
        return
    tell("destination", 0, 0)
    for connector in installation.control().connectors():
        if connector.index == name:
            stock = _Stock(opened, opened.destination, connector.number)
            if repair:
                lease = installation.lease_of(connector.number)
                if not lease.acquire():
                    raise JobActive(f"connector {connector.name!r} runs a job", remedy="Wait for it, or stop it first.")
                try:
                    stock.compare(report, repair=True)
                finally:
                    lease.release()
            else:
                stock.compare(report, repair=False)


class _Stock:
    """What the destination has of one connector, beside its ledger."""

    def __init__(self, opened: FarIndex, place: Takes, connector: int) -> None:
        self._truth = opened.truth
        self._place = place
        self._connector = connector

    def compare(self, report: VerifyReport, *, repair: bool) -> None:
        """Add what is wrong to the report; with `repair`, mend it."""
        report.ledger_rows += self._truth.count(self._connector)[1]
        seen, altered, strangers = self._there(report)
        missing = [row for row in self._live() if row.seq not in seen]
        for row in missing:
            report.problems.append(f"{row.id}: the ledger knows it, its document is missing")
        for row in altered:
            report.problems.append(f"{row.id}: the stored document is not what was written")
        for id in strangers:
            report.problems.append(f"{id}: a document that the ledger does not know")
        if repair:
            Checks(self._truth).read_again([row.seq for row in (*missing, *altered)])
            report.repaired += [f"{row.id}: the next sync reads it again" for row in (*missing, *altered)]
            for start in range(0, len(strangers), STOCK):
                self._place.discard(self._connector, strangers[start : start + STOCK])
            report.repaired += [f"{id}: removed" for id in strangers]

    def _there(self, report: VerifyReport) -> tuple[Seen, list[Held], list[str]]:
        """(rows whose document is there, those among them that are not intact, ids without a row)."""
        seen, altered, strangers, after = Seen(), [], [], ""
        while found := self._place.stock(self._connector, after, STOCK):
            held = self._truth.held(self._connector, [one.id for one in found])
            for id, intact in found:
                row = held.get(id)
                if row is None:
                    strangers.append(id)
                    continue
                seen.add(row.seq)
                if not intact and row.state == State.LIVE:
                    altered.append(row)
            report.documents += len(found)
            report.searchable += len(found)
            after = found[-1].id
        return seen, altered, strangers

    def _live(self) -> Iterator[Held]:
        for rows in self._truth.rows(self._connector):
            yield from (row for row in rows if row.state == State.LIVE)


def _check_sources(installation: Installation, index: str, report: VerifyReport) -> None:
    """Compare with the sources as they are now: read everything, write nothing."""
    for connector in installation.control().connectors():
        if connector.index != index:
            continue
        ledger = installation.index(index).truth
        plan = jobs.dry_run(installation, connector, ledger, jobs.Order(connector.name, full=True))
        report.source_checked += plan.keep + len(plan.update)
        for ids, what in _differences(plan):
            report.problems.append(f"connector {connector.name}: {len(ids)} documents {what}: {_some(ids)}")
        report.problems += [f"connector {connector.name}: {note}" for note in plan.missed]


def _differences(plan: Plan) -> Iterator[tuple[list[str], str]]:
    found = (
        (plan.insert, "are not in the index"),
        (plan.update, "differ"),
        (plan.delete + plan.withhold, "are gone at the source"),
        (plan.fail, "cannot be taken from the source"),
    )
    yield from ((ids, what) for ids, what in found if ids)


def _some(ids: list[str]) -> str:
    return ", ".join(ids[:5]) + (", …" if len(ids) > 5 else "")


def rebuild(installation: Installation, index: str | None) -> int:
    """Build the text index again from the documents; returns how many it holds."""
    opened = installation.embedded(index or DEFAULT_INDEX)
    opened.text.rebuild()
    return sum(1 for _ in opened.text.pairs())
