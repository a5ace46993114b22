"""What the command lines of services have in common: signals, errors, the end, keys."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias, cast

import structlog

from alga_workflows_core.errors import AlgaError, SettingsError
from alga_workflows_core.infra.auth import Role
from alga_workflows_core.infra.checks import CheckReport
from alga_workflows_core.infra.key_desk import KeyDesk
from alga_workflows_core.infra.settings import LogSettings, load
from alga_workflows_core.infra.stopping import INTERRUPTED, unless_stopped
from alga_workflows_core.infra.supervisor import exit_process, install_signal_handlers
from alga_workflows_core.infra.telemetry import configure_logging, mask_secrets

log = structlog.get_logger()

AddParser: TypeAlias = Callable[..., argparse.ArgumentParser]
Command: TypeAlias = Callable[[argparse.Namespace, asyncio.Event], Awaitable[int]]
"""What a parser's default `command` is: options, and the event that asks to stop."""


def run_command(
    options: argparse.Namespace, *, program: str, logs: Mapping[str, str] | None = None
) -> NoReturn:
    """Run `options.command` and end the process with its status; 1 for an error, which is told.

    `logs`: settings of logs that hold where the environment has none.
    """
    shown = _log_settings(logs or {})
    configure_logging(shown, service=program)
    try:
        code = asyncio.run(_run(options))
    except Exception as error:  # noqa: BLE001 - the last boundary: the process must end by exit_process
        _report(error, shown, program)
        code = 1
    exit_process(code)


def brief(work: Callable[[argparse.Namespace], Coroutine[Any, Any, int]]) -> Command:
    """`work` as a command that is given up when the process is asked to stop."""

    async def command(options: argparse.Namespace, stop: asyncio.Event) -> int:
        code = await unless_stopped(stop, work(options))
        return INTERRUPTED if code is None else code

    return command


def add_command(add: AddParser, name: str, command: Command, text: str) -> argparse.ArgumentParser:
    """A sub-command with its help."""
    parser = add(name, help=text, description=text)
    parser.set_defaults(command=command)
    return parser


def tell_migrated(before: str | None, after: str) -> int:
    """Say which revision the schema had and has; the exit status."""
    sys.stdout.write(
        f"The schema is at revision {after}.\n"
        if before == after
        else f"The schema went from revision {before or 'none'} to {after}.\n"
    )
    return 0


def tell_checked(report: CheckReport, *, as_json: bool) -> int:
    """Print what `check` found; the exit status."""
    sys.stdout.write(report.as_json() if as_json else report.as_text())
    sys.stdout.write("\n")
    return 0 if report.ok else 1


def add_key_commands(add: AddParser, desk: KeyDesk) -> None:
    """`keys create|list|revoke`."""
    commands = _KeyCommands(desk)
    keys = add("keys", help="make, list and revoke API keys")
    add_key = keys.add_subparsers(required=True, metavar="create|list|revoke").add_parser
    create = add_command(add_key, "create", brief(commands.create), "make a key and print it once")
    create.add_argument("--name", required=True, help="what the key is for")
    create.add_argument("--role", required=True, choices=Role.labels())
    listing = add_command(add_key, "list", brief(commands.list), "list keys, the newest first")
    revoke = add_command(add_key, "revoke", brief(commands.revoke), "make a key invalid at once")
    revoke.add_argument("id", help="the key's id, as `keys list` prints it")
    for command in (create, listing, revoke):
        command.add_argument("--tenant", required=True, help="whose data the key opens")


@dataclass(frozen=True, slots=True)
class _KeyCommands:
    desk: KeyDesk

    async def create(self, options: argparse.Namespace) -> int:
        created = await self.desk.create(options.tenant, options.name, Role.of(options.role))
        sys.stderr.write(f"Key {created.id}; it is shown only once:\n")
        sys.stdout.write(f"{created.key}\n")
        return 0

    async def list(self, options: argparse.Namespace) -> int:
        for row in await self.desk.list(options.tenant):
            state = "revoked" if row.revoked_at else "valid"
            created = row.created_at.isoformat(timespec="seconds")
            sys.stdout.write(f"{row.id}  {row.role:<8}  {state:<7}  {created}  {row.name}\n")
        return 0

    async def revoke(self, options: argparse.Namespace) -> int:
        await self.desk.revoke(options.tenant, options.id)
        return 0


def _log_settings(otherwise: Mapping[str, str]) -> LogSettings:
    try:
        return load(LogSettings, {**otherwise, **os.environ})
    except SettingsError:
        # Every command loads them again, and names what is wrong together with the rest.
        return LogSettings()


def _report(error: Exception, logs: LogSettings, program: str) -> None:
    ours = _ours(error)
    if ours is None:
        log.error("The process failed.", action="process.failed", exc_info=error)
    elif logs.format == "text" or (logs.format == "auto" and sys.stderr.isatty()):
        # The log would squeeze a message of several lines into one.
        sys.stderr.writelines(f"{program}: {mask_secrets(str(one))}\n" for one in ours)
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
