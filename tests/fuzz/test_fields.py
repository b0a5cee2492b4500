"""Header fields and small files as servers may write them: each is understood, or means nothing."""

from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import PurePosixPath, PureWindowsPath

from hypothesis import example, given
from hypothesis import strategies as st

from scraper import Request
from scraper.errors import FetchError, Reason
from scraper.http.filenames import safe
from scraper.http.public_suffixes import is_public_suffix
from scraper.http.retry_after import http_date, retry_after
from scraper.limits.robots import Robots
from scraper.limits.robots_meta import Directives
from scraper.markup.forms.entry_list import File
from scraper.markup.forms.submission import MULTIPART, submission_of
from scraper.network.auth.digest import challenge
from scraper.network.cookies.cookie_file import read
from scraper.network.cookies.cookie_file import written as netscape
from scraper.network.cookies.jar import Jar
from scraper.parsing.sitemap import sitemaps_of_robots
from scraper.verdict import GO, First, Refuse
from tests.fuzz.drawn import HERE, bodies, headers, problem_of, response, texts

FIELDS = texts(
    "a=b", "__Host-", "__Secure-", "; ", ";", "=", "Domain=", "a.example", ".example", "co.uk", "Path=", "/", "/b",
    "Secure", "HttpOnly", "SameSite=None", "Max-Age=", "0", "-1", "99999999999999999999", "Expires=",
    "Wed, 21 Oct 2099 07:28:00 GMT", "\x01", "\x7f", '"', ",", " ", "\t", "é",
)  # fmt: skip
ROBOTS = bodies(
    "User-agent: ", "*", "mybot", "\n", "\r\n", "\r", "Disallow: ", "Allow: ", "/", "/b", "$", "Crawl-delay: ", "1",
    "e9",
    "inf", "nan", "Request-rate: ", "1/0", "0/5", "9/1h", "Sitemap: ", "#", ":", " ", "%", "%zz", "é", "\ufeff",
    "<html>",
)  # fmt: skip
NAMES = texts(
    "attachment", "; ", "filename", "*", "=", '"', "\\", "UTF-8''", "iso-8859-1'de'", "%e8%8c%b6", "%2f", "%00", "/",
    "..", ".", ":", "con", "nul", " ", "\udcff", "\u202e", "a" * 100, "茶" * 70, ".pdf",
)  # fmt: skip


@given(
    st.lists(st.one_of(FIELDS, headers), max_size=5),
    st.sampled_from([HERE, "http://sub.a.example/", "http://1.2.3.4/"]),
)
def test_cookies(fields: list[str], url: str) -> None:
    """What is kept of Set-Cookie goes to its own hosts alone, can be sent, and outlives a file."""
    jar = Jar(is_public_suffix=is_public_suffix)
    jar.store(url, fields, 1.0)
    for cookie in jar:
        assert not set("\r\n\0;") & set(cookie.pair)
    assert not jar.matching("https://other.test/", 1.0)
    again = Jar(is_public_suffix=is_public_suffix)
    again.recall(jar.changes().values())
    assert [each.pair for each in again.matching(url, 1.0)] == [each.pair for each in jar.matching(url, 1.0)]


@given(
    texts(
        "a.example",
        "\t",
        "TRUE",
        "FALSE",
        "/",
        "0",
        "1",
        "\n",
        "#HttpOnly_",
        "#",
        "name",
        "value",
        "99999999999999999999",
    )
)
def test_cookie_files(text: str) -> None:
    """A cookie file is read, or its line is named."""
    problem = problem_of(lambda: list(read(text)), ValueError)
    assert not problem or "line" in problem
    if not problem:
        cookies = list(read(text))
        assert list(read(netscape(cookies))) == cookies


