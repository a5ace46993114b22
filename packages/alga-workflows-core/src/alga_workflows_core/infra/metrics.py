"""What a process counts and measures, and the metrics of the Temporal SDK beside it."""

from __future__ import annotations

import logging
import math
import socket
import ssl
from dataclasses import dataclass
from functools import partial

import httpx
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)

from alga_workflows_core.errors import AlgaError
from alga_workflows_core.infra.streams import StreamState

log = structlog.get_logger()

_FLUSH_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_HTTP_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_PORT_ATTEMPTS = 5


class _StreamInstruments:
    def __init__(self, registry: CollectorRegistry) -> None:
        counter = partial(Counter, registry=registry)
        gauge = partial(Gauge, registry=registry)
        self.messages = counter(
            "alga_stream_messages_total",
            "Messages of a stream, by what became of them.",
            ["outcome"],
        )
        self.lag_seconds = gauge(
            "alga_stream_lag_seconds",
            "How much younger a stream's newest message is than the last one that was read.",
            ["stream"],
        )
        self.unread = gauge(
            "alga_stream_unread_messages",
            "Messages of a stream that nobody has read; NaN where the server does not say.",
            ["stream"],
        )
        self.pending = gauge(
            "alga_stream_pending_messages",
            "Messages of a stream that were read and are not done with.",
            ["stream"],
        )


class Metrics:
    """The instruments of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        counter = partial(Counter, registry=self.registry)
        gauge = partial(Gauge, registry=self.registry)
        self._run_starts = counter(
            "alga_run_starts_total", "Attempts to start a run, by outcome.", ["outcome"]
        )
        self._runs_closed = counter(
            "alga_runs_closed_total", "Runs that came to an end, by final status.", ["status"]
        )
        self._reconciled = counter(
            "alga_reconciler_deeds_total",
            "What the reconciler had to do, by deed; a healthy system gives it nothing.",
            ["deed"],
        )
        self._row_flush_seconds = Histogram(
            "alga_row_flush_seconds",
            "Time to write one batch of a run's rows.",
            registry=self.registry,
            buckets=_FLUSH_BUCKETS,
        )
        self._http_requests = counter(
            "alga_http_requests_total",
            "HTTP requests answered, by method, route template and status.",
            ["method", "route", "status"],
        )
        self._http_request_seconds = Histogram(
            "alga_http_request_seconds",
            "Time from a request's head to the end of its response.",
            ["method", "route"],
            registry=self.registry,
            buckets=_HTTP_BUCKETS,
        )
        self._events = counter(
            "alga_events_total", "Events of the inbox, by what became of them.", ["outcome"]
        )
        self._schedule_fires = counter(
            "alga_schedule_fires_total",
            "Occurrences of schedules, by what became of them.",
            ["outcome"],
        )
        self._webhooks = counter(
            "alga_webhooks_total", "Messages to webhooks, by what became of them.", ["outcome"]
        )
        self._stream = _StreamInstruments(self.registry)
        self._dependency_up = gauge(
            "alga_dependency_up", "1 while a dependency answers, else 0.", ["dependency"]
        )

    def run_start(self, outcome: str) -> None:
        """Count one attempt to start a run; `outcome` is one of a few fixed words."""
        self._run_starts.labels(outcome=outcome).inc()

    def run_closed(self, status: str) -> None:
        """Count one run that reached a final status."""
        self._runs_closed.labels(status=status).inc()

    def reconciled(self, deed: str) -> None:
        """Count one thing that was not as it should be; `deed` is one of a few fixed words."""
        self._reconciled.labels(deed=deed).inc()

    def events(self, outcome: str, count: int) -> None:
        """Count events of the inbox; `outcome` is one of a few fixed words."""
        self._events.labels(outcome=outcome).inc(count)

    def schedule_fired(self, outcome: str) -> None:
        """Count one occurrence of a schedule; `outcome` is started, skipped or failed."""
        self._schedule_fires.labels(outcome=outcome).inc()

    def webhook(self, outcome: str) -> None:
        """Count one message to a webhook; `outcome` is one of a few fixed words."""
        self._webhooks.labels(outcome=outcome).inc()

    def stream_messages(self, outcome: str, count: int) -> None:
        """Count messages of a stream; `outcome` is one of a few fixed words."""
        self._stream.messages.labels(outcome=outcome).inc(count)

    def stream_state(self, stream: str, state: StreamState) -> None:
        """Say how far the group of a stream is."""
        unread = math.nan if state.unread is None else state.unread
        self._stream.lag_seconds.labels(stream=stream).set(state.behind.total_seconds())
        self._stream.unread.labels(stream=stream).set(unread)
        self._stream.pending.labels(stream=stream).set(state.pending)

    def row_flush(self, seconds: float) -> None:
        """Take note of how long one batch of rows took."""
        self._row_flush_seconds.observe(seconds)

    def http_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request; `route` is a template, never a path with ids."""
        self._http_requests.labels(method=method, route=route, status=str(status)).inc()
        self._http_request_seconds.labels(method=method, route=route).observe(seconds)

    def dependency(self, name: str, up: bool) -> None:
        """Say whether a dependency answers; fits `HealthMonitor(on_change=…)`."""
        self._dependency_up.labels(dependency=name).set(1 if up else 0)

    def render(self, extra: bytes = b"") -> tuple[bytes, str]:
        """Everything in Prometheus' text format, `extra` behind it, and the content type."""
        return generate_latest(self.registry) + extra, CONTENT_TYPE_PLAIN_0_0_4


