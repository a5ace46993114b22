"""The inputs of the built-in activities. Unknown fields are ignored, as callers are many."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from alga_workflows_core.types.json import Json
from alga_workflows_core.types.model import Model

_Key = Annotated[str, Field(min_length=1, max_length=500)]


class Input(Model):
    """Base of the inputs."""

    model_config = ConfigDict(extra="ignore")


class Sample(Input):
    """`sampleActivity`."""

    message: str


class BuildPackage(Input):
    """`buildPackage`. `options.files`: texts by their path, to be packed."""

    package_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9@._/+-]{1,200}$")]
    version: Annotated[str, Field(pattern=r"^[A-Za-z0-9._+-]{1,50}$")] = "1.0.0"
    options: dict[str, Any] | None = None


class HttpRequest(Input):
    """`httpRequest`. `timeout` in milliseconds."""

    url: Annotated[str, Field(min_length=1, max_length=8192)]
    method: Annotated[str, Field(pattern=r"^[A-Za-z]{1,20}$")] = "GET"
    headers: dict[str, str] = Field(default_factory=dict[str, str])
    body: Json = None
    timeout: Annotated[float, Field(gt=0, le=300_000)] = 30_000


class TransformData(Input):
    """`transformData`."""

    data: Json = None
    transformation: Literal["uppercase", "lowercase", "reverse", "json-parse", "json-stringify"]


class WaitFor(Input):
    """`waitFor`: a year at most."""

    milliseconds: Annotated[float, Field(ge=0, le=366 * 24 * 3600 * 1000)]
    reason: Annotated[str, Field(max_length=200)] | None = None


class LogMessage(Input):
    """`logMessage`."""

    level: Literal["debug", "info", "warn", "error"] = "info"
    message: str
    data: Json = None


class Rules(Input):
    """What `validateData` holds data against."""

    required: bool = False
    type: Literal["string", "number", "boolean", "object", "array"] | None = None
    min_length: Annotated[int, Field(ge=0)] | None = None
    max_length: Annotated[int, Field(ge=0)] | None = None
    pattern: Annotated[str, Field(max_length=1000)] | None = None


class ValidateData(Input):
    """`validateData`."""

    data: Json = None
    rules: Rules


class SendEmail(Input):
    """`sendEmail`."""

    to: Annotated[list[Annotated[str, Field(max_length=320)]] | str, Field(max_length=320)]
    subject: Annotated[str, Field(pattern=r"^[^\r\n]{0,998}$")]
    text: Annotated[str, Field(max_length=1_000_000)]
    html: Annotated[str, Field(max_length=1_000_000)] | None = None


class SendSms(Input):
    """`sendSms`. `to` as `+` and digits."""

    to: Annotated[str, Field(pattern=r"^\+[1-9][0-9]{5,14}$")]
    text: Annotated[str, Field(min_length=1, max_length=1600)]


class FileName(Input):
    """`readFile` and `deleteFile`."""

    name: Annotated[str, Field(pattern=r"^[^\x00-\x1f]{1,500}$")]


class WriteFile(FileName):
    """`writeFile`. `encoding`: how `content` stands for bytes."""

    content: str
    encoding: Literal["utf-8", "base64"] = "utf-8"


class CacheKey(Input):
    """`cacheGet`."""

    key: _Key


class CacheSet(CacheKey):
    """`cacheSet`; without `ttlSeconds` an hour."""

    value: Json = None
    ttl_seconds: Annotated[float, Field(gt=0, le=30 * 24 * 3600)] = 3600
