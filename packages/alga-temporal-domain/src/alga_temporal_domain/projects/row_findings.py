"""What is wrong with a builder's row, or in its way; told in the row."""

from __future__ import annotations

import ast
import json
from typing import cast

from alga_temporal_domain.projects.bundles import Bundle
from alga_temporal_domain.projects.compiled_modules import modules_of
from alga_temporal_domain.projects.findings import Finding, Rule
from alga_temporal_domain.storage.compiled_code import CompiledCodeRow

_SHORT = 12
# What is parsed beside the event loop's other work; longer code is taken for some.
_LONG = 5_000
_OF_PACKAGES = (
    "dependencies",
    "devDependencies",
    "peerDependencies",
    "optionalDependencies",
    "scripts",
)


def duplicate(kind: str, name: str) -> Finding:
    """Of `workflows` or `activities`."""
    what = "workflow" if kind == "workflows" else "activity"
    return Finding(
        rule=Rule.NAME_DUPLICATE,
        message=f"Another workflow of the project defines the {what} {name!r} too; rename one.",
    )


def unsupported(row: CompiledCodeRow) -> Finding:
    """Of a row in another language."""
    written = row.language or "TypeScript, by its package_json or tsconfig_json"
    return Finding(
        rule=Rule.UNSUPPORTED_LANGUAGE,
        message=f"The code is kept, but workers run Python alone; this is {written}.",
    )


def no_bundle(error: ValueError) -> Finding:
    """Of every row, where all together are too much."""
    last = str(error).strip().splitlines()[-1] if str(error).strip() else "it is no bundle"
    return Finding(rule=Rule.LOAD_FAILED, message=f"The project's code is no bundle: {last}")


def unread(row: CompiledCodeRow) -> list[Finding]:
    """Warnings of a Python row: columns that hold something, and have no effect."""
    found: list[Finding] = []
    if _does_something(row.worker_code):
        found.append(
            _not_read("worker_code", "the service makes and starts the project's worker itself")
        )
    if _asks_for_packages(row.package_json):
        found.append(
            _not_read(
                "package_json",
                "code has the standard library's pure parts and temporalio, and no packages",
            )
        )
    return found


def is_in(bundle: Bundle, files: dict[str, str]) -> bool:
    """Whether the bundle has these modules as they are now."""
    return all(bundle.files.get(path) == text for path, text in files.items())


def held_up(
    row: CompiledCodeRow, in_force: Bundle | None, culprit: CompiledCodeRow, why: Finding
) -> Finding:
    """Of a row that is right: which one is not, and what is in force meanwhile."""
    if in_force is None:
        meanwhile = "Nothing of the project is in force yet."
    else:
        has = any(
            path in in_force.files
            for path in modules_of(row.workflow_id, row.workflow_code, row.activities_code)
        )
        with_what = "with an earlier text of" if has else "without"
        meanwhile = f"In force is bundle {in_force.hash[:_SHORT]}…, {with_what} this workflow."
    return Finding(
        rule=Rule.HELD_UP,
        message=(
            f"This code is right and not in force: row {culprit.id} (workflow "
            f"{culprit.workflow_id}) has {why.rule}: {why.message} {meanwhile}"
        ),
    )


def _not_read(column: str, why: str) -> Finding:
    return Finding(
        rule=Rule.NOT_READ, message=f"What {column} holds is kept and has no effect: {why}."
    )


def _does_something(code: str) -> bool:
    """Whether there is more than comments, doc strings and `pass`."""
    if len(code) > _LONG:
        return True
    try:
        body = ast.parse(code).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return bool(code.strip())
    return not all(
        isinstance(each, ast.Pass)
        or (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))
        for each in body
    )


def _asks_for_packages(text: str) -> bool:
    """Whether a package.json has dependencies or scripts; also if it is none."""
    if not text.strip():
        return False
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return True
    if not isinstance(content, dict):
        return True
    package = cast("dict[str, object]", content)
    return any(package.get(name) for name in _OF_PACKAGES)
