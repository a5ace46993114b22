"""E-mail by SMTP (needs the extra `[mail]`), or into a folder in development."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import aiosmtplib
from pydantic import SecretStr

from alga_temporal_domain.mail.port import Email, MailError

_SECONDS = 30.0
_PERMANENT = 500
PORTS = {"smtp": 587, "smtps": 465}
"""What each scheme stands for where a URL names no port."""


class SmtpMail:
    """Hands messages to a server; TLS whenever it offers that."""

    def __init__(self, url: SecretStr, *, sender: str, tls: ssl.SSLContext | None = None) -> None:
        self._url = url
        self._sender = sender
        self._tls = tls

    async def send(self, email: Email) -> str:
        """The message's id. MailError MAIL_REFUSED for good, MAIL_FAILED to be tried again."""
        message = compose(email, self._sender)
        parts = urlsplit(self._url.get_secret_value())
        try:
            await aiosmtplib.send(
                message,
                hostname=parts.hostname,
                port=parts.port or PORTS[parts.scheme],
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
        """The message's id; the file is `<random>.eml`. MailError MAIL_FAILED if it cannot be."""
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
    """The message as it travels. MailError INPUT_INVALID for addresses that are none."""
    message = EmailMessage()
    try:
        message["From"] = sender
        message["To"] = ", ".join(email.to)
        message["Subject"] = email.subject
    except (ValueError, IndexError) as error:
        raise MailError(f"{error}", code="INPUT_INVALID") from None
    message["Date"] = formatdate()
    message["Message-ID"] = _message_id(email.key, sender.rpartition("@")[2].strip(">") or None)
    message.set_content(email.text)
    if email.html is not None:
        message.add_alternative(email.html, subtype="html")
    return message


def _message_id(key: str | None, domain: str | None) -> str:
    if key is None or domain is None:
        return make_msgid(domain=domain)
    return f"<{hashlib.sha256(key.encode()).hexdigest()}@{domain}>"


def _failure(permanent: bool, why: str) -> MailError:
    if permanent:
        return MailError(f"The server refused the message ({why}).", code="MAIL_REFUSED")
    return MailError(
        f"The server did not take the message ({why}).", code="MAIL_FAILED", retryable=True
    )