@dataclass(frozen=True, slots=True, kw_only=True)
class TemporalTelemetry:
    """The SDK's runtime, to be handed to every Temporal client, and where its metrics are."""

    runtime: Runtime
    metrics_url: str

    async def scrape(self, timeout: float = 1.0) -> bytes:  # noqa: ASYNC109 (httpx takes it)
        """The SDK's metrics in Prometheus' text format; empty when they cannot be had."""
        try:
            # Plain HTTP: an empty TLS context spares reading the certificate store each time.
            async with httpx.AsyncClient(
                timeout=timeout, trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            ) as client:
                answer = await client.get(self.metrics_url)
                answer.raise_for_status()
        except httpx.HTTPError as error:
            log.warning(
                "The Temporal SDK's metrics cannot be read.",
                action="metrics.scrape_failed",
                address=self.metrics_url,
                error=error,
            )
            return b""
        return answer.content


def temporal_runtime(*, core_level: str = "WARN") -> TemporalTelemetry:
    """The SDK's runtime with its metrics on a free loopback port and its logs in Python's logging.

    To be called once per process, after the last fork: each runtime has a thread pool of its own.
    `core_level` is ERROR, WARN, INFO, DEBUG or TRACE.
    """
    logging_config = LoggingConfig(
        filter=TelemetryFilter(core_level=core_level, other_level="ERROR"),
        # Without forwarding the SDK's core writes to standard output.
        forwarding=LogForwardingConfig(
            logger=logging.getLogger("temporalio.core"), append_target_to_name=False
        ),
    )
    problem: Exception | None = None
    for _ in range(_PORT_ATTEMPTS):
        address = f"127.0.0.1:{_free_loopback_port()}"
        metrics_config = PrometheusConfig(bind_address=address, durations_as_seconds=True)
        try:
            runtime = Runtime(
                telemetry=TelemetryConfig(logging=logging_config, metrics=metrics_config)
            )
        except ValueError as error:
            # Somebody took the port between our look and the SDK's bind.
            problem = error
            continue
        return TemporalTelemetry(runtime=runtime, metrics_url=f"http://{address}/metrics")
    raise AlgaError(
        f"The Temporal SDK found no free port on 127.0.0.1 for its metrics: {problem}.",
        remedy="Check that this process may listen on loopback.",
    ) from problem


def _free_loopback_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
