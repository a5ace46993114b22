"""Projects and their bundles over HTTP."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import psycopg

from tests.domain.service.running import RunningService, workflow

A = workflow("answer", "a")
B = workflow("answer", "b")


async def test_projects_are_listed_page_by_page(service: RunningService) -> None:
    """The newest first, each once."""
    made = [await service.project() for _ in range(3)]
    seen: list[str] = []
    after = ""
    while len(seen) < 3:
        page = (await service.ask("GET", f"/v1/projects?limit=2{after}")).json()
        seen += [each["id"] for each in page["items"]]
        after = f"&after={page['next']}"
    assert seen[:3] == made[::-1]


async def test_a_key_makes_one_project(service: RunningService) -> None:
    """Sent again, it finds that one; the name alone is taken."""
    name, headers = f"p-{uuid4().hex}", {"idempotency-key": uuid4().hex}
    answers = [
        await service.ask("POST", "/v1/projects", {"name": name}, **headers) for _ in range(2)
    ]
    assert [each.status_code for each in answers] == [201, 200]
    assert answers[0].json() == answers[1].json()
    again = await service.ask("POST", "/v1/projects", {"name": name})
    assert (again.status_code, again.json()["code"]) == (409, "PROJECT_EXISTS")


async def test_sizes_are_changed_one_by_one(service: RunningService) -> None:
    """What is absent stays; null is a value; more slots than at most are refused."""
    address = f"/v1/projects/{await service.project()}"
    changed = (await service.ask("PATCH", address, {"slots": 2, "idleSeconds": 60})).json()
    assert (changed["slots"], changed["mostSlots"], changed["idleSeconds"]) == (2, 4, 60)
    changed = (await service.ask("PATCH", address, {"idleSeconds": None})).json()
    assert (changed["slots"], changed["idleSeconds"]) == (2, None)
    assert (await service.ask("PATCH", address, {"slots": 5})).status_code == 422


async def test_limits_are_changed_one_by_one(service: RunningService) -> None:
    """What is absent stays, null is the bundle's; the bounds are those of a manifest."""
    address = f"/v1/projects/{await service.project()}"
    none = {"activities": None, "workflows": None, "memoryMb": None}
    assert (await service.ask("GET", address)).json()["limits"] == none
    for change, expected in (
        ({"activities": 3, "memoryMb": 64}, {**none, "activities": 3, "memoryMb": 64}),
        ({"workflows": 2, "memoryMb": None}, {**none, "activities": 3, "workflows": 2}),
        (None, none),
    ):
        changed = await service.ask("PATCH", address, {"limits": change})
        assert changed.json()["limits"] == expected, changed.text
    for wrong in ({"activities": 0}, {"workflows": 1001}, {"memoryMb": 63}, {"disk": 1}):
        answer = await service.ask("PATCH", address, {"limits": wrong, "slots": 2})
        assert answer.status_code == 422, wrong
        assert "/limits" in answer.json()["path"]
    assert (await service.ask("GET", address)).json()["slots"] == 1


async def test_unknown_projects_are_not_found(service: RunningService) -> None:
    """Under every address, as a problem that says what to do."""
    address = f"/v1/projects/{uuid4()}"
    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {}),
        ("GET", "/bundles", None),
        ("POST", "/bundles", {"files": A}),
        ("GET", "/activations", None),
        ("GET", "/worker", None),
        ("PUT", "/worker", {"desired": "running"}),
        ("POST", "/worker/restart", None),
        ("GET", "/instances", None),
        ("GET", "/statistics", None),
        ("GET", "/logs", None),
        ("GET", "/events", None),
        ("POST", "/workflows/answer/runs", {}),
    ):
        answer = await service.ask(method, f"{address}{path}", body)
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND"), path
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["remedy"]


async def test_the_same_content_is_the_same_bundle(service: RunningService) -> None:
    """It is published once, and read back as it was."""
    address = f"/v1/projects/{await service.project()}/bundles"
    answers = [await service.ask("POST", address, {"files": A}) for _ in range(2)]
    assert [each.status_code for each in answers] == [201, 200]
    published = answers[0].json()
    assert published["hash"] == answers[1].json()["hash"]
    assert published["manifest"]["workflows"] == ["answer"]
    assert published["manifest"]["limits"]["activities"] == 10
    read = (await service.ask("GET", f"{address}/{published['hash']}")).json()
    assert read["files"] == A
    other = (await service.ask("POST", address, {"files": B})).json()["hash"]
    listed = (await service.ask("GET", address)).json()["items"]
    assert [each["hash"] for each in listed] == [other, published["hash"]]


