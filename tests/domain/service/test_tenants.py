"""Tenants over HTTP, from the first request to the tombstone."""

from __future__ import annotations

import email
import hashlib
import hmac
from base64 import b64encode
from collections.abc import AsyncGenerator
from email.policy import default
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr

from alga_temporal_domain.api.pace import Pace
from alga_temporal_domain.tenants.hooks import HttpHooks
from alga_temporal_domain.tenants.ports import TenantEvent
from alga_workflows_core.errors import AlgaError, UnavailableError
from alga_workflows_core.infra.auth import Role, generate_key, hash_key
from alga_workflows_core.infra.metrics import TemporalTelemetry
from tests.domain.service.running import RunningService, eventually, running_service

ADMIN = {"firstName": "Ada", "lastName": "Byron", "email": "ada@acme.example"}
ACME = {"id": "acme", "name": "Acme", "admin": ADMIN}


@pytest_asyncio.fixture
async def here(
    service_environ: dict[str, str], temporal_telemetry: TemporalTelemetry, tmp_path: Path
) -> AsyncGenerator[RunningService]:
    """A service that writes mail and exports into folders."""
    environ = {
        **service_environ,
        "WORKER_MAIL_FOLDER": str(tmp_path / "mail"),
        "WORKER_TENANT_EXPORTS": str(tmp_path / "exports"),
    }
    async with running_service(environ, temporal_telemetry) as running:
        yield running


async def state(here: RunningService, wanted: str) -> None:
    async def look() -> bool:
        return (await here.ask("GET", "/v1/tenants/acme")).json()["state"] == wanted

    await eventually(look, f"acme is {wanted}")


async def deletion(here: RunningService, status: str) -> Any:
    async def look() -> Any:
        found = (await here.ask("GET", "/v1/tenants/acme/deletion")).json()
        run = found.get("run")
        return found if run and run["status"] == status else None

    return await eventually(look, f"the deletion is {status}")


async def test_the_life_of_a_tenant(here: RunningService, tmp_path: Path) -> None:
    """Made once by its key, its password set once; suspended, resumed, exported, deleted."""
    key = {"idempotency-key": uuid4().hex}
    answers = [await here.ask("POST", "/v1/tenants", ACME, **key) for _ in range(2)]
    assert [each.status_code for each in answers] == [201, 200], answers[0].text
    other = await here.ask("POST", "/v1/tenants", {**ACME, "name": "B"}, **key)
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    taken = await here.ask("POST", "/v1/tenants", ACME)
    assert (taken.status_code, taken.json()["code"]) == (409, "TENANT_EXISTS")

    async def welcomed() -> list[Path]:
        return list((tmp_path / "mail").glob("*.eml"))

    (mail,) = await eventually(welcomed, "a welcome")
    message: Any = email.message_from_bytes(mail.read_bytes(), policy=default)
    token = message.get_content().partition("#token=")[2].split()[0]
    password = {"token": token, "password": "correct horse battery"}
    answers = [await here.ask("POST", "/v1/set-password", password) for _ in range(2)]
    assert [each.status_code for each in answers] == [204, 422]
    assert answers[1].json()["code"] == "LINK_INVALID"
    await state(here, "active")

    async def done() -> bool:
        creation = await here.ask("GET", "/v1/tenants/acme/creation")
        return creation.json()["status"] == "done"

    await eventually(done, "the creation is done")
    resumed = await here.ask("POST", "/v1/tenants/acme/creation/resume")
    assert resumed.status_code == 409
    for action, then in (("suspend", "suspended"), ("resume", "active")):
        assert (await here.ask("POST", f"/v1/tenants/acme/{action}")).status_code == 202
        await state(here, then)
    assert (await here.ask("POST", "/v1/tenants/acme/exports", None, **key)).status_code == 202

    async def exported() -> bool:
        items = (await here.ask("GET", "/v1/tenants/acme/exports")).json()["items"]
        return bool(items) and items[0]["state"] == "done"

    await eventually(exported, "an export")
    begun = [await here.ask("POST", "/v1/tenants/acme/deletion") for _ in range(2)]
    assert [each.status_code for each in begun] == [202, 202], begun[0].text
    await deletion(here, "waiting")
    assert (await here.ask("POST", "/v1/tenants/acme/deletion/retry")).status_code == 409
    assert (await here.ask("POST", "/v1/tenants/acme/deletion/pause")).json()["status"] == "paused"
    confirmed = await here.ask("POST", "/v1/tenants/acme/deletion/confirm", {"after": "immediate"})
    assert confirmed.status_code == 200, confirmed.text
    await state(here, "deleted")
    assert (await deletion(here, "deleted"))["exportSha256"]
    listed = (await here.ask("GET", "/v1/tenants?limit=1")).json()
    assert [(each["id"], each["name"]) for each in listed["items"]] == [("acme", "")]


async def test_only_the_management_tenant_manages(here: RunningService) -> None:
    """Its admins; nobody of another tenant, and no lower role."""
    operator = await here.key(Role.OPERATOR)
    stranger = generate_key()
    async with here.storage.unit_of_work("stranger") as work:
        await work.api_keys.add(uuid4(), name="k", role="admin", key_hash=hash_key(stranger))
    for key in (operator, stranger):
        answer = await here.ask("GET", "/v1/tenants", authorization=f"Bearer {key}")
        assert (answer.status_code, answer.json()["code"]) == (403, "ACCESS_DENIED")
    answer = await here.ask("POST", "/v1/tenants/default/deletion")
    assert (answer.status_code, answer.json()["code"]) == (409, "MANAGEMENT_TENANT")
    assert (await here.ask("GET", "/v1/tenants/nobody")).status_code == 404


async def test_guesses_are_slowed_down(here: RunningService) -> None:
    """Ten in a minute; then the answer says when to come back."""
    guess = {"token": "x", "password": "correct horse battery"}
    codes = [(await here.ask("POST", "/v1/set-password", guess)).status_code for _ in range(11)]
    assert codes == [422] * 10 + [429]


def test_a_pace_is_kept_by_the_clock() -> None:
    """Each peer has its own tries, and all together have some; a minute later they are new."""
    now = [0.0]
    pace = Pace(each=2, all_together=3, clock=lambda: now[0])
    assert [pace.wait("a"), pace.wait("a"), pace.wait("a")] == [0, 0, 60]
    assert [pace.wait("b"), pace.wait("b")] == [0, 60]
    now[0] = 60.0
    assert [pace.wait("b"), pace.wait("a")] == [0, 0]


async def test_hooks_are_signed() -> None:
    """As Standard Webhooks has it; who is away is asked again, who refuses is not."""
    seen: list[httpx.Request] = []
    status = [204]

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(status[0])

    event = TenantEvent(id="acme:x", type="tenant.created", tenant="acme", data={"name": "Acme"})
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        hooks = HttpHooks(http, "https://ops.example/hook", SecretStr("s" * 16))
        await hooks.tell(event)
        (request,) = seen
        at = request.headers["webhook-timestamp"]
        signed = f"acme:x.{at}.".encode() + request.content
        made = b64encode(hmac.digest(b"s" * 16, signed, hashlib.sha256)).decode()
        assert request.headers["webhook-signature"] == f"v1,{made}"
        for code, kind in ((503, UnavailableError), (429, UnavailableError), (410, AlgaError)):
            status[0] = code
            with pytest.raises(kind) as caught:
                await hooks.tell(event)
            assert isinstance(caught.value, UnavailableError) == (code != 410)
