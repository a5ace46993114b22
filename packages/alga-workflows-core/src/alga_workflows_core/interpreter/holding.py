"""A step's node and what it holds: every value of any size is put there, and taken away, here."""

from __future__ import annotations

from alga_workflows_core.errors import ErrorInfo
from alga_workflows_core.interpreter import outcome as outcomes
from alga_workflows_core.interpreter.catching import shortened
from alga_workflows_core.interpreter.effects import StepError
from alga_workflows_core.interpreter.load import Load, Share
from alga_workflows_core.interpreter.outcome import Cancelled, Failed, Outcome, Returned
from alga_workflows_core.interpreter.weighing import (
    HELD,
    held_weight,
    member_weight,
    node_weight,
    step_room,
)
from alga_workflows_core.types.json import Json, JsonObject


class Holding:
    """The node of the step at the path `step`, with its share of what the run carries.

    Everything is freed when the step has ended (`share.free`).
    """

    __slots__ = ("_sizes", "node", "share", "step")

    def __init__(self, node: JsonObject, share: Share, step: str) -> None:
        self.node = node
        self.share = share
        self.step = step
        self._sizes = {name: held_weight(name, node[name]) for name in HELD if name in node}

    @classmethod
    def new(cls, node: JsonObject, load: Load, step: str) -> Holding:
        """That of a node which weighs nothing yet."""
        return cls(node, Share(load), step)

    @classmethod
    def of(cls, node: JsonObject, load: Load, step: str) -> Holding:
        """That of a node which the run carries already."""
        return cls(node, Share(load, node_weight(node)), step)

    def begin(self, kind: str) -> None:
        """A step of this type begins. StepError `SIZE_LIMIT` if it has no room."""
        self.share.place(step_room(kind), self.step)

    def inside(self, name: str) -> Holding:
        """A node of its own inside this one, whose weight is this step's."""
        return Holding(self.node.setdefault(name, {}), self.share, self.step)

    def keep(self, values: JsonObject, *, places: bool = False) -> None:
        """Put members of `HELD` that are not there into the node, all or none.

        StepError `SIZE_LIMIT` if that is too much. `places`: they say where the run stands.
        """
        sizes = {name: held_weight(name, value) for name, value in values.items()}
        grow = self.share.place if places else self.share.grow
        grow(sum(sizes.values()), self.step)
        self._sizes.update(sizes)
        self.node.update(values)

    def move_in(self, name: str, value: Json) -> None:
        """Put what the run has carried elsewhere until now, with at least this weight."""
        self._sizes[name] = held_weight(name, value)
        self.share.take(self._sizes[name])
        self.node[name] = value

    def put(self, name: str, key: str, value: Json) -> None:
        """Put one member more into an object that is held. StepError `SIZE_LIMIT`."""
        container: JsonObject = self.node[name]
        size = member_weight(container, key, value)
        self.share.grow(size, self.step)
        self._sizes[name] += size
        container[key] = value

    def keep_error(self, name: str, error: ErrorInfo) -> ErrorInfo:
        """Keep an error, a shortened one if there is no room for it whole; that which is kept."""
        whole = held_weight(name, error.as_json())
        kept = error if self.share.load.fits(whole) else shortened(error)
        self.move_in(name, kept.as_json())
        return kept

    def keep_outcome(self, outcome: Outcome) -> Outcome:
        """Keep an outcome as `out`; that which is kept.

        An error may be shortened. The value that the run is to end with is replaced by
        `SIZE_LIMIT` if there is no room for it.
        """
        self.drop("out")
        value = outcomes.as_json(outcome)
        try:
            self.share.grow(held_weight("out", value), self.step)
        except StepError as failure:
            outcome = _smaller(outcome, failure.info)
            value = outcomes.as_json(outcome)
        else:
            self._sizes["out"] = held_weight("out", value)
        self.node["out"] = value
        return outcome

    def drop(self, *names: str) -> None:
        """Take members out of the node, those that are there."""
        for name in names:
            self.node.pop(name, None)
            self.share.take(-self._sizes.pop(name, 0))


def _smaller(outcome: Outcome, failure: ErrorInfo) -> Outcome:
    match outcome:
        case Failed(error):
            return Failed(shortened(error))
        case Cancelled(reason):
            return Cancelled(shortened(reason))
        case Returned() | _:
            return Failed(shortened(failure))
