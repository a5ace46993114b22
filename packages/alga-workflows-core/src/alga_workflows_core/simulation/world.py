"""A run's world in the simulator: a virtual clock, and actions, events and people by a script."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from random import Random

from alga_workflows_core.calendars.durations import after, parse_duration
from alga_workflows_core.calendars.parsing import parse_calendar
from alga_workflows_core.definition.action_spec import ActionSpec
from alga_workflows_core.errors import Category, ErrorInfo, TooLargeError
from alga_workflows_core.interpreter.effects import ActionCall
from alga_workflows_core.interpreter.facts import Fact
from alga_workflows_core.interpreter.performing import GRACE
from alga_workflows_core.interpreter.run import Run
from alga_workflows_core.interpreter.waits import Closing, Wait, answered_task
from alga_workflows_core.interpreter.working_time import OWN_CALENDAR, working_time_due
from alga_workflows_core.simulation.answers import (
    Entries,
    cancelled_child,
    done_by,
    ended_child,
    error_of,
    is_about,
    means,
    unknown_child,
)
from alga_workflows_core.simulation.clock import VirtualClock
from alga_workflows_core.simulation.inbox import Inbox
from alga_workflows_core.simulation.script import (
    Script,
    ScriptedAction,
    ScriptedAnswer,
    ScriptedChild,
    ScriptedDeed,
    moment,
)
from alga_workflows_core.types.json import Json, JsonObject


@dataclass(slots=True)
class SimulatedAttempt:
    """An action under way in virtual time."""

    now: Callable[[], datetime]
    done: bool = False
    output: Json = None
    error: ErrorInfo | None = None
    unknown: bool = False
    on_cancel: Callable[[], None] | None = None
    asked_at: datetime | None = None

    def cancel(self) -> None:
        """Ask it to stop."""
        self.asked_at = self.now()
        if self.on_cancel is not None and not self.done:
            self.on_cancel()


CANCELLED = ErrorInfo(
    code="CANCELED", category=Category.CANCELLED, message="The action was asked to stop."
)

StartChild = Callable[[Wait, Callable[[JsonObject], None]], Callable[[], None] | None]
"""Runs a called definition; tells its end to the callable, answers how to cancel it, or None."""


class SimulatedWorld:
    """Effects for one run. `settles`: whether the run settles at the safe point with this number.

    Actions finish before a run has settled, which holds up its other branches; so if it is
    `patient` it settles at the next safe point at which no action is under way. `run` is set by
    whoever made the run, before it begins.
    """

    def __init__(
        self,
        script: Script,
        clock: VirtualClock,
        *,
        zone: str = "UTC",
        actions: Mapping[tuple[str, int], ActionSpec] | None = None,
        settles: Callable[[int], bool] | None = None,
        patient: bool = True,
        start_child: StartChild | None = None,
        perform_pure: Callable[[ActionCall], Json] | None = None,
        most_facts: int = 1_000_000,
    ) -> None:
        self._most_facts = most_facts
        self.facts: list[Fact] = []
        self.calls: list[ActionCall] = []
        self.unscripted: list[str] = []
        self.run: Run | None = None
        self.safe_points = 0
        self.chance = Random(1)  # noqa: S311 - a simulation is repeatable
        self._script = script
        self._clock = clock
        self._zone = zone
        self._began = clock.now
        self._actions = actions or {}
        self._settles = settles or _never
        self._patient = patient
        self._settles_soon = False
        self._start_child = start_child
        self._perform_pure = perform_pure
        self._calendars = {
            name: parse_calendar(calendar) for name, calendar in script.calendars.items()
        }
        self._answers = Entries(script.actions)
        self._children = Entries(script.children)
        self._under_way: list[SimulatedAttempt] = []
        self._open: dict[str, Wait] = {}
        self._stopping: dict[str, Callable[[], None]] = {}
        self._closing: dict[str, JsonObject] = {}
        self._inbox = Inbox(created=clock.now, resolve=self._resolve)
        self._plan()

    # -- Effects ------------------------------------------------------------------------------

    def now(self) -> datetime:
        return self._clock.now

    def random(self) -> float:
        return self.chance.random()

    def observe(self, fact: Fact) -> None:
        if len(self.facts) >= self._most_facts:
            raise TooLargeError(
                f"The run makes more than {self._most_facts} facts.",
                code="TOO_MUCH_WORK",
                remedy="Simulate it with less to loop over.",
            )
        self.facts.append(fact)

    async def safe_point(self) -> bool:
        self.safe_points += 1
        self._settles_soon = self._settles_soon or self._settles(self.safe_points)
        if not self._settles_soon or (self._patient and self._acting()):
            return False
        self._settles_soon = False
        return True

    async def wait_until(
        self,
        ready: Callable[[], bool],
        due: datetime | None,
        place: tuple[int, ...] = (),
        what: str | None = None,  # noqa: ARG002 - nobody looks at the clock of a simulation
    ) -> None:
        await self._clock.wait_until(ready, due, place)

    async def business_due(self, duration: str, calendar: str | None) -> datetime:
        found = self._calendars.get(calendar or OWN_CALENDAR)
        return working_time_due(found, calendar, duration, self.now())

    def start(self, call: ActionCall) -> SimulatedAttempt:
        self.calls.append(call)
        attempt = SimulatedAttempt(now=self.now)
        self._under_way.append(attempt)
        scripted = self._scripted(call)
        if scripted is None:
            self._unscripted(call, attempt)
            return attempt

        def end(error: ErrorInfo | None) -> None:
            if not attempt.done:
                attempt.done, attempt.error = True, error
                attempt.output = None if error else scripted.result
                attempt.unknown = scripted.unknown and error is not None

        if not scripted.ignores_cancel:
            attempt.on_cancel = lambda: end(CANCELLED)
        error = None if scripted.error is None else error_of(scripted.error)
        if scripted.takes is not None:
            self._clock.plan(self._later(scripted.takes), lambda: end(error))
        elif not scripted.never:
            end(error)
        return attempt

    async def open_wait(self, wait: Wait) -> JsonObject | None:
        if wait.key in self._open:
            return None
        self._open[wait.key] = wait
        early: JsonObject | None = None
        if wait.kind == "event":
            early = self._inbox.open(wait)
        elif wait.kind == "task":
            self._ask(wait)
        elif wait.kind == "child":
            early = self._begin_child(wait)
        if early is not None:
            del self._open[wait.key]
        return early

    async def close_wait(self, wait: Wait, closing: Closing) -> JsonObject | None:
        self._inbox.close(wait.key)
        self._open.pop(wait.key, None)
        stop = self._stopping.pop(wait.key, None)
        if wait.kind == "child" and closing == "canceled" and stop is not None:
            stop()
            await self._clock.wait_until(lambda: wait.key in self._closing, None)
            return self._closing.pop(wait.key)
        return None

    async def detach(self, wait: Wait) -> JsonObject:
        known = self._scripted_child(wait) is not None
        if not known and self._start_child is not None:
            known = self._start_child(wait, lambda _: None) is not None
        return {"runId": wait.key} if known else unknown_child(wait)

    # -----------------------------------------------------------------------------------------

    def _acting(self) -> bool:
        """Whether the run waits for an action. It does not for long once it has cancelled it."""
        latest = self.now() - GRACE
        self._under_way = [
            attempt
            for attempt in self._under_way
            if not attempt.done and (attempt.asked_at is None or attempt.asked_at >= latest)
        ]
        return bool(self._under_way)

    def _plan(self) -> None:
        for number, event in enumerate(self._script.events, 1):
            at = self._moment(event.at)
            happened: JsonObject = {
                "id": event.id or f"event-{number}",
                "name": event.name,
                "source": event.source,
                "correlationKey": event.correlation_key,
                "time": at.isoformat(),
                "payload": event.payload,
            }
            if at < self._began:
                self._inbox.receive(happened, at)
            else:
                self._clock.plan(at, lambda each=happened: self._inbox.receive(each, self.now()))
        for deed in self._script.operator:
            self._clock.plan(self._moment(deed.at), lambda each=deed: self._operate(each))

    def _operate(self, deed: ScriptedDeed) -> None:
        if self.run is None:
            return
        if deed.do == "cancel":
            self.run.cancel()
        elif deed.do == "pause":
            self.run.pause()
        elif deed.do == "resume":
            self.run.resume()
        else:
            self._answer(deed)

    def _answer(self, deed: ScriptedDeed) -> None:
        for wait in list(self._open.values()):
            if is_about(deed, wait.kind, wait.path):
                self._resolve(wait.key, done_by(deed, wait.kind, wait.detail))
                return

    def _ask(self, wait: Wait) -> None:
        """Plan the answers. The task is done when so many people as its quorum have given one."""
        answers: dict[str, Json] = {}

        def answered(answer: ScriptedAnswer) -> None:
            answers.setdefault(answer.by, answer.payload)
            quorum: int = wait.detail["quorum"]
            if len(answers) >= quorum:
                end = answered_task(wait.key, quorum, answers, answer.by, self.now())
                self._resolve(wait.key, end)

        for answer in self._script.tasks:
            if means(answer.step, wait.path):
                self._clock.plan(self._later(answer.after), lambda each=answer: answered(each))

    def _begin_child(self, wait: Wait) -> JsonObject | None:
        def ended(resolution: JsonObject) -> None:
            self._stopping.pop(wait.key, None)
            if not self._resolve(wait.key, resolution):
                self._closing[wait.key] = resolution

        child = self._scripted_child(wait)
        if child is not None:
            self._stopping[wait.key] = lambda: ended(cancelled_child(wait))
            end = ended_child(wait, child)
            self._clock.plan(self._later(child.takes), lambda: ended(end))
            return None
        stop = None if self._start_child is None else self._start_child(wait, ended)
        if stop is None:
            return unknown_child(wait)
        self._stopping[wait.key] = stop
        return None

    def _resolve(self, key: str, resolution: JsonObject) -> bool:
        if key not in self._open or self.run is None:
            return False
        del self._open[key]
        return self.run.waits.resolve(key, resolution)

    def _scripted(self, call: ActionCall) -> ScriptedAction | None:
        return self._answers.take(
            lambda each: (
                each.action in (None, call.action_id)
                and (each.step is None or means(each.step, call.step))
            )
        )

    def _scripted_child(self, wait: Wait) -> ScriptedChild | None:
        return self._children.take(lambda each: each.workflow == wait.detail["workflowId"])

    def _unscripted(self, call: ActionCall, attempt: SimulatedAttempt) -> None:
        """Pure actions are performed; of others the script should have said what they answer."""
        attempt.done = True
        spec = self._actions.get((call.action_id, call.version))
        if spec is not None and spec.kind == "pure" and self._perform_pure is not None:
            attempt.output = self._perform_pure(call)
            return
        self.unscripted.append(call.step)
        attempt.output = {}

    def _moment(self, text: str) -> datetime:
        return moment(text, self._began, self._zone)

    def _later(self, duration: str | None) -> datetime:
        if duration is None:
            return self.now()
        return after(parse_duration(duration), self.now(), self._zone)


def _never(_number: int) -> bool:
    return False
