"""Opens the bookshop for people: `python -m scraper.testing.bookshop [PORT]`, until Ctrl-C."""

import asyncio
import contextlib
import sys

from scraper.testing import bookshop


async def main(port: int) -> None:
    """Keep the shop open until cancelled."""
    async with bookshop.serve(port=port) as shop:
        sys.stderr.write(f"The bookshop is open at {shop.url} (Ctrl-C closes it)\n")
        await asyncio.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