async def test_bad_code_is_refused_with_findings(service: RunningService) -> None:
    """By reading, by importing, by the manifest; and nothing is kept."""
    address = f"/v1/projects/{await service.project()}/bundles"
    manifest = {"workflows": ["other"], "activities": []}
    loads_badly = {"workflows.py": f"{A['workflows.py']}\n\nLATER = {{}}['nothing']\n"}
    for body, rule in (
        ({"files": {"workflows.py": "def broken("}}, "SYNTAX"),
        ({"files": {"workflows.py": "import subprocess\n"}}, "IMPORT_REFUSED"),
        ({"files": A, "manifest": manifest}, "NAME_MISSING"),
        ({"files": loads_badly}, "LOAD_FAILED"),
    ):
        answer = await service.ask("POST", address, body)
        assert (answer.status_code, answer.json()["code"]) == (422, "BUNDLE_INVALID"), answer.text
        assert rule in {each["rule"] for each in answer.json()["findings"]}
    assert (await service.ask("GET", address)).json()["items"] == []
    answer = await service.ask("POST", address, {"files": {"../x.py": ""}})
    assert (answer.status_code, answer.json()["code"]) == (422, "BUNDLE_MALFORMED")


async def test_an_old_bundle_is_a_rollback(service: RunningService) -> None:
    """Activations are numbered; what is active already is not activated again."""
    project = await service.project()
    a, b = await service.publish(project, A), await service.publish(project, B)
    for bundle_hash in (a, b, b, a):
        answer = await service.activate(project, bundle_hash, reason="because")
        assert answer.json()["hash"] == bundle_hash
    activations = await service.activations(project)
    assert [(each["seq"], each["hash"]) for each in activations] == [(3, a), (2, b), (1, a)]
    assert activations[0]["reason"] == "because"
    page = (await service.ask("GET", f"/v1/projects/{project}/activations?limit=2")).json()
    rest = f"/v1/projects/{project}/activations?after={page['next']}"
    assert [each["seq"] for each in (await service.ask("GET", rest)).json()["items"]] == [1]


async def test_one_of_two_is_quicker(service: RunningService) -> None:
    """Who did not know of the other's activation changes nothing."""
    project = await service.project()
    a, b = await service.publish(project, A), await service.publish(project, B)
    answers = await asyncio.gather(
        service.activate(project, a, ifSeq=0), service.activate(project, b, ifSeq=0)
    )
    assert sorted(each.status_code for each in answers) == [200, 409]
    (refused,) = (each.json() for each in answers if each.status_code == 409)
    assert (refused["code"], refused["seq"]) == ("ACTIVATION_CONFLICT", 1)
    assert len(await service.activations(project)) == 1


async def test_many_activations_at_once_are_all_numbered(service: RunningService) -> None:
    """Without `ifSeq` each has its turn, and none is lost."""
    project = await service.project()
    bundles = [await service.publish(project, workflow("answer", str(n))) for n in range(4)]
    answers = await asyncio.gather(*(service.activate(project, each) for each in bundles))
    assert sorted(each.json()["seq"] for each in answers) == [1, 2, 3, 4]


async def test_the_first_bundle_cannot_be_ramped(service: RunningService) -> None:
    """There is nothing that the other executions could begin with."""
    project = await service.project()
    answer = await service.activate(project, await service.publish(project, A), rampPercent=10)
    assert (answer.status_code, answer.json()["path"]) == (422, "/rampPercent")


async def test_what_was_changed_is_not_activated(service: RunningService) -> None:
    """Stored content is held against its hash first."""
    project = await service.project()
    bundle_hash = await service.publish(project, A)
    url = service.database_url.replace("postgresql+psycopg", "postgresql")
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("SET session_replication_role = replica")
        await connection.execute(
            'UPDATE alga_domain.code_bundles SET files = \'{"workflows.py": "x = 1"}\''
            " WHERE hash = %s AND project_id = %s",
            [bundle_hash, project],
        )
    answer = await service.activate(project, bundle_hash)
    assert answer.status_code == 422
    assert [each["rule"] for each in answer.json()["findings"]] == ["HASH_MISMATCH"]
    assert await service.activations(project) == []
