"""Inputs and outputs of jobs, held against their types."""

from __future__ import annotations

import json
from typing import Any

from pydantic import TypeAdapter, ValidationError
from temporalio.exceptions import ApplicationError

from alga_temporal_domain.jobs.contracts import MOST_RESULT_BYTES
from alga_temporal_domain.jobs.registry import Job
from alga_workflows_core.errors import InputError
from alga_workflows_core.types import faults
from alga_workflows_core.types.json import Json
from alga_workflows_core.types.pointers import pointer
from alga_workflows_core.types.suggest import did_you_mean

MOST_INPUT_BYTES = 1024 * 1024
"""The largest input, as JSON: Temporal takes no more than 2 MiB, other things included."""

_MOST_FAULTS = 20


def checked_input(found: Job[Any, Any], data: Json) -> Any:
    """`data` as the job's input; InputError `JOB_INPUT_INVALID` says what is wrong with it."""
    if len(json.dumps(data)) > MOST_INPUT_BYTES:
        raise InputError(
            f"The input has more than {MOST_INPUT_BYTES} bytes.",
            code="JOB_INPUT_TOO_LARGE",
            path="/input",
            remedy="Store it elsewhere, and give the job its address.",
        )
    try:
        return found.input.validate_json(json.dumps(data))
    except ValidationError as error:
        raise _invalid(found, error) from error


def _invalid(found: Job[Any, Any], error: ValidationError) -> InputError:
    errors = error.errors(include_url=False, include_input=False)[:_MOST_FAULTS]
    listed = [
        {"path": f"/input{pointer(*each['loc'])}", "message": f"{faults.sentence(each)}."}
        for each in errors
    ]
    remedy = f"GET /v1/jobs/names has the JSON Schema of {found.name}."
    if errors[0]["type"] == "extra_forbidden":
        properties = _schema(found.input).get("properties", {})
        meant = did_you_mean(str(errors[0]["loc"][-1]), properties)
        remedy = f"{meant} {remedy}" if meant else remedy
    return InputError(
        f"The input does not fit the job {found.name}: {listed[0]['message']}",
        code="JOB_INPUT_INVALID",
        path=listed[0]["path"],
        remedy=remedy,
        details={"faults": listed},
    )


def read_input(found: Job[Any, Any], data: Json) -> Any:
    """The same inside an activity, where it ends the job: another attempt would not help."""
    try:
        return found.input.validate_json(json.dumps(data))
    except ValidationError as error:
        raise ApplicationError(
            f"The input does not fit the job {found.name} any more: {_summary(error)}",
            type="JobInputInvalid",
            non_retryable=True,
        ) from None


def written_output(found: Job[Any, Any], value: Any) -> tuple[Json, int]:
    """A handler's result as JSON, and how many bytes that has; the job ends if it is not what the
    job's type says, or larger than any result may be."""
    try:
        checked = found.output.validate_python(value)
        text = found.output.dump_json(checked, by_alias=True)
    except (ValidationError, ValueError) as error:
        raise ApplicationError(
            f"The result of the job {found.name} is not of its type: {_summary(error)}",
            type="JobOutputInvalid",
            non_retryable=True,
        ) from None
    if len(text) > MOST_RESULT_BYTES:
        raise ApplicationError(
            f"The result of the job {found.name} has {len(text)} bytes; "
            f"{MOST_RESULT_BYTES} are allowed.",
            type="JobResultTooLarge",
            non_retryable=True,
        )
    return json.loads(text), len(text)


def schemas(found: Job[Any, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The JSON Schemas of input and result."""
    return _schema(found.input), _schema(found.output, is_output=True)


def _schema(adapter: TypeAdapter[Any], *, is_output: bool = False) -> dict[str, Any]:
    return adapter.json_schema(by_alias=True, mode="serialization" if is_output else "validation")


def _summary(error: Exception) -> str:
    """Without the values, which may be anybody's data."""
    if not isinstance(error, ValidationError):
        return type(error).__name__
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{pointer(*first['loc']) or 'the value'}: {faults.sentence(first)}"
