"""`http.request` against real servers: what it sends, what it hands back, and how it fails."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import logging
import tracemalloc
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import ip_network
from typing import Any

import pytest
from pydantic import ValidationError

from alga_workflows_core.actions.builtin.http_messages import HttpRequestInput, HttpRequestOutput
from alga_workflows_core.actions.builtin.http_request import MAX_BODY_BYTES
from alga_workflows_core.errors import Category
from alga_workflows_core.infra.egress.addresses import AddressPolicy, IPAddress
from tests.core.actions.http_servers import (
    failure,
    http,
    json_answer,
    request,
    serving,
)


async def test_a_get_sends_query_and_headers_and_hands_back_the_json() -> None:
    """Method, path, both queries and headers arrive; status, media type and value come back."""
    answer = http(
        "200 OK",
        "Content-Type: application/problem+json; charset=utf-8",
        "X-Part: a",
        "X-Part: b",
        "Set-Cookie: session=1",
        body='{"n": 1, "list": [null, true, "é"]}',
    )
    async with serving(answer) as server:
        output = await request(
            f"{server.url}/a%20b/c?x=1%2B1#part",
            headers={"Accept": "application/json", "X-Key": "k"},
            query={"q": "a b&c", "page": 2.0, "on": True, "tag": ["x", "y"], "none": None},
        )

    received = server.received[0]
    assert received.line == ("GET /a%20b/c?x=1%2B1&q=a%20b%26c&page=2&on=true&tag=x&tag=y HTTP/1.1")
    assert received.headers["host"] == server.url.removeprefix("http://")
    assert received.headers["accept"] == "application/json"
    assert received.headers["x-key"] == "k"
    assert received.headers["user-agent"] == "alga-workflows"
    assert output.status == 200
    assert output.body == {"n": 1, "list": [None, True, "é"]}
    assert output.content_type == "application/problem+json"
    assert output.headers["x-part"] == "a, b"
    assert "set-cookie" not in output.headers
    assert output.url == f"{server.url}/a%20b/c"


@pytest.mark.parametrize(
    ("fields", "body", "content_type"),
    [
        ({"json": {"a": [1, "é"]}}, '{"a":[1,"é"]}'.encode(), "application/json"),
        ({"json": False}, b"false", "application/json"),
        ({"text": "grüß"}, "grüß".encode(), "text/plain; charset=utf-8"),
        ({"text": "<a/>", "headers": {"Content-Type": "text/xml"}}, b"<a/>", "text/xml"),
        ({}, b"", None),
    ],
)
async def test_a_put_sends_its_body(
    fields: dict[str, Any], body: bytes, content_type: str | None
) -> None:
    """JSON and text bodies arrive in UTF-8 with their media type, unless another one is given."""
    async with serving(http("204 No Content", length=False)) as server:
        await request(server.url, method="PUT", **fields)

    assert server.received[0].line == "PUT / HTTP/1.1"
    assert server.received[0].body == body
    assert server.received[0].headers.get("content-type") == content_type


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_an_answer_without_content_has_a_null_body(method: str) -> None:
    """204 has no body, whatever the method."""
    async with serving(http("204 No Content", length=False)) as server:
        output = await request(server.url, method=method)

    assert (output.status, output.body, output.content_type) == (204, None, None)


async def test_head_hands_back_headers_only() -> None:
    """The length that HEAD announces is not waited for and not held against the limit."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\nContent-Encoding: br\r\n\r\n"
    async with serving(answer) as server:
        output = await request(server.url, method="HEAD")

    assert output.body is None
    assert output.headers["content-length"] == "99999999"


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1',
        '{"a": NaN}',
        '{"a": 9007199254740993}',
        "9" * 5000,
        '{"a": 1, "a": 2}',
        "[" * 101 + "]" * 101,
        "[" * 100_000,
        "",
    ],
)
async def test_json_that_cannot_be_kept_exactly_is_handed_on_as_text(text: str) -> None:
    """Broken or lossy JSON is no failure, and not changed either."""
    async with serving(json_answer(text)) as server:
        output = await request(server.url)

    assert output.body == (text or None)


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (
            json_answer(r'{"a\u0000": ["\ud800x", "\uDE00\uD83D", "\ud83d\ude00"]}'),
            {"a�": ["�x", "��", "😀"]},
        ),
        (json_answer(r'["\\u0000", "\\\u0000", "\ud83d\\ude00"]'), ["\\u0000", "\\�", "�\\ude00"]),
        (json_answer(r'["\n", "\u00e9"]'), ["\n", "é"]),
        (json_answer(b"\xef\xbb\xbf[1]"), [1]),
        (http(body=b"a\x00b\xff"), "a�b�"),
        (http("200 OK", "Content-Type: text/plain; charset=latin1", body=b"\xe9"), "é"),
        (http("200 OK", "Content-Type: text/plain; charset=punycode", body="é"), "é"),
        (http("200 OK", "Content-Type: text/html", body="{}"), "{}"),
    ],
)
async def test_text_is_made_storable(answer: bytes, body: Any) -> None:
    """NUL, lone surrogates and invalid UTF-8 become U+FFFD, in text and inside JSON."""
    async with serving(answer) as server:
        output = await request(server.url)

    assert output.body == body
    json.dumps(output.body, ensure_ascii=False).encode()


