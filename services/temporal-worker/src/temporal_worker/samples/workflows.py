"""Two workflows over the built-in activities; they need none of their own."""

from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy

TIMEOUT = timedelta(minutes=1)
RETRIES = RetryPolicy(maximum_attempts=3)


async def _do(activity: str, argument: dict[str, Any]) -> Any:
    return await workflow.execute_activity(
        activity, argument, start_to_close_timeout=TIMEOUT, retry_policy=RETRIES
    )


@workflow.defn(name="simpleTestWorkflow")
class SimpleTest:
    """Logs, has the message processed, logs again; returns what it became."""

    @workflow.run
    async def run(self, message: str) -> str:
        await _do("logMessage", {"level": "info", "message": f"Starting with: {message}"})
        processed: str = await _do("sampleActivity", {"message": message})
        await _do("logMessage", {"level": "info", "message": f"Done: {processed}"})
        return processed


@workflow.defn(name="testSampleActivities")
class SampleActivities:
    """Goes through the built-in activities; returns what four of them gave."""

    @workflow.run
    async def run(self, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002 - as documented
        message: str = input["testMessage"]
        await _do("logMessage", {"level": "info", "message": "Starting", "data": input})
        sample = await _do("sampleActivity", {"message": message})
        package = {"packageName": "test-package", "version": "1.0.0"}
        build = await _do("buildPackage", package)
        upper = {"data": "hello world", "transformation": "uppercase"}
        transformed = await _do("transformData", upper)
        rules = {"required": True, "type": "string", "pattern": "^[^@]+@[^@]+$"}
        validated = await _do("validateData", {"data": "test@example.com", "rules": rules})
        await _do("waitFor", {"milliseconds": 500, "reason": "testing"})
        await _do("logMessage", {"level": "info", "message": "Done"})
        return {
            "sampleResult": sample,
            "buildResult": build,
            "transformResult": transformed,
            "validationResult": validated,
        }
