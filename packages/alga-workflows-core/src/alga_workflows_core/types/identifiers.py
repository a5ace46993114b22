"""The patterns of the names in a document, and what people are told they look like."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from alga_workflows_core.errors import Category

DEFINITION_ID = r"^[a-z0-9][a-z0-9._-]{0,127}$"
"""The pattern of a definition's id, and of a calendar's."""

STEP_ID = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$"
"""The pattern of the id of a step or a branch."""

ACTION_ID = r"^[a-z][A-Za-z0-9_.-]{0,127}$"
"""The pattern of an action's id."""

TASK_TYPE = r"^[A-Za-z][A-Za-z0-9_.-]{0,127}$"
"""The pattern of the kind of a human task."""

ERROR_CODE = r"^[A-Z][A-Z0-9_]{0,127}$"
"""The pattern of an error's code."""

ERROR_NAME = rf"^([A-Z][A-Z0-9_]{{0,127}}|{'|'.join(Category)})$"
"""The pattern of an error's code or category."""

EVENT_FIELDS = ("id", "name", "source", "correlationKey", "time", "payload")
"""What `event` has in expressions and filters."""

EVENT_NAME = r"^[A-Za-z][A-Za-z0-9_.:/-]{0,199}$"
"""The pattern of an event's name."""

EVENT_PATH = rf"^({'|'.join(EVENT_FIELDS)})(\.[A-Za-z_$][A-Za-z0-9_$-]{{0,127}})*$"
"""The pattern of a path into an event."""

TENANT = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
"""The pattern of a tenant's name."""

LINE = r"^[^\x00-\x1f\x7f-\x9f]*$"
"""The pattern of text on one line, without control characters."""

PROSE = r"^[^\x00]*$"
"""The pattern of text without the NUL character."""

WORDS: Mapping[str, str] = MappingProxyType(
    {
        DEFINITION_ID: "It has to be 1 to 128 lower-case letters, digits, dots, - and _, "
        "a letter or digit first",
        STEP_ID: "It has to be 1 to 64 letters, digits, - and _, a letter first",
        ACTION_ID: "It has to be 1 to 128 letters, digits, dots, - and _, "
        "a lower-case letter first, as in http.request",
        TASK_TYPE: "It has to be 1 to 128 letters, digits, dots, - and _, a letter first",
        ERROR_CODE: "It has to be a code as in HTTP_NOT_FOUND: 1 to 128 capital letters, digits "
        "and _, a letter first",
        ERROR_NAME: "It has to be a code as in HTTP_NOT_FOUND, or one of the categories "
        + ", ".join(Category),
        EVENT_NAME: "It has to be 1 to 200 letters, digits and any of . : / - _, a letter first",
        EVENT_PATH: "It has to be a path into the event as in payload.priority; it begins with "
        "one of " + ", ".join(EVENT_FIELDS),
        LINE: "It has to be one line without control characters",
        PROSE: "It must not hold the NUL character",
    }
)
"""A sentence, without its full stop, for each of the patterns."""
