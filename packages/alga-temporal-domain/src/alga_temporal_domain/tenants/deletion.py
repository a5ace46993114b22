"""The workflow that deletes a tenant: export first, long waits that can be left, then for good."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    ChildWorkflowError,
    is_cancelled_exception,
)

from alga_temporal_domain.tenants import names
from alga_temporal_domain.tenants.acting import act_for_long, do, do_for_long, why
from alga_temporal_domain.tenants.contracts import (
    BeginDeletion,
    DeleteTenant,
    DeletionState,
    Erased,
    Exported,
    ExportTenant,
    OfDeletion,
    OfTenant,
    Remind,
    Told,
)
from alga_temporal_domain.tenants.deletion_asked import AskedDeletion, Clock, RunClock
from alga_temporal_domain.tenants.waiting import next_moment, not_before, passed_by, reminder_due


@workflow.defn(name=names.DELETION_WORKFLOW)
class TenantDeletion(AskedDeletion):
    """Without an execution time-out: waits may take years, in one execution after the other."""

    @workflow.init
    def __init__(self, given: DeleteTenant) -> None:
        super().__init__(given, self.clock(given))
        self._noted = 0

    def clock(self, given: DeleteTenant) -> Clock:  # noqa: ARG002 (for tests, whose time is short)
        """What the time is."""
        return RunClock()

    @workflow.run
    async def run(self, given: DeleteTenant) -> DeletionState:  # noqa: ARG002 (see `__init__`)
        try:
            await self._run()
        except BaseException as error:
            if is_cancelled_exception(error) and self._can_go_back:
                # Who ends the deletion keeps the tenant.
                self._set(phase="rollback", rolled_back_by="cancellation")
                await self._roll_back()
            raise
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self.state()

    @property
    def _is_waived(self) -> bool:
        return self._decision == "waive"

    async def _run(self) -> None:
        if self._progress.phase == "begin":
            await self._begin()
        if self._progress.phase == "export":
            await self._step(self._export)
            await self._note()
            self._set(phase="hooks")
        if self._progress.phase == "hooks" and not self._is_rolled_back:
            await self._step(lambda: self._tell("tenant.leaving"))
            days = timedelta(days=self._given.silent_days)
            self._set(phase="wait", due_at=self._clock.now() + days)
        if self._progress.phase == "wait" and not self._is_rolled_back:
            await self._wait()
        if self._is_rolled_back:
            self._set(phase="rollback")
            await self._roll_back()
        else:
            self._set(phase="erase")
            await self._step(self._erase)
            await self._finish()

    async def _begin(self) -> None:
        given = self._given
        begun = BeginDeletion(
            tenant_id=given.tenant_id,
            deletion_id=given.deletion_id,
            requested_by=given.requested_by,
            reason=given.reason,
        )
        try:
            await do(names.BEGIN_DELETION, begun)
        except ActivityError as error:
            raise ApplicationError(why(error), type="DELETION_REFUSED") from error
        self._set(phase="export")

    async def _step(self, perform: Callable[[], Awaitable[None]]) -> None:
        """Until it is done, waived, or rolled back. Only then is the next one begun."""
        while not self._is_rolled_back:
            self._decision = None
            try:
                await self._unless_rolled_back(perform)
            except (ActivityError, ChildWorkflowError) as error:
                if is_cancelled_exception(error):
                    raise
                self._set(error=why(error))
                self._attention = True
            else:
                return
            await self._note()
            await workflow.wait_condition(
                lambda: self._decision is not None or self._is_rolled_back
            )
            self._attention = False
            self._set(error=None)
            if self._is_waived:
                return

    async def _unless_rolled_back(self, perform: Callable[[], Awaitable[None]]) -> None:
        task = asyncio.ensure_future(perform())
        try:
            await workflow.wait_condition(lambda: task.done() or self._is_rolled_back)
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait([task])
            raise
        if task.done():
            return task.result()
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # It does not matter any more.
        return None

    async def _export(self) -> None:
        given = self._given
        wanted = ExportTenant(
            tenant_id=given.tenant_id,
            export_id=given.deletion_id,
            requested_by=given.requested_by,
            reason="deletion",
        )
        exported: Exported = await workflow.execute_child_workflow(
            names.EXPORT_WORKFLOW,
            wanted,
            id=names.export_id(given.tenant_id, given.deletion_id),
            result_type=Exported,
        )
        self._set(exported=exported)

    async def _wait(self) -> None:
        """Until the tenant is to be deleted, or kept."""
        await self._note()
        while not self._is_rolled_back:
            seen = self._changes
            if seen != self._noted:
                await self._note()
                self._noted = seen
                continue
            await self._continue_as_new_if_long()
            due, paused = self._progress.due_at, self._progress.paused_at
            if paused is not None or due is None:
                await self._until_changed(seen, None)
                continue
            now = self._clock.now()
            days = reminder_due(now, due, self._progress.reminded)
            if days is not None:
                await self._remind(days, not_before(now, due, days))
            elif now >= due:
                return
            else:
                await self._until_changed(seen, next_moment(due, self._progress.reminded))

    async def _until_changed(self, seen: int, moment: datetime | None) -> None:
        timeout = None if moment is None else self._clock.until(moment)
        try:
            await workflow.wait_condition(lambda: self._changes != seen, timeout=timeout)
        except TimeoutError:
            return

    async def _remind(self, days: int, due: datetime) -> None:
        seen = self._changes
        wanted = Remind(
            tenant_id=self._given.tenant_id,
            deletion_id=self._given.deletion_id,
            days=days,
            due_at=due,
        )
        try:
            await do(names.REMIND_TENANT, wanted)
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            self._warn(f"reminder {days} days before: {why(error)}")
        if seen == self._changes:
            self._set(reminded=passed_by(days), due_at=due)

    async def _continue_as_new_if_long(self) -> None:
        info, events = workflow.info(), self._given.events
        is_long = 0 < events <= info.get_current_history_length()
        if not is_long and not info.is_continue_as_new_suggested():
            return
        await workflow.wait_condition(workflow.all_handlers_finished)
        if self._changes == self._noted and not self._is_rolled_back:
            workflow.continue_as_new(self._given.model_copy(update={"progress": self._progress}))

    async def _erase(self) -> None:
        given = self._given
        tenant = OfTenant(tenant_id=given.tenant_id)
        deletion = OfDeletion(tenant_id=given.tenant_id, deletion_id=given.deletion_id)
        await do(names.BEGIN_ERASING, deletion)
        await do(names.REMOVE_SCHEDULES, tenant)
        erased = await act_for_long(names.ERASE_TENANT, tenant, Erased)
        self._set(rows_deleted=self._progress.rows_deleted + erased.rows)
        await do_for_long(names.VERIFY_ERASED, tenant)
        await do(
            names.BURY_TENANT,
            deletion.model_copy(update={"rows_deleted": self._progress.rows_deleted}),
        )

    async def _finish(self) -> None:
        self._ended = "deleted"
        try:
            await self._tell("tenant.deleted")
        except ActivityError as error:
            self._warn(f"tenant.deleted: {why(error)}")

    async def _roll_back(self) -> None:
        given = self._given
        await do(
            names.ROLL_BACK_DELETION,
            OfDeletion(tenant_id=given.tenant_id, deletion_id=given.deletion_id),
        )
        self._ended = "rolled_back"
        try:
            await self._tell("tenant.rolled_back")
        except ActivityError as error:
            self._warn(f"tenant.rolled_back: {why(error)}")

    async def _tell(self, event: str) -> None:
        given = self._given
        key = f"{event}-{given.deletion_id}"
        await do(names.TELL_HOOKS, Told(tenant_id=given.tenant_id, event=event, key=key))

    async def _note(self) -> None:
        """Bring the row to what is so here. Where that fails, the deletion goes on."""
        given, progress = self._given, self._progress
        states = {"wait": "confirmed" if progress.confirmed_by else "awaiting_confirmation"}
        exported = progress.exported
        noted = OfDeletion(
            tenant_id=given.tenant_id,
            deletion_id=given.deletion_id,
            state=states.get(progress.phase),
            due_at=progress.due_at,
            confirmed_by=progress.confirmed_by,
            export_id=exported.export_id if exported else None,
            export_sha256=exported.sha256 if exported else None,
            waiver=next((each for each in progress.waivers if each.step == "export"), None),
            error=progress.error,
        )
        try:
            await do(names.NOTE_DELETION, noted)
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            self._warn(f"the deletion's row: {why(error)}")
