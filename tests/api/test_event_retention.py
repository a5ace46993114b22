"""A run that is older than events are kept still finds what came while it ran."""

from __future__ import annotations

from datetime import timedelta

from alga_workflows_core.events.retention import EventRetention
from alga_workflows_core.infra.metrics import Metrics
from tests.api.inbox import ended, looking_for, settled, tell, until_outcome, waiting_run
from tests.api.service import Service, check_problem

AGE = timedelta(days=200)


async def test_an_old_run_opens_a_wait_for_an_old_event(service: Service) -> None:
    """Its event came early and stays, what nobody looks for goes; when the run has ended, its
    event goes as well."""
    api = service.api
    early = looking_for("EARLY", key="a", into="early")
    run_id = await waiting_run(api, "old", looking_for("GO"), early)
    event = await tell(api, "EARLY", {"n": 1}, key="a")
    noise = await tell(api, "NOISE")
    for each in (event, noise):
        await settled(api, each)
    old = {"age": AGE}
    await service.execute("UPDATE workflow_runs SET created_at = created_at - :age", **old)
    await service.execute(
        "UPDATE workflow_events SET received_at = received_at - :age,"
        " accepted_at = accepted_at - :age",
        **old,
    )

    async def remove() -> None:
        # The service has turns of its own.
        await service.execute("DELETE FROM alga_sweeps")
        await EventRetention(service.storage, Metrics(), keep=timedelta(days=90)).remove_old()

    await remove()
    check_problem(await api.get(f"/events/{noise}"), 404, "NOT_FOUND")
    go = await tell(api, "GO")
    run = await ended(api, run_id)
    assert run["result"]["early"] == {"n": 1}
    await until_outcome(api, go, "taken")
    await remove()
    check_problem(await api.get(f"/events/{event}"), 404, "NOT_FOUND")
    assert (await api.get(f"/events/{go}")).is_success
    waits = (await api.get(f"/runs/{run_id}/waits")).json()["items"]
    assert [wait["status"] for wait in waits] == ["RESOLVED", "RESOLVED"]
