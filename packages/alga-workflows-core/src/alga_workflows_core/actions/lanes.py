"""Which way an action goes: inside the workflow, beside it, or through a task queue.

A local activity costs a third of a remote one, but everything since the last completed workflow
task runs again after a crash and signals wait behind it. So only short actions go local that may
run again, only on our own queue, only with small input, and every eleventh of a chain goes remote,
which ends the task at no cost.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

from alga_workflows_core.definition.action_spec import ActionKind, PinnedAction
from alga_workflows_core.errors import Category, ErrorInfo
from alga_workflows_core.interpreter.effects import StepError
from alga_workflows_core.interpreter.sizes import check_size, encoded_size
from alga_workflows_core.types.json import JsonObject

MAX_REMOTE_BYTES = 1024 * 1024
MAX_LOCAL_BYTES = 256 * 1024
MAX_LOCAL_CHAIN = 10


class Lane(StrEnum):
    """Inside the workflow, as a local activity, or through a task queue."""

    INLINE = "inline"
    LOCAL = "local"
    REMOTE = "remote"


class LaneChooser:
    """Chooses for one run; counts its chain of local activities."""

    def __init__(self, *, own_queue: str) -> None:
        self._own_queue = own_queue
        self._chain = 0

    def choose(
        self,
        action: PinnedAction,
        request: JsonObject,
        *,
        step: str,
        secrets: Collection[str] = (),
    ) -> Lane:
        """The lane of one call, in whose input `secrets` belong (JSON Pointers).

        StepError `SIZE_LIMIT` if the input is over 1 MiB, `SECRET_NOT_ALLOWED` if a pure action
        would get a secret: what runs inside the workflow is written into its history.
        """
        size = encoded_size(request)
        check_size(size, limit=MAX_REMOTE_BYTES, what=f"The input of {action.id}", step=step)
        if action.kind is ActionKind.PURE:
            _refuse_secrets(action, secrets, step)
            return Lane.INLINE
        local = (
            action.short
            and action.queue == self._own_queue
            and size <= MAX_LOCAL_BYTES
            and self._chain < MAX_LOCAL_CHAIN
        )
        self._chain = self._chain + 1 if local else 0
        return Lane.LOCAL if local else Lane.REMOTE


def _refuse_secrets(action: PinnedAction, secrets: Collection[str], step: str) -> None:
    if secrets:
        raise StepError(
            ErrorInfo(
                code="SECRET_NOT_ALLOWED",
                category=Category.VALIDATION,
                message=f"{action.id} is pure: it runs inside the workflow and gets no secrets.",
                details={"inputs": sorted(secrets)},
                step=step,
            )
        )
