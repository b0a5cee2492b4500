"""How our own contestants are started: `scraper crawl` in a folder whose config.toml names the shop's spiders."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
SETTINGS = ("engine.concurrency=32", "limits.per_host=32")
"""As many requests at once as the other contestants send, to one host as well; all else is at its default."""

CONFIG = '[spiders]\nsource = "shop_spider"\n'


def command(spider: str, url: str, output: Path, settings: Sequence[str] = SETTINGS) -> list[str]:
    """The command that crawls the shop at `url` with `spider` of `shop_spider.py`; to be run in a `project`."""
    chosen = [word for setting in settings for word in ("-s", setting)]
    return [sys.executable, "-m", "scraper", "crawl", spider, "-a", f"url={url}", "-o", str(output), "--json", *chosen]


def project(folder: Path) -> Mapping[str, str]:
    """Make `folder` a project with the shop's spiders; the environment to run its commands in."""
    Path(folder, "config.toml").write_text(CONFIG, encoding="utf-8")
    paths = [str(HERE), str(HERE.parent), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
