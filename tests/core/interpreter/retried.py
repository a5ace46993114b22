"""Runs that fail in the simulator, and are retried from their checkpoints in the same world."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from alga_workflows_core.definition.document import Definition
from alga_workflows_core.interpreter.effects import ActionCall
from alga_workflows_core.interpreter.finishing import Finished
from alga_workflows_core.interpreter.outcome import Settled
from alga_workflows_core.interpreter.resuming import Resumption, resume
from alga_workflows_core.interpreter.run import Run
from alga_workflows_core.simulation.clock import VirtualClock
from alga_workflows_core.simulation.script import Script
from alga_workflows_core.simulation.simulate import START
from alga_workflows_core.simulation.world import SimulatedWorld
from alga_workflows_core.types.json import JsonObject


class Retried:
    """One run over all its epochs. The script goes on where it was."""

    def __init__(
        self, definition: Definition, *, settles: Callable[[int], bool] | None = None, **script: Any
    ) -> None:
        self.definition = definition
        self._script = Script.model_validate(script)
        self.clock = VirtualClock(START)
        self.world = SimulatedWorld(self._script, self.clock, settles=settles)
        self.checkpoint: JsonObject | None = None
        self.epoch = 0
        self.run: Run | None = None

    def begin(self) -> Finished:
        """The run from its beginning to its end."""
        return self.clock.run(self._walk(None))

    def resumption(
        self,
        definition: Definition | None = None,
        resolutions: dict[str, JsonObject] | None = None,
    ) -> Resumption:
        """What a retry begins with."""
        assert self.checkpoint is not None, "the run has kept no checkpoint"
        return resume(
            json.loads(json.dumps(self.checkpoint)),
            former=self.definition,
            definition=definition or self.definition,
            epoch=self.epoch + 1,
            resolutions=resolutions or {},
        )

    def again(
        self,
        definition: Definition | None = None,
        resolutions: dict[str, JsonObject] | None = None,
    ) -> Finished:
        """A retry, to its end."""
        found = self.resumption(definition, resolutions)
        assert found.unfit == []
        self.definition = definition or self.definition
        self.epoch += 1
        self.checkpoint = None
        return self.clock.run(self._walk(json.loads(json.dumps(found.state))))

    @property
    def calls(self) -> list[tuple[str, int]]:
        """Step and series of each call, in their order."""
        return [(call.step, call.series) for call in self.world.calls]

    @property
    def made(self) -> dict[str, list[ActionCall]]:
        """The calls of each step."""
        found: dict[str, list[ActionCall]] = {}
        for call in self.world.calls:
            found.setdefault(call.step, []).append(call)
        return found

    async def _walk(self, state: JsonObject | None) -> Finished:
        while True:
            run = self.run = self.world.run = Run(
                self.definition,
                payload=self._script.payload,
                system={},
                effects=self.world,
                state=state,
                fixed_bytes=self.definition.encoded_size(),
            )
            outcome = await run.run()
            kept = run.checkpoints.collect()
            if kept is not None:
                assert self.checkpoint is None
                self.checkpoint = json.loads(kept)
            if not isinstance(outcome, Settled):
                return outcome
            state = json.loads(json.dumps(run.settled_state()))
