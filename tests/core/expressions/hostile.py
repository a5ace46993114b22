"""What expressions of hostile size do, each measured in a process of its own, within 4 GiB.

`python -m tests.core.expressions.hostile` prints the table of docs/reference/expressions.md; with
`--short` only what ends within a second or so.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alga_workflows_core.expressions.engine import ExpressionError, Sources, evaluate

ROOT = Path(__file__).parents[3]
MEMORY = 4 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An expression over `context()`, and the kind of value or the code that it ends with."""

    name: str
    expression: str
    outcome: str
    context: Callable[[], dict[str, Any]] = dict
    short: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """How a case went: wall time, growth of the process's largest size, and what came out."""

    seconds: float
    mebibytes: int
    outcome: str


def deep() -> dict[str, Any]:
    value: Any = 1
    for _ in range(50_000):
        value = {"a": value}
    return {"x": value}


def doubled(levels: int) -> str:
    return (
        "($f := function($s, $n) { $n = 0 ? $s : $f({'a': $s, 'b': $s}, $n - 1) }; "
        f"$f('x', {levels}))"
    )


def records(count: int) -> dict[str, Any]:
    return {"x": [{"id": number, "name": "b" * 100} for number in range(count)]}


GROWN = "($f := function($n, $a) { $n = 0 ? $a : $f($n - 1, $a & $a) }; $length($f(40, '0123456')))"
REPEATED = "($z := x & '!'; $map([1..20000], function($i) { $z }))"
RECURSIVE = "($f := function() { 1 + $f() }; $f())"
ENDLESS = "($f := function() { $f() }; $f())"
APPENDED = "$reduce(x, function($a, $b) { $append($a, $b) })"

LIMIT, TIMEOUT, FAILED = "EXPRESSION_LIMIT", "EXPRESSION_TIMEOUT", "EXPRESSION_FAILED"

CASES = [
    Case(name="a huge range", expression="$count([1..9999999])", outcome=LIMIT),
    Case(name="ranges times ranges", expression="[1..20000].[1..20000]", outcome=TIMEOUT),
    Case(name="`$pad` to 2,000,000,000", expression="$pad('x', 2e9)", outcome=LIMIT),
    Case(name="a text doubled 40 times", expression=GROWN, outcome=TIMEOUT, short=False),
    Case(name="an object doubled 17 times", expression=doubled(17), outcome=LIMIT),
    Case(name="an object doubled 20 times", expression=doubled(20), outcome=LIMIT, short=False),
    Case(name="an object doubled 22 times", expression=doubled(22), outcome=LIMIT, short=False),
    Case(name="deep recursion", expression=RECURSIVE, outcome=LIMIT),
    Case(name="endless tail recursion", expression=ENDLESS, outcome=TIMEOUT),
    Case(
        name="`$append` in `$reduce`, 20,000 items",
        expression=APPENDED,
        context=lambda: {"x": list(range(20_000))},
        outcome=TIMEOUT,
    ),
    Case(name="data 50,000 deep, as the result", expression="x", context=deep, outcome=LIMIT),
    Case(
        name="data 50,000 deep, `$string`",
        expression="$length($string(x))",
        context=deep,
        outcome="number",
    ),
    Case(name="data 50,000 deep, `**`", expression="**", context=deep, outcome=LIMIT, short=False),
    Case(name="a sum of 3,000 terms", expression="1" + "+1" * 3_000, outcome=LIMIT),
    Case(name="4,000 parentheses", expression="(" * 4_000 + "1" + ")" * 4_000, outcome=LIMIT),
    Case(
        name="`/(a+)+$/` on 100,000 characters",
        expression="$exists($match(x, /(a+)+$/))",
        context=lambda: {"x": "a" * 100_000 + "b"},
        outcome="boolean",
    ),
    Case(
        name="a regular expression of a billion states",
        expression="$contains('x', /a{1000}{1000}{1000}/)",
        outcome=FAILED,
    ),
    Case(
        name="`$distinct`, 100,000 numbers",
        expression="$distinct(x)",
        context=lambda: {"x": list(range(100_000))},
        outcome=LIMIT,
    ),
    Case(
        name="`$distinct`, 20,000 objects",
        expression="$count($distinct(x))",
        context=lambda: records(20_000),
        outcome="number",
    ),
    Case(
        name="`$keys`, 100,000 objects, all keys different",
        expression="$keys(x)",
        context=lambda: {"x": [{f"a{number}": 1} for number in range(100_000)]},
        outcome=LIMIT,
    ),
    Case(
        name="`$map(x, $keys)`, one list of 20,000 such objects",
        expression="$map([[x]], $keys)",
        context=lambda: {"x": [{f"a{number}": 1} for number in range(20_000)]},
        outcome="list",
        short=False,
    ),
    Case(
        name="`$string`, 20 MiB of objects",
        expression="$string(x)",
        context=lambda: records(180_000),
        outcome=LIMIT,
    ),
    Case(
        name="`$join`, 100,000 items, separator of 100 kB",
        expression="$join(x, y)",
        context=lambda: {"x": ["a"] * 100_000, "y": "b" * 100_000},
        outcome=LIMIT,
    ),
    Case(
        name="`$join`, 500 items of 1 MB",
        expression="$length($join($map([1..500], function($i) { x })))",
        context=lambda: {"x": "a" * 1_000_000},
        outcome=LIMIT,
    ),
    Case(
        name="`$replace`, 100,000 matches with 100 kB each",
        expression="$replace(x, 'a', y)",
        context=lambda: {"x": "a" * 100_000, "y": "b" * 100_000},
        outcome=LIMIT,
    ),
    Case(
        name="`$split`, 1,000,000 characters",
        expression="$count($split(x, ''))",
        context=lambda: {"x": "a" * 1_000_000},
        outcome="number",
    ),
    Case(
        name="`$zip`, three times 1,000,000 items",
        expression="$zip(x, x, x)",
        context=lambda: {"x": list(range(1_000_000))},
        outcome=LIMIT,
        short=False,
    ),
    Case(
        name="a join of 1,000 with 1,000 items, `x@$a.x@$b`",
        expression="x@$a.x@$b.{'s': $a + $b}",
        context=lambda: {"x": list(range(1_000))},
        outcome=TIMEOUT,
        short=False,
    ),
    Case(
        name="20,000 times a made text of 30 kB",
        expression=REPEATED,
        context=lambda: {"x": "a" * 30_000},
        outcome=LIMIT,
        short=False,
    ),
    Case(
        name="20,000 times a made text of 1 MB",
        expression=REPEATED,
        context=lambda: {"x": "a" * 1_000_000},
        outcome=FAILED,
        short=False,
    ),
    Case(
        name="Infinity with an exponent",
        expression="$formatNumber(1/0, '0e0')",
        outcome="EXPRESSION_TYPE",
    ),
    Case(
        name="Infinity in words", expression="$formatInteger(1/0, 'w')", outcome="EXPRESSION_TYPE"
    ),
]


