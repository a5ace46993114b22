"""The command line."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, NoReturn, TypeAlias, cast

import structlog

from alga_workflows_core.errors import AlgaError
from alga_workflows_core.infra.auth import Role
from alga_workflows_core.infra.settings import LogSettings, load
from alga_workflows_core.infra.supervisor import exit_process, install_signal_handlers
from alga_workflows_core.infra.telemetry import configure_logging
from workflow_worker import admin, dev
from workflow_worker.compose import serve
from workflow_worker.settings import ServiceSettings

log = structlog.get_logger()

if TYPE_CHECKING:
    # argparse has no public name for what add_subparsers returns.
    Commands: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]  # pyright: ignore[reportPrivateUsage] # noqa: SLF001

Command = Callable[[argparse.Namespace, asyncio.Event], Awaitable[int]]

EPILOG = """Settings are read from the environment: DATABASE_URL, TEMPORAL_ADDRESS,
TEMPORAL_NAMESPACE, PORT, WORKFLOW_HOST, LOG_LEVEL, LOG_FORMAT and others; `check` lists them.
"""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Entry of `workflow-worker`; ends the process."""
    options = _parser().parse_args(arguments)
    try:
        configure_logging(_log_settings(options), service="workflow-worker")
        code = asyncio.run(_run(options))
    except AlgaError as error:
        code = _failed([error])
    except BaseExceptionGroup as group:
        errors = _leaves(group)
        if errors is None:
            raise
        code = _failed(errors)
    exit_process(code)


def _log_settings(options: argparse.Namespace) -> LogSettings:
    """`demo` shows its result, not its log, unless LOG_LEVEL asks for it."""
    quiet = {"LOG_LEVEL": "warning"} if options.command is _demo else {}
    return load(LogSettings, {**quiet, **os.environ})


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[AlgaError] | None:
    """The errors of a group, or None if one of them is not ours."""
    found: list[AlgaError] = []
    for error in group.exceptions:
        if isinstance(error, AlgaError):
            found.append(error)
        elif isinstance(error, BaseExceptionGroup):
            inner = _leaves(cast("BaseExceptionGroup[BaseException]", error))
            if inner is None:
                return None
            found += inner
        else:
            return None
    return found


def _failed(errors: Sequence[AlgaError]) -> int:
    for error in errors:
        log.error(str(error), action="process.failed", code=error.error_code)
    return 1


async def _run(options: argparse.Namespace) -> int:
    stop = asyncio.Event()
    install_signal_handlers(stop)
    command: Command = options.command
    return await command(options, stop)


async def _serve(_options: argparse.Namespace, stop: asyncio.Event) -> int:
    await serve(ServiceSettings.load(), stop=stop)
    return 0


async def _dev(_options: argparse.Namespace, stop: asyncio.Event) -> int:
    await dev.dev(stop)
    return 0


async def _demo(options: argparse.Namespace, stop: asyncio.Event) -> int:
    return await dev.demo(stop, as_json=options.json)


async def _migrate(_options: argparse.Namespace, _stop: asyncio.Event) -> int:
    before, after = await admin.migrate_database()
    sys.stdout.write(
        f"The schema is at revision {after}.\n"
        if before == after
        else f"The schema went from revision {before or 'none'} to {after}.\n"
    )
    return 0


async def _check(options: argparse.Namespace, _stop: asyncio.Event) -> int:
    report = await admin.check()
    sys.stdout.write(report.as_json() if options.json else report.as_text())
    sys.stdout.write("\n")
    return 0 if report.ok else 1


async def _create_key(options: argparse.Namespace, _stop: asyncio.Event) -> int:
    created = await admin.create_key(options.tenant, options.name, Role.of(options.role))
    sys.stderr.write(f"Key {created.id}; it is shown only once:\n")
    sys.stdout.write(f"{created.key}\n")
    return 0


async def _list_keys(options: argparse.Namespace, _stop: asyncio.Event) -> int:
    for row in await admin.list_keys(options.tenant):
        state = "revoked" if row.revoked_at else "valid"
        created = row.created_at.isoformat(timespec="seconds")
        sys.stdout.write(f"{row.id}  {row.role:<8}  {state:<7}  {created}  {row.name}\n")
    return 0


async def _revoke_key(options: argparse.Namespace, _stop: asyncio.Event) -> int:
    await admin.revoke_key(options.tenant, options.id)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="workflow-worker",
        description="Runs authored workflows. Without a command: serve.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=_serve)
    commands = parser.add_subparsers(title="commands", metavar="")
    _add(commands, "serve", _serve, "poll the authored queue and serve the API")
    _add(
        commands, "dev", _dev, "the same with PostgreSQL and Temporal on this machine, and a sample"
    )
    demo = _add(commands, "demo", _demo, "run the sample to its end, print its timeline, exit")
    demo.add_argument("--json", action="store_true", help="print one JSON object instead")
    check = _add(commands, "check", _check, "say what is configured and what can be reached")
    check.add_argument("--json", action="store_true", help="print one JSON object instead")
    _add(commands, "migrate", _migrate, "bring the database to the schema of this release")
    _add_keys(commands)
    return parser


def _add_keys(commands: Commands) -> None:
    keys = commands.add_parser("keys", help="make, list and revoke API keys").add_subparsers(
        required=True, metavar="create|list|revoke"
    )
    create = _add(keys, "create", _create_key, "make a key and print it once")
    create.add_argument("--name", required=True, help="what the key is for")
    create.add_argument("--role", required=True, choices=Role.labels())
    listing = _add(keys, "list", _list_keys, "list keys, the newest first")
    revoke = _add(keys, "revoke", _revoke_key, "make a key invalid at once")
    revoke.add_argument("id", help="the key's id, as `keys list` prints it")
    for command in (create, listing, revoke):
        command.add_argument("--tenant", required=True, help="whose data the key opens")


def _add(
    commands: Commands,
    name: str,
    command: Command,
    text: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(command=command)
    return parser
