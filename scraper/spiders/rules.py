"""A spider that is led by rules: which links it follows, and what is made of the pages behind them."""

import inspect
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from scraper.errors import CloseSpider, SpiderError
from scraper.http.request import Links, Request
from scraper.http.response import Response
from scraper.items.copies import copied
from scraper.items.item_types import is_item
from scraper.markup.document.content_type import content_type, is_html
from scraper.markup.links.link_extractor import Link, LinkExtractor
from scraper.parsing.callbacks import is_asynchronous
from scraper.spider import Spider

Method = str | Callable[..., Any] | None


@dataclass(frozen=True, slots=True)
class Rule:
    """What becomes of the links that `link_extractor` finds: of all links, if there is none.

    `callback` and `errback` are methods of the spider, or their names; a page is given to the callback with
    `cb_kwargs`. `follow` says whether the page's own links are looked at, by all rules; None means that they are if
    there is no callback. `process_links` is given the list of links of a page and returns those to follow;
    `process_request` is given each request and the response it is from, and returns the one to take, or None. These
    two are methods, their names, or any functions.
    """

    link_extractor: LinkExtractor = field(default_factory=LinkExtractor)
    callback: Method = None
    cb_kwargs: Mapping[str, Any] | None = None
    follow: bool | None = None
    process_links: Method = None
    process_request: Method = None
    errback: Method = None

    @property
    def is_followed(self) -> bool:
        """Whether the links of the rule's pages are followed."""
        return self.callback is None if self.follow is None else self.follow


