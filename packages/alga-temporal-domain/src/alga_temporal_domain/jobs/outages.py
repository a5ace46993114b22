"""What it means when Temporal does not answer."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta

from temporalio.service import RPCError

from alga_workflows_core.errors import UnavailableError
from alga_workflows_core.infra.temporal import AWAY, REMEDY

RPC_TIMEOUT = timedelta(seconds=10)


@contextmanager
def temporal_outage(address: str) -> Generator[None]:
    """UnavailableError where the server at `address` is away; any other error passes."""
    try:
        yield
    except RPCError as error:
        if error.status in AWAY:
            raise UnavailableError("Temporal", address, error.message, remedy=REMEDY) from error
        raise
