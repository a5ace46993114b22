"""Waiting: open waits once, look until they are over, close them, whatever happens in between."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alga_workflows_core.errors import ErrorInfo
from alga_workflows_core.interpreter import sizes
from alga_workflows_core.interpreter.effects import StepError
from alga_workflows_core.interpreter.facts import WaitClosed, WaitOpened
from alga_workflows_core.interpreter.holding import Holding
from alga_workflows_core.interpreter.outcome import Settled
from alga_workflows_core.interpreter.visit import Visit, Wake
from alga_workflows_core.interpreter.waits import Closing, Wait, WaitKind
from alga_workflows_core.types.json import JsonObject


@dataclass(frozen=True, slots=True)
class Waited:
    """The waits are over. Of each the resolution, None if nothing came; `wake` is never SETTLED."""

    wake: Wake
    resolutions: Sequence[JsonObject | None]


async def wait_for(
    visit: Visit,
    held: Holding,
    describe: Callable[[], Sequence[Wait]],
    *,
    places: bool = False,
) -> Waited | Settled:
    """Wait until all of some waits with one deadline have been resolved, or it has passed.

    `describe` is asked once; the node of `held` keeps `{"ws": the waits}` while they are open, and
    `{"rs": what ended them, "wk": wake}` while that is held by a pause. What came before a deadline
    or a cancel is told, even if nobody had looked yet. StepError `SIZE_LIMIT` if what it is to wait
    for, which `places` counts as part of where the run stands, cannot be carried; nothing is open
    then.
    """
    node = held.node
    if "rs" not in node:
        wake = await _until_over(visit, held, describe, places)
        if wake is Wake.SETTLED:
            return Settled()
    # Deadlines pass while the run is paused; what that means is told when it goes on.
    if await visit.run.hold(visit.frame):
        return Settled()
    waited = Waited(Wake(node["wk"]), node["rs"])
    held.drop("ws", "rs", "wk")
    return waited


def too_large(visit: Visit, waited: Waited) -> ErrorInfo | None:
    """The error `SIZE_LIMIT` if something came that the run could not carry."""
    for resolution in waited.resolutions:
        if resolution is not None and "tooLarge" in resolution:
            size, limit = resolution["tooLarge"], resolution["limit"]
            what = "What the run carries, with what it has waited for,"
            return sizes.too_large(size, limit=limit, what=what, step=visit.path)
    return None


def refuse_too_large(visit: Visit, waited: Waited) -> None:
    """StepError of `too_large`, if there is one."""
    error = too_large(visit, waited)
    if error is not None:
        raise StepError(error)


async def _until_over(
    visit: Visit, held: Holding, describe: Callable[[], Sequence[Wait]], places: bool
) -> Wake:
    """SETTLED while they are open; else they are closed, and the node says how they ended."""
    run, node = visit.run, held.node
    if "ws" not in node:
        await _open(visit, held, describe(), places)
    elif any(value["key"] is None for value in node["ws"]):
        await _open(visit, held, _open_again(visit, held), places)
    waits = [_from_json(visit, value) for value in node["ws"]]
    for wait in waits:
        run.waits.expect(wait)

    def ready() -> bool:
        return all(run.waits.resolution(wait.key) is not None for wait in waits)

    wake = await run.block(ready, visit.frame, waits[0].due)
    if wake is not Wake.SETTLED:
        resolutions = [await _close(visit, wait, wake) for wait in waits]
        for wait in waits:
            run.waits.forget(wait.key)
        held.move_in("rs", resolutions)
        node["wk"] = wake.value
    return wake


async def _open(visit: Visit, held: Holding, waits: Sequence[Wait], places: bool) -> None:
    """Open those that nothing has resolved yet."""
    run = visit.run
    held.keep({"ws": [_as_json(wait) for wait in waits]}, places=places)
    _expect(visit, held, waits)
    for wait in waits:
        if run.waits.resolution(wait.key) is not None:
            continue
        run.observe(
            WaitOpened,
            path=wait.path,
            key=wait.key,
            wait=wait.kind,
            due=wait.due,
            detail=wait.detail,
        )
        early = await visit.effects.open_wait(wait)
        if early is not None:
            run.waits.resolve(wait.key, early)


def _open_again(visit: Visit, held: Holding) -> list[Wait]:
    """The waits of a step that had got some of what it waits for when its run failed: for the rest
    it waits anew, for as long as it was to wait then."""
    values: list[JsonObject] = held.node["ws"]
    held.drop("ws")
    now = visit.effects.now()
    waits: list[Wait] = []
    for value in values:
        due = None if value["for"] is None else (now + timedelta(seconds=value["for"])).isoformat()
        key = value["key"] or next_key(visit)
        waits.append(_from_json(visit, {**value, "key": key, "due": due}))
    return waits


def _expect(visit: Visit, held: Holding, waits: Sequence[Wait]) -> None:
    """All of them or none, before any is open."""
    try:
        for wait in waits:
            visit.run.waits.expect(wait)
    except StepError:
        for wait in waits:
            visit.run.waits.forget(wait.key)
        held.drop("ws")
        raise


def next_key(visit: Visit, mark: str = "") -> str:
    """A key for one more wait of this step: its path, `mark`, and how many there were."""
    visit.node["w"] = visit.node.get("w", 0) + 1
    return f"{visit.path}{mark}#{visit.base + visit.node['w']}"


async def _close(visit: Visit, wait: Wait, wake: Wake) -> JsonObject | None:
    run = visit.run
    closing: Closing = "canceled" if wake is Wake.CANCELLED else "timed_out"
    resolution = run.waits.resolution(wait.key)
    if resolution is None:
        resolution = await visit.effects.close_wait(wait, closing)
        if resolution is not None:
            run.waits.resolve(wait.key, resolution)
            resolution = run.waits.resolution(wait.key)
    outcome = closing.upper() if resolution is None else "RESOLVED"
    if wait.kind == "time" and closing == "timed_out":
        # Its time is what it waits for.
        outcome = "RESOLVED"
    run.observe(WaitClosed, path=wait.path, key=wait.key, outcome=outcome)
    return resolution


def _as_json(wait: Wait) -> JsonObject:
    due = None if wait.due is None else wait.due.isoformat()
    return {"kind": wait.kind, "key": wait.key, "due": due, "d": wait.detail}


def _from_json(visit: Visit, value: JsonObject) -> Wait:
    kind: WaitKind = value["kind"]
    due: str | None = value["due"]
    return Wait(
        kind=kind,
        key=value["key"],
        path=visit.path,
        due=None if due is None else datetime.fromisoformat(due),
        detail=value["d"],
    )
