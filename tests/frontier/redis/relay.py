"""A proxy in front of a server, whose clients do not notice when the server is another one."""

import asyncio
from types import TracebackType
from typing import Self


class Relay:
    """Passes on bytes between clients and the port `behind`, which is connected to anew when it has hung up."""

    def __init__(self, behind: int) -> None:
        self._behind = behind
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        server: asyncio.StreamReader | None = None
        to_server: asyncio.StreamWriter | None = None
        try:
            while data := await client.read(65_536):
                if server is None or to_server is None or server.at_eof():
                    if to_server is not None:
                        to_server.close()
                    server, to_server = await asyncio.open_connection("127.0.0.1", self._behind)
                    back = asyncio.create_task(_pass_on(server, to_client))
                    self._tasks.add(back)
                to_server.write(data)
        finally:
            for writer in (to_server, to_client):
                if writer is not None:
                    writer.close()


async def _pass_on(server: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
    while data := await server.read(65_536):
        to_client.write(data)
