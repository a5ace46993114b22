"""Code that a builder saves to the database runs, and that is all that the builder does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest_asyncio
from psycopg.rows import dict_row

from tests.domain.service.running import RunningService, eventually

ACTIVITIES = """
from temporalio import activity

@activity.defn(name="{activity}")
async def do(text: str) -> str:
    return text.upper() + {mark!r}
"""
WORKFLOW = """
from datetime import timedelta
from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from {module} import do

@workflow.defn(name="{name}")
class Flow:
    @workflow.run
    async def run(self, text: str) -> str:
        return await workflow.execute_activity(
            do, text, start_to_close_timeout=timedelta(seconds=20))
"""


class Builder:
    """Writes the document's tables and asks the documented routes."""

    def __init__(self, service: RunningService, rows: psycopg.AsyncConnection[Any]) -> None:
        self.service = service
        self.rows = rows

    async def one(self, sql: str, *values: Any) -> Any:
        found = await (await self.rows.execute(sql.encode(), values)).fetchone()
        assert found is not None
        return found

    async def project(self) -> UUID:
        name = uuid4().hex
        made = await self.one(
            "INSERT INTO projects (name, task_queue_name) VALUES (%s, %s) RETURNING id",
            name,
            f"{name}-queue",
        )
        return made["id"]

    async def workflow(self, project: UUID) -> UUID:
        made = await self.one(
            "INSERT INTO workflows (project_id, name) VALUES (%s, 'w') RETURNING id", project
        )
        return made["id"]

    async def save(self, workflow: UUID, code: str, activities: str = "", **more: str) -> UUID:
        """As its version helper does: what was active is so no longer, the new row is."""
        values = {"package_json": "", "language": None, "worker_code": "", **more}
        async with self.rows.transaction():
            await self.rows.execute(
                "UPDATE workflow_compiled_code SET is_active = false WHERE workflow_id = %s",
                [workflow],
            )
            made = await self.one(
                "INSERT INTO workflow_compiled_code (workflow_id, version, workflow_code,"
                " activities_code, worker_code, package_json, tsconfig_json, language)"
                " VALUES (%s, %s, %s, %s, %s, %s, '', %s) RETURNING id",
                workflow,
                uuid4().hex,
                code,
                activities,
                values["worker_code"],
                values["package_json"],
                values["language"],
            )
        return made["id"]

    async def became(self, row: UUID) -> Any:
        """What became of a row, once something has."""

        async def look() -> Any:
            found = await self.one(
                "SELECT bundle_hash, findings FROM workflow_compiled_code WHERE id = %s", row
            )
            return found if found["bundle_hash"] or found["findings"] else None

        return await eventually(look, "the row's bundle or findings")

    async def rules(self, row: UUID) -> set[str]:
        """The rules that a row has broken."""
        return {each["rule"] for each in (await self.became(row))["findings"] or ()}

    async def run(self, project: UUID, name: str) -> Any:
        answer = await self.service.ask(
            "POST",
            f"/v1/projects/{project}/workflows/{name}/runs",
            {"input": "hi", "wait": 20},
        )
        return answer.json()["result"]


@pytest_asyncio.fixture
async def builder(service: RunningService) -> AsyncGenerator[Builder]:
    """It knows the database's address, and nothing of our schema."""
    async with await psycopg.AsyncConnection[dict[str, Any]].connect(
        service.database_url, autocommit=True, row_factory=dict_row
    ) as connection:
        yield Builder(service, connection)


def code(name: str, module: str = "activities") -> str:
    return WORKFLOW.format(name=name, module=module)


def activities(activity: str, mark: str = "!") -> str:
    return ACTIVITIES.format(activity=activity, mark=mark)


async def test_saved_code_is_started_and_runs(builder: Builder) -> None:
    """Saved and started at once, without waiting; both forms of the import work."""
    project = await builder.project()
    first, second = await builder.workflow(project), await builder.workflow(project)
    rows = [
        await builder.save(first, code("one"), activities("shoutOne")),
        await builder.save(second, code("two", ".activities"), activities("shoutTwo", "?")),
    ]
    answer = await builder.service.ask("POST", "/workers/start", {"projectId": str(project)})
    assert answer.status_code == 200, answer.text
    assert await asyncio.gather(builder.run(project, "one"), builder.run(project, "two")) == [
        "HI!",
        "HI?",
    ]
    hashes = {(await builder.became(row))["bundle_hash"] for row in rows}
    active = (await builder.service.activations(str(project)))[0]
    assert hashes == {active["hash"]}


async def test_bad_code_leaves_what_is_active_alone(builder: Builder) -> None:
    """Its row says why; the next save is right again."""
    project = await builder.project()
    workflow = await builder.workflow(project)
    good = await builder.save(workflow, code("w"), activities("a"))
    before = (await builder.became(good))["bundle_hash"]
    bad = await builder.save(workflow, "import subprocess\n" + code("w"), activities("a"))
    assert await builder.rules(bad) == {"IMPORT_REFUSED"}
    assert [each["hash"] for each in await builder.service.activations(str(project))] == [before]
    better = await builder.save(workflow, code("w"), activities("a", "#"))
    after = (await builder.became(better))["bundle_hash"]
    assert (await builder.service.activations(str(project)))[0]["hash"] == after != before


