"""Annotations are types. The SDK evaluates those that are text, so text in them has to be one."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from alga_temporal_domain.projects.rules.report import Report
from alga_temporal_domain.projects.rules.words import BUILTINS
from alga_temporal_domain.projects.source.parsing import parse_expression
from alga_temporal_domain.projects.source.resolving import Project, Sort
from alga_temporal_domain.projects.source.scopes import FUNCTIONS, Binding, Entry, Kind, Scope

MOST_TEXT = 50_000
"""Characters of all annotations of a bundle that are text, as often as each is read."""

_TYPES_TEXT = """
bool bytearray bytes complex dict float frozenset int list object range set slice str tuple type"""

_TYPES = frozenset(_TYPES_TEXT.split()) | {name for name in BUILTINS if name[0].isupper()}

_MADE = frozenset(
    f"{module}.{name}"
    for module in ("typing", "typing_extensions")
    for name in ("TypeVar", "ParamSpec", "NewType")
) | {"collections.namedtuple"}

_KEEPS = frozenset(
    {
        "dataclasses.dataclass",
        "enum.unique",
        "functools.total_ordering",
        "temporalio.workflow.defn",
        "typing.final",
        "typing_extensions.final",
    }
)
"""Decorators that give the class that they are put on."""


def stored_attributes(project: Project) -> frozenset[str]:
    """Every attribute that a module of the bundle sets or deletes."""
    return frozenset(
        entry.node.attr
        for source in project.sources.values()
        for entry in source.entries
        if isinstance(entry.node, ast.Attribute) and not isinstance(entry.node.ctx, ast.Load)
    )


def _annotations(node: ast.AST) -> Iterator[ast.expr]:
    annotation: ast.expr | None = None
    if isinstance(node, ast.AnnAssign | ast.arg):
        annotation = node.annotation
    elif isinstance(node, FUNCTIONS):
        annotation = node.returns
    if annotation is not None:
        yield annotation


class Annotations:
    """Looks at the annotations of a bundle.

    `stored`: every attribute that the bundle sets anywhere, since a class's attributes are looked
    at when its annotations are evaluated.
    """

    def __init__(self, project: Project, stored: frozenset[str]) -> None:
        self._project = project
        self._stored = stored
        self._text_left = MOST_TEXT
        self._known: dict[tuple[Scope, str], str | None] = {}

    def check(self, entry: Entry, report: Report) -> None:
        """Those of a parameter, a result or a variable."""
        for annotation in _annotations(entry.node):
            reason = self._reason(annotation, entry.scope)
            if reason:
                report.refuse(annotation, f"an annotation has to be a type: {reason}")

    def _reason(self, node: ast.expr, scope: Scope) -> str | None:
        """Why `node` is no type; None: it is one."""
        if isinstance(node, ast.Constant):
            return self._constant(node, scope)
        if isinstance(node, ast.Name):
            return self._name(node.id, scope)
        if isinstance(node, ast.Attribute):
            return self._attribute(node, scope)
        if isinstance(node, ast.Subscript):
            return self._subscript(node, scope)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return self._reason(node.left, scope) or self._reason(node.right, scope)
        if isinstance(node, ast.List | ast.Tuple):
            reasons = (self._reason(part, scope) for part in node.elts)
            return next((reason for reason in reasons if reason), None)
        return f"{type(node).__name__} is calculated"

    def _constant(self, node: ast.Constant, scope: Scope) -> str | None:
        if node.value is None or node.value is Ellipsis:
            return None
        if not isinstance(node.value, str):
            return f"{node.value!r} is none"
        self._text_left -= len(node.value)
        if self._text_left < 0:
            return f"those that are text have more than {MOST_TEXT} characters; write them as code"
        inner = parse_expression(node.value)
        if inner is None:
            return f"the text {node.value[:60]!r} is no expression"
        return self._reason(inner, scope)

    def _name(self, name: str, scope: Scope) -> str | None:
        if (scope, name) not in self._known:
            self._known[scope, name] = None  # what a type's own definition says of it is no reason
            self._known[scope, name] = self._unknown_name(name, scope)
        return self._known[scope, name]

    def _unknown_name(self, name: str, scope: Scope) -> str | None:
        if name in self._stored:
            return f"{name} is also set as an attribute, which may be meant; call one otherwise"
        bindings = {
            id(binding): binding
            for binding in (*scope.lookup(name)[0], *scope.outermost().bindings.get(name, []))
            if not _only_declares(binding)
        }
        if not bindings:
            return None if name in _TYPES else f"{name} is none of Python's and not defined here"
        for binding in bindings.values():
            if not self._is_type(binding, scope):
                return f"{name} may be something else"
        return None

    def _is_type(self, binding: Binding, scope: Scope) -> bool:
        if binding.kind is Kind.IMPORT:
            return True
        if binding.kind is Kind.CLASS:
            return self._stays_class(binding)
        if binding.kind is Kind.FROM:
            return self._is_exported(binding.module, binding.name)
        parent = binding.parent
        if isinstance(parent, ast.Assign):
            alias = len(parent.targets) == 1 and parent.targets[0] is binding.node
            return alias and self._is_alias(parent.value, scope)
        if isinstance(parent, ast.AnnAssign) and parent.value is not None:
            return self._is_alias(parent.value, scope)
        return False

    def _stays_class(self, binding: Binding) -> bool:
        """Whether no decorator may put something else in the place of the class."""
        node = binding.node
        around = self._project.around(node)
        if around is None or not isinstance(node, ast.ClassDef):
            return False
        for decorator in node.decorator_list:
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            target = self._project.only(called, around)
            if target is None or target.path not in _KEEPS:
                return False
        return True

    def _is_exported(self, module: str, name: str) -> bool:
        source = self._project.sources.get(module)
        bindings = source.scope.bindings.get(name, []) if source else []
        if source is None or (not bindings and self._project.is_module(f"{module}.{name}")):
            return True  # a module, or of a library: the allow-list has no text to evaluate
        return bool(bindings) and self._name(name, source.scope) is None

    def _is_alias(self, value: ast.expr, scope: Scope) -> bool:
        if isinstance(value, ast.Call):
            made = self._project.only(value.func, scope)
            return made is not None and made.path in _MADE
        return self._reason(value, scope) is None

    def _attribute(self, node: ast.Attribute, scope: Scope) -> str | None:
        found = self._project.targets(node.value, scope)
        if found and all(target.sort is Sort.MODULE for target in found):
            if all(self._is_exported(target.module, node.attr) for target in found):
                return None
            return f"{node.attr} of a module may be something else"
        if node.attr in ("args", "kwargs") and isinstance(node.value, ast.Name):
            return self._name(node.value.id, scope)
        if len(found) == 1 and found[0].sort is Sort.CLASS and node.attr not in self._stored:
            owner = found[0].binding
            if owner and self._is_inner(owner.node, node.attr):
                return None
        return f"{node.attr} may be something else"

    def _is_inner(self, owner: ast.AST, name: str) -> bool:
        scope = self._project.inside(owner)
        bound = scope.bindings.get(name, []) if scope else []
        return bool(bound) and all(
            one.kind is Kind.CLASS and self._stays_class(one) for one in bound
        )

    def _subscript(self, node: ast.Subscript, scope: Scope) -> str | None:
        target = self._project.only(node.value, scope)
        name = target.name if target and target.module in ("typing", "typing_extensions") else ""
        if name == "Literal":
            return None
        outer = self._reason(node.value, scope)
        if outer:
            return outer
        if name == "Annotated" and isinstance(node.slice, ast.Tuple) and node.slice.elts:
            return self._reason(node.slice.elts[0], scope)
        return self._reason(node.slice, scope)


def _only_declares(binding: Binding) -> bool:
    """`date: date` in a class binds nothing as long as it has no value."""
    parent = binding.parent
    return isinstance(parent, ast.AnnAssign) and parent.value is None
