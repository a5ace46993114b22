"""What people ask of a deletion that is under way, and what they are shown of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from alga_temporal_domain.tenants import names
from alga_temporal_domain.tenants.contracts import (
    Confirm,
    Decision,
    DeleteTenant,
    DeletionState,
    Rollback,
    Waiver,
)
from alga_temporal_domain.tenants.waiting import CONFIRMED_DAYS, REMINDERS

_MOST_WARNINGS = 20


class Clock(Protocol):
    """The time that a deletion waits by."""

    def now(self) -> datetime:
        """It."""
        ...

    def until(self, due: datetime) -> timedelta:
        """How long a timer has to run until then."""
        ...


class RunClock:
    """The run's own time."""

    def now(self) -> datetime:
        return workflow.now()

    def until(self, due: datetime) -> timedelta:
        return due - workflow.now()


class AskedDeletion:
    """The state of a deletion, and its updates. They answer at once; the run does what follows."""

    def __init__(self, given: DeleteTenant, clock: Clock) -> None:
        self._given = given
        self._progress = given.progress
        self._clock = clock
        self._attention = False
        self._decision: Literal["retry", "waive"] | None = None
        self._ended: Literal["deleted", "rolled_back"] | None = None
        self._changes = 0

    @workflow.query(name=names.STATE_QUERY)
    def state(self) -> DeletionState:
        """How far it is."""
        status: Any = self._ended or "running"
        if self._attention:
            status = "attention"
        elif self._progress.phase == "wait":
            status = "paused" if self._progress.paused_at else "waiting"
        return DeletionState(
            deletion_id=self._given.deletion_id,
            tenant_id=self._given.tenant_id,
            status=status,
            progress=self._progress,
        )

    @workflow.update(name=names.CONFIRM_UPDATE)
    async def confirm(self, given: Confirm) -> DeletionState:
        """A date; at once means without a reminder. A pause is over."""
        days = CONFIRMED_DAYS[given.after]
        self._change(
            due_at=self._clock.now() + timedelta(days=days),
            reminded=() if days else REMINDERS,
            paused_at=None,
            confirmed_by=given.by,
        )
        return self.state()

    @workflow.update(name=names.ROLLBACK_UPDATE)
    async def rollback(self, given: Rollback) -> DeletionState:
        """The tenant stays."""
        self._change(rolled_back_by=given.by, rollback_reason=given.reason)
        return self.state()

    @workflow.update(name=names.PAUSE_UPDATE)
    async def pause(self, given: Decision) -> DeletionState:  # noqa: ARG002 (shown in history)
        """The clock stands."""
        self._change(paused_at=self._clock.now())
        return self.state()

    @workflow.update(name=names.CONTINUE_UPDATE)
    async def go_on(self, given: Decision) -> DeletionState:  # noqa: ARG002 (shown in history)
        """The clock goes on from where it stood."""
        due, paused = self._progress.due_at, self._progress.paused_at
        if due is not None and paused is not None:
            self._change(due_at=due + (self._clock.now() - paused), paused_at=None)
        return self.state()

    @workflow.update(name=names.RETRY_UPDATE)
    async def retry(self, given: Decision) -> DeletionState:  # noqa: ARG002 (shown in history)
        """Try the step that has failed again."""
        self._decision, self._attention = "retry", False
        return self.state()

    @workflow.update(name=names.WAIVE_UPDATE)
    async def waive(self, given: Waiver) -> DeletionState:
        """Go on without the step that has failed."""
        self._decision, self._attention = "waive", False
        self._change(waivers=(*self._progress.waivers, given))
        return self.state()

    @confirm.validator
    def _may_confirm(self, given: Confirm) -> None:  # noqa: ARG002 (the SDK's form)
        self._require(self._progress.phase == "wait", "it does not wait for a confirmation")

    @rollback.validator
    def _may_roll_back(self, given: Rollback) -> None:  # noqa: ARG002 (the SDK's form)
        self._require(self._can_go_back, "there is no way back any more")

    @pause.validator
    def _may_pause(self, given: Decision) -> None:  # noqa: ARG002 (the SDK's form)
        paused = self._progress.paused_at is not None
        self._require(self._progress.phase == "wait" and not paused, "no clock runs")

    @go_on.validator
    def _may_go_on(self, given: Decision) -> None:  # noqa: ARG002 (the SDK's form)
        self._require(self._progress.paused_at is not None, "it is not paused")

    @retry.validator
    def _may_retry(self, given: Decision) -> None:  # noqa: ARG002 (the SDK's form)
        self._require(self._attention, "no step has failed")

    @waive.validator
    def _may_waive(self, given: Waiver) -> None:
        self._require(
            self._attention and self._progress.phase == given.step,
            f"it is not the step {given.step} that has failed",
        )

    @property
    def _can_go_back(self) -> bool:
        return self._progress.phase in ("begin", "export", "hooks", "wait") and not self._ended

    @property
    def _is_rolled_back(self) -> bool:
        return self._progress.rolled_back_by is not None

    def _change(self, **values: Any) -> None:
        """What a person wants; whoever waits looks again."""
        self._changes += 1
        self._set(**values)

    def _set(self, **values: Any) -> None:
        self._progress = self._progress.model_copy(update=values)

    def _warn(self, sentence: str) -> None:
        workflow.logger.warning(sentence)
        self._set(warnings=(*self._progress.warnings, sentence)[-_MOST_WARNINGS:])

    def _require(self, allowed: bool, why_not: str) -> None:
        if not allowed:
            raise ApplicationError(f"Not now: {why_not}.", type="DELETION_STATE")
