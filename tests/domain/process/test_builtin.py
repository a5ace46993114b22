"""The built-in activities: inputs, outputs, and what they reach."""

from __future__ import annotations

import asyncio
import base64
import email
import io
import json
import re
import tarfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.testing import ActivityEnvironment

from alga_temporal_domain.mail.port import Email, MailError
from alga_temporal_domain.mail.sending import FolderMail, SmtpMail
from alga_temporal_domain.projects.builtin.activities import BuiltinActivities
from alga_temporal_domain.projects.builtin.broker import Broker, ProjectBroker
from alga_temporal_domain.projects.builtin.catalogue import RESERVED
from alga_temporal_domain.projects.builtin.ports import Cached, Owner
from alga_temporal_domain.projects.builtin.sms import HttpSms
from alga_temporal_domain.projects.calling import CallError
from alga_workflows_core.errors import AlgaError
from alga_workflows_core.infra.egress.addresses import AddressPolicy
from alga_workflows_core.infra.egress.client import create_client
from alga_workflows_core.types.json import Json
from tests.domain.process.conftest import Project

LOOPBACK = AddressPolicy(allow=(ip_network("127.0.0.0/8"),))
OWNER = Owner(project_id=uuid4(), tenant="acme")


class Kept:
    """Files and cached values of projects, as long as the test lasts."""

    def __init__(self) -> None:
        self.files: dict[tuple[Owner, str], bytes] = {}
        self.values: dict[tuple[Owner, str], Json] = {}

    async def read(self, owner: Owner, name: str) -> bytes | None:
        return self.files.get((owner, name))

    async def write(self, owner: Owner, name: str, content: bytes) -> None:
        self.files[owner, name] = content

    async def delete(self, owner: Owner, name: str) -> bool:
        return self.files.pop((owner, name), None) is not None

    async def get(self, owner: Owner, key: str) -> Cached | None:
        found = (owner, key) in self.values
        return Cached(self.values[owner, key]) if found else None

    async def set(self, owner: Owner, key: str, value: Json, seconds: float) -> None:
        assert seconds > 0
        self.values[owner, key] = value


class Direct:
    """Calls of activities that are answered in this process."""

    def __init__(self, broker: ProjectBroker) -> None:
        self._broker = broker

    async def call(self, name: str, arguments: dict[str, Any]) -> Json:
        return await self._broker.answer(name, arguments)


@asynccontextmanager
async def brokers(
    policy: AddressPolicy = LOOPBACK, **ports: Any
) -> AsyncGenerator[tuple[ProjectBroker, Kept]]:
    kept = Kept()
    async with create_client(policy) as client:
        yield Broker(http=client, files=kept, cache=kept, **ports).of(OWNER), kept


async def run(name: str, value: object, broker: ProjectBroker | None = None) -> Any:
    """The result of a built-in activity that is done here."""
    if broker is None:
        async with brokers() as (made, _kept):
            return await run(name, value, made)
    for function in BuiltinActivities(Direct(broker)).all():
        definition = getattr(function, "__temporal_activity_definition")
        if definition.name == name:
            return await ActivityEnvironment().run(function, value)
    raise AssertionError(f"there is no {name}")


