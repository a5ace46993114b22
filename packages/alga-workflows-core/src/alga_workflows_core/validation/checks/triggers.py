"""What starts a run: does it give the run the payload that it needs?

And of all that looks for events, waits too: are there such events, and can their filters match?
"""

from __future__ import annotations

from collections.abc import Iterator

from alga_workflows_core.definition.events import EventMatch, Trigger
from alga_workflows_core.definition.steps.event_wait import EventWaitStep
from alga_workflows_core.types.faults import quoted
from alga_workflows_core.types.pointers import pointer
from alga_workflows_core.types.suggest import did_you_mean
from alga_workflows_core.validation.checks.filters import check_filters
from alga_workflows_core.validation.checks.inputs import Taker, check_inputs
from alga_workflows_core.validation.findings import Code, Finding, error, warning
from alga_workflows_core.validation.literals import kinds_in_words
from alga_workflows_core.validation.shapes import Shape, never_meets
from alga_workflows_core.validation.subject import Subject
from alga_workflows_core.validation.types import Scope, Types

_TAKER = Taker(
    name="the run",
    opening="The run",
    noun="payload field",
    help="The definition's payloadSchema says what a run needs.",
    missing=Code.TRIGGER_INPUT_MISSING,
    unknown=Code.TRIGGER_INPUT_UNKNOWN,
    invalid=Code.TRIGGER_INPUT_INVALID,
    type=Code.TRIGGER_INPUT_TYPE,
)
_MAPPING = "Add a payloadMapping that makes the payload from the event."


def check(subject: Subject) -> Iterator[Finding]:
    """What is wrong with the trigger, and with the events and filters of waits."""
    types = Types(subject)
    trigger = subject.definition.trigger
    if trigger is not None:
        yield from _check_events(trigger, "/trigger", subject, types)
        yield from _check_payload(trigger, types)
    for visit in subject.visits:
        if isinstance(visit.step, EventWaitStep):
            for place, match in visit.step.config.matches():
                here = visit.here + "/config" + pointer(*place)
                yield from _check_events(match, here, subject, types)


def _check_events(
    match: EventMatch | Trigger, here: str, subject: Subject, types: Types
) -> Iterator[Finding]:
    known = subject.catalogue.events
    if known is not None and match.event_name not in known:
        yield warning(
            Code.EVENT_UNKNOWN,
            here + "/eventName",
            f"No event type {quoted(match.event_name)} is known.",
            did_you_mean(match.event_name, known) or "Register it, or correct the name.",
        )
    yield from check_filters(match.filters, here + "/filters", types.event(match.event_name))


def _check_payload(trigger: Trigger, types: Types) -> Iterator[Finding]:
    wanted = types.sound_payload
    if trigger.payload_mapping is not None:
        scope = Scope(None, {"event": types.event(trigger.event_name)})
        here = "/trigger/payloadMapping"
        yield from check_inputs(trigger.payload_mapping, here, _TAKER, wanted, types, scope)
        return
    given = types.event_payload(trigger.event_name)
    for name in wanted.required:
        if given.parts and given.lacks(name):
            yield error(
                Code.TRIGGER_INPUT_MISSING,
                "/trigger",
                f"The run needs the payload field {quoted(name)}, which the payload of "
                f"{quoted(trigger.event_name)} does not have.",
                _MAPPING,
            )
    yield from _check_fields(given, wanted, quoted(trigger.event_name))


def _check_fields(given: Shape, wanted: Shape, event: str) -> Iterator[Finding]:
    """Each field that all such events have and that becomes one of the run's payload."""
    for name in given.required:
        if wanted.parts and wanted.lacks(name):
            yield error(
                Code.TRIGGER_INPUT_UNKNOWN,
                "/trigger",
                f"{event} brings {quoted(name)}, which the run's payload must not have.",
                _MAPPING,
            )
        elif never_meets(given.member(name), wanted.member(name)):
            kinds = wanted.member(name).kinds, given.member(name).kinds
            differ = kinds[0].isdisjoint(kinds[1])
            why = " is {}, not {}" if differ else " is not one of those that are allowed"
            told = why.format(kinds_in_words(kinds[1]), kinds_in_words(kinds[0]))
            yield warning(
                Code.TRIGGER_INPUT_TYPE,
                "/trigger",
                f"The field {quoted(name)} of {event} does not fit the run's payload: it{told}.",
                _MAPPING,
            )
