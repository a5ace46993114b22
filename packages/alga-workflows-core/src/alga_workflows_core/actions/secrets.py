"""Secrets opened for one attempt of an action: put into its input, and kept out of all it says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import structlog

from alga_workflows_core.actions.errors import ActionError
from alga_workflows_core.actions.masking import Mask
from alga_workflows_core.errors import Category
from alga_workflows_core.infra.log_masks import masked_logs
from alga_workflows_core.infra.secrets.port import (
    SecretNotFoundError,
    SecretProvider,
    SecretUnusableError,
)
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.pointers import parts

SECRET_UNAVAILABLE = "SECRET_UNAVAILABLE"  # noqa: S105 - a code, not a secret
"""The code of an input whose secrets cannot be opened."""

OPEN_SECONDS = 5.0
"""How long a provider may take for all secrets of one input."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedInput:
    """An action's input with its secrets in it, for the handler alone, and what masks them."""

    input: JsonObject = field(repr=False)
    mask: Mask


@asynccontextmanager
async def opened_secrets(
    request_input: JsonObject,
    secrets: Mapping[str, str],
    *,
    tenant: str,
    provider: SecretProvider,
    secret_fields: Sequence[str] = (),
) -> AsyncGenerator[OpenedInput]:
    """Open `secrets` (JSON Pointer into the input, where null stands, to name).

    `request_input` is not changed. While the block runs, whatever is logged in its task is masked,
    and so is an ActionError that leaves it, which loses its causes. The output is masked by the
    caller: `opened.mask.json(output)`. Texts at `secret_fields` (`ActionSpec.secret_fields`) are
    masked like secrets, wherever they came from.

    ActionError `SECRET_UNAVAILABLE`: Validation where a secret is missing or cannot be used,
    Transient and retryable where the provider did not answer.
    """
    values = await _opened(secrets, tenant, provider)
    filled = request_input
    for pointer, name in secrets.items():
        filled = cast("JsonObject", _put(filled, parts(pointer), values[name], pointer))
    by_path = (text for place in secret_fields for text in _texts_at(filled, parts(place)))
    mask = Mask([*values.values(), *by_path])
    if not mask:
        yield OpenedInput(input=filled, mask=mask)
        return
    with masked_logs(mask.text):
        try:
            yield OpenedInput(input=filled, mask=mask)
        except ActionError as error:
            mask.error(error)
            raise


async def _opened(
    secrets: Mapping[str, str], tenant: str, provider: SecretProvider
) -> dict[str, str]:
    """The secrets by name, each asked for once."""
    values: dict[str, str] = {}
    try:
        async with asyncio.timeout(OPEN_SECONDS):
            for name in sorted(set(secrets.values())):
                values[name] = await provider.open(tenant, name)
    except (SecretNotFoundError, SecretUnusableError) as error:
        raise ActionError(
            SECRET_UNAVAILABLE, error.message, category=Category.VALIDATION, remedy=error.remedy
        ) from None
    except Exception as error:  # noqa: BLE001 - see below
        # A provider is other people's code, and what it raises may hold anything. Its type is all
        # that is said of it, and in the log only.
        log.warning(
            "The secrets of an action could not be opened.",
            action="secret.unavailable",
            tenant=tenant,
            names=sorted(set(secrets.values())),
            error_type=type(error).__name__,
        )
        raise ActionError(
            SECRET_UNAVAILABLE,
            "The secrets of the input cannot be opened now: their store did not answer.",
            category=Category.TRANSIENT,
            retryable=True,
        ) from None
    return values


def _put(value: Json, way: Sequence[str], secret: str, pointer: str) -> Json:
    """A copy of `value` with `secret` at the end of `way`, where null stands.

    Copied is what leads there; the rest is shared.
    """
    if not way:
        if value is not None:
            raise _misplaced(pointer)
        return secret
    head, rest = way[0], way[1:]
    if isinstance(value, dict) and head in value:
        members = cast("JsonObject", value)
        return {**members, head: _put(members[head], rest, secret, pointer)}
    if isinstance(value, list) and head.isdecimal() and int(head) < len(cast("list[Json]", value)):
        items = list(cast("list[Json]", value))
        items[int(head)] = _put(items[int(head)], rest, secret, pointer)
        return items
    raise _misplaced(pointer)


def _misplaced(pointer: str) -> ActionError:
    return ActionError(
        SECRET_UNAVAILABLE,
        f"The input has no place for a secret at {pointer!r}: null has to stand there.",
        category=Category.VALIDATION,
    )


def _texts_at(value: Json, way: Sequence[str]) -> Iterator[str]:
    """The texts at the ends of `way`, on which `*` stands for every item or member."""
    if not way:
        if isinstance(value, str):
            yield value
        return
    head, rest = way[0], way[1:]
    members: Mapping[str, Json] = {}
    if isinstance(value, dict):
        members = cast("JsonObject", value)
    elif isinstance(value, list):
        members = {str(index): item for index, item in enumerate(cast("list[Json]", value))}
    for name in members if head == "*" else (head,):
        if name in members:
            yield from _texts_at(members[name], rest)
