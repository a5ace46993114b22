"""Which version runs, conditional drafts, and what a version has changed, over HTTP."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest

from alga_workflows_core.definition.identity import document_hash
from tests.api.service import Service, check_problem, published, ran, returning, saved


async def post(service: Service, identity: str, command: str, **body: Any) -> httpx.Response:
    return await service.api.post(f"/definitions/{identity}/{command}", json=body)


async def state(service: Service, identity: str) -> tuple[str, int | None]:
    shown = (await service.api.get(f"/definitions/{identity}")).json()
    return shown["state"], shown["activeVersion"]


async def put(
    service: Service, document: dict[str, Any], **headers: str | list[str]
) -> httpx.Response:
    """PUT the draft; a list sends one header line for each item."""
    lines = [
        (name.replace("_", "-"), line)
        for name, value in headers.items()
        for line in ([value] if isinstance(value, str) else value)
    ]
    return await service.api.put(
        f"/definitions/{document['id']}/draft", json=document, headers=lines
    )


async def test_any_published_version_can_be_made_the_active_one(service: Service) -> None:
    """Back and forth, without touching the draft or making versions; new runs get it."""
    await published(service.api, returning("turns", "one"))
    await published(service.api, returning("turns", "two"))
    await saved(service.api, returning("turns", "draft"))
    for version, result in ((1, "one"), (2, "two"), (1, "one")):
        answer = await post(service, "turns", "activate", version=version)
        assert answer.status_code == 200
        view = answer.json()
        assert (view["state"], view["activeVersion"]) == ("ACTIVE", version)
        assert "draft" not in view
        assert (await ran(service.api, "turns"))["result"] == result
    shown = (await service.api.get("/definitions/turns")).json()
    assert shown["draft"] == returning("turns", "draft")
    assert len((await service.api.get("/definitions/turns/versions")).json()["items"]) == 2


async def test_what_is_paused_starts_nothing_until_it_is_resumed(service: Service) -> None:
    """With the version that was active before."""
    await published(service.api, returning("rests", 1))
    await published(service.api, returning("rests", 2))
    await post(service, "rests", "activate", version=1)
    assert (await post(service, "rests", "pause")).json()["state"] == "PAUSED"
    refused = await post(service, "rests", "runs")
    check_problem(refused, 409, "DEFINITION_NOT_ACTIVE")
    check_problem(await post(service, "rests", "publish"), 409, "DEFINITION_NOT_ACTIVE")
    resumed = (await post(service, "rests", "resume")).json()
    assert (resumed["state"], resumed["activeVersion"]) == ("ACTIVE", 1)
    assert (await ran(service.api, "rests"))["result"] == 1


@pytest.mark.parametrize("command", ["pause", "archive"])
async def test_a_run_that_is_queued_or_running_goes_on(service: Service, command: str) -> None:
    """Only new ones are refused."""
    identity = f"goes-on-{command}"
    await published(service.api, returning(identity, "ended"))
    started = (await post(service, identity, "runs")).json()
    assert (await post(service, identity, command)).status_code == 200
    async with asyncio.timeout(30):
        while True:
            run = (await service.api.get(f"/runs/{started['runId']}")).json()
            if run["closedAt"] is not None:
                break
            await asyncio.sleep(0.05)
    assert (run["status"], run["result"]) == ("SUCCEEDED", "ended")
    check_problem(await post(service, identity, "runs"), 409, "DEFINITION_NOT_ACTIVE")


@pytest.mark.parametrize("version", [None, 1])
async def test_what_is_archived_can_be_activated_again(
    service: Service, version: int | None
) -> None:
    """With the version it had, or with another one."""
    identity = f"back-{version or 0}"
    await published(service.api, returning(identity, 1))
    await published(service.api, returning(identity, 2))
    assert (await post(service, identity, "archive")).json()["state"] == "ARCHIVED"
    body = {} if version is None else {"version": version}
    assert (await post(service, identity, "activate", **body)).status_code == 200
    assert await state(service, identity) == ("ACTIVE", version or 2)


async def test_asking_for_what_is_so_changes_nothing(service: Service) -> None:
    """200 with the same answer, and every row stays as it is, times included."""
    await published(service.api, returning("same-again", 1))
    for command, body in (
        ("activate", {"version": 1}),
        ("activate", {}),
        ("resume", {}),
        ("pause", {}),
        ("archive", {}),
    ):
        first = await post(service, "same-again", command, **body)
        assert first.status_code == 200
        content = await service.content()
        again = await service.api.post(f"/definitions/same-again/{command}", json=body)
        assert (again.status_code, again.json()) == (200, first.json())
        assert await service.content() == content


async def test_who_changed_the_state_is_kept(service: Service) -> None:
    """In the audit columns, as for drafts."""
    await published(service.api, returning("audited", 1))
    async with service.client(await service.key("author")) as author:
        view = (await author.post("/definitions/audited/pause")).json()
    assert view["createdBy"] == "dev"
    assert view["updatedBy"].startswith("key:")
    assert view["updatedAt"] > view["createdAt"]


async def test_changes_that_the_state_forbids_are_refused(service: Service) -> None:
    """With what to do instead, and without writing anything."""
    await saved(service.api, returning("unborn"))
    await saved(service.api, returning("stillborn"))
    assert (await post(service, "stillborn", "archive")).json()["state"] == "ARCHIVED"
    await published(service.api, returning("put-away"))
    await post(service, "put-away", "archive")
    content = await service.content()
    for identity, command, code, remedy in (
        ("unborn", "activate", "DEFINITION_NOT_PUBLISHED", "/definitions/unborn/publish first."),
        ("unborn", "pause", "DEFINITION_NOT_PUBLISHED", "/definitions/unborn/publish first."),
        ("unborn", "resume", "DEFINITION_NOT_PUBLISHED", "/definitions/unborn/publish first."),
        ("stillborn", "activate", "DEFINITION_NOT_PUBLISHED", "under another id"),
        ("put-away", "pause", "DEFINITION_NOT_ACTIVE", "/definitions/put-away/activate"),
        ("put-away", "resume", "DEFINITION_NOT_PAUSED", "/definitions/put-away/activate"),
    ):
        problem = check_problem(await post(service, identity, command), 409, code)
        assert remedy in problem["remedy"]
    for command in ("activate", "pause", "resume", "archive"):
        check_problem(await post(service, "nobody", command), 404, "NOT_FOUND")
        answer = await post(service, "put-away", command, surprise=1)
        check_problem(answer, 422, "BODY_INVALID", path="/surprise")
    absent = await post(service, "put-away", "activate", version=2)
    check_problem(absent, 404, "NOT_FOUND", path="/version")
    wrong = await post(service, "put-away", "activate", version=0)
    check_problem(wrong, 422, "BODY_INVALID", path="/version")
    assert await service.content() == content


async def test_definitions_of_others_are_not_found(service: Service) -> None:
    """An author of another tenant changes no state and learns no changes."""
    await published(service.api, returning("private"))
    key = await service.key("author", tenant="other")
    content = await service.content()
    async with service.client(key) as author:
        for command in ("activate", "pause", "resume", "archive"):
            answer = await author.post(f"/definitions/private/{command}")
            check_problem(answer, 404, "NOT_FOUND")
        answer = await author.get("/definitions/private/versions/1/changes")
        check_problem(answer, 404, "NOT_FOUND")
    assert await service.content() == content


async def test_a_draft_has_an_etag(service: Service) -> None:
    """The same where it was saved and where it is read; another one for another content."""
    document = returning("tagged", 1)
    first = await put(service, document)
    assert first.headers["etag"] == f'"{document_hash(document)}"'
    shown = await service.api.get("/definitions/tagged")
    assert shown.headers["etag"] == first.headers["etag"]
    assert (await put(service, returning("tagged", 2))).headers["etag"] != first.headers["etag"]


async def test_a_draft_that_somebody_else_has_changed_is_not_overwritten(
    service: Service,
) -> None:
    """412 for the ETag of what was there before; with the present one it is saved."""
    old = (await put(service, returning("shared", 1))).headers["etag"]
    new = (await put(service, returning("shared", 2), If_Match=old)).headers["etag"]
    content = await service.content()
    refused = await put(service, returning("shared", 3), If_Match=old)
    problem = check_problem(refused, 412, "DRAFT_CHANGED", path="If-Match")
    assert "its ETag as If-Match" in problem["remedy"]
    assert await service.content() == content
    assert (await put(service, returning("shared", 3), If_Match=new)).status_code == 200


SAME = f'"{document_hash(returning("asked"))}"'


@pytest.mark.parametrize(
    ("headers", "saves", "creates"),
    [
        ({"If_Match": "*"}, True, False),
        ({"If_Match": SAME}, True, False),
        ({"If_Match": f'"a,b", {SAME}'}, True, False),
        ({"If_Match": ['"other"', SAME]}, True, False),
        ({"If_Match": '"other"'}, False, False),
        ({"If_Match": f"W/{SAME}"}, False, False),
        ({"If_Match": '"*"'}, False, False),
        ({"If_Match": '""'}, False, False),
        ({"If_None_Match": "*"}, False, True),
        ({"If_None_Match": SAME}, False, True),
        ({"If_None_Match": f"W/{SAME}"}, False, True),
        ({"If_None_Match": '"other"'}, True, True),
        ({"If_None_Match": '"*"'}, True, True),
        ({"If_Match": SAME, "If_None_Match": "*"}, False, False),
        ({"If_Match": SAME, "If_None_Match": '"other"'}, True, False),
    ],
    ids=str,
)
async def test_conditions_by_rfc_9110(
    service: Service, headers: dict[str, Any], saves: bool, creates: bool
) -> None:
    """Whether each lets a draft be replaced that is there, and one be made that is not."""
    await put(service, returning("asked"))
    answer = await put(service, returning("asked"), **headers)
    assert answer.status_code == (200 if saves else 412), answer.text
    fresh = f"fresh-{uuid4()}"
    content = await service.content()
    answer = await put(service, returning(fresh), **headers)
    assert answer.status_code == (200 if creates else 412), answer.text
    assert (await service.content() != content) == creates


@pytest.mark.parametrize("value", ["", "abc", '"a', '"a" "b"', '*, "a"', 'x,"a"', '"a",x', "**"])
@pytest.mark.parametrize("header", ["If-Match", "If-None-Match"])
async def test_what_is_no_etag_is_refused(service: Service, header: str, value: str) -> None:
    """Rather than taken for no condition."""
    content = await service.content()
    answer = await put(service, returning("no-etag"), **{header: value})
    problem = check_problem(answer, 422, "PARAMETER_INVALID", path=header)
    assert "quotes" in problem["remedy"]
    assert await service.content() == content


@pytest.mark.parametrize("only", ["create", "replace"])
async def test_of_writers_at_the_same_time_one_wins(service: Service, only: str) -> None:
    """All saw the same, so all but one are told that it has changed."""
    for turn in range(5):
        identity = f"raced-{only}-{turn}"
        headers = {"If_None_Match": "*"}
        if only == "replace":
            headers = {"If_Match": (await put(service, returning(identity))).headers["etag"]}
        answers = await asyncio.gather(
            *(put(service, returning(identity, value), **headers) for value in range(1, 9))
        )
        assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7
        (winner,) = [answer for answer in answers if answer.status_code == 200]
        shown = await service.api.get(f"/definitions/{identity}")
        assert shown.json()["draft"] == winner.json()["draft"]
        assert shown.headers["etag"] == winner.headers["etag"]


async def test_a_definition_without_a_draft_has_no_etag(service: Service) -> None:
    """`If-Match: *` asks for a draft, not for a definition."""
    await saved(service.api, returning("bare"))
    await service.execute(
        "UPDATE workflow_definitions SET draft = NULL, draft_hash = NULL WHERE id = 'bare'"
    )
    assert "etag" not in (await service.api.get("/definitions/bare")).headers
    refused = await put(service, returning("bare"), If_Match="*")
    problem = check_problem(refused, 412, "DRAFT_CHANGED", path="If-Match")
    assert problem["remedy"] == "Send it without If-Match."
    assert (await put(service, returning("bare"), If_None_Match="*")).status_code == 200


async def test_what_a_version_has_changed(service: Service) -> None:
    """Against the version before, against any other, and as a first one."""
    for value in (1, 2, 3):
        await published(service.api, returning("told", value))

    async def changes(number: int, **query: int) -> dict[str, Any]:
        answer = await service.api.get(f"/definitions/told/versions/{number}/changes", params=query)
        assert answer.status_code == 200
        return answer.json()

    def change(old: int, new: int) -> dict[str, Any]:
        message = f"The value of 'end' changed from {old} to {new}."
        return {"path": "/steps/0/value", "kind": "changed", "message": message}

    assert await changes(3) == {"from": 2, "to": 3, "changes": [change(2, 3)], "omitted": 0}
    assert (await changes(3, **{"from": 1}))["changes"] == [change(1, 3)]
    assert (await changes(1, **{"from": 3}))["changes"] == [change(3, 1)]
    assert (await changes(2, **{"from": 2}))["changes"] == []
    first = await changes(1)
    assert first["from"] is None
    assert [each["message"] for each in first["changes"]] == [
        'The name was added: "Told".',
        "Step 'end' (control.return) was added to the definition, as the first step.",
    ]


async def test_changes_are_bounded(service: Service) -> None:
    """200 are told, and how many were left out."""
    document = returning("long")
    assign = {f"vars.v{index}": index for index in range(250)}
    step = {"id": "set", "type": "transform.assign", "config": {"assign": assign}}
    await published(service.api, {**document, "steps": [step]})
    other = {name: index + 1 for index, name in enumerate(assign)}
    await published(service.api, {**document, "steps": [{**step, "config": {"assign": other}}]})
    found = (await service.api.get("/definitions/long/versions/2/changes")).json()
    assert (len(found["changes"]), found["omitted"]) == (200, 50)


async def test_changes_of_versions_that_are_not_there(service: Service) -> None:
    """404 for either, 422 for what is no number of a version."""
    await published(service.api, returning("lone"))
    path = "/definitions/lone/versions"
    for missing in ("2/changes", "1/changes?from=2"):
        check_problem(await service.api.get(f"{path}/{missing}"), 404, "NOT_FOUND")
    wrong = await service.api.get(f"{path}/1/changes?from=0")
    check_problem(wrong, 422, "PARAMETER_INVALID", path="from")
