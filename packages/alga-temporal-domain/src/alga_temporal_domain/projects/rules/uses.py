"""Names of libraries that are safe in one position only."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass

from alga_temporal_domain.projects.rules import words
from alga_temporal_domain.projects.rules.report import Report
from alga_temporal_domain.projects.source.modules import RESTRICTED, Use
from alga_temporal_domain.projects.source.resolving import Project, Target
from alga_temporal_domain.projects.source.scopes import FUNCTIONS, Entry, Scope


def check_use(node: ast.expr, target: Target, entry: Entry, report: Report) -> str | None:
    """Why `node`, which stands for `target`, may not stand where it does; None: it may."""
    use = RESTRICTED.get(target.path)
    if use is None:
        return None
    outer = report.parent(node)
    right = _POSITIONS[use](_Position(node=node, parent=outer, scope=entry.scope, report=report))
    return None if right else f"{target.path} may only stand {use.value}"


def called(node: ast.expr, parent: ast.AST | None) -> ast.Call | None:
    """The call of `node`, if it is called here with arguments that are all written out."""
    if not isinstance(parent, ast.Call) or parent.func is not node:
        return None
    if any(isinstance(argument, ast.Starred) for argument in parent.args):
        return None
    return None if any(keyword.arg is None for keyword in parent.keywords) else parent


def is_dataclass(node: ast.ClassDef, scope: Scope, project: Project) -> bool:
    """Whether the decorator that sees the class first is surely `dataclass`."""
    if not node.decorator_list:
        return False
    last = node.decorator_list[-1]
    target = project.only(last.func if isinstance(last, ast.Call) else last, scope)
    return target is not None and target.path == "dataclasses.dataclass"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Position:
    node: ast.expr
    parent: ast.AST | None
    scope: Scope
    report: Report

    def called(self) -> ast.Call | None:
        return called(self.node, self.parent)


def _base(position: _Position) -> bool:
    report, parent = position.report, position.parent
    child: ast.AST = position.node
    while isinstance(parent, ast.Subscript) and parent.value is child:
        child, parent = parent, report.parent(parent)
    if isinstance(parent, ast.ClassDef):
        return any(child is base for base in parent.bases)
    if isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name):
        asked = parent.func.id in ("isinstance", "issubclass")
        return asked and len(parent.args) == 2 and parent.args[1] is child
    return in_annotation(child, report)


def in_annotation(node: ast.AST, report: Report) -> bool:
    """Whether `node` is, or is part of, an annotation."""
    child, parent = node, report.parent(node)
    while isinstance(parent, ast.Subscript | ast.BinOp | ast.Tuple | ast.List):
        child, parent = parent, report.parent(parent)
    if isinstance(parent, ast.arg | ast.AnnAssign):
        return parent.annotation is child
    return isinstance(parent, FUNCTIONS) and parent.returns is child


def _type(position: _Position) -> bool:
    return in_annotation(position.node, position.report)


def _decorator(position: _Position) -> bool:
    decorator: ast.AST = position.node
    parent = position.parent
    if isinstance(parent, ast.Call) and parent.func is decorator:
        call = position.called()
        if call is None or call.args:
            return False
        decorator, parent = call, position.report.parent(call)
    if not isinstance(parent, (ast.ClassDef, *FUNCTIONS)):
        return False
    return any(decorator is one for one in parent.decorator_list)


def _field(position: _Position) -> bool:
    """An object that `dataclass` has not taken yet could be changed so that it runs text."""
    call, scope, report = position.called(), position.scope, position.report
    owner = scope.node
    place = report.parent(call) if call else None
    if call is None or call.args or not isinstance(owner, ast.ClassDef):
        return False
    if not isinstance(place, ast.AnnAssign) or place.value is not call:
        return False
    if not any(place is statement for statement in owner.body):
        return False
    # With the name in parentheses the annotation would not be kept, and dataclass not see it.
    if not isinstance(place.target, ast.Name) or not place.simple or scope.parent is None:
        return False
    if not is_dataclass(owner, scope.parent, report.project):
        return False
    return (scope, place.target.id) not in report.source.reads and not _makes_enum(
        owner, scope.parent, report.project, 0
    )


def _makes_enum(node: ast.ClassDef, scope: Scope, project: Project, depth: int) -> bool:
    """Whether a base takes what is in the class before `dataclass` does, or may do so."""
    if depth > 20:
        return True
    for base in node.bases:
        plain = base.value if isinstance(base, ast.Subscript) else base
        target = project.only(plain, scope)
        if target is None:
            if not (isinstance(plain, ast.Name) and plain.id in words.BUILTINS):
                return True
        elif target.path.partition(".")[0] in ("typing", "typing_extensions", "abc"):
            if target.name in ("NamedTuple", "TypedDict"):
                return True
        elif target.path.startswith("temporalio.exceptions."):
            continue
        elif target.binding is None or not isinstance(target.binding.node, ast.ClassDef):
            return True
        else:
            found = project.around(target.binding.node)
            if found is None or _makes_enum(target.binding.node, found, project, depth + 1):
                return True
    return False


def _wraps(position: _Position) -> bool:
    call = position.called()
    if call is None or len(call.args) != 1 or call.keywords:
        return False
    # What it gives can be asked for the function that copies whichever attributes it is told.
    outer = position.report.parent(call)
    if isinstance(outer, FUNCTIONS):
        return any(call is decorator for decorator in outer.decorator_list)
    return isinstance(outer, ast.Call) and outer.func is call


def _namedtuple(position: _Position) -> bool:
    call = position.called()
    if (
        call is None
        or len(call.args) != 2
        or any(keyword.arg not in ("defaults", "rename") for keyword in call.keywords)
    ):
        return False
    names = _names(call.args[1])
    return (
        isinstance(call.args[0], ast.Constant)
        and names is not None
        and not any(words.refused_attribute(name) for name in names)
    )


def _names(node: ast.expr) -> list[str] | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.replace(",", " ").split()
    if not isinstance(node, ast.List | ast.Tuple):
        return None
    names = [
        item.value
        for item in node.elts
        if isinstance(item, ast.Constant) and isinstance(item.value, str)
    ]
    return names if len(names) == len(node.elts) else None


def _type_variable(position: _Position) -> bool:
    call = position.called()
    if call is None or not call.args or not isinstance(call.args[0], ast.Constant):
        return False
    rest = [*call.args[1:], *(keyword.value for keyword in call.keywords)]
    return not any(
        isinstance(part, ast.Constant) and isinstance(part.value, str)
        for argument in rest
        for part in ast.walk(argument)
    )


_POSITIONS: dict[Use, Callable[[_Position], bool]] = {
    Use.BASE: _base,
    Use.DECORATOR: _decorator,
    Use.FIELD: _field,
    Use.WRAPS: _wraps,
    Use.NAMEDTUPLE: _namedtuple,
    Use.TYPE_VARIABLE: _type_variable,
    Use.TYPE: _type,
}
