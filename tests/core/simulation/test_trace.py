"""The trace of a simulated run: rows of steps and waits, and what was not reached."""

from __future__ import annotations

from datetime import UTC, datetime

from alga_workflows_core.definition.document import parse_definition
from alga_workflows_core.simulation.script import Script
from alga_workflows_core.simulation.simulate import Simulator
from alga_workflows_core.simulation.trace import not_entered, not_reached, step_rows, wait_rows
from alga_workflows_core.types.json import Json

DOCUMENT: Json = {
    "id": "case",
    "name": "Case",
    "steps": [
        {
            "id": "maybe",
            "type": "control.if",
            "condition": {"$expr": "payload.yes"},
            "then": [
                {
                    "id": "nap",
                    "type": "time.wait",
                    "config": {"mode": "duration", "duration": "PT1M"},
                }
            ],
            "else": [{"id": "other", "type": "state.set", "config": {"state": "Other"}}],
        },
        {"id": "over", "type": "control.throw", "code": "OVER"},
        {"id": "behind", "type": "state.set", "config": {"state": "Behind"}},
    ],
}


def test_rows_and_what_was_not_reached() -> None:
    """A row has its times, its status, its output or its error; blocks that never began are told
    in document order.
    """
    definition = parse_definition(DOCUMENT)
    facts = Simulator().simulate(definition, Script(payload={"yes": True})).facts
    start, end = datetime(2030, 1, 1, 12, tzinfo=UTC), datetime(2030, 1, 1, 12, 1, tzinfo=UTC)
    maybe, nap, over = step_rows(facts)
    assert (maybe.step_id, maybe.type, maybe.status) == ("maybe", "control.if", "SUCCEEDED")
    assert (maybe.started_at, maybe.ended_at, maybe.output) == (start, end, {"branch": "then"})
    assert (nap.path, nap.started_at, nap.ended_at, nap.error) == ("maybe/nap", start, end, None)
    assert over.status == "FAILED"
    assert over.error is not None
    assert (over.error["code"], over.error["step"]) == ("OVER", "over")
    assert maybe.position < nap.position < over.position
    (wait,) = wait_rows(facts)
    assert (wait.path, wait.kind, wait.status) == ("maybe/nap", "time", "RESOLVED")
    assert (wait.opened_at, wait.due, wait.closed_at) == (start, end, end)
    assert not_reached(definition, facts) == ["other", "behind"]
    assert not_entered(definition, facts) == ["/steps/0/else"]


def test_rows_of_a_run_that_waits() -> None:
    """What has not ended is RUNNING, or WAITING."""
    definition = parse_definition(DOCUMENT)
    script = Script(payload={"yes": True}, until="PT1S")
    facts = Simulator().simulate(definition, script).facts
    assert [(row.path, row.status, row.ended_at) for row in step_rows(facts)] == [
        ("maybe", "RUNNING", None),
        ("maybe/nap", "RUNNING", None),
    ]
    assert [(row.status, row.closed_at) for row in wait_rows(facts)] == [("WAITING", None)]
