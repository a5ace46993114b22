"""What is replayed may not depend on anything but its input: what a contract on imports cannot see.

Clocks, chance, files and the hash seed are within reach of code that imports none of the forbidden
modules, and some of asyncio wakes tasks in an order that differs from run to run.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.workspace import SourceModule, source_modules

PURE = (
    "definition",
    "expressions",
    "interpreter",
    "validation",
    "simulation",
    "calendars",
    "temporal.workflow",
    "temporal.effects",
    "temporal.pure",
    "temporal.wire",
    "temporal.advertising",
)
FORBIDDEN_CALLS = {
    "breakpoint",
    "eval",
    "exec",
    "hash",
    "input",
    "open",
    "print",
    "asyncio.TaskGroup",
    "asyncio.as_completed",
    "asyncio.wait",
    "date.today",
    "datetime.now",
    "datetime.today",
    "datetime.utcnow",
    "uuid.uuid1",
    "uuid.uuid4",
    "uuid1",
    "uuid4",
}
FORBIDDEN_IMPORTS = {"anyio", "random", "secrets"}

# A panic of the expression engine is a BaseException; there it is told from an eviction and named.
MAY_CATCH_EVERYTHING = "alga_workflows_core.expressions."


def faults(module: SourceModule) -> Iterator[str]:
    for node in ast.walk(module.tree):
        match node:
            case ast.Call(func=called) if ast.unparse(called) in FORBIDDEN_CALLS:
                yield f"{module.at(node)}: {ast.unparse(called)}()"
            case ast.ExceptHandler(type=None):
                yield f"{module.at(node)}: except without a type"
            case ast.ExceptHandler(type=ast.expr() as caught):
                everything = "BaseException" in ast.unparse(caught)
                if everything and not module.name.startswith(MAY_CATCH_EVERYTHING):
                    yield f"{module.at(node)}: except BaseException"
            case (
                ast.For(iter=ast.Set() | ast.SetComp())
                | ast.comprehension(iter=ast.Set() | ast.SetComp())
            ):
                yield f"{module.at(node.iter)}: a loop over a set"
            case ast.Import(names=names):
                for name in names:
                    if name.name.split(".")[0] in FORBIDDEN_IMPORTS:
                        yield f"{module.at(node)}: import {name.name}"
            case _:
                pass


# The simulator draws from a source that is seeded with a constant; none of it is replayed.
NOT_REPLAYED = {"alga_workflows_core.simulation.world"}

INTERPRETER = "alga_workflows_core.interpreter"
MAKES_TASKS = f"{INTERPRETER}.concurrency"
INTERPRETER_IMPORTS = tuple(
    f"alga_workflows_core.{part}."
    for part in ("calendars", "definition", "errors", "expressions", "interpreter", "types")
)


def imported(module: SourceModule) -> Iterator[str]:
    """The modules that `module` names in its imports."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{name.name}" for name in node.names)


def test_the_interpreter_knows_the_language_and_nothing_else() -> None:
    """It imports the standard library, definitions, expressions and what lies below them."""
    strangers = {
        f"{module.name} imports {name}"
        for module in source_modules()
        if module.name.startswith(f"{INTERPRETER}.")
        for name in imported(module)
        if name.split(".")[0] not in sys.stdlib_module_names
        and not name.startswith(INTERPRETER_IMPORTS)
    }
    assert strangers == set()


def test_one_module_of_the_interpreter_makes_tasks() -> None:
    """Whoever else runs things side by side would have to think of their order again."""
    users = {
        module.name
        for module in source_modules()
        if module.name.startswith(f"{INTERPRETER}.")
        and any(name.split(".")[0] in {"asyncio", "threading"} for name in imported(module))
    }
    assert users == {MAKES_TASKS}


def is_replayed(name: str) -> bool:
    inside = name.removeprefix("alga_workflows_core.")
    return any(inside == part or inside.startswith(f"{part}.") for part in PURE)


def test_replayed_code_depends_on_its_input_alone() -> None:
    """No pure module reads a clock, draws a number, opens a file or catches an eviction."""
    found = [
        fault
        for module in source_modules()
        if is_replayed(module.name) and module.name not in NOT_REPLAYED
        for fault in faults(module)
    ]
    assert found == []


@pytest.mark.parametrize(
    "code",
    [
        "at = datetime.now()",
        "name = uuid.uuid4()",
        "open('file')",
        "order = hash('text')",
        "for name in {'a', 'b'}: pass",
        "names = [name for name in {part for part in 'ab'}]",
        "async def run():\n await asyncio.wait(tasks)",
        "try:\n pass\nexcept BaseException:\n raise",
        "try:\n pass\nexcept (ValueError, BaseException):\n raise",
        "try:\n pass\nexcept:\n raise",
        "import anyio",
    ],
)
def test_what_it_looks_for_is_found(tmp_path: Path, code: str) -> None:
    """Each thing that is forbidden is seen where it is done."""
    path = tmp_path / "module.py"
    path.write_text(code, encoding="utf-8")
    assert len(list(faults(SourceModule("module", path)))) == 1
