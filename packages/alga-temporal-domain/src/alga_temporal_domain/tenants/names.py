"""What this family is called in Temporal."""

from __future__ import annotations

from uuid import UUID

CREATION_WORKFLOW = "tenantCreationWorkflow"
WELCOME_WORKFLOW = "resendWelcomeEmailWorkflow"
SUSPENSION_WORKFLOW = "tenantSuspensionWorkflow"
RESUMPTION_WORKFLOW = "tenantResumptionWorkflow"
EXPORT_WORKFLOW = "tenantExportWorkflow"
DELETION_WORKFLOW = "tenantDeletionWorkflow"

STATE_QUERY = "getState"
RESUME_UPDATE = "resume"
COMPENSATE_UPDATE = "compensate"
CONFIRM_UPDATE = "confirmDeletion"
ROLLBACK_UPDATE = "rollbackDeletion"
PAUSE_UPDATE = "pauseDeletion"
CONTINUE_UPDATE = "continueDeletion"
RETRY_UPDATE = "retryStep"
WAIVE_UPDATE = "waiveStep"

ADD_TENANT = "addTenant"
APPLY_SEEDS = "applySeeds"
ADD_ADMIN = "addAdmin"
TELL_HOOKS = "tellHooks"
ACTIVATE_TENANT = "activateTenant"
FAIL_TENANT = "failTenant"
RETIRE_ADMIN = "retireAdmin"
BURY_TENANT = "buryTenant"
SEND_WELCOME = "sendWelcome"
SUSPEND_TENANT = "suspendTenant"
RESUME_TENANT = "resumeTenant"
EXPORT_TENANT = "exportTenant"
FAIL_EXPORT = "failExport"
BEGIN_DELETION = "beginDeletion"
NOTE_DELETION = "noteDeletion"
REMIND_TENANT = "remindTenant"
ROLL_BACK_DELETION = "rollBackDeletion"
BEGIN_ERASING = "beginErasing"
REMOVE_SCHEDULES = "removeSchedules"
ERASE_TENANT = "eraseTenant"
VERIFY_ERASED = "verifyErased"


def creation_id(key: str) -> str:
    """The workflow that makes the tenant of this key."""
    return f"tenant-creation-{key}"


def welcome_id(tenant: str, key: str) -> str:
    """The workflow that sends a welcome again."""
    return f"resend-welcome-email-{tenant}-{key}"


def suspension_id(tenant: str, suspension: UUID) -> str:
    """The workflow of one suspension."""
    return f"tenant-suspension-{tenant}-{suspension}"


def resumption_id(tenant: str, suspension: UUID) -> str:
    """The workflow that ends it."""
    return f"tenant-resumption-{tenant}-{suspension}"


def export_id(tenant: str, export: UUID) -> str:
    """The workflow of one export."""
    return f"tenant-export-{tenant}-{export}"


def deletion_id(tenant: str) -> str:
    """The workflow that deletes a tenant; one at a time."""
    return f"tenant-deletion-{tenant}"
