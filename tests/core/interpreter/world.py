"""A world for the interpreter: a clock that moves when asked, actions by name, facts in a list."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from alga_workflows_core.definition.document import parse_definition
from alga_workflows_core.errors import Category, ErrorInfo
from alga_workflows_core.interpreter.effects import ActionCall, StepError
from alga_workflows_core.interpreter.facts import Fact
from alga_workflows_core.interpreter.finishing import Finished
from alga_workflows_core.interpreter.run import Run
from alga_workflows_core.interpreter.waits import Closing, Wait

BEGAN = datetime(2030, 1, 1, 12, tzinfo=UTC)

Handler = Callable[[dict[str, Any]], Any]


def _echo(given: dict[str, Any]) -> Any:
    return given


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """An action that has ended at once."""

    output: Any = None
    error: ErrorInfo | None = None
    done: bool = True
    unknown: bool = False

    def cancel(self) -> None:
        """It is over."""


class World:
    """Effects in memory. Each action takes a second; `echo` answers its input, `fail` fails."""

    def __init__(self, handlers: dict[str, Handler] | None = None) -> None:
        self.handlers: dict[str, Handler] = {"echo": _echo, **(handlers or {})}
        self.facts: list[Fact] = []
        self.calls: list[ActionCall] = []
        self.cursors: list[dict[str, Any]] = []
        self._texts: list[str] = []
        self._handed: list[tuple[Any, Any]] = []
        self._now = BEGAN
        self._chance = Random(7)  # noqa: S311 - repeatable is the point
        self.interpreter: Run | None = None

    def now(self) -> datetime:
        return self._now

    def random(self) -> float:
        return self._chance.random()

    def observe(self, fact: Fact) -> None:
        self.facts.append(fact)
        self._texts.append(fact.model_dump_json(by_alias=True))

    async def safe_point(self) -> bool:
        return False

    async def wait_until(
        self,
        ready: Callable[[], bool],
        due: datetime | None,
        place: tuple[int, ...] = (),
        what: str | None = None,  # noqa: ARG002 - nothing waits here
    ) -> None:
        assert ready(), f"nothing happens before {due} at {place}"

    async def business_due(self, duration: str, calendar: str | None) -> datetime:
        raise AssertionError(f"there is no calendar {calendar} to count {duration} by")

    async def open_wait(self, wait: Wait) -> Any:
        raise AssertionError(f"nothing ends {wait.key}")

    async def close_wait(self, wait: Wait, closing: Closing) -> Any:
        raise AssertionError(f"{wait.key} is not open, so it cannot be {closing}")

    async def detach(self, wait: Wait) -> Any:
        raise AssertionError(f"there is no {wait.detail}")

    def start(self, call: ActionCall) -> Attempt:
        try:
            return Attempt(output=self._perform(call))
        except StepError as error:
            return Attempt(error=error.info)

    def _perform(self, call: ActionCall) -> Any:
        assert self.interpreter is not None
        # A run may be continued from here by another process: the cursor must survive as JSON.
        self.cursors.append(json.loads(json.dumps(self.interpreter.cursor, allow_nan=False)))
        self.calls.append(call)
        self._keep(call.input)
        self._now += timedelta(seconds=1)
        if call.action_id == "fail":
            raise StepError(
                ErrorInfo(
                    code="DESK_CLOSED",
                    category=Category.ACTION,
                    message="The desk is closed.",
                    details={"opens": "09:00"},
                    step=call.step,
                    attempt=3,
                )
            )
        output = self.handlers[call.action_id](call.input)
        self._keep(output)
        return output

    def _keep(self, value: Any) -> None:
        self._handed.append((value, copy.deepcopy(value)))

    def check_nothing_changed(self) -> None:
        """Every fact, input and output is still what it was when it was handed out."""
        assert [fact.model_dump_json(by_alias=True) for fact in self.facts] == self._texts
        for value, former in self._handed:
            assert value == former

    def told(self) -> list[tuple[str, ...]]:
        """The facts without their figures: kind and, of steps, path and status."""
        return [
            tuple(
                str(value)
                for name in ("kind", "path", "status")
                if (value := getattr(fact, name, None)) is not None
            )
            for fact in self.facts
        ]


async def walk(
    steps: list[dict[str, Any]],
    payload: Any = None,
    *,
    world: World | None = None,
    system: dict[str, Any] | None = None,
) -> tuple[Finished, World]:
    """Run `steps` to the end; how it finished, and the world that it was in."""
    world = world or World()
    definition = parse_definition({"id": "a", "name": "A", "steps": steps})
    before = definition.model_dump_json(by_alias=True)
    interpreter = Run(definition, payload=payload, system=system or {}, effects=world)
    world.interpreter = interpreter
    finished = await interpreter.run()
    assert isinstance(finished, Finished)
    assert definition.model_dump_json(by_alias=True) == before
    world.check_nothing_changed()
    return finished, world


def expression(text: str) -> dict[str, Any]:
    return {"$expr": text}


def assign(identity: str, **values: Any) -> dict[str, Any]:
    """A step that sets variables, in the order of the arguments."""
    members = {f"vars.{name.replace('__', '.')}": value for name, value in values.items()}
    return {"id": identity, "type": "transform.assign", "config": {"assign": members}}


def call(identity: str, action_id: str, given: Any, save_as: str | None = None) -> dict[str, Any]:
    """A step that calls an action."""
    config: dict[str, Any] = {"actionId": action_id, "version": 1, "inputMapping": given}
    if save_as is not None:
        config["saveAs"] = save_as
    return {"id": identity, "type": "action.call", "config": config}


def branch(
    identity: str,
    condition: Any,
    then: list[dict[str, Any]],
    otherwise: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """A `control.if`."""
    made = {"id": identity, "type": "control.if", "condition": condition, "then": then}
    return made if otherwise is None else {**made, "else": otherwise}


def give(value: Any, identity: str = "end") -> dict[str, Any]:
    """A `control.return`."""
    return {"id": identity, "type": "control.return", "value": value}
