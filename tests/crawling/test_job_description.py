"""What names a crawl's job may have."""

import pytest

from scraper.crawling.job_description import job_name
from scraper.errors import SpiderError


@pytest.mark.parametrize("name", ["books", "quotes.toscrape.com", "Café 24", "..books"])
def test_a_spider_gives_its_job_its_name(name: str) -> None:
    """What can be a folder's name on every system is the name of the job's folder."""
    assert job_name(name) == name


@pytest.mark.parametrize("name", ["../x", "a/b", "a\\b", "C:x", ".", "..", "a\nb", "a\0b", "\u202ea"])
def test_a_name_that_is_a_path_is_refused(name: str) -> None:
    """No job is kept outside of the folder of jobs, nor under a name that cannot be shown."""
    with pytest.raises(SpiderError, match="cannot be that of a folder: name its job by --job DIR"):
        job_name(name)
