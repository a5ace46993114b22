"""Which node is evaluated in which scope, and what binds which name there."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class Kind(StrEnum):
    """What binds a name."""

    IMPORT = "import"
    """`import a.b` or `import a.b as c`: the name is that of a module."""
    FROM = "from"
    """`from a import b`: a module or what is in one."""
    CLASS = "class"
    FUNCTION = "function"
    VALUE = "value"
    """An assignment, a parameter, a target of a loop and the like."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """One place that binds a name. `module` and `name` are those of an import, absolute."""

    kind: Kind
    node: ast.AST
    parent: ast.AST | None
    module: str = ""
    name: str = ""


class Scope:
    """The names of a module, class, function or comprehension."""

    def __init__(self, node: ast.AST, parent: Scope | None) -> None:
        self.node = node
        self.parent = parent
        self.bindings: defaultdict[str, list[Binding]] = defaultdict(list)
        self.globals: set[str] = set()
        self.nonlocals: set[str] = set()

    @property
    def is_class(self) -> bool:
        """Names of a class are seen by its body alone, not by functions in it."""
        return isinstance(self.node, ast.ClassDef)

    @property
    def is_module(self) -> bool:
        """The outermost."""
        return self.parent is None

    def outermost(self) -> Scope:
        """The module's."""
        return self if self.parent is None else self.parent.outermost()

    def lookup(self, name: str) -> tuple[list[Binding], bool]:
        """What `name` may be bound by when it is read here, and whether it is surely a local name
        (of this function or of one around it), so that no name of Python's own is meant."""
        if self.is_class and name in self.bindings:
            around = self.parent.lookup(name)[0] if self.parent else []
            return [*self.bindings[name], *around, *self._of_module(name)], False
        here: Scope | None = self
        while here is not None and not here.is_module:
            if not here.is_class or here is self:
                if name in here.globals:
                    break
                if name in here.bindings and name not in here.nonlocals:
                    return here.bindings[name], True
            here = here.parent
        return self._of_module(name), False

    def _of_module(self, name: str) -> list[Binding]:
        return self.outermost().bindings.get(name, [])


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A node with its parent and the scope that it is evaluated in."""

    node: ast.AST
    parent: ast.AST | None
    scope: Scope


class Source:
    """A module that was parsed: every node once, with its scope."""

    def __init__(self, path: str, name: str, tree: ast.Module) -> None:
        self.path = path
        self.name = name
        self.tree = tree
        self.is_package = path.endswith("__init__.py")
        self.scope = Scope(tree, None)
        self.scopes: list[Scope] = [self.scope]
        self.reads: set[tuple[Scope, str]] = set()
        """Names that are read, or deleted, in a scope itself."""
        self.entries: list[Entry] = []
        self.parents: dict[ast.AST, ast.AST | None] = {}
        self._walk()
        for scope in self.scopes:
            self._hand_on_globals(scope)

    def absolute(self, node: ast.ImportFrom) -> str | None:
        """The module that `from … import` names; None: it lies outside of the bundle."""
        if not node.level:
            return node.module or ""
        parts = self.name.split(".")
        up = node.level - (1 if self.is_package else 0)
        if up > len(parts) or (up == len(parts) and not node.module):
            return None
        base = parts[: len(parts) - up]
        return ".".join([*base, node.module] if node.module else base)

    def _walk(self) -> None:
        waiting: list[Entry] = [Entry(node=self.tree, parent=None, scope=self.scope)]
        while waiting:
            entry = waiting.pop()
            self.entries.append(entry)
            self.parents[entry.node] = entry.parent
            self._bind(entry)
            if isinstance(entry.node, ast.Name) and (
                not isinstance(entry.node.ctx, ast.Store) or isinstance(entry.parent, ast.AugAssign)
            ):
                self.reads.add((entry.scope, entry.node.id))
            waiting.extend(reversed(list(self._children(entry))))

    def _children(self, entry: Entry) -> Iterator[Entry]:
        node, scope = entry.node, entry.scope
        if isinstance(node, (*FUNCTIONS, ast.Lambda)):
            yield from self._of_function(node, scope)
        elif isinstance(node, ast.ClassDef):
            inner = self._scope(node, scope)
            for child in ast.iter_child_nodes(node):
                own = any(child is statement for statement in node.body)
                yield Entry(node=child, parent=node, scope=inner if own else scope)
        elif isinstance(node, COMPREHENSIONS):
            inner = self._scope(node, scope)
            first = node.generators[0]
            self.parents[first] = node
            for child in ast.iter_child_nodes(node):
                if child is first:
                    yield Entry(node=first.target, parent=first, scope=inner)
                    yield Entry(node=first.iter, parent=first, scope=scope)
                    for condition in first.ifs:
                        yield Entry(node=condition, parent=first, scope=inner)
                else:
                    yield Entry(node=child, parent=node, scope=inner)
        else:
            for child in ast.iter_child_nodes(node):
                yield Entry(node=child, parent=node, scope=scope)

    def _of_function(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, scope: Scope
    ) -> Iterator[Entry]:
        inner = self._scope(node, scope)
        arguments = node.args
        for argument in _all_arguments(arguments):
            self._add(inner, argument.arg, Kind.VALUE, argument, node)
        for child in ast.iter_child_nodes(node):
            if child is arguments:
                continue
            own = isinstance(node, ast.Lambda) or any(child is line for line in node.body)
            yield Entry(node=child, parent=node, scope=inner if own else scope)
        # Defaults and annotations are evaluated where the function is defined.
        yield Entry(node=arguments, parent=node, scope=scope)

    def _scope(self, node: ast.AST, parent: Scope) -> Scope:
        scope = Scope(node, parent)
        self.scopes.append(scope)
        return scope

    def _bind(self, entry: Entry) -> None:
        node, scope = entry.node, entry.scope
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name if alias.asname else alias.name.partition(".")[0]
                name = alias.asname or top
                self._add(scope, name, Kind.IMPORT, node, entry.parent, top)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                name = alias.asname or alias.name
                module = self.absolute(node) or ""
                self._add(scope, name, Kind.FROM, node, entry.parent, module, alias.name)
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            declared = scope.globals if isinstance(node, ast.Global) else scope.nonlocals
            declared.update(node.names)
        else:
            self._bind_value(node, entry.parent, scope)

    def _bind_value(self, node: ast.AST, parent: ast.AST | None, scope: Scope) -> None:
        if isinstance(node, ast.ClassDef):
            self._add(scope, node.name, Kind.CLASS, node, parent)
        elif isinstance(node, FUNCTIONS):
            self._add(scope, node.name, Kind.FUNCTION, node, parent)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            if isinstance(parent, ast.NamedExpr) and node is parent.target:
                while isinstance(scope.node, COMPREHENSIONS) and scope.parent:
                    scope = scope.parent
            self._add(scope, node.id, Kind.VALUE, node, parent)
        else:
            name = bound_by(node)
            if name is not None:
                self._add(scope, name, Kind.VALUE, node, parent)

    @staticmethod
    def _add(
        scope: Scope,
        name: str,
        kind: Kind,
        node: ast.AST,
        parent: ast.AST | None,
        module: str = "",
        member: str = "",
    ) -> None:
        scope.bindings[name].append(
            Binding(kind=kind, node=node, parent=parent, module=module, name=member)
        )

    def _hand_on_globals(self, scope: Scope) -> None:
        """What is bound under `global` or `nonlocal` is bound further out."""
        if not scope.is_module:
            for name in scope.globals:
                self.scope.bindings[name].extend(scope.bindings.pop(name, []))
        for name in scope.nonlocals:
            bound = scope.bindings.pop(name, [])
            outer = scope.parent
            while outer is not None and not outer.is_module:
                if name in outer.bindings:
                    outer.bindings[name].extend(bound)
                outer = outer.parent


def bound_by(node: ast.AST) -> str | None:
    """The name that a handler of exceptions or a pattern binds."""
    if isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)):
        return node.name
    return node.rest if isinstance(node, ast.MatchMapping) else None


def _all_arguments(arguments: ast.arguments) -> Iterator[ast.arg]:
    yield from arguments.posonlyargs
    yield from arguments.args
    yield from arguments.kwonlyargs
    yield from (more for more in (arguments.vararg, arguments.kwarg) if more is not None)
