"""The command line."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, NoReturn, TypeAlias, cast

import structlog

from alga_workflows_core.errors import AlgaError, SettingsError
from alga_workflows_core.infra.auth import Role
from alga_workflows_core.infra.settings import LogSettings, load
from alga_workflows_core.infra.supervisor import exit_process, install_signal_handlers
from alga_workflows_core.infra.telemetry import configure_logging, mask_secrets
from workflow_worker import admin, dev, rebuilding
from workflow_worker.compose import serve
from workflow_worker.settings import ServiceSettings
from workflow_worker.stopping import INTERRUPTED, unless_stopped

log = structlog.get_logger()

AddParser: TypeAlias = Callable[..., argparse.ArgumentParser]
Command: TypeAlias = Callable[[argparse.Namespace, asyncio.Event], Awaitable[int]]

EPILOG = """Settings are read from the environment: DATABASE_URL, TEMPORAL_ADDRESS,
TEMPORAL_NAMESPACE, PORT, WORKFLOW_HOST, LOG_LEVEL, LOG_FORMAT and others; `check` lists them.
"""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Entry of `workflow-worker`; ends the process."""
    options = _parser().parse_args(arguments)
    logs = _log_settings(options)
    configure_logging(logs, service="workflow-worker")
    try:
        code = asyncio.run(_run(options))
    except Exception as error:  # noqa: BLE001 - the last boundary: the process must end by exit_process
        _report(error, logs)
        code = 1
    exit_process(code)


def _log_settings(options: argparse.Namespace) -> LogSettings:
    """`demo` shows its result, not its log, unless LOG_LEVEL asks for it."""
    quiet = {"LOG_LEVEL": "warning"} if options.command is _demo else {}
    try:
        return load(LogSettings, {**quiet, **os.environ})
    except SettingsError:
        # Every command loads them again, and names what is wrong together with the rest.
        return LogSettings()


def _report(error: Exception, logs: LogSettings) -> None:
    ours = _ours(error)
    if ours is None:
        log.error("The process failed.", action="process.failed", exc_info=error)
    elif logs.format == "text" or (logs.format == "auto" and sys.stderr.isatty()):
        # The log would squeeze a message of several lines into one.
        sys.stderr.writelines(f"workflow-worker: {mask_secrets(str(one))}\n" for one in ours)
    else:
        for one in ours:
            log.error(str(one), action="process.failed", code=one.error_code)


def _ours(error: BaseException) -> list[AlgaError] | None:
    """The errors that `error` is or groups, or None if one of them is not ours."""
    if isinstance(error, AlgaError):
        return [error]
    if not isinstance(error, ExceptionGroup):
        return None
    found: list[AlgaError] = []
    for one in cast("ExceptionGroup[Exception]", error).exceptions:
        inner = _ours(one)
        if inner is None:
            return None
        found += inner
    return found


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


async def _migrate(_options: argparse.Namespace) -> int:
    before, after = await admin.migrate_database()
    sys.stdout.write(
        f"The schema is at revision {after}.\n"
        if before == after
        else f"The schema went from revision {before or 'none'} to {after}.\n"
    )
    return 0


async def _check(options: argparse.Namespace) -> int:
    report = await admin.check()
    sys.stdout.write(report.as_json() if options.json else report.as_text())
    sys.stdout.write("\n")
    return 0 if report.ok else 1


async def _rebuild(options: argparse.Namespace) -> int:
    rebuilt = await rebuilding.rebuild(options.run, repair=options.repair)
    sys.stdout.write(rebuilding.as_text(rebuilt, repaired=options.repair))
    return 1 if rebuilt.left else 0


async def _create_key(options: argparse.Namespace) -> int:
    created = await admin.create_key(options.tenant, options.name, Role.of(options.role))
    sys.stderr.write(f"Key {created.id}; it is shown only once:\n")
    sys.stdout.write(f"{created.key}\n")
    return 0


async def _list_keys(options: argparse.Namespace) -> int:
    for row in await admin.list_keys(options.tenant):
        state = "revoked" if row.revoked_at else "valid"
        created = row.created_at.isoformat(timespec="seconds")
        sys.stdout.write(f"{row.id}  {row.role:<8}  {state:<7}  {created}  {row.name}\n")
    return 0


async def _revoke_key(options: argparse.Namespace) -> int:
    await admin.revoke_key(options.tenant, options.id)
    return 0


def _brief(work: Callable[[argparse.Namespace], Coroutine[Any, Any, int]]) -> Command:
    """`work` as a command that is given up when the process is asked to stop."""

    async def command(options: argparse.Namespace, stop: asyncio.Event) -> int:
        code = await unless_stopped(stop, work(options))
        return INTERRUPTED if code is None else code

    return command


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="workflow-worker",
        description="Runs authored workflows. Without a command: serve.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=_serve)
    add = parser.add_subparsers(title="commands", metavar="").add_parser
    _add(add, "serve", _serve, "poll the authored queue and serve the API")
    _add(add, "dev", _dev, "the same with PostgreSQL and Temporal on this machine, and a sample")
    demo = _add(add, "demo", _demo, "run the sample to its end, print its timeline, exit")
    demo.add_argument("--json", action="store_true", help="print one JSON object instead")
    check = _add(add, "check", _brief(_check), "say what is configured and what can be reached")
    check.add_argument("--json", action="store_true", help="print one JSON object instead")
    _add(add, "migrate", _brief(_migrate), "bring the database to the schema of this release")
    rebuild = _add(add, "rebuild", _brief(_rebuild), "hold a run's rows against its history")
    rebuild.add_argument("run", help="the run's id", metavar="RUN_ID")
    rebuild.add_argument("--repair", action="store_true", help="write anew what differs")
    _add_keys(add)
    return parser


def _add_keys(add: AddParser) -> None:
    keys = add("keys", help="make, list and revoke API keys")
    add_key = keys.add_subparsers(required=True, metavar="create|list|revoke").add_parser
    create = _add(add_key, "create", _brief(_create_key), "make a key and print it once")
    create.add_argument("--name", required=True, help="what the key is for")
    create.add_argument("--role", required=True, choices=Role.labels())
    listing = _add(add_key, "list", _brief(_list_keys), "list keys, the newest first")
    revoke = _add(add_key, "revoke", _brief(_revoke_key), "make a key invalid at once")
    revoke.add_argument("id", help="the key's id, as `keys list` prints it")
    for command in (create, listing, revoke):
        command.add_argument("--tenant", required=True, help="whose data the key opens")


def _add(add: AddParser, name: str, command: Command, text: str) -> argparse.ArgumentParser:
    parser = add(name, help=text, description=text)
    parser.set_defaults(command=command)
    return parser
