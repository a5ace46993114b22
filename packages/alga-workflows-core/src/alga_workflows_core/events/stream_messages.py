"""What a message of a stream says: an event of a tenant, or why it is none. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from alga_workflows_core.actions.builtin.events import MAX_DATA_BYTES
from alga_workflows_core.errors import InputError
from alga_workflows_core.infra.secrets.port import TENANT
from alga_workflows_core.infra.streams import Fields
from alga_workflows_core.interpreter.sizes import encoded_size
from alga_workflows_core.storage.event_rows import NewEvent
from alga_workflows_core.types.identifiers import EVENT_NAME
from alga_workflows_core.types.json import Json
from alga_workflows_core.types.strict_json import loads

LONGEST_TEXT = 512
# As text, JSON may be larger than what it says; this much larger it is not even looked at.
_LONGEST_JSON = 4 * MAX_DATA_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamPolicy:
    """`tenants`: those that streams may speak for, None for any. `parked_tenant`: whose people
    look after messages that belong to no such tenant."""

    tenants: frozenset[str] | None
    parked_tenant: str


@dataclass(frozen=True, slots=True)
class Spoken:
    """A message that is an event."""

    tenant: str
    event: NewEvent


@dataclass(frozen=True, slots=True)
class Unfit:
    """A message that is none. `tenant`: whose people look after it; `code` is a word for
    machines, `reason` a sentence."""

    tenant: str
    code: str
    reason: str


def read_message(
    stream: str, message_id: str, fields: Fields, policy: StreamPolicy
) -> Spoken | Unfit:
    """What a message says. Its fields are `event_id`, `event_type` (else `event_name`), `tenant`,
    `timestamp`, `workflow_correlation_key`, `payload_json` and `source`; others are not looked at.
    """
    try:
        texts = _texts(fields)
        return Spoken(_tenant(texts, policy), _event(stream, message_id, texts))
    except _UnfitError as error:
        return Unfit(_owner(fields, policy), error.code, error.reason)


class _UnfitError(Exception):
    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def _texts(fields: Fields) -> Mapping[str, str]:
    """Empty fields count as not there: publishers write them for what they do not know."""
    texts: dict[str, str] = {}
    for raw_name, raw_value in fields:
        try:
            name, value = raw_name.decode(), raw_value.decode()
        except UnicodeDecodeError:
            raise _UnfitError("NOT_TEXT", "A field is not UTF-8 text.") from None
        if name in texts:
            raise _UnfitError("FIELD_TWICE", f"The field {name[:80]!r} is there twice.")
        texts[name] = value
    return {name: value for name, value in texts.items() if value}


def _tenant(texts: Mapping[str, str], policy: StreamPolicy) -> str:
    tenant = texts.get("tenant")
    if tenant is None:
        raise _UnfitError("NO_TENANT", "It names no tenant.")
    if not TENANT.fullmatch(tenant):
        raise _UnfitError("TENANT_INVALID", "What it names cannot be a tenant.")
    if policy.tenants is not None and tenant not in policy.tenants:
        raise _UnfitError(
            "TENANT_NOT_ALLOWED", f"The stream may not speak for the tenant {tenant!r}."
        )
    return tenant


def _owner(fields: Fields, policy: StreamPolicy) -> str:
    """Whose people look after an unfit message: it may name its tenant all the same."""
    named = [value.decode("utf-8", "replace") for name, value in fields if name == b"tenant"]
    try:
        return _tenant({"tenant": named[0]} if len(named) == 1 else {}, policy)
    except _UnfitError:
        return policy.parked_tenant


def _event(stream: str, message_id: str, texts: Mapping[str, str]) -> NewEvent:
    name = texts.get("event_type") or texts.get("event_name")
    if name is None:
        raise _UnfitError("NO_TYPE", "It has neither `event_type` nor `event_name`.")
    if not re.fullmatch(EVENT_NAME, name):
        raise _UnfitError("TYPE_INVALID", "Its type is no name of an event.")
    return NewEvent(
        source=_line(texts, "source") or f"redis:{stream}",
        event_id=_line(texts, "event_id") or message_id,
        type=name,
        correlation_key=_line(texts, "workflow_correlation_key"),
        occurred_at=_moment(texts.get("timestamp")),
        data=_data(texts.get("payload_json", "{}")),
    )


def _line(texts: Mapping[str, str], name: str) -> str | None:
    text = texts.get(name)
    if text is not None and not (len(text) <= LONGEST_TEXT and text.isprintable()):
        raise _UnfitError(
            "FIELD_INVALID",
            f"The field `{name}` is no text on one line of {LONGEST_TEXT} characters at most.",
        )
    return text


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _UnfitError("FIELD_INVALID", "The field `timestamp` is no ISO 8601 time.") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _data(text: str) -> Json:
    if len(text) > _LONGEST_JSON:
        raise _UnfitError("SIZE_LIMIT", f"Its payload is over {MAX_DATA_BYTES} bytes.")
    try:
        data = loads(text)
    except InputError as error:
        raise _UnfitError("PAYLOAD_INVALID", f"`payload_json`: {error.message}") from None
    size = encoded_size(data)
    if size > MAX_DATA_BYTES:
        raise _UnfitError(
            "SIZE_LIMIT", f"Its payload has {size} bytes; {MAX_DATA_BYTES} is the limit."
        )
    return data
