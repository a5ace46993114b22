"""What jobs are called in Temporal. These names are relied on outside; a test pins them."""

from __future__ import annotations

from uuid import UUID, uuid5

GENERIC_JOB_WORKFLOW = "genericJobWorkflow"
CONCURRENCY_WORKFLOW = "jobConcurrencyWorkflow"

JOB_STATE_QUERY = "getJobState"
ACQUIRE_SIGNAL = "acquireJobSlot"
RELEASE_SIGNAL = "releaseJobSlot"
GRANTED_SIGNAL = "jobSlotGranted"

# No job's name has a capital letter, so neither of these is one.
ASK_FOR_SLOT = "askForJobSlot"
CLOSED_JOBS = "closedJobs"

JOB_FAILURE = "GenericJobFailure"

JOB_NAME = r"^[a-z][a-z0-9._:-]{0,99}$"
"""The pattern of a job's name, which is also that of its activity."""

SCHEDULE_KEY = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$"
"""The pattern of the id of a recurring job."""

_JOBS = UUID("6f7a1d52-0a5e-4c39-9a53-2f6f7c2c6d10")


def workflow_id(name: str, job_id: UUID) -> str:
    """The id of a job's workflow; of a recurring one Temporal makes one of its own."""
    return f"job-{name}-{job_id}"


def job_id_of_key(tenant: str, name: str, key: str) -> UUID:
    """The job that an idempotency key stands for; a key belongs to a job's name."""
    return uuid5(_JOBS, f"key\x1f{tenant}\x1f{name}\x1f{key}")


def job_id_of_workflow(identity: str) -> UUID:
    """The job whose workflow a schedule has started under this id."""
    return uuid5(_JOBS, f"workflow\x1f{identity}")


def schedule_id(tenant: str, key: str) -> str:
    """The id of a recurring job's schedule; no tenant has a slash in its name."""
    return f"recurring-job/{tenant}/{key}"


def recurring_workflow_id(tenant: str, name: str, key: str) -> str:
    """What the ids of a recurring job's workflows begin with; the moment follows."""
    return f"job-{name}-{tenant}/{key}"


def limiter_id(tenant: str, key: str) -> str:
    """The workflow that counts a tenant's jobs with this concurrency key."""
    return f"job-limit/{tenant}/{key}"
