"""The routes of the document, with its bodies and codes."""

from __future__ import annotations

from uuid import uuid4

import pytest

from alga_workflows_core.infra.auth import Role
from tests.domain.service.running import RunningService


async def test_health_is_the_document_s(service: RunningService) -> None:
    """Word for word."""
    answer = await service.ask("GET", "/health")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "service": "temporal-worker-service"}


@pytest.mark.parametrize("action", ["start", "stop", "restart"])
@pytest.mark.parametrize("body", [None, {}, {"projectId": ""}, {"projectId": 5}, []])
async def test_a_project_has_to_be_named(
    service: RunningService, action: str, body: object
) -> None:
    """Its message is a text in the member `error`."""
    answer = await service.ask("POST", f"/workers/{action}", body)
    assert answer.status_code == 400
    assert set(answer.json()) == {"error"}
    if body is not None:
        assert answer.json()["error"] == "projectId is required"


async def test_a_workflow_has_to_be_named(service: RunningService) -> None:
    """And an unknown one cannot be loaded anew."""
    answer = await service.ask("POST", "/workflows/reload", {})
    assert answer.status_code == 400
    assert answer.json() == {"success": False, "error": "workflowId is required"}
    answer = await service.ask("POST", "/workflows/reload", {"workflowId": str(uuid4())})
    assert answer.status_code == 500
    assert answer.json()["success"] is False


@pytest.mark.parametrize("project", ["00000000-0000-4000-8000-000000000000", "none"])
async def test_of_an_unknown_project_nothing_runs(service: RunningService, project: str) -> None:
    """Starting it fails; stopping it is fine; its status is stopped."""
    for action in ("start", "restart"):
        answer = await service.ask("POST", f"/workers/{action}", {"projectId": project})
        assert answer.status_code == 500
        assert answer.json()["success"] is False
        assert project in answer.json()["error"]
    answer = await service.ask("POST", "/workers/stop", {"projectId": project})
    assert answer.json() == {
        "success": True,
        "message": f"Worker stopped for project {project}",
    }
    answer = await service.ask("GET", f"/workers/status/{project}")
    assert answer.json() == {"projectId": project, "status": "stopped", "isRunning": False}


async def test_a_project_without_code_does_not_start(service: RunningService) -> None:
    """The answer says what to do."""
    project = await service.project()
    answer = await service.ask("POST", "/workers/start", {"projectId": project})
    assert answer.status_code == 500
    assert "no active code" in answer.json()["error"]


async def test_a_worker_is_started_restarted_and_stopped(service: RunningService) -> None:
    """Each answers when it has happened; starting twice is starting once."""
    project = await service.active_project()
    status = f"/workers/status/{project}"
    for _ in range(2):
        answer = await service.ask("POST", "/workers/start", {"projectId": project})
        assert answer.json() == {
            "success": True,
            "message": f"Worker started for project {project}",
        }
    assert (await service.ask("GET", status)).json() == {
        "projectId": project,
        "status": "running",
        "isRunning": True,
    }
    listed = (await service.ask("GET", "/workers")).json()
    assert project in listed["workers"]
    assert listed["count"] == len(listed["workers"])
    (first,) = await _ready(service, project)
    answer = await service.ask("POST", "/workers/restart", {"projectId": project})
    assert answer.json()["message"] == f"Worker restarted for project {project}"
    assert first not in await _ready(service, project, of_newest_generation=True)
    answer = await service.ask("POST", "/workers/stop", {"projectId": project})
    assert answer.json()["message"] == f"Worker stopped for project {project}"
    assert (await service.ask("GET", status)).json()["isRunning"] is False
    assert project not in (await service.ask("GET", "/workers")).json()["workers"]


async def test_others_need_a_key(service: RunningService) -> None:
    """Whoever names the service otherwise than by loopback; and a reader may only look."""
    foreign = {"host": "builder.example"}
    for method, path in (("POST", "/workers/start"), ("GET", "/workers"), ("GET", "/v1/projects")):
        assert (await service.ask(method, path, None, **foreign)).status_code == 401
    assert (await service.ask("GET", "/health", None, **foreign)).status_code == 200
    reader = {"authorization": f"Bearer {await service.key(Role.READER)}", **foreign}
    assert (await service.ask("GET", "/workers", None, **reader)).status_code == 200
    for path in ("/workers/start", "/workers/stop", "/workers/restart", "/workflows/reload"):
        assert (await service.ask("POST", path, {}, **reader)).status_code == 403
    operator = {"authorization": f"Bearer {await service.key(Role.OPERATOR)}", **foreign}
    answer = await service.ask("POST", "/workers/stop", {"projectId": str(uuid4())}, **operator)
    assert answer.status_code == 200
    answer = await service.ask("POST", "/v1/projects", {"name": "n"}, **operator)
    assert answer.status_code == 403


async def _ready(
    service: RunningService, project: str, *, of_newest_generation: bool = False
) -> set[str]:
    worker = (await service.ask("GET", f"/v1/projects/{project}/worker")).json()
    return {
        each["id"]
        for each in worker["instances"]
        if each["state"] == "ready"
        and (not of_newest_generation or each["generation"] == worker["generation"])
    }
