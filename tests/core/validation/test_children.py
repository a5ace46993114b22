"""Calls of other definitions: which there are, which way they lead, and what they get."""

from __future__ import annotations

from typing import Any

import pytest

from alga_workflows_core.validation.catalogue import Catalogue, WorkflowSpec
from alga_workflows_core.validation.findings import Finding
from alga_workflows_core.validation.validate import validate
from tests.core.validation.world import record

TEXT: dict[str, Any] = {"type": "string"}
NAMED = record({"name": TEXT})


def workflow(
    *calls: str, active: int | None = 1, **versions: dict[str, Any] | None
) -> WorkflowSpec:
    """`versions`: `v1={…}`; without them version 1, which takes anything."""
    schemas = {int(name[1:]): schema for name, schema in versions.items()} or {1: None}
    return WorkflowSpec(versions=schemas, active=active, calls=frozenset(calls))


def calling(*calls: dict[str, Any], **members: Any) -> dict[str, Any]:
    steps = [
        {"id": f"call{number}", "type": "control.callWorkflow", **call}
        for number, call in enumerate(calls)
    ]
    return {"id": "me", "name": "Me", "steps": steps, **members}


def findings(
    document: dict[str, Any], workflows: dict[str, WorkflowSpec] | None, **known: Any
) -> list[Finding]:
    validated = validate(document, Catalogue(actions={}, workflows=workflows, **known))
    assert validated.definition is not None, validated.findings
    assert all(len(found.message) < 300 for found in validated.findings)
    return validated.findings


def told(
    document: dict[str, Any], workflows: dict[str, WorkflowSpec] | None, **known: Any
) -> list[str]:
    return [f"{each.code} at {each.path}" for each in findings(document, workflows, **known)]


def test_if_nothing_is_known_nothing_is_said() -> None:
    """As on the command line, where there is no tenant."""
    assert told(calling({"workflowId": "gone"}, {"workflowId": "me"}), None) == []


def test_each_call_is_told() -> None:
    """But a circle once, at the first call that leads into it."""
    calls = [{"workflowId": name} for name in ("gone", "a", "gone", "a", "me", "me")]
    assert told(calling(*calls), {"a": workflow("me")}) == [
        "WORKFLOW_UNKNOWN at /steps/0/workflowId",
        "WORKFLOW_CYCLE at /steps/1/workflowId",
        "WORKFLOW_UNKNOWN at /steps/2/workflowId",
        "WORKFLOW_CYCLE at /steps/4/workflowId",
    ]


def test_the_shortest_way_round_is_told() -> None:
    """Other circles on the way are somebody else's."""
    workflows = {
        "a": workflow("b", "d", "a"),
        "b": workflow("c", "a"),
        "c": workflow("me"),
        "d": workflow("me", "missing"),
    }
    [found] = findings(calling({"workflowId": "a"}), workflows)
    assert "me → a → d → me." in found.message
    assert findings(calling({"workflowId": "a"}, id="other"), workflows) == []


def test_a_long_way_round_is_shortened() -> None:
    """Its beginning and its end are told."""
    names = [f"w{number}-{'x' * 100}" for number in range(50)]
    chain = dict(zip(names, map(workflow, [*names[1:], "me"]), strict=True))
    [found] = findings(calling({"workflowId": names[0]}), chain)
    assert found.code == "WORKFLOW_CYCLE"
    assert "…" in found.message
    assert found.message.endswith("→ me.")


def test_only_the_active_version_is_known_to_lead_back() -> None:
    """What another version calls is not known."""
    workflows = {"a": workflow("me", v1=None, v2=None, active=2)}
    assert told(calling({"workflowId": "a", "workflowVersion": 1}), workflows) == []
    pinned = calling({"workflowId": "a", "workflowVersion": 2})
    assert told(pinned, workflows) == ["WORKFLOW_CYCLE at /steps/0/workflowId"]


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ({}, ["WORKFLOW_VERSION_UNKNOWN at /steps/0/workflowId"]),
        ({"workflowVersion": 1}, []),
        ({"workflowVersion": 2}, ["WORKFLOW_INPUT_MISSING at /steps/0/inputMapping/name"]),
        ({"workflowVersion": 3}, ["WORKFLOW_VERSION_UNKNOWN at /steps/0/workflowVersion"]),
    ],
)
def test_without_an_active_version_one_has_to_be_named(
    call: dict[str, Any], expected: list[str]
) -> None:
    """And then its own schema counts."""
    workflows = {"old": workflow(active=None, v1=None, v2=NAMED)}
    assert told(calling({"workflowId": "old", **call}), workflows) == expected


def test_many_versions_are_not_all_listed() -> None:
    """The newest are."""
    versions = WorkflowSpec(versions=dict.fromkeys(range(1, 200)), active=199)
    [found] = findings(calling({"workflowId": "a", "workflowVersion": 200}), {"a": versions})
    assert found.suggestion is not None
    assert found.suggestion.startswith("It has …, 180, ")
    assert found.suggestion.endswith(", 199.")


