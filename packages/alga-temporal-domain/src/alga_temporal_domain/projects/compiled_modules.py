"""The builder's texts as modules of a bundle: each workflow in a package of its own."""

from __future__ import annotations

import ast
import io
from uuid import UUID

WORKFLOWS = "workflows"
ACTIVITIES = "activities"


def modules_of(workflow_id: UUID, workflow_code: str, activities_code: str) -> dict[str, str]:
    """The package `w_<id>` with the modules `workflows` and `activities`, as they were written.

    They may import each other as `activities`: see `with_relative_imports`.
    """
    package = package_of(workflow_id)
    return {
        f"{package}/__init__.py": "",
        f"{package}/{WORKFLOWS}.py": workflow_code,
        f"{package}/{ACTIVITIES}.py": activities_code,
    }


def package_of(workflow_id: UUID) -> str:
    """Its name begins with a letter, whatever the id begins with."""
    return f"w_{workflow_id.hex}"


def with_relative_imports(code: str) -> str:
    """`code` with imports of its sibling made relative. Lines stay where they are; code that is
    no Python stays as it is, and so do names in strings."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return code
    found = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom) and _is_of_sibling(node)
    ]
    lines = list(io.StringIO(code, newline=""))  # ends of lines as Python sees them
    for node in sorted(found, key=lambda each: (each.lineno, each.col_offset), reverse=True):
        _rewrite(lines, node)
    return "".join(lines)


def _is_of_sibling(node: ast.Import | ast.ImportFrom) -> bool:
    if isinstance(node, ast.ImportFrom):
        return node.level == 0 and node.module in (WORKFLOWS, ACTIVITIES)
    return any(_is_sibling(name) for name in node.names)


def _is_sibling(name: ast.alias) -> bool:
    return name.name in (WORKFLOWS, ACTIVITIES)


def _rewrite(lines: list[str], node: ast.Import | ast.ImportFrom) -> None:
    if isinstance(node, ast.ImportFrom):
        row = node.lineno - 1
        line = lines[row].encode()
        head, rest = line[: node.col_offset], line[node.col_offset :].decode()
        lines[row] = head.decode() + rest.replace(node.module or "", f".{node.module}", 1)
        return
    if node.end_lineno != node.lineno or node.end_col_offset is None:
        return
    line = lines[node.lineno - 1].encode()
    parts = [_import(name) for name in node.names]
    lines[node.lineno - 1] = (
        line[: node.col_offset].decode() + "; ".join(parts) + line[node.end_col_offset :].decode()
    )


def _import(name: ast.alias) -> str:
    given = f" as {name.asname}" if name.asname else ""
    return f"{'from . ' if _is_sibling(name) else ''}import {name.name}{given}"
