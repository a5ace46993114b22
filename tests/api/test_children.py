"""A called definition is a run of its own, whose end its caller gets."""

from __future__ import annotations

from typing import Any

import pytest

from alga_workflows_core.definition.document import ENGINE
from alga_workflows_core.definition.identity import document_hash, document_text
from alga_workflows_core.runs.children import MAX_DEPTH
from alga_workflows_core.storage.definitions import NewVersion
from tests.api.calling import (
    ANSWER,
    call,
    called,
    children,
    count,
    definition,
    give,
    publish,
    rest,
    run_of,
    start,
    throw,
    until,
)
from tests.api.service import Service, saved

NUMBER = {"type": "object", "properties": {"n": {"type": "integer"}}}


async def test_a_caller_gets_the_result_of_its_child(service: Service) -> None:
    """The child is a run of its own with its caller's payload for it; both know of each other."""
    api = service.api
    double = definition("double", give({"twice": {"$expr": "payload.n * 2"}}))
    calls = call("double", inputMapping={"n": {"$expr": "payload.n"}})
    await publish(api, double, definition("doubling", calls, give(ANSWER)))
    run = await called(api, "doubling", {"n": 21})
    assert (run["status"], run["result"]) == ("SUCCEEDED", {"twice": 42})
    assert (run["parentRunId"], run["rootRunId"], run["depth"]) == (None, None, 0)
    (child,) = await children(api, run["runId"])
    assert (child["definitionId"], child["status"]) == ("double", "SUCCEEDED")
    assert (child["triggerType"], child["createdBy"]) == ("child", f"run:{run['runId']}")
    assert (child["parentRunId"], child["rootRunId"], child["depth"]) == (
        run["runId"],
        run["runId"],
        1,
    )
    (wait,) = (await api.get(f"/runs/{run['runId']}/waits")).json()["items"]
    assert (wait["kind"], wait["status"], wait["path"]) == ("child", "RESOLVED", "call")
    assert child["executionKey"] == wait["waitId"]
    assert wait["resolution"] == {
        "runId": child["runId"],
        "status": "SUCCEEDED",
        "result": {"twice": 42},
        "error": None,
    }
    assert await children(api, child["runId"]) == []


async def test_a_detached_child_is_not_waited_for(service: Service) -> None:
    """The caller gets its id and goes on; the child is its child, and ends by itself."""
    api = service.api
    slow = definition("slow", rest("PT1S"), give(1))
    await publish(api, slow, definition("leaving", call("slow", mode="detach"), give(ANSWER)))
    run = await called(api, "leaving")
    (child,) = await children(api, run["runId"])
    assert (run["status"], run["result"]) == ("SUCCEEDED", {"runId": child["runId"]})
    assert (child["rootRunId"], child["depth"]) == (run["runId"], 1)
    assert (await api.get(f"/runs/{run['runId']}/waits")).json()["items"] == []
    assert (await until(api, child["runId"]))["result"] == 1


async def test_the_error_of_a_child_is_the_cause_of_its_callers(service: Service) -> None:
    """CHILD_FAILED says which run failed; its cause is the child's error, unchanged."""
    api = service.api
    await publish(
        api, definition("jammed", throw("JAMMED")), definition("printing", call("jammed"))
    )
    run = await called(api, "printing")
    (child,) = await children(api, run["runId"])
    error = run["error"]
    assert (run["status"], error["code"], error["category"]) == ("FAILED", "CHILD_FAILED", "Child")
    assert error["message"] == "It is JAMMED."
    assert error["details"] == {"runId": child["runId"], "status": "FAILED"}
    assert error["cause"] == child["error"]
    assert error["cause"]["details"] == {"a": 1}


async def test_each_attempt_is_a_run_of_its_own(service: Service) -> None:
    """A child that fails twice and then succeeds is three runs of the same payload."""
    api = service.api
    failing = {
        "id": "if",
        "type": "control.if",
        "condition": {"$expr": "vars.n.value < 3"},
        "then": [throw("TOO_EARLY")],
    }
    third = definition("third", count("third"), failing, give({"$expr": "payload.n"}))
    again = call(
        "third",
        inputMapping={"n": 7},
        retry={"maxAttempts": 3, "backoffMs": 1, "retryOn": ["CHILD_FAILED"]},
    )
    await publish(api, third, definition("insisting", again, give(ANSWER)))
    run = await called(api, "insisting")
    assert (run["status"], run["result"]) == ("SUCCEEDED", 7)
    found = await children(api, run["runId"])
    assert [child["status"] for child in found] == ["FAILED", "FAILED", "SUCCEEDED"]
    assert len({child["executionKey"] for child in found}) == 3


async def test_a_pinned_version_is_called_whatever_is_active(service: Service) -> None:
    """Without one, the version is called that is active when the call begins."""
    api = service.api
    await publish(api, definition("grown", give(1)), definition("grown", give(2)))
    both = definition(
        "comparing",
        call("grown", step="old", workflowVersion=1, saveAs="vars.old"),
        call("grown", step="new", saveAs="vars.new"),
        give([{"$expr": "vars.old"}, {"$expr": "vars.new"}]),
    )
    await publish(api, both)
    assert (await called(api, "comparing"))["result"] == [1, 2]
    await publish(api, definition("grown", give(3)))
    assert (await called(api, "comparing"))["result"] == [1, 3]


