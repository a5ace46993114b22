"""Which queues a process polls, of what the environment says."""

from __future__ import annotations

from alga_temporal_domain.queues.spec import EMAIL_DOMAINS, JOBS, PORTAL_DOMAINS, SLA, TENANTS

KNOWN = (TENANTS, PORTAL_DOMAINS, EMAIL_DOMAINS, JOBS, SLA)
"""The domain's queues, in the order in which they are polled where nothing is said."""

AUTHORED = "workflow-runtime-v2"
AUTHORED_OWNER = "workflow-worker"

_ALWAYS = (JOBS, SLA)


def chosen_queues(queues: str | None = None, queue: str | None = None) -> tuple[str, ...]:
    """The names in `queues`, else in `queue`, else all; both are comma lists.

    Each once, in their order; the queues of jobs and SLA clocks are added where they are missing.
    ValueError for the queue of authored runs and for unknown names; it names every one of them.
    """
    said = queues if queues is not None else queue
    names = KNOWN if said is None else _listed(said)
    if AUTHORED in names:
        raise ValueError(
            f"{AUTHORED} is the queue of authored runs and is owned by {AUTHORED_OWNER}; "
            "take it out of the list"
        )
    unknown = [name for name in dict.fromkeys(names) if name not in KNOWN]
    if unknown:
        raise ValueError(f"no such queue: {', '.join(unknown)}; the queues are {', '.join(KNOWN)}")
    return tuple(dict.fromkeys([*names, *_ALWAYS]))


def _listed(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
