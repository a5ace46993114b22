"""Secrets are open for one attempt, in one input, and are kept out of all that it says."""

from __future__ import annotations

import asyncio
import base64
import copy
import io
import json
import logging
import threading
import traceback
import warnings
from collections.abc import Generator, Mapping
from typing import Any

import httpx
import pytest
import structlog
from pydantic import BaseModel, SecretStr

from alga_workflows_core.actions import secrets as opening
from alga_workflows_core.actions.calling import call_handler
from alga_workflows_core.actions.contract import Action, Invocation, action
from alga_workflows_core.actions.errors import ActionError
from alga_workflows_core.actions.masking import MASK, Mask
from alga_workflows_core.actions.secrets import opened_secrets
from alga_workflows_core.definition.action_spec import ActionKind
from alga_workflows_core.errors import Category, UnavailableError
from alga_workflows_core.infra.secrets.environment import EnvironmentSecrets, variable
from alga_workflows_core.infra.secrets.port import SecretProvider
from alga_workflows_core.infra.settings import LogSettings
from alga_workflows_core.infra.telemetry import configure_logging
from tests.core.actions.invocations import INVOCATION

TOKEN = "tok-9f8e7d/6c5b+4a"
PIN = "471100"

log = structlog.get_logger()


def provider(**secrets: str) -> EnvironmentSecrets:
    """A provider of these secrets of the tenant `acme`."""
    return EnvironmentSecrets({variable("acme", name): value for name, value in secrets.items()})


SECRETS = provider(TOKEN=TOKEN, PIN=PIN)


async def opened(
    request: dict[str, Any],
    names: Mapping[str, str],
    *,
    tenant: str = "acme",
    provider: SecretProvider = SECRETS,
) -> dict[str, Any]:
    """The input with its secrets in it."""
    async with opened_secrets(request, names, tenant=tenant, provider=provider) as result:
        return result.input


async def test_each_secret_stands_at_its_pointer_and_nowhere_else() -> None:
    """In objects and lists, under odd names; the original stays as it was."""
    request = {"a": {"x/y": None, "m~n": [1, None, {"": None}]}, "b": None, "c": {"$secret": "PIN"}}
    before = copy.deepcopy(request)
    names = {"/a/x~1y": "TOKEN", "/a/m~0n/1": "PIN", "/a/m~0n/2/": "TOKEN"}
    assert await opened(request, names) == {
        "a": {"x/y": TOKEN, "m~n": [1, PIN, {"": TOKEN}]},
        "b": None,
        "c": {"$secret": "PIN"},
    }
    assert request == before


async def test_an_input_without_secrets_is_as_it_was() -> None:
    """Nothing is opened, nothing is masked."""
    request = {"a": TOKEN}
    async with opened_secrets(request, {}, tenant="acme", provider=SECRETS) as result:
        assert result.input is request
        assert result.mask.json({"b": TOKEN}) == {"b": TOKEN}
        error = ActionError("A", "a")
        error.__cause__ = ValueError()
    with pytest.raises(ActionError) as raised:
        async with opened_secrets(request, {}, tenant="acme", provider=SECRETS):
            raise error
    assert isinstance(raised.value.__cause__, ValueError)


@pytest.mark.parametrize("pointer", ["", "/a/0", "/none", "/a", "/b", "/l/1", "/l/-1", "/l/x"])
async def test_a_secret_goes_where_null_stands_only(pointer: str) -> None:
    """Any other place is refused, and the error names it."""
    with pytest.raises(ActionError) as raised:
        await opened({"a": {}, "b": "text", "l": [None]}, {pointer: "TOKEN"})
    error = raised.value
    assert (error.error_code, error.category) == ("SECRET_UNAVAILABLE", Category.VALIDATION)
    assert (error.retryable, repr(pointer) in error.message) == (False, True)


