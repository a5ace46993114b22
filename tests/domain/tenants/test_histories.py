"""Histories that were recorded are replayed by the code of today."""

from __future__ import annotations

from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from alga_temporal_domain.tenants import names
from alga_temporal_domain.tenants.creation import TenantCreation
from alga_temporal_domain.tenants.lifecycle import (
    ResendWelcomeEmail,
    TenantExport,
    TenantResumption,
    TenantSuspension,
)
from tests.domain.tenants.record import FOLDER
from tests.domain.tenants.world import ScaledDeletion


def read(file: Path) -> str:
    return file.read_text("utf-8")


RECORDED = sorted(FOLDER.glob("*.json"))


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.stem)
async def test_a_history_is_replayed(file: Path) -> None:
    """As it went; a change that would go another way fails here."""
    history = WorkflowHistory.from_json(file.stem, read(file))
    replayer = Replayer(
        workflows=[
            TenantCreation,
            ResendWelcomeEmail,
            TenantSuspension,
            TenantResumption,
            TenantExport,
            ScaledDeletion,
        ],
        workflow_runner=UnsandboxedWorkflowRunner(),
        data_converter=pydantic_data_converter,
    )
    await replayer.replay_workflow(history)


def test_every_workflow_has_been_recorded() -> None:
    """Each type once or more, the names of which others rely on."""
    kinds = {file.stem.partition("-")[0] for file in RECORDED}
    assert kinds == {
        "tenantCreationWorkflow",
        "resendWelcomeEmailWorkflow",
        "tenantSuspensionWorkflow",
        "tenantResumptionWorkflow",
        "tenantExportWorkflow",
        "tenantDeletionWorkflow",
    }
    assert kinds == {
        names.CREATION_WORKFLOW,
        names.WELCOME_WORKFLOW,
        names.SUSPENSION_WORKFLOW,
        names.RESUMPTION_WORKFLOW,
        names.EXPORT_WORKFLOW,
        names.DELETION_WORKFLOW,
    }
    assert names.creation_id("k") == "tenant-creation-k"
    assert names.deletion_id("acme") == "tenant-deletion-acme"
