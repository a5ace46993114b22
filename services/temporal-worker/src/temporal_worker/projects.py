"""The commands on projects of a running service."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from alga_workflows_core.errors import AlgaError
from alga_workflows_core.infra.command_line import AddParser, add_command, brief
from alga_workflows_core.infra.settings import LogSettings, load_all
from temporal_worker.client import ServiceClient, service_client
from temporal_worker.folder import changed, read_folder, times
from temporal_worker.settings import ClientSettings

_FOLLOW_SECONDS = 1.0


def add_project_commands(add: AddParser) -> None:
    """`projects publish|start|stop|restart|status|logs`."""
    projects = add("projects", help="publish code, and run its workers, on a running service")
    names = "publish|start|stop|restart|status|logs"
    add_project = projects.add_subparsers(required=True, metavar=names).add_parser
    publish = add_command(
        add_project, "publish", brief(_publish), "publish a folder of Python modules"
    )
    publish.add_argument("folder", type=_folder, metavar="DIR")
    which = publish.add_mutually_exclusive_group()
    which.add_argument("--project", metavar="ID", help="the project's id")
    which.add_argument("--name", help="the project's name; it is made if there is none")
    publish.add_argument("--activate", action="store_true", help="new runs begin with this code")
    publish.add_argument(
        "--watch", action="store_true", help="publish and activate again whenever a file is saved"
    )
    for action in ("start", "stop", "restart"):
        command = add_command(
            add_project, action, brief(_worker), f"{action} the project's worker, and wait for it"
        )
        command.set_defaults(action=action)
        command.add_argument("project", help="its id or name")
    status = add_command(add_project, "status", brief(_status), "say how workers are")
    status.add_argument("project", nargs="?", help="its id or name; without one, all that run")
    logs = add_command(add_project, "logs", brief(_logs), "print what workers have written")
    logs.add_argument("project", help="its id or name")
    logs.add_argument("--follow", action="store_true", help="go on until stopped")
    logs.add_argument("--limit", type=int, default=100, help="lines to begin with (1 to 500)")


def _folder(text: str) -> Path:
    path = Path(text).resolve()
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is no folder")
    return path


@asynccontextmanager
async def _client() -> AsyncGenerator[ServiceClient]:
    settings, _ = load_all(ClientSettings, LogSettings)
    async with service_client(settings) as client:
        yield client


async def _publish(options: argparse.Namespace) -> int:
    folder: Path = options.folder
    async with _client() as client:
        project = await _project(client, options)
        seen = times(folder)
        await _publish_once(client, project, folder, activate=options.activate or options.watch)
        while options.watch:
            seen = await changed(folder, seen)
            try:
                await _publish_once(client, project, folder, activate=True)
            except AlgaError as error:
                # What was active stays so; the next save may be right.
                sys.stderr.write(f"{error}\n")
    return 0


async def _project(client: ServiceClient, options: argparse.Namespace) -> str:
    if options.project:
        return await client.project(options.project)
    return await client.project_or_new(options.name or options.folder.name)


async def _publish_once(
    client: ServiceClient, project: str, folder: Path, *, activate: bool
) -> None:
    files = read_folder(folder)
    published = await client.ask("POST", f"/v1/projects/{project}/bundles", {"files": files})
    done = "published" if published["created"] else "already there"
    line = f"{published['hash']}  {done}"
    if activate:
        address = f"/v1/projects/{project}/bundles/{published['hash']}/activate"
        activation = await client.ask("POST", address, {"reason": f"published from {folder.name}"})
        line += f", active (activation {activation['seq']})"
    sys.stdout.write(f"{line}  project {project}\n")
    sys.stdout.flush()


async def _worker(options: argparse.Namespace) -> int:
    async with _client() as client:
        project = await client.project(options.project)
        sys.stdout.write(f"{await client.worker(options.action, project)}\n")
    return 0


async def _status(options: argparse.Namespace) -> int:
    async with _client() as client:
        if options.project is None:
            answer = await client.ask("GET", "/workers")
        else:
            project = await client.project(options.project)
            answer = await client.ask("GET", f"/v1/projects/{project}/worker")
    sys.stdout.write(f"{json.dumps(answer, indent=2)}\n")
    return 0


async def _logs(options: argparse.Namespace) -> int:
    async with _client() as client:
        project = await client.project(options.project)
        address = f"/v1/projects/{project}/logs?limit="
        page = await client.ask("GET", f"{address}{options.limit}")
        _print_lines(page["items"])
        while options.follow:
            await asyncio.sleep(_FOLLOW_SECONDS)
            page = await client.ask("GET", f"{address}500&after={page['next']}")
            _print_lines(page["items"])
    return 0


def _print_lines(lines: list[dict[str, Any]]) -> None:
    sys.stdout.writelines(f"{line['at']}  {line['line']}\n" for line in lines)
    sys.stdout.flush()
