"""The service's environment, as its own tests have it."""

from __future__ import annotations

from tests.domain.service.conftest import service_environ

__all__ = ["service_environ"]
