"""What every check gets to see: a definition, taken apart once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alga_workflows_core.definition.document import Definition
from alga_workflows_core.validation.catalogue import Catalogue
from alga_workflows_core.validation.expressions import ReadExpression, read_expressions
from alga_workflows_core.validation.slots import Slot, document_slots, step_slots
from alga_workflows_core.validation.visits import Visit, visits


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """`visits` are the steps in document order; `slots` all values, the document's own first.

    `expressions` are those in the slots, in the order of these.
    """

    definition: Definition
    catalogue: Catalogue
    visits: Sequence[Visit]
    slots: Sequence[Slot]
    expressions: Sequence[ReadExpression]


def subject_of(definition: Definition, catalogue: Catalogue) -> Subject:
    """The subject that `definition` is."""
    visited = visits(definition)
    slots = [*document_slots(definition), *(slot for each in visited for slot in step_slots(each))]
    return Subject(
        definition=definition,
        catalogue=catalogue,
        visits=visited,
        slots=slots,
        expressions=list(read_expressions(slots)),
    )
