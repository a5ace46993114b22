"""Throw-away work: import a bundle's modules, or replay histories with them."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.runtime import Runtime
from temporalio.worker import Replayer

from alga_temporal_domain.projects.builtin.waiting import DurableWait
from alga_temporal_domain.projects.bundles import Bundle
from alga_temporal_domain.projects.findings import Finding, Rule
from alga_temporal_domain.projects.loading import Loaded, LoadError, load
from alga_temporal_domain.projects.process.channel import Channel
from alga_temporal_domain.projects.process.connecting import telemetry
from alga_temporal_domain.projects.process.frames import Checked, Failed, Replayed
from alga_temporal_domain.projects.process.order import CheckOrder, ReplayOrder

BAD_BUNDLE = 65
"""The exit code of a process whose code cannot be used (EX_DATAERR)."""

_THREADS = 4
_LONGEST_FAILURE = 2000


def load_or_findings(bundle: Bundle) -> Loaded | tuple[Finding, ...]:
    """The bundle's workflows and activities, or why there are none."""
    try:
        return load(bundle)
    except LoadError as error:
        return tuple(error.findings)
    except MemoryError:
        what = f"took more than {bundle.manifest.limits.memory_mb} MiB"
    except SystemExit as error:
        what = f"ended the process with {error.code!r}"
    except BaseException as error:  # noqa: BLE001 - the modules may raise what they like
        what = f"raised {type(error).__name__}: {error}"[:_LONGEST_FAILURE]
    return (Finding(rule=Rule.LOAD_FAILED, message=f"Importing the modules {what}."),)


def check(order: CheckOrder, channel: Channel) -> int:
    """Tell whether the modules can be imported."""
    began = time.monotonic()
    loaded = load_or_findings(order.bundle)
    seconds = time.monotonic() - began
    if isinstance(loaded, tuple):
        channel.send(Checked(findings=loaded, load_seconds=seconds))
        return BAD_BUNDLE
    channel.send(Checked(findings=(), load_seconds=loaded.seconds))
    return 0


def replay(order: ReplayOrder, channel: Channel) -> int:
    """Tell which histories the code would not go on with."""
    loaded = load_or_findings(order.bundle)
    if isinstance(loaded, tuple):
        channel.send(Failed(message="The modules cannot be imported.", findings=loaded))
        return BAD_BUNDLE
    failures = asyncio.run(_replay(loaded, order.histories))
    channel.send(Replayed(failures=failures))
    return 0


async def _replay(loaded: Loaded, histories: dict[str, str]) -> dict[str, str | None]:
    if not loaded.workflows:
        return dict.fromkeys(histories, "The code defines no workflow.")
    replayer = Replayer(
        workflows=list(loaded.workflows),
        workflow_task_executor=ThreadPoolExecutor(_THREADS),
        data_converter=pydantic_data_converter,
        interceptors=[DurableWait()],
        # Without it the SDK hashes every module that is loaded to make one up.
        build_id="replay",
        runtime=Runtime(telemetry=telemetry(), worker_heartbeat_interval=None),
    )
    failures: dict[str, str | None] = {}
    for workflow_id, text in histories.items():
        history = WorkflowHistory.from_json(workflow_id, text)
        result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
        failure = result.replay_failure
        failures[workflow_id] = None if failure is None else str(failure)[:_LONGEST_FAILURE]
    return failures
