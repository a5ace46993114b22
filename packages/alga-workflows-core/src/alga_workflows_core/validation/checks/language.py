"""Expressions: do they compile, and is all that they name there?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from alga_workflows_core.expressions import engine
from alga_workflows_core.expressions.errors import shortened
from alga_workflows_core.interpreter.system import SYSTEM_FIELDS
from alga_workflows_core.types.faults import quoted
from alga_workflows_core.types.suggest import did_you_mean
from alga_workflows_core.validation.expressions import ReadExpression
from alga_workflows_core.validation.findings import Code, Finding, Severity, error, warning
from alga_workflows_core.validation.subject import Subject
from alga_workflows_core.validation.visits import LOOP_NAMES

_SHOWN = 290
_ENOUGH = 200  # More errors than this are never told.
_CONSTANTS = ("true", "false", "null")
_FUNCTIONS = sorted(f"${name}" for name in engine.LIBRARY)
_ALL_FUNCTIONS = "There are those of JSONata, $nowIso, $uuid, $coalesce, $len and $toString."
_REFUSED: Mapping[str, str] = MappingProxyType(
    {"eval": "Text is never run as an expression; write the expression itself."}
)

_HINTS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(LOOP_NAMES, "It is seen inside a control.forEach only."),
        "error": "It is seen in the catch of a control.tryCatch only.",
        "event": "It is seen where an event, or an answer, is assigned or mapped only.",
        **dict.fromkeys(
            ("outcome", "result"), "It is seen in the inputMapping of a compensate only."
        ),
        "payload": "There is no run yet; what the event brings is `event.payload`.",
        **dict.fromkeys(("vars", "meta"), "There is no run yet that could have any."),
        **dict.fromkeys(
            ("undefined", "None", "nil"), "$exists(…) asks whether something is there; or use null."
        ),
    }
)
"""What is said of names that are seen elsewhere, or in other languages."""


def check(subject: Subject) -> Iterator[Finding]:
    """What is wrong with expressions."""
    errors = 0
    for expression in subject.expressions:
        for finding in _check(expression):
            yield finding
            errors += finding.severity is Severity.ERROR
        if errors >= _ENOUGH:
            return


def _check(expression: ReadExpression) -> Iterator[Finding]:
    if expression.fault is not None:
        message = shortened(expression.fault.message.rstrip("."), _SHOWN)
        where = expression.here
        yield error(Code.EXPRESSION_SYNTAX, where, f"{message}.", expression.fault.remedy)
    elif expression.reads is not None:
        yield from _names(expression, expression.reads.reads)
        yield from _functions(expression, expression.reads.calls)
        yield from _variables(expression, expression.reads.unbound)


def _names(expression: ReadExpression, reads: Iterable[engine.Read]) -> Iterator[Finding]:
    told: set[str] = set()
    for read in reads:
        root, *inner = read.path
        name, suggestion = root, None
        if root not in expression.names:
            suggestion = _instead_of(read, expression.names)
        elif root == "system" and inner and inner[0] not in SYSTEM_FIELDS:
            name = f"system.{inner[0]}"
            suggestion = did_you_mean(inner[0], SYSTEM_FIELDS) or _listed("It has", SYSTEM_FIELDS)
        if suggestion is not None and name not in told:
            told.add(name)
            yield error(
                Code.EXPRESSION_NAME_UNKNOWN,
                expression.here,
                f"There is no {quoted(name)} for an expression to read here.",
                suggestion,
            )


def _instead_of(read: engine.Read, names: frozenset[str]) -> str:
    """What to do about a read whose first name is not one of `names`."""
    root = read.path[0]
    suggestion = _HINTS.get(root) or did_you_mean(root, [*sorted(names), *_CONSTANTS])
    if suggestion is None and len(read.path) == 1:
        return f"Text stands in quotes; the names here are {', '.join(sorted(names))}."
    return suggestion or _listed("The names here are", names)


def _functions(expression: ReadExpression, calls: Iterable[engine.Call]) -> Iterator[Finding]:
    for name, dollar in dict.fromkeys((call.name, call.dollar) for call in calls):
        if dollar and name in engine.LIBRARY:
            continue
        if dollar:
            message = f"There is no function {quoted(f'${name}')}."
        else:
            message = f"{quoted(name)} is called, but the names of functions begin with a $."
        suggestion = _REFUSED.get(name) or did_you_mean(f"${name}", _FUNCTIONS) or _ALL_FUNCTIONS
        yield error(Code.EXPRESSION_FUNCTION_UNKNOWN, expression.here, message, suggestion)


def _variables(expression: ReadExpression, unbound: Iterable[engine.Call]) -> Iterator[Finding]:
    for name in dict.fromkeys(variable.name for variable in unbound):
        yield warning(
            Code.EXPRESSION_VARIABLE_UNBOUND,
            expression.here,
            f"Nothing in the expression binds {quoted(f'${name}')}, so it is undefined.",
            f"Did you mean {name!r}? Names of the context have no dollar sign."
            if name in expression.names
            else "Bind it with :=, or name a place of the context, which has no dollar sign.",
        )


def _listed(begin: str, names: Iterable[str]) -> str:
    return f"{begin} {', '.join(sorted(names))}."
