"""Figures for Prometheus.

What jobs have done is counted from the job table, so it does not begin anew with the server, and includes jobs that the
command line has run: all of them once, when first asked, then only what the events tell of since. Requests are counted
in the process. docs/observability.md lists every figure.
"""

from __future__ import annotations

import platform
import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import prometheus_client as prometheus
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from syncline import __version__
from syncline.model.jobs import JobState
from syncline.model.outcomes import Kind
from syncline.store.relational.tallies import Ended, Tallies, Watched

if TYPE_CHECKING:
    from syncline.server.house import House
    from syncline.wiring import Installation

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
SILENT_S: Final = 30.0  # a job that was not heard of for so long has lost its process, and should have got another

JOB_BUCKETS_S: Final = (0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14400.0)
HTTP_BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
OUTCOMES: Final = tuple(kind.value for kind in Kind if kind is not Kind.WITHHELD)
prometheus.disable_created_metrics()  # type: ignore[no-untyped-call]  # a series beside each that tells when we began

READ_TO_ITS_END: Final = frozenset({JobState.SUCCEEDED, JobState.INCOMPLETE})


def metrics_text(house: House) -> bytes:
    """All figures in the text format; send it as CONTENT_TYPE. Call it in a thread: it reads the database."""
    return house.metrics.text()


class Metrics:
    """The figures of one server. May be used from any thread."""

    def __init__(self, house: House) -> None:
        registry = CollectorRegistry()
        labels = ("method", "path", "status")
        self._requests = prometheus.Counter(
            "syncline_http_requests", "Requests that were answered.", labels, registry=registry
        )
        self._took = prometheus.Histogram(
            "syncline_http_request_duration_seconds",
            "Seconds from the arrival of a request to the last byte of its answer.",
            labels[:2],
            registry=registry,
            buckets=HTTP_BUCKETS_S,
        )
        registry.register(_Figures(house))
        prometheus.ProcessCollector(registry=registry)
        self._registry = registry

    def saw_request(self, method: str, path: str, status: int, took_s: float) -> None:
        """A request has been answered. `path` is the template of its path."""
        self._requests.labels(method, path, str(status)).inc()
        self._took.labels(method, path).observe(took_s)

    def text(self) -> bytes:
        """The text format."""
        return generate_latest(self._registry)


@dataclass(slots=True)
class _Tally:
    """What the jobs of one connector have done. `fresh_at`: when a job last read its source to the end."""

    jobs: Counter[str] = field(default_factory=Counter)
    documents: Counter[str] = field(default_factory=Counter)
    buckets: list[int] = field(default_factory=lambda: [0] * (len(JOB_BUCKETS_S) + 1))
    seconds: float = 0.0
    fresh_at: float = 0.0
    succeeded_at: float = 0.0
    withheld: bool = False  # some job withheld deletions; whether they still are is asked of the truth

    def add(self, job: Ended) -> None:
        """One more job has ended."""
        self.jobs[job.state.value] += 1
        for outcome in OUTCOMES:
            self.documents[outcome] += getattr(job.counters, outcome)
        if job.took_s is not None:
            self.buckets[bisect_left(JOB_BUCKETS_S, job.took_s)] += 1
            self.seconds += job.took_s
        if job.state in READ_TO_ITS_END:
            self.fresh_at = max(self.fresh_at, job.ended_at - (job.took_s or 0.0))
        if job.state is JobState.SUCCEEDED:
            self.succeeded_at = max(self.succeeded_at, job.ended_at)
        self.withheld = self.withheld or job.counters.withheld_deletes > 0

    def histogram(self) -> list[tuple[str, float]]:
        """(upper bound, how many up to it)."""
        bounds = [*map(prometheus.utils.floatToGoString, JOB_BUCKETS_S), "+Inf"]
        sums, so_far = [], 0
        for n in self.buckets:
            so_far += n
            sums.append(float(so_far))
        return list(zip(bounds, sums, strict=True))


