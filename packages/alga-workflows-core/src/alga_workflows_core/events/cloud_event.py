"""Events in the terms of CloudEvents 1.0, and how they are read from its JSON form."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Annotated, Any, Literal, cast

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError

from alga_workflows_core.definition.events import EventName
from alga_workflows_core.errors import InputError, TooLargeError
from alga_workflows_core.infra.database import strict_json
from alga_workflows_core.interpreter.sizes import encoded_size
from alga_workflows_core.storage.event_rows import NewEvent
from alga_workflows_core.types import faults
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.model import Line, Model
from alga_workflows_core.types.pointers import pointer

MAX_DATA_BYTES = 256 * 1024
"""Of an event's data, as JSON."""

_MAX_TEXT = 512
_MOST_FAULTS = 20
_ATTRIBUTE = re.compile("[a-z0-9]+")
# RFC 3339; the language's own reading takes more.
_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", flags=re.ASCII
)
_YEARS = range(2, 9999)  # with all zones that a reader may have
_REQUIRED = ("specversion", "id", "source", "type")
_KNOWN = (*_REQUIRED, "subject", "time", "datacontenttype", "data", "correlationkey")


def moment(text: str) -> datetime:
    """A time as RFC 3339 writes it, in UTC; ValueError, with a sentence, for any other text."""
    if not _MOMENT.fullmatch(text):
        raise ValueError("It has to be a time as in 2026-01-31T09:00:00Z")
    try:
        found = datetime.fromisoformat(text.upper()).astimezone(UTC)
    except ValueError as error:
        raise ValueError("There is no such time") from error
    except OverflowError as error:
        raise ValueError("It is too far away") from error
    if found.year not in _YEARS:
        raise ValueError("It is too far away")
    return found


def _time(value: object) -> object:
    if isinstance(value, datetime):
        value = value.isoformat()
    return moment(value) if isinstance(value, str) else value


_Text = Annotated[Line, Field(min_length=1, max_length=_MAX_TEXT)]


class CloudEvent(Model):
    """An event. What has no field here is not kept.

    `id` is unique within `source`: of several events with both the same the first counts. Waits
    find it by `correlationkey`, else by `subject`.
    """

    id: Annotated[_Text, Field(description="Unique within `source`.")]
    source: Annotated[_Text, Field(description="Who tells it, a URI or any other name.")]
    type: EventName
    data: Annotated[Json, Field(description="What it tells: any JSON of at most 256 KiB.")] = None
    subject: Annotated[_Text | None, Field(description="Whom or what it is about.")] = None
    correlation_key: Annotated[
        _Text | None,
        Field(
            alias="correlationkey",
            description="The key that waits find it by; absent: `subject`.",
        ),
    ] = None
    time: Annotated[
        datetime | None,
        BeforeValidator(_time),
        Field(description="When it happened (RFC 3339); absent: when it is received."),
    ] = None

    def staged(self) -> NewEvent:
        """The row that it becomes. InputError if `data` is not JSON, TooLargeError if it is too
        large."""
        try:
            strict_json(self.data)
            size = encoded_size(self.data)
        except (TypeError, ValueError, RecursionError) as error:
            raise InputError("The data is not JSON.", path="/data") from error
        if size > MAX_DATA_BYTES:
            raise TooLargeError(
                f"The data has {size} bytes; {MAX_DATA_BYTES} is the limit.",
                path="/data",
                remedy="Send where it is to be found instead.",
            )
        return NewEvent(
            source=self.source,
            event_id=self.id,
            type=self.type,
            subject=self.subject,
            correlation_key=self.correlation_key or self.subject,
            data=self.data,
            occurred_at=self.time,
        )


class StructuredEvent(CloudEvent):
    """An event as CloudEvents writes it in JSON. Attributes that are not listed are not kept."""

    model_config = ConfigDict(extra="ignore")

    specversion: Literal["1.0"]
    datacontenttype: str | None = None


def read_event(value: Json) -> CloudEvent:
    """The event that CloudEvents writes as this JSON.

    InputError `CLOUD_EVENT_INVALID` lists faults with their places; `DATA_NOT_JSON` for data of
    another form.
    """
    if not isinstance(value, dict):
        raise _invalid([{"path": "", "message": "It has to be an object."}])
    members = cast("JsonObject", value)
    _refuse_other_data(members)
    found = list(_faults_of_names(members))
    key = members.get("correlationkey")
    if isinstance(key, int) and not isinstance(key, bool):
        members = {**members, "correlationkey": str(key)}
    event: CloudEvent | None = None
    try:
        event = StructuredEvent.model_validate(members, strict=True, by_alias=True, by_name=False)
    except ValidationError as refusal:
        found += _faults_of_values(refusal)
    if event is None or found:
        raise _invalid(found)
    return event


def is_json(media_type: str) -> bool:
    """Whether a media type, which may have parameters, is one of JSON."""
    kind = media_type.partition(";")[0].strip().lower()
    return kind in ("application/json", "text/json") or kind.endswith("+json")


def _refuse_other_data(members: JsonObject) -> None:
    kind = members.get("datacontenttype")
    is_other = isinstance(kind, str) and not is_json(kind)
    if is_other or "data_base64" in members:
        raise InputError(
            "The data of the event is not JSON.",
            code="DATA_NOT_JSON",
            path=pointer("datacontenttype" if is_other else "data_base64"),
            remedy="Send the data as JSON, for other forms where it is to be found.",
        )


def _faults_of_names(members: JsonObject) -> Iterator[JsonObject]:
    for name in members:
        if not _ATTRIBUTE.fullmatch(name):
            near = get_close_matches(name.lower(), _KNOWN, n=1)
            such_as = f", as in {near[0]!r}" if near else ""
            yield _fault(name[:100], f"Attributes have lower-case letters and digits{such_as}.")


def _faults_of_values(refusal: ValidationError) -> Iterator[JsonObject]:
    for each in refusal.errors(include_url=False, include_input=False):
        fault = cast("Mapping[str, Any]", each)
        yield _fault(str(fault["loc"][0]), f"{faults.sentence(fault)}.")


def _fault(name: str, message: str) -> JsonObject:
    return {"path": pointer(name), "message": message}


def _invalid(found: Sequence[JsonObject]) -> InputError:
    first = found[0]
    about = str(first["path"]).removeprefix("/")
    return InputError(
        f"The event is not valid{f', {about}' if about else ''}: {first['message']}",
        code="CLOUD_EVENT_INVALID",
        path=first["path"] or None,
        remedy=f"An event has {', '.join(_REQUIRED)}, and may have subject, time, "
        "datacontenttype, correlationkey and data.",
        details={"faults": list(found[:_MOST_FAULTS])},
    )
