"""What a definition that calls others is told: it depends on what its tenant has published."""

from __future__ import annotations

from typing import Any

import pytest

from alga_workflows_core.catalogue.called_workflows import MAX_FOLLOWED
from alga_workflows_core.definition.document import ENGINE
from alga_workflows_core.definition.identity import document_hash, document_text
from alga_workflows_core.storage.definitions import NewVersion
from tests.api.service import Service, check_problem, published, returning, saved

NEEDS_NAME = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


def calling(identity: str, *called: str, **members: Any) -> dict[str, Any]:
    """A definition that calls others; `members` are those of its steps."""
    steps = [
        {"id": f"call{number}", "type": "control.callWorkflow", "workflowId": name, **members}
        for number, name in enumerate(called)
    ]
    return {"id": identity, "name": identity, "steps": steps}


async def told(service: Service, document: dict[str, Any], *, key: str | None = None) -> list[str]:
    """What validation says of the calls in `document`."""
    if key is None:
        answer = await service.api.post("/validate", json=document)
    else:
        async with service.client(key) as client:
            answer = await client.post("/validate", json=document)
    assert answer.status_code == 200, answer.text
    return [
        f"{found['code']} at {found['path']}: {found['message']} {found.get('suggestion')}"
        for found in answer.json()["findings"]
    ]


async def stored(service: Service, document: dict[str, Any]) -> None:
    """Publish `document` behind the service's back, with whatever findings."""
    async with service.storage.unit_of_work("default") as work:
        name = document["id"]
        text, digest = document_text(document), document_hash(document)
        await work.definitions.save_draft(name, name=name, draft=text, draft_hash=digest, by="test")
        new = NewVersion(
            hash=digest,
            document=text,
            actions=[],
            engine=ENGINE,
            expression_engine="jsonatapy",
            note=None,
        )
        version = await work.definitions.add_version(name, new, by="test")
        await work.definitions.activate(name, version.version, by="test")


async def test_a_call_is_known_once_what_it_calls_is_published(service: Service) -> None:
    """A draft of it is not enough; the draft that calls it is told the same as validation is."""
    caller = calling("known-b", "known-a")
    [unknown] = await told(service, caller)
    assert unknown.startswith("WORKFLOW_UNKNOWN at /steps/0/workflowId: ")
    await saved(service.api, returning("known-a"))
    assert await told(service, caller) == [unknown]
    draft = await saved(service.api, caller)
    assert "WORKFLOW_UNKNOWN" in [found["code"] for found in draft["findings"]]

    await published(service.api, returning("known-a"))
    assert await told(service, caller) == []
    draft = await saved(service.api, caller)
    assert draft["findings"] == []


async def test_publishing_asks_the_same(service: Service) -> None:
    """In its own transaction."""
    await saved(service.api, calling("asks-b", "asks-a"))
    refused = await service.api.post("/definitions/asks-b/publish")
    problem = check_problem(refused, 422, "DEFINITION_INVALID")
    codes = [found["code"] for found in problem["findings"]]
    assert codes == ["WORKFLOW_UNKNOWN"]


async def test_definitions_of_other_tenants_are_not_there(service: Service) -> None:
    """Neither to be called nor to be suggested."""
    await published(service.api, returning("secret-report"))
    other = await service.key("author", tenant="elsewhere")
    [found] = await told(service, calling("spy", "secret-report"), key=other)
    assert found.startswith("WORKFLOW_UNKNOWN")
    [found] = await told(service, calling("spy", "secret-repor"), key=other)
    assert "secret-report'" not in found
    assert await told(service, calling("spy", "secret-report")) == []


async def test_a_name_that_is_nearly_right_is_suggested(service: Service) -> None:
    """From what is published, not from drafts or what is archived."""
    await published(service.api, returning("near-invoices"))
    await saved(service.api, returning("near-invoice2"))
    await published(service.api, returning("near-invoice3"))
    await service.api.post("/definitions/near-invoice3/archive")
    [found] = await told(service, calling("near", "near-invoice"))
    assert found.endswith("Did you mean 'near-invoices'?")


