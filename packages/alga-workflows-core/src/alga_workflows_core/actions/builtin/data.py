"""`data.*`: values that runs share, kept under keys with revisions."""

from __future__ import annotations

from alga_workflows_core.actions.builtin.data_messages import (
    DeleteInput,
    DeleteOutput,
    GetInput,
    GetOutput,
    IncrementInput,
    IncrementOutput,
    ListedEntry,
    ListInput,
    ListOutput,
    SetInput,
    SetOutput,
)
from alga_workflows_core.actions.builtin.decimals import as_number, decimal, exact
from alga_workflows_core.actions.builtin.refusals import refused
from alga_workflows_core.actions.builtin.rows import Rows, reading
from alga_workflows_core.actions.contract import Action, Invocation, action
from alga_workflows_core.actions.errors import ActionError
from alga_workflows_core.definition.action_spec import ActionKind
from alga_workflows_core.errors import Category
from alga_workflows_core.expressions.timestamps import iso
from alga_workflows_core.interpreter.sizes import encoded_size
from alga_workflows_core.storage.entries import Entry, NewValue
from alga_workflows_core.types.json import Json
from alga_workflows_core.types.strict_json import MAX_SAFE_INTEGER

MAX_VALUE_BYTES = 250 * 1024
"""A value of that size still fits into the output of a short action, with its key beside it."""

_TIMEOUT = 2.0


def actions(rows: Rows) -> list[Action]:
    """The actions of this family. They read through `rows`, and write in the transaction of their
    invocation."""
    return [_get(rows), _set(rows), _increment(rows), _delete(rows), _list(rows)]


def _get(rows: Rows) -> Action:
    @action("data.get", version=1, kind=ActionKind.READ, short=True, timeout=_TIMEOUT)
    async def get(request: GetInput, invocation: Invocation) -> GetOutput:
        """The value that is kept under a key, with its revision."""
        async with reading(rows, invocation.tenant) as work:
            entry = await work.data.get(request.namespace, request.key)
        if entry is None:
            return GetOutput(
                found=False, value=request.default, revision=0, updated_at=None, expires_at=None
            )
        return GetOutput(
            found=True,
            value=entry.value,
            revision=entry.revision,
            updated_at=iso(entry.updated_at),
            expires_at=None if entry.expires_at is None else iso(entry.expires_at),
        )

    return get


def _set(rows: Rows) -> Action:
    @action("data.set", version=1, kind=ActionKind.TRANSACTIONAL, short=True, timeout=_TIMEOUT)
    async def put(request: SetInput, invocation: Invocation) -> SetOutput:
        """Keep a value under a key, if nobody has written there in between."""
        size = encoded_size(request.value)
        if size > MAX_VALUE_BYTES:
            raise ActionError(
                "SIZE_LIMIT",
                f"`value` has {size} bytes; {MAX_VALUE_BYTES} is the limit.",
                category=Category.LIMIT,
                details={"bytes": size, "limit": MAX_VALUE_BYTES},
                remedy="Keep it in parts, or keep only where it is to be found.",
            )
        new = NewValue(value=request.value, size=size, expires=request.expires())

        def decide(present: Entry | None) -> NewValue:
            _check_revision(present, request.if_revision)
            return new

        data = rows.within(invocation.transaction, invocation.tenant).data
        entry = await data.change(request.namespace, request.key, decide)
        return SetOutput(revision=entry.revision, created=entry.revision == 1)

    return put


def _increment(rows: Rows) -> Action:
    @action(
        "data.increment", version=1, kind=ActionKind.TRANSACTIONAL, short=True, timeout=_TIMEOUT
    )
    async def increment(request: IncrementInput, invocation: Invocation) -> IncrementOutput:
        """Add to the number that is kept under a key; no addition is lost, whoever else adds."""
        expires = request.expires()

        def decide(present: Entry | None) -> NewValue:
            value = _sum(present, request)
            return NewValue(
                value=value,
                size=encoded_size(value),
                expires=expires if present is None else present.expires_at,
            )

        data = rows.within(invocation.transaction, invocation.tenant).data
        entry = await data.change(request.namespace, request.key, decide)
        return IncrementOutput(
            value=entry.value, revision=entry.revision, created=entry.revision == 1
        )

    return increment


def _delete(rows: Rows) -> Action:
    @action("data.delete", version=1, kind=ActionKind.TRANSACTIONAL, short=True, timeout=_TIMEOUT)
    async def delete(request: DeleteInput, invocation: Invocation) -> DeleteOutput:
        """Delete what is kept under a key, if nobody has written there in between."""
        data = rows.within(invocation.transaction, invocation.tenant).data
        entry = await data.remove(
            request.namespace,
            request.key,
            lambda present: _check_revision(present, request.if_revision),
        )
        return DeleteOutput(
            deleted=entry is not None, revision=0 if entry is None else entry.revision
        )

    return delete


def _list(rows: Rows) -> Action:
    @action("data.list", version=1, kind=ActionKind.READ, short=True, timeout=_TIMEOUT)
    async def list_entries(request: ListInput, invocation: Invocation) -> ListOutput:
        """The keys of a namespace in pages, with their values if wanted."""
        async with reading(rows, invocation.tenant) as work:
            page = await work.data.list(
                request.namespace,
                prefix=request.prefix,
                after=request.after,
                limit=request.limit,
                values=request.values,
                most_bytes=MAX_VALUE_BYTES,
            )
        return ListOutput(
            entries=[ListedEntry.of(entry) for entry in page.entries],
            next=page.entries[-1].key if page.more else None,
        )

    return list_entries


def _check_revision(present: Entry | None, wanted: int | None) -> None:
    revision = 0 if present is None else present.revision
    if wanted is not None and wanted != revision:
        there = "there is no entry" if present is None else f"the entry has revision {revision}"
        raise ActionError(
            "DATA_CONFLICT",
            f"`ifRevision` is {wanted}, but {there}.",
            details={"revision": revision},
            remedy="Read the entry again with data.get, and decide again.",
        )


def _sum(present: Entry | None, request: IncrementInput) -> int | float:
    before = request.start if present is None else _number(present.value)
    total = exact().add(decimal(before), decimal(request.by))
    for name, limit in (("min", request.min), ("max", request.max)):
        if limit is None:
            continue
        if total < decimal(limit) if name == "min" else total > decimal(limit):
            raise ActionError(
                "DATA_LIMIT",
                f"The number would be past `{name}`; it stays as it is.",
                details={"value": as_number(decimal(before)), "limit": name},
                remedy="Catch this error where the limit is meant to be met.",
            )
    number = as_number(total)
    if abs(total) > MAX_SAFE_INTEGER or decimal(number) != total:
        raise refused(
            "NUMBER_RANGE",
            "The sum has more digits than a number of JSON keeps.",
            "Count in units that are not as small, or keep the number as text with data.set.",
        )
    return number


def _number(value: Json) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refused(
            "DATA_NOT_NUMBER",
            "What is kept under the key is no number.",
            "Use another key, or write a number there with data.set.",
        )
    return value
