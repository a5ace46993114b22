"""The OpenAPI document describes what is served, and can be used as it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any, cast

import httpx
import pytest
import pytest_asyncio
from jsonschema import Draft202012Validator

from alga_workflows_core.infra.web.openapi import PROBLEMS
from tests.api.service import Service

SAMPLE = json.loads(files("workflow_worker.samples").joinpath("ticket-triage.json").read_bytes())
BODIES = {
    ("put", "/api/v1/definitions/{definition_id}/draft"): "Definition",
    ("put", "/api/v1/calendars/{name}"): "CalendarDocument",
    ("put", "/api/v1/schedules/{schedule_id}"): "ScheduleDocument",
    ("post", "/api/v1/schedules/{schedule_id}/pause"): "ScheduleStateChange",
    ("post", "/api/v1/schedules/{schedule_id}/resume"): "ScheduleStateChange",
    ("post", "/api/v1/schedules/{schedule_id}/trigger"): "ScheduleStateChange",
    ("post", "/api/v1/schedules/{schedule_id}/backfill"): "Backfill",
    ("post", "/api/v1/validate"): "Definition",
    ("put", "/api/v1/webhooks/{webhook}"): "Webhook",
    ("post", "/api/v1/webhooks/{webhook}"): "Json",
    ("post", "/api/v1/parked-messages/{message_id}/retry"): "Retry",
    ("post", "/api/v1/simulate"): "SimulationRequest",
    ("post", "/api/v1/definitions/{definition_id}/publish"): "Publish",
    ("post", "/api/v1/definitions/{definition_id}/activate"): "Activate",
    ("post", "/api/v1/definitions/{definition_id}/pause"): "StateChange",
    ("post", "/api/v1/definitions/{definition_id}/resume"): "StateChange",
    ("post", "/api/v1/definitions/{definition_id}/archive"): "StateChange",
    ("post", "/api/v1/definitions/{definition_id}/runs"): "StartRun",
    ("post", "/api/v1/runs/{run_id}/steps/{path}/resolve"): "DecideStep",
    ("post", "/api/v1/waits/{wait_id}/resolve"): "EndWait",
    ("post", "/api/v1/events"): "StructuredEvent",
    ("put", "/api/v1/event-types/{event_name}"): "EventTypeContent",
    ("put", "/api/v1/event-policy"): "EventPolicy",
    ("post", "/api/v1/events/redeliver"): "RedeliverMany",
    ("post", "/api/v1/events/{event_id}/redeliver"): "Redeliver",
    ("post", "/api/v1/tasks/{task_id}/claim"): "Acting",
    ("post", "/api/v1/tasks/{task_id}/unclaim"): "Unclaim",
    ("post", "/api/v1/tasks/{task_id}/complete"): "Complete",
    ("post", "/api/v1/tasks/{task_id}/delegate"): "Delegate",
    ("post", "/api/v1/tasks/{task_id}/dismiss"): "Dismiss",
    ("post", "/api/v1/runs/{run_id}/cancel"): "Operation",
    ("post", "/api/v1/runs/{run_id}/pause"): "Operation",
    ("post", "/api/v1/runs/{run_id}/resume"): "Operation",
    ("post", "/api/v1/runs/{run_id}/retry"): "RetryRun",
    ("post", "/api/v1/runs/{run_id}/terminate"): "TerminateRun",
}


@pytest_asyncio.fixture
async def described(service: Service) -> dict[str, Any]:
    """The document, read twice: reading it must not change it."""
    first = await service.api.get("/openapi.json")
    again = await service.api.get("/openapi.json")
    assert first.status_code == 200
    assert first.headers["content-type"] == "application/json"
    assert first.json() == again.json()
    return first.json()


def operations(described: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def references(value: Any) -> Iterator[str]:
    """Every `$ref` inside `value`."""
    if isinstance(value, list):
        for item in cast("list[Any]", value):
            yield from references(item)
    elif isinstance(value, dict):
        for name, member in cast("dict[str, Any]", value).items():
            if name == "$ref":
                yield member
            yield from references(member)


def fits(described: dict[str, Any], schema: dict[str, Any], value: Any) -> bool:
    """Whether `value` is what `schema`, a part of the document, says."""
    validator = Draft202012Validator({**schema, "components": described["components"]})
    is_valid = cast("Callable[[Any], bool]", validator.is_valid)
    return is_valid(value)


async def test_every_address_that_is_described_is_served(
    service: Service, described: dict[str, Any]
) -> None:
    """None of them is answered with the 404 of an unknown address or with a wrong method."""
    names = {"definition_id": "x", "number": "1", "run_id": "y", "path": "z", "wait_id": "w"}
    names |= {"name": "n", "task_id": "t", "schedule_id": "s", "event_id": "e"}
    names["event_name"] = "n"
    names |= {"webhook": "w", "message_id": "m"}
    async with httpx.AsyncClient(base_url=service.url) as client:
        for method, path, _ in operations(described):
            answer = await client.request(method, path.format(**names))
            assert answer.status_code != 405
            assert "openapi.json lists" not in answer.text


async def test_every_operation_says_what_a_problem_looks_like(described: dict[str, Any]) -> None:
    """And its own answer, a summary, and nothing of the framework's own error body."""
    for _, _, operation in operations(described):
        responses = operation["responses"]
        assert responses["default"] == PROBLEMS["default"]
        assert set(responses) <= {"200", "201", "202", "204", "default"}
        assert operation["summary"]
        assert operation["description"].endswith(".")
        assert operation["tags"]
    assert "HTTPValidationError" not in described["components"]["schemas"]


