"""The built-in activities, as every project's worker has them."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ValidationError
from temporalio import activity
from temporalio.exceptions import ApplicationError

from alga_temporal_domain.projects.builtin import data, packing
from alga_temporal_domain.projects.builtin.inputs import (
    BuildPackage,
    CacheKey,
    CacheSet,
    FileName,
    HttpRequest,
    LogMessage,
    Sample,
    SendEmail,
    SendSms,
    TransformData,
    ValidateData,
    WaitFor,
    WriteFile,
)
from alga_workflows_core.types.json import Json, JsonObject

M = TypeVar("M", bound=BaseModel)


class Caller(Protocol):
    """Asks the supervisor for what this process may not do."""

    async def call(self, name: str, arguments: dict[str, Any]) -> Json: ...


class BuiltinActivities:
    """Each takes one JSON object; a wrong one is an ApplicationError INPUT_INVALID, for good."""

    def __init__(self, supervisor: Caller) -> None:
        self._supervisor = supervisor

    def all(self) -> list[Callable[..., Any]]:
        """To be registered on a worker."""
        return [
            self.sample_activity,
            self.build_package,
            self.http_request,
            self.transform_data,
            self.wait_for,
            self.log_message,
            self.validate_data,
            self.send_email,
            self.send_sms,
            self.read_file,
            self.write_file,
            self.delete_file,
            self.cache_get,
            self.cache_set,
        ]

    @activity.defn(name="sampleActivity")
    async def sample_activity(self, value: Json = None) -> str:
        """`Processed: <message>`, at once."""
        return f"Processed: {_read(Sample, value).message}"

    @activity.defn(name="buildPackage")
    async def build_package(self, value: Json = None) -> JsonObject:
        """`{success, packageName, buildTime (ms), artifacts}`: a `.tar.gz` and a `.zip`.

        With `options.files` (texts by their path) both are made and kept among the project's
        files under these names. Without, there is nothing to pack: the names are all there is.
        """
        wanted = _read(BuildPackage, value)
        began = time.monotonic()
        archives = await asyncio.to_thread(packing.pack, wanted)
        for name, content in archives.items():
            if content is not None:
                await self._supervisor.call(
                    "writeFile", {"name": name, "content": content, "encoding": "base64"}
                )
        return {
            "success": True,
            "packageName": wanted.package_name,
            "buildTime": round((time.monotonic() - began) * 1000),
            "artifacts": list(archives),
        }

    @activity.defn(name="httpRequest")
    async def http_request(self, value: Json = None) -> JsonObject:
        """`{status, statusText, data, headers}`; any status is an answer, `data` JSON or text."""
        return await self._ask("httpRequest", _read(HttpRequest, value))

    @activity.defn(name="transformData")
    async def transform_data(self, value: Json = None) -> Json:
        """The data in another form; what is no text passes, but for `json-stringify`."""
        return data.transform(_read(TransformData, value))

    @activity.defn(name="waitFor")
    async def wait_for(self, value: Json = None) -> JsonObject:
        """`{waited (ms), reason}`. Workflows of this worker get a timer instead; this one is for
        callers that are no workflows of it, and takes a slot meanwhile."""
        wanted = _read(WaitFor, value)
        began = time.monotonic()
        await asyncio.sleep(wanted.milliseconds / 1000)
        return {"waited": round((time.monotonic() - began) * 1000), "reason": wanted.reason}

    @activity.defn(name="logMessage")
    async def log_message(self, value: Json = None) -> None:
        """`[ISO] [LEVEL] message` and the data, as one line of the project's log."""
        wanted = _read(LogMessage, value)
        moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        text = f"[{moment}] [{wanted.level.upper()}] {wanted.message}"
        if wanted.data is not None:
            text += f" {data.compact(wanted.data)}"
        sys.stdout.write(" ".join(text.splitlines()) + "\n")
        sys.stdout.flush()

    @activity.defn(name="validateData")
    async def validate_data(self, value: Json = None) -> JsonObject:
        """`{valid, errors}`."""
        errors = data.faults(_read(ValidateData, value))
        return {"valid": not errors, "errors": errors}

    @activity.defn(name="sendEmail")
    async def send_email(self, value: Json = None) -> JsonObject:
        """`{messageId}` of an e-mail that a server has taken."""
        return await self._ask("sendEmail", _read(SendEmail, value))

    @activity.defn(name="sendSms")
    async def send_sms(self, value: Json = None) -> JsonObject:
        """`{messageId}` of a text message that a gateway has taken; null if it gave none."""
        return await self._ask("sendSms", _read(SendSms, value))

    @activity.defn(name="readFile")
    async def read_file(self, value: Json = None) -> JsonObject:
        """`{name, content, encoding, size}` of a file of the project."""
        return await self._ask("readFile", _read(FileName, value))

    @activity.defn(name="writeFile")
    async def write_file(self, value: Json = None) -> JsonObject:
        """`{name, size}`; a file of that name is replaced."""
        return await self._ask("writeFile", _read(WriteFile, value))

    @activity.defn(name="deleteFile")
    async def delete_file(self, value: Json = None) -> JsonObject:
        """`{name, deleted}`; `deleted` is false when there was none."""
        return await self._ask("deleteFile", _read(FileName, value))

    @activity.defn(name="cacheGet")
    async def cache_get(self, value: Json = None) -> JsonObject:
        """`{found, value}`."""
        return await self._ask("cacheGet", _read(CacheKey, value))

    @activity.defn(name="cacheSet")
    async def cache_set(self, value: Json = None) -> JsonObject:
        """`{stored: true}`."""
        return await self._ask("cacheSet", _read(CacheSet, value))

    async def _ask(self, name: str, wanted: BaseModel) -> Json:
        return await self._supervisor.call(name, wanted.model_dump(mode="json", by_alias=True))


def _read(model: type[M], value: Json) -> M:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        where = ".".join(map(str, fault["loc"]))
        raise ApplicationError(
            f"{activity.info().activity_type}: {where or 'input'}: {fault['msg']}",
            type="INPUT_INVALID",
            non_retryable=True,
        ) from None
