"""What the entries of a script are for a run: which one is meant, and how it ends a wait."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from alga_workflows_core.errors import Category, ErrorInfo
from alga_workflows_core.interpreter.waits import Wait, decided, dismissed_task
from alga_workflows_core.simulation.script import ScriptedChild, ScriptedDeed, ScriptedError
from alga_workflows_core.types.json import Json, JsonObject


class _Counted(Protocol):
    @property
    def calls(self) -> int | None: ...


T = TypeVar("T", bound=_Counted)


class Entries(Generic[T]):
    """Entries of a script that each go for a number of calls, or for every one."""

    def __init__(self, entries: Sequence[T]) -> None:
        self._entries = entries
        self._used: dict[int, int] = {}

    def take(self, fits: Callable[[T], bool]) -> T | None:
        """The first that fits and is not used up; it counts as used once more."""
        for index, entry in enumerate(self._entries):
            used = self._used.get(index, 0)
            if fits(entry) and (entry.calls is None or used < entry.calls):
                self._used[index] = used + 1
                return entry
        return None


def means(pattern: str | None, path: str) -> bool:
    """Whether `pattern`, a step's id or path, means the step at `path`."""
    return pattern in (path, path.rpartition("/")[2])


def error_of(error: ScriptedError) -> ErrorInfo:
    """The error as a run gets it."""
    return ErrorInfo(
        code=error.code,
        category=Category(error.category),
        message=error.message,
        retryable=error.retryable,
        details=error.details,
    )


def is_about(deed: ScriptedDeed, kind: str, path: str) -> bool:
    """Whether an operator means a wait of this kind, of the step at `path`."""
    kinds = {"resolve": kind != "park", "dismiss": kind == "task"}
    return kinds.get(deed.do, kind == "park") and means(deed.step, path)


def done_by(deed: ScriptedDeed, kind: str, detail: Json) -> JsonObject:
    """How an operator ends a wait that a deed is about."""
    if deed.do == "dismiss":
        return dismissed_task("operator", deed.value if isinstance(deed.value, str) else "")
    quorum: int = detail["quorum"] if kind == "task" else 1
    return decided(kind, deed.do, deed.value, quorum=quorum)


def ended_child(wait: Wait, child: ScriptedChild) -> JsonObject:
    """The end of a child as the script says."""
    error = None if child.error is None else error_of(child.error).as_json()
    status = "SUCCEEDED" if error is None else "FAILED"
    return {"runId": wait.key, "status": status, "result": child.result, "error": error}


def cancelled_child(wait: Wait) -> JsonObject:
    """The end of a child that was asked to cancel."""
    error = ErrorInfo(
        code="CANCELED", category=Category.CANCELLED, message="The run was cancelled."
    )
    return {"runId": wait.key, "status": "CANCELED", "result": None, "error": error.as_json()}


def unknown_child(wait: Wait) -> JsonObject:
    """The end of a child that never began: nobody knows its definition."""
    message = f"There is no definition {wait.detail['workflowId']!r} in the simulation."
    unknown = ErrorInfo(code="WORKFLOW_UNKNOWN", category=Category.VALIDATION, message=message)
    return {"runId": None, "status": "FAILED", "error": unknown.as_json()}
