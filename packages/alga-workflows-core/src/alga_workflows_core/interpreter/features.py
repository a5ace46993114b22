"""What of the grammar the interpreter runs; the rest is refused before it is published."""

from __future__ import annotations

FEATURES = frozenset(
    {
        "payloadSchema",
        "action.call",
        "action.call.inputMapping",
        "action.call.saveAs",
        "control.if",
        "control.if.else",
        "control.return",
        "control.return.value",
        "transform.assign",
    }
)
"""Types of steps, each with the fields that it has to have, and fields that may be left out, as
`validation.checks.support.Feature` names them.
"""
