"""Which addresses an outgoing connection that an author asked for may go to."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_network,
)
from typing import TypeAlias

IPAddress: TypeAlias = IPv4Address | IPv6Address
IPNetwork: TypeAlias = IPv4Network | IPv6Network

# A table of our own: what `ipaddress` calls global changed between patch releases of Python.
_REFUSED = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",  # looks public, but is Azure's own service on every machine there
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "2001::/23",  # holds Teredo, which wraps IPv4 addresses
        "2001:db8::/32",
        "2002::/16",  # 6to4, which wraps IPv4 addresses
        "3fff::/20",
    )
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressPolicy:
    """Only globally routable unicast addresses may be reached, and those inside `allow`.

    An IPv6 address that stands for an IPv4 address (mapped, NAT64) is judged as that one; 6to4,
    Teredo and every other transition range is refused.
    """

    allow: tuple[IPNetwork, ...] = ()

    def permits(self, address: IPAddress) -> bool:
        """Whether a connection to `address` may be opened."""
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            return self.permits(address.ipv4_mapped)
        if any(address in network for network in self.allow):
            return True
        if isinstance(address, IPv6Address):
            if address in _NAT64:
                return self.permits(IPv4Address(int(address) & 0xFFFF_FFFF))
            if address not in _GLOBAL_UNICAST:
                return False
        return not any(address in network for network in _REFUSED)
