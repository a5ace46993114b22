"""`event.wait`: wait for an event, for any of several, or for all of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias, cast

from pydantic import Discriminator, Field, Tag, model_validator

from alga_workflows_core.calendars.durations import LONGEST_MS
from alga_workflows_core.definition.events import EventMatch
from alga_workflows_core.definition.model import Part, field_fault
from alga_workflows_core.definition.steps.base import StepBase
from alga_workflows_core.definition.values import DurationValue

MAX_ALTERNATIVES = 20


OnTimeout: TypeAlias = Literal["fail", "continue"]
"""What a wait that takes too long does: it fails with `WAIT_TIMEOUT`, or goes on."""


class Deadline(Part):
    """How long a wait lasts at most, and what happens then."""

    timeout: Annotated[
        DurationValue, Field(description="How long at most; absent: for ever.", examples=["P7D"])
    ] = None
    timeout_ms: Annotated[
        int | None,
        Field(ge=1, le=LONGEST_MS, description="The same in milliseconds; give one of the two."),
    ] = None
    on_timeout: Annotated[
        OnTimeout,
        Field(
            description="fail: with `WAIT_TIMEOUT`. continue: go on, nothing is assigned.",
        ),
    ] = "fail"

    @property
    def has_timeout(self) -> bool:
        """Whether it ends by itself."""
        return self.timeout is not None or self.timeout_ms is not None

    @model_validator(mode="after")
    def _check_deadline(self) -> Deadline:
        if self.timeout is not None and self.timeout_ms is not None:
            raise field_fault("timeoutMs", "Give either 'timeout' or 'timeoutMs'")
        if "on_timeout" in self.model_fields_set and not self.has_timeout:
            raise field_fault("onTimeout", "It never happens: there is no 'timeout'")
        return self


class WaitOne(Deadline, EventMatch):
    """Wait for one event."""

    def matches(self) -> tuple[tuple[tuple[str | int, ...], EventMatch], ...]:
        """What it looks for, each with its place in the config."""
        return (((), self),)


class WaitAny(Deadline):
    """Wait for the first of several events."""

    any: Annotated[
        list[EventMatch],
        Field(min_length=1, max_length=MAX_ALTERNATIVES, description="The first that comes."),
    ]

    def matches(self) -> tuple[tuple[tuple[str | int, ...], EventMatch], ...]:
        """What it looks for, each with its place in the config."""
        return tuple((("any", index), match) for index, match in enumerate(self.any))


class WaitAll(Deadline):
    """Wait until each of several events has come, in whatever order."""

    all: Annotated[
        list[EventMatch],
        Field(min_length=1, max_length=MAX_ALTERNATIVES, description="All of them."),
    ]

    def matches(self) -> tuple[tuple[tuple[str | int, ...], EventMatch], ...]:
        """What it looks for, each with its place in the config."""
        return tuple((("all", index), match) for index, match in enumerate(self.all))


def _kind(config: Any) -> str:
    """Which of the three a document's config, or a parsed one, is."""
    if isinstance(config, WaitAny | WaitAll):
        return "any" if isinstance(config, WaitAny) else "all"
    members = cast("dict[str, Any]", config) if isinstance(config, dict) else {}
    return next((name for name in ("any", "all") if name in members), "one")


EventWaitConfig: TypeAlias = Annotated[
    Annotated[WaitOne, Tag("one")]
    | Annotated[WaitAny, Tag("any")]
    | Annotated[WaitAll, Tag("all")],
    Discriminator(_kind),
]


class EventWaitStep(StepBase):
    """Wait for an event, for any of several, or for all of them."""

    type: Annotated[Literal["event.wait"], Field(description="Wait for events.")]
    config: Annotated[EventWaitConfig, Field(description="Which events, and how long.")]
