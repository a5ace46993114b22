"""Bundles are imported from memory, and run in the SDK's sandbox as any other code."""

from __future__ import annotations

import asyncio
import importlib
import json
import statistics
import sys
import traceback
from typing import Any
from uuid import uuid4

import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from alga_temporal_domain.projects.bundles import Bundle, Limits, Manifest
from alga_temporal_domain.projects.findings import Rule
from alga_temporal_domain.projects.loading import LoadError, load
from alga_temporal_domain.projects.reading import manifest_of
from tests.domain.code.importing import bundle_of, imported
from tests.domain.samples import sample_bundle

ACTIVITY = "from temporalio import activity\n@activity.defn\nasync def act() -> str: return 'a'\n"


@activity.defn(name="sampleActivity")
async def sample(value: dict[str, Any]) -> str:
    return f"Processed: {value['message']}"


@activity.defn(name="buildPackage")
async def build(value: dict[str, Any]) -> dict[str, Any]:
    return {"success": True, "packageName": value["packageName"]}


@activity.defn(name="transformData")
async def transform(value: dict[str, Any]) -> str:
    return str(value["data"]).upper()


@activity.defn(name="validateData")
async def validate(value: dict[str, Any]) -> dict[str, Any]:
    return {"valid": "@" in value["data"], "errors": []}


@activity.defn(name="waitFor")
async def wait_for(value: dict[str, Any]) -> dict[str, Any]:
    await asyncio.sleep(value["milliseconds"] / 1000)
    return {"waited": value["milliseconds"], "reason": value["reason"]}


@activity.defn(name="logMessage")
async def log_message(value: dict[str, Any]) -> None:
    activity.logger.info(value["message"])


BUILT_IN = [sample, build, transform, validate, wait_for, log_message]


async def test_the_sample_workflows_run(temporal_client: Client) -> None:
    """Both samples give their documented results on a real server in the default sandbox."""
    queue = f"samples-{uuid4()}"
    with imported(sample_bundle()) as loaded:
        async with Worker(
            temporal_client,
            task_queue=queue,
            workflows=loaded.workflows,
            activities=[*BUILT_IN, *loaded.activities],
            build_id="samples",
        ):
            simple = await temporal_client.execute_workflow(
                "simpleTestWorkflow", "Hello from test client!", id=f"s-{uuid4()}", task_queue=queue
            )
            whole: dict[str, Any] = await temporal_client.execute_workflow(
                "testSampleActivities",
                {"testMessage": "Hello!"},
                id=f"t-{uuid4()}",
                task_queue=queue,
            )
    assert simple == "Processed: Hello from test client!"
    assert whole["sampleResult"] == "Processed: Hello!"
    assert whole["buildResult"]["packageName"] == "test-package"
    assert whole["transformResult"] == "HELLO WORLD"
    assert whole["validationResult"] == {"valid": True, "errors": []}


SANDBOX = {
    "state.py": "seen: list[str] = []\n",
    "shared/names.py": "PREFIX = 'hello '\n",
    "flows.py": """
from __future__ import annotations
import state
from temporalio import workflow
from shared.names import PREFIX

@workflow.defn(name="greet")
class Greet:
    @workflow.run
    async def run(self, name: str) -> list[str]:
        state.seen.append(PREFIX + name)
        return state.seen

@workflow.defn(name="fail")
class Fail:
    @workflow.run
    async def run(self) -> None:
        from temporalio.exceptions import ApplicationError
        raise ApplicationError("broken on purpose")
""",
}


async def test_each_run_has_modules_of_its_own(temporal_client: Client) -> None:
    """What a workflow leaves in a module, another run does not see: the sandbox imports anew."""
    queue = f"sandbox-{uuid4()}"
    with imported(bundle_of(SANDBOX)) as loaded:
        async with Worker(
            temporal_client, task_queue=queue, workflows=loaded.workflows, build_id="sandbox"
        ):
            results = [
                await temporal_client.execute_workflow(
                    "greet", name, id=f"g-{uuid4()}", task_queue=queue
                )
                for name in ("one", "two")
            ]
            with pytest.raises(WorkflowFailureError) as failed:
                await temporal_client.execute_workflow("fail", id=f"f-{uuid4()}", task_queue=queue)
    assert results == [["hello one"], ["hello two"]]
    cause = failed.value.cause
    assert isinstance(cause, ApplicationError)
    assert cause.failure is not None
    trace = cause.failure.stack_trace
    assert "bundle/flows.py" in trace
    assert 'raise ApplicationError("broken on purpose")' in trace


