"""What another contract for the same version of an action may change."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from alga_workflows_core.catalogue.contract_changes import breaking_change
from alga_workflows_core.definition.action_spec import ActionKind, ActionSpec, RetrySpec


class Line(BaseModel):
    """Something that is bought."""

    sku: str
    count: int = 1


class Order(BaseModel):
    """What an action takes."""

    id: str = Field(max_length=20)
    lines: list[Line]
    channel: Literal["web", "shop"] = "web"
    note: str | None = None


class Node(BaseModel):
    """A schema that refers to itself."""

    name: str
    below: list[Node] = []


SCHEMA = Order.model_json_schema()


def spec(schema: dict[str, Any], **others: Any) -> ActionSpec:
    """A contract with this schema of its input."""
    members: dict[str, Any] = {
        "id": "billing.charge",
        "version": 1,
        "kind": ActionKind.READ,
        "queue": "billing",
        "description": "Charge.",
        "input_schema": schema,
        "output_schema": {},
    }
    return ActionSpec(**{**members, **others})


def changed(**members: Any) -> dict[str, Any]:
    """The schema of `Order` with other members."""
    return {**SCHEMA, **members}


def with_member(name: str, schema: Any) -> dict[str, Any]:
    """The schema of `Order` with one member described otherwise."""
    return changed(properties={**SCHEMA["properties"], name: schema})


NULLABLE_NUMBER = {"anyOf": [{"type": "number"}, {"type": "null"}]}

HARMLESS: dict[str, dict[str, Any]] = {
    "the same": SCHEMA,
    "other words": changed(title="Another", description="Else."),
    "a new optional member": with_member("priority", {"type": "integer"}),
    "fewer are required": changed(required=["id"]),
    "a wider bound": with_member("id", {"type": "string", "maxLength": 40}),
    "no bound": with_member("id", {"type": "string"}),
    "one choice more": with_member("channel", {"enum": ["web", "shop", "phone"]}),
    "any text instead of choices": with_member("channel", {"type": "string"}),
    "anything": with_member("lines", True),
    "a reference written out": with_member(
        "lines", {"type": "array", "items": SCHEMA["$defs"]["Line"]}
    ),
}

BREAKING: dict[str, dict[str, Any]] = {
    "another type": with_member("id", {"type": "integer"}),
    "a member is required": changed(required=["id", "lines", "note"]),
    "a new required member": {
        **with_member("priority", {"type": "integer"}),
        "required": ["id", "lines", "priority"],
    },
    "a member is gone": changed(
        properties={name: SCHEMA["properties"][name] for name in ("id", "lines", "channel")}
    ),
    "a narrower bound": with_member("id", {"type": "string", "maxLength": 10}),
    "a bound where none was": with_member(
        "lines", {**SCHEMA["properties"]["lines"], "minItems": 1}
    ),
    "one choice less": with_member("channel", {"const": "web"}),
    "no null": with_member("note", {"type": "string"}),
    "a pattern": with_member("id", {"type": "string", "maxLength": 20, "pattern": "^[0-9]+$"}),
    "no other members": changed(additionalProperties=False),
    "an item that wants more": changed(
        **{"$defs": {"Line": {**SCHEMA["$defs"]["Line"], "required": ["sku", "count"]}}}
    ),
    "nothing": {"not": {}},
}


@pytest.mark.parametrize("name", sorted(HARMLESS))
def test_a_wider_input_breaks_nobody(name: str) -> None:
    """Whatever documents give now is accepted afterwards."""
    assert breaking_change(spec(SCHEMA), spec(HARMLESS[name])) is None


@pytest.mark.parametrize("name", sorted(BREAKING))
def test_a_narrower_input_breaks_callers(name: str) -> None:
    """What a document may give now would be refused, or dropped without a word."""
    told = breaking_change(spec(SCHEMA), spec(BREAKING[name]))
    assert told is not None
    assert "input schema" in told


def test_numbers_and_alternatives() -> None:
    """A whole number is a number; an alternative may be added and none taken away."""
    whole, number = ({"properties": {"n": {"type": kind}}} for kind in ("integer", "number"))
    either = {"properties": {"n": NULLABLE_NUMBER}}
    assert breaking_change(spec(whole), spec(number)) is None
    assert breaking_change(spec(whole), spec(either)) is None
    assert breaking_change(spec(number), spec(whole)) is not None
    assert breaking_change(spec(either), spec(number)) is not None


def test_a_schema_that_refers_to_itself() -> None:
    """It is compared with itself, and with a narrower one, in bounded time."""
    tree = Node.model_json_schema()
    narrower = Node.model_json_schema()
    narrower["$defs"]["Node"]["required"] = ["name", "below"]
    assert breaking_change(spec(tree), spec(tree)) is None
    assert breaking_change(spec(tree), spec(narrower)) is not None


def test_kind_and_queue() -> None:
    """Published versions have pinned both; the sentence names both sides."""
    told = breaking_change(spec(SCHEMA), spec(SCHEMA, queue="other"))
    assert told is not None
    assert "'billing'" in told
    assert "'other'" in told
    told = breaking_change(spec(SCHEMA), spec(SCHEMA, kind=ActionKind.UNSAFE))
    assert told is not None
    assert "unsafe" in told


def test_what_else_may_change() -> None:
    """Time limit, retries, words and output are as the service says now."""
    later = spec(
        SCHEMA,
        timeout=5,
        retry=RetrySpec(max_attempts=9),
        description="Else.",
        output_schema={"type": "object"},
    )
    assert breaking_change(spec(SCHEMA), later) is None
