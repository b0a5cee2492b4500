"""What was typed is repeated without its passwords."""

import shlex

import pytest

from scraper.cli.masking import shown_command, without_secrets


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("scraper crawl books -a category=travel", "scraper crawl books -a category=travel"),
        ("crawl -a password=word", "crawl -a 'password=***'"),
        ("crawl -apassword=word", "crawl '-apassword=***'"),
        ("crawl -a api_key=word -a shop_token=word", "crawl -a 'api_key=***' -a 'shop_token=***'"),
        ("crawl -a shop=http://u:word@a.example/", "crawl -a 'shop=http://***@a.example/'"),
        ("crawl -s network.proxy=http://u:word@a.example:80", "crawl -s 'network.proxy=http://***@a.example:80'"),
        ("crawl -s network.headers.X-Any=word", "crawl -s 'network.headers.X-Any=***'"),
        ("crawl -snetwork.auth=[{password='word'}]", "crawl '-snetwork.auth=***'"),
        ("crawl -s network.secret_headers=['X-Key']", "crawl -s 'network.secret_headers=[X-Key]'"),
        ("crawl -s limits.delay=0.5 -o a@b.csv", "crawl -s limits.delay=0.5 -o a@b.csv"),
        ("fetch http://u:word@a.example/@me", "fetch 'http://***@a.example/@me'"),
        ("fetch http://a.example/?page=2&jwt=word", "fetch 'http://a.example/?page=2&jwt=***'"),
        ("crawl -s 'network . \"headers\".X-Any=word'", "crawl -s 'network . \"headers\".X-Any=***'"),
        ("crawl -s network.proxies=['u:word@a.example:80']", "crawl -s 'network.proxies=[***@a.example:80]'"),
        ("crawl -a proxy=u:word@a.example:80", "crawl -a 'proxy=***@a.example:80'"),
        ("crawl -s spiders.s.cookies=word", "crawl -s 'spiders.s.cookies=***'"),
        ("crawl -s network.cookies=false", "crawl -s network.cookies=false"),
        ("crawl -s \"spiders.s={password='word'}\"", "crawl -s 'spiders.s=***'"),
        ("""crawl -a 'login={"password": "word"}'""", "crawl -a 'login=***'"),
        ("crawl -a session_id=word -a pin-code_jwt=word", "crawl -a 'session_id=***' -a 'pin-code_jwt=***'"),
        ("record books --name a.token=b", "record books --name 'a.token=***'"),
    ],
)
def test_a_command_line_is_repeated(typed: str, shown: str) -> None:
    """Values of what is secret by its name, all of [network] headers and auth, and passwords of URLs are left out."""
    assert shown_command(shlex.split(typed)) == shown


@pytest.mark.parametrize(
    ("text", "words", "shown"),
    [
        ("-a categry=word: no such argument", ["-a", "categry=word"], "-a categry=word: no such argument"),
        ("-a password=word: no such argument", ["-a", "password=word"], "-a password=***: no such argument"),
        ("expected a number, got 'word'", ["-a", "password=word"], "expected a number, got '***'"),
        ("expected a list, got 'http://u:word@h'", [], "expected a list, got 'http://***@h'"),
        ("-s network.auth=[1]: expected", ["-s", "network.auth=[1]"], "-s network.auth=***: expected"),
        ("-a password=wo\nrd: expected", ["-a", "password=wo\nrd"], "-a password=***: expected"),
    ],
)
def test_an_error_repeats_no_secret(text: str, words: list[str], shown: str) -> None:
    """An error that names what was typed, or a part of it, names it without what is secret."""
    assert without_secrets(text, words) == shown
