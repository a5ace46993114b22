"""`alga-workflows simulate`: what a definition does when the world does this and that."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import cast

from alga_workflows_core.actions.builtin.catalogue import builtin_registry
from alga_workflows_core.catalogue.simulations import simulate_request
from alga_workflows_core.definition.source import read
from alga_workflows_core.errors import AlgaError, FindingsError, InputError
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.validation.catalogue import Catalogue

SUCCEEDED, OTHERWISE, UNREADABLE = 0, 1, 2

DESCRIPTION = f"""Run a definition in virtual time against a script of the world: how actions
answer, which events come, what people and operators do. Nothing outside is touched. Exit status:
{SUCCEEDED} if the run succeeded, {OTHERWISE} if it ended otherwise or would wait for ever or the
definition has errors, {UNREADABLE} if a file could not be read or the command is not understood."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `run` takes."""
    parser.add_argument("file", metavar="FILE", help="the definition, as JSON or YAML")
    parser.add_argument("--script", metavar="FILE", help="the payload and the world around the run")
    parser.add_argument(
        "--with",
        dest="called",
        metavar="FILE",
        action="append",
        default=[],
        help="a definition that it may call; may be given several times",
    )
    parser.add_argument("--json", action="store_true", help="print the whole report as JSON")


def run(options: argparse.Namespace) -> int:
    """Simulate and print; answers the exit status."""
    try:
        request = _request(options)
    except (OSError, AlgaError) as error:
        sys.stderr.write(f"alga-workflows simulate: {error}\n")
        return UNREADABLE
    registry = builtin_registry()
    try:
        report = simulate_request(request, Catalogue(actions=registry.specs()), registry)
    except AlgaError as error:
        sys.stderr.writelines(f"{line}\n" for line in _refusal(error))
        return OTHERWISE
    if options.json:
        sys.stdout.write(f"{json.dumps(report, indent=2)}\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in _lines(report))
    return SUCCEEDED if report["status"] == "SUCCEEDED" else OTHERWISE


def _request(options: argparse.Namespace) -> JsonObject:
    script: Json = {} if options.script is None else _document(options.script)
    members = cast("JsonObject", script) if isinstance(script, dict) else {}
    for name in ("definition", "definitions"):
        if name in members:
            raise InputError(
                f"The script holds {name!r}; definitions are given as files.",
                path=f"/{name}",
            )
    called = [_document(file) for file in cast("list[str]", options.called)]
    return {**members, "definition": _document(options.file), "definitions": called}


def _document(file: str) -> Json:
    return read(Path(file).read_bytes(), name=file).document


def _refusal(error: AlgaError) -> Iterator[str]:
    yield f"alga-workflows simulate: {error}"
    if isinstance(error, FindingsError):
        for finding in cast("list[JsonObject]", error.details["findings"]):
            yield f"  {finding['path'] or '/'}: {finding['code']} {finding['message']}"


def _lines(report: JsonObject) -> Iterator[str]:
    """One line for each step and wait in the order in which they began, then how it ended."""
    rows = [("position", row) for row in cast("list[JsonObject]", report["steps"])]
    width = max((len(str(row["path"])) for _, row in rows), default=0)
    for _, row in rows:
        began = datetime.fromisoformat(row["startedAt"])
        took = ""
        if row["endedAt"] is not None:
            took = f"  {datetime.fromisoformat(row['endedAt']) - began}"
        error = row["error"]
        told = f"  {error['code']}: {error['message']}" if error else ""
        yield f"{began:%Y-%m-%d %H:%M:%S}  {row['path']:<{width}}  {row['status']}{took}{told}"
    for path in cast("list[str]", report["unscripted"]):
        yield f"note: the script says nothing of the call at {path}; it was answered with {{}}"
    if report["notReached"]:
        yield f"not reached: {', '.join(cast('list[str]', report['notReached']))}"
    error = cast("JsonObject | None", report["error"])
    told = json.dumps(report["result"], ensure_ascii=False)
    if error is not None:
        told = f"{error['code']}: {error['message']}"
    yield f"{report['status']} at {report['endedAt']}: {told}"
