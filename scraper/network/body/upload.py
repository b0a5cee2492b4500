"""What a request sends that stands in files: the files of a form, or one that is the whole content.

A file is opened when the request is sent, each time that it is, and read piece by piece as the connection takes it.
"""

import asyncio
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Self

import aiohttp

from scraper.errors import FetchError, Reason
from scraper.http.request import Request
from scraper.urls import without_credentials


class Content:
    """The files of a request, open until the context is left."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._files = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    async def opened(self) -> BinaryIO | aiohttp.FormData:
        """What to hand to aiohttp. Raises `FetchError` for a file that cannot be read."""
        request = self._request
        if request.body_file:
            return await self._open(request.body_file)
        form = aiohttp.FormData(charset=request.encoding)
        for name, value in request.form or ():
            form.add_field(name, value, content_type="")
        for name, path in request.files.items():
            form.add_field(name, await self._open(path), filename=Path(path).name)
        return form

    async def _open(self, path: str) -> BinaryIO:
        try:
            return self._files.enter_context(await asyncio.to_thread(Path(path).open, "rb"))
        except OSError as error:
            text = f"{path} cannot be read: {error.strerror or error}"
            raise FetchError(Reason.BAD_REQUEST, without_credentials(self._request.url), text) from None
