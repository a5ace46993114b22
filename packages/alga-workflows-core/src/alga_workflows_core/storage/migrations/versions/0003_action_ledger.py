"""The ledger of actions.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

from alga_workflows_core.storage.ledger_schema import LEDGER_TABLE, OUR_ACCESS

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SCRIPTS = (LEDGER_TABLE + OUR_ACCESS,)
