"""Which hosts may be reached: those of the public internet, and those that the user named.

A page can link, redirect, or have its name resolved to any address: to this machine, to its neighbours, to the
service that hands a cloud's passwords out. So an address that does not belong to the public internet is reached
only on behalf of a host that the user named, as the host of a start request or in `[network] allow_addresses`. A
name that is allowed is so on all ports; what it leads to is not named by that.

Some names mean an address wherever they are looked up, such as `localhost` and those of a cloud's metadata. They are
judged as that address, since a proxy would look them up without telling.

What an address is for is told by the registries of special-purpose addresses (RFC 6890) and, for IPv6, by what is
given out at all: 2000::/3. An IPv4 address within an IPv6 address (mapped, NAT64, 6to4) is judged as what it is.

The guard decides and does no I/O. It is asked about the host of every request, as a limit and once more by the
fetcher, which settles all that are addresses; and about every answer of the name server, by the resolver, whose
answer is what is connected to. See `scraper.network.connection.resolver`.
"""

from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from scraper import urls
from scraper.errors import Reason, SettingsError
from scraper.http.request import Request
from scraper.protocols import Limit
from scraper.verdict import GO, Refuse, Verdict

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MOST_HOSTS = 16_384  # whose verdicts are remembered

_NOT_PUBLIC = tuple(
    IPv4Network(each)
    for each in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by a provider's customers; 100.100.100.200 is a cloud's metadata
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # a cloud's host, as its machines see it
        "169.254.0.0/16",  # link-local; 169.254.169.254 is a cloud's metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; 192.0.0.192 is a cloud's metadata
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/3",  # multicast, reserved, broadcast
    )
)
_GIVEN_OUT = IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(
    IPv6Network(each)
    for each in (
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "3fff::/20",  # documentation
    )
)
_LOOPBACK = IPv4Address("127.0.0.1")
_METADATA = IPv4Address("169.254.169.254")
_MEANINGS: dict[str, Address] = {
    **dict.fromkeys(
        (
            "localhost",  # and all names below it (RFC 6761, 6.3)
            "localhost.localdomain",
            "localhost4",
            "localhost4.localdomain4",
            "host.docker.internal",  # as a container calls the machine that it runs on
            "gateway.docker.internal",
            "kubernetes.docker.internal",
            "host.containers.internal",
        ),
        _LOOPBACK,
    ),
    **dict.fromkeys(("ip6-localhost", "ip6-loopback", "localhost6", "localhost6.localdomain6"), IPv6Address("::1")),
    **dict.fromkeys(
        ("metadata.google.internal", "metadata.goog", "metadata", "instance-data.ec2.internal", "instance-data"),
        _METADATA,
    ),
}
_NAT64 = IPv6Network("64:ff9b::/96")
_TUNNEL = int.from_bytes(b"\0\0\x5e\xfe")  # what stands before the IPv4 address in an ISATAP interface (RFC 5214)


def is_public(address: Address) -> bool:
    """Whether `address` belongs to the public internet, and to one host there."""
    if isinstance(address, IPv4Address):
        return not any(address in each for each in _NOT_PUBLIC)
    within = _embedded(address)
    if within is not None and not is_public(within):
        return False
    if address.ipv4_mapped is not None or address in _NAT64:
        return True
    return address in _GIVEN_OUT and not any(address in each for each in _NOT_PUBLIC_6)


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that packets to `address` end up at, if there is one."""
    number = int(address)
    last = IPv4Address(number & 0xFFFFFFFF)
    if address in _NAT64 or number >> 32 & 0xFFFFFFFF & ~0x0200_0000 == _TUNNEL:
        return last
    return address.ipv4_mapped or address.sixtofour


class AddressNotAllowedError(Exception):
    """A host's name leads to an address that nobody named."""


