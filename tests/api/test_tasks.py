"""Tasks over HTTP: inboxes, who may do what, and what runs get for it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.asking import YES, act, acted, asked, asking, begun, detail, task_ids, task_of
from tests.api.service import Service, check_problem, published
from tests.api.test_waits import until_status

NOBODY = "00000000-0000-0000-0000-000000000000"


async def test_the_whole_life_of_a_task(service: Service) -> None:
    """It is in the inbox of the group, is claimed, handed on and answered; the run gets the answer,
    and the task tells all of it."""
    document = asking("life", candidateGroups=["managers"], dueIn="P2D", remindEvery="P1D")
    run_id, task_id = await asked(service.api, document)
    (listed,) = (await service.api.get("/tasks", params={"group": "managers"})).json()["items"]
    assert (listed["taskId"], listed["runId"], listed["path"]) == (task_id, run_id, "ask")
    assert (listed["title"], listed["taskType"], listed["state"]) == (
        "Approve it",
        "approval",
        "OPEN",
    )
    assert listed["candidateGroups"] == ["managers"]
    assert listed["dueAt"] is not None
    bob = {"by": "bob", "groups": ["drivers", "managers"]}
    claimed = await acted(service.api, task_id, "claim", **bob)
    assert (claimed["state"], claimed["claimedBy"]) == ("CLAIMED", "bob")
    handed = await acted(service.api, task_id, "delegate", **bob, to="cyd")
    assert (handed["claimedBy"], handed["assignees"]) == ("cyd", ["cyd"])
    done = await acted(service.api, task_id, "complete", by="cyd", answer=YES)
    assert (done["state"], done["closedBy"], done["answeredBy"]) == ("COMPLETED", "cyd", ["cyd"])
    run = await until_status(service.api, run_id, "SUCCEEDED")
    assert run["result"] == YES
    seen = await detail(service.api, task_id)
    assert seen["answer"] == YES
    assert [(each["by"], each["answer"]) for each in seen["answers"]] == [("cyd", YES)]
    assert [(each["deed"], each["by"]) for each in seen["log"]] == [
        ("OPENED", None),
        ("CLAIMED", "bob"),
        ("DELEGATED", "bob"),
        ("ANSWERED", "cyd"),
        ("COMPLETED", "cyd"),
    ]
    assert {each["via"] for each in seen["log"][1:4]} == {"dev"}
    assert seen["form"]["required"] == ["approved"]


@pytest.mark.parametrize(
    ("answer", "path"),
    [
        ({}, "/answer"),
        ({"approved": "yes"}, "/answer/approved"),
        ({"approved": True, "note": "NO"}, "/answer/note"),
        ({"approved": True, "more": 1}, "/answer"),
        (None, "/answer"),
        ({"approved": True, "__admin_override": True}, "/answer"),
    ],
)
async def test_an_answer_that_does_not_fit_the_form_changes_nothing(
    service: Service, answer: Any, path: str
) -> None:
    """422 with the places and reasons; the task waits for another answer."""
    identity = "form"
    await published(service.api, asking(identity))
    task_id = await task_of(service.api, await begun(service.api, identity))
    refused = await act(service.api, task_id, "complete", by="ada", answer=answer)
    problem = check_problem(refused, 422, "ANSWER_INVALID", path=path)
    assert problem["errors"][0]["path"] == path
    assert problem["errors"][0]["message"].endswith(".")
    assert problem["total"] == len(problem["errors"])
    seen = await detail(service.api, task_id)
    assert (seen["state"], seen["answers"]) == ("OPEN", [])
    assert [each["deed"] for each in seen["log"]] == ["OPENED"]


async def test_an_operator_does_not_get_past_the_form_either(service: Service) -> None:
    """Who ends the wait by hand gives an answer that fits, or none."""
    run_id, task_id = await asked(service.api, asking("by-hand"))
    refused = await service.api.post(f"/waits/{task_id}/resolve", json={"value": {"approved": 1}})
    check_problem(refused, 422, "ANSWER_INVALID", path="/value/approved")
    ended = await service.api.post(f"/waits/{task_id}/resolve", json={"value": YES})
    assert ended.status_code == 202
    assert (await until_status(service.api, run_id, "SUCCEEDED"))["result"] == YES
    seen = await detail(service.api, task_id)
    assert (seen["state"], seen["closedBy"], seen["answer"]) == ("COMPLETED", "dev", YES)
    assert [each["deed"] for each in seen["log"]] == ["OPENED", "COMPLETED"]


async def test_what_is_too_large_is_not_kept(service: Service) -> None:
    """256 KiB for one answer, whatever the form says; less where many have to answer."""
    _, one = await asked(service.api, asking("large", form={}))
    refused = await act(service.api, one, "complete", by="ada", answer="x" * 262_144)
    check_problem(refused, 413, "SIZE_LIMIT", path="/answer")
    await acted(service.api, one, "complete", by="ada", answer="x" * 262_000)
    group = ["everybody"]
    _, many = await asked(
        service.api, asking("large-vote", form={}, candidateGroups=group, quorum=100)
    )
    refused = await act(service.api, many, "complete", by="ada", groups=group, answer="x" * 10_486)
    check_problem(refused, 413, "SIZE_LIMIT", path="/answer")


async def test_only_those_who_are_asked_may_act(service: Service) -> None:
    """By name or by a group that was sent along; without both everybody may."""
    _, task_id = await asked(
        service.api, asking("asked", assignees=["ada"], candidateGroups=["managers"])
    )
    stranger: dict[str, Any] = {"by": "eve", "groups": ["drivers", "ada"]}
    for do, more in (("claim", {}), ("complete", {"answer": YES}), ("delegate", {"to": "cyd"})):
        refused = await act(service.api, task_id, do, **stranger, **more)
        check_problem(refused, 403, "TASK_NOT_YOURS")
    refused = await act(service.api, task_id, "claim")
    assert "dev" in check_problem(refused, 403, "TASK_NOT_YOURS")["detail"]
    await acted(service.api, task_id, "complete", by="eve", groups=["managers"], answer=YES)
    await service.api.put("/definitions/anybody/draft", json=asking("anybody", assignees=["x"]))
    document = asking("anybody", assignees=["x"])
    del document["steps"][0]["config"]["assignees"]
    await service.api.put("/definitions/anybody/draft", json=document)
    assert (await service.api.post("/definitions/anybody/publish")).status_code == 201
    open_to_all = await task_of(service.api, await begun(service.api, "anybody"))
    assert open_to_all in await task_ids(service.api, person="whoever")
    done = await acted(service.api, open_to_all, "complete", by="whoever", answer=YES)
    assert (done["forEverybody"], done["state"]) == (True, "COMPLETED")


async def test_a_claimed_task_belongs_to_one(service: Service) -> None:
    """Others are told who has it, until it is given back; an operator can take it away."""
    _, task_id = await asked(service.api, asking("mine", assignees=["ada", "bob"]))
    await acted(service.api, task_id, "claim", by="ada")
    for do, more in (
        ("claim", {}),
        ("unclaim", {}),
        ("complete", {"answer": YES}),
        ("delegate", {"to": "cyd"}),
    ):
        problem = check_problem(
            await act(service.api, task_id, do, by="bob", **more), 409, "TASK_CLAIMED"
        )
        assert problem["claimedBy"] == "ada"
    freed = await acted(service.api, task_id, "unclaim", by="ada")
    assert (freed["state"], freed["claimedBy"]) == ("OPEN", None)
    await acted(service.api, task_id, "claim", by="bob")
    freed = await acted(service.api, task_id, "unclaim", by="boss", force=True)
    assert freed["state"] == "OPEN"
    await acted(service.api, task_id, "complete", by="ada", answer=YES)
    deeds = [(each["deed"], each["by"]) for each in (await detail(service.api, task_id))["log"]]
    assert ("UNCLAIMED", "boss") in deeds


async def test_doing_the_same_again_is_answered_as_before(service: Service) -> None:
    """A request whose answer was lost is sent again; it is no conflict and is not logged twice."""
    _, task_id = await asked(service.api, asking("again", assignees=["ada", "bob"]))
    for do, body in (
        ("claim", {"by": "ada"}),
        ("delegate", {"by": "ada", "to": "bob"}),
        ("unclaim", {"by": "bob"}),
        ("claim", {"by": "bob"}),
        ("complete", {"by": "bob", "answer": YES}),
    ):
        first = await acted(service.api, task_id, do, **body)
        assert await acted(service.api, task_id, do, **body) == first, do
    other = await act(service.api, task_id, "complete", by="bob", answer={"approved": False})
    problem = check_problem(other, 409, "TASK_CLOSED")
    assert problem["taskState"] == "COMPLETED"
    for do, body in (("claim", {"by": "bob"}), ("unclaim", {"by": "bob"}), ("dismiss", {})):
        check_problem(await act(service.api, task_id, do, **body), 409, "TASK_CLOSED")
    deeds = [each["deed"] for each in (await detail(service.api, task_id))["log"]]
    assert deeds == [
        *("OPENED", "CLAIMED", "DELEGATED", "UNCLAIMED", "CLAIMED", "ANSWERED", "COMPLETED")
    ]


async def test_a_quorum_takes_one_answer_of_each(service: Service) -> None:
    """Nobody claims it; a second answer of somebody changes nothing; the last one ends it."""
    group = ["board"]
    run_id, task_id = await asked(
        service.api, asking("vote", candidateGroups=group, assignees=["zoe"], quorum=3)
    )
    claim = await act(service.api, task_id, "claim", by="zoe")
    check_problem(claim, 409, "TASK_FOR_SEVERAL")
    no = {"approved": False}
    await acted(service.api, task_id, "complete", by="ada", groups=group, answer=YES)
    seen = await acted(service.api, task_id, "complete", by="ada", groups=group, answer=no)
    assert (seen["state"], seen["answeredBy"]) == ("OPEN", ["ada"])
    check_problem(
        await act(service.api, task_id, "delegate", by="ada", groups=group, to="bob"),
        409,
        "TASK_ANSWERED",
    )
    check_problem(
        await act(service.api, task_id, "delegate", by="bob", groups=group, to="zoe"),
        409,
        "TASK_ASKED",
    )
    for _ in range(2):
        seen = await acted(service.api, task_id, "delegate", by="zoe", to="bob")
        assert (seen["assignees"], seen["state"]) == (["bob"], "OPEN")
    check_problem(
        await act(service.api, task_id, "complete", by="zoe", answer=no), 403, "TASK_NOT_YOURS"
    )
    await acted(service.api, task_id, "complete", by="bob", answer=no)
    done = await acted(service.api, task_id, "complete", by="cyd", groups=group, answer=YES)
    assert (done["state"], done["answeredBy"]) == ("COMPLETED", ["ada", "bob", "cyd"])
    given = [("ada", YES), ("bob", no), ("cyd", YES)]
    run = await until_status(service.api, run_id, "SUCCEEDED")
    assert run["result"] == {"answers": [{"by": name, "payload": answer} for name, answer in given]}
    assert (await detail(service.api, task_id))["answer"] == run["result"]


async def test_a_dismissed_task_fails_its_step(service: Service) -> None:
    """With who did it and why; the definition may catch that."""
    document = asking("dismissed")
    guard = {
        "id": "guard",
        "type": "control.tryCatch",
        "try": [document["steps"][0]],
        "catchOn": ["TASK_DISMISSED"],
        "captureErrorAs": "vars.why",
        "catch": [{"id": "no", "type": "control.return", "value": {"$expr": "error.details"}}],
    }
    run_id, task_id = await asked(service.api, {**document, "steps": [guard]})
    body = {"by": "boss", "reason": "not needed"}
    first = await acted(service.api, task_id, "dismiss", **body)
    assert (first["state"], first["closedBy"]) == ("CANCELED", "boss")
    assert await acted(service.api, task_id, "dismiss", **body) == first
    check_problem(await act(service.api, task_id, "dismiss", by="eve"), 409, "TASK_CLOSED")
    check_problem(
        await act(service.api, task_id, "complete", by="ada", answer=YES), 409, "TASK_CLOSED"
    )
    assert (await until_status(service.api, run_id, "SUCCEEDED"))["result"] == body
    seen = await detail(service.api, task_id)
    assert [each["deed"] for each in seen["log"]] == ["OPENED", "DISMISSED"]
    assert seen["answer"] is None


async def test_inboxes_are_by_person_group_state_and_type(service: Service) -> None:
    """A person's is what asks them, or everybody, and what they have claimed; groups add theirs."""
    _, by_name = await asked(service.api, asking("inbox-a", assignees=["ina"]))
    _, by_group = await asked(service.api, asking("inbox-b", candidateGroups=["inbox"]))
    _, other = await asked(
        service.api, asking("inbox-c", candidateGroups=["inbox", "more"], taskType="inbox-check")
    )

    async def inbox(**query: Any) -> list[str]:
        # Other tests ask everybody.
        return [
            each
            for each in await task_ids(service.api, **query)
            if each in (by_name, by_group, other)
        ]

    assert await inbox(person="ina") == [by_name]
    assert await inbox(group="inbox") == [other, by_group]
    assert await inbox(person="ina", group=["inbox", "more"]) == [*(other, by_group, by_name)]
    assert await inbox(type="inbox-check") == [other]
    assert await inbox(group="ina") == []
    await acted(service.api, by_group, "claim", by="ina", groups=["inbox"])
    assert await inbox(person="ina") == [by_group, by_name]
    assert await inbox(person="ina", state="CLAIMED") == [by_group]
    assert await inbox(group="inbox", state=["OPEN", "COMPLETED"]) == [other]
    await acted(service.api, by_group, "unclaim", by="ina")
    await acted(service.api, by_name, "complete", by="ina", answer=YES)
    assert await inbox(person="ina", state="OPEN") == []
    first = await service.api.get("/tasks", params={"group": "inbox", "limit": 1})
    assert [task["taskId"] for task in first.json()["items"]] == [other]
    rest = await service.api.get(
        "/tasks", params={"group": "inbox", "limit": 1, "after": first.json()["next"]}
    )
    assert [task["taskId"] for task in rest.json()["items"]] == [by_group]
    assert rest.json()["next"] is None


