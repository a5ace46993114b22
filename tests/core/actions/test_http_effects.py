"""`http.request` where it may change something: what is sent, and what is known when it fails."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

import httpx
import pytest

from alga_workflows_core.actions.builtin import http_request
from alga_workflows_core.actions.builtin.http_messages import HttpRequestInput
from alga_workflows_core.actions.builtin.http_request import MAX_BODY_BYTES, kind_of
from alga_workflows_core.definition.action_spec import ActionKind
from alga_workflows_core.errors import Category
from alga_workflows_core.infra.egress.addresses import AddressPolicy, IPAddress
from tests.core.actions.http_servers import LOOPBACK, Answer, failure, http, request, serving
from tests.core.actions.invocations import INVOCATION

KEY = "invoice-17"
UNKNOWN = "The request may have taken effect."


@pytest.mark.parametrize(
    ("method", "key", "kind"),
    [
        ("GET", None, ActionKind.READ),
        ("HEAD", KEY, ActionKind.READ),
        ("PUT", None, ActionKind.IDEMPOTENT),
        ("DELETE", None, ActionKind.IDEMPOTENT),
        ("POST", None, ActionKind.UNSAFE),
        ("PATCH", None, ActionKind.UNSAFE),
        ("POST", KEY, ActionKind.IDEMPOTENT),
        ("PATCH", KEY, ActionKind.IDEMPOTENT),
    ],
)
def test_the_kind_is_the_methods(method: str, key: str | None, kind: ActionKind) -> None:
    """An authored key makes a POST or PATCH one that may be repeated; the contract says unsafe."""
    asked = HttpRequestInput.model_validate({"url": "http://a.example/", "method": method})
    assert kind_of(asked, replace(INVOCATION, authored_key=key)) is kind

    (action,) = http_request.actions(httpx.AsyncClient(transport=httpx.AsyncBaseTransport()))
    assert (action.spec.kind, action.spec.short) == (ActionKind.UNSAFE, False)
    assert action.kind_of(asked, replace(INVOCATION, authored_key=key)) is kind


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_key_is_sent_where_something_may_change(method: str) -> None:
    """With every method that writes, and the call's own id is sent with none."""
    async with serving(http()) as server:
        await request(server.url, method=method, json={"a": 1}, key=KEY)
        await request(server.url, method=method, json={"a": 1})

    assert [received.line for received in server.received] == [f"{method} / HTTP/1.1"] * 2
    assert [received.body for received in server.received] == [b'{"a":1}'] * 2
    assert server.received[0].headers["idempotency-key"] == KEY
    assert "idempotency-key" not in server.received[1].headers


async def test_a_key_is_not_sent_with_a_read() -> None:
    """A GET needs none."""
    async with serving(http()) as server:
        await request(server.url, key=KEY)
    assert "idempotency-key" not in server.received[0].headers


@pytest.mark.parametrize("key", ["grün", "a\nb", " a", "x" * 256])
async def test_a_key_that_is_no_header_is_sent_as_its_hash(key: str) -> None:
    """Any text that an author computes is one key, the same every time."""
    async with serving(http()) as server:
        await request(server.url, method="POST", key=key)
    expected = hashlib.sha256(key.encode()).hexdigest()
    assert server.received[0].headers["idempotency-key"] == expected


@pytest.mark.parametrize(
    ("fields", "body", "content_type"),
    [
        ({"json": [1, "é"]}, '[1,"é"]'.encode(), "application/json"),
        (
            {"json": {}, "headers": {"Content-Type": "application/merge-patch+json"}},
            b"{}",
            "application/merge-patch+json",
        ),
        ({"text": "grüß"}, "grüß".encode(), "text/plain; charset=utf-8"),
        (
            {"form": {"a b": "c&d=é", "n": 2.0, "on": True, "tag": ["x", "y"], "none": None}},
            b"a+b=c%26d%3D%C3%A9&n=2&on=true&tag=x&tag=y",
            "application/x-www-form-urlencoded",
        ),
        ({"form": {}}, b"", "application/x-www-form-urlencoded"),
        ({"base64": "AP/+"}, b"\x00\xff\xfe", "application/octet-stream"),
        ({"base64": "AP_-"}, b"\x00\xff\xfe", "application/octet-stream"),
        (
            {"base64": "iVBORw==", "headers": {"content-type": "image/png"}},
            b"\x89PNG",
            "image/png",
        ),
        ({}, b"", None),
    ],
)
async def test_a_post_sends_its_body(
    fields: dict[str, Any], body: bytes, content_type: str | None
) -> None:
    """JSON, text, forms and bytes arrive with their media type and length."""
    async with serving(http("201 Created", body="made")) as server:
        output = await request(server.url, method="POST", **fields)

    (received,) = server.received
    assert (received.body, received.headers.get("content-type")) == (body, content_type)
    assert received.headers["content-length"] == str(len(body))
    assert (output.status, output.body) == (201, "made")


