"""Where e-mail goes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from alga_temporal_domain.mail.port import Mail
from alga_temporal_domain.mail.sending import PORTS, FolderMail, SmtpMail
from alga_workflows_core.infra.settings import Settings


class MailSettings(Settings):
    """Where the e-mail of projects and tenants goes."""

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
            if parts.scheme not in PORTS or not parts.hostname:
                raise ValueError("expected smtp://user:password@host:587 or smtps://…")
        return value

    def mail(self) -> Mail | None:
        """What these settings describe: a folder before a server, None for neither."""
        if self.folder is not None:
            return FolderMail(self.folder, sender=self.sender)
        return None if self.url is None else SmtpMail(self.url, sender=self.sender)
