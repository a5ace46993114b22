"""Importing a bundle from memory, in a process that holds no other project's code."""

from __future__ import annotations

import importlib
import linecache
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import spec_from_loader
from types import CodeType, ModuleType
from typing import Any

from alga_temporal_domain.projects.bundles import Bundle, module_name
from alga_temporal_domain.projects.findings import Finding, Rule
from alga_workflows_core.errors import AlgaError

_WORKFLOW = "__temporal_workflow_definition"
_ACTIVITY = "__temporal_activity_definition"
_MOST_CHARACTERS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What a worker registers; `seconds`: what the import took."""

    workflows: tuple[type, ...]
    activities: tuple[Callable[..., Any], ...]
    seconds: float


class LoadError(AlgaError):
    """The bundle cannot be run; `findings` say why."""

    code = "BUNDLE_NOT_LOADED"

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(
            " ".join(finding.message for finding in findings),
            remedy="Publish a bundle without these faults.",
        )
        self.findings = tuple(findings)


def load(bundle: Bundle) -> Loaded:
    """Import all modules of `bundle` and give what they define.

    The modules stay importable afterwards, also for the sandbox of workflows, which imports them
    anew for each run. LoadError when an import fails, a module's name is taken, or the names are
    not those of the manifest; nothing is importable then.
    """
    begin = time.perf_counter()
    finder = BundleFinder(bundle.files)
    findings = list(_taken(finder))
    if findings:
        raise LoadError(findings)
    sys.meta_path.insert(0, finder)
    try:
        modules = [finder.run(name) for name in finder.names]
    except LoadError:
        finder.remove()
        raise
    findings, workflows, activities = _collect(bundle, modules)
    if findings:
        finder.remove()
        raise LoadError(findings)
    return Loaded(
        workflows=tuple(workflows),
        activities=tuple(activities),
        seconds=time.perf_counter() - begin,
    )


class BundleFinder(MetaPathFinder, InspectLoader):
    """Finds the modules of a bundle, and nothing else. Each is compiled once."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._paths = {module_name(path): path for path in sorted(files)}
        self._files = files
        self._packages = {name.rpartition(".")[0] for name in self._paths if "." in name} | {
            name for name, path in self._paths.items() if path.endswith("__init__.py")
        }
        for package in list(self._packages):
            parts = package.split(".")
            self._packages.update(".".join(parts[:length]) for length in range(1, len(parts)))
        self._code: dict[str, CodeType] = {}

    @property
    def names(self) -> list[str]:
        """Every module by its dotted name, sorted."""
        return sorted(self._paths)

    @property
    def tops(self) -> list[str]:
        """What is imported without a dot."""
        return sorted({name.partition(".")[0] for name in self._paths})

    def filename(self, fullname: str) -> str:
        """What tracebacks call the file of a module."""
        return f"bundle/{self._paths[fullname]}"

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 - the protocol's
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """Of a module of the bundle, or of a folder without `__init__.py`."""
        if fullname not in self._paths and fullname not in self._packages:
            return None
        return spec_from_loader(fullname, self, is_package=fullname in self._packages)

    def is_package(self, fullname: str) -> bool:
        """Whether it is a folder."""
        return fullname in self._packages

    def get_source(self, fullname: str) -> str:
        """The text; none for a folder without `__init__.py`."""
        path = self._paths.get(fullname)
        return "" if path is None else self._files[path]

    def get_code(self, fullname: str) -> CodeType:
        """Compiled once, since workflows import anew for each run."""
        code = self._code.get(fullname)
        if code is None:
            source = self.get_source(fullname)
            name = self.filename(fullname) if fullname in self._paths else f"bundle/{fullname}"
            lines = source.splitlines(keepends=True)
            linecache.cache[name] = (len(source), None, lines, name)
            code = compile(source, name, "exec", dont_inherit=True)
            self._code[fullname] = code
        return code

    def run(self, fullname: str) -> ModuleType:
        """Import a module of the bundle; LoadError says where it failed."""
        try:
            return importlib.import_module(fullname)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # other people's code may raise whatever it likes
            raise LoadError([self._failure(fullname, error)]) from error

    def remove(self) -> None:
        """Forget all modules."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        for name in (*self._paths, *self._packages):
            sys.modules.pop(name, None)
        for name in self._paths:
            linecache.cache.pop(self.filename(name), None)

    def _failure(self, fullname: str, error: BaseException) -> Finding:
        path, line = self._paths[fullname], None
        for frame in traceback.extract_tb(error.__traceback__):
            if frame.filename.startswith("bundle/"):
                path, line = frame.filename.removeprefix("bundle/"), frame.lineno
        if isinstance(error, SyntaxError) and (error.filename or "").startswith("bundle/"):
            path, line = (error.filename or "").removeprefix("bundle/"), error.lineno
        reason = "".join(traceback.format_exception_only(error)).strip().splitlines()
        last = -1 if isinstance(error, SyntaxError) else 0  # which are told after the line of code
        told = reason[last] if reason else type(error).__name__
        where = f"{path}, line {line}" if line else path
        return Finding(
            rule=Rule.LOAD_FAILED,
            message=f"The import of {fullname} failed in {where}: {told}"[:_MOST_CHARACTERS],
            path=path,
            line=line,
        )


def _taken(finder: BundleFinder) -> Iterator[Finding]:
    for top in finder.tops:
        if top in sys.modules or PathFinder.find_spec(top) is not None:
            yield Finding(
                rule=Rule.MODULE_SHADOWED,
                message=f"{top} is the name of a module that the worker has; call yours otherwise.",
            )


def _collect(
    bundle: Bundle, modules: Sequence[ModuleType]
) -> tuple[list[Finding], list[type], list[Callable[..., Any]]]:
    """What each module itself defines, and how its names differ from the manifest."""
    workflows: dict[str, type] = {}
    activities: dict[str, Callable[..., Any]] = {}
    findings: list[Finding] = []
    for value in _own(modules):
        workflow = vars(value).get(_WORKFLOW) if isinstance(value, type) else None
        activity = None if isinstance(value, type) else getattr(value, _ACTIVITY, None)
        if workflow is not None and isinstance(value, type):
            findings.extend(_add(workflows, "workflow", workflow.name, value))
        if activity is not None and callable(value):
            findings.extend(_add(activities, "activity", activity.name, value))
    findings.extend(_compare("workflow", workflows, bundle.manifest.workflows))
    findings.extend(_compare("activity", activities, bundle.manifest.activities))
    return findings, list(workflows.values()), list(activities.values())


def _own(modules: Sequence[ModuleType]) -> Iterator[object]:
    for module in modules:
        seen: set[int] = set()
        for value in list(vars(module).values()):
            if getattr(value, "__module__", None) == module.__name__ and id(value) not in seen:
                seen.add(id(value))
                yield value


def _add(known: dict[str, Any], kind: str, name: str | None, value: object) -> Iterator[Finding]:
    if name is None or name in known:
        reason = "has no name" if name is None else f"{name} is there twice"
        yield Finding(rule=Rule.NAME_DUPLICATE, message=f"The {kind} {reason}.")
    else:
        known[name] = value


def _compare(kind: str, found: Mapping[str, object], named: tuple[str, ...]) -> Iterator[Finding]:
    for name in sorted(set(named) - set(found)):
        yield Finding(
            rule=Rule.NAME_MISSING,
            message=f"The manifest names the {kind} {name}, which no module has after its import.",
        )
    for name in sorted(set(found) - set(named)):
        yield Finding(
            rule=Rule.NAME_UNDECLARED,
            message=f"The {kind} {name} is there after the import; the manifest does not name it.",
        )
