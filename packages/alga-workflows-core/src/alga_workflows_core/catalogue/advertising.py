"""Take advertisements of actions into the catalogue, or say why not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, timedelta
from typing import Any

import structlog
from pydantic import ValidationError
from temporalio import activity
from temporalio.exceptions import ApplicationError

from alga_workflows_core.actions.contract import ACTION_ID
from alga_workflows_core.catalogue.actions import spec_of
from alga_workflows_core.catalogue.contract_changes import breaking_change
from alga_workflows_core.definition.action_spec import ActionKind, ActionSpec
from alga_workflows_core.errors import InputError
from alga_workflows_core.storage.across_tenants import NewAdvertisement
from alga_workflows_core.storage.advertised_actions import ALL_TENANTS, AdvertisedActionRow
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.temporal.advertising import Advertised, Advertisement, Refusal
from alga_workflows_core.temporal.names import ADVERTISE_ACTIVITY, TASK_QUEUE
from alga_workflows_core.types import faults
from alga_workflows_core.types.canonical import content_hash
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.validation.schema_faults import schema_faults

log = structlog.get_logger()


class _Refused(Exception):  # noqa: N818 - what becomes of an action
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class AdvertisingActivities:
    """The activity of advertisements. `own`: contracts that nobody else may take the place of."""

    def __init__(self, *, storage: Storage, own: Mapping[tuple[str, int], ActionSpec]) -> None:
        self._storage = storage
        self._own = own

    def all(self) -> Sequence[Callable[..., Awaitable[Any]]]:
        return [self.record]

    @activity.defn(name=ADVERTISE_ACTIVITY)
    async def record(self, advertisement: Any) -> Advertised:
        """Write what can be taken, action by action; ApplicationError if it is no advertisement."""
        try:
            told = Advertisement.model_validate(advertisement, by_alias=True, by_name=False)
        except ValidationError as error:
            raise ApplicationError(
                f"This is no advertisement: {_first_fault(error)}.",
                type="ADVERTISEMENT_INVALID",
                non_retryable=True,
            ) from None
        refused: list[Refusal] = []
        for contract in told.actions:
            try:
                spec = _contract(contract, told.queue)
                await self._record(told, spec)
            except _Refused as refusal:
                refused.append(_refusal(contract, refusal))
        if refused:
            log.warning(
                f"{len(refused)} of the actions of queue {told.queue} were refused",
                action="actions.refused",
                queue=told.queue,
                tenant=told.tenant,
                served_by=told.served_by,
                refused=[f"{each.action_id} {each.version}: {each.code}" for each in refused],
            )
        return Advertised(accepted=len(told.actions) - len(refused), refused=refused)

    async def _record(self, told: Advertisement, spec: ActionSpec) -> None:
        if (spec.id, spec.version) in self._own:
            raise _Refused(
                "ACTION_TAKEN",
                f"{spec.id} {spec.version} is served on queue {TASK_QUEUE!r} by the engine itself, "
                f"so it cannot be served on queue {spec.queue!r}. Give it another id.",
            )
        contract = spec.model_dump(mode="json", by_alias=True)
        own_hash = content_hash(contract)
        owner = told.tenant or ALL_TENANTS
        while True:
            former = await self._former(told.tenant, spec)
            if former is not None and former.contract_hash != own_hash:
                _refuse_a_break(former, spec)
            written = await self._storage.across.advertise(
                NewAdvertisement(
                    tenant=owner,
                    contract=contract,
                    contract_hash=own_hash,
                    former=None if former is None else former.contract_hash,
                    served_by=told.served_by,
                    build_id=told.build_id,
                    lease=timedelta(seconds=told.lease),
                )
            )
            if written:
                return

    async def _former(self, tenant: str | None, spec: ActionSpec) -> AdvertisedActionRow | None:
        # Without a tenant nothing is visible but what is there for all.
        async with self._storage.unit_of_work(tenant or "") as work:
            return await work.advertised.get(tenant or ALL_TENANTS, spec.id, spec.version)


def _contract(contract: JsonObject, queue: str) -> ActionSpec:
    try:
        spec = ActionSpec.model_validate(contract, by_alias=True, by_name=False)
        content_hash(contract)
    except ValidationError as error:
        raise _invalid(f"Its contract is not valid: {_first_fault(error)}.") from None
    except InputError as error:
        raise _invalid(f"Its contract is not valid: {error}") from None
    if spec.queue != queue or queue == TASK_QUEUE:
        raise _invalid(
            f"It is advertised for queue {queue!r}; its contract names queue {spec.queue!r}, and "
            f"{TASK_QUEUE!r} is the engine's own."
        )
    if spec.kind is ActionKind.PURE:
        raise _invalid("A pure action runs inside the workflow, on no queue.")
    if not ACTION_ID.fullmatch(spec.id) or not 1 <= spec.version < 2**31:
        raise _invalid("Its id or its version is none that an action can have.")
    if "\x00" in spec.description:
        raise _invalid("Its description holds a NUL character.")
    for name, schema in (("input", spec.input_schema), ("output", spec.output_schema)):
        for place, fault in schema_faults(schema):
            raise _invalid(f"Its {name} schema is wrong at {place!r}: {fault}")
    return spec


def _invalid(message: str) -> _Refused:
    return _Refused("ACTION_INVALID", message)


def _refuse_a_break(former: AdvertisedActionRow, spec: ActionSpec) -> None:
    broken = breaking_change(spec_of(former), spec) if former.served else None
    if broken is not None:
        until = former.served_until.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        raise _Refused(
            "ACTION_CHANGED",
            f"Another {spec.id} {spec.version} is in use: {broken}. It is served by "
            f"{former.served_by!r} on queue {former.queue!r}; this is queue {spec.queue!r}. "
            f"Give the changed action a new version, or stop whoever serves the other; it may be "
            f"replaced when nobody has advertised it until {until}.",
        )


def _refusal(contract: JsonObject, refused: _Refused) -> Refusal:
    action_id: Json = contract.get("id")
    version: Json = contract.get("version")
    return Refusal(
        action_id=action_id[:128] if isinstance(action_id, str) else "",
        version=version if isinstance(version, int) else 0,
        code=refused.code,
        message=str(refused),
    )


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in fault["loc"]) or "all of it"
    return f"{place}: {faults.sentence(fault)}"
