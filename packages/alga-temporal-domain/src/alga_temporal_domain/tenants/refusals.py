"""Our errors as Temporal keeps them: worded, and without what was under them."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from temporalio.exceptions import ApplicationError

from alga_temporal_domain.mail.port import MailError
from alga_workflows_core.errors import AlgaError, UnavailableError


@contextmanager
def refusals() -> Generator[None]:
    """Raise ApplicationError for an error of ours; it is tried again if that can help. What the
    database or a mail server said is not in it: histories are read by more people."""
    try:
        yield
    except AlgaError as error:
        retryable = isinstance(error, UnavailableError) or (
            isinstance(error, MailError) and error.retryable
        )
        raise ApplicationError(
            str(error), type=error.error_code, non_retryable=not retryable
        ) from None
