"""`events.publish`: an event, told together with what the ledger says of the step."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from alga_workflows_core.actions.builtin.rows import Rows
from alga_workflows_core.actions.contract import Action, Invocation, action
from alga_workflows_core.actions.errors import ActionError
from alga_workflows_core.definition.action_spec import ActionKind
from alga_workflows_core.definition.events import EventName
from alga_workflows_core.errors import Category
from alga_workflows_core.interpreter.sizes import encoded_size
from alga_workflows_core.storage.event_rows import NewEvent, event_row_id
from alga_workflows_core.types.json import Json
from alga_workflows_core.types.model import Line, Model

MAX_DATA_BYTES = 256 * 1024
SOURCE = "alga-workflows"

_Key = Annotated[Line, Field(min_length=1, max_length=512)]


class PublishInput(Model):
    """An event in the terms of CloudEvents."""

    type: EventName
    data: Annotated[Json, Field(description="What it tells: any JSON of at most 256 KiB.")]
    source: Annotated[_Key, Field(description="Who tells it.")] = SOURCE
    subject: Annotated[_Key | None, Field(description="Whom or what it is about.")] = None
    correlation_key: Annotated[
        _Key | None, Field(description="The key that waits find it by; absent: `subject`.")
    ] = None
    id: Annotated[
        _Key | None,
        Field(
            description="Unique within `source`: of several events with one id the first counts."
            " Absent: the call's own, so that its repetition tells the same event."
        ),
    ] = None


class PublishOutput(Model):
    """Which event it is."""

    event_id: Annotated[str, Field(description="Its id here, which addresses have: a UUID.")]
    id: Annotated[str, Field(description="Its id within `source`.")]
    source: Annotated[str, Field(description="Who tells it.")]
    duplicate: Annotated[
        bool, Field(description="Whether there was such an event already, which stays as it is.")
    ]


def actions(rows: Rows) -> list[Action]:
    """The actions of this family."""

    @action("events.publish", version=1, kind=ActionKind.TRANSACTIONAL, short=True, timeout=2.0)
    async def publish(request: PublishInput, invocation: Invocation) -> PublishOutput:
        """Tell an event, which starts runs and ends waits."""
        size = encoded_size(request.data)
        if size > MAX_DATA_BYTES:
            raise ActionError(
                "SIZE_LIMIT",
                f"`data` has {size} bytes; {MAX_DATA_BYTES} is the limit.",
                category=Category.LIMIT,
                details={"bytes": size, "limit": MAX_DATA_BYTES},
                remedy="Send where it is to be found instead.",
            )
        event_id = request.id if request.id is not None else str(invocation.id)
        staged = await rows.within(invocation.transaction, invocation.tenant).events.stage(
            NewEvent(
                source=request.source,
                event_id=event_id,
                type=request.type,
                subject=request.subject,
                correlation_key=request.correlation_key or request.subject,
                data=request.data,
                published_by_run=invocation.run_id,
            )
        )
        row_id = event_row_id(invocation.tenant, request.source, event_id)
        return PublishOutput(
            event_id=str(row_id), id=event_id, source=request.source, duplicate=not staged
        )

    return [publish]