async def test_tasks_of_other_tenants_are_not_there(service: Service) -> None:
    """Neither in lists nor by id, whatever is done to them."""
    _, task_id = await asked(service.api, asking("ours"))
    async with service.client(await service.key("admin", tenant="globex")) as globex:
        assert await task_ids(globex) == []
        check_problem(await globex.get(f"/tasks/{task_id}"), 404, "NOT_FOUND")
        for do, body in (
            ("claim", {}),
            ("unclaim", {}),
            ("complete", {"answer": YES}),
            ("delegate", {"to": "eve"}),
            ("dismiss", {}),
        ):
            refused = await act(globex, task_id, do, **body, by="ada")
            check_problem(refused, 404, "NOT_FOUND")
    assert (await detail(service.api, task_id))["state"] == "OPEN"
    check_problem(await act(service.api, NOBODY, "claim"), 404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("do", "body", "path"),
    [
        ("claim", {"by": ""}, "/by"),
        ("claim", {"by": "x" * 201}, "/by"),
        ("claim", {"by": "a\nb"}, "/by"),
        ("claim", {"groups": "managers"}, "/groups"),
        ("complete", {}, "/answer"),
        ("complete", {"answer": 1, "force": True}, "/force"),
        ("delegate", {"to": ""}, "/to"),
        ("delegate", {"by": "ada", "to": "ada"}, "/to"),
        ("dismiss", {"reason": "x" * 501}, "/reason"),
    ],
)
async def test_what_is_no_request_is_told(
    service: Service, do: str, body: dict[str, Any], path: str
) -> None:
    """With the place, before anything is looked at."""
    answer = await act(service.api, NOBODY, do, **body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["path"] == path