class _Figures(Collector):
    """Figures of jobs, of the queue and of connectors, made when they are asked for."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._lock = threading.Lock()
        self._seq: int | None = None
        self._tallies: dict[str, _Tally] = {}

    def describe(self) -> list[Metric]:
        """Nothing is read when this is registered."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every figure of one moment."""
        with self._lock, self._house.room() as room:
            now = self._house.clock()
            tallies = Tallies(room.control())
            self._catch_up(tallies)
            connectors = tallies.connectors()
            told = [(one, self._tallies.get(one.id) or _Tally()) for one in connectors]
            families = [
                *_of_jobs(told),
                *_of_connectors(told, now),
                self._withheld(room, told),
                *_of_queue(tallies, now),
                _build(),
            ]
        yield from families

    def _catch_up(self, tallies: Tallies) -> None:
        try:
            if self._seq is not None:
                for seq, job in tallies.since(self._seq):
                    self._add(job)
                    self._seq = seq
                return
        except LookupError:  # nobody has asked for so long that events are gone
            pass
        self._tallies.clear()
        self._seq, jobs = tallies.all()
        for one in jobs:
            self._add(one)

    def _add(self, job: Ended | None) -> None:
        if job is not None:
            self._tallies.setdefault(job.connector_id, _Tally()).add(job)

    def _withheld(self, room: Installation, told: list[tuple[Watched, _Tally]]) -> Metric:
        family = GaugeMetricFamily(
            "syncline_deletes_withheld", "Deletions that wait for approval.", labels=["connector"]
        )
        for connector, tally in told:
            n = 0
            if tally.withheld:
                with room.reading_truth(connector.index_name) as truth:
                    n = 0 if truth is None else truth.withheld_count(connector.number)
                tally.withheld = n > 0
            family.add_metric([connector.name], n)
        return family


def _of_jobs(told: list[tuple[Watched, _Tally]]) -> list[Metric]:
    jobs = CounterMetricFamily("syncline_jobs", "Jobs that have ended.", labels=["connector", "status"])
    took = HistogramMetricFamily(
        "syncline_job_duration_seconds", "Seconds from a job's first start to its end.", labels=["connector"]
    )
    documents = CounterMetricFamily(
        "syncline_documents", "Documents of jobs that have ended, by outcome.", labels=["connector", "outcome"]
    )
    for connector, tally in told:
        for state in ("succeeded", "incomplete", "failed", "stopped"):
            jobs.add_metric([connector.name, state], tally.jobs[state])
        for outcome in OUTCOMES:
            documents.add_metric([connector.name, outcome], tally.documents[outcome])
        took.add_metric([connector.name], tally.histogram(), tally.seconds)
    return [jobs, took, documents]


def _of_connectors(told: list[tuple[Watched, _Tally]], now: float) -> list[Metric]:
    fresh = GaugeMetricFamily(
        "syncline_connector_freshness_seconds",
        "Seconds since the start of the newest job that read the source to its end; of the connector, without one.",
        labels=["connector"],
    )
    success = GaugeMetricFamily(
        "syncline_connector_last_success_timestamp_seconds",
        "When a job last succeeded, in Unix seconds; 0: never.",
        labels=["connector"],
    )
    for connector, tally in told:
        fresh.add_metric([connector.name], max(0.0, now - (tally.fresh_at or connector.created_at)))
        success.add_metric([connector.name], tally.succeeded_at)
    return [fresh, success]


def _of_queue(tallies: Tallies, now: float) -> list[Metric]:
    queue = tallies.queue(now - SILENT_S)
    waited = 0.0 if queue.oldest_at is None else max(0.0, now - queue.oldest_at)
    active = GaugeMetricFamily("syncline_jobs_active", "Jobs that were begun and have not ended.", labels=["status"])
    for state in ("running", "stopping", "suspended"):
        active.add_metric([state], queue.busy.get(state, 0))
    return [
        GaugeMetricFamily("syncline_queue_depth", "Jobs that wait to be begun.", queue.waiting),
        GaugeMetricFamily("syncline_oldest_queued_seconds", "How long the oldest of them has waited.", waited),
        GaugeMetricFamily("syncline_orphan_jobs", "Jobs whose process is gone; 0 when all is well.", queue.orphans),
        active,
    ]


def _build() -> Metric:
    family = GaugeMetricFamily("syncline_build_info", "What runs here; always 1.", labels=["version", "python"])
    family.add_metric([__version__, platform.python_version()], 1)
    return family
