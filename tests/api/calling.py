"""Definitions that call others, and what became of their runs."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

import httpx

from tests.api.service import published

FINAL = frozenset({"SUCCEEDED", "FAILED", "CANCELED", "TIMED_OUT"})
DEADLINE = 40.0


def definition(identity: str, *steps: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"id": identity, "name": identity, "steps": list(steps), **members}


def call(called: str, step: str = "call", **members: Any) -> dict[str, Any]:
    """A step that calls `called` and keeps what it gives in `vars.answer`."""
    return {
        "id": step,
        "type": "control.callWorkflow",
        "workflowId": called,
        "saveAs": "vars.answer",
        **members,
    }


def give(value: Any) -> dict[str, Any]:
    return {"id": "end", "type": "control.return", "value": value}


ANSWER = {"$expr": "vars.answer"}


def rest(duration: str = "PT1H") -> dict[str, Any]:
    return {
        "id": "rest",
        "type": "time.wait",
        "config": {"mode": "duration", "duration": duration},
    }


def throw(code: str) -> dict[str, Any]:
    return {
        "id": "throw",
        "type": "control.throw",
        "code": code,
        "message": f"It is {code}.",
        "details": {"a": 1},
    }


def count(key: str, step: str = "count") -> dict[str, Any]:
    """A step that counts in the tenant's data, and keeps how far in `vars.n`."""
    return {
        "id": step,
        "type": "action.call",
        "config": {
            "actionId": "data.increment",
            "version": 1,
            "inputMapping": {"namespace": "tests", "key": key},
            "saveAs": "vars.n",
        },
    }


async def publish(api: httpx.AsyncClient, *documents: dict[str, Any]) -> None:
    for document in documents:
        await published(api, document)


async def start(api: httpx.AsyncClient, identity: str, payload: Any = None) -> str:
    answer = await api.post(f"/definitions/{identity}/runs", json={"payload": payload or {}})
    assert answer.status_code == 201, answer.text
    return answer.json()["runId"]


async def run_of(api: httpx.AsyncClient, run_id: str) -> dict[str, Any]:
    answer = await api.get(f"/runs/{run_id}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def until(
    api: httpx.AsyncClient, run_id: str, wanted: Collection[str] = FINAL
) -> dict[str, Any]:
    """The run as soon as it has one of these states."""
    async with asyncio.timeout(DEADLINE):
        while True:
            run = await run_of(api, run_id)
            if run["status"] in wanted:
                return run
            await asyncio.sleep(0.05)


async def called(api: httpx.AsyncClient, identity: str, payload: Any = None) -> dict[str, Any]:
    """A run of a definition, to its end."""
    return await until(api, await start(api, identity, payload))


async def children(api: httpx.AsyncClient, run_id: str, *, at_least: int = 0) -> list[Any]:
    """The runs that a run has started, the oldest first, once there are so many."""
    async with asyncio.timeout(DEADLINE):
        while True:
            answer = await api.get("/runs", params={"parent": run_id, "limit": 200})
            assert answer.status_code == 200, answer.text
            found: list[Any] = answer.json()["items"]
            if len(found) >= at_least:
                return found[::-1]
            await asyncio.sleep(0.05)
