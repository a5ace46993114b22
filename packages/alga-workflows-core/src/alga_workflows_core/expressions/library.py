"""The functions that an expression may call, by name: the engine's own and those of the project."""

from __future__ import annotations

from typing import Final

from alga_workflows_core.expressions.functions import OWN_FUNCTIONS

_OF_THE_ENGINE: Final = frozenset(
    [
        "abs",
        "append",
        "assert",
        "average",
        "base64decode",
        "base64encode",
        "boolean",
        "ceil",
        "contains",
        "count",
        "decodeUrl",
        "decodeUrlComponent",
        "distinct",
        "each",
        "encodeUrl",
        "encodeUrlComponent",
        "error",
        "exists",
        "filter",
        "floor",
        "formatBase",
        "formatInteger",
        "formatNumber",
        "fromMillis",
        "join",
        "keys",
        "length",
        "lookup",
        "lowercase",
        "map",
        "match",
        "max",
        "merge",
        "millis",
        "min",
        "not",
        "now",
        "number",
        "pad",
        "parseInteger",
        "power",
        "reduce",
        "replace",
        "reverse",
        "round",
        "shuffle",
        "sift",
        "single",
        "sort",
        "split",
        "spread",
        "sqrt",
        "string",
        "substring",
        "substringAfter",
        "substringBefore",
        "sum",
        "toMillis",
        "trim",
        "type",
        "uppercase",
        "zip",
    ]
)

LIBRARY: Final = _OF_THE_ENGINE | OWN_FUNCTIONS
"""The names, without the dollar sign, of all functions that an expression may call."""

# Called with fewer arguments, these take the context for the first one. All others that do want
# a text or a number, which the root of the context never is.
ARGUMENTS_WITHOUT_CONTEXT: Final = {
    "boolean": 1,
    "each": 2,
    "keys": 1,
    "lookup": 2,
    "not": 1,
    "sift": 2,
    "spread": 1,
    "string": 1,
}
