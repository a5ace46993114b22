"""The settings of the inbox."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from alga_workflows_core.infra.settings import Settings


class EventSettings(Settings):
    """How events are kept."""

    retention: Annotated[
        float,
        Field(
            validation_alias="WORKFLOW_EVENTS_RETENTION",
            gt=0,
            le=36500,
            description="Days for which events are kept that nobody needs any more.",
        ),
    ] = 90.0
