"""`check`: what is installed, configured and reachable."""

from __future__ import annotations

import asyncio
import json

from alga_workflows_core.infra.devstack.temporal_server import free_port
from alga_workflows_core.storage.migrate import SCHEMA
from tests.services.command import finished


async def test_what_works_is_shown(environ: dict[str, str]) -> None:
    """Status 0 with versions, schema, servers and every setting, without the password."""
    with_password = environ["DATABASE_URL"].replace("postgres@", "postgres:hunter2@")
    settings = {**environ, "DATABASE_URL": with_password, "DATABASE_DIRECT_URL": with_password}
    as_text, as_json = await asyncio.gather(
        finished("check", environ=settings), finished("check", "--json", environ=settings)
    )
    for result in (as_text, as_json):
        assert result.code == 0, result.stdout
        assert "hunter2" not in result.stdout + result.stderr
        assert SCHEMA.expected_revision() in result.stdout
        assert environ["TEMPORAL_ADDRESS"] in result.stdout
    report = json.loads(as_json.stdout)
    assert report["ok"] is True
    assert set(report["versions"]) == {"workflow-worker", "alga-workflows-core"}
    assert {name: line["ok"] for name, line in report["checks"].items()} == {
        "postgresql": True,
        "schema": True,
        "temporal": True,
    }
    for name in ("DATABASE_URL", "DATABASE_DIRECT_URL"):
        assert "postgres:***@" in report["settings"][name]
    assert report["settings"]["TEMPORAL_NAMESPACE"] == environ["TEMPORAL_NAMESPACE"]
    assert report["settings"]["PORT"] == "0"
    assert report["settings"]["WORKFLOW_HTTP_ALLOW"] == "127.0.0.0/8"


async def test_what_fails_is_shown(environ: dict[str, str]) -> None:
    """Status 1 with what failed and why; what works is shown all the same."""
    nothing = f"127.0.0.1:{free_port()}"
    url = f"postgresql://alga:hunter2@{nothing}/alga?password=hunter2"
    no_database, no_settings = await asyncio.gather(
        finished("check", "--json", environ={**environ, "DATABASE_URL": url}),
        finished("check", "--json", environ={"PORT": "none", "LOG_LEVEL": "loud"}),
    )
    assert (no_database.code, no_settings.code) == (1, 1)
    assert "hunter2" not in no_database.stdout + no_database.stderr
    checks = json.loads(no_database.stdout)["checks"]
    assert checks["temporal"]["ok"] is True
    assert checks["postgresql"]["ok"] is False
    assert f"postgresql://alga:***@{nothing}/alga" in checks["postgresql"]["detail"]
    assert checks["schema"]["ok"] is False
    detail = json.loads(no_settings.stdout)["checks"]["settings"]["detail"]
    for name in ("DATABASE_URL", "PORT", "LOG_LEVEL"):
        assert f"- {name}: " in detail
