"""What an expression reads and calls, from its text alone: for checking it before it ever runs.

It follows expressions that the engine compiles and does not judge others. Whatever is in doubt is
left out.
"""

from __future__ import annotations

from dataclasses import dataclass

from alga_workflows_core.expressions import limits
from alga_workflows_core.expressions.library import LIBRARY
from alga_workflows_core.expressions.places import Path
from alga_workflows_core.expressions.reader import Reader, Unfollowed

__all__ = ["LIBRARY", "Call", "Read", "Reads", "reads_of"]


@dataclass(frozen=True, slots=True)
class Read:
    """A place in the context that the expression names: `("payload", "client", "id")`.

    `position` is the offset in the text of the path's first name. An index or a predicate leaves
    no trace in the path, as a path of JSONata goes through lists: `payload.items[0].name` is
    `("payload", "items", "name")`, and `payload.items[price > 5]` reads
    `("payload", "items", "price")`. `asked`: the expression knows that nothing may be there, as
    the path is a whole argument of `$exists` or `$coalesce`, or stands before `??` or `?:`.
    """

    path: tuple[str, ...]
    position: int
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A function called by its name: `$count(…)`, or `count(…)`, which has no `dollar`.

    `position` is the offset in the text of the name or its dollar sign.
    """

    name: str
    position: int
    dollar: bool


@dataclass(frozen=True, slots=True)
class Reads:
    """What an expression reads and calls, each in the order of the text.

    `reads` are the longest paths from the root that are certain: not those through a variable, a
    function's parameter or its result, nor below a wildcard. `calls` are the functions called by
    name; names that the expression binds anywhere are left out. `whole_context` is True if it may
    read anything of the root besides, as `*`, `**`, `$`, `$$`, `%` and `@` do. `unbound` are the
    variables read, not called, that the expression binds nowhere and the library does not hold.
    """

    reads: tuple[Read, ...]
    calls: tuple[Call, ...]
    whole_context: bool
    unbound: tuple[Call, ...]


def reads_of(text: str) -> Reads | None:
    """What `text` reads and calls; None if it cannot be followed, as all that is no expression.

    Never raises; takes time in proportion to the text. An answer for text that the engine does not
    compile means nothing.
    """
    if len(text) > limits.MAX_EXPRESSION_LENGTH:
        return None
    try:
        found = Reader(text).found()
    except (Unfollowed, RecursionError):
        return None
    bound = found.bound
    explained = bound | LIBRARY if bound else LIBRARY
    return Reads(
        tuple(Read(*each, each in found.asked) for each in sorted(found.reads, key=_position)),
        tuple(Call(*call) for call in found.calls if call[0] not in bound or not call[2]),
        found.whole or (found.aliased and found.indirect),
        tuple(Call(*variable) for variable in found.variables if variable[0] not in explained),
    )


def _position(path: Path) -> int:
    return path[1]
