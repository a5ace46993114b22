"""CloudEvents as HTTP carries them: structured, binary, and several in a batch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import unquote

from fastapi import Request

from alga_workflows_core.errors import InputError, TooLargeError
from alga_workflows_core.events.cloud_event import StructuredEvent, is_json
from alga_workflows_core.infra.web.body import MEDIA_TYPE_REFUSED
from alga_workflows_core.types import faults
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.strict_json import loads

MAX_BATCH = 100
"""Events of one request."""

_STRUCTURED = "application/cloudevents+json"
_BATCH = "application/cloudevents-batch+json"
_PREFIX = "ce-"
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')


@dataclass(frozen=True, slots=True)
class ReadEvents:
    """Events as structured JSON, whatever that is as yet. `is_batch`: there is a list to be
    answered by a list."""

    values: list[Json]
    is_batch: bool


async def read_events(request: Request) -> ReadEvents:
    """The events of a request.

    A body of `application/json` without `ce-` headers is a structured event, or a list of them.
    InputError for what is no JSON, TooLargeError for more than `MAX_BATCH`.
    """
    written = request.headers.get("content-type", "")
    kind = written.partition(";")[0].strip().lower()
    if kind in (_STRUCTURED, _BATCH):
        return _read(loads(await request.body()), is_batch=kind == _BATCH)
    body = await request.body()
    if any(name.startswith(_PREFIX) for name in request.headers):
        return ReadEvents([_binary(request, kind, body)], is_batch=False)
    if kind != "application/json":
        raise _other_media_type(kind, "an event", f"application/json, {_STRUCTURED} or {_BATCH}")
    value = loads(body)
    return _read(value, is_batch=isinstance(value, list))


def request_body() -> dict[str, Any]:
    """What OpenAPI is told of such a body."""
    one = StructuredEvent.model_json_schema(by_alias=True)
    batch = {"type": "array", "items": one, "maxItems": MAX_BATCH, "title": "EventBatch"}
    return {
        "requestBody": {
            "required": False,  # the attributes may be in headers
            "content": {
                "application/json": {"schema": one},
                _STRUCTURED: {"schema": one},
                _BATCH: {"schema": batch},
            },
        }
    }


def _read(value: Json, *, is_batch: bool) -> ReadEvents:
    if not is_batch:
        return ReadEvents([value], is_batch=False)
    if not isinstance(value, list):
        raise InputError(
            "A batch has to be a list of events.",
            code="CLOUD_EVENT_INVALID",
            remedy=f"Send one event as {_STRUCTURED}.",
        )
    values = cast("list[Json]", value)
    if len(values) > MAX_BATCH:
        raise TooLargeError(
            f"The batch has {len(values)} events; {MAX_BATCH} is the limit.",
            remedy="Send them in several requests.",
        )
    return ReadEvents(values, is_batch=True)


def _binary(request: Request, kind: str, body: bytes) -> JsonObject:
    members: JsonObject = {
        name.removeprefix(_PREFIX): _attribute(value)
        for name, value in request.headers.items()
        if name.startswith(_PREFIX)
    }
    if body.strip():
        if not is_json(kind):
            raise _other_media_type(kind, "the data of this event", "JSON")
        members["data"] = loads(body)
    return members


def _attribute(header: str) -> str:
    """An attribute as it is written in a header: perhaps quoted, and in percent-encoded UTF-8."""
    text = header.strip()
    if _QUOTED.fullmatch(text):
        text = re.sub(r"\\(.)", r"\1", text[1:-1])
    return unquote(text)


def _other_media_type(kind: str, what: str, wanted: str) -> InputError:
    return InputError(
        f"The body is {faults.quoted(kind) if kind else 'of no named kind'}; {what} is {wanted}.",
        code=MEDIA_TYPE_REFUSED,
        path="Content-Type",
        remedy="Send JSON with its Content-Type.",
    )