@pytest.mark.parametrize(
    ("tenant", "name"), [("acme", "NONE"), ("other", "TOKEN"), ("acme", "HUGE"), ("..", "TOKEN")]
)
async def test_a_secret_that_is_missing_fails_for_good(tenant: str, name: str) -> None:
    """As does one that cannot be used; the error names it and says what to do."""
    secrets = provider(TOKEN=TOKEN, HUGE=TOKEN * 10_000)
    with pytest.raises(ActionError) as raised:
        await opened({"a": None}, {"/a": name}, tenant=tenant, provider=secrets)
    error = raised.value
    assert (error.error_code, error.category) == ("SECRET_UNAVAILABLE", Category.VALIDATION)
    assert error.retryable is False
    assert name in str(error)
    assert "An administrator has to set it" in str(error)
    assert error.__cause__ is None
    assert TOKEN not in json.dumps(error.info().as_json())


class Broken:
    """A provider that cannot answer, and says too much about it."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def open(self, tenant: str, name: str) -> str:
        """Raise what it was made with."""
        assert (tenant, name) == ("acme", "TOKEN")
        raise self._error


class Silent:
    """A provider that does not answer."""

    async def open(self, tenant: str, name: str) -> str:
        """Wait for what never comes."""
        await asyncio.Event().wait()
        return tenant + name


@pytest.mark.parametrize(
    "source",
    [
        Broken(UnavailableError("vault", TOKEN, "no route", remedy="Wait.")),
        Broken(OSError(5, TOKEN)),
        Broken(KeyError(TOKEN)),
        Silent(),
    ],
)
async def test_a_provider_that_cannot_be_reached_may_answer_later(
    source: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Transient and retryable, whatever it raised and also if it says nothing."""
    monkeypatch.setattr(opening, "OPEN_SECONDS", 0.2)
    with pytest.raises(ActionError) as raised:
        await opened({"a": None}, {"/a": "TOKEN"}, provider=source)
    error = raised.value
    assert (error.error_code, error.category) == ("SECRET_UNAVAILABLE", Category.TRANSIENT)
    assert error.retryable is True
    assert TOKEN not in "".join(traceback.format_exception(error))


