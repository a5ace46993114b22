"""Which jobs there are: a value that the composer makes of decorated functions."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Generic, TypeAlias, TypeVar

from pydantic import TypeAdapter

from alga_temporal_domain.jobs.context import JobContext
from alga_temporal_domain.jobs.contracts import (
    ConcurrencyOptions,
    HttpTransport,
    JobOptions,
    RetryOptions,
)
from alga_temporal_domain.jobs.names import JOB_NAME
from alga_workflows_core.errors import InputError
from alga_workflows_core.types.suggest import did_you_mean

I = TypeVar("I")  # noqa: E741 - input
O = TypeVar("O")  # noqa: E741 - output

Handler: TypeAlias = Callable[[I, JobContext], Awaitable[O]]
"""An async function of a job's input and context."""

ConcurrencyKey: TypeAlias = str | Callable[[Any], str]
"""The key itself, or a function that makes it of a job's input."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(Generic[I, O]):
    """A job that may be enqueued by its name. Exactly one of `handler` and `transport` is there.

    Calling it calls the handler, as tests of the handler do.
    """

    name: str
    input: TypeAdapter[Any]
    output: TypeAdapter[Any]
    options: JobOptions = field(default_factory=JobOptions)
    concurrency_key: ConcurrencyKey | None = None
    concurrency: int = 1
    handler: Handler[I, O] | None = None
    transport: HttpTransport | None = None
    description: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(JOB_NAME, self.name):
            raise ValueError(
                f"{self.name!r} is no name of a job: 1 to 100 lower-case letters, digits and any "
                "of . : - _, a letter first"
            )
        if (self.handler is None) == (self.transport is None):
            raise ValueError(f"the job {self.name} needs either a handler or a host")

    def __call__(self, value: I, context: JobContext) -> Awaitable[O]:
        if self.handler is None:
            raise TypeError(f"the job {self.name} is performed by a host")
        return self.handler(value, context)

    def options_for(self, value: Any) -> JobOptions:
        """The options of one job with this input, which is valid."""
        if self.concurrency_key is None:
            return self.options
        key = self.concurrency_key
        text = key if isinstance(key, str) else key(value)
        limit = ConcurrencyOptions(key=text, limit=self.concurrency)
        return self.options.model_copy(update={"concurrency": limit})


AnyJob: TypeAlias = Job[Any, Any]
"""A job, whatever its input and result."""


def job(
    name: str,
    *,
    input: Any = Any,  # noqa: A002 - what it is called in every sentence about jobs
    output: Any = Any,
    timeout: float = 600.0,
    retry: RetryOptions | None = None,
    heartbeat: float = 15.0,
    concurrency_key: ConcurrencyKey | None = None,
    concurrency: int = 1,
) -> Callable[[Handler[I, O]], Job[I, O]]:
    """Make a job of an async function of (input, `JobContext`).

    `input` and `output` are types that Pydantic knows. Seconds: `timeout` of an attempt,
    `heartbeat` within which a dead worker is noticed and a cancellation arrives. At most
    `concurrency` jobs of a tenant with the same `concurrency_key` run at a time.
    """

    def decorate(handler: Handler[I, O]) -> Job[I, O]:
        return Job(
            name=name,
            input=TypeAdapter(input),
            output=TypeAdapter(output),
            options=JobOptions(timeout=timeout, heartbeat=heartbeat, retry=retry or RetryOptions()),
            concurrency_key=concurrency_key,
            concurrency=concurrency,
            handler=handler,
            description=(handler.__doc__ or "").strip().partition("\n")[0],
        )

    return decorate


def http_job(
    name: str,
    url: str,
    *,
    secret: str,
    secret_tenant: str | None = None,
    input: Any = Any,  # noqa: A002 - see `job`
    output: Any = Any,
    timeout: float = 600.0,
    request_timeout: float = 30.0,
    retry: RetryOptions | None = None,
    heartbeat: float | None = None,
    concurrency_key: ConcurrencyKey | None = None,
    concurrency: int = 1,
    description: str = "",
) -> AnyJob:
    """A job that the host at `url` performs. `secret` names the secret that signs requests.

    `timeout` holds for the answer, also where it comes later; with a `heartbeat` the host has to
    tell progress that often.
    """
    return Job(
        name=name,
        input=TypeAdapter(input),
        output=TypeAdapter(output),
        options=JobOptions(timeout=timeout, heartbeat=heartbeat, retry=retry or RetryOptions()),
        concurrency_key=concurrency_key,
        concurrency=concurrency,
        transport=HttpTransport(
            url=url, secret=secret, secret_tenant=secret_tenant, request_timeout=request_timeout
        ),
        description=description,
    )


class JobRegistry:
    """The jobs of one process, by their names. ValueError if two have the same."""

    def __init__(self, jobs: Iterable[AnyJob] = ()) -> None:
        found: dict[str, AnyJob] = {}
        for each in jobs:
            if each.name in found:
                raise ValueError(f"two jobs are called {each.name}")
            found[each.name] = each
        self._jobs: Mapping[str, AnyJob] = MappingProxyType(found)

    @property
    def jobs(self) -> list[AnyJob]:
        """All of them, by name."""
        return [self._jobs[name] for name in sorted(self._jobs)]

    def find(self, name: str) -> AnyJob | None:
        """The job of this name, if there is one."""
        return self._jobs.get(name)


def unknown_job(name: str, known: Iterable[str]) -> InputError:
    """The refusal of a name that no job has."""
    names = sorted(known)
    there = f"There are {', '.join(names[:20])}." if names else "No job is registered."
    meant = did_you_mean(name, names)
    shown = name if len(name) <= 100 else f"{name[:99]}…"
    return InputError(
        f"There is no job {shown!r}.",
        code="JOB_UNKNOWN",
        path="/name",
        remedy=f"{meant} {there}" if meant else there,
    )
