"""`llms.txt`, a table of contents for readers that are models, and `llms-full.txt`, all pages in one (llmstxt.org)."""

from docs.site.pages import Page

SUMMARY = """\
# scraper

> An asynchronous web-scraping framework for Python 3.11 and later, built on asyncio, aiohttp and selectolax. You write
> a spider class; `scraper crawl` fetches pages politely, gives them to your callbacks, and writes data files in which
> every item is exactly once, even after `kill -9`. Scrapy's words are used wherever Scrapy has a word.
"""


def index(found: list[Page]) -> str:
    """The pages by section, each with what it is for."""
    lines = [SUMMARY]
    section = ""
    for page in found:
        if page.section != section:
            section = page.section
            lines += ["", f"## {section}", ""]
        lines.append(f"- [{page.title}]({page.name}): {page.purpose}")
    return "\n".join(lines) + "\n"


def full(found: list[Page]) -> str:
    """All pages as they are in Markdown, one after the other."""
    return SUMMARY + "".join(f"\n<!-- {page.name} -->\n\n{page.plain.strip()}\n" for page in found)