async def test_a_row_that_is_held_up_says_by_what(builder: Builder) -> None:
    """Changed in place while another one is wrong, it is in no bundle, and knows which one is in
    force; a third, which nobody has touched, is in force as it was."""
    project = await builder.project()
    rows = [
        await builder.save(await builder.workflow(project), code(f"w{n}"), activities(f"a{n}", "!"))
        for n in range(3)
    ]

    async def together() -> str | None:
        found = {(await builder.became(row))["bundle_hash"] for row in rows}
        return found.pop() if len(found) == 1 else None

    before = await eventually(together, "all are in one bundle")

    async def edited(row: UUID, text: str) -> None:
        await builder.rows.execute(
            "UPDATE workflow_compiled_code SET activities_code = %s WHERE id = %s", [text, row]
        )

    await edited(rows[0], "import subprocess")
    await edited(rows[1], activities("a1", "?"))

    async def held_up() -> Any:
        found = await builder.became(rows[1])
        return found if found["findings"] else None

    found = await eventually(held_up, "the row knows that it is held up")
    (finding,) = found["findings"]
    assert (found["bundle_hash"], finding["rule"]) == (None, "HELD_UP")
    for told in (str(rows[0]), "IMPORT_REFUSED", before[:12], "an earlier text of this workflow"):
        assert told in finding["message"]
    assert await builder.became(rows[2]) == {"bundle_hash": before, "findings": None}
    assert await builder.rules(rows[0]) == {"IMPORT_REFUSED"}
    await edited(rows[0], activities("a0", "!"))

    async def in_force() -> bool:
        found = await builder.became(rows[1])
        return found["findings"] is None and found["bundle_hash"] != before

    await eventually(in_force, "with the fault gone, it is in force")


async def test_what_is_not_read_is_told(builder: Builder) -> None:
    """A worker of the builder's own, and packages: the code runs, with a warning for each."""
    project = await builder.project()
    quiet = await builder.save(
        await builder.workflow(project),
        code("quiet"),
        activities("a"),
        worker_code='"""Made by the builder."""\n# nothing\n',
        package_json='{"name": "x", "dependencies": {}}',
        language="python",
    )
    loud = await builder.save(
        await builder.workflow(project),
        code("loud"),
        activities("b"),
        worker_code="import asyncio\nasyncio.run(main())\n",
        package_json='{"dependencies": {"requests": "*"}}',
        language="python",
    )

    async def both() -> bool:
        found = [await builder.became(row) for row in (quiet, loud)]
        hashes = {each["bundle_hash"] for each in found}
        return len(hashes) == 1 and None not in hashes

    await eventually(both, "both are in one bundle")
    assert (await builder.became(quiet))["findings"] is None
    findings = (await builder.became(loud))["findings"]
    assert [each["rule"] for each in findings] == ["NOT_READ", "NOT_READ"]
    assert "worker_code" in findings[0]["message"]
    assert "package_json" in findings[1]["message"]


async def test_two_workflows_may_not_have_one_name(builder: Builder) -> None:
    """Both rows are told; names of their functions and classes may be the same."""
    project = await builder.project()
    rows = [
        await builder.save(await builder.workflow(project), code("same"), activities(f"a{n}"))
        for n in range(2)
    ]

    async def told() -> bool:
        return all([await builder.rules(row) == {"NAME_DUPLICATE"} for row in rows])

    await eventually(told, "both rows have the finding")


async def test_other_languages_are_kept_and_left_out(builder: Builder) -> None:
    """The project's other workflows go on."""
    project = await builder.project()
    foreign = await builder.save(
        await builder.workflow(project), "export async function w() {}", package_json="{}"
    )
    ours = await builder.save(await builder.workflow(project), code("w"), activities("a"))
    assert await builder.rules(foreign) == {"UNSUPPORTED_LANGUAGE"}
    assert (await builder.became(ours))["bundle_hash"]


async def test_reload_collects_the_project_of_a_workflow(builder: Builder) -> None:
    """The documented route does what it says, and says what is in the way."""
    project = await builder.project()
    workflow = await builder.workflow(project)
    await builder.save(workflow, code("w"), activities("a"))
    reload = {"workflowId": str(workflow)}
    answer = await builder.service.ask("POST", "/workflows/reload", reload)
    assert answer.status_code == 200, answer.text
    assert answer.json()["success"] is True
    assert answer.json()["workflowId"] == str(workflow)
    assert answer.json()["message"] == "Worker will reload workflow on next execution"
    assert len(await builder.service.activations(str(project))) == 1
    await builder.save(workflow, "def broken(", "")
    answer = await builder.service.ask("POST", "/workflows/reload", reload)
    assert answer.status_code == 500
    assert "no Python" in answer.json()["error"]
