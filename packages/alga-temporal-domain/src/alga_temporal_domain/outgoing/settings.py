"""Where events go, and how patiently."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, cast

from pydantic import Field, SecretStr, field_validator

from alga_workflows_core.infra.settings import Settings


class OutgoingSettings(Settings):
    """Times are in seconds."""

    url: Annotated[
        str | None,
        Field(
            validation_alias="TEMPORAL_WORKER_EVENTS_URL",
            pattern=r"^https?://[^/?#\s]+[^\s]*$",
            description="Where CloudEvents are POSTed, as in "
            "http://127.0.0.1:4000/api/v1/events; without it they wait.",
        ),
    ] = None
    key: Annotated[
        SecretStr | None,
        Field(
            validation_alias="TEMPORAL_WORKER_EVENTS_KEY",
            description="The bearer key for events of tenants that have none of their own.",
        ),
    ] = None
    keys: Annotated[
        Mapping[str, SecretStr] | None,
        Field(
            validation_alias="TEMPORAL_WORKER_EVENTS_KEYS",
            description="Bearer keys by tenant, a JSON object. With it, events of tenants that it "
            "does not name wait, unless there is a key for them all.",
        ),
    ] = None
    attempts: Annotated[
        int,
        Field(
            validation_alias="TEMPORAL_WORKER_EVENTS_ATTEMPTS",
            ge=1,
            le=1000,
            description="Answers that refuse an event, after which it is given up.",
        ),
    ] = 10
    timeout: Annotated[
        float,
        Field(
            validation_alias="TEMPORAL_WORKER_EVENTS_TIMEOUT",
            gt=0,
            le=300,
            description="Seconds to wait for an answer.",
        ),
    ] = 10.0
    longest_wait: Annotated[
        float,
        Field(
            validation_alias="TEMPORAL_WORKER_EVENTS_LONGEST_WAIT",
            gt=0,
            le=86_400,
            description="Seconds between two attempts at most.",
        ),
    ] = 60.0
    keep_days: Annotated[
        int,
        Field(
            validation_alias="TEMPORAL_WORKER_EVENTS_KEEP_DAYS",
            ge=1,
            le=3650,
            description="Days for which delivered events are kept.",
        ),
    ] = 30

    @field_validator("keys", mode="before")
    @classmethod
    def _is_object(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            found = json.loads(value)
        except ValueError:
            # The text is left out of the message: it holds keys.
            raise ValueError("not JSON; expected an object of tenants and their keys") from None
        if not isinstance(found, dict):
            raise ValueError("expected an object of tenants and their keys")  # noqa: TRY004
        return cast("dict[str, Any]", found)

    def key_of(self, tenant: str) -> SecretStr | None:
        """What a tenant's events are sent with."""
        own = None if self.keys is None else self.keys.get(tenant)
        return own or self.key
