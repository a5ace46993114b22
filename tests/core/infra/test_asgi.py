"""What every request passes: its id, its access line, its metrics, the limit on its body."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import structlog
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import PlainTextResponse

from alga_workflows_core.infra.asgi import ASGIApp, BodyLimit, Receive, RequestLog, Scope, Send
from alga_workflows_core.infra.http import HttpServer
from alga_workflows_core.infra.metrics import Metrics

DEADLINE = 10.0
LIMIT = 1000

log = structlog.get_logger()


@asynccontextmanager
async def client_of(app: ASGIApp) -> AsyncGenerator[httpx.AsyncClient]:
    """A client of `app`, which is served behind a real socket."""
    server = HttpServer(app, host="127.0.0.1", port=0)
    ready = asyncio.Event()
    task = asyncio.create_task(server.run(ready.set))
    await asyncio.wait_for(ready.wait(), DEADLINE)
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
        yield client
    await server.stop()
    await asyncio.wait_for(task, DEADLINE)


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("hello")(scope, receive, send)


# --- request ids, access lines, metrics


def api() -> FastAPI:
    """A small application of the framework that we use, with a router under a prefix."""

    async def read(run_id: str, request: Request) -> dict[str, str]:
        log.info("Read.", action="test.read")
        return {"run": run_id, "request": request.state.request_id}

    async def broken() -> None:
        raise RuntimeError("boom")

    async def live() -> None:
        return

    async def post(items: list[int]) -> int:
        return len(items)

    app = FastAPI()
    router = APIRouter(prefix="/api/v1")
    router.add_api_route("/runs/{run_id}", read)
    router.add_api_route("/broken", broken)
    router.add_api_route("/items", post, methods=["POST"])
    app.include_router(router)
    app.add_api_route("/livez", live)
    return app


async def test_each_request_is_one_line_with_its_route_template() -> None:
    """Method, template, status and time are logged and counted; ids stay out of the labels."""
    metrics = Metrics()
    with structlog.testing.capture_logs() as logged:
        async with client_of(RequestLog(api(), metrics=metrics)) as client:
            await client.get("/api/v1/runs/4711?key=hush")
            await client.get("/nowhere/4712")

    found, missing = [line for line in logged if line["action"] == "http.request"]
    assert found["method"] == "GET"
    assert found["route"] == "/api/v1/runs/{run_id}"
    assert (found["path"], found["status"]) == ("/api/v1/runs/4711", 200)
    assert found["ms"] > 0
    assert (missing["route"], missing["status"]) == (None, 404)
    body = metrics.render()[0].decode()
    labels = 'method="GET",route="/api/v1/runs/{run_id}"'
    assert f'alga_http_requests_total{{{labels},status="200"}} 1.0' in body
    assert f"alga_http_request_seconds_count{{{labels}}} 1.0" in body
    assert 'alga_http_requests_total{method="GET",route="unmatched",status="404"} 1.0' in body
    assert "4711" not in body
    assert "hush" not in f"{body} {logged}"


async def test_a_sane_request_id_is_kept_and_any_other_replaced() -> None:
    """It comes back in the response, and the application knows it."""
    async with client_of(RequestLog(api(), metrics=Metrics())) as client:
        kept = await client.get("/api/v1/runs/1", headers={"x-request-id": "abc-1.2_3"})
        assert kept.headers.get_list("x-request-id") == ["abc-1.2_3"]
        assert kept.json()["request"] == "abc-1.2_3"
        for bad in ("", "a b", "x" * 65, "ü", "a{b}"):
            answer = await client.get("/api/v1/runs/1", headers=[(b"x-request-id", bad.encode())])
            made = answer.headers["x-request-id"]
            assert made != bad
            assert len(made) == 32
            assert answer.json()["request"] == made


async def test_every_line_of_a_request_carries_its_id() -> None:
    """What handlers log is found by the id that the caller got; nothing leaks to the next one."""
    context: list[dict[str, Any]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        context.append(structlog.contextvars.get_contextvars())
        await hello(scope, receive, send)

    async with client_of(RequestLog(app, metrics=Metrics())) as client:
        first = await client.get("/")
        second = await client.get("/")

    ids = [answer.headers["x-request-id"] for answer in (first, second)]
    assert [bound["request_id"] for bound in context] == ids
    assert ids[0] != ids[1]
    assert "request_id" not in structlog.contextvars.get_contextvars()


async def test_what_the_application_raises_is_logged_here_and_answered() -> None:
    """The caller gets a 500 with the id under which the log has the traceback, and no more."""
    metrics = Metrics()

    async def raises(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("boom with details")

    for app, path in ((raises, "/"), (api(), "/api/v1/broken")):
        with structlog.testing.capture_logs() as logged:
            async with client_of(RequestLog(app, metrics=metrics)) as client:
                answer = await client.get(path)

        assert answer.status_code == 500
        assert answer.headers["x-request-id"]
        assert "boom" not in answer.text
        assert [line["action"] for line in logged] == ["http.failed", "http.request"]
        assert logged[0]["exc_info"] is True
        assert logged[1]["status"] == 500
        if app is raises:
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["code"] == "INTERNAL"


async def test_a_failure_in_the_middle_of_an_answer_breaks_the_connection() -> None:
    """Half an answer must not look like a whole one."""

    async def half(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise RuntimeError("boom")

    async with client_of(RequestLog(half, metrics=Metrics())) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/")


async def test_probes_do_not_fill_the_log() -> None:
    """What orchestrators ask for each second is logged at debug."""
    with structlog.testing.capture_logs() as logged:
        async with client_of(RequestLog(api(), metrics=Metrics())) as client:
            await client.get("/livez")
            await client.get("/api/v1/runs/1")

    levels = [line["log_level"] for line in logged if line["action"] == "http.request"]
    assert levels == ["debug", "info"]


# --- the limit on bodies


class Reader:
    """An application that reads its whole body and remembers how much it got."""

    def __init__(self) -> None:
        self.read = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        more = True
        while more:
            message = await receive()
            self.read += len(message.get("body", b""))
            more = message.get("more_body", False)
        await hello(scope, receive, send)


async def pieces(count: int, size: int = 100) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * size


def assert_refused(answer: httpx.Response) -> None:
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert set(problem) == {"type", "title", "status", "detail", "code", "remedy"}
    assert (problem["status"], problem["code"]) == (413, "SIZE_LIMIT")
    assert str(LIMIT) in problem["detail"]
    assert problem["remedy"]


async def test_a_body_up_to_the_limit_passes() -> None:
    """Exactly the limit is allowed, declared or streamed."""
    app = Reader()
    async with client_of(BodyLimit(app, LIMIT)) as client:
        assert (await client.post("/", content=b"x" * LIMIT)).status_code == 200
        assert (await client.post("/", content=pieces(LIMIT // 100))).status_code == 200
        assert (await client.get("/")).status_code == 200

    assert app.read == 2 * LIMIT


async def test_a_declared_length_over_the_limit_is_refused_unread() -> None:
    """The application is not even called; a large body does not lose the client its answer."""
    app = Reader()
    async with client_of(BodyLimit(app, LIMIT)) as client:
        for size in (LIMIT + 1, 8 * 1024 * 1024):
            assert_refused(await client.post("/", content=b"x" * size))

    assert app.read == 0


async def test_a_streamed_body_is_cut_off_at_the_limit() -> None:
    """Without a declared length the bytes are counted; the application gets no more of them."""
    app = Reader()
    async with client_of(BodyLimit(app, LIMIT)) as client:
        assert_refused(await client.post("/", content=pieces(11)))
        assert_refused(await client.post("/", content=pieces(100, size=50_000)))

    assert app.read <= 2 * LIMIT


async def test_a_body_that_came_whole_is_refused_without_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """When nothing is left to be read, the answer ends at once."""
    monkeypatch.setattr("alga_workflows_core.infra.asgi._DRAIN_SECONDS", DEADLINE * 2)
    async with client_of(BodyLimit(Reader(), LIMIT)) as client:
        reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (LIMIT + 1, b"x" * (LIMIT + 1))
        head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        writer.write(head + body)
        answer = await asyncio.wait_for(reader.read(), DEADLINE)
        writer.close()

    assert answer.startswith(b"HTTP/1.1 413")


async def test_the_framework_cannot_turn_it_into_another_answer() -> None:
    """FastAPI makes a 400 of any error while reading; the caller still learns the real one."""
    with structlog.testing.capture_logs() as logged:
        app = RequestLog(BodyLimit(api(), LIMIT), metrics=Metrics())
        async with client_of(app) as client:
            answer = await client.post(
                "/api/v1/items",
                content=pieces(20),
                headers={"content-type": "application/json"},
            )
            small = await client.post("/api/v1/items", json=[1, 2])

    assert_refused(answer)
    assert answer.headers["x-request-id"]
    assert small.json() == 2
    assert [line["status"] for line in logged if line["action"] == "http.request"] == [413, 200]


async def test_an_answer_that_has_begun_is_broken_off() -> None:
    """Too late for a 413: the connection ends instead of a false success."""

    async def eager(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        await Reader()(scope, receive, send)

    async with client_of(BodyLimit(eager, LIMIT)) as client:
        with pytest.raises(httpx.TransportError):
            await client.post("/", content=pieces(100, size=LIMIT))


async def test_who_asks_first_is_refused_without_sending(monkeypatch: pytest.MonkeyPatch) -> None:
    """`Expect: 100-continue` gets the 413 at once and no invitation to send."""
    monkeypatch.setattr("alga_workflows_core.infra.asgi._DRAIN_SECONDS", DEADLINE * 2)
    async with client_of(BodyLimit(Reader(), LIMIT)) as client:
        reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
        writer.write(
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\nExpect: 100-continue\r\n\r\n"
        )
        answer = await asyncio.wait_for(reader.read(), DEADLINE)
        writer.close()

    assert answer.startswith(b"HTTP/1.1 413")
    assert b'"SIZE_LIMIT"' in answer


@pytest.mark.parametrize("bound", [("_DRAIN_SECONDS", 0.1), ("_DRAIN_BYTES", 5)])
async def test_a_client_that_never_ends_its_body_is_left(
    monkeypatch: pytest.MonkeyPatch, bound: tuple[str, float]
) -> None:
    """The refused body is read on for a while, or a size, only; then the connection is closed."""
    monkeypatch.setattr("alga_workflows_core.infra.asgi._DRAIN_SECONDS", DEADLINE * 2)
    monkeypatch.setattr(f"alga_workflows_core.infra.asgi.{bound[0]}", bound[1])
    async with client_of(BodyLimit(Reader(), LIMIT)) as client:
        reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\nbegun")
        answer = await asyncio.wait_for(reader.read(), DEADLINE)
        writer.close()

    assert answer.startswith(b"HTTP/1.1 413")
