"""Jobs for tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict

from alga_temporal_domain.jobs.context import JobContext
from alga_temporal_domain.jobs.contracts import RetryOptions
from alga_temporal_domain.jobs.registry import AnyJob, job

QUICK = RetryOptions(attempts=3, first=0.05, factor=1.0, longest=0.05)
ONCE = RetryOptions(attempts=1)


class Add(BaseModel):
    """Two numbers."""

    model_config = ConfigDict(extra="forbid")

    left: int
    right: int


class Sum(BaseModel):
    """Their sum."""

    sum: int


class Number(BaseModel):
    """One of many."""

    number: int


class Customer(BaseModel):
    """Whose turn it is."""

    customer: str
    number: int = 0


class FirstTimesError(Exception):
    """What a handler raises that works at a later attempt."""


@dataclass(kw_only=True)
class Stage:
    """What handlers do together with a test. `gate` holds those back that wait for it."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)
    begun: list[str] = field(default_factory=list[str])
    cancelled: list[str] = field(default_factory=list[str])
    at_once: int = 0
    most_at_once: int = 0
    order: list[int] = field(default_factory=list[int])
    when_begun: Callable[[], None] | None = None

    def jobs(self) -> list[AnyJob]:
        """All of them, acting on this stage."""
        return [
            _add(),
            self._flaky(),
            self._halves(),
            self._waits(),
            self._exclusive(),
            _large(),
            _wrong(),
            _slow(),
        ]

    def _flaky(self) -> AnyJob:
        @job("flaky", input=Number, output=str, retry=QUICK)
        async def flaky(value: Number, context: JobContext) -> str:
            if context.attempt < value.number:
                raise FirstTimesError(f"attempt {context.attempt} is not enough")
            return f"attempt {context.attempt}"

        return flaky

    def _halves(self) -> AnyJob:
        @job("halves", input=Number, output=int, retry=ONCE)
        async def halves(value: Number, context: JobContext) -> int:
            if value.number % 2:
                raise ValueError(f"{value.number} is odd")
            return value.number // 2

        return halves

    def _waits(self) -> AnyJob:
        @job("waits", heartbeat=0.6, retry=ONCE)
        async def waits(value: object, context: JobContext) -> str:
            self.begun.append(context.job_id)
            context.progress(0.4, "half of it, nearly")
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                assert context.cancelled
                self.cancelled.append(context.job_id)
                raise
            return "waited"

        return waits

    def _exclusive(self) -> AnyJob:
        @job(
            "exclusive",
            input=Customer,
            retry=QUICK,
            heartbeat=1.0,
            concurrency_key=lambda value: f"customer {value.customer}",
            concurrency=2,
        )
        async def exclusive(value: Customer, context: JobContext) -> int:
            self.begun.append(context.job_id)
            self.order.append(value.number)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            try:
                await asyncio.sleep(0.05)
                if value.number < 0:
                    await self.gate.wait()
            finally:
                self.at_once -= 1
            return value.number

        return exclusive


def _add() -> AnyJob:
    @job("add", input=Add, output=Sum)
    async def add(value: Add, context: JobContext) -> Sum:
        """Adds two numbers."""
        return Sum(sum=value.left + value.right)

    return add


def _large() -> AnyJob:
    @job("large", input=Number, output=str)
    async def large(value: Number, context: JobContext) -> str:
        return "x" * value.number

    return large


def _wrong() -> AnyJob:
    @job("wrong", output=int, retry=QUICK)
    async def wrong(value: object, context: JobContext) -> str:
        return "no number"

    return wrong


def _slow() -> AnyJob:
    @job("slow", timeout=0.2, retry=RetryOptions(attempts=2, first=0.05))
    async def slow(value: object, context: JobContext) -> None:
        await asyncio.sleep(60)

    return slow


JOBS = Stage().jobs()
"""What the entry point of a test's distribution names."""
