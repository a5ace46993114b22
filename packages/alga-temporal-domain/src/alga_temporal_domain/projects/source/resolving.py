"""What the names and dotted paths of a bundle's modules stand for, as far as text tells."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from alga_temporal_domain.projects.bundles import module_name
from alga_temporal_domain.projects.source.modules import MODULES, PACKAGES
from alga_temporal_domain.projects.source.scopes import Binding, Kind, Scope, Source


class Sort(StrEnum):
    """What sort of thing an expression stands for."""

    MODULE = "module"
    LIBRARY = "library"
    """A name in a module of others."""
    CLASS = "class"
    """A class of the bundle."""
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """`module`: its dotted name; `name`: what is meant in it; `binding`: where it is bound."""

    sort: Sort
    module: str = ""
    name: str = ""
    binding: Binding | None = None

    @property
    def path(self) -> str:
        """`dataclasses.field`, and for a module its name."""
        return f"{self.module}.{self.name}" if self.name else self.module


class Project:
    """All modules of a bundle that are Python."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self.sources = {source.name: source for source in sources}
        self.own = {
            ".".join(parts[:length])
            for parts in (name.split(".") for name in self.sources)
            for length in range(1, len(parts) + 1)
        }
        """Modules of the bundle, and packages that have no `__init__.py`."""
        self._scopes = {
            scope.node: scope for source in self.sources.values() for scope in source.scopes
        }
        self._of_names: dict[tuple[Scope, str], list[Target]] = {}

    def is_module(self, path: str) -> bool:
        """Whether `path` is a module that can be named here: the bundle's or an allowed one."""
        return path in self.own or path in MODULES or path in PACKAGES

    def inside(self, node: ast.AST) -> Scope | None:
        """The scope that a class or function of the bundle has for its body."""
        return self._scopes.get(node)

    def around(self, node: ast.AST) -> Scope | None:
        """The scope that a class or function of the bundle is defined in."""
        inner = self._scopes.get(node)
        return inner.parent if inner else None

    def targets(self, node: ast.AST, scope: Scope) -> list[Target]:
        """What `node` may stand for; empty: not known."""
        if not isinstance(node, ast.Name):
            return _each_once(self._targets(node, scope, frozenset()))
        known = self._of_names.get((scope, node.id))
        if known is None:
            known = _each_once(self._targets(node, scope, frozenset()))
            self._of_names[scope, node.id] = known
        return known

    def only(self, node: ast.AST, scope: Scope) -> Target | None:
        """What `node` stands for, if that is sure."""
        found = self.targets(node, scope)
        return found[0] if len(found) == 1 else None

    def _targets(
        self, node: ast.AST, scope: Scope, seen: frozenset[tuple[str, str]]
    ) -> Iterator[Target]:
        if isinstance(node, ast.Name):
            for binding in scope.lookup(node.id)[0]:
                yield from self._bound(binding, seen)
        elif isinstance(node, ast.Attribute):
            for base in self.targets(node.value, scope):
                if base.sort is Sort.MODULE:
                    yield from self._member(base.module, node.attr, seen)

    def _bound(self, binding: Binding, seen: frozenset[tuple[str, str]]) -> Iterator[Target]:
        if binding.kind is Kind.IMPORT:
            yield Target(sort=Sort.MODULE, module=binding.module, binding=binding)
        elif binding.kind is Kind.FROM:
            yield from self._member(binding.module, binding.name, seen, binding)
        elif binding.kind is Kind.CLASS:
            yield Target(sort=Sort.CLASS, binding=binding)
        else:
            yield Target(sort=Sort.OTHER, binding=binding)

    def _member(
        self,
        module: str,
        name: str,
        seen: frozenset[tuple[str, str]],
        binding: Binding | None = None,
    ) -> Iterator[Target]:
        path = f"{module}.{name}" if module else name
        if self.is_module(path):
            yield Target(sort=Sort.MODULE, module=path, binding=binding)
        if module in self.own:
            yield from self._exported(module, name, seen)
        elif not self.is_module(path):
            yield Target(sort=Sort.LIBRARY, module=module, name=name, binding=binding)

    def _exported(
        self, module: str, name: str, seen: frozenset[tuple[str, str]]
    ) -> Iterator[Target]:
        source = self.sources.get(module)
        if source is None or (module, name) in seen:
            return
        for binding in source.scope.bindings.get(name, []):
            for target in self._bound(binding, seen | {(module, name)}):
                yield Target(
                    sort=target.sort,
                    module=target.module or module,
                    name=target.name if target.module else name,
                    binding=target.binding,
                )


def _each_once(targets: Iterable[Target]) -> list[Target]:
    """Without repetition, so that a name that is bound a thousand times is one thing to look at.
    Of several classes two are kept: it is not sure then which is meant."""
    kept: dict[tuple[Sort, str], list[Target]] = {}
    for target in targets:
        alike = kept.setdefault((target.sort, target.path), [])
        if len(alike) < (2 if target.sort is Sort.CLASS else 1):
            alike.append(target)
    return [target for alike in kept.values() for target in alike]


def project_of(trees: dict[str, ast.Module]) -> Project:
    """The modules by their paths in the bundle."""
    return Project(Source(path, module_name(path), tree) for path, tree in trees.items())
