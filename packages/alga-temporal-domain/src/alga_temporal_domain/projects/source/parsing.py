"""Text of a module to its tree, without running or compiling anything."""

from __future__ import annotations

import ast
import re
import warnings

from alga_temporal_domain.projects.findings import Finding, Rule

DEEPEST = 200
"""Levels of a tree. The compiler and whoever walks a tree have a stack that ends."""

_COOKIE = re.compile(r"^[ \t\f]*#.*?coding[:=][ \t]*([-_.a-zA-Z0-9]+)")


def parse(path: str, text: str) -> ast.Module | Finding:
    """The tree of the module `path`, or why it has none."""
    for number, line in enumerate(text.split("\n", 2)[:2], start=1):
        cookie = _COOKIE.match(line)
        if cookie and cookie[1].lower().replace("_", "-") not in ("utf-8", "utf8"):
            return _fault(path, number, f"the text is UTF-8; it calls itself {cookie[1]}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a strange escape in a string is no fault
            tree = ast.parse(text, path)
    except SyntaxError as error:
        return _fault(path, error.lineno, error.msg)
    except UnicodeEncodeError:
        return _fault(path, None, "the text has half a character (a lone surrogate)")
    except (ValueError, OverflowError) as error:  # NUL, among others
        return _fault(path, None, str(error))
    except (RecursionError, MemoryError):
        return _too_deep(path, None)
    deep = _first_too_deep(tree)
    return tree if deep is None else _too_deep(path, deep)


def parse_expression(text: str) -> ast.expr | None:
    """The tree of an annotation that is written as text; None: it is no expression."""
    tree = parse("annotation", f"({text}\n)")
    if isinstance(tree, Finding) or len(tree.body) != 1:
        return None
    only = tree.body[0]
    return only.value if isinstance(only, ast.Expr) else None


def _first_too_deep(tree: ast.Module) -> int | None:
    level: list[tuple[ast.AST, int]] = [(tree, 1)]
    for _ in range(DEEPEST):
        level = [
            (child, getattr(child, "lineno", line))
            for node, line in level
            for child in ast.iter_child_nodes(node)
        ]
        if not level:
            return None
    return level[0][1]


def _too_deep(path: str, line: int | None) -> Finding:
    return _fault(path, line, f"it is nested deeper than {DEEPEST} levels; divide it")


def _fault(path: str, line: int | None, reason: str) -> Finding:
    return Finding(
        rule=Rule.SYNTAX, message=f"The module is no Python: {reason}.", path=path, line=line
    )
