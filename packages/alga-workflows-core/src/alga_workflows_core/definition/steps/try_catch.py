"""`control.tryCatch`: catch errors, clean up."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from alga_workflows_core.definition.model import field_fault
from alga_workflows_core.definition.policies import ErrorName
from alga_workflows_core.definition.steps.base import Block, StepBase, Steps, blocks
from alga_workflows_core.definition.values import WritablePath


class TryCatchStep(StepBase):
    """Walk a block; if it fails, another one; a third one however it ends."""

    type: Annotated[Literal["control.tryCatch"], Field(description="Catch errors, clean up.")]
    attempt: Annotated[Steps, Field(alias="try", description="What may fail.")]
    catch: Annotated[
        Steps | None,
        Field(description="What happens if it fails; expressions see the error as `error`."),
    ] = None
    finally_: Annotated[
        Steps | None,
        Field(alias="finally", description="What happens at the end, also when it is cancelled."),
    ] = None
    capture_error_as: Annotated[
        WritablePath | None,
        Field(description="Path (`vars.…`) that keeps the error beyond the catch."),
    ] = None
    catch_on: Annotated[
        list[ErrorName] | None,
        Field(
            min_length=1,
            description="Codes and categories that are caught; absent: all.",
            examples=[["Timeout", "HTTP_NOT_FOUND"]],
        ),
    ] = None

    @model_validator(mode="after")
    def _check(self) -> TryCatchStep:
        if self.catch is None:
            if self.finally_ is None:
                sentence = "It has neither 'catch' nor 'finally'"
                raise field_fault("catch", sentence, missing=True)
            for name, given in (
                ("captureErrorAs", self.capture_error_as),
                ("catchOn", self.catch_on),
            ):
                if given is not None:
                    raise field_fault(name, "Nothing is caught: there is no 'catch'")
        return self

    def blocks(self) -> tuple[Block, ...]:
        return blocks(**{"try": self.attempt, "catch": self.catch, "finally": self.finally_})
