"""How crawls on several machines are ended before their time, and what holds for all machines together."""

import json
from collections.abc import Callable
from itertools import pairwise

from tests.flow.site import redirect
from tests.machines.fleet import Fleet, balance


def test_all_are_told_to_stop(fleet: Fleet) -> None:
    """`scraper jobs stop` ends the crawl on all machines in good order, and the same command resumes it."""
    first, second = fleet.crawling(1, 2)
    status, said = fleet.run(3, "jobs", "stop", "shops")
    assert (status, said.startswith("2 machines will stop")) == (0, True)
    fleet.shops.release()
    assert [fleet.end(each)[0] for each in (first, second)] == [130, 130]
    assert fleet.files() == []
    assert fleet.end(fleet.crawl(1))[0] == 0
    assert fleet.pages() == fleet.shops.all()
    assert fleet.starts() == 1


def test_the_file_is_closed_as_it_stands(fleet: Fleet) -> None:
    """--finish is refused while a machine crawls; afterwards it gives the file its name, with what there is."""
    first, second = fleet.crawling(1, 2)
    status, said = fleet.end(fleet.crawl(3, "--finish"))
    assert (status, "is being crawled by 2 machines: stop them first" in said) == (1, True)
    fleet.run(3, "jobs", "stop", "shops")
    fleet.shops.release()
    fleet.end(first)
    fleet.end(second)
    items = fleet.facts()["statistics"]["items"]
    assert fleet.end(fleet.crawl(3, "--finish"))[0] == 0
    assert len(set(fleet.pages())) == len(fleet.pages()) == items
    assert 0 < items < len(fleet.shops.all())


def test_enough_pages_end_it_on_all_machines(fleet: Fleet) -> None:
    """`stop_after` counts what all machines have fetched, and stops all of them; the file is published."""
    first, second = fleet.crawling(1, 2, words=("-s", "engine.stop_after.pages=280", "-s", "frontier.lease=10"))
    fleet.shops.release()
    (status, said), (other, also) = fleet.end(first), fleet.end(second)
    assert (status, other) == (0, 0)
    told = [each for each in (said, also) if "discovered" in each]
    assert balance(told[0])["fetched"] == len(fleet.pages()) >= 280
    assert balance(told[0])["waiting"] > 0
    assert len(set(fleet.pages())) == len(fleet.pages()) < len(fleet.shops.all())


def test_the_budget_of_a_site_goes_with_it(fleet: Fleet) -> None:
    """`max_per_host` holds for all machines together, also if a site changes its owner."""
    for machine in (1, 2):
        fleet.place(machine)
        fleet.change(machine, "per_host = 1", "per_host = 1\nmax_per_host = 45", name="config.toml")
    first, second = fleet.crawling(1, 2)
    fleet.wait(lambda: len(set(fleet.owners().values())) == 2)
    fleet.kill(second)
    fleet.shops.release()
    status, said = fleet.end(first)
    assert status == 0
    for site in fleet.shops.sites:
        pages = [page for page in fleet.pages() if page.startswith(site.root)]
        assert 0 < len(pages) <= 45
    counted = balance(said)
    assert counted["discovered"] == counted["fetched"] + counted["refused"] + counted["failed"]
    assert counted["fetched"] == len(fleet.pages())


def test_redirects_between_machines(fleet_of: Callable[..., Fleet]) -> None:
    """A request that is redirected to another machine's site is continued there: each page is fetched once."""
    fleet = fleet_of(pages=50)
    shops = fleet.shops
    for number, (site, other) in enumerate(pairwise(shops.sites)):
        site.pages |= {f"/{page}": redirect(other.url(f"/{page}")) for page in (5, 17, 45)}
        site.pages["/30"] = redirect(shops.url(number + 1, f"only-here-{number}"))
        other.pages[f"/only-here-{number}"] = "<!DOCTYPE html><title>x</title>"
    for machine in (1, 2):
        fleet.place(machine)
        fleet.change(machine, 'int(response.url.rpartition("/")[2])', "0")
        fleet.change(machine, "interval", "unique_redirects = true\ninterval", name="config.toml")
    first, second = fleet.crawling(1, 2)
    fleet.wait(lambda: len(set(fleet.owners().values())) == 2)
    fleet.shops.release()
    said = [fleet.end(each) for each in (first, second)]
    assert [status for status, _ in said] == [0, 0]
    pages = fleet.pages()
    assert len(set(pages)) == len(pages)
    assert {f"only-here-{number}" for number in range(5)} <= {page.rpartition("/")[2] for page in pages}
    assert set(shops.answered.values()) == {1}
    counted = balance(said[0][1])
    assert counted["discovered"] == counted["fetched"] + counted["refused"] + counted["failed"]
    assert counted["fetched"] == len(pages)


def test_facts_for_programs(fleet: Fleet) -> None:
    """--json gives the counts of all machines, and the file where it is."""
    status, said = fleet.end(fleet.crawl(1, "--json"))
    facts = json.loads(said)
    assert (status, facts["pages"], facts["items"]) == (0, len(fleet.shops.all()), len(fleet.shops.all()))
    assert [each["path"] for each in facts["sinks"]] == ["out.jsonl"]