async def test_compressed_answers_are_unpacked() -> None:
    """gzip is asked for and undone, also in several members."""
    content = gzip.compress(b'{"a": ') + gzip.compress(b"1}")
    headers = ("Content-Type: application/json", "Content-Encoding: gzip")
    async with serving(http("200 OK", *headers, body=content)) as server:
        output = await request(server.url)

    assert server.received[0].headers["accept-encoding"] == "gzip"
    assert output.body == {"a": 1}


async def test_a_body_of_exactly_the_limit_is_accepted() -> None:
    """The limit counts bytes after decoding and is inclusive."""
    async with serving(http(body=b"a" * MAX_BODY_BYTES)) as server:
        output = await request(server.url)

    assert output.body == "a" * MAX_BODY_BYTES


async def test_a_huge_body_is_left_unread() -> None:
    """Over the limit the connection is closed while the server still has most of it to send."""

    async def endless(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"a" * 65536)
            await writer.drain()

    async with serving(endless) as server:
        error = await failure(server.url)
        async with asyncio.timeout(10):
            await server.given_up.wait()

    assert (error.error_code, error.category, error.retryable) == (
        "HTTP_TOO_LARGE",
        Category.LIMIT,
        False,
    )
    assert error.details == {"limit": MAX_BODY_BYTES}


@pytest.mark.parametrize("layers", [1, 2])
async def test_a_decompression_bomb_is_not_unpacked(layers: int) -> None:
    """What a small compressed body swells to is bounded; codings on codings are refused."""
    bomb = gzip.compress(bytes(64 * 1024 * 1024), 9)
    coding = "gzip"
    if layers == 2:
        bomb, coding = gzip.compress(bomb), "gzip, gzip"
    async with serving(http("200 OK", f"Content-Encoding: {coding}", body=bomb)) as server:
        tracemalloc.start()
        try:
            error = await failure(server.url)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert error.error_code == ("HTTP_TOO_LARGE" if layers == 1 else "HTTP_PROTOCOL")
    assert peak < 16 * 1024 * 1024


@pytest.mark.parametrize(
    ("answer", "retryable"),
    [
        (b"", True),
        (b"what?\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", True),
        (http("200 OK", "Content-Encoding: gzip", body=b"not gzip"), False),
        (http("200 OK", "Content-Encoding: gzip", body=gzip.compress(b"abc")[:-4]), False),
        (http("200 OK", "Content-Encoding: br", body=b"abc"), False),
    ],
)
async def test_an_answer_that_cannot_be_read_is_a_protocol_failure(
    answer: bytes, retryable: bool
) -> None:
    """Answers that are cut short or not HTTP may be tried again, undecodable bodies not."""
    async with serving(answer) as server:
        error = await failure(server.url)

    assert (error.error_code, error.retryable) == ("HTTP_PROTOCOL", retryable)


@pytest.mark.parametrize("drips", [False, True])
async def test_the_whole_request_is_bounded_in_time(drips: bool) -> None:
    """A server that is silent, or always sends a little, ends in a timeout that may be retried."""

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not drips:
            await reader.read()
            return
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"a")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with serving(slow) as server:
        started = asyncio.get_running_loop().time()
        error = await failure(server.url, timeout=0.3)
        elapsed = asyncio.get_running_loop().time() - started

    assert (error.error_code, error.category, error.retryable) == (
        "HTTP_TIMEOUT",
        Category.TIMEOUT,
        True,
    )
    assert elapsed < 5


