"""Which modules project code imports: those of an allow-list, and the bundle's own."""

from __future__ import annotations

import ast

from alga_temporal_domain.projects.findings import Rule
from alga_temporal_domain.projects.rules.report import Report
from alga_temporal_domain.projects.rules.words import refused_name
from alga_temporal_domain.projects.source.modules import INSTEAD, MODULES, PACKAGES
from alga_temporal_domain.projects.source.scopes import Entry


def check_import(entry: Entry, report: Report) -> None:
    """`import a.b as c` and `from a import b`, wherever they stand."""
    node = entry.node
    if not isinstance(node, (ast.Import, ast.ImportFrom)):
        return
    if entry.scope.is_class:
        report.refuse(node, "an import in a class makes a module an attribute; import it outside")
    if isinstance(node, ast.Import):
        for alias in node.names:
            _module(node, alias.name, report)
    else:
        _from(node, report)
    for alias in node.names:
        reason = refused_name(alias.asname) if alias.asname else None
        if reason:
            report.refuse(node, reason)


def _module(node: ast.AST, name: str, report: Report) -> None:
    if name in MODULES or name in report.project.own:
        return
    hint = INSTEAD.get(name) or INSTEAD.get(name.partition(".")[0])
    if name in PACKAGES:
        hint = "import what you need of it, such as temporalio.workflow"
    reason = f"the module {name} is not among those that project code may import"
    report.refuse(node, f"{reason}; {hint}" if hint else reason, Rule.IMPORT_REFUSED)


def _from(node: ast.ImportFrom, report: Report) -> None:
    module = report.source.absolute(node)
    if module is None:
        report.refuse(node, "the relative import leaves the bundle", Rule.IMPORT_REFUSED)
        return
    for alias in node.names:
        path = f"{module}.{alias.name}" if module else alias.name
        if alias.name == "*":
            report.refuse(
                node, "an import of * does not say what it imports; name it", Rule.IMPORT_REFUSED
            )
        elif path in report.project.own or path in MODULES:
            continue
        elif module in report.project.own:
            reason = refused_name(alias.name)
            if reason:
                report.refuse(node, reason)
        elif module not in MODULES:
            _module(node, path if module in PACKAGES else module, report)
        elif alias.name not in MODULES[module]:
            report.refuse(node, of_module(module, alias.name), Rule.IMPORT_REFUSED)


def of_module(module: str, name: str) -> str:
    """Why `name` of the allowed `module` is refused."""
    reason = f"{module}.{name} is not among what project code may use"
    hint = INSTEAD.get(f"{module}.{name}") or INSTEAD.get(name)
    return f"{reason}; {hint}" if hint else reason
