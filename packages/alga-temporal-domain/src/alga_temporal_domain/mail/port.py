"""What is asked of whoever sends e-mail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from alga_workflows_core.errors import AlgaError


@dataclass(frozen=True, slots=True, kw_only=True)
class Email:
    """One message, to each of `to`. `key`: messages with the same one have the same Message-ID, so
    that whoever gets one twice can tell."""

    to: tuple[str, ...]
    subject: str
    text: str
    html: str | None = None
    key: str | None = None


class MailError(AlgaError):
    """A message was not taken: INPUT_INVALID and MAIL_REFUSED for good, MAIL_FAILED for now."""

    code = "MAIL_FAILED"

    def __init__(self, message: str, *, code: str, retryable: bool = False) -> None:
        super().__init__(message, code=code)
        self.retryable = retryable


class Mail(Protocol):
    """Sends e-mail."""

    async def send(self, email: Email) -> str:
        """The message's id, once a server has taken it. MailError when none did."""
        ...
