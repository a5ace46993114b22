"""A published definition, started over HTTP, executed on Temporal, seen in PostgreSQL."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx
import pytest
from temporalio.client import Client, WorkflowExecutionStatus

from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.temporal.names import workflow_id

GREETING: dict[str, Any] = {
    "id": "greeting",
    "name": "Greeting",
    "payloadSchema": {
        "type": "object",
        "required": ["name"],
        "properties": {"name": {"type": "string"}},
    },
    "steps": [
        {
            "id": "slug",
            "type": "action.call",
            "config": {
                "actionId": "text.slug",
                "version": 1,
                "inputMapping": {"text": {"$expr": "payload.name"}},
                "saveAs": "vars.slug",
            },
        },
        {
            "id": "known",
            "type": "control.if",
            "condition": {"$expr": "vars.slug.slug = 'ada-lovelace'"},
            "then": [
                {
                    "id": "welcome",
                    "type": "transform.assign",
                    "config": {
                        "assign": {
                            "vars.who": {"$expr": "payload.name"},
                            "vars.greeting": {"$expr": "'Welcome back, ' & vars.who"},
                        }
                    },
                },
                {
                    "id": "log",
                    "type": "action.call",
                    "config": {
                        "actionId": "log.write",
                        "version": 1,
                        "inputMapping": {"message": {"$expr": "vars.greeting"}},
                    },
                },
            ],
            "else": [
                {
                    "id": "stranger",
                    "type": "transform.assign",
                    "config": {"assign": {"vars.greeting": "Hello, stranger"}},
                }
            ],
        },
        {"id": "answer", "type": "control.return", "value": {"$expr": "vars.greeting"}},
    ],
}


async def publish(api: httpx.AsyncClient, document: dict[str, Any]) -> dict[str, Any]:
    """Publish `document`; the answer of the second call."""
    saved = await api.put(f"/definitions/{document['id']}/draft", json=document)
    assert saved.status_code == 200, saved.text
    assert saved.json()["findings"] == []
    published = await api.post(f"/definitions/{document['id']}/publish")
    assert published.is_success, published.text
    return published.json()


async def test_a_published_definition_runs_to_its_result(api: httpx.AsyncClient) -> None:
    """The result comes with the answer to the start, and every step has a row, in order."""
    await publish(api, GREETING)
    started = await api.post(
        "/definitions/greeting/runs", json={"payload": {"name": "Ada Lovelace"}, "wait": 20}
    )
    assert started.status_code == 201
    assert started.json()["status"] == "SUCCEEDED", started.json()
    assert started.json()["result"] == "Welcome back, Ada Lovelace"

    run_id = started.json()["runId"]
    run = (await api.get(f"/runs/{run_id}")).json()
    assert run["definitionId"] == "greeting"
    assert run["version"] == 1
    assert run["payload"] == {"name": "Ada Lovelace"}
    assert run["createdAt"] <= run["closedAt"]
    assert run["startedAt"] <= run["closedAt"]

    steps = (await api.get(f"/runs/{run_id}/steps")).json()["items"]
    assert [(step["path"], step["type"], step["status"]) for step in steps] == [
        ("slug", "action.call", "SUCCEEDED"),
        ("known", "control.if", "SUCCEEDED"),
        ("known/welcome", "transform.assign", "SUCCEEDED"),
        ("known/log", "action.call", "SUCCEEDED"),
        ("answer", "control.return", "SUCCEEDED"),
    ]
    assert steps[0]["output"] == {"slug": "ada-lovelace"}
    assert steps[1]["output"] == {"branch": "then"}


async def test_the_other_branch_is_taken_when_the_condition_is_false(
    api: httpx.AsyncClient,
) -> None:
    """Only the steps of the branch that was taken have rows."""
    await publish(api, GREETING)
    started = await api.post(
        "/definitions/greeting/runs", json={"payload": {"name": "Grace"}, "wait": 20}
    )
    assert started.json()["result"] == "Hello, stranger"
    steps = (await api.get(f"/runs/{started.json()['runId']}/steps")).json()["items"]
    assert [step["path"] for step in steps] == ["slug", "known", "known/stranger", "answer"]


async def test_the_execution_has_the_contract_names(
    api: httpx.AsyncClient, temporal_client: Client, storage: Storage
) -> None:
    """Workflow id, type, queue and result are what other programs rely on; the row names it."""
    await publish(api, GREETING)
    started = await api.post(
        "/definitions/greeting/runs", json={"payload": {"name": "Grace"}, "wait": 20}
    )
    run_id = UUID(started.json()["runId"])
    handle = temporal_client.get_workflow_handle(f"workflow-runtime-v2:run:{run_id}")
    assert await handle.result() == "Hello, stranger"
    described = await handle.describe()
    assert described.workflow_type == "workflowRuntimeV2RunWorkflow"
    assert described.task_queue == "workflow-runtime-v2"
    assert described.status is WorkflowExecutionStatus.COMPLETED
    async with storage.unit_of_work("default") as work:
        row = await work.runs.get(run_id)
    assert row is not None
    assert row.temporal_run_id == described.run_id


async def test_the_same_key_starts_one_run(api: httpx.AsyncClient, temporal_client: Client) -> None:
    """201 once, then 200 with the same run; another payload under the same key is refused."""
    await publish(api, GREETING)
    body = {"payload": {"name": "Ada"}, "wait": 20}
    headers = {"Idempotency-Key": "order-1"}
    first = await api.post("/definitions/greeting/runs", json=body, headers=headers)
    again = await api.post("/definitions/greeting/runs", json=body, headers=headers)
    other = await api.post(
        "/definitions/greeting/runs", json={"payload": {"name": "Eve"}}, headers=headers
    )
    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 422)
    assert first.json() == again.json()
    assert other.json()["code"] == "KEY_REUSED"
    executions = [found.id async for found in temporal_client.list_workflows()]
    assert executions in ([workflow_id(UUID(first.json()["runId"]))], [])
    assert len((await api.get("/runs")).json()["items"]) == 1


async def test_an_error_of_the_author_fails_the_run_with_its_shape(
    api: httpx.AsyncClient,
) -> None:
    """The run and the step that failed tell the same error, with code, category and step path."""
    await publish(
        api,
        {
            "id": "broken",
            "name": "Broken",
            "steps": [
                {
                    "id": "outer",
                    "type": "control.if",
                    "condition": True,
                    "then": [
                        {
                            "id": "number",
                            "type": "transform.assign",
                            "config": {"assign": {"vars.x": {"$expr": "1 + 'one'"}}},
                        }
                    ],
                },
                {"id": "never", "type": "control.return"},
            ],
        },
    )
    started = await api.post("/definitions/broken/runs", json={"wait": 20})
    answer = started.json()
    assert answer["status"] == "FAILED"
    assert answer["error"]["code"] == "EXPRESSION_TYPE"
    assert answer["error"]["category"] == "Expression"
    assert answer["error"]["step"] == "outer/number"
    steps = (await api.get(f"/runs/{answer['runId']}/steps")).json()["items"]
    assert [(step["path"], step["status"]) for step in steps] == [
        ("outer", "FAILED"),
        ("outer/number", "FAILED"),
    ]
    assert steps[1]["error"] == answer["error"]


@pytest.mark.parametrize("length", [25])
async def test_a_long_chain_of_local_actions_ends(api: httpx.AsyncClient, length: int) -> None:
    """More local actions than a chain may hold run to the end, each with its row."""
    document = {
        "id": "chatty",
        "name": "Chatty",
        "steps": [
            {
                "id": f"line{index}",
                "type": "action.call",
                "config": {
                    "actionId": "log.write",
                    "version": 1,
                    "inputMapping": {"message": f"line {index}", "level": "debug"},
                },
            }
            for index in range(length)
        ],
    }
    await publish(api, document)
    started = await api.post("/definitions/chatty/runs", json={"wait": 30})
    assert started.json()["status"] == "SUCCEEDED", started.json()
    steps = (await api.get(f"/runs/{started.json()['runId']}/steps")).json()["items"]
    assert len(steps) == length
