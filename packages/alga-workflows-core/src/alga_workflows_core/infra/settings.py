"""Settings: one model per concern, read from the environment, all faults in one message.

A model names its variables in full (`validation_alias`), so that a search for a variable finds it.
No instance lives in a module; a service's `compose` loads what it needs and hands it down.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from alga_workflows_core.errors import SettingsError

M = TypeVar("M", bound="Settings")

# libpq takes these in the URL's query as well.
_SECRET_PARAMETERS = ("password", "sslpassword")


class Settings(BaseModel):
    """Base of the settings models: frozen; variables are matched by their exact name."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class DatabaseSettings(Settings):
    """Where PostgreSQL is."""

    url: Annotated[
        SecretStr,
        Field(
            validation_alias="DATABASE_URL",
            description="postgresql://user:password@host:port/database",
        ),
    ]
    direct_url: Annotated[
        SecretStr | None,
        Field(
            validation_alias="DATABASE_DIRECT_URL",
            description="The same database without a pooler in between, for LISTEN.",
        ),
    ] = None
    pool_size: Annotated[
        int,
        Field(
            validation_alias="WORKFLOW_DATABASE_POOL_SIZE",
            ge=2,
            le=200,
            description="Connections of one process.",
        ),
    ] = 20

    @field_validator("url", "direct_url")
    @classmethod
    def _is_postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parse_database_url(value.get_secret_value())
        return value

    @property
    def sqlalchemy_url(self) -> URL:
        return parse_database_url(self.url.get_secret_value())

    @property
    def listen_url(self) -> URL:
        """The address for connections that must not go through a pooler."""
        return parse_database_url((self.direct_url or self.url).get_secret_value())

    @property
    def address(self) -> str:
        """The address for messages, without a password."""
        return shown_url(self.sqlalchemy_url)


def shown_url(url: URL) -> str:
    """A database's address for messages, without what is secret in it."""
    shown = url.set(drivername="postgresql").difference_update_query(_SECRET_PARAMETERS)
    return shown.render_as_string(hide_password=True)


def parse_database_url(text: str) -> URL:
    """`text` as a SQLAlchemy URL of the psycopg driver. ValueError if it is not PostgreSQL's."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        # The text is left out of the message: it may hold a password.
        raise ValueError("not a URL; expected postgresql://user:password@host/database") from None
    if url.get_backend_name() not in {"postgresql", "postgres"}:
        raise ValueError(f"expected a postgresql:// URL, not {url.get_backend_name()}://")
    return url.set(drivername="postgresql+psycopg")


class TemporalSettings(Settings):
    """Where Temporal is. TLS, API key and profiles are read by the SDK's own `envconfig`."""

    address: Annotated[
        str, Field(validation_alias="TEMPORAL_ADDRESS", description="host:port of the frontend.")
    ] = "localhost:7233"
    namespace: Annotated[str, Field(validation_alias="TEMPORAL_NAMESPACE", min_length=1)] = (
        "default"
    )


class HttpSettings(Settings):
    """Where the HTTP server listens."""

    host: Annotated[
        str,
        Field(
            validation_alias="WORKFLOW_HOST",
            description="Address to bind; beyond loopback every request needs a key.",
        ),
    ] = "127.0.0.1"
    port: Annotated[int, Field(validation_alias="PORT", ge=0, le=65535)] = 4000


class LogSettings(Settings):
    """How much is logged, and in which form."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], Field(validation_alias="LOG_LEVEL")
    ] = "info"
    format: Annotated[
        Literal["json", "text", "auto"],
        Field(
            validation_alias="LOG_FORMAT", description="auto: text on a terminal, else JSON lines."
        ),
    ] = "auto"

    @field_validator("level", "format", mode="before")
    @classmethod
    def _lower(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value


class ProcessSettings(Settings):
    """How a process starts and stops."""

    start_timeout: Annotated[
        float,
        Field(
            validation_alias="WORKFLOW_START_TIMEOUT",
            gt=0,
            le=600,
            description="Seconds to wait for PostgreSQL and Temporal at start.",
        ),
    ] = 10.0
    stop_timeout: Annotated[
        float,
        Field(
            validation_alias="WORKFLOW_STOP_TIMEOUT",
            gt=0,
            le=600,
            description="Seconds that running actions get to finish after SIGTERM.",
        ),
    ] = 10.0
    build_id: Annotated[
        str,
        Field(
            validation_alias="WORKFLOW_BUILD_ID",
            min_length=1,
            max_length=64,
            description="Written into every workflow task; keep it short.",
        ),
    ] = "dev"


class RunSettings(Settings):
    """How runs are shown."""

    blocked_after: Annotated[
        float,
        Field(
            validation_alias="WORKFLOW_BLOCKED_AFTER",
            ge=0,
            le=86400,
            description="Seconds after which an action that nobody takes shows in `blockedOn`.",
        ),
    ] = 30.0


def load(model: type[M], environ: Mapping[str, str] | None = None) -> M:
    """`model` from the environment; SettingsError names every variable that is wrong."""
    return load_all(model, environ=environ)[0]


def load_all(*models: type[Any], environ: Mapping[str, str] | None = None) -> tuple[Any, ...]:
    """One instance per model, in order. An empty variable counts as not set.

    Raises SettingsError once, with every fault of every model.
    """
    source = os.environ if environ is None else environ
    values = {name: value for name, value in source.items() if value.strip() != ""}
    loaded: list[Any] = []
    faults: list[str] = []
    for model in models:
        try:
            loaded.append(model.model_validate(values))
        except ValidationError as error:
            faults += [_describe(model, fault) for fault in error.errors(include_input=False)]
    if faults:
        raise SettingsError(
            "Settings are missing or wrong:\n" + "\n".join(f"  - {fault}" for fault in faults),
            remedy="\nSet them in the environment and start again.",
            details={"faults": faults},
        )
    return tuple(loaded)


def shown_settings(settings: Settings) -> dict[str, str]:
    """Each variable and the value in effect, for people: of what is secret only that it is set, of
    an address without its password."""
    return {
        str(field.validation_alias): _shown(getattr(settings, name))
        for name, field in type(settings).model_fields.items()
    }


def _shown(value: Any) -> str:
    if isinstance(value, SecretStr):
        try:
            return shown_url(parse_database_url(value.get_secret_value()))
        except ValueError:
            return "(set)"
    if isinstance(value, tuple):
        return ",".join(str(part) for part in cast("tuple[object, ...]", value))
    return "" if value is None else str(value)


def _describe(model: type[Settings], fault: Mapping[str, Any]) -> str:
    name = str(fault["loc"][0]) if fault["loc"] else model.__name__
    if name in model.model_fields:
        # A default that does not fit is told by the field's own name.
        name = str(model.model_fields[name].validation_alias)
    described = next(
        (
            field.description
            for field in model.model_fields.values()
            if field.validation_alias == name and field.description
        ),
        None,
    )
    problem = "is not set" if fault["type"] == "missing" else fault["msg"]
    return f"{name}: {problem}" + (f" ({described})" if described else "")