class CrawlSpider(Spider):
    """Follows the links that its `rules` are for, page by page.

    A link goes to the first rule whose extractor finds it. Start pages are given to `parse_start_url()`, pages of a
    rule to its callback, and their links are followed, even if that raises. What a callback gives passes
    `process_results()`. A rule's requests have `meta["rule"]`, its place, and `meta["link_text"]`. Only HTML has links;
    where the Content-Type says nothing, or no type that there is, the body decides whether a page is HTML.

    `parse` need not be written, but may be, for a rule to call.
    """

    rules: Iterable[Rule] = ()

    def check_start(self) -> None:
        """Raises `SpiderError` if there is nothing to start from, and for a rule that means nothing."""
        if type(self).start is CrawlSpider.start and not hasattr(self, "start_requests"):
            self._check_start_urls()
        for rule in self._rules:
            for role in ("callback", "errback", "process_links", "process_request"):
                self._method(rule, role)

    async def start(self) -> AsyncIterator[Any]:
        """As any spider starts; the pages are for the rules."""
        callback = self._parse_start_later if is_asynchronous(self.parse_start_url) else self.parse_with_rules
        async for each in super().start():
            yield each.replace(callback=callback) if isinstance(each, Request) and each.callback is None else each

    def parse_start_url(self, response: Response, **kwargs: Any) -> Any:
        """What is made of a start page besides following its links: items, requests, or nothing."""

    def process_results(self, response: Response, results: Iterable[Any]) -> Iterable[Any]:
        """What becomes of the items and requests that a callback gave for a page; here, all are taken."""
        return results

    def parse(self, response: Response, **kwargs: Any) -> Any:
        """The same as `parse_with_rules`, unless a spider has a `parse` of its own."""
        return self.parse_with_rules(response, **kwargs)

    def parse_with_rules(self, response: Response, **kwargs: Any) -> Iterator[Any] | AsyncIterator[Any]:
        """What `parse_start_url` gives, and requests for the links that the rules are for."""
        if is_asynchronous(self.parse_start_url):
            return self._parse_start_later(response, **kwargs)
        return self._parse(response, self.parse_start_url, kwargs, is_followed=True)

    def request_for(self, url: str, **fields: Any) -> Request | None:
        """The request that a link to `url` would become, by the first rule that is for such links; None if none is.

        `fields` are further ones of `Request`. What restricts a rule to parts of a page makes no difference here.
        """
        for place, rule in enumerate(self._rules):
            matches = getattr(rule.link_extractor, "matches", None)
            if matches is not None and matches(url):
                return self._model(url, place, rule, **fields)
        return None

    # The callbacks of requests. An asynchronous one runs on the loop, and so is to be told from a plain one.

    async def _parse_start_later(self, response: Response, **kwargs: Any) -> AsyncIterator[Any]:
        async for each in self._parse_later(response, self.parse_start_url, kwargs, is_followed=True):
            yield each

    def _parse_rule(self, response: Response, **kwargs: Any) -> Iterator[Any]:
        rule = self._rule_of(response)
        return self._parse(response, self._method(rule, "callback"), kwargs, rule.is_followed)

    async def _parse_rule_later(self, response: Response, **kwargs: Any) -> AsyncIterator[Any]:
        rule = self._rule_of(response)
        async for each in self._parse_later(response, self._method(rule, "callback"), kwargs, rule.is_followed):
            yield each

    def _parse(
        self, response: Response, callback: Callable[..., Any] | None, kwargs: dict[str, Any], is_followed: bool
    ) -> Iterator[Any]:
        error = None
        if callback is not None:
            try:
                yield from self.process_results(response, _each(callback(response, **kwargs)))
            except CloseSpider:
                raise
            except Exception as raised:
                error = raised
        if is_followed:
            yield from self._followed(response)
        if error is not None:
            raise error

    async def _parse_later(
        self, response: Response, callback: Any, kwargs: dict[str, Any], is_followed: bool
    ) -> AsyncIterator[Any]:
        error = None
        try:
            async for each in self._results_later(response, callback(response, **kwargs)):
                yield each
        except CloseSpider:
            raise
        except Exception as raised:
            error = raised
        if is_followed:
            for each in self._followed(response):
                yield each
        if error is not None:
            raise error

    async def _results_later(self, response: Response, given: Any) -> AsyncIterator[Any]:
        """What `process_results` makes of what an asynchronous callback gave, or gave before an error."""
        error = None
        if isinstance(given, AsyncIterator):
            results = []
            try:
                async for each in given:
                    results.append(copied(each) if is_item(each) else each)  # noqa: PERF401 -- kept if there is an error
            except Exception as raised:
                error = raised
            given = results
        elif inspect.isawaitable(given):
            given = await given
        for each in self.process_results(response, _each(given)):
            yield each
        if error is not None:
            raise error

    # Links.

    def _followed(self, response: Response) -> Iterator[Request | Links]:
        """The requests for what a page links to: each link by the first rule that it is for."""
        if not is_html(content_type(response.headers), response.body):
            return
        seen: set[str] = set()
        for place, rule in enumerate(self._rules):
            links = [link for link in rule.link_extractor.extract_links(response) if link.url not in seen]
            process = self._method(rule, "process_links")
            chosen = links if process is None else [*(process(links) or ())]
            seen.update(link.url for link in chosen)
            if chosen:
                yield from self._requests(response, place, rule, chosen)

    def _requests(self, response: Response, place: int, rule: Rule, links: list[Link]) -> Iterator[Request | Links]:
        asked = response.request
        model = self._model(response.url, place, rule, depth=asked.depth + 1, session=asked.session)
        found = _RuleLinks(model, {link.url: link.text for link in reversed(links)})
        process = self._method(rule, "process_request")
        if process is None:
            yield found
            return
        for request in found:
            taken = process(request, response)
            if taken is not None:
                yield taken

    def _model(self, url: str, place: int, rule: Rule, **fields: Any) -> Request:
        """The request of a link by `rule`, the one at `place`."""
        return Request(
            url,
            self._called(rule),
            cb_kwargs=dict(rule.cb_kwargs or {}),
            errback=self._method(rule, "errback"),
            meta={"rule": place},
            **fields,
        )

    def _called(self, rule: Rule) -> Callable[..., Any] | str:
        """What is called for a page of `rule`: its callback, if nothing else is to be done."""
        callback = self._method(rule, "callback")
        if callback is None:
            return self._parse_rule
        if not rule.is_followed and type(self).process_results is CrawlSpider.process_results:
            return _name(rule.callback)
        return self._parse_rule_later if is_asynchronous(callback) else self._parse_rule

    # Rules.

    @property
    def _rules(self) -> list[Rule]:
        rules = self.rules if isinstance(self.rules, Iterable) else [self.rules]
        for rule in rules:
            if not isinstance(rule, Rule):
                raise self._wrong(f"rules holds Rule objects, not {rule!r:.60}")
            if not callable(getattr(rule.link_extractor, "extract_links", None)):
                raise self._wrong(f"a rule needs a LinkExtractor, not {rule.link_extractor!r:.60}")
        return list(rules)

    def _rule_of(self, response: Response) -> Rule:
        place: int = response.meta["rule"]
        return self._rules[place]

    def _method(self, rule: Rule, role: str) -> Callable[..., Any] | None:
        """What a rule calls: a method that it names, or that stood in the class's body; or a function."""
        given: Method = getattr(rule, role)
        if given is None:
            return None
        own = getattr(self, _name(given), None)
        if callable(own) and (isinstance(given, str) or _function(own) is _function(given)):
            return own  # type: ignore[no-any-return]
        if isinstance(given, str):
            raise self._wrong(f"a rule's {role} is {given!r}, and it has no such method")
        if role in {"callback", "errback"} or not callable(given):
            raise self._wrong(
                f"a rule's {role} is {given!r:.60}, which is not a method of it: pass 'method', and pass other "
                "values in cb_kwargs"
            )
        return given

    def _wrong(self, text: str) -> SpiderError:
        return SpiderError(f"spider {self.name!r}: {text}")


class _RuleLinks(Links):
    """Links of one rule, which have their texts with them."""

    __slots__ = ("_texts",)

    def __init__(self, model: Request, texts: dict[str, str]) -> None:
        super().__init__(model, list(reversed(texts)))
        self._texts = texts

    def request(self, url: str) -> Request:
        return self.model.replace(url=url, meta={**self.model.meta, "link_text": self._texts[url]})

    def part(self, start: int, end: int) -> "_RuleLinks":
        return _RuleLinks(self.model, {url: self._texts[url] for url in reversed(self.urls[start:end])})


def _each(given: Any) -> Iterable[Any]:
    """What a callback gave, thing by thing."""
    if given is None:
        return ()
    is_one = isinstance(given, Request | Links | str | bytes) or is_item(given) or not isinstance(given, Iterable)
    return (given,) if is_one else given


def _name(method: Method) -> str:
    return method if isinstance(method, str) else getattr(method, "__name__", "")


def _function(method: Any) -> Any:
    return getattr(method, "__func__", method)
