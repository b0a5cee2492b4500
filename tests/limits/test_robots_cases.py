"""Robots.txt files on which published parsers agree, or that RFC 9309 decides.

Facts from the test suites of google/robotstxt (robots_test.cc, at 22b355ff8554), scrapy/protego
(tests/test_protego.py, at 81f1b35d1a2b) and crawler-commons (robots/*Test.java, at 8e14e27cad52): each row names the
test that it comes from, then the file, the crawler, the URL, and whether it may be crawled.
"""

import pytest

from scraper.http.request import Request
from scraper.http.response import Response
from scraper.limits.robots import Robots
from scraper.verdict import GO, First

CASES = [
    # google/robotstxt
    (
        "ID_LineSyntax_Line",
        "foo: FooBot\nbar: /\n",
        "FooBot",
        "http://foo.bar/x/y",
        True,
    ),
    (
        "ID_LineSyntax_Groups",
        "allow: /foo/bar/\n\nuser-agent: FooBot\ndisallow: /\nallow: /x/\nuser-agent: BarBot\n"
        "disallow: /\nallow: /y/\n\n\nallow: /w/\nuser-agent: BazBot\n\nuser-agent: FooBot\n"
        "allow: /z/\ndisallow: /\n",
        "FooBot",
        "http://foo.bar/x/b",
        True,
    ),
    (
        "ID_LineSyntax_Groups",
        "allow: /foo/bar/\n\nuser-agent: FooBot\ndisallow: /\nallow: /x/\nuser-agent: BarBot\n"
        "disallow: /\nallow: /y/\n\n\nallow: /w/\nuser-agent: BazBot\n\nuser-agent: FooBot\n"
        "allow: /z/\ndisallow: /\n",
        "FooBot",
        "http://foo.bar/y/c",
        False,
    ),
    (
        "ID_LineSyntax_Groups",
        "allow: /foo/bar/\n\nuser-agent: FooBot\ndisallow: /\nallow: /x/\nuser-agent: BarBot\n"
        "disallow: /\nallow: /y/\n\n\nallow: /w/\nuser-agent: BazBot\n\nuser-agent: FooBot\n"
        "allow: /z/\ndisallow: /\n",
        "BarBot",
        "http://foo.bar/y/c",
        True,
    ),
    (
        "ID_LineSyntax_Groups",
        "allow: /foo/bar/\n\nuser-agent: FooBot\ndisallow: /\nallow: /x/\nuser-agent: BarBot\n"
        "disallow: /\nallow: /y/\n\n\nallow: /w/\nuser-agent: BazBot\n\nuser-agent: FooBot\n"
        "allow: /z/\ndisallow: /\n",
        "BazBot",
        "http://foo.bar/z/d",
        True,
    ),
    (
        "ID_LineSyntax_Groups",
        "allow: /foo/bar/\n\nuser-agent: FooBot\ndisallow: /\nallow: /x/\nuser-agent: BarBot\n"
        "disallow: /\nallow: /y/\n\n\nallow: /w/\nuser-agent: BazBot\n\nuser-agent: FooBot\n"
        "allow: /z/\ndisallow: /\n",
        "BarBot",
        "http://foo.bar/foo/bar/",
        False,
    ),
    (
        "ID_LineSyntax_Groups_OtherRules",
        "User-agent: BarBot\nSitemap: https://foo.bar/sitemap\nUser-agent: *\nDisallow: /\n",
        "FooBot",
        "http://foo.bar/",
        False,
    ),
    (
        "ID_REPLineNamesCaseInsensitive",
        "USER-AGENT: FooBot\nALLOW: /x/\nDISALLOW: /\n",
        "FooBot",
        "http://foo.bar/x/y",
        True,
    ),
    (
        "ID_REPLineNamesCaseInsensitive",
        "user-agent: FooBot\nallow: /x/\ndisallow: /\n",
        "FooBot",
        "http://foo.bar/x/y",
        True,
    ),
    (
        "ID_REPLineNamesCaseInsensitive",
        "USER-AGENT: FooBot\nALLOW: /x/\nDISALLOW: /\n",
        "FooBot",
        "http://foo.bar/a/b",
        False,
    ),
    (
        "ID_UserAgentValueCaseInsensitive",
        "User-Agent: foo bar\nAllow: /x/\nDisallow: /\n",
        "foo",
        "http://foo.bar/x/y",
        True,
    ),
    (
        "ID_UserAgentValueCaseInsensitive",
        "User-Agent: foo bar\nAllow: /x/\nDisallow: /\n",
        "foo",
        "http://foo.bar/a/b",
        False,
    ),
    (
        "ID_UserAgentValueCaseInsensitive",
        "User-Agent: FoO bAr\nAllow: /x/\nDisallow: /\n",
        "foo",
        "http://foo.bar/a/b",
        False,
    ),
    (
        "ID_GlobalGroups_Secondary",
        "",
        "FooBot",
        "http://foo.bar/x/y",
        True,
    ),
    (
        "ID_GlobalGroups_Secondary",
        "user-agent: *\nallow: /\nuser-agent: FooBot\ndisallow: /\n",
        "FooBot",
        "http://foo.bar/x/y",
        False,
    ),
    (
        "ID_AllowDisallow_Value_CaseSensitive",
        "user-agent: FooBot\ndisallow: /X/\n",
        "FooBot",
        "http://foo.bar/x/y",
        True,
    ),
    (
        "ID_LongestMatch",
        "user-agent: FooBot\nallow: /x/page.html\ndisallow: /x/\n",
        "FooBot",
        "http://foo.bar/x/",
        False,
    ),
    (
        "ID_LongestMatch",
        "user-agent: FooBot\ndisallow: \nallow: \n",
        "FooBot",
        "http://foo.bar/x/page.html",
        True,
    ),
    (
        "ID_LongestMatch",
        "user-agent: FooBot\ndisallow: /x\nallow: /x/\n",
        "FooBot",
        "http://foo.bar/x",
        False,
    ),
    (
        "ID_LongestMatch",
        "user-agent: FooBot\ndisallow: /x\nallow: /x/\n",
        "FooBot",
        "http://foo.bar/x/",
        True,
    ),
    (
        "ID_LongestMatch",
        "user-agent: FooBot\ndisallow: /x/page.html\nallow: /x/page.html\n",
        "FooBot",
        "http://foo.bar/x/page.html",
        True,
    ),
    (
        "ID_LongestMatch",
        "user-agent: FooBot\nallow: /page\ndisallow: /*.html\n",
        "FooBot",
        "http://foo.bar/page.html",
        False,
    ),
    (
        "ID_LongestMatch",
        "User-agent: *\nDisallow: /x/\nUser-agent: FooBot\nDisallow: /y/\n",
        "FooBot",
        "http://foo.bar/x/page",
        True,
    ),
    (
        "ID_Encoding",
        "User-agent: FooBot\nDisallow: /\nAllow: /foo/bar?qux=taz&baz=http://foo.bar?tar&par\n",
        "FooBot",
        "http://foo.bar/foo/bar?qux=taz&baz=http://foo.bar?tar&par",
        True,
    ),
    (
        "ID_Encoding",
        "User-agent: FooBot\nDisallow: /\nAllow: /foo/bar/%E3%83%84\n",
        "FooBot",
        "http://foo.bar/foo/bar/%E3%83%84",
        True,
    ),
    (
        "ID_SpecialCharacters",
        "User-agent: FooBot\nDisallow: /foo/bar/quz\nAllow: /foo/*/qux\n",
        "FooBot",
        "http://foo.bar/foo/bar/quz",
        False,
    ),
    (
        "ID_SpecialCharacters",
        "User-agent: FooBot\nDisallow: /foo/bar/quz\nAllow: /foo/*/qux\n",
        "FooBot",
        "http://foo.bar/foo/quz",
        True,
    ),
    (
        "ID_SpecialCharacters",
        "User-agent: FooBot\nDisallow: /foo/bar$\nAllow: /foo/bar/qux\n",
        "FooBot",
        "http://foo.bar/foo/bar",
        False,
    ),
    (
        "ID_SpecialCharacters",
        "User-agent: FooBot\nDisallow: /foo/bar$\nAllow: /foo/bar/qux\n",
        "FooBot",
        "http://foo.bar/foo/bar/",
        True,
    ),
    (
        "ID_SpecialCharacters",
        "User-agent: FooBot\n# Disallow: /\nDisallow: /foo/quz#qux\nAllow: /\n",
        "FooBot",
        "http://foo.bar/foo/bar",
        True,
    ),
    (
        "GoogleOnly_IndexHTMLisDirectory",
        "User-Agent: *\nAllow: /allowed-slash/index.html\nDisallow: /\n",
        "foobot",
        "http://foo.com/allowed-slash/",
        True,
    ),
    (
        "GoogleOnly_DocumentationChecks",
        "user-agent: FooBot\ndisallow: /\nallow: /fish\n",
        "FooBot",
        "http://foo.bar/fish.html",
        True,
    ),
    (
        "GoogleOnly_DocumentationChecks",
        "user-agent: FooBot\ndisallow: /\nallow: /fish\n",
        "FooBot",
        "http://foo.bar/Fish.asp",
        False,
    ),
    (
        "GoogleOnly_DocumentationChecks",
        "user-agent: FooBot\ndisallow: /\nallow: /fish*\n",
        "FooBot",
        "http://foo.bar/bar",
        False,
    ),
    # scrapy/protego
    (
        "test_allowed",
        "User-agent: * \nDisallow: /disallowed \nAllow: /allowed \nCrawl-delay: 10",
        "*",
        "https://www.site.local/allowed",
        True,
    ),
    (
        "test_allowed",
        "User-agent: * \nDisallow: /disallowed \nAllow: /allowed \nCrawl-delay: 10",
        "*",
        "https://www.site.local/disallowed",
        False,
    ),
    (
        "test_malformed_disallow",
        "User-agent: * \nDisallow: /one \nDissallow: /two \nDissalow: /three \nDisalow: /four \n"
        "Diasllow: /five \nDisallaw: /six \n",
        "*",
        "https://www.site.local/five",
        False,
    ),
    (
        "test_length_based_precedence",
        "user-agent: FooBot\nallow: /x/page.html\ndisallow: /x/\n",
        "FooBot",
        "http://foo.bar/x/",
        False,
    ),
    (
        "test_length_based_precedence",
        "user-agent: FooBot\ndisallow: /\nallow: /\n",
        "FooBot",
        "http://foo.bar/x/page.html",
        True,
    ),
    (
        "test_unescaped_url",
        "User-agent: * \nDisallow: / \nAllow: /a<d.html",
        "*",
        "https://www.site.local/a<d.html",
        True,
    ),
    (
        "test_url_parts",
        "User-agent: * \nDisallow: /path;params?query \n",
        "*",
        "http://userinfo@exmaple.com:10/path;params?query#fragment",
        False,
    ),
    (
        "test_empty_response",
        "",
        "*",
        "https://site.local/",
        True,
    ),
    (
        "test_allowed_wildcards",
        "User-agent: first\n                     Disallow: /disallowed/*/end$\n"
        "                     Disallow: /protego*work\n\n"
        "                     User-agent: second\n                     Allow: /*allowed\n"
        "                     Disallow: /\n                ",
        "first",
        "https://www.site.local/disallowed",
        True,
    ),
    (
        "test_allowed_wildcards",
        "User-agent: first\n                     Disallow: /disallowed/*/end$\n"
        "                     Disallow: /protego*work\n\n"
        "                     User-agent: second\n                     Allow: /*allowed\n"
        "                     Disallow: /\n                ",
        "first",
        "https://www.site.local/disallowed/xyz/end",
        False,
    ),
    # crawler-commons
    (
        "ID_SpecialCharacters",
        "User-agent: FooBot\nDisallow: /foo/bar/quz\nAllow: /foo/*/qux\n",
        "foobot",
        "http://foo.bar/foo/quz",
        True,
    ),
    (
        "ID_SpecialCharacters",
        "User-agent: FooBot\nDisallow: /foo/bar$\nAllow: /foo/bar/qux\n",
        "foobot",
        "http://foo.bar/foo/bar",
        False,
    ),
    (
        "GoogleOnly_IndexHTMLisDirectory",
        "User-Agent: *\nAllow: /allowed-slash/index.html\nDisallow: /\n",
        "foobot",
        "http://foo.com/allowed-slash/",
        True,
    ),
    (
        "GoogleOnly_IndexHTMLisDirectory",
        "User-Agent: *\nAllow: /allowed-slash/index.html\nDisallow: /\n",
        "foobot",
        "http://foo.com/allowed-slash/index.htm",
        False,
    ),
    (
        "ID_Encoding",
        "User-agent: FooBot\nDisallow: /\nAllow: /foo/bar/\u30c4\n",
        "foobot",
        "http://foo.bar/foo/bar/%E3%83%84",
        True,
    ),
    (
        "ID_REPLineNamesCaseInsensitive",
        "user-agent: FooBot\nallow: /x/\ndisallow: /\n",
        "foobot",
        "http://foo.bar/x/y",
        True,
    ),
    (
        "ID_REPLineNamesCaseInsensitive",
        "user-agent: FooBot\nallow: /x/\ndisallow: /\n",
        "foobot",
        "http://foo.bar/a/b",
        False,
    ),
    (
        "GoogleOnly_AcceptUserAgentUpToFirstSpace",
        "User-Agent: *\nDisallow: /\nUser-Agent: Foo Bar\nAllow: /x/\nDisallow: /\n",
        "foo",
        "http://foo.bar/x/y",
        True,
    ),
]


@pytest.mark.parametrize(("source", "text", "agent", "url", "is_allowed"), CASES)
def test_rules_are_read_as_published_parsers_read_them(
    source: str, text: str, agent: str, url: str, is_allowed: bool
) -> None:
    """Which pages a robots.txt allows to whom is what Google's parser and its peers say."""
    robots = Robots(agent)
    page = Request(url)
    verdict = robots.judge(page, 0.0)
    if isinstance(verdict, First):
        robots.learn(verdict.request, Response(verdict.request.url, body=text), 0.0)
        verdict = robots.judge(page, 0.0)
    assert (verdict is GO) == is_allowed, source
