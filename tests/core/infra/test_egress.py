"""Outgoing connections reach permitted addresses only, and the address that was judged."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alga_workflows_core.errors import SettingsError
from alga_workflows_core.infra.egress.addresses import AddressPolicy, IPAddress
from alga_workflows_core.infra.egress.backend import (
    AddressRefusedError,
    GuardedBackend,
    ResolutionError,
)
from alga_workflows_core.infra.egress.client import create_client
from alga_workflows_core.infra.egress.settings import EgressSettings
from alga_workflows_core.infra.settings import load

PUBLIC = AddressPolicy()
LOOPBACK = AddressPolicy(allow=(ip_network("127.0.0.0/8"),))


@dataclass(slots=True)
class Listener:
    """A server on loopback: the first bytes of each connection, and the answer to all of them."""

    port: int
    received: list[bytes] = field(default_factory=list[bytes])


@asynccontextmanager
async def listening(answer: bytes, host: str = "127.0.0.1") -> AsyncGenerator[Listener]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        listener.received.append(await reader.read(65536))
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, host, 0)
    listener = Listener(port=server.sockets[0].getsockname()[1])
    async with server:
        yield listener


def answer(*headers: str) -> bytes:
    lines = ("HTTP/1.1 200 OK", "Content-Length: 2", "Connection: close", *headers)
    return ("\r\n".join(lines) + "\r\n\r\nok").encode()


class Names:
    """A name service that gives one prepared answer after the other, the last one for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, _port: int) -> Sequence[IPAddress]:
        self.asked.append(host)
        found = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [ip_address(text) for text in found]


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104 - an address to judge, not to bind
        "10.0.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "168.63.129.16",
        "169.254.169.254",
        "172.31.255.255",
        "192.0.0.192",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:0:127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::808:808",
        "2001:0:808:808::1",
        "2002:7f00:1::",
        "2002:808:808::",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%1",
        "ff02::1",
        "5f00::1",
    ],
)
def test_an_address_that_is_not_global_unicast_is_refused(address: str) -> None:
    """Private, local, shared, reserved, multicast and transition addresses are out of reach."""
    assert not PUBLIC.permits(ip_address(address))


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"],
)
def test_a_public_address_is_permitted(address: str) -> None:
    """Global unicast may be reached, also through the forms that stand for public IPv4."""
    assert PUBLIC.permits(ip_address(address))


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_whatever_python_calls_special_is_refused(address: IPv4Address | IPv6Address) -> None:
    """The table is at least as strict as the standard library's."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    special = (
        address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or address.is_reserved
    )
    in_nat64 = address in ip_network("64:ff9b::/96")
    if special and mapped is None and not in_nat64:
        assert not PUBLIC.permits(address)


def test_a_permitted_network_covers_every_form_of_its_addresses() -> None:
    """`allow` opens exactly its networks, and IPv6 forms that stand for their addresses."""
    policy = AddressPolicy(allow=(ip_network("10.1.0.0/16"), ip_network("fd12::/16")))

    for address in ("10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::a01:203", "fd12::1"):
        assert policy.permits(ip_address(address)), address
    for address in ("10.2.0.1", "::ffff:10.2.0.1", "fd13::1", "127.0.0.1"):
        assert not policy.permits(ip_address(address)), address


def test_settings_read_networks() -> None:
    """WORKFLOW_HTTP_ALLOW is a comma list of networks; without it nothing private is open."""
    settings = load(EgressSettings, {"WORKFLOW_HTTP_ALLOW": "10.1.0.0/16, 127.0.0.1 ,fd12::/16,"})

    assert settings.policy.permits(ip_address("127.0.0.1"))
    assert settings.policy.permits(ip_address("fd12::7"))
    assert not settings.policy.permits(ip_address("127.0.0.2"))
    assert load(EgressSettings, {}).policy == AddressPolicy()


@pytest.mark.parametrize("value", ["10.1.2.3/8", "internal.example", "10.0.0.0/33"])
def test_settings_name_the_variable_that_is_wrong(value: str) -> None:
    """A network that cannot be read is reported with its variable and what is expected."""
    with pytest.raises(SettingsError, match=r"WORKFLOW_HTTP_ALLOW.*expected networks such as"):
        load(EgressSettings, {"WORKFLOW_HTTP_ALLOW": value})


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1", "0177.1", "0x7f000001", "2130706433", "localhost", "LOCALHOST"],
)
async def test_loopback_is_refused_however_it_is_written(host: str) -> None:
    """What the operating system would connect to is judged, not how the host is spelled."""
    async with listening(answer()) as listener, create_client(PUBLIC) as client:
        with pytest.raises(AddressRefusedError):
            await client.get(f"http://{host}:{listener.port}/")
        assert listener.received == []


@pytest.mark.parametrize("host", ["[::1]", "[::ffff:127.0.0.1]", "[0:0:0:0:0:ffff:7f00:1]"])
async def test_loopback_is_refused_in_ipv6_forms(host: str) -> None:
    """IPv6 literals are judged like IPv4 ones."""
    async with create_client(PUBLIC) as client:
        with pytest.raises(AddressRefusedError):
            await client.get(f"http://{host}:9/")


async def test_a_name_with_one_refused_address_is_refused() -> None:
    """A host that mixes public and private addresses is not connected to at all."""
    names = Names(["1.1.1.1", "10.0.0.1"])
    async with create_client(PUBLIC, resolve=names) as client:
        with pytest.raises(AddressRefusedError) as caught:
            await client.get("http://mixed.example/")

    assert "mixed.example" in str(caught.value)
    assert "10.0.0.1" not in str(caught.value)


async def test_a_name_is_looked_up_once_for_a_connection() -> None:
    """A name service that answers differently the second time gets no second question."""
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    only_first = AddressPolicy(allow=(ip_network("127.0.0.1/32"),))
    async with (
        listening(answer()) as listener,
        create_client(only_first, resolve=names) as client,
    ):
        url = f"http://rebinding.example:{listener.port}/"
        assert (await client.get(url)).text == "ok"
        assert names.asked == ["rebinding.example"]

        with pytest.raises(AddressRefusedError):
            await client.get(url)
        assert names.asked == ["rebinding.example"] * 2
        assert len(listener.received) == 1


async def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    """A host stays reachable when only one of its addresses is."""
    names = Names(["127.0.0.2", "127.0.0.1"])
    async with listening(answer()) as listener, create_client(LOOPBACK, resolve=names) as client:
        assert (await client.get(f"http://two.example:{listener.port}/")).text == "ok"


async def test_the_host_header_stays_the_one_of_the_url() -> None:
    """Connecting to a judged address does not change what the server is asked for."""
    async with (
        listening(answer()) as listener,
        create_client(LOOPBACK, resolve=Names(["127.0.0.1"])) as client,
    ):
        await client.get(f"http://shop.example:{listener.port}/")

    assert f"\r\nHost: shop.example:{listener.port}\r\n".encode() in listener.received[0]


async def test_the_tls_server_name_stays_the_one_of_the_url() -> None:
    """The certificate that is asked for, and checked, is the one of the host name."""
    async with (
        listening(b"not TLS") as listener,
        create_client(LOOPBACK, resolve=Names(["127.0.0.1"])) as client,
    ):
        with pytest.raises(httpx.ConnectError):
            await client.get(f"https://shop.example:{listener.port}/")

    assert b"shop.example" in listener.received[0]


async def test_a_name_without_an_address_is_a_resolution_error() -> None:
    """No answer, an error of the name service and a name that cannot be one look the same."""

    async def broken(host: str, port: int) -> Sequence[IPAddress]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    for resolve in (broken, Names([])):
        async with create_client(PUBLIC, resolve=resolve) as client:
            with pytest.raises(ResolutionError, match=r"nowhere\.example"):
                await client.get("http://nowhere.example/")
    async with create_client(PUBLIC) as client:
        with pytest.raises(ResolutionError):
            await client.get(f"http://{'a' * 70}.example/")


async def test_a_slow_name_service_counts_as_time_to_connect() -> None:
    """The limit on connecting includes looking the name up."""

    async def never(host: str, port: int) -> Sequence[IPAddress]:
        await asyncio.Event().wait()
        return []

    async with create_client(PUBLIC, resolve=never) as client:
        with pytest.raises(httpx.ConnectTimeout):
            await client.get("http://slow.example/", timeout=httpx.Timeout(10.0, connect=0.05))


async def test_unix_sockets_are_refused() -> None:
    """No request can be pointed at a socket of the machine."""
    with pytest.raises(AddressRefusedError):
        await GuardedBackend(LOOPBACK, Names([])).connect_unix_socket("/run/docker.sock")


async def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would make the connection in our place, past the guard."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with listening(answer()) as listener, create_client(LOOPBACK) as client:
        assert (await client.get(f"http://127.0.0.1:{listener.port}/")).text == "ok"


async def test_cookies_are_not_kept_between_requests() -> None:
    """What one run's server sets is not sent by another run."""
    cookie = answer("Set-Cookie: id=1; Path=/")
    async with listening(cookie) as listener, create_client(LOOPBACK) as client:
        for _ in range(2):
            await client.get(f"http://127.0.0.1:{listener.port}/")

    assert len(listener.received) == 2
    assert b"cookie" not in listener.received[1].lower()


async def test_redirects_are_not_followed_by_the_client() -> None:
    """Whoever uses the client sees each redirect."""
    redirect = b"HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 0\r\n\r\n"
    async with listening(redirect) as listener, create_client(LOOPBACK) as client:
        response = await client.get(f"http://127.0.0.1:{listener.port}/")

    assert response.status_code == 302
    assert len(listener.received) == 1