async def test_every_body_has_its_schema(described: dict[str, Any]) -> None:
    """What is sent is described wherever something may be sent."""
    found = {
        (method, path): operation["requestBody"]["content"]["application/json"]["schema"]["title"]
        for method, path, operation in operations(described)
        if "requestBody" in operation
    }
    assert found == BODIES
    sending = {(method, path) for method, path, _ in operations(described)}
    sending = {each for each in sending if each[0] not in ("get", "delete")}
    assert sending == set(BODIES)


async def test_every_reference_leads_somewhere(described: dict[str, Any]) -> None:
    """Inside the document, to a schema that is one."""
    schemas = described["components"]["schemas"]
    found = set(references(described))
    assert found
    for reference in found:
        assert reference.removeprefix("#/components/schemas/") in schemas, reference
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)


async def test_the_schema_of_a_definition_takes_what_the_service_takes(
    described: dict[str, Any],
) -> None:
    """The sample fits; names in snake_case, missing and unknown fields do not."""
    operation = described["paths"]["/api/v1/definitions/{definition_id}/draft"]["put"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    assert fits(described, schema, SAMPLE)
    step = {"id": "c", "type": "action.call", "config": {"action_id": "a", "version": 1}}
    for wrong in (
        {**SAMPLE, "surprise": 1},
        {"id": "a", "name": "A"},
        {"id": "a", "name": "A", "steps": [step]},
        {"id": "A", "name": "A", "steps": SAMPLE["steps"]},
    ):
        assert not fits(described, schema, wrong)


async def test_answers_fit_their_schemas(service: Service, described: dict[str, Any]) -> None:
    """A draft, a list, a problem: as they are described."""
    draft = await service.api.put("/definitions/ticket-triage/draft", json=SAMPLE)
    listed = await service.api.get("/definitions")
    problem = await service.api.get("/definitions/nobody")
    paths = described["paths"]
    for answer, operation, status in (
        (draft, paths["/api/v1/definitions/{definition_id}/draft"]["put"], "200"),
        (listed, paths["/api/v1/definitions"]["get"], "200"),
        (problem, paths["/api/v1/definitions/{definition_id}"]["get"], "default"),
    ):
        content = operation["responses"][status]["content"]
        media_type = answer.headers["content-type"]
        assert fits(described, content[media_type]["schema"], answer.json())


async def test_what_needs_no_key_says_so(described: dict[str, Any]) -> None:
    """All but the probes and what is signed need one."""
    schemes = described["components"]["securitySchemes"]
    assert [scheme["scheme"] for scheme in schemes.values()] == ["bearer"]
    assert described["security"] == [{name: []} for name in schemes]
    open_to_all = {
        (method, path)
        for method, path, operation in operations(described)
        if operation.get("security") == []
    }
    receiving = ("post", "/api/v1/webhooks/{webhook}")  # signed instead
    assert open_to_all == {("get", "/livez"), ("get", "/readyz"), receiving}


@pytest.mark.parametrize("name", ["title", "version"])
async def test_the_document_names_the_service(described: dict[str, Any], name: str) -> None:
    """With the version of the package that serves it."""
    assert described["info"][name]