@pytest.mark.parametrize(
    ("auth", "header"),
    [
        ({"type": "bearer", "token": "t0k.en="}, "Bearer t0k.en="),
        ({"type": "basic", "username": "ada", "password": "a:ü"}, "Basic YWRhOmE6w7w="),
    ],
)
async def test_credentials_become_a_header(auth: dict[str, str], header: str) -> None:
    """They go to the origin that they were given for, and to no other."""
    async with serving(http()) as other:
        moved = http("307 No", f"Location: {other.url}/")
        async with serving(moved) as server:
            await request(server.url, method="POST", auth=auth, text="x", maxRedirects=1)

    assert server.received[0].headers["authorization"] == header
    assert "authorization" not in other.received[0].headers


@pytest.mark.parametrize(
    ("method", "status", "as_method"),
    [
        ("POST", "301", "GET"),
        ("POST", "302", "GET"),
        ("POST", "303", "GET"),
        ("POST", "307", "POST"),
        ("POST", "308", "POST"),
        ("PATCH", "302", "PATCH"),
        ("PATCH", "303", "GET"),
        ("DELETE", "301", "DELETE"),
        ("DELETE", "303", "GET"),
    ],
)
async def test_redirects_are_followed_as_browsers_do(
    method: str, status: str, as_method: str
) -> None:
    """What becomes a GET loses body and key; what stays itself keeps both, elsewhere too."""
    fields: dict[str, Any] = {"json": {"a": 1}, "headers": {"Accept": "text/html"}, "key": KEY}
    async with serving(http(body="there")) as other:
        moved = http(f"{status} No", f"Location: {other.url}/b")
        async with serving(moved) as server:
            output = await request(server.url, method=method, maxRedirects=1, **fields)

    (received,) = other.received
    assert (received.line, output.body) == (f"{as_method} /b HTTP/1.1", "there")
    assert received.headers["accept"] == "text/html"
    kept = as_method != "GET"
    assert received.body == (b'{"a":1}' if kept else b"")
    assert ("content-type" in received.headers) is kept
    assert received.headers.get("idempotency-key") == (KEY if kept else None)


async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """A server that reads and never answers."""
    await reader.read()


OK_CUT_SHORT = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"
TOO_LARGE = http(body=b"a" * (MAX_BODY_BYTES + 1))

# What a server does after it got the request; the code; may it be tried again if it is repeatable?
# What is said in time is so on a busy machine too; silence is found out sooner.
PATIENCE = 10.0
SOON = 0.5


def patience(what: str) -> float:
    """How long to wait for an answer."""
    return SOON if what == "no answer in time" else PATIENCE


LOST: dict[str, tuple[Answer, str, bool]] = {
    "no answer in time": (silent, "HTTP_TIMEOUT", True),
    "the connection ends": (b"", "HTTP_PROTOCOL", True),
    "no HTTP": (b"what?\r\n\r\n", "HTTP_PROTOCOL", True),
    "half an answer": (OK_CUT_SHORT, "HTTP_PROTOCOL", True),
    "too long an answer": (TOO_LARGE, "HTTP_TOO_LARGE", False),
    "an answer in a foreign coding": (
        http("200 OK", "Content-Encoding: br", body=b"abc"),
        "HTTP_PROTOCOL",
        False,
    ),
    "bad gateway": (http("502 No"), "HTTP_STATUS", True),
    "gateway timeout": (http("504 No"), "HTTP_STATUS", True),
    "a redirect that is not followed": (
        http("303 See Other", "Location: /result"),
        "HTTP_REDIRECTS",
        False,
    ),
}


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("what", LOST)
async def test_what_was_sent_may_have_taken_effect(method: str, what: str) -> None:
    """Of an unsafe request nobody knows; it is not tried again, and people are told so."""
    answer, code, _ = LOST[what]
    async with serving(answer) as server:
        error = await failure(server.url, method=method, text="x", timeout=patience(what))

    assert len(server.received) == 1
    assert (error.error_code, error.unknown, error.retryable) == (code, True, False)
    assert UNKNOWN in error.message
    assert "idempotencyKey" in str(error)


