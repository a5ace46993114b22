"""Tells an operator's own service what has become of tenants, over signed HTTP."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from http import HTTPStatus

import httpx
from pydantic import SecretStr

from alga_temporal_domain.tenants.ports import TenantEvent
from alga_workflows_core.errors import ConflictError, UnavailableError

_SECONDS = 30.0
_LATER = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


class HttpHooks:
    """POSTs each event to `url`, signed as Standard Webhooks has it: `webhook-id`,
    `webhook-timestamp` and `webhook-signature` (v1, HMAC-SHA256 with `secret` as it is)."""

    def __init__(self, http: httpx.AsyncClient, url: str, secret: SecretStr) -> None:
        self._http = http
        self._url = url
        self._secret = secret

    async def tell(self, event: TenantEvent) -> None:
        """Any status from 200 to 299 means that it was taken. UnavailableError for 408, 429, 5xx
        and no answer, ConflictError HOOK_REFUSED for any other."""
        body = json.dumps(
            {"id": event.id, "type": event.type, "tenant": event.tenant, "data": event.data}
        ).encode()
        at = str(int(time.time()))
        signed = b".".join((event.id.encode(), at.encode(), body))
        key = self._secret.get_secret_value().encode()
        signature = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
        headers = {
            "content-type": "application/json",
            "webhook-id": event.id,
            "webhook-timestamp": at,
            "webhook-signature": f"v1,{signature}",
        }
        try:
            answer = await self._http.post(
                self._url, content=body, headers=headers, timeout=_SECONDS
            )
        except httpx.HTTPError as error:
            raise self._unavailable(type(error).__name__) from None
        if answer.is_success:
            return
        if answer.is_server_error or answer.status_code in _LATER:
            raise self._unavailable(f"status {answer.status_code}")
        raise ConflictError(
            f"The hook refused {event.type} with status {answer.status_code}.",
            code="HOOK_REFUSED",
            remedy="Look at what answers at WORKER_TENANT_HOOK_URL.",
        )

    def _unavailable(self, reason: str) -> UnavailableError:
        return UnavailableError(
            "The hook", httpx.URL(self._url).host, reason, remedy="Check WORKER_TENANT_HOOK_URL."
        )
