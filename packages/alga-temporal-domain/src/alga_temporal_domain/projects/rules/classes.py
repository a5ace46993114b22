"""Classes that would be made from text, or by other means than their own statement."""

from __future__ import annotations

import ast

from alga_temporal_domain.projects.rules.report import Report
from alga_temporal_domain.projects.source.resolving import Project, Sort
from alga_temporal_domain.projects.source.scopes import Entry


def check_class(entry: Entry, report: Report) -> None:
    """Bases, keywords, and what an enumeration has."""
    node = entry.node
    if not isinstance(node, ast.ClassDef):
        return
    if any(isinstance(base, ast.Starred) for base in node.bases):
        report.refuse(node, "the bases of a class are written out")
    for keyword in node.keywords:
        if keyword.arg == "metaclass":
            report.refuse(node, "a metaclass changes how Python treats the class; use abc.ABC")
        elif keyword.arg != "total" or not isinstance(keyword.value, ast.Constant):
            report.refuse(node, f"{keyword.arg or '**'} is no argument that a class may have")
    if _is_enumeration(node, entry, report.project):
        _enumeration(node, entry, report)


def _is_enumeration(node: ast.ClassDef, entry: Entry, project: Project) -> bool:
    return any(
        target.sort is Sort.LIBRARY and target.module == "enum"
        for base in node.bases
        for target in project.targets(base, entry.scope)
    )


def _enumeration(node: ast.ClassDef, entry: Entry, report: Report) -> None:
    """One without members makes classes from text when it is called."""
    if not any(_is_member(statement, entry, report) for statement in node.body):
        report.refuse(node, "an enumeration needs a member, with a value that is written out")
    for inner in ast.walk(node):
        if isinstance(inner, ast.Delete):
            report.refuse(inner, "members of an enumeration stay")


def _is_member(statement: ast.stmt, entry: Entry, report: Report) -> bool:
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return False
    target, value = statement.targets[0], statement.value
    if not isinstance(target, ast.Name) or target.id.startswith("_"):
        return False
    if isinstance(value, ast.Call):
        made = report.project.only(value.func, entry.scope)
        return made is not None and made.path == "enum.auto"
    return isinstance(value, ast.Constant | ast.Tuple)
