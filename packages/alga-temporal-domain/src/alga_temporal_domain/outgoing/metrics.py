"""What is counted of events that go out."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class OutgoingMetrics:
    """Instruments in the registry of a process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._deliveries = Counter(
            "alga_outgoing_deliveries_total",
            "Deliveries of events that go out, by what became of them.",
            ["outcome"],
            registry=registry,
        )
        self._waiting = Gauge(
            "alga_outgoing_events", "Events that go out, by state.", ["state"], registry=registry
        )
        self._lag = Gauge(
            "alga_outgoing_lag_seconds",
            "For how long the oldest event has waited.",
            registry=registry,
        )

    def delivery(self, outcome: str) -> None:
        """Count one; `outcome` is delivered, refused, dead or failed."""
        self._deliveries.labels(outcome=outcome).inc()

    def backlog(self, *, pending: int, dead: int, lag_seconds: float) -> None:
        """Say how much there is to do."""
        self._waiting.labels(state="pending").set(pending)
        self._waiting.labels(state="dead").set(dead)
        self._lag.set(lag_seconds)
