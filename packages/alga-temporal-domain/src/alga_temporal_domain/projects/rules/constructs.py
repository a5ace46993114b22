"""Names, attributes, calls and patterns that lead out of a project's own code."""

from __future__ import annotations

import ast

from alga_temporal_domain.projects.findings import Rule
from alga_temporal_domain.projects.rules import words
from alga_temporal_domain.projects.rules.imports import of_module
from alga_temporal_domain.projects.rules.report import Report
from alga_temporal_domain.projects.rules.uses import check_use, in_annotation
from alga_temporal_domain.projects.source.modules import INSTEAD, MODULES, PACKAGES
from alga_temporal_domain.projects.source.resolving import Sort, Target
from alga_temporal_domain.projects.source.scopes import FUNCTIONS, Entry, bound_by

_NODES_TEXT = """
Module Expr Assign AugAssign AnnAssign NamedExpr FunctionDef AsyncFunctionDef Lambda ClassDef
Return Delete For AsyncFor While If With AsyncWith Match Raise Try TryStar Assert Import
ImportFrom Global Nonlocal Pass Break Continue BoolOp BinOp UnaryOp IfExp Dict Set ListComp
SetComp DictComp GeneratorExp Await Yield YieldFrom Compare Call FormattedValue JoinedStr
Constant Attribute Subscript Starred Name List Tuple Slice comprehension ExceptHandler arguments
arg keyword alias withitem match_case MatchValue MatchSingleton MatchSequence MatchMapping
MatchClass MatchStar MatchAs MatchOr"""

NODES = frozenset(_NODES_TEXT.split())


def check_construct(entry: Entry, report: Report) -> None:
    """One node, whatever it is."""
    node = entry.node
    if isinstance(node, ast.Name):
        _name(node, entry, report)
    elif isinstance(node, ast.Attribute):
        _attribute(node, entry, report)
    elif isinstance(node, ast.MatchClass):
        for name in node.kwd_attrs:
            _say(node, words.refused_attribute(name), report)
    elif isinstance(node, ast.Global | ast.Nonlocal):
        for name in node.names:
            _say(node, words.refused_name(name), report)
        if entry.scope.is_class:
            report.refuse(node, "a class has no names of the module; set them in the module")
    elif isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        _defined(node, node.name, entry, report)
    elif isinstance(node, ast.arg | ast.keyword):
        _say(node, words.refused_name(node.arg or ""), report)
    else:
        _other(node, entry, report)


def _other(node: ast.AST, entry: Entry, report: Report) -> None:
    if type(node).__name__ not in NODES and not _is_operator(node):
        report.refuse(node, f"{type(node).__name__} is no construct that project code may use")
    else:
        bound = bound_by(node)
        if bound:
            _defined(node, bound, entry, report)


def _is_operator(node: ast.AST) -> bool:
    return isinstance(node, ast.operator | ast.boolop | ast.unaryop | ast.cmpop | ast.expr_context)


def _say(node: ast.AST, reason: str | None, report: Report) -> None:
    if reason:
        report.refuse(node, reason)


def _defined(node: ast.AST, name: str, entry: Entry, report: Report) -> None:
    """A name that is bound here."""
    if name == "__name__":
        report.refuse(node, "a module's name is not changed")
    in_class = entry.scope.is_class
    _say(node, words.refused_member(name) if in_class else words.refused_name(name), report)


def _name(node: ast.Name, entry: Entry, report: Report) -> None:
    if not isinstance(node.ctx, ast.Load):
        _defined(node, node.id, entry, report)
        if not isinstance(entry.parent, ast.AugAssign):  # that reads it, too
            return
    reason = words.refused_name(node.id)
    if reason:
        report.refuse(node, reason)
        return
    bindings, local = entry.scope.lookup(node.id)
    known = words.BUILTINS | words.NAMES
    if not local and node.id in words.ALL_BUILTINS and node.id not in known:
        _builtin(node, report, defined=bool(bindings))
    for target in report.project.targets(node, entry.scope):
        check_target(node, target, entry, report)


def _builtin(node: ast.Name, report: Report, *, defined: bool) -> None:
    parent = report.parent(node)
    called = isinstance(parent, ast.Call) and parent.func is node
    if node.id in words.CALLED_ONLY:
        if node.id == "type":
            fault = None if in_annotation(node, report) else _type(parent, called, report)
        else:
            fault = (
                _getattr(node, parent)
                if called and isinstance(parent, ast.Call)
                else (f"{node.id} may only be called, with the attribute's name written out")
            )
        _say(node, fault, report)
        return
    hint = INSTEAD.get(node.id)
    reason = f"{node.id} of Python's builtins is not for project code"
    if defined:
        hint = "a name of yours that is not local to a function may not be called so"
    report.refuse(node, f"{reason}; {hint}" if hint else reason)


