"""`temporal-worker` and its start script as real processes."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from alga_temporal_domain.payloads.keys import parse_keys
from alga_temporal_domain.queues.chosen import KNOWN
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.infra.devstack.temporal_server import TemporalServer
from alga_workflows_core.infra.metrics import TemporalTelemetry
from alga_workflows_core.infra.settings import DatabaseSettings
from temporal_worker.sample import sample_files
from tests.architecture.workspace import ROOT
from tests.domain.service.running import (
    PAYLOAD_KEYS,
    RunningService,
    eventually,
    running_service,
)

SECONDS = 30


async def command(
    *arguments: str | Path, environ: dict[str, str] | None = None, program: Path | None = None
) -> tuple[int, str, str]:
    """Exit status, standard output and standard error, in a bare environment."""
    started = [str(program)] if program else [sys.executable, "-m", "temporal_worker"]
    process = await asyncio.create_subprocess_exec(
        *started,
        *map(str, arguments),
        env={"PATH": os.environ["PATH"], "LOG_FORMAT": "text", **(environ or {})},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(SECONDS):
            out, told = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    assert process.returncode is not None
    return process.returncode, out.decode(), told.decode()


@pytest_asyncio.fixture
async def environ(
    domain_settings: DatabaseSettings, temporal_server: TemporalServer
) -> dict[str, str]:
    """Servers for a process."""
    url = domain_settings.url.get_secret_value()
    return {
        "DATABASE_URL": url,
        "TEMPORAL_ADDRESS": temporal_server.address,
        "TEMPORAL_PAYLOAD_KEYS": PAYLOAD_KEYS,
    }


@pytest_asyncio.fixture
async def service(
    environ: dict[str, str], temporal_telemetry: TemporalTelemetry
) -> AsyncGenerator[RunningService]:
    """A service that the commands find."""
    async with running_service(environ, temporal_telemetry) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The sample as a folder of modules, with things that are no part of it."""
    made = tmp_path / "my-project"
    for path, text in {**sample_files(), ".venv/other.py": "import os", "notes.txt": ""}.items():
        (made / path).parent.mkdir(parents=True, exist_ok=True)
        (made / path).write_text(text)
    return made


async def test_all_that_is_missing_is_told_at_once() -> None:
    """With what took the place of the document's names."""
    environ = {"NEXT_PUBLIC_SUPABASE_URL": "x", "WORKER_SERVICE_PORT": "many"}
    status, out, told = await command(environ=environ)
    assert (status, out) == (1, "")
    assert "DATABASE_URL: is not set" in told
    assert "WORKER_SERVICE_PORT: " in told
    assert "TEMPORAL_PAYLOAD_KEYS: is not set" in told
    assert "temporal-worker payloads new-key" in told
    assert "NEXT_PUBLIC_SUPABASE_URL: is not read any more; use DATABASE_URL" in told


async def test_the_script_tells_all_that_is_missing(tmp_path: Path) -> None:
    """Before anything is installed, and it makes no .env."""
    script = ROOT / "scripts" / "start-worker"
    environ = {"SUPABASE_SERVICE_ROLE_KEY": "secret"}
    status, out, told = await command(environ=environ, program=script)
    assert (status, out) == (1, "")
    assert "DATABASE_URL: " in told
    assert "TEMPORAL_ADDRESS: " in told
    assert "SUPABASE_SERVICE_ROLE_KEY: is not read any more" in told
    assert "secret" not in told
    assert not (ROOT / ".env").exists()
    assert (await command("production", program=script))[0] == 2


async def test_check_says_what_works_and_which_walls_stand(environ: dict[str, str]) -> None:
    """Servers, schema, isolation; no secret is shown."""
    status, out, _ = await command(
        "check", "--json", environ={**environ, "WORKER_SMS_TOKEN": "hush"}
    )
    report = json.loads(out)
    assert status == 0, report
    servers = {"postgresql", "schema", "temporal", "capabilities", "isolation"}
    assert set(report["checks"]) == servers | {f"queue {name}" for name in KNOWN}
    assert "nothing is served" in report["checks"]["queue email-domain-workflows"]["detail"]
    assert report["settings"]["TEMPORAL_PAYLOAD_KEYS"] == "(set)"
    assert "landlock" in report["checks"]["isolation"]["detail"]
    assert report["settings"]["WORKER_SERVICE_PORT"] == "3011"
    assert report["settings"]["WORKER_SMS_TOKEN"] == "(set)"


async def test_keys_are_made_and_revoked(
    environ: dict[str, str], domain_storage: DomainStorage
) -> None:
    """Shown once; listed; without force once revoked."""
    create = ("keys", "create", "--tenant", "t", "--name", "n", "--role", "operator")
    status, key, told = await command(*create, environ=environ)
    assert status == 0, told
    assert key.startswith("alga_")
    _, listed, _ = await command("keys", "list", "--tenant", "t", environ=environ)
    identity = listed.split()[0]
    status, _, _ = await command("keys", "revoke", identity, "--tenant", "t", environ=environ)
    assert status == 0
    async with domain_storage.unit_of_work("t") as work:
        (row,) = await work.api_keys.list()
    assert row.revoked_at is not None


async def test_a_folder_is_published_started_and_stopped(
    service: RunningService, folder: Path
) -> None:
    """By the project's name, which is the folder's; findings come with file and line."""
    environ = {"WORKER_SERVICE_URL": service.url}
    status, out, told = await command("projects", "publish", folder, "--activate", environ=environ)
    assert status == 0, told
    assert "published, active (activation 1)" in out
    status, out, told = await command("projects", "start", "my-project", environ=environ)
    assert (status, out.startswith("Worker started for project ")) == (0, True), told
    status, out, _ = await command("projects", "status", "my-project", environ=environ)
    worker = json.loads(out)
    assert worker["status"] == "running"
    status, out, _ = await command("projects", "logs", "my-project", environ=environ)
    assert status == 0
    status, _, _ = await command("projects", "stop", worker["projectId"], environ=environ)
    assert status == 0
    (folder / "workflows.py").write_text("import subprocess\n")
    status, _, told = await command("projects", "publish", folder, environ=environ)
    assert status == 1
    assert "workflows.py:1: IMPORT_REFUSED" in told
    assert (await command("projects", "start", "nobody", environ=environ))[0] == 1


async def test_a_watched_folder_is_activated_on_each_save(
    service: RunningService, folder: Path
) -> None:
    """A save that is wrong changes nothing; stopping ends the watch."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "temporal_worker", "projects", "publish", str(folder), "--watch"),
        env={"PATH": os.environ["PATH"], "WORKER_SERVICE_URL": service.url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(SECONDS):
            project = (await process.stdout.readline()).decode().split()[-1]
            module = folder / "workflows.py"
            text = module.read_text()
            module.write_text("def broken(")
            module.write_text(text.replace("Starting", "Beginning"))
            assert b"activation 2" in await process.stdout.readline()

        async def activated() -> bool:
            return len(await service.activations(project)) == 2

        await eventually(activated, "two activations")
    finally:
        process.terminate()
        await process.wait()
    assert process.returncode == 130


async def test_a_key_for_payloads_is_made() -> None:
    """It is all of standard output, and what the setting takes."""
    status, out, told = await command("payloads", "new-key", "--id", "k1")
    assert status == 0, told
    assert [key.id for key in parse_keys(out)] == ["k1"]
    assert "TEMPORAL_PAYLOAD_KEYS" in told
    status, out, told = await command("payloads", "new-key", "--id", "k 1")
    assert (status, out) == (1, "")
    assert "--id" in told
