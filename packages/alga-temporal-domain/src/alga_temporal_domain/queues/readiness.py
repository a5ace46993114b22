"""The workflow that shows that a queue is served: it needs a worker and nothing else."""

from __future__ import annotations

from temporalio import workflow

from alga_workflows_core.types.model import Model

READINESS_WORKFLOW = "readinessWorkflow"


class ReadinessInput(Model):
    """`echo` comes back as it is."""

    echo: str | None = None


class ReadinessResult(Model):
    """`ok` is always true: who cannot serve does not answer."""

    ok: bool
    echo: str | None


@workflow.defn(name=READINESS_WORKFLOW)
class ReadinessWorkflow:
    """Answers at once."""

    @workflow.run
    async def run(self, asked: ReadinessInput | None = None) -> ReadinessResult:
        """See `ReadinessResult`."""
        return ReadinessResult(ok=True, echo=None if asked is None else asked.echo)
