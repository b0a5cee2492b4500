"""A spider whose requests hold secrets of many names, and the site it is for."""

from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlsplit

from scraper import Request, Response, Spider

HOST = "https://members.example"
LOGIN = f"{HOST}/login"


class Members(Spider):
    """Logs in, and reads what members may."""

    name = "members"
    token: str = "hunter2-default"

    async def start(self) -> AsyncIterator[Request]:
        form = {"user": "jo", "password": "hunter2-password", "authenticity_token": self.token}
        yield Request(LOGIN, form=form, callback="parse_home", headers={"X-Corp": "hunter2-corp"})

    def parse_home(self, response: Response) -> Iterator[Any]:
        yield {"home": response.css("b::text").get()}
        for page in (1, 2):
            yield Request(f"{HOST}/list?api_token={self.token}&page={page}", self.parse_list)
        yield Request(f"{HOST}/api", json={"token": self.token, "q": "sea"}, callback="parse_list")
        for number in (1, 2, 3):
            yield Request(f"{HOST}/late", json={"jwt": self.token, "n": number}, callback="parse_list", priority=-1)

    def parse_list(self, response: Response) -> Iterator[Any]:
        yield {"text": response.css("b::text").get()}


def answer(request: Request) -> Any:
    """What the site answers."""
    path = urlsplit(request.url).path
    if path == "/login":
        there = "https://bob:hunter2-location@members.example/home?session_id=hunter2-session&from=login"
        headers = {"Location": there, "X-Corp": "hunter2-answer", "X-Refresh-Token": "hunter2-refresh"}
        return Response(request.url, status=302, headers=headers)
    return f"<b>{path} {request.url.rpartition('page=')[2] if 'page=' in request.url else ''}</b>"