async def _publish_unchecked(service: Service, document: dict[str, Any]) -> None:
    """Publish what has findings, as it was before what it names had gone."""
    async with service.storage.unit_of_work("default") as work:
        await work.definitions.reserve(document["id"], by="test")
        new = NewVersion(
            hash=document_hash(document),
            document=document_text(document),
            actions=[],
            engine=ENGINE,
            expression_engine="test",
            note=None,
        )
        version = await work.definitions.add_version(document["id"], new, by="test")
        await work.definitions.activate(document["id"], version.version, by="test")


@pytest.mark.parametrize("mode", ["wait", "detach"])
async def test_a_child_that_cannot_be_started_fails_its_call(service: Service, mode: str) -> None:
    """No such definition or version, one that is paused, a payload that does not fit or is too
    large: the call fails with CHILD_FAILED, whose cause says so, and no run is there."""
    api = service.api
    paused, fussy = f"paused-{mode}", f"fussy-{mode}"
    await publish(
        api,
        definition(paused, give(1)),
        definition(fussy, give(1), payloadSchema={**NUMBER, "required": ["n"]}),
    )
    assert (await api.post(f"/definitions/{paused}/pause")).status_code == 200
    large = {"$expr": "[payload.text, payload.text]"}
    causes = {
        "WORKFLOW_UNKNOWN": call("nowhere"),
        "WORKFLOW_VERSION_UNKNOWN": call(fussy, workflowVersion=9, inputMapping={"n": 1}),
        "DEFINITION_NOT_ACTIVE": call(paused),
        "PAYLOAD_INVALID": call(fussy, inputMapping={"n": {"$expr": "'seven'"}}),
        "SIZE_LIMIT": call(fussy, inputMapping={"n": 1, "more": large}),
    }
    for code, calls in causes.items():
        identity = f"calling-{code.lower()}-{mode}".replace("_", "-")
        await _publish_unchecked(service, definition(identity, {**calls, "mode": mode}))
        run = await called(api, identity, {"text": "x" * 200_000})
        error = run["error"]
        assert (run["status"], error["code"], error["cause"]["code"]) == (
            "FAILED",
            "CHILD_FAILED",
            code,
        )
        assert error["details"] == {"runId": None, "status": "FAILED"}
        category = "Limit" if code == "SIZE_LIMIT" else "Validation"
        assert error["cause"]["category"] == category
        assert await children(api, run["runId"]) == []


async def test_runs_do_not_call_each_other_without_end(service: Service) -> None:
    """A definition that calls itself is stopped at the depth limit; all of its runs end."""
    api = service.api
    caught = {
        "id": "try",
        "type": "control.tryCatch",
        "try": [call("deeper", inputMapping={"n": {"$expr": "payload.n + 1"}})],
        "catch": [
            {"id": "said", "type": "control.return", "value": {"$expr": "[payload.n, error.cause]"}}
        ],
    }
    deeper = definition("deeper", caught, give(ANSWER))
    assert [each["code"] for each in (await saved(api, deeper))["findings"]] == ["WORKFLOW_CYCLE"]
    assert (await api.post("/definitions/deeper/publish")).status_code == 201
    run = await called(api, "deeper", {"n": 0})
    depth, error = run["result"]
    assert (run["status"], depth) == ("SUCCEEDED", MAX_DEPTH)
    assert (error["code"], error["category"]) == ("CHILD_DEPTH_LIMIT", "Limit")
    (child,) = await children(api, run["runId"])
    (grandchild,) = await children(api, child["runId"])
    assert (grandchild["rootRunId"], grandchild["depth"]) == (run["runId"], 2)


async def test_two_hundred_children_of_one_loop(service: Service) -> None:
    """Each item gets the result of its own child, ten at a time."""
    api = service.api
    square = definition("square", give({"$expr": "payload.n * payload.n"}))
    one = call("square", inputMapping={"n": {"$expr": "n"}}, saveAs="vars.square")
    loop = {
        "id": "loop",
        "type": "control.forEach",
        "items": {"$expr": "[1..200]"},
        "itemVar": "n",
        "concurrency": 10,
        "body": [one],
        "output": {"$expr": "vars.square"},
        "saveAs": "vars.answer",
    }
    await publish(api, square, definition("squares", loop, give(ANSWER)))
    run = await called(api, "squares")
    assert run["status"] == "SUCCEEDED", run["error"]
    assert run["result"] == [n * n for n in range(1, 201)]
    found = await children(api, run["runId"])
    assert len(found) == 200
    assert {child["status"] for child in found} == {"SUCCEEDED"}


async def test_a_child_whose_row_was_lost_ends_the_wait_all_the_same(service: Service) -> None:
    """The row is made anew by what the child says of itself, with whom it comes from."""
    api = service.api
    await publish(
        api,
        definition("resting", rest("PT2S"), give("rested")),
        definition("losing", call("resting"), give(ANSWER)),
    )
    run_id = await start(api, "losing")
    (child,) = await children(api, run_id, at_least=1)
    await until(api, child["runId"], {"WAITING"})
    await service.execute("DELETE FROM workflow_runs WHERE id = :id", id=child["runId"])
    run = await until(api, run_id)
    assert (run["status"], run["result"]) == ("SUCCEEDED", "rested")
    (found,) = await children(api, run_id)
    assert (found["runId"], found["depth"]) == (child["runId"], 1)


async def test_children_of_another_tenant_are_nobodys(service: Service) -> None:
    """A tenant lists children of its own runs only."""
    api = service.api
    await publish(api, definition("inner", give(1)), definition("outer", call("inner")))
    run_id = await start(api, "outer")
    await until(api, run_id)
    async with service.client(await service.key("reader", tenant="globex")) as globex:
        assert await children(globex, run_id) == []
    assert (await run_of(api, run_id))["depth"] == 0
