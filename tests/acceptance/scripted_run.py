"""One run's part of the world: how its actions answer, and its events, by its script."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import cast
from uuid import UUID

from temporalio import activity

from alga_workflows_core.actions.contract import Invocation
from alga_workflows_core.actions.errors import ActionError
from alga_workflows_core.calendars.durations import after, parse_duration
from alga_workflows_core.definition.action_spec import ActionKind, PinnedAction
from alga_workflows_core.errors import Category
from alga_workflows_core.interpreter.waits import Wait
from alga_workflows_core.simulation.answers import Entries, error_of, means
from alga_workflows_core.simulation.inbox import Inbox
from alga_workflows_core.simulation.script import (
    Script,
    ScriptedAction,
    ScriptedChild,
    ScriptedError,
    moment,
)
from alga_workflows_core.temporal.names import TASK_QUEUE, run_id
from alga_workflows_core.types.json import Json, JsonObject
from tests.acceptance.cases import Case
from tests.acceptance.timeline import Timeline

# How often an action that works looks whether it was asked to stop.
LOOK_SECONDS = 0.05
TIMEOUT_SECONDS = 600.0
# Of the actions that may: which part is performed inside the workflow, and of the others beside it.
PURE_SHARE = 0.2
SHORT_SHARE = 0.6
KINDS = [ActionKind.READ, ActionKind.READ, ActionKind.IDEMPOTENT, ActionKind.UNSAFE]


@dataclass(frozen=True, slots=True)
class Called:
    """A call of an action that reached the world."""

    step: str
    action: str
    attempt: int


@dataclass(slots=True, kw_only=True)
class ScriptedRun:
    """A run of a case, or of a definition that it calls. `began` in virtual time.

    `ended` is set when nobody is interested in it any more.
    """

    tenant: str
    definition_id: str
    trigger: str
    key: str
    case: Case
    script: Script
    timeline: Timeline
    zone: str
    began: datetime
    calls: list[Called] = field(default_factory=list[Called])
    pure_answers: dict[tuple[str, int, str, int], Json] = field(
        default_factory=dict[tuple[str, int, str, int], Json]
    )
    met: list[tuple[str, JsonObject]] = field(default_factory=list[tuple[str, JsonObject]])
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    inbox: Inbox = field(init=False)
    kinds: dict[tuple[str, int], ActionKind] = field(init=False)
    _answers: Entries[ScriptedAction] = field(init=False)
    _children: Entries[ScriptedChild] = field(init=False)

    def __post_init__(self) -> None:
        self.kinds = {(each.id, each.version): each.kind for each in pinned_actions(self.case)}
        self._answers = Entries(self.script.actions)
        self._children = Entries(self.script.children)
        self.inbox = Inbox(created=self.began, resolve=self._meet)

    @property
    def run_id(self) -> UUID:
        return run_id(self.tenant, self.definition_id, self.trigger, self.key)

    @property
    def all_calls(self) -> list[Called]:
        """Those that reached the world, and those inside the workflow."""
        inside = [Called(step, action, number) for action, _, step, number in self.pure_answers]
        return [*self.calls, *inside]

    def _meet(self, key: str, resolution: JsonObject) -> bool:
        self.met.append((key, resolution))
        return True

    def moment(self, text: str) -> datetime:
        """The time that the script means."""
        return moment(text, self.began, self.zone)

    def later(self, duration: str | None, since: datetime) -> datetime:
        """The time after a duration; None: at once."""
        return since if duration is None else after(parse_duration(duration), since, self.zone)

    def child(self, wait: Wait) -> ScriptedChild | None:
        """How the called definition ends, if the script says so."""
        return self._children.take(lambda each: each.workflow == wait.detail["workflowId"])

    async def perform(self, action_id: str, invocation: Invocation) -> Json:
        """What the script says of this call; ActionError if it fails."""
        self.calls.append(Called(invocation.step, action_id, invocation.attempt))
        began = self.timeline.present
        scripted = self._answers.take(lambda each: _fits(each, action_id, invocation.step))
        if scripted is None:
            return {}
        if scripted.takes is not None or scripted.never:
            due = None if scripted.takes is None else self.later(scripted.takes, began)
            await self._work(due, stubborn=scripted.ignores_cancel)
        if scripted.error is not None:
            raise _failure(scripted.error, unknown=scripted.unknown)
        return scripted.result

    def performed_inside(self, action_id: str, version: int, invocation: Invocation) -> Json:
        """The same for a pure action, which a replay performs again."""
        answer: Json = {}
        for each in self.script.actions:
            if _fits(each, action_id, invocation.step):
                answer = each.result
                break
        self.pure_answers[action_id, version, invocation.step, invocation.attempt] = answer
        return answer

    async def _work(self, due: datetime | None, *, stubborn: bool) -> None:
        """Work until it is due; CANCELED if it was asked to stop, unless it is `stubborn`."""
        while due is None or self.timeline.seconds_until(due) > 0:
            left = LOOK_SECONDS if due is None else self.timeline.seconds_until(due)
            activity.heartbeat()
            try:
                async with asyncio.timeout(min(LOOK_SECONDS, max(0, left))):
                    await self.ended.wait()
            except TimeoutError:
                continue
            except asyncio.CancelledError:
                if stubborn and not activity.is_worker_shutdown():
                    continue
                raise ActionError(
                    "CANCELED", "The action was asked to stop.", category=Category.CANCELLED
                ) from None
            return


def _fits(each: ScriptedAction, action_id: str, step: str) -> bool:
    return each.action in (None, action_id) and (each.step is None or means(each.step, step))


def _failure(error: ScriptedError, *, unknown: bool) -> ActionError:
    info = error_of(error)
    return ActionError(
        info.code,
        info.message,
        category=info.category,
        retryable=info.retryable,
        details=info.details,
        unknown=unknown,
    )


def pinned_actions(case: Case) -> list[PinnedAction]:
    """The actions of a case as its versions pin them, spread over lanes as its script allows."""
    found: set[tuple[str, int]] = set()
    for document in case.documents.values():
        _collect(document, found)
    return [_pinned(case, *each) for each in sorted(found)]


def _collect(value: Json, found: set[tuple[str, int]]) -> None:
    if isinstance(value, list):
        for each in cast("list[Json]", value):
            _collect(each, found)
    elif isinstance(value, dict):
        members = cast("JsonObject", value)
        if "actionId" in members:
            found.add((members["actionId"], members.get("version", 1)))
        for each in members.values():
            _collect(each, found)


def _pinned(case: Case, action_id: str, version: int) -> PinnedAction:
    entries = [each for each in case.script.actions if each.action in (None, action_id)]
    waits = any(each.takes is not None or each.never for each in entries)
    simple = not any(each.error is not None or each.calls is not None for each in entries)
    unknown = any(each.unknown for each in entries)
    secret = "$secret" in str(case.documents)
    chance = Random(f"{case.name} {action_id}")  # noqa: S311 - repeatable
    short = False
    if unknown:
        kind = ActionKind.UNSAFE
    elif not waits and simple and not secret and chance.random() < PURE_SHARE:
        kind = ActionKind.PURE
    else:
        kind = chance.choice(KINDS if waits else [*KINDS, ActionKind.TRANSACTIONAL])
        short = not waits and kind is not ActionKind.UNSAFE and chance.random() < SHORT_SHARE
    return PinnedAction(
        id=action_id,
        version=version,
        kind=kind,
        short=short,
        timeout=2.0 if short else TIMEOUT_SECONDS,
        queue=TASK_QUEUE,
    )
