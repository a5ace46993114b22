"""An invocation for actions that are called directly."""

from __future__ import annotations

from uuid import UUID

from alga_workflows_core.actions.contract import Invocation

INVOCATION = Invocation(
    id=UUID("11111111-1111-5111-8111-111111111111"),
    tenant="acme",
    run_id=UUID("22222222-2222-5222-8222-222222222222"),
    step="outer/inner",
    attempt=2,
)
