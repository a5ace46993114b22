"""What expressions can see, and the values that are made of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from alga_workflows_core.definition import paths
from alga_workflows_core.errors import Category, ErrorInfo
from alga_workflows_core.expressions import engine
from alga_workflows_core.interpreter.effects import StepError
from alga_workflows_core.interpreter.sizes import MAX_CARRIED_BYTES, check_size, encoded_size
from alga_workflows_core.types.json import Json, JsonObject


@dataclass(slots=True, kw_only=True)
class Scope:
    """One context everywhere: `payload` (read-only), `vars`, `meta`, `system`.

    `vars` is replaced as a whole by assignments and never changed in place, so that values handed
    out earlier stay what they were.
    """

    payload: Json
    system: JsonObject
    sources: engine.Sources
    vars: JsonObject = field(default_factory=dict[str, Json])
    meta: JsonObject = field(default_factory=dict[str, Json])
    _payload_size: int = field(init=False)
    _sizes: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self._payload_size = encoded_size(self.payload)
        self._sizes = {name: encoded_size(value) for name, value in self.vars.items()}

    def assign(self, path: str, value: Json, step: str) -> None:
        """Set the variable at `path`. StepError `SIZE_LIMIT` if the run would carry too much."""
        changed = paths.assign(self.vars, path, value)
        name = path.split(".")[1]
        sizes = {**self._sizes, name: encoded_size(changed[name])}
        check_size(
            self._payload_size + sum(sizes.values()),
            limit=MAX_CARRIED_BYTES,
            what="The payload and the variables together",
            step=step,
        )
        self.vars, self._sizes = changed, sizes

    def resolve(self, value: Json, step: str) -> Json:
        """`value` with every `$expr` replaced by its result. StepError names `step`."""
        if isinstance(value, dict):
            members = cast("JsonObject", value)
            if members.keys() == {"$expr"}:
                return self._evaluate(members["$expr"], step)
            return {name: self.resolve(member, step) for name, member in members.items()}
        if isinstance(value, list):
            return [self.resolve(item, step) for item in cast("list[Json]", value)]
        return value

    def condition(self, value: Json, step: str) -> bool:
        """`value` as true or false; undefined is false, anything else is an error."""
        if isinstance(value, dict) and cast("JsonObject", value).keys() == {"$expr"}:
            try:
                text = cast("str", value["$expr"])
                return engine.evaluate_condition(text, self._context(), self.sources)
            except engine.ExpressionError as error:
                raise _as_step_error(error, step) from error
        if isinstance(value, bool):
            return value
        raise StepError(
            ErrorInfo(
                code="CONDITION_NOT_BOOLEAN",
                category=Category.EXPRESSION,
                message="The condition is neither true nor false.",
                step=step,
            )
        )

    def _evaluate(self, text: str, step: str) -> Json:
        try:
            return engine.evaluate(text, self._context(), self.sources)
        except engine.ExpressionError as error:
            raise _as_step_error(error, step) from error

    def _context(self) -> JsonObject:
        return {
            "payload": self.payload,
            "vars": self.vars,
            "meta": self.meta,
            "system": self.system,
        }


def _as_step_error(error: engine.ExpressionError, step: str) -> StepError:
    return StepError(
        ErrorInfo(
            code=error.error_code,
            category=Category.EXPRESSION,
            message=error.message,
            details=error.details or None,
            step=step,
        )
    )
