"""What a settled run is written down as: other releases read it, so it changes with its format.

Each `states/<name>.yaml` is a definition, a script, and when the run is asked to settle; beside it
`<name>.json` is the state that it has then. `ALGA_REWRITE_STATES=1` writes those files anew: look
at what has changed, since runs that are under way hold the former.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from alga_workflows_core.definition.document import Definition, parse_definition
from alga_workflows_core.definition.source import read
from alga_workflows_core.interpreter.finishing import Finished
from alga_workflows_core.interpreter.outcome import Settled
from alga_workflows_core.interpreter.run import STATE_FORMAT, Run
from alga_workflows_core.simulation.clock import VirtualClock
from alga_workflows_core.simulation.script import Script, moment
from alga_workflows_core.simulation.simulate import START
from alga_workflows_core.simulation.trace import step_rows, wait_rows
from alga_workflows_core.simulation.world import SimulatedWorld
from alga_workflows_core.types.json import JsonObject

STATES = Path(__file__).parent / "states"
NAMES = sorted(path.stem for path in STATES.glob("*.yaml"))
REWRITE = os.environ.get("ALGA_REWRITE_STATES") == "1"


@dataclass(frozen=True, slots=True)
class Scene:
    """A file of `states`, read."""

    definition: Definition
    script: Script
    settle: datetime


def scene(name: str) -> Scene:
    """The scene with a name."""
    path = STATES / f"{name}.yaml"
    written: JsonObject = read(path.read_bytes(), name=path.name).document
    document = {"id": name, "name": written.pop("about")}
    script = Script.model_validate(written.pop("script"))
    at = moment(written.pop("settle"), START, "UTC")
    return Scene(parse_definition({**document, **written}), script, at)


class Stage:
    """A scene with its world, in which one run after the other may play."""

    def __init__(self, of: Scene) -> None:
        self._scene = of
        self.clock = VirtualClock(START)
        self.world = SimulatedWorld(of.script, self.clock)

    def run(self, state: JsonObject | None = None) -> Run:
        """A run that begins, or goes on from `state`."""
        run = Run(
            self._scene.definition,
            payload=self._scene.script.payload,
            system={"runId": "R"},
            effects=self.world,
            state=state,
        )
        self.world.run = run
        return run

    async def settled(self) -> Run:
        """The run, settled when the scene says."""
        run = self.run()
        self.clock.plan(self._scene.settle, run.settle)
        assert isinstance(await run.run(), Settled)
        assert self.clock.now == self._scene.settle
        return run

    async def ended(self, run: Run) -> dict[str, Any]:
        """All that can be said of the run when it has ended."""
        finished = await run.run()
        assert isinstance(finished, Finished)
        return {
            "finished": finished,
            "at": self.clock.now,
            "variables": run.scope.vars,
            "steps": step_rows(self.world.facts),
            "waits": wait_rows(self.world.facts),
            "facts": self.world.facts,
            "calls": self.world.calls,
        }


def golden(name: str) -> JsonObject:
    """The state that is kept for a scene."""
    return json.loads((STATES / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", NAMES)
def test_a_state_is_written_down_as_it_was(name: str) -> None:
    """To the last member; nothing in it is lost as JSON."""
    stage = Stage(scene(name))
    state = stage.clock.run(stage.settled()).settled_state()
    text = json.dumps(state, indent=2, allow_nan=False) + "\n"
    if REWRITE:
        (STATES / f"{name}.json").write_text(text, encoding="utf-8")
    assert json.loads(text) == state
    assert state == golden(name)
    assert state["format"] == STATE_FORMAT


@pytest.mark.parametrize("name", NAMES)
def test_a_state_goes_on_to_the_same_end(name: str) -> None:
    """In another run, as it was written down, and only once: facts, waits, calls and times."""
    stage = Stage(scene(name))
    whole = stage.clock.run(stage.ended(stage.run()))
    other = Stage(scene(name))

    async def both() -> dict[str, Any]:
        former = await other.settled()
        run = other.run(golden(name))
        assert run.status is former.status
        return await other.ended(run)

    assert other.clock.run(both()) == whole


def test_every_state_has_its_scene() -> None:
    """No file is left behind by a scene that is gone."""
    assert sorted(path.stem for path in STATES.glob("*.json")) == NAMES


def test_a_state_of_another_format_is_refused() -> None:
    """Reading it as if it were ours would send a run somewhere else."""
    with pytest.raises(ValueError, match=f"the state has format 0; this reads {STATE_FORMAT}"):
        Stage(scene(NAMES[0])).run({"format": 0})
