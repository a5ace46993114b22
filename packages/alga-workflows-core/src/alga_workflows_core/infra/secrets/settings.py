"""The setting that says where secrets are.

It stands apart from the providers: loading settings means loading SQLAlchemy.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import DirectoryPath, Field

from alga_workflows_core.infra.secrets.combined import CombinedSecrets
from alga_workflows_core.infra.secrets.environment import EnvironmentSecrets
from alga_workflows_core.infra.secrets.files import FileSecrets
from alga_workflows_core.infra.secrets.port import SecretProvider
from alga_workflows_core.infra.settings import Settings


class SecretSettings(Settings):
    """Where the secrets of tenants are."""

    folder: Annotated[
        DirectoryPath | None,
        Field(
            validation_alias="WORKFLOW_SECRETS_DIR",
            description="Folder with a folder per tenant with a file per secret.",
        ),
    ] = None

    def provider(self, environ: Mapping[str, str] | None = None) -> SecretProvider:
        """Files first, where there is a folder, then variables of `environ` (the process's)."""
        variables = EnvironmentSecrets(os.environ if environ is None else environ)
        if self.folder is None:
            return variables
        return CombinedSecrets([FileSecrets(Path(self.folder)), variables])
