"""The workflow that makes a tenant, and undoes what it has made only when it is asked to."""

from __future__ import annotations

from typing import Literal

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

from alga_temporal_domain.tenants import names
from alga_temporal_domain.tenants.acting import act, act_for_long, do, why
from alga_temporal_domain.tenants.contracts import (
    CompensateCreation,
    CreateTenant,
    CreationState,
    CreationStep,
    Erased,
    OfDeletion,
    OfTenant,
    ResumeCreation,
    Told,
    Welcome,
    Welcomed,
)

_STEPS: tuple[CreationStep, ...] = (
    "tenant",
    "seeds",
    "admin",
    "activation",
    "hooks",
    "welcome",
)
_CAN_BE_SKIPPED = frozenset({"hooks", "welcome"})


@workflow.defn(name=names.CREATION_WORKFLOW)
class TenantCreation:
    """Step by step. A step that fails stops it until an operator says how to go on: what is there
    stays, whatever it is that has failed."""

    @workflow.init
    def __init__(self, given: CreateTenant) -> None:
        self._given = given
        self._done = list(given.done)
        self._skipped = list(given.skipped)
        self._undoing = given.undoing
        self._error = given.error
        self._status: Literal["running", "waiting", "compensating", "compensated", "done"]
        self._status = "waiting" if given.error else "running"
        self._decision: Literal["resume", "skip", "compensate"] | None = None

    @workflow.run
    async def run(self, given: CreateTenant) -> CreationState:  # noqa: ARG002 (kept by `__init__`)
        try:
            return await self._run()
        except BaseException as error:
            if is_cancelled_exception(error):
                # What was made stays, and says that it is not complete.
                await self._note_failure()
            raise

    @workflow.query(name=names.STATE_QUERY)
    def state(self) -> CreationState:
        """How far it is."""
        return CreationState(
            tenant_id=self._given.tenant_id,
            status=self._status,
            step=self._next(),
            done=tuple(self._done),
            skipped=tuple(self._skipped),
            error=self._error,
        )

    @workflow.update(name=names.RESUME_UPDATE)
    async def resume(self, given: ResumeCreation) -> CreationState:
        """Go on from the step that has failed."""
        self._decision = "skip" if given.skip else "resume"
        self._status, self._error = "running", None
        return self.state()

    @resume.validator
    def _may_resume(self, given: ResumeCreation) -> None:
        self._has_to_wait()
        if self._undoing:
            raise ApplicationError("What was made is being undone.", type="UNDOING")
        if given.skip and self._next() not in _CAN_BE_SKIPPED:
            raise ApplicationError(
                f"The step {self._next()} cannot be left out.", type="STEP_NEEDED"
            )

    @workflow.update(name=names.COMPENSATE_UPDATE)
    async def compensate(self, given: CompensateCreation) -> CreationState:  # noqa: ARG002
        """Undo what was done, the last step first."""
        self._decision, self._status, self._undoing = "compensate", "compensating", True
        return self.state()

    @compensate.validator
    def _may_compensate(self, given: CompensateCreation) -> None:
        self._has_to_wait()
        if given.confirm != self._given.tenant_id:
            raise ApplicationError("`confirm` has to be the tenant's id.", type="NOT_CONFIRMED")

    async def _run(self) -> CreationState:
        while (step := self._next()) is not None:
            if self._status == "running":
                await self._try(step)
            if self._status == "waiting":
                await self._wait_for_operator()
            if self._status == "compensating":
                await self._undo()
            if self._status == "compensated":
                break
        else:
            self._status = "done"
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self.state()

    async def _try(self, step: CreationStep) -> None:
        try:
            await self._perform(step)
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            await self._stop(why(error))
        else:
            self._done.append(step)

    async def _stop(self, error: str) -> None:
        workflow.logger.warning(f"A step has failed: {error}")
        await self._note_failure()
        self._error, self._decision, self._status = error, None, "waiting"

    async def _wait_for_operator(self) -> None:
        await workflow.wait_condition(
            lambda: self._decision is not None or workflow.info().is_continue_as_new_suggested()
        )
        await workflow.wait_condition(workflow.all_handlers_finished)
        if self._decision is None:
            handed_on = {
                "done": tuple(self._done),
                "skipped": tuple(self._skipped),
                "error": self._error,
                "undoing": self._undoing,
            }
            workflow.continue_as_new(self._given.model_copy(update=handed_on))
        step = self._next()
        if self._decision == "skip" and step is not None:
            self._skipped.append(step)
        self._decision = None

    async def _perform(self, step: CreationStep) -> None:
        given = self._given
        tenant = OfTenant(tenant_id=given.tenant_id, requested_by=given.requested_by)
        if step == "tenant":
            await do(names.ADD_TENANT, given)
        elif step == "seeds":
            await do(names.APPLY_SEEDS, tenant)
        elif step == "admin":
            await do(names.ADD_ADMIN, given)
        elif step == "activation":
            # After a failure the row says so; it is on its way again.
            await do(names.ADD_TENANT, given)
            await do(names.ACTIVATE_TENANT, tenant)
        elif step == "hooks":
            await self._tell("tenant.created")
        else:
            welcome = Welcome(
                tenant_id=given.tenant_id, key="welcome", requested_by=given.requested_by
            )
            await act(names.SEND_WELCOME, welcome, Welcomed)

    async def _undo(self) -> None:
        """In reverse. What fails stops it again, and the operator may ask again."""
        tenant = OfTenant(tenant_id=self._given.tenant_id)
        try:
            if "hooks" in self._done:
                await self._tell("tenant.compensated")
            await do(names.RETIRE_ADMIN, tenant)
            await act_for_long(names.ERASE_TENANT, tenant, Erased)
            await do(
                names.BURY_TENANT,
                OfDeletion(tenant_id=self._given.tenant_id, deletion_id=workflow.uuid4()),
            )
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            self._error, self._decision, self._status = why(error), None, "waiting"
            return
        self._status = "compensated"

    async def _tell(self, event: str) -> None:
        await do(names.TELL_HOOKS, Told(tenant_id=self._given.tenant_id, event=event, key=event))

    async def _note_failure(self) -> None:
        await do(names.FAIL_TENANT, OfTenant(tenant_id=self._given.tenant_id))

    def _next(self) -> CreationStep | None:
        over = {*self._done, *self._skipped}
        return next((step for step in _STEPS if step not in over), None)

    def _has_to_wait(self) -> None:
        if self._status != "waiting":
            raise ApplicationError(
                f"The creation is {self._status}; nothing waits for you.", type="NOT_WAITING"
            )
