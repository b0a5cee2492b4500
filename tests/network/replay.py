"""Answers of public collections, played byte for byte to a network, and what came of them in a word."""

import asyncio
import base64
import json
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from scraper import FetchError, Request
from scraper.http.response import Response
from scraper.network import Network
from scraper.protocols import Attempts
from scraper.verdict import Fail, Redirect, Retry
from tests.network.raw import Script, Talk, raw

CASES = Path(__file__).parent / "cases"
SPEED = 40  # how many times faster than written a script plays


def cases(name: str) -> list[dict[str, Any]]:
    """The rows of a file in `cases`."""
    rows: list[dict[str, Any]] = json.loads((CASES / name).read_text(encoding="utf-8"))["cases"]
    return rows


def unpacked(text: str | dict[str, str]) -> bytes:
    """Bytes as the files have them: as text, in base64, or compressed besides."""
    match text:
        case str():
            return text.encode()
        case {"zlib": packed}:
            return zlib.decompress(base64.b64decode(packed))
        case {"base64": packed}:
            return base64.b64decode(packed)
    raise ValueError(text)


def script(steps: Iterable[dict[str, Any]]) -> Script:
    """A server that hears one request, and then does what `steps` say."""

    async def play(talk: Talk) -> None:
        await talk.hear()
        for step in steps:
            if step.get("hold"):
                await talk.wait_closed()
            elif step.get("reset"):
                await talk.reset()
            elif step.get("pause"):
                for _ in range(step["times"]):
                    await talk.say(unpacked(step["send"]))
                    await asyncio.sleep(step["pause"] / SPEED)
            else:
                await say_often(talk, unpacked(step["send"]), step.get("times", 1))

    return play


async def say_often(talk: Talk, text: bytes, times: int) -> None:
    """Send `text` so many times, in pieces of a reasonable size."""
    at_once = max(65_536 // len(text), 1)
    while times > 0:
        await talk.say(text * min(at_once, times))
        times -= at_once


async def outcome(network: Network, steps: Iterable[dict[str, Any]]) -> str:
    """What comes of one request that is answered by `steps`: `ok:…`, `redirect:…`, `retry:…`, or a reason."""
    async with raw(script(steps)) as server:
        request = Request(server.url)
        answer: Response | FetchError
        try:
            answer = await network.fetch(request)
        except FetchError as error:
            answer = error
        decided = (policy(request, answer, Attempts(retries=99)) for policy in network.policies)
        match next(each for each in decided if each is not None):
            case Redirect(following):
                return "redirect:" + following.url.replace(server.url, "/")
            case Retry(_, reason) | Fail(reason):
                return str(reason)
        assert isinstance(answer, Response)
        text = answer.body.decode("ascii", "replace")
        shown = f"{len(text)} bytes" if len(text) > 60 else text
        return f"ok:{shown}" if answer.status == 200 else f"status:{answer.status}:{shown}"
