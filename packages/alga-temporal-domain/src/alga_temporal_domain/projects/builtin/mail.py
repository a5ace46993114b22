"""E-mail: by SMTP (needs the extra `[mail]`), or into a folder in development."""

from __future__ import annotations

import asyncio
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import aiosmtplib
from pydantic import Field, SecretStr, field_validator

from alga_temporal_domain.projects.builtin.ports import Email, Mail
from alga_temporal_domain.projects.calling import CallError
from alga_workflows_core.infra.settings import Settings

_SECONDS = 30.0
_PERMANENT = 500
_PORTS = {"smtp": 587, "smtps": 465}


class MailSettings(Settings):
    """Where the e-mail of projects goes."""

    url: Annotated[
        SecretStr | None,
        Field(
            validation_alias="WORKER_MAIL_URL",
            description="smtp://user:password@host:587, or smtps:// for TLS from the start.",
        ),
    ] = None
    sender: Annotated[str, Field(validation_alias="WORKER_MAIL_FROM")] = "workflows@localhost"
    folder: Annotated[
        Path | None,
        Field(
            validation_alias="WORKER_MAIL_FOLDER",
            description="Where messages are put as files instead of being sent.",
        ),
    ] = None

    @field_validator("url")
    @classmethod
    def _is_smtp(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parts = urlsplit(value.get_secret_value())
            if parts.scheme not in _PORTS or not parts.hostname:
                raise ValueError("expected smtp://user:password@host:587 or smtps://…")
        return value

    def mail(self) -> Mail | None:
        """What these settings describe: a folder before a server, None for neither."""
        if self.folder is not None:
            return FolderMail(self.folder, sender=self.sender)
        return None if self.url is None else SmtpMail(self.url, sender=self.sender)


class SmtpMail:
    """Hands messages to a server; TLS whenever it offers that."""

    def __init__(self, url: SecretStr, *, sender: str, tls: ssl.SSLContext | None = None) -> None:
        self._url = url
        self._sender = sender
        self._tls = tls

    async def send(self, email: Email) -> str:
        """The message's id. CallError MAIL_REFUSED for good, MAIL_FAILED to be tried again."""
        message = compose(email, self._sender)
        parts = urlsplit(self._url.get_secret_value())
        try:
            await aiosmtplib.send(
                message,
                hostname=parts.hostname,
                port=parts.port or _PORTS[parts.scheme],
                username=unquote(parts.username) if parts.username else None,
                password=unquote(parts.password) if parts.password else None,
                use_tls=parts.scheme == "smtps",
                tls_context=self._tls,
                timeout=_SECONDS,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = [refused.code for refused in error.recipients]
            raise _failure(all(code >= _PERMANENT for code in codes), "recipients") from None
        except aiosmtplib.SMTPResponseException as error:
            raise _failure(error.code >= _PERMANENT, f"status {error.code}") from None
        except (aiosmtplib.SMTPException, OSError) as error:
            # Its text may hold what the server was told.
            raise _failure(permanent=False, why=type(error).__name__) from None
        return message["Message-ID"]


class FolderMail:
    """Writes each message into a file of its own."""

    def __init__(self, folder: Path, *, sender: str) -> None:
        self._folder = folder
        self._sender = sender

    async def send(self, email: Email) -> str:
        """The message's id; the file is `<random>.eml`. CallError MAIL_FAILED if it cannot be."""
        message = compose(email, self._sender)
        try:
            await asyncio.to_thread(self._write, bytes(message))
        except OSError as error:
            raise _failure(permanent=False, why=error.strerror or "disk") from None
        return message["Message-ID"]

    def _write(self, content: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / f"{uuid4()}.eml").write_bytes(content)


def compose(email: Email, sender: str) -> EmailMessage:
    """The message as it travels. CallError INPUT_INVALID for addresses that are none."""
    message = EmailMessage()
    try:
        message["From"] = sender
        message["To"] = ", ".join(email.to)
        message["Subject"] = email.subject
    except (ValueError, IndexError) as error:
        raise CallError(f"sendEmail: {error}", code="INPUT_INVALID") from None
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2].strip(">") or None)
    message.set_content(email.text)
    if email.html is not None:
        message.add_alternative(email.html, subtype="html")
    return message


def _failure(permanent: bool, why: str) -> CallError:
    if permanent:
        return CallError(f"sendEmail: the server refused it ({why}).", code="MAIL_REFUSED")
    return CallError(
        f"sendEmail: the server did not take it ({why}).", code="MAIL_FAILED", retryable=True
    )
