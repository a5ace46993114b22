"""The pages about the definition language, and what the code has to say about them.

A page of a step has the sections of `SECTIONS`, in this order. Its example is three fenced blocks:
the definition, the script of the world, and what comes out of it: as in `tests.acceptance.cases`,
besides `outputs`, what the rows of some steps show, by path.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import dropwhile, takewhile
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from pydantic.fields import FieldInfo

from alga_workflows_core.definition.document import Concurrency
from alga_workflows_core.definition.events import EventFilter, EventMatch, Trigger
from alga_workflows_core.definition.model import Part
from alga_workflows_core.definition.policies import OnError, RetryPolicy, Undo
from alga_workflows_core.definition.source import read
from alga_workflows_core.definition.steps import union
from alga_workflows_core.definition.steps.base import StepBase
from alga_workflows_core.errors import Category
from alga_workflows_core.expressions import errors as expression_errors
from alga_workflows_core.interpreter.runners import RUNNERS

DOCS = Path(__file__).resolve().parents[3] / "docs"
SOURCE = Path(union.__file__).resolve().parents[2]
SECTIONS = ("Fields", "Errors", "When it is cancelled", "Output", "Example")
REFERENCE = (Concurrency, EventFilter, EventMatch, OnError, RetryPolicy, StepBase, Trigger, Undo)
"""Models that have a table of their own, so that others only name the field which holds them."""

NOTHING = "\N{EN DASH}"
"""What tables say where there is no default."""

_CODE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Page:
    """A page, by its sections. What stands above the first one is called ``."""

    path: Path
    text: str
    sections: Mapping[str, str]

    def table(self, section: str) -> list[list[str]]:
        """The cells of the first table of a section, without its head; none if it has no table."""
        behind = dropwhile(
            lambda line: not line.startswith("|"), self.sections[section].split("\n")
        )
        rows = takewhile(lambda line: line.startswith("|"), behind)
        cells = [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows]
        return cells[2:]

    def blocks(self, language: str) -> list[Any]:
        """The documents in its fenced blocks of a language."""
        found = re.findall(rf"^```{language}\n(.*?)^```$", self.text, re.DOTALL | re.MULTILINE)
        if language == "json":
            return [json.loads(block) for block in found]
        return [read(block.encode(), name="block.yaml").document for block in found]


def page(path: str) -> Page:
    """The page at a path below `docs`."""
    text = (DOCS / path).read_text(encoding="utf-8")
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    titles = ["", *parts[1::2]]
    return Page(DOCS / path, text, dict(zip(titles, parts[::2], strict=True)))


def names_in(cell: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def fields_of(*models: type[Part], inherited: bool = False) -> dict[str, set[str]]:
    """Every field of a model, or of any of several, to what tables say of it: `required` or its
    default. Parts are gone into, those of `REFERENCE` are not.
    """
    found: dict[str, set[str]] = {}
    for model in models:
        for name, field in model.model_fields.items():
            if issubclass(model, StepBase) and not inherited and _is_common(name):
                continue
            alias = field.alias or name
            found.setdefault(alias, set()).add(_said_of(field))
            inner = [part for part in _parts_in(field.annotation) if not _is_elsewhere(part)]
            prefix = f"{alias}[]." if get_origin(field.annotation) is list else f"{alias}."
            for below, said in fields_of(*inner).items():
                found.setdefault(prefix + below, set()).update(said)
    if len(models) > 1:
        for name, said in found.items():
            if not all(name in fields_of(model) for model in models):
                said.add("sometimes")
    return found


def _is_common(name: str) -> bool:
    return name == "type" or name in StepBase.model_fields


def _is_elsewhere(part: type[Part]) -> bool:
    return issubclass(part, StepBase) or part in REFERENCE


def _said_of(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default: Any = field.get_default(call_default_factory=True)
    if default is None or default in ([], {}):
        return NOTHING
    whole = int(default) if isinstance(default, float) and default.is_integer() else default
    text = whole if isinstance(whole, str) else json.dumps(whole)
    return f"`{text}`"


def _parts_in(annotation: Any) -> Iterator[type[Part]]:
    if isinstance(annotation, type) and issubclass(annotation, Part):
        yield annotation
        return
    arguments = get_args(annotation)
    for argument in arguments[:1] if get_origin(annotation) is Annotated else arguments:
        yield from _parts_in(argument)


@cache
def source_text() -> str:
    """All modules of the package."""
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(SOURCE.rglob("*.py")))


@cache
def raised(folder: Path = SOURCE) -> dict[str, set[str]]:
    """Codes of errors that modules below `folder` make, to the categories which they give them."""
    found: dict[str, set[str]] = {}
    modules = [folder] if folder.is_file() else sorted(folder.rglob("*.py"))
    for path in modules:
        for code, category in _made(ast.parse(path.read_text(encoding="utf-8"))):
            found.setdefault(code, set()).add(category)
    for value in vars(expression_errors).values():
        if folder == SOURCE and isinstance(value, str) and _CODE.fullmatch(value):
            found.setdefault(value, set()).add("Expression")
    return found


def raised_by(step_type: str) -> set[str]:
    """The codes of the errors that the module of a step makes itself."""
    module = RUNNERS[step_type].__module__.rpartition(".")[2]
    return set(raised(SOURCE / "interpreter" / "steps" / f"{module}.py"))


def _made(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Code and category of calls that have both among their arguments."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        values = [*node.args, *(keyword.value for keyword in node.keywords)]
        category = next(filter(None, map(_category_in, values)), None)
        for value in values:
            text = value.value if isinstance(value, ast.Constant) else None
            if category is not None and isinstance(text, str) and _CODE.fullmatch(text):
                yield text, category


def _category_in(node: ast.expr) -> str | None:
    """`Category.TIMEOUT` is `Timeout`."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return Category[node.attr].value if node.value.id == "Category" else None
    return None
