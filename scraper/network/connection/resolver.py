"""Addresses of hosts, looked up in a few threads of their own and judged before anybody connects to them.

aiohttp connects to what it is given here and looks nothing up a second time, so a name that leads elsewhere the
next time it is asked for is judged again. Addresses are remembered by aiohttp, for the hosts used last; here it is
remembered for a while which names there are not.
"""

import asyncio
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from scraper.network.connection.address_guard import AddressNotAllowedError, Guard

THREADS = 8  # a slow name server holds up other look-ups only, and none of the threads that decode bodies
MISSING_SECONDS = 30.0  # that a name is taken for missing
MOST_MISSING = 4096  # such names that are remembered

Lookup = Callable[..., list[tuple[Any, ...]]]


class Resolver(AbstractResolver):
    """Looks names up with `lookup`, and gives the addresses that `guard` lets pass; without one, all of them."""

    def __init__(self, guard: Guard | None, *, lookup: Lookup = socket.getaddrinfo) -> None:
        self._guard = guard
        self._lookup = lookup
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="names")
        self._missing: dict[str, float] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of `host`. Raises `OSError` if there is none, `AddressNotAllowedError` if none may be used."""
        if self._missing.get(host, 0.0) > time.monotonic():
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        ask = partial(self._lookup, host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        except socket.gaierror as error:
            if error.errno == socket.EAI_NONAME:
                self._remember_missing(host)
            raise
        except UnicodeError as error:
            raise socket.gaierror(socket.EAI_NONAME, f"no host name: {error}") from None
        addresses = [_address(info[4]) for info in found]
        if self._guard is not None:
            allowed = [self._guard.may_connect(host, address) for address in addresses]
            if not any(allowed):
                self._guard.refuse(host)
                where = addresses[0] if addresses else "no address"
                raise AddressNotAllowedError(f"{host} is at {where}; [network] allow_addresses could allow that")
            found = [info for info, is_allowed in zip(found, allowed, strict=True) if is_allowed]
        return [
            ResolveResult(
                hostname=host,
                host=_address(sockaddr),
                port=port,
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, sockaddr in found
        ]

    def _remember_missing(self, host: str) -> None:
        if len(self._missing) >= MOST_MISSING:
            self._missing.clear()
        self._missing[host] = time.monotonic() + MISSING_SECONDS

    async def close(self) -> None:
        """Look nothing up any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _address(sockaddr: tuple[Any, ...]) -> str:
    """The address in a socket's address, with its zone if it has one (RFC 4007)."""
    if len(sockaddr) == 4 and sockaddr[3]:
        host: str = socket.getnameinfo(sockaddr, socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)[0]
        return host
    return str(sockaddr[0])
