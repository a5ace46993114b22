"""Drafts, versions and their identity, over HTTP."""

from __future__ import annotations

import asyncio
import copy
import json
from typing import Any

from alga_workflows_core.definition.identity import document_hash
from tests.api.service import Service, check_problem, published, ran, returning, saved


def adding(identity: str, *names: str) -> dict[str, Any]:
    """A definition whose first step sets `names` in this order, each one more than the former."""
    assign: dict[str, Any] = {}
    for former, name in zip(("vars.start", *names), names, strict=False):
        assign[name] = {"$expr": f"$coalesce({former}, 0) + 1"}
    steps = [
        {"id": "add", "type": "transform.assign", "config": {"assign": assign}},
        {"id": "end", "type": "control.return", "value": {"$expr": "vars"}},
    ]
    return {"id": identity, "name": identity, "description": "Adds up.", "steps": steps}


async def versions(service: Service, identity: str) -> list[int]:
    answer = await service.api.get(f"/definitions/{identity}/versions")
    return [version["version"] for version in answer.json()["items"]]


async def test_the_same_content_is_the_same_version(service: Service) -> None:
    """201 once, then 200 with the same number and hash, also after other drafts."""
    document = adding("same", "vars.a", "vars.b")
    first = await published(service.api, document)
    again = await service.api.post("/definitions/same/publish")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json() == {"version": 1, "hash": document_hash(document)}

    other = {**document, "name": "Other"}
    assert (await published(service.api, other)).json()["version"] == 2
    back = await published(service.api, document)
    assert (back.status_code, back.json()) == (200, first.json())
    assert await versions(service, "same") == [2, 1]
    shown = (await service.api.get("/definitions/same")).json()
    assert (shown["activeVersion"], shown["state"], shown["name"]) == (1, "ACTIVE", "same")


async def test_members_in_another_order_are_the_same_version(service: Service) -> None:
    """Only the order of assignments has a meaning."""
    document = adding("turned", "vars.a", "vars.b")
    first = await published(service.api, document)
    turned = dict(reversed(document.items()))
    turned["steps"] = [dict(reversed(step.items())) for step in document["steps"]]
    assert json.dumps(turned) != json.dumps(document)
    again = await published(service.api, turned)
    assert (again.status_code, again.json()) == (200, first.json())


async def test_assignments_in_another_order_are_another_version_that_runs_so(
    service: Service,
) -> None:
    """Each version evaluates in its own order; the plain hash is that of the sorted one."""
    document = adding("ordered", "vars.a", "vars.b", "vars.c")
    assert (await published(service.api, document)).json()["version"] == 1
    assert (await ran(service.api, "ordered"))["result"] == {"a": 1, "b": 2, "c": 3}

    turned = copy.deepcopy(document)
    assign = turned["steps"][0]["config"]["assign"]
    turned["steps"][0]["config"]["assign"] = dict(reversed(assign.items()))
    answer = await published(service.api, turned)
    assert (answer.status_code, answer.json()["version"]) == (201, 2)
    assert (await ran(service.api, "ordered"))["result"] == {"c": 1, "b": 1, "a": 1}
    shown = (await service.api.get("/definitions/ordered/versions/2")).json()["document"]
    assert list(shown["steps"][0]["config"]["assign"]) == ["vars.c", "vars.b", "vars.a"]

    former = await service.api.post(
        "/definitions/ordered/runs", json={"version": 1, "wait": 30, "payload": {}}
    )
    assert former.json()["result"] == {"a": 1, "b": 2, "c": 3}


async def test_a_draft_changes_nothing_that_runs(service: Service) -> None:
    """Runs get the published version until another one is published."""
    await published(service.api, returning("calm", "first"))
    draft = await saved(service.api, returning("calm", "second"))
    assert draft["draft"] == returning("calm", "second")
    assert draft["hash"] == document_hash(returning("calm", "second"))
    assert (await ran(service.api, "calm"))["result"] == "first"
    await service.api.post("/definitions/calm/publish")
    assert (await ran(service.api, "calm"))["result"] == "second"


async def test_a_draft_with_mistakes_is_kept_and_told(service: Service) -> None:
    """People save what they have; the findings say what is left to do."""
    document: dict[str, Any] = {"id": "unready", "steps": [], "extra": {"a/b": 1}}
    draft = await saved(service.api, document)
    assert [(finding["code"], finding["path"]) for finding in draft["findings"]] == [
        ("BLOCK_EMPTY", "/steps"),
        ("FIELD_UNKNOWN", "/extra"),
        ("FIELD_MISSING", "/name"),
    ]
    shown = (await service.api.get("/definitions/unready")).json()
    assert shown["draft"] == document
    assert (shown["name"], shown["state"], shown["activeVersion"]) == ("unready", "DRAFT", None)
    validated = await service.api.post("/validate", json=document)
    assert validated.json()["findings"] == draft["findings"]
    assert await versions(service, "unready") == []


async def test_a_version_says_who_published_it_and_why(service: Service) -> None:
    """With its document, as it was written."""
    await saved(service.api, returning("noted", 1))
    note = "First one.\nFor the desk \u2013 “soon”."
    answer = await service.api.post("/definitions/noted/publish", json={"note": note})
    assert answer.status_code == 201
    version = (await service.api.get("/definitions/noted/versions/1")).json()
    assert (version["note"], version["publishedBy"]) == (note, "dev")
    assert version["document"] == returning("noted", 1)
    assert version["hash"] == answer.json()["hash"]


async def test_publishing_twice_at_once_makes_one_version(service: Service) -> None:
    """Whoever comes second gets the version of the first."""
    await saved(service.api, returning("raced"))
    answers = await asyncio.gather(
        *(service.api.post("/definitions/raced/publish") for _ in range(8))
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert {answer.json()["version"] for answer in answers} == {1}
    assert await versions(service, "raced") == [1]


async def test_only_published_content_reaches_the_version(service: Service) -> None:
    """A draft with errors leaves the versions and the active one alone."""
    await published(service.api, returning("kept", 1))
    await saved(service.api, returning("kept", {"$expr": "("}))
    refused = await service.api.post("/definitions/kept/publish")
    check_problem(refused, 422, "DEFINITION_INVALID")
    assert await versions(service, "kept") == [1]
    assert (await ran(service.api, "kept"))["result"] == 1


async def test_warnings_do_not_hinder_publishing(service: Service) -> None:
    """A step that can never run is told, and the definition runs."""
    document = returning("dead-end", 1)
    document["steps"].append({"id": "late", "type": "control.return", "value": 2})
    draft = await saved(service.api, document)
    assert [finding["severity"] for finding in draft["findings"]] == ["warning"]
    assert (await service.api.post("/definitions/dead-end/publish")).status_code == 201
    assert (await ran(service.api, "dead-end"))["result"] == 1


async def test_the_catalogue_lists_what_can_be_called(service: Service) -> None:
    """With schemas in the names that documents use."""
    items = (await service.api.get("/actions")).json()["items"]
    assert [item["id"] for item in items] == sorted(item["id"] for item in items)
    truncate = next(item for item in items if item["id"] == "text.truncate")
    assert truncate["inputSchema"]["required"] == ["text", "maxLength"]
    assert (truncate["kind"], truncate["version"]) == ("pure", 1)
