"""What does not fit a schema, as lists that people read."""

from __future__ import annotations

from dataclasses import dataclass

from jsonschema.exceptions import ValidationError

from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.pointers import pointer
from alga_workflows_core.validation.json_schema import faults_of
from alga_workflows_core.validation.schema_faults import shortened

MAX_LISTED = 20


@dataclass(frozen=True, slots=True)
class ListedFaults:
    """The first faults as `{"path", "message"}`, ordered by path, and how many there are."""

    listed: list[JsonObject]
    total: int


def listed_faults(schema: JsonObject, value: Json, *, root: str) -> ListedFaults:
    """What is wrong with `value`; paths are JSON Pointers into the member `root`.

    Raises what `faults_of` does.
    """

    def place(fault: ValidationError) -> str:
        return pointer(root, *fault.absolute_path)

    faults = sorted(faults_of(value, schema), key=place)
    listed: list[JsonObject] = [
        {"path": place(fault), "message": f"{shortened(fault.message)}."}
        for fault in faults[:MAX_LISTED]
    ]
    return ListedFaults(listed, len(faults))
