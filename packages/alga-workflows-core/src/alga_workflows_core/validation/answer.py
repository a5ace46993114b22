"""What people answer to a task, against its form (JSON Schema 2020-12)."""

from __future__ import annotations

from alga_workflows_core.errors import InputError
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.validation.listed_faults import listed_faults


def check_answer(form: JsonObject, answer: Json, *, member: str) -> None:
    """InputError `ANSWER_INVALID`, whose details list `errors` (`path`, `message`), if it does not
    fit. `member`: where the answer stands in what was sent. Large answers take seconds.

    `form` is that of a published definition, in which `schema_faults` found nothing.
    """
    try:
        faults = listed_faults(form, answer, root=member)
    except RecursionError as error:
        raise _invalid("It is nested too deeply.", [{"path": f"/{member}"}], 1) from error
    except ValueError as error:
        # Published before such patterns were refused.
        raise _invalid(str(error), [{"path": f"/{member}"}], 1) from error
    if faults.total:
        raise _invalid(faults.listed[0]["message"], faults.listed, faults.total)


def _invalid(why: str, errors: list[JsonObject], total: int) -> InputError:
    listed = [{"message": why, **each} for each in errors]
    return InputError(
        f"The answer does not fit the form: {why}",
        code="ANSWER_INVALID",
        path=listed[0]["path"],
        remedy="Correct the answer; the task's form says what is expected.",
        details={"errors": listed, "total": total},
    )
