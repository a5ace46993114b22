"""What expressions can see, and the values that are made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import InitVar, dataclass, field, replace
from typing import cast

from alga_workflows_core.errors import Category, ErrorInfo
from alga_workflows_core.expressions import engine
from alga_workflows_core.interpreter import resolution
from alga_workflows_core.interpreter.effects import StepError
from alga_workflows_core.interpreter.load import Load, Share
from alga_workflows_core.interpreter.resolution import ResolvedInput
from alga_workflows_core.interpreter.sizes import encoded_size
from alga_workflows_core.interpreter.variables import Variables
from alga_workflows_core.types.json import Json, JsonObject


@dataclass(slots=True)
class _Place:
    """Where all views of one scope find its variables."""

    variables: Variables
    share: Share


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scope:
    """One context everywhere: `payload` (read-only), `vars`, `meta`, `system`, and `names`.

    `names` are those of enclosing loops, in a catch `error`, in a mapping `event`: derived while
    walking down, never stored. None of them hides the four. `initial` is what `vars` starts with;
    what it has become is `variables`. `load`: what the run carries, payload and variables included;
    without one these are all. Nobody changes a value that a scope was given or hands out,
    so values handed out earlier stay what they were.
    """

    payload: Json
    system: JsonObject
    sources: engine.Sources
    meta: JsonObject = field(default_factory=dict[str, Json])
    names: Mapping[str, Json] = field(default_factory=dict[str, Json])
    initial: InitVar[Variables | None] = None
    load: InitVar[Load | None] = None
    _place: _Place | None = None

    def __post_init__(self, initial: Variables | None, load: Load | None) -> None:
        if self._place is None:
            variables = initial or Variables()
            load = load or Load(encoded_size(self.payload) + variables.weight)
            place = _Place(variables, Share(load, variables.weight))
            object.__setattr__(self, "_place", place)

    @property
    def variables(self) -> Variables:
        """The variables as they are now."""
        return self._held.variables

    @property
    def vars(self) -> JsonObject:
        """What expressions see as `vars`."""
        return self.variables.values

    def with_names(self, names: Mapping[str, Json]) -> Scope:
        """This scope with `names` besides; they hide those of the same name that it has already.

        The variables are the same ones: what is assigned through either is seen through both.
        """
        return replace(self, names={**self.names, **names})

    def branch(self, writes: Sequence[Json] = ()) -> Scope:
        """A scope with a copy of the variables, whose writes are its own until it is joined.

        `writes`: what it has written already, and the run carries, as `Variables.as_json` has them.
        """
        variables = Variables.from_json({"writes": writes}, self.variables)
        share = Share(self._held.share.load, variables.weight)
        return replace(self, _place=_Place(variables, share))

    def free(self) -> None:
        """A branch is over: what it wrote is not carried any more, as its own at least."""
        self._held.share.free()

    def join(self, branches: Sequence[Scope], step: str) -> None:
        """Carry out what was written in `branches`, in their order, never that of completion.

        A branch that is left out leaves no trace. StepError `SIZE_LIMIT` if the run would carry
        too much; nothing is written then.
        """
        self._set(self.variables.join([branch.variables for branch in branches]), step)

    def assign(self, path: str, value: Json, step: str) -> None:
        """Set the variable at `path`. StepError `SIZE_LIMIT` if the run would carry too much."""
        self._set(self.variables.assign(path, value), step)

    def resolve(self, value: Json, step: str) -> Json:
        """`value` with every `$expr` replaced by its result. StepError names `step`.

        What holds no expression is answered as it is, not copied. A reference to a secret is
        refused.
        """
        return resolution.resolve(value, lambda text: self._evaluate(text, step), step)

    def resolve_input(self, mapping: Json, step: str) -> ResolvedInput:
        """The input of an action, all new, with the secrets it names beside it, not in it."""
        return resolution.resolve_input(mapping, lambda text: self._evaluate(text, step), step)

    def condition(self, value: Json, step: str) -> bool:
        """`value` as true or false; undefined is false, anything else is an error."""
        text = resolution.expression_in(value, step)
        if text is not None:
            try:
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

    def items(self, value: Json, step: str) -> list[Json]:
        """`value` as the items of a loop; undefined and null are none, any other value is one."""
        text = resolution.expression_in(value, step)
        if text is None:
            found = self.resolve(value, step)
            return cast("list[Json]", found)
        try:
            return engine.evaluate_items(text, self._context(), self.sources)
        except engine.ExpressionError as error:
            raise _as_step_error(error, step) from error

    @property
    def _held(self) -> _Place:
        return cast("_Place", self._place)

    def _set(self, variables: Variables, step: str) -> None:
        held = self._held
        held.share.grow(variables.weight - held.variables.weight, step)
        held.variables = variables

    def _evaluate(self, text: str, step: str) -> Json:
        try:
            return engine.evaluate(text, self._context(), self.sources)
        except engine.ExpressionError as error:
            raise _as_step_error(error, step) from error

    def _context(self) -> JsonObject:
        return {
            **self.names,
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
