"""What a message of a stream says, and which say nothing that is an event."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alga_workflows_core.actions.builtin.events import MAX_DATA_BYTES
from alga_workflows_core.events.stream_messages import Spoken, StreamPolicy, Unfit, read_message
from alga_workflows_core.storage.event_rows import NewEvent

POLICY = StreamPolicy(tenants=frozenset({"acme"}), parked_tenant="operations")
ANY = StreamPolicy(tenants=None, parked_tenant="operations")
TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
RUN = "0b4c4b6e-8f0f-4c3e-9f43-7c1fdc1a0f4e"
GOOD = {"tenant": "acme", "event_type": "PAID", "event_id": "e1", "payload_json": '{"n": 1}'}


def said(policy: StreamPolicy, **changes: str | None) -> Spoken | Unfit:
    """What the good message says with these changes; None takes a field away."""
    fields = {name: text for name, text in {**GOOD, **changes}.items() if text is not None}
    raw = tuple((name.encode(), text.encode()) for name, text in fields.items())
    return read_message("s", "5-0", raw, policy)


def event(**changes: str | None) -> NewEvent:
    found = said(POLICY, **changes)
    assert isinstance(found, Spoken), found
    return found.event


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"source": "redis:s", "event_id": "e1", "type": "PAID", "data": {"n": 1}}),
        ({"event_id": None}, {"event_id": "5-0"}),
        ({"event_id": ""}, {"event_id": "5-0"}),
        ({"source": "shop"}, {"source": "shop"}),
        ({"event_name": "other"}, {"type": "PAID"}),
        ({"event_name": "SENT", "event_type": ""}, {"type": "SENT"}),
        ({"event_type": "com.example.paid:v1/x"}, {"type": "com.example.paid:v1/x"}),
        ({"workflow_correlation_key": "T 17 ü"}, {"correlation_key": "T 17 ü"}),
        ({"workflow_correlation_key": ""}, {"correlation_key": None}),
        ({"payload_json": None}, {"data": {}}),
        ({"payload_json": "[1, null]"}, {"data": [1, None]}),
        ({"payload_json": '"\\u0000"'}, {"data": "\x00"}),
        ({"timestamp": None}, {"occurred_at": None}),
        (
            {"timestamp": "2026-11-22T10:00:00Z"},
            {"occurred_at": datetime(2026, 11, 22, 10, 0, tzinfo=UTC)},
        ),
        (
            {"timestamp": "2026-11-22T10:00:00"},
            {"occurred_at": datetime(2026, 11, 22, 10, 0, tzinfo=UTC)},
        ),
        ({"timestamp": "2026-11-22T11:00:00+01:00"}, {"occurred_at": TEN}),
        (
            {"execution_id": "0b4c4b6e-8f0f-4c3e-9f43-7c1fdc1a0f4e"},
            {"for_run": None, "published_by_run": None},
        ),
        ({"user_id": "u", "from_state": "A", "to_state": "B", "more": "x"}, {"data": {"n": 1}}),
    ],
)
def test_fields(changes: dict[str, str | None], expected: dict[str, Any]) -> None:
    """Which field is what; empty ones count as not there."""
    found = event(**changes)
    assert {name: getattr(found, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("changes", "tenant", "code"),
    [
        ({"tenant": None}, "operations", "NO_TENANT"),
        ({"tenant": ""}, "operations", "NO_TENANT"),
        ({"tenant": "../acme"}, "operations", "TENANT_INVALID"),
        ({"tenant": "globex"}, "operations", "TENANT_NOT_ALLOWED"),
        ({"tenant": "ACME"}, "operations", "TENANT_NOT_ALLOWED"),
        ({"event_type": None}, "acme", "NO_TYPE"),
        ({"event_type": "1PAID"}, "acme", "TYPE_INVALID"),
        ({"event_type": "PAID\n"}, "acme", "TYPE_INVALID"),
        ({"event_type": "P" * 201}, "acme", "TYPE_INVALID"),
        ({"event_id": "a\nb"}, "acme", "FIELD_INVALID"),
        ({"event_id": "a\x00"}, "acme", "FIELD_INVALID"),
        ({"event_id": "x" * 513}, "acme", "FIELD_INVALID"),
        ({"source": "a\x1fb"}, "acme", "FIELD_INVALID"),
        ({"workflow_correlation_key": "x" * 513}, "acme", "FIELD_INVALID"),
        ({"timestamp": "yesterday"}, "acme", "FIELD_INVALID"),
        ({"payload_json": "{"}, "acme", "PAYLOAD_INVALID"),
        ({"payload_json": "NaN"}, "acme", "PAYLOAD_INVALID"),
        ({"payload_json": '{"a": 1, "a": 2}'}, "acme", "PAYLOAD_INVALID"),
        ({"payload_json": '"\\ud800"'}, "acme", "PAYLOAD_INVALID"),
        ({"payload_json": '"' + "x" * MAX_DATA_BYTES + '"'}, "acme", "SIZE_LIMIT"),
        ({"payload_json": " " * (5 * MAX_DATA_BYTES) + "1"}, "acme", "SIZE_LIMIT"),
    ],
)
def test_what_is_no_event(changes: dict[str, str | None], tenant: str, code: str) -> None:
    """Why, and whose people look after it: the tenant's, if the stream may speak for it."""
    found = said(POLICY, **changes)
    assert isinstance(found, Unfit), found
    assert (found.tenant, found.code) == (tenant, code)
    assert found.reason.endswith(".")
    assert len(found.reason) < 500


def test_a_stream_may_be_let_speak_for_any_tenant() -> None:
    """For whatever can be one."""
    found = said(ANY, tenant="globex")
    assert isinstance(found, Spoken)
    assert found.tenant == "globex"
    assert isinstance(said(ANY, tenant="a b"), Unfit)


@given(st.lists(st.tuples(st.binary(), st.binary())), st.booleans())
def test_fields_of_any_form_are_told_apart(
    fields: list[tuple[bytes, bytes]], with_good: bool
) -> None:
    """Nothing that anybody may publish raises."""
    good = [(name.encode(), text.encode()) for name, text in GOOD.items()] if with_good else []
    assert read_message("s", "5-0", (*good, *fields), POLICY) is not None