@pytest.mark.parametrize(
    ("status", "retryable"),
    [
        ("302 No", False),
        ("304 Not Modified", False),
        ("400 No", False),
        ("404 No", False),
        ("408 No", True),
        ("425 No", True),
        ("429 No", True),
        ("500 No", True),
        ("503 No", True),
    ],
)
async def test_a_status_other_than_2xx_fails(status: str, retryable: bool) -> None:
    """What may pass by itself is retryable and transient; everything else is final."""
    async with serving(http(status)) as server:
        error = await failure(server.url)

    assert error.error_code == "HTTP_STATUS"
    assert error.retryable is retryable
    assert error.category is (Category.TRANSIENT if retryable else Category.ACTION)
    assert error.details["status"] == int(status.split()[0])


async def test_a_failure_carries_the_beginning_of_the_body() -> None:
    """2 KiB of the answer are kept for people who look, also of a compressed or endless one."""
    content = gzip.compress(b"x\x00" + b"y" * 5_000_000)
    headers = ("Content-Encoding: gzip", "Retry-After: 5")
    async with serving(http("404 No", *headers, body=content)) as server:
        error = await failure(server.url)

    assert error.retry_after is None
    assert error.details["body"] == "x�" + "y" * 2046
    assert error.info(step="get", attempt=2).as_json() == {
        "code": "HTTP_STATUS",
        "category": "Action",
        "message": f"GET {server.url} answered with status 404.",
        "retryable": False,
        "details": error.details,
        "step": "get",
        "attempt": 2,
    }


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        ("0", 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("99999999999999999999", 3600),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3600),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
        (None, None),
    ],
)
async def test_retry_after_is_honoured(value: str | None, seconds: float | None) -> None:
    """Seconds and HTTP dates become seconds from now, at most an hour; nonsense is ignored."""
    headers = () if value is None else (f"Retry-After: {value}",)
    async with serving(http("429 Too Many Requests", *headers)) as server:
        error = await failure(server.url)

    assert error.retry_after == seconds


async def test_retry_after_may_be_a_date() -> None:
    """A date becomes the seconds that are left until then."""
    when = format_datetime(datetime.now(UTC) + timedelta(seconds=600), usegmt=True)
    async with serving(http("503 Service Unavailable", f"Retry-After: {when}")) as server:
        error = await failure(server.url)

    assert error.retry_after == pytest.approx(590, abs=15)


async def test_expected_statuses_are_answers_and_others_are_not() -> None:
    """`expectStatus` decides alone: a 404 or a redirect may be an answer, a 200 a failure."""
    moved = http("302 Found", "Location: /next")
    async with serving(http("404 No", body="none"), moved, http(body="ok")) as server:
        missing = await request(server.url, expectStatus=[404])
        redirect = await request(server.url, expectStatus=[302], maxRedirects=5)
        error = await failure(server.url, expectStatus=[404])

    assert (missing.status, missing.body) == (404, "none")
    assert (redirect.status, redirect.headers["location"]) == (302, "/next")
    assert (error.details["status"], error.retryable) == (200, False)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1", "0x7f000001", "2130706433", "localhost", "[::1]", "[::ffff:127.0.0.1]"],
)
async def test_a_private_address_is_refused_by_default(host: str) -> None:
    """However it is written: nothing is sent, and trying again will not help."""
    async with serving(http()) as server:
        port = server.url.rsplit(":", 1)[1]
        error = await failure(f"http://{host}:{port}/", policy=AddressPolicy())
        assert server.received == []

    assert (error.error_code, error.category, error.retryable) == (
        "HTTP_ADDRESS_REFUSED",
        Category.VALIDATION,
        False,
    )
    assert "WORKFLOW_HTTP_ALLOW" in str(error)


async def test_a_redirect_to_a_refused_address_is_refused() -> None:
    """Each target of a redirect is judged like the first address."""
    policy = AddressPolicy(allow=(ip_network("127.0.0.1/32"),))
    async with (
        serving(http(), host="127.0.0.2") as hidden,
        serving(http("302 Found", f"Location: {hidden.url}/secret")) as server,
    ):
        error = await failure(server.url, maxRedirects=5, policy=policy)

    assert error.error_code == "HTTP_ADDRESS_REFUSED"
    assert len(server.received) == 1
    assert hidden.received == []


async def test_redirects_are_followed_up_to_their_number() -> None:
    """With `maxRedirects` the last answer counts; one more is a failure that says what to set."""
    moved = (http("301 No", "Location: /a?b=1"), http("307 No", "Location: c"))
    async with serving(*moved, http(body="ok")) as server:
        output = await request(f"{server.url}/x/", maxRedirects=2)
    async with serving(*moved, http(body="ok")) as other:
        error = await failure(other.url, maxRedirects=1)

    assert [received.line.split()[1] for received in server.received] == ["/x/", "/a?b=1", "/c"]
    assert (output.body, output.url) == ("ok", f"{server.url}/c")
    assert (error.error_code, error.retryable) == ("HTTP_REDIRECTS", False)
    assert "maxRedirects" in str(error)


