"""An action's contract as data: what the catalogue lists, publishing checks and a run carries."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from alga_workflows_core.types.json import JsonObject
from alga_workflows_core.types.model import Model


class ActionKind(StrEnum):
    """What may happen when an action runs again.

    PURE: deterministic and without I/O; runs inside the workflow.
    READ: changes nothing. IDEMPOTENT: doing it twice is doing it once.
    TRANSACTIONAL: its writes commit together with the ledger's row, in the transaction that it is
    handed. UNSAFE: none of these; if nobody knows whether it took effect, its step is parked.
    """

    PURE = "pure"
    READ = "read"
    IDEMPOTENT = "idempotent"
    TRANSACTIONAL = "transactional"
    UNSAFE = "unsafe"


class RetrySpec(Model):
    """How often and how fast a failed attempt is repeated, where the definition does not say.

    Delays in seconds. They are short ones: whoever wants to wait for longer says so in a document,
    where the wait can be seen, and a run is not held up by it.
    """

    max_attempts: Annotated[int, Field(ge=1, le=100)] = 3
    first_delay: Annotated[float, Field(gt=0, le=10)] = 1.0
    multiplier: Annotated[float, Field(ge=1, le=100)] = 2.0
    max_delay: Annotated[float, Field(gt=0, le=10)] = 10.0


class PinnedAction(Model):
    """The part of a contract that decides how a run calls the action, fixed at publish.

    `timeout` is one attempt's, in seconds. `short` promises two seconds at most. `queue` is the
    Temporal task queue that serves the action.
    """

    id: str
    version: int
    kind: ActionKind
    short: bool = False
    timeout: Annotated[float, Field(gt=0, le=86400)] = 60.0
    retry: RetrySpec = RetrySpec()
    queue: str


class ActionSpec(PinnedAction):
    """The whole contract: also what people and validation need to know.

    `secret_fields`: JSON Pointers into the input to where secrets belong; `*` in one stands for
    every item of a list or member of an object.
    """

    description: str
    input_schema: JsonObject
    output_schema: JsonObject
    secret_fields: tuple[str, ...] = ()

    def pinned(self) -> PinnedAction:
        """What a published version keeps of this contract."""
        return PinnedAction(**{name: getattr(self, name) for name in PinnedAction.model_fields})
