"""A running service as the commands see it: over HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any
from uuid import UUID

import httpx

from alga_workflows_core.errors import AlgaError, NotFoundError, UnavailableError
from temporal_worker.settings import ClientSettings

_SECONDS = 70.0
_PAGE = 200


class ServiceClient:
    """Asks the API. AlgaError with what it said when it refuses."""

    def __init__(self, http: httpx.AsyncClient, address: str) -> None:
        self._http = http
        self._address = address

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's JSON."""
        content = b"" if body is None else json.dumps(body).encode()
        try:
            answer = await self._http.request(
                method, path, content=content, headers={"content-type": "application/json"}
            )
        except httpx.HTTPError as error:
            raise UnavailableError(
                "The service",
                self._address,
                str(error) or type(error).__name__,
                remedy="Start it, or set WORKER_SERVICE_URL to where it is.",
            ) from error
        if answer.is_success:
            return answer.json()
        raise _refusal(answer)

    async def project(self, text: str) -> str:
        """The id of the project with this id or name. NotFoundError without or with several."""
        try:
            return str((await self.ask("GET", f"/v1/projects/{UUID(text)}"))["id"])
        except ValueError:
            pass
        found = [each["id"] for each in await self._projects() if each["name"] == text]
        if len(found) == 1:
            return str(found[0])
        many = "several projects are" if found else "no project is"
        raise NotFoundError(f"{many.capitalize()} called {text!r}.", remedy="Name it by its id.")

    async def project_or_new(self, name: str) -> str:
        """The id of the project with this name, which is made if there is none."""
        found = [each["id"] for each in await self._projects() if each["name"] == name]
        if found:
            return await self.project(name)
        return str((await self.ask("POST", "/v1/projects", {"name": name}))["id"])

    async def worker(self, action: str, project_id: str) -> str:
        """Have the worker started, stopped or restarted; what the service said when it was."""
        asked = {"projectId": project_id}
        return str((await self.ask("POST", f"/workers/{action}", asked))["message"])

    async def _projects(self) -> list[Any]:
        found: list[Any] = []
        after = ""
        while True:
            page = await self.ask("GET", f"/v1/projects?limit={_PAGE}{after}")
            found += page["items"]
            if page["next"] is None:
                return found
            after = f"&after={page['next']}"


@asynccontextmanager
async def service_client(settings: ClientSettings) -> AsyncGenerator[ServiceClient]:
    """A client of the service that the settings name."""
    headers: dict[str, str] = {}
    if settings.key is not None:
        headers["authorization"] = f"Bearer {settings.key.get_secret_value()}"
    address = settings.url.rstrip("/")
    async with httpx.AsyncClient(
        base_url=address, timeout=_SECONDS, trust_env=False, headers=headers
    ) as http:
        yield ServiceClient(http, address)


def _refusal(answer: httpx.Response) -> AlgaError:
    try:
        told: dict[str, Any] = answer.json()
    except ValueError:
        told = {}
    said = told.get("detail") or told.get("error") or answer.text[:1000] or answer.reason_phrase
    lines = [f"  - {_finding(each)}" for each in told.get("findings", [])]
    kind = NotFoundError if answer.status_code == HTTPStatus.NOT_FOUND else AlgaError
    return kind("\n".join([said, *lines]), code=told.get("code"), remedy=told.get("remedy"))


def _finding(finding: dict[str, Any]) -> str:
    line = f":{finding['line']}" if finding["line"] else ""
    where = f"{finding['path']}{line}: " if finding["path"] else ""
    return f"{where}{finding['rule']}: {finding['message']}"