@asynccontextmanager
async def http_server(answers: dict[str, bytes]) -> AsyncGenerator[tuple[str, list[bytes]]]:
    """A server that answers paths with whole responses; its address, and what it was sent."""
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head.lower())
        body = await reader.readexactly(int(length[1])) if length else b""
        requests.append(head + body)
        path = head.split()[1].decode()
        if path == "/slow":
            await reader.read()
        writer.write(answers.get(path, b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", requests


def response(body: bytes, kind: str = "application/json", status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


@pytest.mark.parametrize(
    ("transformation", "data", "expected"),
    [
        ("uppercase", "hello world", "HELLO WORLD"),
        ("lowercase", "Hello", "hello"),
        ("reverse", "abc", "cba"),
        ("json-parse", '{"a": [1]}', {"a": [1]}),
        ("json-stringify", {"a": 1}, '{\n  "a": 1\n}'),
        ("uppercase", 5, 5),
        ("json-parse", {"already": True}, {"already": True}),
    ],
)
async def test_transform_data(transformation: str, data: Json, expected: Json) -> None:
    """Text is changed as it is called; what is no text passes."""
    value = {"data": data, "transformation": transformation}
    assert await run("transformData", value) == expected


@pytest.mark.parametrize(
    ("data", "rules", "errors"),
    [
        ("test@example.com", {"required": True, "type": "string", "pattern": "^[^@]+@.+$"}, []),
        (None, {"required": True}, ["Data is required"]),
        ("", {"required": True}, ["Data is required"]),
        (None, {"type": "string"}, []),
        (5, {"type": "string"}, ["Expected type string but got number"]),
        (True, {"type": "number"}, ["Expected type number but got boolean"]),
        ([1], {"type": "object"}, ["Expected type object but got array"]),
        ("ab", {"minLength": 3}, ["Data length 2 is less than minimum 3"]),
        ([1, 2], {"maxLength": 1}, ["Data length 2 exceeds maximum 1"]),
        ("abc", {"pattern": "^[0-9]+$"}, ["Data does not match pattern ^[0-9]+$"]),
        (0, {"required": True, "type": "number"}, []),
    ],
)
async def test_validate_data(data: Json, rules: dict[str, Any], errors: list[str]) -> None:
    """Each rule that is broken is told, and nothing else."""
    result = await run("validateData", {"data": data, "rules": rules})
    assert result == {"valid": not errors, "errors": errors}


async def test_patterns_take_bounded_time() -> None:
    """A pattern that other engines take for ever over is answered; what cannot be is refused."""
    result = await run("validateData", {"data": "a" * 5000 + "b", "rules": {"pattern": "^(a+)+$"}})
    assert not result["valid"]
    with pytest.raises(ApplicationError, match="look-around"):
        await run("validateData", {"data": "x", "rules": {"pattern": "(?=x)"}})


async def test_sample_and_log(capsys: pytest.CaptureFixture[str]) -> None:
    """The sample prefixes its message; a log message is one line with moment and level."""
    assert await run("sampleActivity", {"message": "Hello"}) == "Processed: Hello"
    value = {"level": "warn", "message": "two\nlines", "data": {"a": 1}}
    assert await run("logMessage", value) is None
    line = capsys.readouterr().out
    assert re.fullmatch(r'\[\d{4}-\d\d-\d\dT[\d:.]+Z\] \[WARN\] two lines \{"a":1\}\n', line)


async def test_build_package() -> None:
    """Names as documented; with files, archives of these are kept under the names."""
    plain = await run("buildPackage", {"packageName": "tool"})
    assert plain["success"]
    assert isinstance(plain["buildTime"], int)
    assert plain["artifacts"] == ["tool-1.0.0.tar.gz", "tool-1.0.0.zip"]
    async with brokers() as (broker, kept):
        value = {"packageName": "tool", "version": "2.1", "options": {"files": {"a/b.txt": "ä"}}}
        packed = await run("buildPackage", value, broker)
        content = kept.files[OWNER, packed["artifacts"][0]]
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            member = archive.extractfile("a/b.txt")
            assert member is not None
            assert member.read().decode() == "ä"
        assert kept.files[OWNER, "tool-2.1.zip"].startswith(b"PK")


@pytest.mark.parametrize("name", sorted(RESERVED - {"logMessage"}))
async def test_a_wrong_input_is_told_for_good(name: str) -> None:
    """Trying again does not help, and Temporal is told so."""
    with pytest.raises(ApplicationError) as caught:
        await run(name, "no object")
    assert (caught.value.type, caught.value.non_retryable) == ("INPUT_INVALID", True)


async def test_an_http_request() -> None:
    """JSON is read as such, other text as text, and any status is an answer."""
    answers = {
        "/json": response(b'{"a": 1}'),
        "/text": response(b"plain", "text/plain", "503 Service Unavailable"),
        "/moved": b"HTTP/1.1 302 Found\r\nlocation: /json\r\ncontent-length: 0\r\n\r\n",
    }
    async with http_server(answers) as (url, requests), brokers() as (broker, _kept):
        sent = {"url": f"{url}/json", "method": "POST", "body": {"b": 2}, "headers": {"X-A": "1"}}
        result = await run("httpRequest", sent, broker)
        assert (result["status"], result["statusText"], result["data"]) == (200, "OK", {"a": 1})
        assert result["headers"]["content-type"] == "application/json"
        assert json.loads(requests[0].split(b"\r\n\r\n")[1]) == {"b": 2}
        assert b"x-a: 1" in requests[0].lower()
        result = await run("httpRequest", {"url": f"{url}/text"}, broker)
        assert (result["status"], result["data"]) == (503, "plain")
        result = await run("httpRequest", {"url": f"{url}/moved"}, broker)
        assert result["data"] == {"a": 1}


@pytest.mark.parametrize(
    ("path", "options", "code"),
    [
        ("/slow", {"timeout": 100}, "HTTP_TIMEOUT"),
        ("/large", {}, "SIZE_LIMIT"),
        ("/json", {"headers": {"Host": "other"}}, "INPUT_INVALID"),
        ("/json", {"body": "x" * (3 * 1024 * 1024), "method": "PUT"}, "SIZE_LIMIT"),
        ("/away", {}, "HTTP_ADDRESS_REFUSED"),
    ],
)
async def test_what_a_request_may_not(path: str, options: dict[str, Any], code: str) -> None:
    """Time and size are bounded, and redirects lead to no other private address."""
    answers = {
        "/large": response(b"x" * (3 * 1024 * 1024), "text/plain"),
        "/json": response(b"{}"),
        "/away": b"HTTP/1.1 302 Found\r\nlocation: http://10.0.0.1/\r\ncontent-length: 0\r\n\r\n",
    }
    async with http_server(answers) as (url, _requests), brokers() as (broker, _kept):
        with pytest.raises(AlgaError) as caught:
            await run("httpRequest", {"url": url + path, **options}, broker)
        assert caught.value.error_code == code


async def test_private_addresses_are_refused() -> None:
    """Without a network that an operator allows, loopback is out of reach."""
    async with http_server({}) as (url, requests), brokers(AddressPolicy()) as (broker, _kept):
        with pytest.raises(AlgaError) as caught:
            await run("httpRequest", {"url": url}, broker)
        assert caught.value.error_code == "HTTP_ADDRESS_REFUSED"
        assert requests == []


async def test_files_and_cache_through_the_supervisor(project: Project) -> None:
    """A project's process reaches what it has none of itself by asking."""
    async with brokers() as (broker, kept):
        await project.running(broker=broker)
        assert await project.call("writeFile", {"name": "a.txt", "content": "ä"}) == {
            "name": "a.txt",
            "size": 2,
        }
        assert kept.files[OWNER, "a.txt"] == "ä".encode()
        kept.files[OWNER, "b"] = b"\xff"
        read = await project.call("readFile", {"name": "b"})
        assert (read["encoding"], base64.b64decode(read["content"])) == ("base64", b"\xff")
        assert await project.call("deleteFile", {"name": "b"}) == {"name": "b", "deleted": True}
        assert await project.call("cacheGet", {"key": "k"}) == {"found": False, "value": None}
        await project.call("cacheSet", {"key": "k", "value": [1]})
        assert await project.call("cacheGet", {"key": "k"}) == {"found": True, "value": [1]}
        with pytest.raises(WorkflowFailureError) as caught:
            await project.call("sendEmail", {"to": "a@b.example", "subject": "s", "text": "t"})
        assert isinstance(caught.value.cause, ActivityError)
        fault = caught.value.cause.cause
        assert isinstance(fault, ApplicationError)
        assert fault.type == "NOT_CONFIGURED"


async def test_waiting_is_a_timer(project: Project) -> None:
    """`waitFor` of a workflow takes no slot: its history has a timer and no activity."""
    await project.running()
    run_id = f"wait-{uuid4()}"
    handle = await project.client.start_workflow(
        "Calling",
        {"name": "waitFor", "input": {"milliseconds": 120, "reason": "to test"}},
        id=run_id,
        task_queue=project.queue,
    )
    result = await handle.result()
    assert result["reason"] == "to test"
    assert 120 <= result["waited"] < 5000
    events = (await handle.fetch_history()).events
    assert any(event.HasField("timer_started_event_attributes") for event in events)
    assert not any(event.HasField("activity_task_scheduled_event_attributes") for event in events)


async def test_waiting_wrongly_fails_the_run(project: Project) -> None:
    """A wrong input ends the execution; its workflow task is not tried for ever."""
    await project.running()
    with pytest.raises(WorkflowFailureError):
        await project.call("waitFor", {"milliseconds": "soon"})


async def test_waiting_as_an_activity() -> None:
    """Callers that are no workflows of the worker get the same answer."""
    result = await run("waitFor", {"milliseconds": 20})
    assert result["waited"] >= 20
    assert result["reason"] is None


def only_file(folder: Path) -> bytes:
    (file,) = folder.iterdir()
    return file.read_bytes()


async def test_mail_into_a_folder(tmp_path: Path) -> None:
    """In development each message is a file."""
    async with brokers(mail=FolderMail(tmp_path, sender="a@b.example")) as (broker, _kept):
        value = {"to": ["x@y.example"], "subject": "Grüße", "text": "t", "html": "<b>t</b>"}
        result = await run("sendEmail", value, broker)
    message = email.message_from_bytes(only_file(tmp_path))
    assert message["Message-ID"] == result["messageId"]
    assert [part.get_content_type() for part in message.walk()][1:] == ["text/plain", "text/html"]


@asynccontextmanager
async def smtp_server(data_answer: bytes) -> AsyncGenerator[tuple[str, list[bytes]]]:
    """A server that speaks as much SMTP as sending takes; its address, and what it was told."""
    told: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while line := await reader.readline():
            told.append(line)
            verb = line.split()[0].upper()
            if verb == b"DATA":
                writer.write(b"354 go on\r\n")
                told.append(await reader.readuntil(b"\r\n.\r\n"))
                writer.write(data_answer)
            elif verb == b"QUIT":
                writer.write(b"221 bye\r\n")
                break
            else:
                writer.write(b"250 fine\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}", told


@pytest.mark.parametrize(
    ("answer", "code", "retryable"),
    [(b"550 no\r\n", "MAIL_REFUSED", False), (b"451 later\r\n", "MAIL_FAILED", True)],
)
async def test_mail_by_smtp(answer: bytes, code: str, retryable: bool) -> None:
    """A server that takes it, one that refuses it for good, one that may take it later."""
    message = Email(to=("x@y.example", "z@y.example"), subject="s", text="body")
    async with smtp_server(b"250 taken\r\n") as (url, told):
        sent = await SmtpMail(SecretStr(url), sender="a@b.example").send(message)
        assert sent.encode() in b"".join(told)
        assert sum(line.upper().startswith(b"RCPT") for line in told) == 2
    async with smtp_server(answer) as (url, _told):
        with pytest.raises(MailError) as caught:
            await SmtpMail(SecretStr(url), sender="a@b.example").send(message)
        assert (caught.value.error_code, caught.value.retryable) == (code, retryable)


async def test_a_text_message() -> None:
    """The gateway gets number, text and token; what it refuses is refused for good."""
    answers = {"/ok": response(b'{"id": 7}'), "/no": response(b"", status="422 No")}
    async with http_server(answers) as (url, requests), httpx.AsyncClient() as client:
        token = SecretStr("key")
        async with brokers(sms=HttpSms(client, f"{url}/ok", token)) as (broker, _kept):
            value = {"to": "+4912345678", "text": "hello"}
            assert await run("sendSms", value, broker) == {"messageId": "7"}
        assert b"authorization: bearer key" in requests[0].lower()
        with pytest.raises(CallError) as caught:
            await HttpSms(client, f"{url}/no", token).send("+4912345678", "hello")
        assert caught.value.error_code == "SMS_REFUSED"