def _type(call: ast.AST | None, called: bool, report: Report) -> str | None:
    """A class that is taken of a value can be called, and what it is is not known here."""
    if not called or not isinstance(call, ast.Call):
        return "type may only be called, with one argument"
    if len(call.args) != 1 or call.keywords or isinstance(call.args[0], ast.Starred):
        return "type with three arguments makes a class from text; write the class"
    parent = report.parent(call)
    named = isinstance(parent, ast.Attribute) and parent.attr in ("__name__", "__qualname__")
    same = isinstance(parent, ast.Compare) and all(
        isinstance(operator, ast.Is | ast.IsNot) for operator in parent.ops
    )
    if named or same or isinstance(parent, ast.FormattedValue):
        return None
    return "what type() gives may only be compared by `is`, or asked for its __name__"


def _getattr(node: ast.Name, call: ast.Call) -> str | None:
    most = 3 if node.id == "getattr" else 2
    name = call.args[1] if 2 <= len(call.args) <= most else None
    if call.keywords or not isinstance(name, ast.Constant) or not isinstance(name.value, str):
        return f"{node.id} needs the attribute's name written out"
    return words.refused_attribute(name.value)


def check_target(node: ast.expr, target: Target, entry: Entry, report: Report) -> None:
    """A name or path that stands for a module, or for what is in one."""
    parent = report.parent(node)
    if target.sort is Sort.MODULE:
        if not (isinstance(parent, ast.Attribute) and parent.value is node):
            report.refuse(
                node,
                f"the module {target.module} is taken as a value; modules are only for what is in"
                " them, and a variable is not called like one",
            )
    elif target.sort is Sort.LIBRARY:
        if target.name not in MODULES.get(target.module, ()):
            if target.module in MODULES:
                message = of_module(target.module, target.name)
                report.refuse(node, message, Rule.IMPORT_REFUSED)
            return
        fault = check_use(node, target, entry, report)
        _say(node, fault, report)


def _attribute(node: ast.Attribute, entry: Entry, report: Report) -> None:
    bases = report.project.targets(node.value, entry.scope)
    if not isinstance(node.ctx, ast.Load) and any(base.sort is Sort.LIBRARY for base in bases):
        report.refuse(node, "what a library defines is changed; derive a class of your own")
    modules = [base for base in bases if base.sort is Sort.MODULE]
    if not isinstance(node.ctx, ast.Load) and words.dunder(node.attr) and node.attr.endswith("__"):
        report.refuse(node, f"{node.attr} may be read, not changed")
    if modules:
        _of_module(node, modules, entry, report)
        return
    if _is_self(node.value):
        _say(
            node,
            words.refused_private(node.attr)
            if node.attr.startswith("_") and not _plain(node.attr)
            else words.refused_attribute(node.attr),
            report,
        )
    elif _is_super(node.value, entry) and node.attr in words.METHODS:
        return
    elif node.attr == "format" and isinstance(node.ctx, ast.Load):
        _say(node, _format(node, report), report)
    else:
        _say(node, words.refused_attribute(node.attr), report)


def _plain(name: str) -> bool:
    return name in words.ATTRIBUTES or name in words.PRIVATE_ALLOWED


def _of_module(node: ast.Attribute, modules: list[Target], entry: Entry, report: Report) -> None:
    if not isinstance(node.ctx, ast.Load):
        report.refuse(node, f"the module {modules[0].module} is changed; modules stay as they are")
    _say(node, words.refused_name(node.attr), report)
    for target in report.project.targets(node, entry.scope):
        check_target(node, target, entry, report)
    for module in modules:
        inside = module.module in PACKAGES and module.module not in MODULES
        if inside and not report.project.is_module(f"{module.module}.{node.attr}"):
            report.refuse(node, of_module(module.module, node.attr), Rule.IMPORT_REFUSED)


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def _is_super(node: ast.expr, entry: Entry) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "super"
        and not entry.scope.lookup("super")[0]
    )


def _format(node: ast.Attribute, report: Report) -> str | None:
    call = report.parent(node)
    text = node.value
    if (
        isinstance(text, ast.Constant)
        and isinstance(text.value, str)
        and isinstance(call, ast.Call)
        and call.func is node
    ):
        return words.refused_format(text.value)
    return words.refused_attribute("format")
