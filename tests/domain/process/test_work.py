"""The worker of a project: from its order to its end."""

from __future__ import annotations

from uuid import uuid4

from tests.domain.process.conftest import Project


async def test_a_workflow_runs_on_the_projects_code(project: Project) -> None:
    """An execution that is started on the project's queue is done by its process."""
    child = await project.running()
    result = await project.client.execute_workflow(
        "Hello", "x", id=str(uuid4()), task_queue=project.queue
    )
    assert result == "hello X"
    child.stop()
    ending = await child.ended()
    assert ending.kind == "wanted"
