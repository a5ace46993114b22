"""How projects' processes reach Temporal, and where their supervisor reads that."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from temporalio.client import Client, TLSConfig
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfigProfile
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)

from alga_temporal_domain.projects.process.order import TemporalTarget
from alga_workflows_core.errors import SettingsError
from alga_workflows_core.infra.settings import TemporalSettings


def target(settings: TemporalSettings, environ: Mapping[str, str] | None = None) -> TemporalTarget:
    """What `infra.temporal.connect` would connect to, with certificates and key read from the
    files that the environment names. SettingsError when one of them cannot be read.

    `environ`: in place of the process's own environment.
    """
    profile = ClientConfigProfile.load(override_env_vars=environ)
    tls = profile.tls
    is_off = tls is not None and bool(tls.disabled)
    return TemporalTarget(
        address=settings.address,
        namespace=settings.namespace,
        api_key=profile.api_key,
        tls=not is_off and (tls is not None or profile.api_key is not None),
        server_name=None if tls is None else tls.server_name,
        server_root_ca=None if tls is None else _text(tls.server_root_ca_cert),
        client_cert=None if tls is None else _text(tls.client_cert),
        client_key=None if tls is None else _text(tls.client_private_key),
        metadata=dict(profile.grpc_meta),
    )


async def connect(wanted: TemporalTarget, *, identity: str) -> Client:
    """A client with a runtime of its own. RPCError, RuntimeError or OSError without a server."""
    return await Client.connect(
        wanted.address,
        namespace=wanted.namespace,
        api_key=wanted.api_key,
        tls=_tls(wanted),
        rpc_metadata=wanted.metadata,
        identity=identity,
        data_converter=pydantic_data_converter,
        runtime=Runtime(telemetry=telemetry(), worker_heartbeat_interval=None),
    )


def telemetry() -> TelemetryConfig:
    """The SDK's warnings in Python's logging; of itself it writes to standard output."""
    return TelemetryConfig(
        logging=LoggingConfig(
            filter=TelemetryFilter(core_level="WARN", other_level="ERROR"),
            forwarding=LogForwardingConfig(
                logger=logging.getLogger("temporalio.core"), append_target_to_name=False
            ),
        )
    )


def _tls(wanted: TemporalTarget) -> TLSConfig | bool:
    if not wanted.tls:
        return False
    return TLSConfig(
        server_root_ca_cert=_bytes(wanted.server_root_ca),
        domain=wanted.server_name,
        client_cert=_bytes(wanted.client_cert),
        client_private_key=_bytes(wanted.client_key),
    )


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode()


def _text(source: Path | str | bytes | None) -> str | None:
    if isinstance(source, Path):
        try:
            return source.read_text("utf-8")
        except OSError as error:
            raise SettingsError(
                f"A file for the connection to Temporal cannot be read: {source}"
                f" ({error.strerror}).",
                remedy="Check the variables TEMPORAL_TLS_… and the file's owner.",
            ) from error
    return source.decode() if isinstance(source, bytes) else source
