"""Definitions that ask people, and the tasks that they make."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from tests.api.service import published

FORM: dict[str, Any] = {
    "type": "object",
    "required": ["approved"],
    "additionalProperties": False,
    "properties": {
        "approved": {"type": "boolean"},
        "note": {"type": "string", "pattern": "^[a-z ]+$", "maxLength": 20},
    },
}
YES = {"approved": True}
DEADLINE = 30.0


def asking(identity: str, **config: Any) -> dict[str, Any]:
    """A definition that asks Ada, unless `config` says otherwise, and returns what she says."""
    ask = {
        "id": "ask",
        "type": "human.task",
        "config": {
            "taskType": "approval",
            "title": {"$expr": "'Approve ' & payload.what"},
            "description": "Please look at it.",
            "form": FORM,
            "timeout": "P7D",
            **({} if {"assignees", "candidateGroups"} & set(config) else {"assignees": ["ada"]}),
            "assign": {"vars.answer": {"$expr": "event.payload"}},
            **config,
        },
    }
    end = {"id": "end", "type": "control.return", "value": {"$expr": "vars.answer"}}
    return {"id": identity, "name": identity, "steps": [ask, end]}


async def begun(api: httpx.AsyncClient, identity: str) -> str:
    """Another run of it."""
    started = await api.post(f"/definitions/{identity}/runs", json={"payload": {"what": "it"}})
    assert started.status_code == 201, started.text
    return started.json()["runId"]


async def asked(api: httpx.AsyncClient, document: dict[str, Any]) -> tuple[str, str]:
    """A run of it, and the task that it opens."""
    await published(api, document)
    run_id = await begun(api, document["id"])
    return run_id, await task_of(api, run_id)


async def task_of(api: httpx.AsyncClient, run_id: str) -> str:
    """The first task of a run, once it is there."""
    async with asyncio.timeout(DEADLINE):
        while True:
            waits = (await api.get(f"/runs/{run_id}/waits")).json()["items"]
            for wait in waits:
                found = await api.get(f"/tasks/{wait['waitId']}")
                if found.status_code == 200:
                    return wait["waitId"]
            await asyncio.sleep(0.05)


async def act(api: httpx.AsyncClient, task_id: str, do: str, **body: Any) -> httpx.Response:
    """`do` something to a task."""
    return await api.post(f"/tasks/{task_id}/{do}", json=body)


async def acted(api: httpx.AsyncClient, task_id: str, do: str, **body: Any) -> dict[str, Any]:
    """The task after something was done, which is allowed."""
    answer = await act(api, task_id, do, **body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def detail(api: httpx.AsyncClient, task_id: str) -> dict[str, Any]:
    """All of a task."""
    found = await api.get(f"/tasks/{task_id}")
    assert found.status_code == 200, found.text
    return found.json()


async def task_ids(api: httpx.AsyncClient, **query: Any) -> list[str]:
    """An inbox."""
    found = await api.get("/tasks", params=query)
    assert found.status_code == 200, found.text
    return [task["taskId"] for task in found.json()["items"]]
