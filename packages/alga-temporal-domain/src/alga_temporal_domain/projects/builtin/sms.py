"""Text messages through an operator's gateway that speaks HTTP."""

from __future__ import annotations

from typing import Annotated, Any, cast

import httpx
from pydantic import Field, SecretStr, field_validator

from alga_temporal_domain.projects.calling import CallError
from alga_workflows_core.infra.settings import Settings

_SECONDS = 30.0
_TRY_AGAIN = frozenset({408, 425, 429})


class SmsSettings(Settings):
    """Where the text messages of projects go."""

    url: Annotated[
        str | None,
        Field(
            validation_alias="WORKER_SMS_URL",
            description="The gateway gets POST {to, text} there.",
        ),
    ] = None
    token: Annotated[
        SecretStr | None,
        Field(validation_alias="WORKER_SMS_TOKEN", description="Sent as a bearer token."),
    ] = None

    @field_validator("url")
    @classmethod
    def _is_http(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("expected an address such as https://gateway.example/messages")
        return value

    def sms(self, client: httpx.AsyncClient) -> HttpSms | None:
        """What these settings describe, None without an address. `client` is the caller's."""
        return None if self.url is None else HttpSms(client, self.url, self.token)


class HttpSms:
    """POST `{to, text}`; any status of 200 to 299 means taken, `id` or `messageId` its id."""

    def __init__(self, client: httpx.AsyncClient, url: str, token: SecretStr | None) -> None:
        self._client = client
        self._url = url
        self._token = token

    async def send(self, to: str, text: str) -> str | None:
        """The gateway's id. CallError SMS_REFUSED for good, SMS_FAILED to be tried again."""
        headers: dict[str, str] = {}
        if self._token is not None:
            headers["authorization"] = f"Bearer {self._token.get_secret_value()}"
        try:
            answer = await self._client.post(
                self._url, json={"to": to, "text": text}, headers=headers, timeout=_SECONDS
            )
        except httpx.HTTPError as error:
            raise CallError(
                f"sendSms: the gateway did not answer ({type(error).__name__}).",
                code="SMS_FAILED",
                retryable=True,
            ) from None
        if answer.is_success:
            return _id(answer)
        retryable = answer.is_server_error or answer.status_code in _TRY_AGAIN
        raise CallError(
            f"sendSms: the gateway answered {answer.status_code}.",
            code="SMS_FAILED" if retryable else "SMS_REFUSED",
            retryable=retryable,
        )


def _id(answer: httpx.Response) -> str | None:
    try:
        told: Any = answer.json()
    except ValueError:
        return None
    if not isinstance(told, dict):
        return None
    fields = cast("dict[str, Any]", told)
    found = fields.get("messageId", fields.get("id"))
    return None if found is None else str(found)
