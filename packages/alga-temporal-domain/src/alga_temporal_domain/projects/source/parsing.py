"""Text of a module to its tree, without running or compiling anything."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Mapping

from alga_temporal_domain.projects.findings import Finding, Rule

DEEPEST = 200
"""Levels of a tree. The compiler and whoever walks a tree have a stack that ends."""

MOST_NODES = 50_000
"""Of a module's tree. Reading takes about ten microseconds for each."""

MOST_NODES_TOGETHER = 100_000
"""Of all modules of a bundle."""

_DENSE = 50_000
_COOKIE = re.compile(r"^[ \t\f]*#.*?coding[:=][ \t]*([-_.a-zA-Z0-9]+)")


def parse_all(files: Mapping[str, str]) -> tuple[dict[str, ast.Module], list[Finding]]:
    """The trees by path, and why others have none. What is too large ends it: the rest is not
    read, and the last finding is `TOO_LARGE`."""
    trees: dict[str, ast.Module] = {}
    faults: list[Finding] = []
    left = MOST_NODES_TOGETHER
    for path, text in sorted(files.items()):
        tree = _parse(path, text)
        if isinstance(tree, Finding):
            faults.append(tree)
            if tree.rule is Rule.TOO_LARGE:
                break
            continue
        trees[path], nodes = tree
        left -= nodes
        if left < 0:
            reason = f"with it the bundle has more than {MOST_NODES_TOGETHER} nodes of syntax"
            faults.append(_too_large(path, reason))
            break
    return trees, faults


def parse(path: str, text: str) -> ast.Module | Finding:
    """The tree of the module `path`, or why it has none."""
    read = _parse(path, text)
    return read if isinstance(read, Finding) else read[0]


def _parse(path: str, text: str) -> tuple[ast.Module, int] | Finding:
    """The tree and how many nodes it has."""
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
    except MemoryError:
        # Python's parser says so of its own stack, too.
        if len(text) > _DENSE:
            return _too_large(path, "reading it takes more memory than there is for that")
        return _too_deep(path, None)
    except RecursionError:
        return _too_deep(path, None)
    measured = _measure(path, tree)
    return measured if isinstance(measured, Finding) else (tree, measured)


def parse_expression(text: str) -> ast.expr | None:
    """The tree of an annotation that is written as text; None: it is no expression."""
    tree = parse("annotation", f"({text}\n)")
    if isinstance(tree, Finding) or len(tree.body) != 1:
        return None
    only = tree.body[0]
    return only.value if isinstance(only, ast.Expr) else None


def _measure(path: str, tree: ast.Module) -> int | Finding:
    """How many nodes there are, if there are not too many one below the other, or altogether."""
    level: list[tuple[ast.AST, int]] = [(tree, 1)]
    nodes = 0
    for _ in range(DEEPEST):
        nodes += len(level)
        if nodes > MOST_NODES:
            return _too_large(path, f"it has more than {MOST_NODES} nodes of syntax")
        level = [
            (child, getattr(child, "lineno", line))
            for node, line in level
            for child in ast.iter_child_nodes(node)
        ]
        if not level:
            return nodes
    return _too_deep(path, level[0][1])


def _too_deep(path: str, line: int | None) -> Finding:
    return _fault(path, line, f"it is nested deeper than {DEEPEST} levels; divide it")


def _too_large(path: str, reason: str) -> Finding:
    message = f"The code is too large to be read: {reason}; divide it, or keep data elsewhere."
    return Finding(rule=Rule.TOO_LARGE, message=message, path=path)


def _fault(path: str, line: int | None, reason: str) -> Finding:
    return Finding(
        rule=Rule.SYNTAX, message=f"The module is no Python: {reason}.", path=path, line=line
    )
