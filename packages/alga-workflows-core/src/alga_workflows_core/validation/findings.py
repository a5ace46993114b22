"""What is wrong with a document, in a form that people and programs can read."""

from __future__ import annotations

from enum import StrEnum

from alga_workflows_core.definition.model import Model


class Severity(StrEnum):
    """An error forbids publishing; a warning does not."""

    ERROR = "error"
    WARNING = "warning"


class Code(StrEnum):
    """Stable names of findings; each has its page in `docs/findings`."""

    ACTION_INPUT_MISSING = "ACTION_INPUT_MISSING"
    ACTION_INPUT_UNKNOWN = "ACTION_INPUT_UNKNOWN"
    ACTION_UNKNOWN = "ACTION_UNKNOWN"
    ACTION_VERSION_UNKNOWN = "ACTION_VERSION_UNKNOWN"
    CONDITION_LITERAL = "CONDITION_LITERAL"
    DOCUMENT_NOT_JSON = "DOCUMENT_NOT_JSON"
    DOCUMENT_NOT_OBJECT = "DOCUMENT_NOT_OBJECT"
    DOCUMENT_TOO_LARGE = "DOCUMENT_TOO_LARGE"
    EXPRESSION_MALFORMED = "EXPRESSION_MALFORMED"
    EXPRESSION_SYNTAX = "EXPRESSION_SYNTAX"
    FIELD_INVALID = "FIELD_INVALID"
    FIELD_MISSING = "FIELD_MISSING"
    FIELD_UNKNOWN = "FIELD_UNKNOWN"
    PAYLOAD_SCHEMA_INVALID = "PAYLOAD_SCHEMA_INVALID"
    SECRET_NOT_SUPPORTED = "SECRET_NOT_SUPPORTED"  # noqa: S105 - a code, not a secret
    STEP_ID_DUPLICATE = "STEP_ID_DUPLICATE"
    STEP_PATH_TOO_LONG = "STEP_PATH_TOO_LONG"
    STEP_TYPE_UNKNOWN = "STEP_TYPE_UNKNOWN"
    STEP_UNREACHABLE = "STEP_UNREACHABLE"


class Finding(Model):
    """One thing to look at. `path` is a JSON Pointer into the document."""

    severity: Severity
    code: Code
    path: str
    message: str
    suggestion: str | None = None


def error(code: Code, path: str, message: str, suggestion: str | None = None) -> Finding:
    """A finding that forbids publishing."""
    return Finding(
        severity=Severity.ERROR, code=code, path=path, message=message, suggestion=suggestion
    )


def warning(code: Code, path: str, message: str, suggestion: str | None = None) -> Finding:
    """A finding that does not forbid publishing."""
    return Finding(
        severity=Severity.WARNING, code=code, path=path, message=message, suggestion=suggestion
    )
