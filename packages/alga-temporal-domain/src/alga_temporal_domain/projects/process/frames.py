"""What a supervisor and a project's process say to each other: JSON objects, one per line."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, TypeAdapter

from alga_temporal_domain.projects.findings import Finding
from alga_temporal_domain.projects.process.order import Order
from alga_temporal_domain.projects.process.statistics import Stats
from alga_workflows_core.types.json import Json
from alga_workflows_core.types.model import BY_KIND, Model

LONGEST_LINE = 16 * 1024 * 1024
"""Bytes of one frame."""

MOST_FINDINGS = 1000


class Start(Model):
    """The first frame: what to do. `uid`: the user to become first."""

    kind: Literal["start"] = "start"
    order: Annotated[Order, BY_KIND]
    uid: int | None = None


class Stop(Model):
    """Take no more work, finish what runs, end."""

    kind: Literal["stop"] = "stop"


class CallFault(Model):
    """Why a call has no value. `code` becomes the type of the activity's error."""

    code: str
    message: str
    retryable: bool = False


class Result(Model):
    """The answer to the call `id`: a value, or a fault."""

    kind: Literal["result"] = "result"
    id: int
    value: Json = None
    fault: CallFault | None = None


class Ready(Model):
    """The worker runs. `seen`: Temporal has named it as a poller of its queue.

    `walls`: what stands around it.
    """

    kind: Literal["ready"] = "ready"
    load_ms: float
    connect_ms: float
    worker_ms: float
    seen: bool
    walls: Annotated[tuple[str, ...], Field(max_length=20)]


class Told(Model):
    """Statistics, every five seconds: who is silent for long is stuck."""

    kind: Literal["stats"] = "stats"
    stats: Stats


class Call(Model):
    """Ask the supervisor for what the process may not do itself."""

    kind: Literal["call"] = "call"
    id: int
    name: Annotated[str, Field(max_length=100)]
    arguments: dict[str, Any]


class CancelCall(Model):
    """Nobody waits for the answer to the call `id` any more."""

    kind: Literal["cancel"] = "cancel"
    id: int


class Failed(Model):
    """Why the process is about to end badly."""

    kind: Literal["failed"] = "failed"
    message: Annotated[str, Field(max_length=4000)]
    findings: Annotated[tuple[Finding, ...], Field(max_length=MOST_FINDINGS)] = ()


class Checked(Model):
    """The modules can be used, as far as was looked, or not."""

    kind: Literal["checked"] = "checked"
    findings: Annotated[tuple[Finding, ...], Field(max_length=MOST_FINDINGS)]
    load_seconds: float


class Group(Model):
    """What modules define, or what keeps one from telling; `files`: the modules as they are now."""

    files: dict[str, str]
    workflows: tuple[str, ...] = ()
    activities: tuple[str, ...] = ()
    findings: Annotated[tuple[Finding, ...], Field(max_length=MOST_FINDINGS)] = ()


class Named(Model):
    """What each group of modules defines, in the order in which they were given."""

    kind: Literal["named"] = "named"
    groups: tuple[Group, ...]


class Replayed(Model):
    """Per workflow id None, or why the code does not fit its history."""

    kind: Literal["replayed"] = "replayed"
    failures: dict[str, str | None]


ToChild: TypeAlias = Annotated[Start | Stop | Result, BY_KIND]
ToSupervisor: TypeAlias = Annotated[
    Ready | Told | Call | CancelCall | Failed | Checked | Named | Replayed, BY_KIND
]

TO_CHILD: TypeAdapter[ToChild] = TypeAdapter(ToChild)
TO_SUPERVISOR: TypeAdapter[ToSupervisor] = TypeAdapter(ToSupervisor)


def line(frame: Model) -> bytes:
    """The frame as it travels. ValueError if it is no JSON, or longer than `LONGEST_LINE`."""
    text = frame.model_dump_json(by_alias=True).encode() + b"\n"
    if len(text) > LONGEST_LINE:
        raise ValueError(f"a frame has {len(text)} bytes, {LONGEST_LINE} are allowed")
    return text
