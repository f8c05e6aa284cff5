"""Which addresses a webhook may go to: the internet's, and what an operator allows beside.

Anybody who may create a batch may name a URL, so without this the gateway's own network, and the cloud's
metadata with its keys, would be within everybody's reach. What is allowed is listed, not what is forbidden.
Sources: the IANA registries of special-purpose IPv4 and IPv6 addresses.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

_NOT_PUBLIC_4 = tuple(
    IPv4Network(each)
    for each in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # carriers' own; Alibaba's metadata
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's metadata, on an address that looks public
        "169.254.0.0/16",  # link-local; everybody else's metadata
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocols'; Oracle's metadata
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)

_PUBLIC_6 = IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(IPv6Network(each) for each in ("2001::/23", "2001:db8::/32", "3fff::/20"))
_NAT64 = IPv6Network("64:ff9b::/96")

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """What an operator allows beside the internet: hosts by name, and networks by address.

    A host that is named may be anywhere, and may be spoken to without TLS.
    """

    names: frozenset[str] = frozenset()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def parse(cls, entries: Iterable[str]) -> "AllowedHosts":
        """Read `hooks.internal`, `10.1.2.3` and `10.0.0.0/8`. Raises ValueError, which quotes the entry."""
        names: set[str] = set()
        networks: list[IPv4Network | IPv6Network] = []
        for entry in entries:
            if network := _network(entry):
                networks.append(network)
            elif entry and not set(entry) & set("/:@?#* \\"):
                names.add(_canonical(entry))
            else:
                raise ValueError(f"`{entry}` is neither a host, an address nor a network")
        return cls(frozenset(names), tuple(networks))

    def names_host(self, host: str) -> bool:
        """Whether this very host, or the address it is written as, is allowed."""
        return _canonical(host) in self.names or self._holds(host)

    def admits(self, address: str, *, host: str) -> bool:
        """Whether `host` may be reached at `address`."""
        return _canonical(host) in self.names or self._holds(address) or is_public(address)

    def _holds(self, address: str) -> bool:
        read = _read(address)
        return read is not None and any(read in network for network in self.networks)


def is_public(address: str) -> bool:
    """Whether an address is one of the internet's; what can't be read as an address is not.

    An IPv6 address that leads to an IPv4 one is what that one is.
    """
    match _read(address):
        case IPv4Address() as read:
            return not any(read in network for network in _NOT_PUBLIC_4)
        case IPv6Address() as read:
            inner = read.sixtofour or _behind_nat64(read)
            if inner is not None:
                return is_public(str(inner))
            return read in _PUBLIC_6 and not any(read in network for network in _NOT_PUBLIC_6)
        case None:
            return False


def _read(address: str) -> Address | None:
    try:
        # A zone says through which interface, not where to.
        read = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return (read.ipv4_mapped or read) if isinstance(read, IPv6Address) else read


def _behind_nat64(address: IPv6Address) -> IPv4Address | None:
    return IPv4Address(int(address) & 0xFFFF_FFFF) if address in _NAT64 else None


def _network(entry: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(entry, strict=False)
    except ValueError:
        return None


def _canonical(host: str) -> str:
    return host.lower().rstrip(".")
