"""Values of a document made into data: literals stay, expressions become results.

Whether something is an expression or a reference to a secret is decided by the document alone.
Payloads, variables and results of expressions are data, whatever they look like: they are never
looked into. So that this stays true behind the interpreter, a resolved input holds null where the
document names a secret, and says beside it (by JSON Pointer) which one belongs there: a payload
that holds `{"$secret": "ADMIN_KEY"}` arrives at the action as just that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from alga_workflows_core.errors import Category, ErrorInfo
from alga_workflows_core.interpreter.effects import StepError
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.pointers import pointer

Evaluate = Callable[[str], Json]
"""The result of an expression; StepError if it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedInput:
    """An action's input, and the secrets that belong into it: JSON Pointer to name.

    Each pointer leads to a null in `value`. Whoever opens a secret puts it there and nowhere else.
    """

    value: Json
    secrets: Mapping[str, str]


def expression_in(value: Json, step: str) -> str | None:
    """The text of the expression that `value` is; None if it is a literal.

    StepError `SECRET_NOT_ALLOWED` for a reference to a secret, `VALUE_MALFORMED` for a `$expr` that
    does not stand alone with a text.
    """
    if not isinstance(value, dict):
        return None
    members = cast("JsonObject", value)
    if "$expr" in members:
        return _only_text(members, "$expr", step)
    if "$secret" in members:
        raise _refusal(
            "SECRET_NOT_ALLOWED",
            "A reference to a secret may stand in the input of an action only.",
            step,
        )
    return None


def resolve(value: Json, evaluate: Evaluate, step: str) -> Json:
    """`value` with every `$expr` in it replaced by its result.

    What holds no expression is answered as it is, not copied: documents are never changed, nor is
    what was made of them. StepError of an expression, or of `expression_in`.
    """
    if isinstance(value, list):
        return _resolved_list(cast("list[Json]", value), evaluate, step)
    if not isinstance(value, dict):
        return value
    text = expression_in(value, step)
    if text is not None:
        return evaluate(text)
    members = cast("JsonObject", value)
    changed: JsonObject | None = None
    for name, member in members.items():
        made = resolve(member, evaluate, step)
        if made is not member:
            changed = dict(members) if changed is None else changed
            changed[name] = made
    return members if changed is None else changed


def resolve_input(value: Json, evaluate: Evaluate, step: str) -> ResolvedInput:
    """`value` with every `$expr` replaced by its result and every `$secret` by null.

    The lists and objects of the result are new: actions are other people's code, and one that
    changes its input must not change the document. StepError of an expression, or
    `VALUE_MALFORMED` for a `$expr` or `$secret` that does not stand alone with a text.
    """
    secrets: dict[str, str] = {}

    def made(value: Json, here: str) -> Json:
        if isinstance(value, list):
            items = cast("list[Json]", value)
            return [made(item, here + pointer(index)) for index, item in enumerate(items)]
        if not isinstance(value, dict):
            return value
        members = cast("JsonObject", value)
        if "$expr" in members:
            return evaluate(_only_text(members, "$expr", step))
        if "$secret" in members:
            secrets[here] = _only_text(members, "$secret", step)
            return None
        return {name: made(member, here + pointer(name)) for name, member in members.items()}

    return ResolvedInput(value=made(value, ""), secrets=secrets)


def _resolved_list(items: list[Json], evaluate: Evaluate, step: str) -> list[Json]:
    made = [resolve(item, evaluate, step) for item in items]
    same = all(new is old for new, old in zip(made, items, strict=True))
    return items if same else made


def _only_text(members: JsonObject, name: str, step: str) -> str:
    text = members[name]
    if len(members) == 1 and isinstance(text, str):
        return text
    raise _refusal(
        "VALUE_MALFORMED", f"`{name}` has to stand alone in its object and to be text.", step
    )


def _refusal(code: str, message: str, step: str) -> StepError:
    return StepError(ErrorInfo(code=code, category=Category.VALIDATION, message=message, step=step))
