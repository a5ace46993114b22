"""What a bundle's modules define for Temporal, read without running anything."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from alga_temporal_domain.projects.bundles import TEMPORAL_NAME, Limits, Manifest
from alga_temporal_domain.projects.findings import Finding, Rule
from alga_temporal_domain.projects.source.parsing import parse_all
from alga_temporal_domain.projects.source.resolving import Project, Target, project_of
from alga_temporal_domain.projects.source.scopes import FUNCTIONS, Entry, Source

_WORKFLOW = "temporalio.workflow.defn"
_ACTIVITY = "temporalio.activity.defn"
MOST_NAMES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A workflow or an activity: its name in Temporal, and where it is defined."""

    name: str
    path: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Defined:
    """All that was read, by path and line. `faults`: definitions that cannot be read or run."""

    workflows: tuple[Definition, ...]
    activities: tuple[Definition, ...]
    faults: tuple[Finding, ...]


def defined(files: Mapping[str, str]) -> Defined:
    """What the modules define by `workflow.defn` and `activity.defn`, in whatever form these are
    imported. What is no Python is among the faults; the rest is read all the same."""
    trees, faults = parse_all(files)
    if any(fault.rule is Rule.TOO_LARGE for fault in faults):
        return Defined(workflows=(), activities=(), faults=tuple(faults))
    read = definitions(project_of(trees))
    return Defined(
        workflows=read.workflows,
        activities=read.activities,
        faults=(*faults, *read.faults),
    )


def manifest_of(files: Mapping[str, str], limits: Limits, queue: str | None) -> Manifest:
    """The manifest that fits the code. Names that no manifest can have are left out, and the gates
    say so."""
    read = defined(files)
    return Manifest(
        workflows=_names(read.workflows),
        activities=_names(read.activities),
        queue=queue,
        limits=limits,
    )


def _names(definitions: tuple[Definition, ...]) -> tuple[str, ...]:
    fit = {one.name for one in definitions if re.fullmatch(TEMPORAL_NAME, one.name)}
    return tuple(sorted(fit))[:MOST_NAMES]


def definitions(project: Project) -> Defined:
    """The same for modules that are parsed."""
    workflows: list[Definition] = []
    activities: list[Definition] = []
    faults: list[Finding] = []
    for source in sorted(project.sources.values(), key=lambda source: source.path):
        for found in _of_module(source, project):
            if isinstance(found, Finding):
                faults.append(found)
            else:
                (workflows if found[0] else activities).append(found[1])
    return Defined(workflows=tuple(workflows), activities=tuple(activities), faults=tuple(faults))


def _of_module(source: Source, project: Project) -> Iterator[tuple[bool, Definition] | Finding]:
    """Definitions, each with whether it is a workflow, and faults."""
    for entry in source.entries:
        node = entry.node
        if not isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            continue
        for decorator in node.decorator_list:
            target = _decorator(decorator, entry, project)
            if target is None or target.path not in (_WORKFLOW, _ACTIVITY):
                continue
            is_workflow = target.path == _WORKFLOW
            fault = _misplaced(entry, is_workflow=is_workflow)
            name, unreadable = _name(node, decorator)
            if fault or unreadable:
                yield Finding(
                    rule=Rule.CONSTRUCT_REFUSED,
                    message=fault or unreadable or "",
                    path=source.path,
                    line=node.lineno,
                )
            if name is not None and not fault:
                yield (
                    is_workflow,
                    Definition(name=name, path=source.path, line=node.lineno),
                )


def _decorator(node: ast.expr, entry: Entry, project: Project) -> Target | None:
    called = node.func if isinstance(node, ast.Call) else node
    found = project.targets(called, entry.scope)
    return next((one for one in found if one.path in (_WORKFLOW, _ACTIVITY)), None)


def _misplaced(entry: Entry, *, is_workflow: bool) -> str | None:
    node = entry.node
    if is_workflow and not isinstance(node, ast.ClassDef):
        return "workflow.defn stands on a function; a workflow is a class with @workflow.run."
    if not is_workflow and isinstance(node, ast.ClassDef):
        return "activity.defn stands on a class; an activity is a function."
    if entry.scope.is_module:
        return None
    if entry.scope.is_class and not is_workflow:
        return (
            "The activity is a method, and nobody would make its object; "
            "make it a function of the module."
        )
    return "The definition is not at the top of its module, where a worker finds it."


def _name(
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, decorator: ast.expr
) -> tuple[str | None, str | None]:
    """The name in Temporal, and why the definition cannot run here."""
    name: str | None = node.name
    if not isinstance(decorator, ast.Call):
        return name, None
    for keyword in decorator.keywords:
        value = keyword.value.value if isinstance(keyword.value, ast.Constant) else ...
        if keyword.arg is None:
            return None, "The arguments of defn are hidden behind **; write them out."
        if keyword.arg == "name":
            if value is None:
                continue
            if not isinstance(value, str):
                return None, "The name in defn is calculated; write it out."
            name = value
        elif keyword.arg == "dynamic" and value is not False:
            return None, "A dynamic definition has no name; give each its own."
        elif keyword.arg == "sandboxed" and value is not True:
            return name, "A workflow that is not sandboxed could not be replayed; leave it out."
    return name, None
