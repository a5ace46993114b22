"""A small support desk over HTTP, for the sample to talk to."""

from __future__ import annotations

import json
from typing import Any

from alga_workflows_core.infra.asgi import Receive, Scope, Send
from alga_workflows_core.infra.http import HttpServer

CUSTOMERS = {
    "C-100": {"id": "C-100", "name": "Harbour Bakery", "tier": "standard"},
    "C-200": {"id": "C-200", "name": "Northwind Clinic", "tier": "gold"},
}


async def desk(scope: Scope, receive: Receive, send: Send) -> None:
    """`GET /customers/{id}`; `PUT /tickets/{id}/assignment` and `PUT` and `DELETE /engineers/{id}`,
    which are accepted and forgotten; `PUT /parts/{id}`, which is always refused."""
    match (scope["method"], scope["path"].strip("/").split("/")):
        case ("GET", ["customers", identity]) if identity in CUSTOMERS:
            await _answer(send, 200, CUSTOMERS[identity])
        case ("PUT", ["tickets", identity, "assignment"]):
            await _read(receive)
            await _answer(send, 200, {"accepted": True, "ticket": identity})
        case ("PUT" | "DELETE", ["engineers", identity]):
            await _read(receive)
            reserved = scope["method"] == "PUT"
            await _answer(send, 200, {"ticket": identity, "reserved": reserved})
        case ("PUT", ["parts", identity]):
            await _read(receive)
            await _answer(send, 409, {"ticket": identity, "error": "out of stock"})
        case _:
            await _answer(send, 404, {"error": "not found"})


def desk_server() -> HttpServer:
    """The desk on a free port of this machine, as a service."""
    return HttpServer(desk, host="127.0.0.1", port=0, grace=1.0, name="sample-desk")


async def _read(receive: Receive) -> None:
    while (await receive()).get("more_body"):
        pass


async def _answer(send: Send, status: int, value: dict[str, Any]) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(value).encode()})
