"""Errors as RFC 9457 problems: what happened, where, and what to do."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, TypeAlias

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ConfigDict
from starlette.exceptions import HTTPException

from alga_workflows_core.errors import (
    AccessError,
    AlgaError,
    ConflictError,
    FindingsError,
    InputError,
    NotFoundError,
    PreconditionError,
    TooLargeError,
    UnavailableError,
)
from alga_workflows_core.infra.web.body import MEDIA_TYPE_REFUSED
from alga_workflows_core.types import faults
from alga_workflows_core.types.model import Model

MEDIA_TYPE = "application/problem+json"

# Looked up in this order: subclasses stand before their bases.
_STATUS: tuple[tuple[type[AlgaError], HTTPStatus], ...] = (
    (TooLargeError, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (FindingsError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (InputError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (NotFoundError, HTTPStatus.NOT_FOUND),
    (ConflictError, HTTPStatus.CONFLICT),
    (PreconditionError, HTTPStatus.PRECONDITION_FAILED),
    (AlgaError, HTTPStatus.INTERNAL_SERVER_ERROR),
)
# What cannot be read at all is a bad request; what can be read and is wrong, is unprocessable.
_UNREADABLE = frozenset(
    {"JSON_SYNTAX", "JSON_TEXT", "JSON_DEPTH", "JSON_DUPLICATE_KEY", "JSON_NUMBER"}
)

_MOST_FAULTS = 20

Responses: TypeAlias = dict[int | str, dict[str, Any]]
"""What OpenAPI is told of an operation's responses, by status."""


class Problem(Model):
    """What went wrong. `path` is a JSON Pointer into the body, or a parameter's or header's name.

    Other members depend on the code: `faults`, `findings`, `line` and such.
    """

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    code: str
    path: str | None = None
    remedy: str | None = None


def install(app: FastAPI, *, listing: str = "/api/v1/openapi.json") -> None:
    """Answer every error of `app` with a problem. `listing`: where its addresses are listed."""
    app.state.listing = listing
    app.add_exception_handler(AlgaError, _on_alga_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_bad_parameters)
    app.add_exception_handler(UnavailableError, _on_unavailable)
    app.add_exception_handler(Exception, _on_bug)


def problem(
    status: HTTPStatus,
    *,
    code: str,
    detail: str,
    path: str | None = None,
    remedy: str | None = None,
    extra: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """One problem. `extra` are members besides the standard ones."""
    content: dict[str, Any] = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
        "code": code,
    }
    if path is not None:
        content["path"] = path
    if remedy is not None:
        content["remedy"] = remedy
    return JSONResponse(
        {**(extra or {}), **content},
        status_code=status.value,
        media_type=MEDIA_TYPE,
        headers=headers,
    )


def status_of(error: AlgaError) -> HTTPStatus:
    """The status that an error is answered with."""
    if isinstance(error, AccessError):
        return HTTPStatus.FORBIDDEN if error.authenticated else HTTPStatus.UNAUTHORIZED
    if error.error_code in _UNREADABLE:
        return HTTPStatus.BAD_REQUEST
    if error.error_code == MEDIA_TYPE_REFUSED:
        return HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    return next(status for kind, status in _STATUS if isinstance(error, kind))


async def _on_alga_error(_request: Request, error: Exception) -> Response:
    if not isinstance(error, AlgaError):
        raise error
    headers: dict[str, str] = {}
    if isinstance(error, AccessError) and not error.authenticated:
        headers["WWW-Authenticate"] = error.scheme
    return problem(
        status_of(error),
        code=error.error_code,
        detail=error.message,
        path=error.path,
        remedy=error.remedy,
        extra=error.details,
        headers=headers,
    )


async def _on_unavailable(_request: Request, error: Exception) -> Response:
    # Callers without a key see this too, so it does not tell where our servers are.
    dependency = error.dependency if isinstance(error, UnavailableError) else "A server"
    return problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        code=UnavailableError.code,
        detail=f"{dependency} cannot be reached at the moment.",
        remedy="Send the request again in a moment; the log says more.",
        headers={"Retry-After": "1"},
    )


async def _on_bug(_request: Request, _error: Exception) -> Response:
    """What was raised is raised again behind this answer, and logged with the request's id."""
    return problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        code="INTERNAL",
        detail="Something went wrong here; the log has it under this request's id.",
        remedy="Try again later, or report it with the X-Request-Id of this response.",
    )


async def _on_http_exception(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    status = HTTPStatus(error.status_code)
    remedies = {
        HTTPStatus.NOT_FOUND: f"GET {request.app.state.listing} lists every address.",
        HTTPStatus.METHOD_NOT_ALLOWED: "The Allow header lists the methods of this address.",
    }
    return problem(
        status,
        code=status.name,
        detail=f"{request.method} {request.url.path}: {error.detail}.",
        remedy=remedies.get(status),
        headers=dict(error.headers or {}),
    )


async def _on_bad_parameters(_request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    found = error.errors()[:_MOST_FAULTS]
    listed = [
        {"path": str(fault["loc"][-1]), "message": f"{faults.sentence(fault)}."} for fault in found
    ]
    first = listed[0]
    return problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        code="PARAMETER_INVALID",
        detail=f"The {found[0]['loc'][0]} parameter {first['path']} is not valid: "
        f"{first['message']}",
        path=first["path"],
        remedy="Correct the parameter and send the request again.",
        extra={"faults": listed},
    )
