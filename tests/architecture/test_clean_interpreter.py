"""What an import brings along, seen in interpreters that know the wheels alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tests.architecture.environments import Installed
from tests.architecture.workspace import source_modules


class Needed(NamedTuple):
    """An extra of core, and what it brings."""

    extra: str
    brings: set[str]


# The packages and modules of core that need an extra. `infra.devstack` needs `dev` only when it
# starts a server: it looks for the programs then.
NEED_EXTRAS = {
    "alga_workflows_core.api": Needed("api", {"fastapi", "starlette"}),
    "alga_workflows_core.infra.http": Needed("api", {"uvicorn"}),
    "alga_workflows_core.infra.serving": Needed("api", {"uvicorn"}),
    "alga_workflows_core.infra.web": Needed("api", {"fastapi", "starlette"}),
    "alga_workflows_core.infra.redis_streams": Needed("redis", {"redis"}),
    "alga_workflows_core.testing.plugin": Needed("testing", {"pytest", "pytest_asyncio"}),
}
# It runs inside a migration, which Alembic starts.
RUN_BY_ALEMBIC = "alga_workflows_core.storage.migrations.env"

IMPORT_EACH = """
import importlib, json, sys
missing = {}
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing[name] = error.name
print(json.dumps([missing, sorted(sys.modules)]))
"""

PURE = ("definition", "expressions", "interpreter", "validation")
DOMAIN_MAY_LOAD = ("infra", "calendars", "errors", "types")


def modules_of(package: str) -> list[str]:
    return [
        module.name
        for module in source_modules()
        if module.name == package or module.name.startswith(f"{package}.")
    ]


def inside(name: str, packages: Iterable[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def import_each(installed: Installed, names: list[str]) -> tuple[dict[str, str], set[str]]:
    """Module to the library that it lacks, for those that lack one; and all that was loaded."""
    missing, loaded = installed.python(IMPORT_EACH, names)
    return missing, set(loaded)


def loaded_by(installed: Installed, names: list[str]) -> set[str]:
    """The modules that are there once all of `names` were imported, none of which may fail."""
    missing, loaded = import_each(installed, names)
    assert missing == {}
    return loaded


def test_core_needs_no_extra_but_where_it_says_so(core_alone: Installed) -> None:
    """Without extras every module is imported, but for those that are listed with their extra."""
    names = [name for name in modules_of("alga_workflows_core") if name != RUN_BY_ALEMBIC]
    missing, _ = import_each(core_alone, names)
    seen = dict[str, set[str]]()
    for name, lacks in missing.items():
        listed = [package for package in NEED_EXTRAS if inside(name, (package,))]
        assert listed, f"{name} lacks {lacks}, which is in no dependency of core without extras"
        seen.setdefault(listed[0], set()).add(lacks)
    assert seen.keys() == NEED_EXTRAS.keys(), "a listed package needs its extra no more"
    for package, lacks in seen.items():
        assert lacks <= NEED_EXTRAS[package].brings


def test_an_extra_is_enough(everything: Installed) -> None:
    """With the extra `[api]`, which the worker asks for, what needs it is imported."""
    packages = [package for package, needed in NEED_EXTRAS.items() if needed.extra == "api"]
    names = [name for package in packages for name in modules_of(package)]
    assert "uvicorn" in loaded_by(everything, names)


def test_pure_code_loads_no_servers(core_alone: Installed) -> None:
    """Neither Temporal nor SQL nor HTTP is loaded with definitions and interpreter."""
    names = [name for part in PURE for name in modules_of(f"alga_workflows_core.{part}")]
    loaded = loaded_by(core_alone, names)
    assert "alga_workflows_core.interpreter.run" in loaded
    servers = {"temporalio", "sqlalchemy", "psycopg", "alembic", "httpx", "structlog", "fastapi"}
    assert servers.isdisjoint(loaded)


def test_telling_events_loads_sql_alone(core_alone: Installed) -> None:
    """A service that tells events in its own transactions gets neither Temporal nor a server."""
    loaded = loaded_by(core_alone, ["alga_workflows_core.events.publish"])
    assert "sqlalchemy" in loaded
    others = {"temporalio", "alembic", "httpx", "structlog", "fastapi", "uvicorn", "jsonatapy"}
    assert others.isdisjoint(loaded)


def test_the_authored_worker_loads_neither_ai_nor_domain(everything: Installed) -> None:
    """What serves authored runs works in a process that never sees the other distributions."""
    loaded = loaded_by(everything, ["workflow_worker.compose"])
    assert "alga_workflows_core.temporal.workflow" in loaded
    others = ("alga_workflows_bootstrap", "alga_temporal_domain", "temporal_worker", "pydantic_ai")
    assert [name for name in loaded if inside(name, others)] == []


def test_the_domain_loads_the_bottom_of_core(everything: Installed) -> None:
    """Domain and its worker load of core nothing but infra, calendars, errors and types."""
    names = [*modules_of("alga_temporal_domain"), *modules_of("temporal_worker")]
    bottom = tuple(f"alga_workflows_core.{part}" for part in DOMAIN_MAY_LOAD)
    loaded = loaded_by(everything, names)
    assert "temporal_worker" in loaded
    assert [
        name
        for name in loaded
        if name.startswith("alga_workflows_core.") and not inside(name, bottom)
    ] == []


def test_the_ai_package_loads_no_domain(everything: Installed) -> None:
    """Bootstrap and domain do not know each other."""
    loaded = loaded_by(everything, modules_of("alga_workflows_bootstrap"))
    assert [name for name in loaded if inside(name, ("alga_temporal_domain",))] == []
