"""What a workflow asks Temporal for, with all of its inputs: as recorded, and as replayed.

The SDK's replayer compares the types of commands and their order. Their inputs are compared here:
those of activities (with queue, timeouts and retries), timers' durations, and what a run ends with
or goes on with. The inputs of local activities are in no history; of these a hash is recorded
beside it, without the time that the workflow's code took, which is not the same twice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias, cast

from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload
from temporalio.api.history.v1 import HistoryEvent
from temporalio.bridge.proto.workflow_commands import WorkflowCommand
from temporalio.contrib.pydantic import pydantic_data_converter

Inputs: TypeAlias = dict[str, Any]
"""What was asked for (`activity 5`, `timer 2`, `local 3`, `end`) to its input."""

MEASURED = "work"


def recorded_inputs(events: Iterable[HistoryEvent]) -> Inputs:
    """Those that a history tells of."""
    found: Inputs = {}
    for event in events:
        kind = event.WhichOneof("attributes")
        attributes = getattr(event, kind or "")
        match kind:
            case "activity_task_scheduled_event_attributes":
                found[f"activity {attributes.activity_id}"] = _activity(
                    attributes, attributes.activity_type.name, attributes.task_queue.name
                ) | {"input": _payloads(attributes.input.payloads)}
            case "timer_started_event_attributes":
                timer = attributes.start_to_fire_timeout
                found[f"timer {attributes.timer_id}"] = _milliseconds(timer)
            case "workflow_execution_completed_event_attributes":
                found["end"] = {"completed": _payloads(attributes.result.payloads)}
            case "workflow_execution_failed_event_attributes":
                found["end"] = {"failed": _failure(attributes.failure)}
            case "workflow_execution_canceled_event_attributes":
                found["end"] = {"canceled": None}
            case "workflow_execution_continued_as_new_event_attributes":
                found["end"] = {"continued": _payloads(attributes.input.payloads)}
            case _:
                pass
    return found


def replayed_inputs(commands: Iterable[WorkflowCommand]) -> Inputs:
    """Those of commands that workflow code gave."""
    found: Inputs = {}
    for command in commands:
        kind = command.WhichOneof("variant")
        asked = getattr(command, kind or "")
        match kind:
            case "schedule_activity":
                found[f"activity {asked.activity_id}"] = _activity(
                    asked, asked.activity_type, asked.task_queue
                ) | {"input": _payloads(asked.arguments)}
            case "schedule_local_activity":
                found[f"local {asked.activity_id}"] = hash_of(asked.arguments)
            case "start_timer":
                found[f"timer {asked.seq}"] = _milliseconds(asked.start_to_fire_timeout)
            case "complete_workflow_execution":
                found["end"] = {"completed": _payloads([asked.result])}
            case "fail_workflow_execution":
                found["end"] = {"failed": _failure(asked.failure)}
            case "cancel_workflow_execution":
                found["end"] = {"canceled": None}
            case "continue_as_new_workflow_execution":
                found["end"] = {"continued": _payloads(asked.arguments)}
            case _:
                pass
    return found


def hash_of(payloads: Sequence[Payload]) -> str:
    """A short hash of the input of a local activity, without what was measured."""
    values = _payloads(payloads)
    for value in values:
        if isinstance(value, dict):
            cast("dict[str, Any]", value).pop(MEASURED, None)
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def hash_of_arguments(arguments: Sequence[Any]) -> str:
    """The same of what the activity got."""
    return hash_of(pydantic_data_converter.payload_converter.to_payloads(arguments))


def changed_inputs(recorded: Inputs, replayed: Inputs) -> list[str]:
    """What is not asked for as it was, for people."""
    return [
        f"{name}: recorded {_short(wanted)}, replayed {_short(replayed.get(name))}"
        for name, wanted in recorded.items()
        if replayed.get(name) != wanted
    ]


def _activity(attributes: Any, name: str, queue: str) -> Inputs:
    retry: Message = attributes.retry_policy
    return {
        "name": name,
        "queue": queue,
        "closes": _milliseconds(attributes.schedule_to_close_timeout),
        "attempt": _milliseconds(attributes.start_to_close_timeout),
        "heartbeat": _milliseconds(attributes.heartbeat_timeout),
        "retry": MessageToDict(retry),
    }


def _payloads(payloads: Iterable[Payload]) -> list[Any]:
    # A result that is null has no data.
    return [json.loads(payload.data) if payload.data else None for payload in payloads]


def _milliseconds(duration: Duration) -> int:
    return duration.ToMilliseconds()


def _failure(failure: Any) -> Inputs:
    info = failure.application_failure_info
    return {
        "message": failure.message,
        "type": info.type,
        "final": info.non_retryable,
        "details": _payloads(info.details.payloads),
    }


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 2_000 else f"{text[:2_000]}…"