async def test_credentials_stay_with_their_origin() -> None:
    """Headers go along within an origin; to another one only harmless ones do."""
    headers = {
        "Authorization": "Bearer t",
        "Cookie": "c=1",
        "X-Api-Key": "k",
        "Accept": "text/html",
    }
    async with serving(http()) as other:
        moves = (http("302 No", "Location: /b"), http("302 No", f"Location: {other.url}/c"))
        async with serving(*moves) as server:
            await request(server.url, maxRedirects=2, headers=headers)

    for received in server.received:
        assert received.headers.items() >= {k.lower(): v for k, v in headers.items()}.items()
    assert other.received[0].headers["accept"] == "text/html"
    assert not {"authorization", "cookie", "x-api-key"} & other.received[0].headers.keys()


@pytest.mark.parametrize(
    ("status", "method", "body"),
    [("301", "PUT", b"data"), ("308", "PUT", b"data"), ("303", "GET", b"")],
)
async def test_a_redirected_put_keeps_or_loses_its_body(
    status: str, method: str, body: bytes
) -> None:
    """303 means: get the result over there; the others repeat the request as it was."""
    async with serving(http(f"{status} No", "Location: /b"), http()) as server:
        await request(server.url, method="PUT", text="data", maxRedirects=1)

    assert server.received[1].line == f"{method} /b HTTP/1.1"
    assert server.received[1].body == body
    assert ("content-type" in server.received[1].headers) is bool(body)


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "ftp://a.example/", "http://u:p@a.example/", "http://", "//"]
)
async def test_a_redirect_to_no_http_url_fails(location: str) -> None:
    """Only http and https without a user name are followed."""
    async with serving(http("302 No", f"Location: {location}")) as server:
        error = await failure(server.url, maxRedirects=5)

    assert error.error_code == "HTTP_REDIRECTS"


async def test_a_server_that_is_not_there_is_transient() -> None:
    """A refused connection may be tried again; the message says what the system said."""
    async with serving(http()) as server:
        pass
    error = await failure(server.url)

    assert (error.error_code, error.category, error.retryable) == (
        "HTTP_CONNECT",
        Category.TRANSIENT,
        True,
    )
    assert "Connection refused" in error.message


async def test_a_name_without_an_address_is_transient() -> None:
    """The name service may know better later."""

    async def nobody(host: str, port: int) -> Sequence[IPAddress]:
        return []

    error = await failure("http://nowhere.example/", resolve=nobody)

    assert (error.error_code, error.category, error.retryable) == (
        "HTTP_DNS",
        Category.TRANSIENT,
        True,
    )


async def test_a_server_without_tls_is_a_final_failure() -> None:
    """https to something that speaks another protocol does not get better by repeating."""

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(http("400 Bad Request"))
        await writer.drain()
        writer.close()

    listener = await asyncio.start_server(plain, "127.0.0.1", 0)
    async with listener:
        error = await failure(f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}/")

    assert (error.error_code, error.retryable) == ("HTTP_TLS", False)
    assert "wrong version number" in error.message


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_cancelled_request_leaves_no_connection(scheme: str) -> None:
    """When the activity is cancelled the server sees the connection end, even half-way into TLS."""
    asked = asyncio.Event()
    ended = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        asked.set()
        with contextlib.suppress(ConnectionError):
            await reader.read()
        ended.set()
        writer.close()

    listener = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with listener, asyncio.timeout(10):
        port = listener.sockets[0].getsockname()[1]
        task = asyncio.create_task(request(f"{scheme}://127.0.0.1:{port}/"))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await ended.wait()


