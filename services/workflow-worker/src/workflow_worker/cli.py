"""The command line."""

from __future__ import annotations

import argparse
import asyncio
import sys
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
from workflow_worker import admin, dev, rebuilding
from workflow_worker.compose import serve
from workflow_worker.settings import ServiceSettings

EPILOG = """Settings are read from the environment: DATABASE_URL, TEMPORAL_ADDRESS,
TEMPORAL_NAMESPACE, PORT, WORKFLOW_HOST, LOG_LEVEL, LOG_FORMAT and others; `check` lists them.
"""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Entry of `workflow-worker`; ends the process."""
    options = _parser().parse_args(arguments)
    # `demo` shows its result, not its log.
    logs = {"LOG_LEVEL": "warning"} if options.command is _demo else {}
    run_command(options, program="workflow-worker", logs=logs)


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


async def _rebuild(options: argparse.Namespace) -> int:
    rebuilt = await rebuilding.rebuild(options.run, repair=options.repair)
    sys.stdout.write(rebuilding.as_text(rebuilt, repaired=options.repair))
    return 1 if rebuilt.left else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="workflow-worker",
        description="Runs authored workflows. Without a command: serve.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=_serve)
    add = parser.add_subparsers(title="commands", metavar="").add_parser
    add_command(add, "serve", _serve, "poll the authored queue and serve the API")
    add_command(
        add, "dev", _dev, "the same with PostgreSQL and Temporal on this machine, and a sample"
    )
    demo = add_command(add, "demo", _demo, "run the sample to its end, print its timeline, exit")
    demo.add_argument("--json", action="store_true", help="print one JSON object instead")
    check = add_command(
        add, "check", brief(_check), "say what is configured and what can be reached"
    )
    check.add_argument("--json", action="store_true", help="print one JSON object instead")
    add_command(add, "migrate", brief(_migrate), "bring the database to the schema of this release")
    rebuild = add_command(add, "rebuild", brief(_rebuild), "hold a run's rows against its history")
    rebuild.add_argument("run", help="the run's id", metavar="RUN_ID")
    rebuild.add_argument("--repair", action="store_true", help="write anew what differs")
    add_key_commands(add, KeyDesk(admin.api_keys, command="workflow-worker"))
    return parser