def test_loading_takes_milliseconds() -> None:
    """The samples are loaded in less than 30 ms, in a process that has the SDK already."""
    taken: list[float] = []
    for _ in range(7):
        with imported(sample_bundle()) as loaded:
            taken.append(loaded.seconds)
    assert statistics.median(taken) < 0.03


def test_only_what_a_module_itself_defines_is_found() -> None:
    """A workflow or activity that several modules import is there once."""
    files = {
        "one.py": ACTIVITY,
        "two.py": "from one import act\nimport one\nagain = act\n",
        "deep/er/three.py": "from one import act as renamed\n",
    }
    with imported(bundle_of(files)) as loaded:
        assert [one.__name__ for one in loaded.activities] == ["act"]
        assert importlib.import_module("deep.er.three").renamed is loaded.activities[0]


def test_tracebacks_show_the_text() -> None:
    """A failure inside a bundle shows path, line and the line's text."""
    files = {"one.py": ACTIVITY, "sums.py": "def divide(a: int) -> float:\n    return a / 0\n"}
    with imported(bundle_of(files)):
        with pytest.raises(ZeroDivisionError) as failed:
            importlib.import_module("sums").divide(1)
        shown = "".join(traceback.format_exception(failed.value))
    assert 'File "bundle/sums.py", line 2, in divide\n    return a / 0' in shown


@pytest.mark.parametrize(
    ("text", "told", "line"),
    [
        ("x = 1\nraise ValueError('no ' + 'way')\n", "ValueError: no way", 2),
        ("def f():\n    return 1 / 0\n\nf()\n", "ZeroDivisionError: division by zero", 2),
        ("import not_there_at_all\n", "No module named 'not_there_at_all'", 1),
        ("raise SystemExit(3)\n", "SystemExit: 3", 1),
        ("raise BaseException('x' * 9000)\n", "BaseException: xxx", 1),
        ("x = (\n", "SyntaxError: '(' was never closed", 1),
        ("from one import missing\n", "cannot import name 'missing'", 1),
    ],
    ids=["raise", "deeper", "no-module", "exit", "long", "syntax", "no-name"],
)
def test_a_failing_import_is_a_finding(text: str, told: str, line: int) -> None:
    """It says the module, the last line inside the bundle and the error; nothing stays behind."""
    bundle = Bundle(
        manifest=Manifest(workflows=(), activities=("act",)),
        files={"one.py": ACTIVITY, "two.py": text},
    )
    before = list(sys.meta_path)
    with pytest.raises(LoadError) as failed:
        load(bundle)
    (finding,) = failed.value.findings
    assert (finding.rule, finding.path, finding.line) == (Rule.LOAD_FAILED, "two.py", line)
    assert told in finding.message
    assert len(finding.message) <= 500
    assert sys.meta_path == before
    assert "one" not in sys.modules


def test_names_that_differ_are_findings() -> None:
    """What the manifest names and the import does not give, and the other way round."""
    bundle = Bundle(
        manifest=Manifest(workflows=("flow",), activities=("other",)), files={"one.py": ACTIVITY}
    )
    with pytest.raises(LoadError) as failed:
        load(bundle)
    assert [finding.rule for finding in failed.value.findings] == [
        Rule.NAME_MISSING,
        Rule.NAME_MISSING,
        Rule.NAME_UNDECLARED,
    ]


@pytest.mark.parametrize("name", ["json", "temporalio", "pytest", "hypothesis"])
def test_a_module_of_the_process_is_not_replaced(name: str) -> None:
    """A bundle's module never takes the place of one that the process has or could import."""
    bundle = Bundle(
        manifest=Manifest(workflows=(), activities=("act",)), files={f"{name}.py": ACTIVITY}
    )
    with pytest.raises(LoadError) as failed:
        load(bundle)
    assert [finding.rule for finding in failed.value.findings] == [Rule.MODULE_SHADOWED]


def test_the_compiler_is_told_nothing_of_ours() -> None:
    """Annotations of a bundle are evaluated unless the bundle says otherwise."""
    files = {"one.py": ACTIVITY, "two.py": "def f(a: int) -> None: ...\n"}
    with imported(bundle_of(files)):
        assert importlib.import_module("two").f.__annotations__ == {"a": int, "return": None}


def test_a_bundle_survives_json() -> None:
    """A bundle that was stored and read has the same hash."""
    bundle = sample_bundle()
    stored = json.loads(json.dumps(bundle.model_dump(mode="json", by_alias=True)))
    assert Bundle.model_validate(stored).hash == bundle.hash
    assert manifest_of(bundle.files, Limits(), None) == bundle.manifest
