"""What every module that we ship looks like: small, described, and without state of its own."""

from __future__ import annotations

import ast
import asyncio
import enum
import importlib
from collections.abc import Iterator
from contextvars import ContextVar

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from alga_workflows_core.actions.registry import Registry
from alga_workflows_core.infra.settings import LogSettings
from alga_workflows_core.infra.supervisor import Backoff
from alga_workflows_core.types.states import RunStatus
from alga_workflows_core.validation.shapes import Shape
from tests.architecture.workspace import DISTRIBUTIONS, SourceModule, import_name, source_modules

MODULE_LINES = 350
FUNCTION_LINES = 60

OURS = tuple(import_name(distribution) for distribution in DISTRIBUTIONS)
MODULES = tuple(source_modules())

# Run by Alembic inside a migration, and by `python -m`: not to be imported.
NOT_IMPORTABLE = {
    "alga_workflows_core.storage.migrations.env",
    "workflow_worker.__main__",
}

# A compiled expression panics in another thread than its own, and its functions take no context:
# what an evaluation needs can only lie in the thread.
STATE_OF_THREADS = {
    "alga_workflows_core.expressions.jsonata._compiled",
    "alga_workflows_core.expressions.sources._current",
}

# A log line is written by whoever has something to say, libraries too: what none of them may say
# can only lie in the context of the task.
STATE_OF_TASKS = {"alga_workflows_core.infra.log_masks._current"}

# What must be made by `compose` and handed down.
LIVE_THINGS = (
    asyncio.Event,
    asyncio.Lock,
    asyncio.Queue,
    ContextVar,
)
LIVE_LIBRARIES = ("fastapi", "starlette", "httpx", "prometheus_client", "temporalio.client")


def is_public(name: str) -> bool:
    return not name.startswith("_")


def undescribed(module: SourceModule) -> Iterator[str]:
    """The public names of `module` that nobody has described, and the module itself."""
    if ast.get_docstring(module.tree) is None:
        yield f"{module.at(module.tree)}: the module"
    for node in module.tree.body:
        named = isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        if named and is_public(node.name) and ast.get_docstring(node) is None:
            yield f"{module.at(node)}: {node.name}"


def is_value(value: object) -> bool:
    """Whether an instance of one of our classes can be shared without harm."""
    if isinstance(value, (enum.Enum, type, Shape)):
        # A shape remembers what it worked out of its schema, and nothing else.
        return True
    parameters = getattr(value, "__dataclass_params__", None)
    return parameters is not None and bool(parameters.frozen)


def is_state(name: str, value: object) -> bool:
    """Whether `value`, found in a module, is something that lives, or waits to be filled."""
    kind = type(value)
    if name in STATE_OF_THREADS | STATE_OF_TASKS:
        return False
    if kind.__module__.split(".")[0] in OURS:
        return not is_value(value) or kind.__name__.endswith("Settings")
    if isinstance(value, (dict, list, set)):
        return not value
    if isinstance(value, LIVE_THINGS):
        return True
    # A value such as httpx.Timeout may be shared; what has a connection can be closed.
    return kind.__module__.startswith(LIVE_LIBRARIES) and any(
        hasattr(value, ending) for ending in ("close", "aclose", "collect", "include_router")
    )


def test_a_module_has_one_subject() -> None:
    """No module is longer than 350 lines."""
    lengths = {module.name: len(module.text.splitlines()) for module in MODULES}
    assert {name: length for name, length in lengths.items() if length > MODULE_LINES} == {}


def test_a_function_fits_on_a_screen() -> None:
    """No function is longer than 60 lines, those inside it included."""
    lengths = {
        f"{module.at(node)} {node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for module in MODULES
        for node in ast.walk(module.tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }
    assert {name: length for name, length in lengths.items() if length > FUNCTION_LINES} == {}


def test_packages_do_nothing_when_they_are_imported() -> None:
    """Every `__init__.py` is empty."""
    filled = [module.name for module in MODULES if module.is_package and module.text]
    assert filled == []


def test_public_names_are_described() -> None:
    """Every module, and every public class and function in it, has a docstring."""
    missing = [
        entry for module in MODULES if not module.is_package for entry in undescribed(module)
    ]
    assert missing == []


@pytest.mark.parametrize(
    "module",
    [module for module in MODULES if not module.is_package and module.name not in NOT_IMPORTABLE],
    ids=lambda module: module.name,
)
def test_a_module_holds_no_state(module: SourceModule) -> None:
    """Settings, registries, clients and everything else that lives is made by `compose`."""
    loaded = importlib.import_module(module.name)
    held = [
        f"{name}: {type(value).__name__}"
        for name, value in vars(loaded).items()
        if not name.startswith("__") and is_state(f"{module.name}.{name}", value)
    ]
    assert held == []


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (LogSettings(), True),
        (Registry([]), True),
        (FastAPI(), True),
        (CollectorRegistry(), True),
        (httpx.AsyncClient(), True),
        (asyncio.Event(), True),
        ({}, True),
        ([], True),
        ({"of": "constants"}, False),
        (Backoff(), False),
        (RunStatus.QUEUED, False),
        (httpx.Timeout(1.0), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_state(value: object, *, expected: bool) -> None:
    """Whatever lives or waits to be filled is seen; constants and frozen values are not."""
    assert is_state("module.name", value) is expected