def measured(case: Case) -> Measured:
    """`case`, evaluated once in a new process; the outcome says so if that process died."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.core.expressions.hostile", "--one", case.name],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        return Measured(seconds=0, mebibytes=0, outcome=f"died ({done.returncode})")
    return Measured(**json.loads(done.stdout))


def largest() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def run(case: Case) -> Measured:
    """`case`, evaluated in this process, which it may end."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    context = case.context()
    sources = Sources(now=lambda: datetime(2026, 3, 1, tzinfo=UTC), random=lambda: 0.5)
    before, begun = largest(), time.perf_counter()
    try:
        outcome = kind(evaluate(case.expression, context, sources))
    except ExpressionError as error:
        outcome = error.error_code
    except MemoryError:
        outcome = "MemoryError"
    seconds = time.perf_counter() - begun
    return Measured(seconds=seconds, mebibytes=largest() - before, outcome=outcome)


def kind(value: object) -> str:
    """The name of the kind of `value`, for the table."""
    names = {"bool": "boolean", "int": "number", "float": "number", "str": "text"}
    return names.get(type(value).__name__, type(value).__name__)


def row(case: Case, found: Measured) -> str:
    """`case` as a row of the table in the documentation."""
    ends = f"`{found.outcome}`" if found.outcome.startswith("EXPRESSION_") else found.outcome
    return f"| {case.name} | {ends} | {found.seconds:.2f} s | {found.mebibytes} MiB |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure expressions of hostile size.")
    parser.add_argument("--short", action="store_true", help="only what ends within a second")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one is not None:
        case = next(case for case in CASES if case.name == arguments.one)
        found = run(case)
        sys.stdout.write(
            json.dumps(
                {
                    "seconds": found.seconds,
                    "mebibytes": found.mebibytes,
                    "outcome": found.outcome,
                }
            )
        )
        return
    sys.stdout.write("| expression | ends with | time | memory |\n|---|---|---:|---:|\n")
    for case in CASES:
        if case.short or not arguments.short:
            sys.stdout.write(row(case, measured(case)) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
