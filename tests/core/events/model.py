"""A model of the inbox: plays the committed transactions again, one after the other, and compares
what came of each with the rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from uuid import UUID

from tests.core.events.ledgers import Json, Ledger, Row, first_unmet, looks_for, reaches, starter_of


@dataclass(slots=True)
class _Model:
    """One transaction after the other."""

    ledger: Ledger
    accepted: list[Row] = field(default_factory=list[Row])
    open: dict[UUID, Row] = field(default_factory=dict[UUID, Row])
    there: set[UUID] = field(default_factory=set[UUID])
    ended: set[UUID] = field(default_factory=set[UUID])
    status: dict[UUID, str] = field(default_factory=dict[UUID, str])
    event_of: dict[UUID, tuple[UUID, int]] = field(default_factory=dict[UUID, tuple[UUID, int]])
    by_delivery: set[UUID] = field(default_factory=set[UUID])
    refusals: set[tuple[UUID, UUID, int, int]] = field(
        default_factory=set[tuple[UUID, UUID, int, int]]
    )

    def play(self, note: Json) -> None:
        """What a transaction does, if it is the only one."""
        match note["op"]:
            case "accept":
                # Not all that it was asked to, and not what was accepted before.
                accepted = [e for e in self.ledger.events.values() if e["xid"] == note["xid"]]
                self._accept([event for event in accepted if event["state"] == "ACCEPTED"])
            case "decide":
                self._resolve(UUID(note["wait"]), delivered=True)
            case what if UUID(note["run"]) not in self.ended:
                self._play_of_run(what, UUID(note["run"]), note)
            case _:
                pass

    def _play_of_run(self, what: str, run_id: UUID, note: Json) -> None:
        """What an open run, or who ends it, does."""
        match what:
            case "write":
                self._write(UUID(note["wait"]))
            case "open":
                self._opens(UUID(note["wait"]), run_id)
            case "close":
                self._end(UUID(note["wait"]), note["how"].upper())
            case _:
                self.ended.add(run_id)
                for wait in [w for w in self.there if self.ledger.waits[w]["run_id"] == run_id]:
                    self._end(wait, "CANCELED")

    def _accept(self, events: Iterable[Row]) -> None:
        for event in sorted(events, key=lambda each: (each["received_at"], each["id"])):
            self.accepted.append(event)
            for run_id in {wait["run_id"] for wait in self.open.values()}:
                if event["for_run"] in (None, run_id):
                    self._offer_to_run(event, run_id)

    def _offer_to_run(self, event: Row, run_id: UUID) -> None:
        # In the order in which they opened.
        for wait in [wait for wait in self.open.values() if wait["run_id"] == run_id]:
            if self._offer(event, wait, look_back=False):
                self.by_delivery.add(wait["id"])
                return

    def _write(self, wait_id: UUID) -> None:
        """It has a row, by which it can be ended; events do not find it yet."""
        if wait_id not in self.status:
            self.there.add(wait_id)

    def _opens(self, wait_id: UUID, run_id: UUID) -> None:
        if wait_id in self.status:
            return
        wait = self.ledger.waits[wait_id]
        self._write(wait_id)
        self.open[wait_id] = wait
        for event in sorted(self.accepted, key=lambda e: (e["accepted_at"], e["position"])):
            if not self._is_spent(event, run_id) and self._offer(event, wait, look_back=True):
                return

    def _is_spent(self, event: Row, run_id: UUID) -> bool:
        """For this run: refused or taken by one of its waits, what started it, or another's."""
        waits = self.ledger.waits
        refused = {
            waits[who]["run_id"] for which, who, _, _ in self.refusals if which == event["id"]
        }
        taken = {
            waits[who]["run_id"]
            for who, (which, _) in self.event_of.items()
            if which == event["id"]
        }
        started = event["id"] == starter_of(self.ledger.runs[run_id])
        return run_id in refused | taken or started or event["for_run"] not in (None, run_id)

    def _offer(self, event: Row, wait: Row, *, look_back: bool) -> bool:
        """Whether the wait took it."""
        run = self.ledger.runs[wait["run_id"]]

        def concerned(match: Json) -> bool:
            return looks_for(match, event) and (
                not look_back or reaches(self.ledger, run, match, event)
            )

        unmet: list[tuple[int, int]] = []
        for index, match in enumerate(wait["detail"]["matches"]):
            if not concerned(match):
                continue
            by = first_unmet(match, event)
            if by is None:
                self.event_of[wait["id"]] = (event["id"], index)
                self._resolve(wait["id"], delivered=False)
                return True
            unmet.append((index, by))
        besides = any(
            concerned(each) and first_unmet(each, event) is None
            for each in wait["detail"].get("besides", ())
        )
        if unmet and not besides:
            self.refusals.add((event["id"], wait["id"], *unmet[0]))
        return False

    def _resolve(self, wait_id: UUID, *, delivered: bool) -> None:
        if delivered and wait_id in self.there:
            self.by_delivery.add(wait_id)
        self._end(wait_id, "RESOLVED")

    def _end(self, wait_id: UUID, status: str) -> None:
        self.open.pop(wait_id, None)
        if wait_id in self.there:
            self.there.remove(wait_id)
            self.status[wait_id] = status


def replayed(ledger: Ledger) -> Iterator[str]:
    """What the rows say and the model does not."""
    model = _Model(ledger)
    for note in ledger.notes:
        model.play(note)
    for wait_id, wait in ledger.waits.items():
        match = None if wait["event_id"] is None else wait["resolution"]["match"]
        real = (wait["status"], wait["event_id"], match)
        expected = (
            model.status.get(wait_id, "WAITING"),
            *model.event_of.get(wait_id, (None, None)),
        )
        if real != expected:
            yield f"wait {wait['key']} is {real}, in the model {expected}"
    delivered = {each["wait_id"] for each in ledger.deliveries}
    if delivered != model.by_delivery:
        yield f"delivered are {delivered}, in the model {model.by_delivery}"
    if ledger.refusals != model.refusals:
        yield f"refusals are {ledger.refusals}, in the model {model.refusals}"