@pytest.mark.parametrize(("method", "key"), [("POST", KEY), ("PUT", None), ("DELETE", None)])
@pytest.mark.parametrize("what", LOST)
async def test_what_may_be_repeated_is_tried_again(method: str, key: str | None, what: str) -> None:
    """With a key, or by its method, a request may be sent once more wherever that can help."""
    answer, code, retryable = LOST[what]
    async with serving(answer) as server:
        error = await failure(server.url, method=method, timeout=patience(what), key=key)

    assert (error.error_code, error.unknown, error.retryable) == (code, False, retryable)


async def test_a_reset_connection_leaves_it_unknown() -> None:
    """The server is gone without a word, after it has read the request."""

    async def reset(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with serving(reset) as server:
        error = await failure(server.url, method="POST", text="x")
    assert (error.unknown, error.retryable) == (True, False)
    assert error.error_code in {"HTTP_CONNECT", "HTTP_PROTOCOL"}


@pytest.mark.parametrize(
    ("status", "retryable"),
    [
        ("400 No", False),
        ("404 No", False),
        ("408 No", True),
        ("409 No", False),
        ("425 No", True),
        ("429 No", True),
        ("500 No", False),
        ("503 No", False),
    ],
)
async def test_a_server_that_says_no_did_not_do_it(status: str, retryable: bool) -> None:
    """An unsafe request is tried again only where the server did not look at it."""
    async with serving(http(status, "Retry-After: 7", body="because")) as server:
        error = await failure(server.url, method="POST", text="x")

    assert (error.error_code, error.unknown, error.retryable) == ("HTTP_STATUS", False, retryable)
    assert error.category is (Category.TRANSIENT if retryable else Category.ACTION)
    assert error.details == {"status": int(status.split()[0]), "body": "because"}
    assert error.retry_after == (7 if retryable else None)


async def test_a_status_that_is_not_expected_is_a_known_failure() -> None:
    """The author said what counts as success."""
    async with serving(http("200 OK")) as server:
        error = await failure(server.url, method="POST", expectStatus=[201])
    assert (error.details["status"], error.unknown, error.retryable) == (200, False, False)


async def test_before_anything_was_sent_nothing_happened() -> None:
    """No connection, no address, no permission, no TLS: known, and most of it tried again."""

    async def nobody(host: str, port: int) -> Sequence[IPAddress]:
        return []

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.close()

    async def no_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(http("400 Bad Request"))
        writer.close()

    async def slow(host: str, port: int) -> Sequence[IPAddress]:
        await asyncio.sleep(60)
        return []

    async with serving(http()) as gone:
        pass
    async with AsyncExitStack() as listeners:
        ports: list[int] = []
        for serve in (hang_up, no_tls):
            listener = await asyncio.start_server(serve, "127.0.0.1", 0)
            await listeners.enter_async_context(listener)
            ports.append(listener.sockets[0].getsockname()[1])
        errors = [
            await failure(gone.url, method="POST"),
            await failure("http://nowhere.example/", method="POST", resolve=nobody),
            await failure("http://slow.example/", method="POST", resolve=slow, timeout=0.2),
            await failure(f"https://127.0.0.1:{ports[0]}/", method="POST"),
            await failure(f"https://127.0.0.1:{ports[1]}/", method="POST"),
            await failure("http://127.0.0.1/", method="POST", policy=AddressPolicy()),
        ]

    assert [(error.error_code, error.retryable) for error in errors] == [
        ("HTTP_CONNECT", True),
        ("HTTP_DNS", True),
        ("HTTP_TIMEOUT", True),
        ("HTTP_CONNECT", True),
        ("HTTP_TLS", False),
        ("HTTP_ADDRESS_REFUSED", False),
    ]
    assert not any(error.unknown for error in errors)


async def test_a_post_that_was_sent_elsewhere_has_not_happened_yet() -> None:
    """307 and 308: the first server did nothing, and the second one was not reached."""
    async with serving(http()) as gone:
        pass
    for status in ("307", "308"):
        async with serving(http(f"{status} No", f"Location: {gone.url}/")) as server:
            away = await failure(server.url, method="POST", maxRedirects=1)
            unfollowed = await failure(server.url, method="POST")
        assert (away.error_code, away.unknown, away.retryable) == ("HTTP_CONNECT", False, True)
        assert (unfollowed.error_code, unfollowed.unknown) == ("HTTP_REDIRECTS", False)


async def test_a_post_whose_result_cannot_be_fetched_may_have_taken_effect() -> None:
    """303: the POST was answered, only the page behind it fails."""
    for answer in (http("404 No"), http("503 No"), b""):
        async with serving(http("303 No", "Location: /result"), answer) as server:
            error = await failure(server.url, method="POST", maxRedirects=1)
        assert [received.line.split()[0] for received in server.received] == ["POST", "GET"]
        assert (error.unknown, error.retryable) == (True, False)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "host", ["127.0.0.1", "2130706433", "localhost", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"]
)
async def test_a_private_address_is_refused_with_every_method(method: str, host: str) -> None:
    """Nothing arrives there, the body least of all."""
    async with serving(http()) as server:
        port = server.url.rsplit(":", 1)[1]
        url = f"http://{host}:{port}/"
        error = await failure(url, method=method, text="s3cret", policy=AddressPolicy())
        assert server.received == []
    assert (error.error_code, error.unknown) == ("HTTP_ADDRESS_REFUSED", False)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.170.2",
        "100.100.100.200",
        "168.63.129.16",
        "fd00:ec2::254",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "fe80::a9fe:a9fe",
    ],
)
async def test_a_name_of_a_metadata_service_is_refused(address: str) -> None:
    """Whatever name and form it hides behind; the author does not learn the address."""

    async def named(host: str, port: int) -> Sequence[IPAddress]:
        return [ip_address(address)]

    error = await failure(
        "http://innocent.example/", method="POST", resolve=named, policy=AddressPolicy()
    )
    assert error.error_code == "HTTP_ADDRESS_REFUSED"
    assert address not in str(error)


