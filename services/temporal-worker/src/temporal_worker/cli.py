"""The command line."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from typing import NoReturn

from alga_workflows_core.infra.command_line import (
    add_command,
    add_key_commands,
    brief,
    run_command,
    tell_checked,
    tell_migrated,
)
from alga_workflows_core.infra.key_desk import KeyDesk
from temporal_worker import admin, dev
from temporal_worker.compose import serve
from temporal_worker.payloads import add_payload_commands
from temporal_worker.projects import add_project_commands
from temporal_worker.settings import ServiceSettings

EPILOG = """Settings are read from the environment: DATABASE_URL, TEMPORAL_ADDRESS,
TEMPORAL_NAMESPACE, WORKER_SERVICE_PORT, LOG_LEVEL, LOG_FORMAT and others; `check` lists them.
"""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Entry of `temporal-worker`; ends the process."""
    options = _parser().parse_args(arguments)
    # These show a result, not their log.
    is_quiet = options.command is _demo or "folder" in options or "project" in options
    logs = {"LOG_LEVEL": "warning"} if is_quiet else {}
    run_command(options, program="temporal-worker", logs=logs)


async def _serve(_options: argparse.Namespace, stop: asyncio.Event) -> int:
    await serve(ServiceSettings.load(), stop=stop)
    return 0


async def _dev(_options: argparse.Namespace, stop: asyncio.Event) -> int:
    await dev.dev(stop)
    return 0


async def _demo(options: argparse.Namespace, stop: asyncio.Event) -> int:
    return await dev.demo(stop, as_json=options.json)


async def _migrate(_options: argparse.Namespace) -> int:
    return tell_migrated(*await admin.migrate_database())


async def _check(options: argparse.Namespace) -> int:
    return tell_checked(await admin.check(), as_json=options.json)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="temporal-worker",
        description="Runs the workers of projects. Without a command: serve.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=_serve)
    add = parser.add_subparsers(title="commands", metavar="").add_parser
    add_command(add, "serve", _serve, "run projects' workers and serve the API")
    add_command(add, "dev", _dev, "the same with PostgreSQL and Temporal on this machine")
    demo = add_command(
        add, "demo", _demo, "run the sample workflows to their ends, print the results, exit"
    )
    demo.add_argument("--json", action="store_true", help="print one JSON object instead")
    check = add_command(
        add, "check", brief(_check), "say what is configured and what can be reached"
    )
    check.add_argument("--json", action="store_true", help="print one JSON object instead")
    add_command(add, "migrate", brief(_migrate), "bring the database to the schema of this release")
    add_project_commands(add)
    add_payload_commands(add)
    add_key_commands(add, KeyDesk(admin.api_keys, command="temporal-worker"))
    return parser