class Guard(Limit):
    """Knows who was named. `allowed` holds IP addresses, networks (`10.0.0.0/8`) and host names.

    Raises `SettingsError` for any other entry.
    """

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._named: set[str] = set()
        self._new: list[str] = []  # of these, what `changes()` has not told
        self._networks: list[Network] = []
        self._proxies: dict[str, None] = {}  # those that were asked last
        self._verdicts: dict[str, Reason | None] = {}
        self._notify: Callable[[str], None] | None = None
        for entry in allowed:
            network = _as_network(entry)
            if network is not None:
                self._networks.append(network)
            else:
                self._named.add(host_of(entry, key="allow_addresses"))

    def name(self, host: str) -> None:
        """The user named `host`, the host of a canonical URL: whatever its address is, it may be reached."""
        if host not in self._named:
            self._named.add(host)
            self._new.append(host)
            self._verdicts.clear()
            if self._notify is not None:
                self._notify(host)

    @property
    def named(self) -> tuple[str, ...]:
        """The hosts that the user named."""
        return tuple(self._named)

    def watch(self, notify: Callable[[str], None] | None) -> None:
        """Call `notify` with each host that the user names from now on; None: nobody any more."""
        self._notify = notify

    def name_url(self, url: str) -> None:
        """The user named the host of `url`; what is no web address names nobody."""
        canonical = urls.canonical(url)
        if canonical is not None and urls.is_web(canonical):
            self.name(urls.host(canonical))

    def name_proxy(self, host: str) -> None:
        """The user named `host` as a proxy: it is connected to wherever it is, but pages do not lead there.

        A proxy is named for each request through it; of more than `MOST_HOSTS` those named last count.
        """
        if host not in self._proxies:
            if len(self._proxies) >= MOST_HOSTS:
                del self._proxies[next(iter(self._proxies))]
            self._verdicts.clear()
        else:
            del self._proxies[host]
        self._proxies[host] = None

    def changes(self) -> dict[str, bool]:
        """The hosts that were named since this was last asked."""
        new, self._new = self._new, []
        return dict.fromkeys(new, True)

    def host_of(self, key: str) -> str:
        """The host that a key of the memory is."""
        return key

    def recall(self, memory: dict[str, bool]) -> None:
        """Know again who was named."""
        self._named.update(memory)
        self._verdicts.clear()
        if self._notify is not None:
            for host in memory:
                self._notify(host)

    def refusal(self, host: str) -> Reason | None:
        """Why no request may go to `host`, the host of a URL; None if that is up to its address, if to anything."""
        try:
            return self._verdicts[host]
        except KeyError:
            pass
        if len(self._verdicts) >= MOST_HOSTS:
            self._verdicts.clear()
        verdict = self._verdicts[host] = self._judge(host)
        return verdict

    def _judge(self, host: str) -> Reason | None:
        if host in self._named:
            return None
        if urls.canonical(f"http://{host}/") != f"http://{host}/":  # who reads it otherwise may reach something else
            return Reason.INVALID_URL
        address = _address(host) or _meaning(host)
        if address is not None:
            return None if self._may_reach(address) else Reason.ADDRESS_NOT_ALLOWED
        return Reason.ADDRESS_NOT_ALLOWED if host in self._proxies else None

    def may_connect(self, host: str, address: str) -> bool:
        """Whether `host`, a name, may be reached at `address`, which is what its name server says."""
        if host in self._named or host in self._proxies:
            return True
        return self._may_reach(ip_address(address.partition("%")[0]))

    def refuse(self, host: str) -> None:
        """None of the addresses of `host` may be connected to: it need not be tried again."""
        if host not in self._named and host not in self._proxies:
            self._verdicts[host] = Reason.ADDRESS_NOT_ALLOWED

    def _may_reach(self, address: Address) -> bool:
        return is_public(address) or any(address in each for each in self._networks)

    # As a limit, so that a host is refused for what it is, and not for having no robots.txt.

    def judge(self, request: Request, now: float) -> Verdict:
        """Refuses a request for a host that may not be reached."""
        if not urls.is_web(request.url) or (reason := self.refusal(urls.host(request.url))) is None:
            return GO
        return Refuse(reason)

    def __repr__(self) -> str:
        return f"<Guard {len(self._named)} named>"


def _address(host: str) -> Address | None:
    """The address that a canonical host is, if it is one."""
    try:
        return ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None


def _meaning(host: str) -> Address | None:
    """The address that a name means to everybody, if it is such a name."""
    name = host.removesuffix(".")
    return _MEANINGS.get("localhost" if name.endswith(".localhost") else name)


def _as_network(entry: str) -> Network | None:
    try:
        return ip_network(entry.strip().removeprefix("[").removesuffix("]"), strict=False)
    except ValueError:
        return None


def host_of(entry: str, *, key: str) -> str:
    """The host that an entry of the setting `key` names, as URLs have it. Raises `SettingsError` if it is none."""
    written = f"[{entry}]" if ":" in entry and not entry.startswith("[") else entry
    url = urls.canonical(f"http://{written}/")
    host = urls.host(url) if url is not None else ""
    if not host or url != f"http://{host}/":
        raise SettingsError(f"[network] {key}: {entry!r:.80} is no host: write its name or IP address alone")
    return host
