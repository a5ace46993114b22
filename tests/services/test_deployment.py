"""A worker is replaced by another one in the middle of a run, as a deployment does it."""

from __future__ import annotations

from tests.durable.definitions import call, document, expr
from tests.services.command import client, eventually, running
from tests.services.definitions import closed_run
from tests.services.gate import ANSWER, Gate


async def test_an_action_with_one_attempt_outlives_a_deployment(
    environ: dict[str, str], key: str, gate: Gate
) -> None:
    """What a worker that is stopped gives up is no attempt: the next one makes it."""
    once = {"maxAttempts": 1, "backoffMs": 10}
    ask = call("ask", "http.request", {"url": gate.url}, saveAs="vars.answer")
    step = {**ask, "retry": once}
    deployed = document("deployed", step, result=expr("vars.answer.body"))
    environ["WORKFLOW_STOP_TIMEOUT"] = "0.5"
    async with running(environ=environ) as first:
        async with client(await first.url(), key) as api:
            await api.put("/api/v1/definitions/deployed/draft", json=deployed)
            assert (await api.post("/api/v1/definitions/deployed/publish")).is_success
            started = await api.post("/api/v1/definitions/deployed/runs", json={})
            await eventually(gate.was_asked, "the action runs")
        first.terminate()
        assert await first.ended() == 0
    gate.open.set()
    async with running(environ=environ) as second, client(await second.url(), key) as api:
        row = await closed_run(api, started.json()["runId"])
    assert (row["status"], row["result"]) == ("SUCCEEDED", ANSWER)
    assert gate.requests == 2
