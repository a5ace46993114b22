"""Policies of a step: when it is tried again, and what happens when it fails for good."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, model_validator

from alga_workflows_core.definition.model import Part, field_fault
from alga_workflows_core.definition.values import DurationText, Value, WritablePath
from alga_workflows_core.types.identifiers import ACTION_ID, ERROR_CODE, ERROR_NAME

ErrorCode = Annotated[str, Field(pattern=ERROR_CODE)]
"""The code of an error: `HTTP_NOT_FOUND`."""

ErrorName = Annotated[str, Field(pattern=ERROR_NAME)]
"""The code or the category of errors: `HTTP_NOT_FOUND`, `Transient`."""

MAX_BACKOFF_MS = 30 * 24 * 3600 * 1000
"""Thirty days: the longest time between two attempts."""

ActionInput = Annotated[
    dict[str, Value],
    Field(
        default_factory=dict[str, Value],
        description="Field of the action's input to value. Secrets are named here only: "
        '`{"$secret": "API_KEY"}`.',
        examples=[{"text": {"$expr": "payload.title"}, "maxLength": 80}],
    ),
]

ActionId = Annotated[
    str,
    Field(
        pattern=ACTION_ID,
        description="Which action; GET /api/v1/actions lists them.",
        examples=["http.request"],
    ),
]

ActionVersion = Annotated[int, Field(ge=1, description="Which version of the action.")]


class RetryPolicy(Part):
    """How often and how fast a step that failed is tried again.

    Attempt n + 1 starts `backoffMs * backoffMultiplier^(n - 1)` milliseconds after attempt n
    failed, `maxDelayMs` at most.
    """

    max_attempts: Annotated[
        int, Field(ge=1, le=1000, description="Attempts in all, the first included.", examples=[5])
    ]
    backoff_ms: Annotated[
        int,
        Field(ge=0, le=MAX_BACKOFF_MS, description="Before the second attempt.", examples=[1000]),
    ]
    backoff_multiplier: Annotated[
        float, Field(ge=1, le=100, description="By which each further delay grows.")
    ] = 2.0
    max_delay_ms: Annotated[
        int | None, Field(ge=1, le=MAX_BACKOFF_MS, description="No delay is longer than this.")
    ] = None
    max_elapsed: Annotated[
        DurationText | None,
        Field(description="No attempt starts later than this after the first.", examples=["P1D"]),
    ] = None
    jitter: Annotated[
        bool, Field(description="Whether delays vary by chance, so that not all come at once.")
    ] = True
    retry_on: Annotated[
        list[ErrorName] | None,
        Field(
            min_length=1,
            description="Codes and categories that are tried again; absent: whatever is retryable.",
            examples=[["Transient", "HTTP_CONFLICT"]],
        ),
    ] = None


OnErrorPolicy: TypeAlias = Literal["fail", "continue", "park"]
"""What a failure for good does: it fails the block, is passed over, or waits for people."""


class OnError(Part):
    """What happens when a step fails for good."""

    policy: Annotated[
        OnErrorPolicy,
        Field(
            description="fail: the error goes on outwards. continue: the run goes on behind the "
            "step. park: the run waits for an operator.",
        ),
    ]
    save_as: Annotated[
        WritablePath | None, Field(description="Path (`vars.…`) that gets the error.")
    ] = None

    @model_validator(mode="after")
    def _check(self) -> OnError:
        if self.save_as is not None and self.policy != "continue":
            raise field_fault("saveAs", "Nothing reads the error unless the policy is 'continue'")
        return self


class Undo(Part):
    """The action that undoes a step when a saga around it fails.

    Its input sees what the step saw at its end, besides `outcome` ('succeeded' or 'unknown') and
    `result`, the step's output.
    """

    action_id: ActionId
    version: ActionVersion
    input_mapping: ActionInput
