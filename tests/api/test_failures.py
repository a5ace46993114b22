"""What callers see when something breaks on our side."""

from __future__ import annotations

import httpx
from sqlalchemy import text

from alga_workflows_core.infra.database import Database


async def test_a_bug_is_answered_with_a_problem(api: httpx.AsyncClient, database: Database) -> None:
    """500 with code and request id, and nothing of what happened inside."""
    async with database.engine.begin() as connection:
        await connection.execute(text("ALTER TABLE workflow_runs RENAME TO somewhere_else"))
    answer = await api.get("/runs")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "INTERNAL"
    assert answer.headers["x-request-id"]
    assert "workflow_runs" not in answer.text
