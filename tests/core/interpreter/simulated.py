"""Definitions written as steps, run in the simulator."""

from __future__ import annotations

from typing import Any

from alga_workflows_core.definition.document import Definition, parse_definition
from alga_workflows_core.simulation.script import Script
from alga_workflows_core.simulation.simulate import Simulation, Simulator
from alga_workflows_core.types.json import Json, JsonObject


def definition(*steps: JsonObject, identity: str = "case") -> Definition:
    """A definition of these steps."""
    return parse_definition({"id": identity, "name": "Case", "steps": list(steps)})


def simulated(
    *steps: JsonObject, called: dict[str, Definition] | None = None, **script: Any
) -> Simulation:
    """How these steps go in a world like this."""
    return Simulator(definitions=called or {}).simulate(
        definition(*steps), Script.model_validate(script)
    )


def step(identity: str, kind: str, **fields: Json) -> JsonObject:
    """A step; `then`, `try`, … may be given with a `_` behind their name."""
    members: JsonObject = {name.removesuffix("_"): value for name, value in fields.items()}
    return {"id": identity, "type": kind, **members}


def nap(identity: str, duration: str) -> JsonObject:
    """A `time.wait`."""
    config: JsonObject = {"mode": "duration", "duration": duration}
    return step(identity, "time.wait", config=config)