async def test_secrets_of_a_request_are_in_no_message_and_no_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Path, query, headers and body are neither logged nor repeated in errors."""
    caplog.set_level(logging.DEBUG)
    async with serving(http("500 No")) as server:
        error = await failure(
            f"{server.url}/hook-s3cret?a=s3cret",
            method="PUT",
            query={"key": "s3cret"},
            headers={"Authorization": "Bearer s3cret"},
            text="s3cret",
        )

    assert server.received[0].line == "PUT /hook-s3cret?a=s3cret&key=s3cret HTTP/1.1"
    assert "s3cret" not in str(error)
    assert "s3cret" not in caplog.text
    assert server.url in caplog.text


@pytest.mark.parametrize(
    "fields",
    [
        {"method": "CONNECT"},
        {"method": "post"},
        {"url": "ftp://a.example/s3cret"},
        {"url": "//a.example/s3cret"},
        {"url": "http:///s3cret"},
        {"url": "http://s3cret@a.example/"},
        {"url": "http://u:s3cret@a.example/"},
        {"url": "http://a.example:0/s3cret"},
        {"url": "http://a.example:99999/s3cret"},
        {"url": "http://a.example/\ns3cret"},
        {"url": "http://a.example/\ud800s3cret"},
        {"headers": {"Host": "s3cret"}},
        {"headers": {"content-length": "3"}},
        {"headers": {"Idempotency-Key": "s3cret"}},
        {"headers": {"Transfer-Encoding": "chunked"}},
        {"headers": {"Connection": "close"}},
        {"headers": {"Proxy-Authorization": "s3cret"}},
        {"headers": {"X-A": "s3cret\r\nX-B: 2"}},
        {"headers": {"X-A": "s3cret\nX-B: 2"}},
        {"headers": {"X-A": " s3cret"}},
        {"headers": {"X-A": "s3cret\u00e9"}},
        {"headers": {"X-A\r\n": "s3cret"}},
        {"headers": {"X A": "s3cret"}},
        {"headers": {"": "s3cret"}},
        {"headers": {"X-A": "1", "x-a": "2"}},
        {"method": "PUT", "json": {}, "text": ""},
        {"method": "POST", "form": {}, "base64": ""},
        {"method": "POST", "form": {"a": {"b": "s3cret"}}},
        {"method": "POST", "base64": "s3cret!"},
        {"method": "POST", "base64": "c3"},
        {"method": "GET", "form": {}},
        {"method": "HEAD", "base64": ""},
        {"method": "POST", "json": {}, "headers": {"Content-Type": "text/s3cret"}},
        {"method": "POST", "form": {}, "headers": {"Content-Type": "multipart/form-data"}},
        {"method": "POST", "text": "", "headers": {"Content-Type": "text/xml; charset=latin1"}},
        {"auth": {"type": "bearer", "token": "s3cret s3cret"}},
        {"auth": {"type": "bearer", "token": ""}},
        {"auth": {"type": "bearer", "token": "s3cret", "password": "s3cret"}},
        {"auth": {"type": "basic", "username": "a:b", "password": "s3cret"}},
        {"auth": {"type": "basic", "username": "a", "password": "s3cret\n"}},
        {"auth": {"type": "digest", "username": "a", "password": "s3cret"}},
        {"auth": {"type": "bearer", "token": "s3cret"}, "headers": {"authorization": "s3cret"}},
        {"method": "GET", "json": {}},
        {"method": "HEAD", "text": "s3cret"},
        {"method": "PUT", "text": "s3cret\ud800"},
        {"method": "PUT", "json": {"a": float("nan")}},
        {"query": {"a": "\ud800s3cret"}},
        {"timeout": 0},
        {"timeout": 61},
        {"maxRedirects": 6},
        {"expectStatus": []},
        {"expectStatus": [100]},
        {"verify": False},
    ],
    ids=repr,
)
def test_input_that_must_not_be_sent_is_refused(fields: dict[str, Any]) -> None:
    """Bad methods, URLs, headers and bodies are refused before anything is sent, without echo."""
    with pytest.raises(ValidationError) as caught:
        HttpRequestInput.model_validate({"url": "http://a.example/", **fields})

    assert "s3cret" not in str(caught.value)


def test_the_schemas_offer_what_is_accepted() -> None:
    """Editors see camelCase names, the six methods and no other field; credentials are secret."""
    schema = HttpRequestInput.model_json_schema(by_alias=True)

    methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
    assert schema["properties"]["method"]["enum"] == methods
    assert schema["required"] == ["url"]
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == {
        "method",
        "url",
        "headers",
        "query",
        "auth",
        "json",
        "text",
        "form",
        "base64",
        "timeout",
        "maxRedirects",
        "expectStatus",
    }
    assert schema["$defs"]["BearerAuth"]["properties"]["token"]["format"] == "password"
    assert schema["$defs"]["BasicAuth"]["properties"]["password"]["format"] == "password"
    output = HttpRequestOutput.model_json_schema(by_alias=True, mode="serialization")
    assert set(output["properties"]) == {"status", "headers", "body", "contentType", "url"}
