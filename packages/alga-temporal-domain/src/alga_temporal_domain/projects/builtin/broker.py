"""What the supervisor does for projects' processes: requests, messages, files, cached values."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, TypeVar

import httpx

from alga_temporal_domain.mail.port import Email, Mail, MailError
from alga_temporal_domain.projects.builtin.inputs import (
    CacheKey,
    CacheSet,
    FileName,
    HttpRequest,
    SendEmail,
    SendSms,
    WriteFile,
)
from alga_temporal_domain.projects.builtin.ports import Cache, Files, Owner, Sms
from alga_temporal_domain.projects.builtin.requests import perform
from alga_temporal_domain.projects.calling import CallError
from alga_workflows_core.types.json import Json, JsonObject

P = TypeVar("P")

LARGEST_FILE = 8 * 1024 * 1024
"""Bytes of a file that a project reads or writes."""

LARGEST_CACHED = 256 * 1024
"""Bytes of a cached value as JSON."""

MOST_RECIPIENTS = 50


class Broker:
    """One for all projects; `of` gives what answers for one of them.

    `http`: made by `infra.egress.client.create_client`, so that requests reach no private address.
    What is None is answered with NOT_CONFIGURED.
    """

    def __init__(
        self,
        *,
        http: httpx.AsyncClient,
        mail: Mail | None = None,
        sms: Sms | None = None,
        files: Files | None = None,
        cache: Cache | None = None,
    ) -> None:
        self.http = http
        self.mail = mail
        self.sms = sms
        self.files = files
        self.cache = cache

    def of(self, owner: Owner) -> ProjectBroker:
        """To be handed to `Launcher.start` for processes of that project."""
        return ProjectBroker(self, owner)


class ProjectBroker:
    """Answers the calls of one project (`process.answering.Broker`)."""

    def __init__(self, broker: Broker, owner: Owner) -> None:
        self._broker = broker
        self._owner = owner
        self._answers = {
            "httpRequest": self._http_request,
            "sendEmail": self._send_email,
            "sendSms": self._send_sms,
            "readFile": self._read_file,
            "writeFile": self._write_file,
            "deleteFile": self._delete_file,
            "cacheGet": self._cache_get,
            "cacheSet": self._cache_set,
        }

    async def answer(self, name: str, arguments: dict[str, Any]) -> Json:
        """The activity's result. CallError or another AlgaError, ValidationError of the input."""
        found = self._answers.get(name)
        if found is None:
            raise CallError(f"There is no {name} to be asked for.", code="NOT_AVAILABLE")
        return await found(arguments)

    async def _http_request(self, arguments: dict[str, Any]) -> JsonObject:
        return await perform(self._broker.http, HttpRequest.model_validate(arguments))

    async def _send_email(self, arguments: dict[str, Any]) -> JsonObject:
        wanted = SendEmail.model_validate(arguments)
        mail = _configured(self._broker.mail, "sendEmail", "WORKER_MAIL_URL or WORKER_MAIL_FOLDER")
        given = wanted.to.split(",") if isinstance(wanted.to, str) else wanted.to
        to = tuple(one.strip() for one in given if one.strip())
        if not 1 <= len(to) <= MOST_RECIPIENTS or any("@" not in one for one in to):
            raise CallError(
                f"sendEmail: to: one to {MOST_RECIPIENTS} addresses are needed.",
                code="INPUT_INVALID",
            )
        email = Email(to=to, subject=wanted.subject, text=wanted.text, html=wanted.html)
        try:
            return {"messageId": await mail.send(email)}
        except MailError as error:
            raise CallError(
                f"sendEmail: {error.message}", code=error.error_code, retryable=error.retryable
            ) from None

    async def _send_sms(self, arguments: dict[str, Any]) -> JsonObject:
        wanted = SendSms.model_validate(arguments)
        sms = _configured(self._broker.sms, "sendSms", "WORKER_SMS_URL")
        return {"messageId": await sms.send(wanted.to, wanted.text)}

    async def _read_file(self, arguments: dict[str, Any]) -> JsonObject:
        name = FileName.model_validate(arguments).name
        files = _configured(self._broker.files, "readFile", "DATABASE_URL")
        content = await files.read(self._owner, name)
        if content is None:
            raise CallError(f"readFile: there is no file {name!r}.", code="FILE_NOT_FOUND")
        try:
            text, encoding = content.decode("utf-8"), "utf-8"
        except UnicodeDecodeError:
            text, encoding = base64.b64encode(content).decode(), "base64"
        return {"name": name, "content": text, "encoding": encoding, "size": len(content)}

    async def _write_file(self, arguments: dict[str, Any]) -> JsonObject:
        wanted = WriteFile.model_validate(arguments)
        files = _configured(self._broker.files, "writeFile", "DATABASE_URL")
        content = _bytes(wanted)
        if len(content) > LARGEST_FILE:
            raise CallError(
                f"writeFile: the file has {len(content)} bytes, {LARGEST_FILE} are allowed.",
                code="SIZE_LIMIT",
            )
        await files.write(self._owner, wanted.name, content)
        return {"name": wanted.name, "size": len(content)}

    async def _delete_file(self, arguments: dict[str, Any]) -> JsonObject:
        name = FileName.model_validate(arguments).name
        files = _configured(self._broker.files, "deleteFile", "DATABASE_URL")
        return {"name": name, "deleted": await files.delete(self._owner, name)}

    async def _cache_get(self, arguments: dict[str, Any]) -> JsonObject:
        key = CacheKey.model_validate(arguments).key
        cache = _configured(self._broker.cache, "cacheGet", "DATABASE_URL")
        found = await cache.get(self._owner, key)
        return {"found": found is not None, "value": None if found is None else found.value}

    async def _cache_set(self, arguments: dict[str, Any]) -> JsonObject:
        wanted = CacheSet.model_validate(arguments)
        cache = _configured(self._broker.cache, "cacheSet", "DATABASE_URL")
        size = len(json.dumps(wanted.value, ensure_ascii=False).encode())
        if size > LARGEST_CACHED:
            raise CallError(
                f"cacheSet: the value has {size} bytes, {LARGEST_CACHED} are allowed.",
                code="SIZE_LIMIT",
            )
        await cache.set(self._owner, wanted.key, wanted.value, wanted.ttl_seconds)
        return {"stored": True}


def _bytes(wanted: WriteFile) -> bytes:
    if wanted.encoding == "utf-8":
        return wanted.content.encode()
    try:
        return base64.b64decode(wanted.content, validate=True)
    except binascii.Error:
        raise CallError("writeFile: content: it is no base64.", code="INPUT_INVALID") from None


def _configured(port: P | None, name: str, setting: str) -> P:
    if port is None:
        raise CallError(
            f"{name} is not set up here. An operator sets {setting}.", code="NOT_CONFIGURED"
        )
    return port
