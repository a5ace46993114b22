"""Credentials of an HTTP request, as the header that they become."""

from __future__ import annotations

import base64
import re
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, SecretStr, field_validator

from alga_workflows_core.types.model import Model

_TOKEN = re.compile(r"[\x21-\x7e]{1,8192}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class BearerAuth(Model):
    """A token."""

    type: Annotated[Literal["bearer"], Field(description="`bearer`: a token.")]
    token: Annotated[SecretStr, Field(description="The token.")]

    @field_validator("token")
    @classmethod
    def _is_token(cls, value: SecretStr) -> SecretStr:
        if not _TOKEN.fullmatch(value.get_secret_value()):
            raise ValueError("a token has to be printable ASCII without blanks")
        return value

    def header(self) -> str:
        """The value of the header Authorization."""
        return f"Bearer {self.token.get_secret_value()}"


class BasicAuth(Model):
    """A user name and a password."""

    type: Annotated[Literal["basic"], Field(description="`basic`: user name and password.")]
    username: Annotated[
        str, Field(max_length=1000, pattern="^[^:]*$", description="The name, without colons.")
    ]
    password: Annotated[SecretStr, Field(max_length=4000, description="The password.")]

    @field_validator("username", "password")
    @classmethod
    def _can_be_sent(cls, value: str | SecretStr) -> str | SecretStr:
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if _CONTROL.search(text):
            raise ValueError("it must not hold control characters")
        return value

    def header(self) -> str:
        """The value of the header Authorization; the two are sent in UTF-8."""
        pair = f"{self.username}:{self.password.get_secret_value()}"
        return f"Basic {base64.b64encode(pair.encode()).decode('ascii')}"


Auth: TypeAlias = Annotated[BearerAuth | BasicAuth, Field(discriminator="type")]
"""One of the two."""
