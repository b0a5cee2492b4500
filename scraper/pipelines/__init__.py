"""Items are refined: checked, cleared of duplicates, and changed by the spider's own pipelines."""

from collections.abc import Iterable
from typing import Any

from scraper.pipelines.chain import Chain, Refined
from scraper.pipelines.require import Require
from scraper.pipelines.unique import Unique
from scraper.settings.schema import PipelinesSettings


def build(settings: PipelinesSettings, own: Iterable[object], spider: object) -> Chain:
    """The chain that `[pipelines]` asks for: require, validate, unique, and then the spider's `own`.

    Raises `SpiderError` if one of `own` is no pipeline.
    """
    pipelines: list[Any] = []
    if settings.require:
        pipelines.append(Require(settings.require))
    if settings.validate:
        from scraper.pipelines.validate import Validate  # needs pydantic, which takes long to load

        pipelines.append(Validate())
    if settings.unique:
        pipelines.append(Unique(settings.unique))
    return Chain([*pipelines, *own], spider=spider, concurrency=settings.concurrency)


__all__ = ["Chain", "Refined", "Require", "Unique", "build"]
