"""Whether payloads are encrypted, and by which keys."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes

from alga_temporal_domain.payloads.codec import DecryptedPayloads, EncryptedPayloads
from alga_temporal_domain.payloads.keys import parse_keys
from alga_workflows_core.infra.settings import Settings

NEW_KEY_COMMAND = "temporal-worker payloads new-key"


class PayloadSettings(Settings):
    """How the domain's payloads go to Temporal."""

    # Before `keys`, whose check reads it.
    encryption: Annotated[
        Literal["on", "off"],
        Field(
            validation_alias="TEMPORAL_PAYLOAD_ENCRYPTION",
            description="off: histories hold personal data in the clear.",
        ),
    ] = "on"
    keys: Annotated[
        SecretStr | None,
        Field(
            validation_alias="TEMPORAL_PAYLOAD_KEYS",
            validate_default=True,
            description=f"id:base64,…; the first encrypts, all decrypt; `{NEW_KEY_COMMAND}`"
            " makes one",
        ),
    ] = None

    @field_validator("keys")
    @classmethod
    def _are_keys(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is not None:
            parse_keys(value.get_secret_value())
        elif info.data.get("encryption") == "on":
            raise PydanticCustomError("missing", "is not set")
        return value

    @property
    def key_id(self) -> str | None:
        """The key that encrypts; None if nothing is encrypted."""
        if self.encryption == "off" or self.keys is None:
            return None
        return parse_keys(self.keys.get_secret_value())[0].id

    def converter(self) -> DataConverter:
        """Pydantic's converter; with encryption on, payloads and failures' texts are encrypted.

        With encryption off, but keys there, what is encrypted can still be read.
        """
        if self.keys is None:
            return pydantic_data_converter
        keys = parse_keys(self.keys.get_secret_value())
        if self.encryption == "off":
            return replace(pydantic_data_converter, payload_codec=DecryptedPayloads(keys))
        codec = EncryptedPayloads(keys)
        return replace(
            pydantic_data_converter,
            payload_codec=codec,
            failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
        )

    def client(self, plain: Client) -> Client:
        """A client on the connection of `plain` whose payloads go as these settings say."""
        config = plain.config()
        config["data_converter"] = self.converter()
        return Client(**config)