@given(ROBOTS, st.sampled_from(["mybot/1.0", "x"]), st.sampled_from([200, 204, 301, 404, 429, 500]))
@example(b"User-agent: *\nCrawl-delay: 1e309\nDisallow: /", "x", 200)
def test_robots(body: bytes, agent: str, status: int) -> None:
    """Any robots.txt is read, and a page may be asked for or not."""
    robots = Robots(agent, max_delay=60)
    page = Request(HERE)
    first = robots.judge(page, 0.0)
    assert isinstance(first, First)
    robots.learn(
        first.request, response(body, status=status, request=first.request).replace(url=first.request.url), 0.0
    )
    verdict = robots.judge(page, 0.0)
    assert verdict is GO or isinstance(verdict, Refuse)
    assert 0 <= robots.delay("https://a.example") <= 60
    assert all(isinstance(each, str) for each in sitemaps_of_robots(body))
    robots.learn(first.request, FetchError(Reason.RESET, first.request.url), 90_000.0)
    assert robots.judge(page, 90_000.0) in {verdict, Refuse(Reason.ROBOTS_UNREACHABLE)}


@given(st.lists(st.one_of(headers, texts("mybot:", "nofollow", "none", ",", ":", " ", "noindex", "*")), max_size=3))
def test_robots_tags(fields: list[str]) -> None:
    """Any X-Robots-Tag is read."""
    permits = Directives("mybot/1.0")(response(b"", *(("X-Robots-Tag", each) for each in fields)))
    if "none" not in "".join(fields).lower():
        assert permits.follow or "nofollow" in "".join(fields).lower()


@given(
    st.one_of(
        headers, texts("0", "1", "-", "120", "Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 99999 07:28:00 GMT", " ")
    )
)
@example("Mon, 01 Jan 0000 00:00:00 GMT")
def test_times(field: str) -> None:
    """A Retry-After is a number of seconds that are still to come, or none."""
    seconds = retry_after(field, 1e9)
    assert seconds is None or seconds >= 0
    moment = http_date(field)
    assert moment is None or abs(moment) < 1e15


@given(
    st.lists(
        st.one_of(
            headers,
            texts("Digest ", "Basic ", "realm=", '"', "a", ",", "nonce=", "qop=", "auth", "algorithm=", "MD5", "\\"),
        ),
        max_size=3,
    )
)
def test_challenges(fields: list[str]) -> None:
    """A challenge is understood, or not answered."""
    found = challenge(fields)
    assert found is None or found.nonce is not None


@given(
    st.text(max_size=20),
    st.text(max_size=20),
    st.text(st.characters(codec="ascii"), max_size=20),
    st.binary(max_size=20),
)
@example('a"; filename="x', "b\r\nX-Evil: 1", "text/html\r\nX-Evil: 1", b"")
def test_content_dispositions(name: str, file: str, kind: str, content: bytes) -> None:
    """No name of a field or a file, and no type, adds a header or a part to a form that is sent."""
    try:
        entries = [("first", "1"), (name, File(content, file or "x", kind))]
    except ValueError:
        return
    sent = submission_of(HERE, "POST", MULTIPART, entries, "utf-8")
    head = f"Content-Type: {sent.content_type}\r\n\r\n".encode()
    parts = BytesParser(Message, policy=HTTP).parsebytes(head + sent.body).get_payload()
    assert isinstance(parts, list)
    assert len(parts) == 2
    assert {key.lower() for part in parts for key in part} <= {"content-disposition", "content-type"}


@given(st.one_of(headers, NAMES), st.one_of(st.text(max_size=300), NAMES))
@example("attachment; filename*=UTF-8''%2e%2e%2f", "\u3000./")
def test_file_names(header: str, name: str) -> None:
    """Whatever a server calls a file, it is called by one visible name, which is its own safe name."""
    for found in (response(b"", ("Content-Disposition", header)).filename, safe(name)):
        assert PurePosixPath(found).name == PureWindowsPath(found).name == found
        assert 0 < len(found.encode()) <= 240
        assert not found.startswith(".")
        assert not found.endswith((".", " "))
        assert safe(found) == found
