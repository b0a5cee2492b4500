"""The end of a process that is told to end twice."""

import os
from typing import NoReturn

import click

from scraper.process import standard_streams
from scraper.process.signals import INTERRUPTED


def leave() -> NoReturn:
    """End the process now: a callback that does not return would otherwise be waited for."""
    click.echo("scraper: interrupted", err=True)
    standard_streams.unwritten()
    os._exit(INTERRUPTED)
