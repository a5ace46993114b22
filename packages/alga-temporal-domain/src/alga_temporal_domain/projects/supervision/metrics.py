"""What supervision counts and measures, as Prometheus reads it.

Labels are bounded: fixed words, and the ids and slots of projects that this process looks after.
"""

from __future__ import annotations

import time
from collections import Counter as Counts
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from alga_temporal_domain.projects.durations import BOUNDS, BUCKETS, merge
from alga_temporal_domain.projects.process.statistics import Stats
from alga_temporal_domain.storage.counted import PROCESS_STATES, PROJECT_STATES, Counted
from alga_temporal_domain.storage.slots import SlotKey

MOST_PROJECTS = 100
"""Projects whose activities are counted apart, unless said otherwise; the one that was silent for
longest is forgotten first."""

_EVERY = 4
_MEGABYTE = 1024 * 1024
_LOAD_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


@dataclass(slots=True)
class _Worker:
    key: SlotKey
    memory: float
    cpu: float
    activities: int


@dataclass(slots=True)
class _Activities:
    projects: OrderedDict[UUID, Counts[str]] = field(default_factory=OrderedDict[UUID, Counts[str]])
    histogram: list[int] = field(default_factory=lambda: [0] * BUCKETS)
    seconds: float = 0.0


class SupervisionMetrics(Collector):
    """The instruments of one supervisor, in the registry of its process.

    What processes tell is kept here and read without asking anybody; `counted` is a reading of
    the database, made by a service and not by whoever reads metrics.
    """

    def __init__(self, registry: CollectorRegistry, *, most_projects: int = MOST_PROJECTS) -> None:
        self._most_projects = most_projects
        self._workers: dict[UUID, _Worker] = {}
        self._activities = _Activities()
        self._counted: tuple[Counted, float] | None = None
        self._starts = Counter(
            "alga_project_process_starts_total",
            "Processes that were started: wanted, in place of one that crashed, or asked for anew.",
            ["cause"],
            registry=registry,
        )
        self._ends = Counter(
            "alga_project_process_ends_total",
            "Processes that have ended, by how.",
            ["kind"],
            registry=registry,
        )
        self._quarantines = Counter(
            "alga_project_quarantines_total",
            "Versions of code that are not started any more.",
            registry=registry,
        )
        self._takeovers = Counter(
            "alga_project_lease_takeovers_total",
            "Slots that were taken over from another supervisor, whose lease had run out.",
            registry=registry,
        )
        self._lost = Counter(
            "alga_project_leases_lost_total",
            "Slots that this supervisor held and could not renew.",
            registry=registry,
        )
        self._code_load_seconds = Histogram(
            "alga_project_code_load_seconds",
            "Time in which a process has imported its project's code.",
            registry=registry,
            buckets=_LOAD_BUCKETS,
        )
        registry.register(self)

    def started(self, cause: str) -> None:
        """A process was started; `cause` is wanted, crashed or asked."""
        self._starts.labels(cause=cause).inc()

    def code_loaded(self, ms: float) -> None:
        """A process is ready; its code was imported within `ms`."""
        self._code_load_seconds.observe(ms / 1000)

    def heard(self, key: SlotKey, instance_id: UUID, stats: Stats) -> None:
        """A process says how it is, and what it has done since the last time."""
        self._workers[instance_id] = _Worker(
            key=key,
            memory=stats.rss_mb * _MEGABYTE,
            cpu=stats.cpu_seconds / max(stats.seconds, 0.001),
            activities=stats.running_activities,
        )
        counts = self._counts_of(key.project_id)
        for one in stats.activities.values():
            counts["ok"] += one.ok
            counts["failed"] += one.failed
            self._activities.histogram = merge((self._activities.histogram, one.histogram))
            self._activities.seconds += one.sum_ms / 1000

    def ended(self, instance_id: UUID, kind: str) -> None:
        """A process has ended; `kind` is one of a few fixed words."""
        self._workers.pop(instance_id, None)
        self._ends.labels(kind=kind).inc()

    def given_up(self, key: SlotKey) -> None:
        """Nobody here looks after the slot any more."""
        self._workers = {of: one for of, one in self._workers.items() if one.key != key}

    def quarantined(self) -> None:
        """A version is not started any more."""
        self._quarantines.inc()

    def taken_over(self) -> None:
        """A slot was another supervisor's, whose lease had run out."""
        self._takeovers.inc()

    def lost(self) -> None:
        """A slot that was held here is so no longer."""
        self._lost.inc()

    def counted(self, counted: Counted) -> None:
        """All projects and processes, as the database has them now."""
        self._counted = (counted, time.time())

    def describe(self) -> Iterable[Metric]:
        """Nothing: names are not checked against those of others at the start."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """What is not an instrument of its own: per worker, per project, of the whole database."""
        yield from self._of_workers()
        yield from self._of_activities()
        if self._counted is not None:
            yield from _of_database(*self._counted)

    def _counts_of(self, project_id: UUID) -> Counts[str]:
        counts = self._activities.projects.setdefault(project_id, Counts())
        self._activities.projects.move_to_end(project_id)
        while len(self._activities.projects) > self._most_projects:
            self._activities.projects.popitem(last=False)
        return counts

    def _of_workers(self) -> Iterator[Metric]:
        """Two versions of a project may each have a process in a slot: they are added up."""
        memory, cpu, activities = Counts[SlotKey](), Counts[SlotKey](), Counts[SlotKey]()
        for one in self._workers.values():
            of = one.key._replace(hash="")
            memory[of] += one.memory  # pyright: ignore[reportArgumentType]
            cpu[of] += one.cpu  # pyright: ignore[reportArgumentType]
            activities[of] += one.activities
        for name, said, values in (
            ("memory_bytes", "Memory of a worker, with pages that it shares.", memory),
            ("cpu_cores", "Processor time of a worker per second, of late.", cpu),
            ("activities", "Activities that a worker is executing.", activities),
        ):
            yield _gauge(
                f"alga_project_worker_{name}",
                said,
                ("project", "slot"),
                {(str(of.project_id), str(of.number)): value for of, value in values.items()},
            )

    def _of_activities(self) -> Iterator[Metric]:
        activities = self._activities
        attempts = CounterMetricFamily(
            "alga_project_activities",
            "Attempts of activities that ended, by project and outcome.",
            labels=["project", "outcome"],
        )
        for project_id, counts in activities.projects.items():
            for outcome in ("ok", "failed"):
                attempts.add_metric([str(project_id), outcome], counts[outcome])
        yield attempts
        yield HistogramMetricFamily(
            "alga_project_activity_seconds",
            "Time of an attempt of an activity, of all projects.",
            buckets=_buckets(activities.histogram),
            sum_value=activities.seconds,
        )


def _of_database(counted: Counted, at: float) -> Iterator[Metric]:
    yield _gauge(
        "alga_projects",
        "Projects of all supervisors, by what is wanted and what there is.",
        ("desired", "observed"),
        {of: counted.projects.get(of, 0) for of in PROJECT_STATES},
    )
    yield _gauge(
        "alga_project_processes",
        "Processes of all supervisors, by state.",
        ("state",),
        {(state,): counted.processes.get(state, 0) for state in PROCESS_STATES},
    )
    yield _gauge(
        "alga_project_counts_timestamp_seconds",
        "When projects and processes were counted last, in Unix time.",
        (),
        {(): at},
    )


def _gauge(
    name: str, said: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], float]
) -> Metric:
    gauge = GaugeMetricFamily(name, said, labels=labels)
    for of, value in values.items():
        gauge.add_metric(of, value)
    return gauge


def _buckets(histogram: list[int]) -> list[tuple[str, float]]:
    """Every fourth bound of ours: fewer series, and their counts are still exact."""
    found: list[tuple[str, float]] = []
    total = 0
    for index, bound in enumerate(BOUNDS):
        total += histogram[index]
        if index % _EVERY == 0:
            found.append((f"{bound / 1000:.6g}", total))
    return [*found, ("+Inf", sum(histogram))]
