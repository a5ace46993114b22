"""`httpRequest`, done in the supervisor by a client that reaches public addresses alone."""

from __future__ import annotations

import asyncio
import json

import httpx

from alga_temporal_domain.projects.builtin.inputs import HttpRequest
from alga_temporal_domain.projects.calling import CallError
from alga_workflows_core.infra.egress.backend import ResolutionError
from alga_workflows_core.types.json import Json, JsonObject

LARGEST_BODY = 2 * 1024 * 1024
"""Bytes of a body, sent or received."""

# They belong to the connection, or say who the server is.
_OURS = frozenset({"host", "connection", "content-length", "transfer-encoding", "upgrade", "te"})
_JSON = "application/json"


async def perform(client: httpx.AsyncClient, wanted: HttpRequest) -> JsonObject:
    """`{status, statusText, data, headers}`, whatever the status is; redirects are followed.

    CallError: INPUT_INVALID, SIZE_LIMIT, HTTP_ENCODING for good, HTTP_TIMEOUT and HTTP_FAILED to be
    tried again; AddressRefusedError for a server that is not at a public address.
    """
    headers = _headers(wanted)
    content = _content(wanted, headers)
    try:
        async with (
            asyncio.timeout(wanted.timeout / 1000),
            client.stream(
                wanted.method.upper(),
                wanted.url,
                headers=headers,
                content=content,
                follow_redirects=True,
                timeout=wanted.timeout / 1000,
            ) as response,
        ):
            return {
                "status": response.status_code,
                "statusText": response.reason_phrase,
                "data": _data(response, await _body(response)),
                "headers": dict(response.headers),
            }
    except (TimeoutError, httpx.TimeoutException):
        raise CallError(
            f"httpRequest: no whole answer within {wanted.timeout:g} ms.",
            code="HTTP_TIMEOUT",
            retryable=True,
        ) from None
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError, ValueError) as error:
        raise CallError(f"httpRequest: {error}", code="INPUT_INVALID") from None
    except ResolutionError as error:
        raise CallError(str(error), code=error.error_code, retryable=True) from None
    except httpx.HTTPError as error:
        raise CallError(
            f"httpRequest: {type(error).__name__}: {error}", code="HTTP_FAILED", retryable=True
        ) from None


def _headers(wanted: HttpRequest) -> dict[str, str]:
    headers = {name.lower(): value for name, value in wanted.headers.items()}
    refused = sorted(_OURS.intersection(headers))
    if refused:
        raise CallError(
            f"httpRequest: headers: {', '.join(refused)} cannot be set.", code="INPUT_INVALID"
        )
    # A body that unpacks to more than was sent would have to be bounded twice.
    headers["accept-encoding"] = "identity"
    headers.setdefault("content-type", _JSON)
    return headers


def _content(wanted: HttpRequest, headers: dict[str, str]) -> bytes | None:
    if wanted.body is None:
        return None
    is_text = isinstance(wanted.body, str) and _JSON not in headers["content-type"]
    text: str = wanted.body if is_text else json.dumps(wanted.body, ensure_ascii=False)
    content = text.encode()
    if len(content) > LARGEST_BODY:
        raise CallError(
            f"httpRequest: the body has {len(content)} bytes, {LARGEST_BODY} are allowed.",
            code="SIZE_LIMIT",
        )
    return content


async def _body(response: httpx.Response) -> bytes:
    encoding = response.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise CallError(
            f"httpRequest: the answer is encoded as {encoding[:50]}, although it should not be.",
            code="HTTP_ENCODING",
        )
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise CallError(
                f"httpRequest: the answer has more than {LARGEST_BODY} bytes.", code="SIZE_LIMIT"
            )
    return bytes(body)


def _data(response: httpx.Response, body: bytes) -> Json:
    text = body.decode(response.charset_encoding or "utf-8", "replace")
    if "json" not in response.headers.get("content-type", "").lower() or not text:
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