async def test_the_address_is_judged_for_each_request_of_a_chain() -> None:
    """A name that points elsewhere when it is asked for again is judged again; the body that was
    meant for the first server does not reach the second."""
    found = [["127.0.0.1"], ["127.0.0.2"]]

    async def rebinding(host: str, port: int) -> Sequence[IPAddress]:
        return [ip_address(text) for text in found.pop(0)]

    policy = AddressPolicy(allow=(ip_network("127.0.0.1/32"),))
    async with serving(http("307 No", "Location: /again")) as server:
        port = server.url.rsplit(":", 1)[1]
        error = await failure(
            f"http://rebinding.example:{port}/",
            method="POST",
            text="s3cret",
            maxRedirects=1,
            resolve=rebinding,
            policy=policy,
        )
        assert len(server.received) == 1
    assert found == []
    assert (error.error_code, error.unknown) == ("HTTP_ADDRESS_REFUSED", False)


async def test_a_post_is_not_redirected_to_a_refused_address() -> None:
    """Neither as itself nor as a GET."""
    policy = AddressPolicy(allow=(ip_network("127.0.0.1/32"),))
    for status in ("302", "303", "307", "308"):
        async with (
            serving(http(), host="127.0.0.2") as hidden,
            serving(http(f"{status} No", f"Location: {hidden.url}/")) as server,
        ):
            error = await failure(
                server.url, method="POST", text="x", maxRedirects=5, policy=policy
            )
        assert error.error_code == "HTTP_ADDRESS_REFUSED"
        assert (len(server.received), hidden.received) == (1, [])
        assert error.unknown is (status in {"302", "303"})


async def test_a_whole_chain_is_bounded_in_time_and_number() -> None:
    """A server that always sends a POST elsewhere ends in the limit, not in a circle."""
    async with serving(http("307 No", "Location: /again")) as server:
        error = await failure(server.url, method="POST", maxRedirects=5, policy=LOOPBACK)
    assert (error.error_code, error.unknown) == ("HTTP_REDIRECTS", False)
    assert len(server.received) == 6
