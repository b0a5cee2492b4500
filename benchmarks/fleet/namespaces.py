"""Machines as network namespaces: each has an address on one bridge, and a link that can be taken down.

    hub        the bridge
    shop       10.77.1.1 and following: the hosts that are crawled
    redis      10.77.0.2
    m1, m2, …  10.77.0.11 and following: the workers

Nothing of the machine's own network changes; the namespaces are deleted in the end, and all that is in them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from ipaddress import IPv4Address

SHOP, REDIS, MACHINE = "10.77.1.1", "10.77.0.2", "10.77.0.11"
_PREFIX = f"machines{os.getpid()}"


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def _name(part: str) -> str:
    return f"{_PREFIX}-{part}"


@cache
def possible() -> bool:
    """May this process make network namespaces?"""
    if os.geteuid() or shutil.which("ip") is None:
        return False
    made = subprocess.run(["ip", "netns", "add", _name("try")], check=False, capture_output=True)
    return not made.returncode and not subprocess.run(["ip", "netns", "del", _name("try")], check=False).returncode


class Namespaces:
    """A bridge, and namespaces that are linked to it by name."""

    def within(self, part: str) -> Sequence[str]:
        """How a command begins that runs in this namespace."""
        return ("ip", "netns", "exec", _name(part))

    def add(self, part: str, *addresses: str) -> None:
        """Make a namespace with these addresses."""
        _ip("netns", "add", _name(part))
        _ip("-n", _name("hub"), "link", "add", part, "type", "veth", "peer", "name", "net", "netns", _name(part))
        _ip("-n", _name("hub"), "link", "set", part, "master", "bridge", "up")
        for address in addresses:
            _ip("-n", _name(part), "address", "add", f"{address}/16", "dev", "net")
        for device in ("lo", "net"):
            _ip("-n", _name(part), "link", "set", device, "up")

    def set_link(self, part: str, state: str) -> None:
        """Take the link of a namespace down, or up again: packets are lost, and nobody is told."""
        _ip("-n", _name("hub"), "link", "set", part, state)


@contextmanager
def network(hosts: int, machines: Sequence[str]) -> Iterator[Namespaces]:
    """Namespaces for a shop of so many hosts, Redis, and these machines."""
    made = Namespaces()
    try:
        _ip("netns", "add", _name("hub"))
        _ip("-n", _name("hub"), "link", "add", "bridge", "type", "bridge")
        _ip("-n", _name("hub"), "link", "set", "bridge", "up")
        made.add("shop", *(str(IPv4Address(SHOP) + number) for number in range(hosts)))
        made.add("redis", REDIS)
        for number, machine in enumerate(machines):
            made.add(machine, str(IPv4Address(MACHINE) + number))
        yield made
    finally:
        for part in ("hub", "shop", "redis", *machines):
            subprocess.run(["ip", "netns", "del", _name(part)], check=False, capture_output=True)