async def test_the_payload_is_checked_against_the_version_that_is_called(service: Service) -> None:
    """The active one, or the one that is named; a roll-back counts at once."""
    await published(service.api, returning("versed"))
    await published(service.api, returning("versed", payloadSchema=NEEDS_NAME))
    [found] = await told(service, calling("v", "versed"))
    assert found.startswith("WORKFLOW_INPUT_MISSING at /steps/0/inputMapping/name")
    assert await told(service, calling("v", "versed", workflowVersion=1)) == []
    [found] = await told(service, calling("v", "versed", workflowVersion=3))
    assert found.startswith("WORKFLOW_VERSION_UNKNOWN at /steps/0/workflowVersion")
    assert found.endswith("It has 1, 2.")

    await service.api.post("/definitions/versed/activate", json={"version": 1})
    assert await told(service, calling("v", "versed")) == []
    [found] = await told(service, calling("v", "versed", workflowVersion=2))
    assert found.startswith("WORKFLOW_INPUT_MISSING")


@pytest.mark.parametrize("number", [2**31 - 1, 2**31, 2**53 - 1, True, -1, "1"])
async def test_no_version_number_is_too_odd(service: Service, number: Any) -> None:
    """It is answered, not failed on."""
    await published(service.api, returning("odd"))
    [found] = await told(service, calling("o", "odd", workflowVersion=number))
    assert "/steps/0/workflowVersion" in found


async def test_what_is_paused_can_be_called_and_what_is_archived_cannot(service: Service) -> None:
    """Its runs wait in the one case, and never start in the other."""
    await published(service.api, returning("resting"))
    await service.api.post("/definitions/resting/pause")
    assert await told(service, calling("r", "resting")) == []
    await service.api.post("/definitions/resting/archive")
    [found] = await told(service, calling("r", "resting"))
    assert found.startswith(
        "WORKFLOW_VERSION_UNKNOWN at /steps/0/workflowId: resting has no active"
    )


async def test_a_circle_is_told(service: Service) -> None:
    """However many definitions it leads through, of their active versions only."""
    await stored(service, calling("ring-a", "ring-b"))
    await stored(service, calling("ring-b", "ring-c"))
    await stored(service, returning("ring-c"))
    [found] = await told(service, calling("ring-c", "ring-a"))
    assert found.startswith("WORKFLOW_CYCLE at /steps/0/workflowId: ")
    assert "calls itself: ring-c → ring-a → ring-b → ring-c." in found
    await stored(service, returning("ring-b"))
    assert await told(service, calling("ring-c", "ring-a")) == []


async def test_a_circle_of_drafts_is_none(service: Service) -> None:
    """What is not published calls nothing yet."""
    await published(service.api, returning("loop-a"))
    await saved(service.api, calling("loop-a", "loop-b"))
    assert await told(service, calling("loop-b", "loop-a")) == []


async def test_a_definition_may_call_itself(service: Service) -> None:
    """It is there as soon as it is published."""
    [found] = await told(service, calling("self", "self"))
    assert found.startswith("WORKFLOW_CYCLE")


async def test_many_calls_are_looked_up_and_too_many_are_let_pass(service: Service) -> None:
    """What is not looked up is not called unknown."""
    many = [f"many-{number}" for number in range(50)]
    assert len(await told(service, calling("many", *many))) == 50
    await published(service.api, returning("many-49"))
    assert len(await told(service, calling("many", *many))) == 49
    too_many = [f"many-{number}" for number in range(MAX_FOLLOWED + 1)]
    assert await told(service, calling("many", *too_many)) == []


ODD: list[Any] = [
    [{"type": "control.callWorkflow", "workflowId": "a"}],
    {"steps": [{"type": "control.callWorkflow", "workflowId": "a\x00"}]},
    {"steps": [{"type": "control.callWorkflow", "workflowId": ["a"]}, 5, None, [[]]]},
    {"id": [], "steps": [{"type": "control.callWorkflow", "workflowId": "a"}]},
    {"id": {"a": 1}, "steps": [{"type": "control.callWorkflow", "workflowId": "a"}]},
]


@pytest.mark.parametrize("document", ODD, ids=str)
async def test_what_is_no_definition_is_answered_too(service: Service, document: Any) -> None:
    """With its other faults."""
    answer = await service.api.post("/validate", json=document)
    assert answer.status_code == 200, answer.text
    assert answer.json()["findings"]
