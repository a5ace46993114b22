"""A small support desk over HTTP, for the sample to talk to. Keeps its tickets in memory."""

from __future__ import annotations

import json
from typing import Any

from alga_workflows_core.infra.asgi import Receive, Scope, Send
from alga_workflows_core.infra.http import HttpServer

CUSTOMERS = {
    "C-100": {"id": "C-100", "name": "Harbour Bakery", "tier": "standard"},
    "C-200": {"id": "C-200", "name": "Northwind Clinic", "tier": "gold"},
}


class Desk:
    """`GET /customers/{id}` and `PUT /tickets/{id}/assignment`."""

    def __init__(self) -> None:
        self.assignments: dict[str, Any] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match (scope["method"], scope["path"].strip("/").split("/")):
            case ("GET", ["customers", identity]) if identity in CUSTOMERS:
                await _answer(send, 200, CUSTOMERS[identity])
            case ("PUT", ["tickets", identity, "assignment"]):
                self.assignments[identity] = json.loads(await _body(receive))
                await _answer(send, 200, {"accepted": True, "ticket": identity})
            case _:
                await _answer(send, 404, {"error": "not found"})


def desk_server() -> HttpServer:
    """The desk on a free port of this machine, as a service."""
    return HttpServer(Desk(), host="127.0.0.1", port=0, grace=1.0, name="sample-desk")


async def _body(receive: Receive) -> bytes:
    content = b""
    while True:
        message = await receive()
        content += message.get("body", b"")
        if not message.get("more_body"):
            return content


async def _answer(send: Send, status: int, value: dict[str, Any]) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(value).encode()})
