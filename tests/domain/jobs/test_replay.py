"""Recorded histories replay. `ALGA_RECORD_HISTORIES=<folder>` writes new ones there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from alga_temporal_domain.jobs import names
from alga_temporal_domain.jobs.limiter import JobConcurrencyWorkflow
from alga_temporal_domain.jobs.workflow import GenericJobWorkflow
from tests.domain.jobs.recording import keep, kept, make_histories
from tests.domain.jobs.world import JobWorld

KINDS = {"success", "retried", "failure", "stored", "cancelled", "keyed", "limiter"}


def _replayer() -> Replayer:
    return Replayer(
        workflows=[GenericJobWorkflow, JobConcurrencyWorkflow],
        workflow_runner=UnsandboxedWorkflowRunner(),
        data_converter=pydantic_data_converter,
    )


def test_there_is_one_of_each_kind() -> None:
    """So that none was forgotten."""
    assert {kind for kind, _ in kept()} == KINDS


@pytest.mark.parametrize("kind", sorted(KINDS))
async def test_recorded_histories_replay(kind: str) -> None:
    """Today's code does what it did when they were recorded."""
    await _replayer().replay_workflow(dict(kept())[kind])


async def test_a_history_of_other_code_does_not_replay() -> None:
    """The check can fail: an activity of another name is noticed."""
    history = dict(kept())["success"]
    for event in history.events:
        if event.HasField("activity_task_scheduled_event_attributes"):
            event.activity_task_scheduled_event_attributes.activity_type.name = "other"
    changed = WorkflowHistory(history.workflow_id, history.events)
    with pytest.raises(Exception, match="TMPRL1100"):
        await _replayer().replay_workflow(changed)


async def test_fresh_histories_replay(world: JobWorld) -> None:
    """What is made now, too."""
    made = await make_histories(world)
    assert set(made) == KINDS
    for history in made.values():
        await _replayer().replay_workflow(history)
    folder = os.environ.get("ALGA_RECORD_HISTORIES")
    if folder:
        keep(Path(folder), made)


def test_names_are_relied_on() -> None:
    """Other programs know them; a change of one is a new release of the contract."""
    assert (names.GENERIC_JOB_WORKFLOW, names.CONCURRENCY_WORKFLOW, names.JOB_FAILURE) == (
        "genericJobWorkflow",
        "jobConcurrencyWorkflow",
        "GenericJobFailure",
    )
    assert (names.JOB_STATE_QUERY, names.ACQUIRE_SIGNAL) == ("getJobState", "acquireJobSlot")
    assert (names.RELEASE_SIGNAL, names.GRANTED_SIGNAL) == ("releaseJobSlot", "jobSlotGranted")
    assert (names.ASK_FOR_SLOT, names.CLOSED_JOBS) == ("askForJobSlot", "closedJobs")
    assert names.schedule_id("acme", "daily") == "recurring-job/acme/daily"
    assert names.limiter_id("acme", "a key") == "job-limit/acme/a key"
    job_id = names.job_id_of_key("acme", "add", "k")
    assert str(job_id) == "e1659d2a-0033-546b-b422-1abcd8cbc06f"
    assert names.workflow_id("add", job_id) == f"job-add-{job_id}"
