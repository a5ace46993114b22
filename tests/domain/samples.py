"""The two sample workflows as a bundle that uses built-in activities by their names."""

from __future__ import annotations

from alga_temporal_domain.projects.bundles import Bundle, Limits
from alga_temporal_domain.projects.reading import manifest_of

SIMPLE = '''"""Log, process a message, log."""

from __future__ import annotations

from builtin import call
from temporalio import workflow


@workflow.defn(name="simpleTestWorkflow")
class SimpleTestWorkflow:
    @workflow.run
    async def run(self, message: str) -> str:
        await call("logMessage", {"level": "info", "message": "Starting simple test workflow"})
        processed: str = await call("sampleActivity", {"message": message})
        await call(
            "logMessage",
            {"level": "info", "message": "Simple test workflow is done", "data": processed},
        )
        return processed
'''

COMPREHENSIVE = '''"""Every sample activity once."""

from __future__ import annotations

from typing import Any

from builtin import call
from temporalio import workflow


@workflow.defn(name="testSampleActivities")
class TestSampleActivities:
    @workflow.run
    async def run(self, input: dict[str, Any]) -> dict[str, Any]:
        await call("logMessage", {"level": "info", "message": "Testing sample activities"})
        sample = await call("sampleActivity", {"message": input["testMessage"]})
        build = await call("buildPackage", {"packageName": "test-package", "version": "1.0.0"})
        transformed = await call(
            "transformData", {"data": "hello world", "transformation": "uppercase"}
        )
        validated = await call(
            "validateData",
            {
                "data": "test@example.com",
                "rules": {
                    "required": True,
                    "type": "string",
                    "pattern": r"^[^\\s@]+@[^\\s@]+\\.[^\\s@]+$",
                },
            },
        )
        await call("waitFor", {"milliseconds": 500, "reason": "Testing wait activity"})
        await call("logMessage", {"level": "info", "message": "All sample activities are done"})
        return {
            "sampleResult": sample,
            "buildResult": build,
            "transformResult": transformed,
            "validationResult": validated,
        }
'''

CALLS = '''"""How both workflows call activities: a minute for each attempt, three attempts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy


async def call(name: str, argument: dict[str, Any]) -> Any:
    return await workflow.execute_activity(
        name,
        argument,
        start_to_close_timeout=timedelta(minutes=1),
        retry_policy=RetryPolicy(maximum_attempts=3),
    )
'''

FILES = {
    "builtin.py": CALLS,
    "workflows/__init__.py": "",
    "workflows/simple.py": SIMPLE,
    "workflows/comprehensive.py": COMPREHENSIVE,
}


def sample_bundle() -> Bundle:
    """`simpleTestWorkflow(message)` and `testSampleActivities({testMessage})`."""
    return Bundle(manifest=manifest_of(FILES, Limits(), None), files=FILES)
