"""Run a definition against a script, in virtual time."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from alga_workflows_core.definition.action_spec import ActionSpec
from alga_workflows_core.definition.document import Definition
from alga_workflows_core.errors import ErrorInfo
from alga_workflows_core.interpreter.effects import ActionCall
from alga_workflows_core.interpreter.facts import Fact
from alga_workflows_core.interpreter.finishing import Finished
from alga_workflows_core.interpreter.outcome import Settled
from alga_workflows_core.interpreter.run import Run
from alga_workflows_core.interpreter.waits import Wait
from alga_workflows_core.simulation.clock import NothingEverHappens, VirtualClock
from alga_workflows_core.simulation.script import Script, moment
from alga_workflows_core.simulation.world import SimulatedWorld
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.states import RunStatus
from alga_workflows_core.validation.result import result_error

START = datetime(2030, 1, 1, 12, tzinfo=UTC)
"""When a simulated run begins, if its script does not say."""

MAX_CHILDREN = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """How it went. `status` is not final if `until` was reached or nothing would ever happen any
    more; it is the one that the run has then. `facts` are those of the run itself; `unscripted` the
    paths of the calls that the script did not speak of, which were answered with `{}`. `moments`:
    all at which something happened, to the run or to those that it called.
    """

    status: RunStatus
    result: Json
    error: ErrorInfo | None
    ended_at: datetime
    facts: list[Fact]
    calls: list[ActionCall]
    unscripted: list[str]
    settled: int
    safe_points: int
    variables: JsonObject = field(default_factory=dict[str, Json])
    moments: list[datetime] = field(default_factory=list[datetime])


@dataclass(slots=True)
class Simulator:
    """`actions`: contracts; `perform_pure` carries out those that are pure. `definitions`: those
    that may be called, by id. `most_facts`: a run that makes more is ended by TooLargeError
    `TOO_MUCH_WORK`.
    """

    actions: Mapping[tuple[str, int], ActionSpec] = field(
        default_factory=dict[tuple[str, int], ActionSpec]
    )
    definitions: Mapping[str, Definition] = field(default_factory=dict[str, Definition])
    perform_pure: Callable[[ActionCall], Json] | None = None
    most_facts: int = 1_000_000
    _children: int = 0

    def simulate(
        self,
        definition: Definition,
        script: Script,
        *,
        settles: Callable[[int], bool] | None = None,
        patient: bool = True,
    ) -> Simulation:
        """Run to the end. `settles` says at which safe points (from 1) the run settles, is written
        down as JSON and goes on in a new interpreter; `patient`: once no action is under way.

        Must not be called where an event loop runs.
        """
        start = script.start or START
        clock = VirtualClock(start if start.tzinfo else start.replace(tzinfo=UTC))
        if script.until is not None:
            clock.stop_at(moment(script.until, clock.now, definition.zone))
        life = _Life(self, definition, script, clock, settles, patient=patient)
        try:
            finished = clock.run(life.run())
        except NothingEverHappens:
            finished = None
        return life.told(finished)

    def child(
        self, clock: VirtualClock, wait: Wait, ended: Callable[[JsonObject], None], script: Script
    ) -> Callable[[], None] | None:
        """Begin to run a called definition; how to cancel it, or None if it is not there."""
        definition = self.definitions.get(wait.detail["workflowId"])
        if definition is None or self._children >= MAX_CHILDREN:
            return None
        self._children += 1
        inner = script.model_copy(update={"payload": wait.detail["payload"], "operator": []})
        life = _Life(self, definition, inner, clock, None)

        async def run() -> None:
            finished = await life.run()
            error = None if finished.error is None else finished.error.as_json()
            ended(
                {
                    "runId": wait.key,
                    "status": finished.status.value,
                    "result": finished.result,
                    "error": error,
                }
            )

        clock.begin(run())
        return life.cancel


async def _check_result(schema: JsonObject, result: Json) -> ErrorInfo | None:
    return result_error(schema, result)


class _Life:
    """One run from its start to its end, over as many executions as it settles."""

    def __init__(
        self,
        simulator: Simulator,
        definition: Definition,
        script: Script,
        clock: VirtualClock,
        settles: Callable[[int], bool] | None,
        *,
        patient: bool = True,
    ) -> None:
        self._definition = definition
        self._script = script
        self._clock = clock
        self._settled = 0
        self._fixed_bytes = definition.encoded_size()
        self.world = SimulatedWorld(
            script,
            clock,
            zone=definition.zone,
            actions=simulator.actions,
            settles=settles,
            patient=patient,
            perform_pure=simulator.perform_pure,
            most_facts=simulator.most_facts,
            start_child=lambda wait, ended: simulator.child(clock, wait, ended, script),
        )

    async def run(self) -> Finished:
        state: JsonObject | None = None
        while True:
            run = Run(
                self._definition,
                payload=self._script.payload,
                system={"runId": "simulation", "workflowId": self._definition.id},
                effects=self.world,
                state=state,
                fixed_bytes=self._fixed_bytes,
                check_result=_check_result,
            )
            self.world.run = run
            outcome = await run.run()
            if not isinstance(outcome, Settled):
                return outcome
            self._settled += 1
            state = json.loads(json.dumps(run.settled_state(), allow_nan=False))

    def cancel(self) -> None:
        if self.world.run is not None:
            self.world.run.cancel()

    def told(self, finished: Finished | None) -> Simulation:
        run = self.world.run
        return Simulation(
            status=self._status(finished),
            result=None if finished is None else finished.result,
            error=None if finished is None else finished.error,
            ended_at=self._clock.now,
            facts=self.world.facts,
            calls=self.world.calls,
            unscripted=self.world.unscripted,
            settled=self._settled,
            safe_points=self.world.safe_points,
            variables={} if run is None else run.scope.vars,
            moments=self._clock.moments,
        )

    def _status(self, finished: Finished | None) -> RunStatus:
        if finished is not None:
            return finished.status
        return RunStatus.RUNNING if self.world.run is None else self.world.run.status
