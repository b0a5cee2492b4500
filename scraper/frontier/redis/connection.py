"""One connection to Redis, on which commands and their replies keep their order.

Nothing is sent again: a command that was not answered may have been run, or may still be. So there are no retries, and
a connection that failed is not opened again by itself. `errors.py` puts redis-py's errors into words.
"""

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from scraper.errors import ScraperError, SettingsError, StorageError
from scraper.frontier.redis.errors import is_another_server, reason
from scraper.frontier.redis.scripts import script
from scraper.secrets import masked_store

if TYPE_CHECKING:
    from redis.asyncio.connection import AbstractConnection

_OLDEST = (6, 2)
_HUNG_UP = ("Connection closed by server", "Connection reset by peer", "Connection lost", "Broken pipe")
_OTHER_PROTOCOL = "answered: Protocol Error"
REFUSALS = frozenset({"BROKEN", "FOREIGN", "LOST", "NEWER", "REFUSED", "TORN", "TRIMMED"})
"""The first words of a script's own errors."""


class Refusal(Exception):  # noqa: N818 -- a word of a script
    """A script refused: `code` is what for, `detail` what of."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail


class Unanswered(StorageError):  # noqa: N818 -- what happened, as in `CrawlStopped`
    """Nobody knows whether the server has run a script."""


class Connection:
    """A connection to the server at `url`. A reply that takes longer than `timeout` (seconds) does not come at all."""

    def __init__(self, url: str, timeout: float) -> None:
        self.shown = masked_store(url)
        self._url = url
        self._timeout = timeout
        self._connection: AbstractConnection | None = None
        self._has_file = False

    @property
    def is_open(self) -> bool:
        return self._connection is not None

    async def open(self) -> None:
        """Connect, and check that the server will do. Raises `StorageError` or `SettingsError`."""
        await self.close()
        connection = self._made()
        try:
            await connection.connect()  # type: ignore[no-untyped-call]
            self._connection = connection
            await connection.send_command("INFO")
            info = _fields(await connection.read_response())
            self._check(info)
            self._has_file = info.get("aof_enabled") == "1"
        except ScraperError:
            await self.close()
            raise
        except Exception as error:
            await self.close()
            raise StorageError(f"{self.shown} {self._why(error)}") from None

    async def run(self, name: str, key: bytes, argument: bytes) -> Any:
        """What the script `name` answers. Raises `Refusal` if it refuses.

        Raises `Unanswered` if there is no answer, and `StorageError` if Redis did not run it.
        """
        from redis.exceptions import NoScriptError

        connection = self._connection
        if connection is None or not connection.is_connected:  # it would connect anew by itself
            raise Unanswered(f"{self.shown}: the connection was lost")
        code = script(name)
        try:
            try:
                await connection.send_command("EVALSHA", code.digest, 1, key, argument)
                return await connection.read_response()
            except NoScriptError:  # it has not run
                await connection.send_command("EVAL", code.text, 1, key, argument)
                return await connection.read_response()
        except Exception as error:
            raise await self._failed(error) from None

    async def renew_file(self) -> None:
        """Have the server write its append-only file anew, if it has one and the user may: see `lua/keys.lua`."""
        from redis.exceptions import ResponseError

        connection = self._connection
        if connection is None or not connection.is_connected or not self._has_file:
            return
        try:
            await connection.send_command("BGREWRITEAOF")
            await connection.read_response()
        except ResponseError:
            return
        except Exception as error:
            raise await self._failed(error) from None

    async def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is None:
            return

        from redis.exceptions import RedisError

        with suppress(RedisError):  # a server that is gone does not say goodbye
            await connection.disconnect()

    def _made(self) -> "AbstractConnection":
        try:
            from redis.asyncio import connection as module
            from redis.asyncio.retry import Retry
            from redis.backoff import NoBackoff
        except ImportError:
            raise SettingsError(f"{self.shown} needs the extra: pip install 'scraper[redis]'") from None
        try:
            options: dict[str, Any] = dict(module.parse_url(self._url))
            path = urlsplit(self._url).path.strip("/")
            if not self._url.startswith("unix:") and path and not path.isdecimal():
                raise ValueError(f"the database after the host is a number, not {path!r}")
            kind = options.pop("connection_class", module.Connection)
            options |= {
                "socket_timeout": self._timeout,
                "socket_connect_timeout": self._timeout,
                "retry": Retry(NoBackoff(), 0),
                "retry_on_timeout": False,
                "health_check_interval": 0,
                "decode_responses": False,
                "protocol": 2,
            }
            if kind is module.SSLConnection:
                options.setdefault("ssl_check_hostname", True)
            made: AbstractConnection = kind(**options)
        except (TypeError, ValueError) as error:
            raise SettingsError(f"{self.shown} is no address of Redis: {masked_store(str(error))}") from None
        return made

    def _why(self, error: Exception) -> str:
        """Why the server will not do; it may not understand what it is sent at first."""
        why = reason(error, self._timeout)
        has_hung_up = why.endswith(_HUNG_UP)
        if self._url.startswith("rediss:") and (has_hung_up or why.startswith("did not answer")):
            return f"{why}. If it speaks no TLS, use redis://"
        if self._url.startswith("redis:") and (has_hung_up or why.startswith(_OTHER_PROTOCOL)):
            return f"{why}. If it speaks TLS, use rediss://"
        return why

    def _check(self, info: dict[str, str]) -> None:
        found = re.match(r"(\d+)\.(\d+)", info.get("redis_version", ""))
        if found is not None and (int(found[1]), int(found[2])) < _OLDEST:
            raise StorageError(f"{self.shown} is Redis {info['redis_version']}: it must be 6.2 or newer")
        if info.get("cluster_enabled") == "1":
            raise StorageError(f"{self.shown} is a cluster, which cannot hold a job: use a single server")
        if info.get("role") == "slave":
            primary = f"{info.get('master_host')}:{info.get('master_port')}"
            raise StorageError(f"{self.shown} is a replica: use its primary, {primary}")
        if (policy := info.get("maxmemory_policy", "")).startswith("allkeys"):
            raise StorageError(
                f"{self.shown} deletes keys when its memory is full (maxmemory-policy {policy}): "
                "set maxmemory-policy noeviction"
            )

    async def _failed(self, error: Exception) -> Exception:
        """What to raise after a script; unless the server has answered, the connection is closed."""
        from redis.exceptions import ResponseError

        code, _, detail = str(error).partition(" ")
        if isinstance(error, ResponseError):
            if code in REFUSALS:
                return Refusal(code, detail)
            if not is_another_server(error):
                return StorageError(f"{self.shown} {reason(error, self._timeout)}")
        await self.close()
        return Unanswered(f"{self.shown} {reason(error, self._timeout)}")


def _fields(info: bytes) -> dict[str, str]:
    """What `INFO` answers."""
    lines = (line.partition(":") for line in info.decode(errors="replace").splitlines())
    return {name: value.strip() for name, separator, value in lines if separator}
