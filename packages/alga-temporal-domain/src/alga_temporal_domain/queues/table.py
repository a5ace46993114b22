"""All queues of the domain with what is served on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from alga_temporal_domain.queues.chosen import KNOWN
from alga_temporal_domain.queues.limits import Slots
from alga_temporal_domain.queues.readiness import ReadinessWorkflow
from alga_temporal_domain.queues.spec import QueueSpec


@dataclass(frozen=True, slots=True)
class QueueTable:
    """One spec for each queue of the domain, in their order; iterating gives the specs."""

    specs: tuple[QueueSpec, ...]

    @classmethod
    def of(
        cls, served: Sequence[QueueSpec], slots: Mapping[str, Slots] | None = None
    ) -> QueueTable:
        """The whole table, given what the families serve; what nobody serves is in it, empty.

        A queue that is served answers `readinessWorkflow` as well. `slots`: how many are under way
        at a time, where that differs from what a family says. ValueError for a spec of a queue that
        is not the domain's, and for a second spec of one queue.
        """
        names = [spec.name for spec in served]
        strange = [name for name in names if name not in KNOWN]
        if strange or len(set(names)) != len(names):
            raise ValueError(f"each queue of the domain has one spec at most: {names}")
        by_name = {spec.name: spec for spec in served}
        changed = slots or {}
        return cls(
            tuple(
                _complete(by_name.get(name) or QueueSpec(name=name), changed.get(name))
                for name in KNOWN
            )
        )

    def __iter__(self) -> Iterator[QueueSpec]:
        return iter(self.specs)

    def polled(self, chosen: Sequence[str]) -> tuple[QueueSpec, ...]:
        """Those of the chosen queues on which something is served, in the order of the choice."""
        by_name = {spec.name: spec for spec in self.specs}
        return tuple(by_name[name] for name in chosen if by_name[name].is_served)

    def unserved(self, chosen: Sequence[str]) -> tuple[str, ...]:
        """Those of the chosen queues on which nothing is served yet."""
        served = {spec.name for spec in self.specs if spec.is_served}
        return tuple(name for name in chosen if name not in served)


def _complete(spec: QueueSpec, slots: Slots | None) -> QueueSpec:
    if slots is not None:
        spec = replace(
            spec,
            activity_slots=slots.activities or spec.activity_slots,
            workflow_slots=slots.workflows or spec.workflow_slots,
        )
    if not spec.is_served:
        return spec
    return replace(spec, workflows=(*spec.workflows, ReadinessWorkflow))
