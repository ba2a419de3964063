"""OpenTelemetry traces: a span for each attempt of a job with one for each of its stages, and one for each request.

    syncline.job ── syncline.job.listing ── syncline.job.applying ── syncline.job.deleting ── syncline.job.indexing
    GET /v1/jobs/{job}

Off, and nothing imported, unless OTEL_EXPORTER_OTLP_ENDPOINT (or its kin for traces) is set and the extra "otel" is
installed. The other OTEL_* variables mean what OpenTelemetry says they mean. A collector that does not answer costs a
job two seconds at its end, and nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from types import TracebackType
from typing import TYPE_CHECKING, Final

from syncline import __version__
from syncline.model.jobs import Job, JobState
from syncline.model.reports import Progress

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

TIMEOUT_S: Final = 2.0
_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_TIMEOUTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT")

OnProgress = Callable[[Progress], None]


def wanted(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the environment asks for traces."""
    off = environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or environ.get("OTEL_TRACES_EXPORTER") == "none"
    return not off and any(environ.get(name) for name in _ENDPOINTS)


# --- jobs -------------------------------------------------------------------------------------------------------------


class JobTrace:
    """What is told of one attempt. Without traces it only hands progress on.

    with JobTrace(job, connector_name, on_progress) as trace:
        ended = trace.ended(run(on_progress=trace.report))
    """

    def __init__(self, job: Job, connector: str, on_progress: OnProgress | None) -> None:
        self._on_progress = on_progress
        self._spans = _JobSpans(job, connector) if wanted() and _provider() is not None else None
        self.report: OnProgress | None = on_progress if self._spans is None else self._report

    def _report(self, progress: Progress) -> None:
        assert self._spans is not None
        self._spans.reach(progress)
        if self._on_progress is not None:
            self._on_progress(progress)

    def ended(self, job: Job) -> Job:
        """How it ended; handed on."""
        if self._spans is not None:
            self._spans.end(job)
        return job

    def __enter__(self) -> JobTrace:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._spans is not None:
            self._spans.close(error)
            flush()  # the process of a job ends without ceremony


class _JobSpans:
    """The span of an attempt, and of the stage it is at."""

    def __init__(self, job: Job, connector: str) -> None:
        from opentelemetry.trace import SpanKind, set_span_in_context

        tracer = _tracer()
        facts: dict[str, str | int] = {
            "syncline.job.id": job.id,
            "syncline.job.number": job.number,
            "syncline.job.attempt": job.attempt,
            "syncline.job.type": job.type.value,
            "syncline.job.trigger": job.trigger.value,
            "syncline.connector": connector,
            "syncline.connector.id": job.connector_id,
            "syncline.index": job.index,
        }
        self._tracer = tracer
        self._span = tracer.start_span("syncline.job", attributes=facts, kind=SpanKind.CONSUMER)
        self._within = set_span_in_context(self._span)
        self._stage: Span | None = None
        self._stage_name = ""
        self._counters: dict[str, int] = {}

    def reach(self, progress: Progress) -> None:
        """It is that far."""
        self._counters = progress.counters.as_dict()
        if progress.stage == self._stage_name:
            return
        self._end_stage()
        self._stage_name = progress.stage
        if progress.stage != "done":
            self._stage = self._tracer.start_span(f"syncline.job.{progress.stage}", context=self._within)

    def end(self, job: Job) -> None:
        """It has ended in that state."""
        from opentelemetry.trace import StatusCode

        self._counters = job.counters.as_dict()
        self._span.set_attributes({"syncline.job.state": job.state.value, **_documents(self._counters)})
        if job.state is JobState.FAILED:
            error = job.error or {}
            self._span.set_attribute("error.type", str(error.get("code", "")))
            self._span.set_status(StatusCode.ERROR, str(error.get("message", "")))

    def close(self, error: BaseException | None) -> None:
        """Nothing more is told."""
        from opentelemetry.trace import StatusCode

        self._end_stage()
        if error is not None:
            self._span.set_attribute("error.type", str(getattr(error, "code", type(error).__name__)))
            self._span.set_status(StatusCode.ERROR)
        self._span.end()

    def _end_stage(self) -> None:
        if self._stage is not None:
            self._stage.set_attributes(_documents(self._counters))
            self._stage.end()
            self._stage = None


def _documents(counters: Mapping[str, int]) -> dict[str, int]:
    return {f"syncline.documents.{name}": n for name, n in counters.items()}


# --- requests ---------------------------------------------------------------------------------------------------------


class RequestTrace:
    """The span of one request, as a child of the caller's own if the caller sent a `traceparent`."""

    def __init__(self, method: str, headers: Iterable[tuple[bytes, bytes]]) -> None:
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        names = ("traceparent", "tracestate")
        told = {key.decode("latin-1"): value.decode("latin-1") for key, value in headers}
        context = TraceContextTextMapPropagator().extract({name: told[name] for name in names if name in told})
        self._span = _tracer().start_span(method, context=context, kind=SpanKind.SERVER)

    def end(self, method: str, path: str, status: int, key_id: str | None) -> None:
        """It has been answered; `path` is the template of its path."""
        from opentelemetry.trace import StatusCode

        self._span.update_name(f"{method} {path}")
        self._span.set_attributes(
            {"http.request.method": method, "http.route": path, "http.response.status_code": status}
        )
        if key_id is not None:
            self._span.set_attribute("syncline.key.id", key_id)
        if status >= 500:
            self._span.set_status(StatusCode.ERROR)
        self._span.end()


def request(method: str, headers: Iterable[tuple[bytes, bytes]]) -> RequestTrace | None:
    """A request begins; None without traces."""
    return RequestTrace(method, headers) if wanted() and _provider() is not None else None


# --- where they go ----------------------------------------------------------------------------------------------------


def flush() -> None:
    """Send what waits."""
    provider = _provider()
    if provider is not None:
        provider.force_flush(int(TIMEOUT_S * 1000))


def _tracer() -> Tracer:
    provider = _provider()
    assert provider is not None
    return provider.get_tracer("syncline", __version__)


@cache
def _provider() -> TracerProvider | None:
    """Made when the first span is; None when the extra is not installed. A process that forks must not have made it."""
    import logging

    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        logging.getLogger(__name__).warning(
            "tracing.unavailable", extra={"fields": {"remedy": "pip install 'syncline[otel]'"}}
        )
        return None
    logging.getLogger("opentelemetry").setLevel(logging.ERROR)
    names = {"service.version": __version__}
    if "OTEL_SERVICE_NAME" not in os.environ and "service.name" not in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", ""):
        names["service.name"] = "syncline"
    timeout = None if any(os.environ.get(name) for name in _TIMEOUTS) else TIMEOUT_S
    provider = TracerProvider(resource=Resource.create(dict(names)))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=timeout)))
    return provider
