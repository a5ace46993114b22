"""What operators do when they doubt the rows of a run: hold them against its history."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from alga_workflows_core.actions.builtin.catalogue import builtin_actions
from alga_workflows_core.actions.registry import Registry
from alga_workflows_core.errors import InputError
from alga_workflows_core.infra.egress.client import create_client
from alga_workflows_core.infra.metrics import temporal_runtime
from alga_workflows_core.infra.temporal import connect
from alga_workflows_core.runs.launch import Launcher
from alga_workflows_core.runs.rebuild import Rebuilder, Rebuilt
from alga_workflows_core.runs.row_differences import Difference, shortened
from alga_workflows_core.temporal.executions import Executions
from alga_workflows_core.temporal.replayed_facts import HistoryReplayer
from workflow_worker.admin import configured_storage
from workflow_worker.routing import wait_desk
from workflow_worker.settings import ServiceSettings

_HEADINGS = ("table", "which", "column", "in the row", "by the history")


async def rebuild(run: str, *, repair: bool) -> Rebuilt:
    """Compare the rows of a run, whichever tenant's it is, and write them anew if `repair`.

    InputError if that is no id; otherwise as `Rebuilder` says.
    """
    try:
        run_id = UUID(run)
    except ValueError as error:
        raise InputError(
            f"{run!r} is not the id of a run.", path="RUN_ID", remedy="GET /api/v1/runs lists them."
        ) from error
    settings = ServiceSettings.load()
    async with configured_storage() as storage, create_client(settings.egress.policy) as http:
        client = await connect(settings.temporal, runtime=temporal_runtime().runtime)
        registry = Registry(builtin_actions(http, storage))
        rebuilder = Rebuilder(
            storage=storage,
            executions=Executions(client),
            histories=HistoryReplayer(client, registry),
            waits=wait_desk(storage, Launcher(storage)),
        )
        return await (rebuilder.repair(run_id) if repair else rebuilder.compare(run_id))


def as_text(rebuilt: Rebuilt, *, repaired: bool) -> str:
    """A table of differences, and what became of them, for people."""
    about = f"run {rebuilt.run_id} of tenant {rebuilt.tenant}, {rebuilt.executions} execution(s)"
    if not rebuilt.found:
        return f"The rows are as the history tells: {about}.\n"
    number, left = len(rebuilt.found), len(rebuilt.left)
    lines = [f"{number} difference(s): {about}.", *_table(rebuilt.found)]
    if repaired:
        lines.append("They were repaired." if not left else f"{left} could not be repaired:")
        lines += _table(rebuilt.left)
    return "\n".join(lines) + "\n"


def _table(differences: Sequence[Difference]) -> list[str]:
    if not differences:
        return []
    rows = [
        _HEADINGS,
        *(
            (each.table, each.key, each.column, shortened(each.row), shortened(each.history))
            for each in differences
        ),
    ]
    widths = [max(len(row[index]) for row in rows) for index in range(len(_HEADINGS))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