def test_a_call_of_itself_needs_its_own_payload() -> None:
    """As it will be when the document is published, not as an older version had it."""
    older = {"me": workflow(v1=record({"other": TEXT}))}
    itself = calling({"workflowId": "me", "inputMapping": {"name": 5}}, payloadSchema=NAMED)
    expected = [
        "WORKFLOW_CYCLE at /steps/0/workflowId",
        "WORKFLOW_INPUT_INVALID at /steps/0/inputMapping/name",
    ]
    assert told(itself, older) == told(itself, {}) == expected
    by_event = calling({"workflowId": "me"}, payloadSchemaRef="CAME")
    assert told(by_event, {}, events={"CAME": NAMED}) == [
        "WORKFLOW_CYCLE at /steps/0/workflowId",
        "WORKFLOW_INPUT_MISSING at /steps/0/inputMapping/name",
    ]


def test_a_call_of_itself_does_not_ask_for_an_active_version() -> None:
    """It becomes the active one when it is published, also after it was archived."""
    itself = calling({"workflowId": "me"})
    archived = {"me": workflow(active=None)}
    assert told(itself, archived) == ["WORKFLOW_CYCLE at /steps/0/workflowId"]


def test_a_payload_that_is_known_as_a_whole_is_held_against_the_whole_schema() -> None:
    """What no single field is to blame for is told of all of them, unless a part is open."""
    either = {"anyOf": [{"required": ["a"]}, {"required": ["b"]}]}
    workflows = {"w": workflow(v1=either)}
    for mapping, expected in (
        ({"c": 1}, ["WORKFLOW_INPUT_INVALID at /steps/0/inputMapping"]),
        ({"b": 1}, []),
        ({"c": {"$expr": "payload.c"}}, []),
    ):
        document = calling({"workflowId": "w", "inputMapping": mapping})
        assert told(document, workflows) == expected


def triggered(payload: dict[str, Any] | None, **trigger: Any) -> dict[str, Any]:
    members: dict[str, Any] = {} if payload is None else {"payloadSchema": payload}
    return {
        "id": "a",
        "name": "A",
        "trigger": {"type": "event", "eventName": "CAME", **trigger},
        "steps": [{"id": "end", "type": "control.return"}],
        **members,
    }


OPEN = {"type": "object", "properties": {"name": TEXT}, "required": ["name"]}
EVENT = record({"name": TEXT, "level": {"enum": ["low", "high"]}}, count={"type": "integer"})


@pytest.mark.parametrize(
    ("payload", "event", "expected"),
    [
        (None, EVENT, []),
        (OPEN, None, []),
        (OPEN, EVENT, []),
        (NAMED, {"type": "object"}, []),
        (NAMED, OPEN, []),
        ({**OPEN, "required": ["name", "count"]}, EVENT, []),
        ({**OPEN, "required": ["name", "date"]}, EVENT, ["MISSING"]),
        (NAMED, EVENT, ["UNKNOWN"]),
        ({**OPEN, "properties": {"name": {"type": "integer"}}}, EVENT, ["TYPE"]),
        ({**OPEN, "properties": {"count": TEXT}}, EVENT, []),
        ({**OPEN, "properties": {"level": {"const": "top"}}}, EVENT, ["TYPE"]),
        ({**OPEN, "properties": {"level": {"const": "low"}}}, EVENT, []),
    ],
    ids=str,
)
def test_an_event_is_the_payload_where_nothing_is_mapped(
    payload: dict[str, Any] | None, event: dict[str, Any] | None, expected: list[str]
) -> None:
    """Only what all such events have or lack is held against the payload."""
    found = told(triggered(payload), None, events={"CAME": event})
    assert found == [f"TRIGGER_INPUT_{code} at /trigger" for code in expected]


def test_the_payload_by_reference_is_mapped_to_as_well() -> None:
    """And an event that is its own payload fits."""
    document = triggered(None, payloadMapping={"name": 5})
    document["payloadSchemaRef"] = "CAME"
    assert told(document, None, events={"CAME": EVENT}) == [
        "TRIGGER_INPUT_INVALID at /trigger/payloadMapping/name",
        "TRIGGER_INPUT_MISSING at /trigger/payloadMapping/level",
    ]
    del document["trigger"]["payloadMapping"]
    assert told(document, None, events={"CAME": EVENT}) == []


def test_a_mapping_sees_the_event_and_nothing_of_a_run() -> None:
    """Its own fields are of known types, and so is the payload of registered events."""
    payload = {"type": "object", "properties": {key: {"type": "integer"} for key in "abcd"}}
    names = {"a": "event.name", "b": "event.payload.name", "c": "event.payload.count"}
    mapping = {name: {"$expr": path} for name, path in names.items()}
    mapping["d"] = {"$expr": "event.correlationKey"}
    assert told(triggered(payload, payloadMapping=mapping), None, events={"CAME": EVENT}) == [
        "TRIGGER_INPUT_TYPE at /trigger/payloadMapping/a",
        "TRIGGER_INPUT_TYPE at /trigger/payloadMapping/b",
    ]
