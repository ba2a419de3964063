"""Care: proving that index = ledger = truth (= source), mending what is not, and building the text index again."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from syncline.model.reports import Plan, VerifyReport
from syncline.service import jobs
from syncline.store.sqlite.checks import Checks
from syncline.wiring import DEFAULT_INDEX, EmbeddedIndex, Installation

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
        report.problems += [f"connector {connector.name}: {note}" for note in plan.notes]


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
    opened = installation.index(index or DEFAULT_INDEX)
    opened.text.rebuild()
    return sum(1 for _ in opened.text.pairs())