async def test_a_task_that_is_cancelled_while_a_secret_opens_is_cancelled() -> None:
    """The provider's silence does not turn it into an error."""
    task = asyncio.create_task(opened({"a": None}, {"/a": "TOKEN"}, provider=Silent()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_secret_is_asked_for_once_and_anew_in_each_attempt() -> None:
    """However often it stands in an input; a change counts from the next attempt on."""
    asked: list[str] = []

    class Counting:
        """A provider whose secrets change with every use."""

        async def open(self, tenant: str, name: str) -> str:
            """The number of the use."""
            asked.append(f"{tenant} {name}")
            return f"secret-{len(asked)}"

    names = {"/a": "TOKEN", "/b": "TOKEN"}
    source = Counting()
    first = await opened({"a": None, "b": None}, names, provider=source)
    second = await opened({"a": None, "b": None}, names, provider=source)
    assert first == {"a": "secret-1", "b": "secret-1"}
    assert second == {"a": "secret-2", "b": "secret-2"}
    assert asked == ["acme TOKEN", "acme TOKEN"]


async def test_texts_in_secret_fields_are_masked_wherever_they_come_from() -> None:
    """A code that an expression gave is kept out of what the action says, too."""
    request = {"logins": [{"code": "one-time-1"}, {"code": None}], "by": {"a": "one-time-2"}}
    async with opened_secrets(
        request,
        {},
        tenant="acme",
        provider=SECRETS,
        secret_fields=["/logins/*/code", "/by/*", "/none/*/x", "/logins/7/code"],
    ) as result:
        assert result.input is request
        assert result.mask.json(["one-time-1", "a one-time-2"]) == [MASK, f"a {MASK}"]


class Asked(BaseModel):
    """What `leak` takes."""

    token: SecretStr
    pin: str
    url: str = ""


class Number(BaseModel):
    """What `number` takes."""

    token: int


class Said(BaseModel):
    """What `leak` says."""

    text: str


@pytest.fixture
def lines() -> Generator[io.StringIO]:
    """Our own logging, as JSON, into a stream; the former is restored."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    names = ("httpx", "httpcore", "asyncio", "py.warnings")
    levels = {name: logging.getLogger(name).level for name in names}
    stream = io.StringIO()
    settings = LogSettings.model_validate({"level": "debug", "format": "json"})
    configure_logging(settings, service="tested", stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, former in levels.items():
        logging.getLogger(name).setLevel(former)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def leaking(*, fails: bool) -> Action:
    """An action that logs its token in many ways, says it, and raises with it."""

    @action("leak", version=1, kind=ActionKind.UNSAFE)
    async def leak(request: Asked, invocation: Invocation) -> Said:
        """Say too much."""
        token = request.token.get_secret_value()
        basic = base64.b64encode(f"user:{token}".encode()).decode()
        log.info(f"Calling with {token}.", action="leak.called", header=f"Basic {basic}")
        log.warning("Said.", action="leak.said", data={"deep": [{token: (token,)}]}, number=471100)
        log.bind(bound=token).error("Bound.", action="leak.bound", raw=token.encode())
        other = logging.getLogger("somebody.else")
        other.info("sent %s with %r", token, {"pin": request.pin})
        other.debug("stack", stack_info=True, extra={"temporal_activity": {"input": token}})
        await asyncio.gather(inside(token), asyncio.to_thread(log.info, token, action="thread.x"))
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            logging.captureWarnings(capture=False)
            logging.captureWarnings(capture=True)
            warnings.warn(f"deprecated {token}", UserWarning, stacklevel=1)
        if request.url:
            async with httpx.AsyncClient(trust_env=False) as client:
                await client.get(request.url, params={"key": token}, headers={"X-Pin": request.pin})
        try:
            refuse(token)
        except ValueError as error:
            log.exception("It failed.", action="leak.failed")
            other.exception("failed with %s", error)
            if fails:
                raise ActionError("LEAKED", f"No {token}", details={"pin": request.pin}) from error
        return Said(text=f"{token} and {request.pin}")

    return leak


def refuse(token: str) -> None:
    """Say too much."""
    raise ValueError(token)


async def inside(token: str) -> None:
    """A task of its own inside the action."""
    log.info(f"Task with {token}", action="leak.task")


async def perform(leak: Action, url: str = "") -> Any:
    """The masked output."""
    async with opened_secrets(
        {"token": None, "pin": None, "url": url},
        {"/token": "TOKEN", "/pin": "PIN"},
        tenant="acme",
        provider=SECRETS,
    ) as result:
        output = await call_handler(leak, result.input, INVOCATION)
        return result.mask.json(output)


async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A server's answer to any request."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
    await writer.drain()
    writer.close()


def spoken(stream: io.StringIO) -> str:
    """All that was logged; each line is JSON and holds neither secret in any form."""
    text = stream.getvalue()
    for line in text.splitlines():
        json.loads(line)
    for secret in (TOKEN, PIN):
        assert Mask([secret]).text(text) == text
        assert secret not in text
    return text


async def test_no_line_holds_a_secret_of_the_action_at_work(lines: io.StringIO) -> None:
    """Ours and libraries', of tasks and threads inside, with stacks and exceptions."""
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    async with await asyncio.start_server(answered, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        output = await perform(leaking(fails=False), f"http://127.0.0.1:{port}/")
    assert output == {"text": f"{MASK} and {MASK}"}
    text = spoken(lines)
    records = [json.loads(line) for line in text.splitlines()]
    for needle in ("leak.called", "leak.bound", "leak.task", "thread.x", "py.warnings", "httpcore"):
        assert needle in text
    failures = [each for each in records if "exception" in each]
    assert [each["exception"][0]["exc_value"] for each in failures] == [MASK, MASK]
    (said,) = [each for each in records if each["action"] == "leak.said"]
    assert said["number"] == MASK
    assert said["data"] == {"deep": [{MASK: [MASK]}]}
    called = next(each for each in records if each["action"] == "leak.called")
    assert called["event"] == f"Calling with {MASK}."


async def test_text_for_people_is_masked_as_well(
    lines: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    """The other form of the log, with its tracebacks."""
    stream = io.StringIO()
    settings = LogSettings.model_validate({"level": "debug", "format": "text"})
    configure_logging(settings, service="tested", stream=stream)
    await perform(leaking(fails=False))
    text = stream.getvalue()
    assert "Traceback" in text
    assert "leak.bound" in text
    for secret in (TOKEN, PIN):
        assert Mask([secret]).text(text) == text
    assert capsys.readouterr() == ("", "")


async def test_an_error_that_leaves_is_masked_and_can_be_logged(lines: io.StringIO) -> None:
    """Outside nobody knows the secrets any more: it must not bring them along."""
    with pytest.raises(ActionError) as raised:
        await perform(leaking(fails=True))
    error = raised.value
    assert (error.error_code, error.message) == ("LEAKED", f"No {MASK}")
    assert error.details == {"pin": MASK}
    log.error("It failed for good.", action="test.failed", exc_info=error)
    assert "It failed for good." in spoken(lines)
    shown = "".join(traceback.format_exception(error))
    assert TOKEN not in shown
    assert PIN not in shown


async def test_a_handler_that_crashes_takes_no_secret_along(lines: io.StringIO) -> None:
    """What it did not mean to raise is not shown behind the error that it becomes."""

    @action("crash", version=1, kind=ActionKind.UNSAFE)
    async def crash(request: Asked) -> Said:
        """Fail by mistake."""
        raise RuntimeError(request.token.get_secret_value())

    with pytest.raises(ActionError) as raised:
        await perform(crash)
    assert raised.value.error_code == "ACTION_FAILED"
    assert TOKEN not in "".join(traceback.format_exception(raised.value))


async def test_an_input_that_does_not_fit_does_not_tell_the_secret(lines: io.StringIO) -> None:
    """Pydantic shows what it was given in the error behind ours."""

    @action("number", version=1, kind=ActionKind.READ)
    async def number(request: Number) -> Said:
        """Take a number."""
        return Said(text="")

    with pytest.raises(ActionError) as raised:
        await perform(number)
    assert raised.value.error_code == "ACTION_INPUT_INVALID"
    assert TOKEN not in "".join(traceback.format_exception(raised.value))


async def test_lines_of_others_are_not_masked(lines: io.StringIO) -> None:
    """The mask is of the task at work, ends with the attempt, and an outer one goes on."""
    entered, leave = asyncio.Event(), asyncio.Event()

    async def working() -> None:
        async with (
            opened_secrets({"a": None}, {"/a": "PIN"}, tenant="acme", provider=SECRETS),
            opened_secrets({"a": None}, {"/a": "TOKEN"}, tenant="acme", provider=SECRETS),
        ):
            log.info(f"inner {PIN} {TOKEN}", action="test.inner")
            entered.set()
            await leave.wait()
        log.info(f"after {PIN}", action="test.after")

    async with asyncio.TaskGroup() as group:
        group.create_task(working())
        await entered.wait()
        log.info(f"beside {PIN}", action="test.beside")
        leave.set()
    events = [json.loads(line)["event"] for line in lines.getvalue().splitlines()]
    expected = [f"inner {MASK} {MASK}", f"beside {PIN}", f"after {PIN}"]
    assert [each for each in events if each in expected] == expected


async def test_a_hundred_actions_at_once_keep_their_secrets_apart(lines: io.StringIO) -> None:
    """Each masks its own, and gets its own."""
    secrets = provider(**{f"S{number}": f"secret-of-{number:03}." for number in range(100)})

    async def one(number: int) -> str:
        names = {"/a": f"S{number}"}
        async with opened_secrets({"a": None}, names, tenant="acme", provider=secrets) as result:
            await asyncio.sleep(0)
            log.info(result.input["a"], action="test.secret")
            return str(result.input["a"])

    values = await asyncio.gather(*map(one, range(100)))
    assert values == [f"secret-of-{number:03}." for number in range(100)]
    assert threading.active_count() < 100
    assert "secret-of-" not in lines.getvalue()
    assert lines.getvalue().count(f'"{MASK}"') == 100
