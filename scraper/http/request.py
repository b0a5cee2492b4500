"""A request: what to ask, and which of the spider's methods the answer is for."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MethodType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode

import msgspec
from msgspec.structs import force_setattr

from scraper import urls
from scraper.errors import SpiderError
from scraper.http import values
from scraper.http.headers import Cookies as _Cookies
from scraper.http.headers import settled_cookies, settled_headers

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"

_CONTENTS = frozenset(("json", "form", "data", "formdata", "files", "body_file"))
_CONTENT_TYPES = frozenset((FORM, JSON))

_BY_META = {"cookiejar": "session", "download_timeout": "timeout", "proxy": "proxy"}
"""Fields that Scrapy has in `meta`, and what they are called here."""

_NO_DICT: dict[Any, Any] = {}
_NO_BODY = b""
_NO_PRIORITY = 0

Params = Mapping[str, Any] | Iterable[tuple[str, Any]]

if TYPE_CHECKING:
    Callback = str | Callable[..., Any] | None
    Body = bytes | str
    Headers = dict[str, Any]
    Cookies = dict[str, Any] | list[dict[str, Any]]
else:  # what is kept, and so what msgspec decodes
    Callback = str | None
    Body = bytes
    Headers = dict[str, str | None]
    Cookies = _Cookies


class _Address(msgspec.Struct, frozen=True):
    """The two fields of a request that may be given by position."""

    url: str
    """The address, absolute and in canonical form."""
    callback: Callback = None
    """The name of the method that gets the response; None is `parse`."""


class Request(_Address, frozen=True, kw_only=True, omit_defaults=True):
    """What to ask of a server, as a frozen value; `replace()` makes a changed one.

    `url` becomes canonical (see `scraper.urls`). `callback` and `errback` are methods of the spider, or their
    names; only the names are kept, so that every request can be stored. `params` go into the URL's query, which is
    written in `encoding`, as a `form` is. At most one of `body` (bytes or text), `json` and `form` is the request's
    content: the latter two are encoded at once, set the Content-Type, and make the method POST unless one is named.
    `auth` is a `(user, password)` pair and becomes a Basic Authorization header (RFC 7617). `session` names the cookie
    jar to use.

    `files` holds paths by field name: they and `form` are sent as multipart/form-data (RFC 7578). `body_file` is the
    path of a file that is the content. Both are read while they are sent, each time, and may be of any size. With
    `stream` the body of the answer is not read beforehand: see `Response.stream()`.

    `priority`: higher goes first. `meta` and `cb_kwargs` reach the callback as `response.meta` and as keyword
    arguments. `dont_filter` lets a page be asked for again. `timeout` is in seconds, for this request alone. `session`,
    `timeout` and `proxy` may stand in `meta`, too, where Scrapy has them: as `cookiejar`, `download_timeout`, `proxy`.

    The dicts are the request's own: neither those it was made with nor those of its copies. A header of None is
    not sent, nor is the default of that name. `cookies` may be a list of dicts with `name`, `value` and, if need be,
    `domain`, `path` and `secure`.

    Raises `SpiderError` for a URL that is not absolute, a callback that is not a method of a spider, several contents,
    and for every value that means nothing, naming its field and key: `scraper.http.values` tells what may be given.
    """

    method: str = ""
    """The HTTP method, in capitals; POST if there is content and no method is named, else GET."""
    headers: Headers = {}
    """Headers of this request, besides the configured ones; None leaves one out."""
    params: Any = None
    """Parameters to add to the URL's query: a mapping or pairs."""
    body: Body = b""
    """The content, as bytes."""
    json: Any = msgspec.UNSET
    """A value to send as JSON."""
    form: Any = None
    """Fields to send as a form: a mapping or pairs."""
    cookies: Cookies = {}
    """Cookies of this request, besides those of its session."""
    auth: tuple[str, str] | None = None
    """User and password, sent by Basic authentication (RFC 7617)."""
    priority: int = 0
    """Requests with a higher priority are sent first."""
    meta: dict[str, Any] = {}
    """Anything to keep with the request; the callback finds it in `response.meta`."""
    cb_kwargs: dict[str, Any] = {}
    """Keyword arguments of the callback."""
    errback: Callback = None
    """The name of the method that is called with a `Failure` if there is no usable answer, or the callback raises."""
    dont_filter: bool = False
    """Send it even if the same request was sent before."""
    timeout: float | None = None
    """Seconds that the whole request may take; None is what `[network] timeout` says."""
    proxy: str | None = None
    """The proxy for this request."""
    session: str = ""
    """The name of the cookie jar to use."""
    files: dict[str, str] = {}
    """Paths of files to upload, by field name (multipart/form-data, RFC 7578)."""
    body_file: str = ""
    """The path of a file to send as the content."""
    stream: bool = False
    """Do not read the body of the answer beforehand: the callback reads `response.stream()`."""
    encoding: str = "utf-8"
    """The encoding of the query and of a form."""
    depth: int = 0
    """How many links away from a start URL it is."""

    def __post_init__(self) -> None:
        url = self.url
        if not isinstance(url, str):
            raise SpiderError(f"a request needs a URL, not {url!r:.80}")
        if self.params is not None or self.encoding != "utf-8":
            url = self._with_query(url)
        force_setattr(self, "url", urls.canonical(url) or self._as_it_is(url))
        if self.callback is not None and not isinstance(self.callback, str):
            force_setattr(self, "callback", method_name(self.callback))
        if self.errback is not None and not isinstance(self.errback, str):
            force_setattr(self, "errback", method_name(self.errback))
        if self.method != "" and self.method != "GET":  # noqa: PLR1714 -- twice as fast
            force_setattr(self, "method", values.method(self, self.method))
        if self.meta != _NO_DICT or self.cb_kwargs != _NO_DICT or self.headers != _NO_DICT or self.cookies != _NO_DICT:
            self._own_dicts()
        if (
            self.priority is not _NO_PRIORITY
            or self.timeout is not None
            or self.proxy is not None
            or self.session != ""
            or self.dont_filter is not False
            or self.stream is not False
            or self.auth is not None
        ):
            self._settle_rest()
        if (
            self.body is not _NO_BODY
            or self.form is not None
            or self.json is not msgspec.UNSET
            or self.files != _NO_DICT
            or self.body_file != ""
        ):
            self._settle_content()
        if not self.method:
            force_setattr(self, "method", "GET")

    def _as_it_is(self, url: str) -> str:
        """A URL that is not one, which is refused later as the mistake of a page, unless it must be the spider's."""
        if urls.lacks_scheme(url):
            raise SpiderError(
                f"{type(self).__name__}({urls.without_credentials(url)!r:.200}): not an absolute URL; "
                "use response.follow() for a link of a page, or begin with http:// or https://"
            )
        return url

    def _with_query(self, url: str) -> str:
        """`url` with `params`, its query in the request's encoding."""
        force_setattr(self, "encoding", values.codec(self, self.encoding))
        if self.params is not None:
            url = urls.with_params(url, values.encoded_fields(self, "params", self.params, self.encoding))
            force_setattr(self, "params", None)
        return urls.in_encoding(url, self.encoding)

    def _own_dicts(self) -> None:
        """Take what the dicts hold into dicts of the request's own; None is taken for an empty one."""
        if self.meta != _NO_DICT:
            force_setattr(self, "meta", values.mapping(self, "meta", self.meta))
            self._heed_meta()
        if self.cb_kwargs != _NO_DICT:
            force_setattr(self, "cb_kwargs", values.mapping(self, "cb_kwargs", self.cb_kwargs))
        if self.headers != _NO_DICT:
            force_setattr(self, "headers", settled_headers(self, self.headers))
        if self.cookies != _NO_DICT:
            force_setattr(self, "cookies", settled_cookies(self, self.cookies))

    def _heed_meta(self) -> None:
        """Take from `meta` what Scrapy says there, unless the field itself says it."""
        for key, name in _BY_META.items():
            value = self.meta.get(key)
            if value is not None and not getattr(self, name):
                force_setattr(self, name, str(value) if name == "session" else value or None)

    def _settle_rest(self) -> None:
        """Take what is neither a dict nor content."""
        force_setattr(self, "priority", values.priority(self, self.priority))
        force_setattr(self, "session", values.text(self, "session", self.session))
        force_setattr(self, "dont_filter", bool(self.dont_filter))
        force_setattr(self, "stream", bool(self.stream))
        if self.timeout is not None:
            force_setattr(self, "timeout", values.timeout(self, self.timeout))
        if self.proxy is not None:
            force_setattr(self, "proxy", values.proxy(self, self.proxy))
        if self.auth is not None:
            force_setattr(self, "headers", {**self.headers, "Authorization": values.basic(self, self.auth)})
            force_setattr(self, "auth", None)

    def _settle_content(self) -> None:
        if self.files or self.body_file:
            self._name_files()
        else:
            force_setattr(self, "files", {})
            force_setattr(self, "body_file", "")
            self._encode_content()

    def _encode_content(self) -> None:
        body = values.body(self, self.body, self.encoding)
        if bool(body) + (self.form is not None) + (self.json is not msgspec.UNSET) > 1:
            values.refuse(self, "give one of body, json and form, not several")
        if self.form is not None:
            pairs = values.encoded_fields(self, self._form_name(), self.form, self.encoding)
            self._set_content(urlencode(pairs).encode(), FORM)
        elif self.json is not msgspec.UNSET:
            self._set_content(values.json(self, self.json), JSON)
        else:
            force_setattr(self, "body", body)

    def _form_name(self) -> str:
        """What the spider calls the form."""
        return "formdata" if "formdata" in self.__struct_fields__ else "form"

    def _name_files(self) -> None:
        """Keep the paths of files as text, and the fields that are sent besides them as pairs."""
        others = bool(self.body) + (self.json is not msgspec.UNSET) + (self.form is not None and not self.files)
        if others + bool(self.files) + bool(self.body_file) > 1:
            values.refuse(self, "files go with form alone, and body_file with nothing")
        force_setattr(self, "files", values.paths(self, self.files))
        force_setattr(self, "body_file", values.path(self, self.body_file or "", "body_file"))
        if self.form is not None:
            force_setattr(self, "form", values.fields(self, self._form_name(), self.form))
        if not self.method:
            force_setattr(self, "method", "POST")

    def _set_content(self, body: bytes, content_type: str) -> None:
        force_setattr(self, "body", body)
        force_setattr(self, "form", None)
        force_setattr(self, "json", msgspec.UNSET)
        if not any(name.lower() == "content-type" for name in self.headers):
            force_setattr(self, "headers", {**self.headers, "Content-Type": content_type})
        if not self.method:
            force_setattr(self, "method", "POST")

    def replace(self, **changes: Any) -> Self:
        """This request with some fields changed. New `json` or `form` takes the place of what was its content."""
        if changes.keys() & _CONTENTS:
            changes = {"body": b"", "body_file": "", "files": {}, "form": None} | changes
            headers = settled_headers(self, changes.get("headers", self.headers))
            changes["headers"] = {name: value for name, value in headers.items() if value not in _CONTENT_TYPES}
            if self.method == "GET" and "formdata" not in changes:
                changes.setdefault("method", "")
        meta = self.meta or {}
        if meta and "meta" not in changes:
            meta = {key: value for key, value in meta.items() if _BY_META.get(key) not in changes}
        own = {
            "meta": meta,  # what is in a dict is copied when the new request is made
            "cb_kwargs": self.cb_kwargs or {},
            "headers": self.headers or {},
            "cookies": self.cookies or {},
        }
        return msgspec.structs.replace(self, **(own | changes))

    copy = replace

    def at(self, url: str) -> Self:
        """This request for another URL, which is canonical: what `replace(url=url)` gives, in a tenth of the time.

        A reference that is not a URL, as pages have them, is kept as it is, to be refused by name.
        """
        made: Self = self.__copy__()  # type: ignore[attr-defined]  # of msgspec
        force_setattr(made, "url", url)
        force_setattr(made, "meta", self.meta or {})
        force_setattr(made, "cb_kwargs", self.cb_kwargs or {})
        force_setattr(made, "headers", self.headers or {})
        force_setattr(made, "cookies", self.cookies or {})
        force_setattr(made, "files", self.files or {})
        if self.meta or self.cb_kwargs or self.headers or self.cookies:  # changed in place, perhaps
            made._own_dicts()
        if self.files:
            made._name_files()
        return made

    def __repr__(self) -> str:
        return f"<{self.method} {urls.without_credentials(self.url)}>"


class Links(Iterator[Request]):
    """Requests that differ in their URL alone, made one by one as they are asked for.

    Of the links of a page most were seen before. Whoever knows that can take `rest()`, which is URLs and no
    requests, and make requests of the new ones only.
    """

    __slots__ = ("_next", "model", "urls")

    def __init__(self, model: Request, urls: list[str]) -> None:
        self.model = model
        self.urls = urls
        self._next = 0

    def __next__(self) -> Request:
        if self._next >= len(self.urls):
            raise StopIteration
        self._next += 1
        return self.request(self.urls[self._next - 1])

    def __iter__(self) -> "Links":
        return self

    def request(self, url: str) -> Request:
        """The request for one of `urls`."""
        return self.model.at(url)

    def rest(self) -> "Links":
        """The links that were not asked for yet; there are none left here afterwards."""
        left = self.part(self._next, len(self.urls))
        self._next = len(self.urls)
        return left

    def part(self, start: int, end: int) -> "Links":
        """Those from place `start` on and before `end`, whether they were asked for or not."""
        return Links(self.model, self.urls[start:end])

    def __length_hint__(self) -> int:
        return len(self.urls) - self._next


def number_of(found: Iterable[Request | Links]) -> int:
    """How many requests `found` holds, each link being one."""
    return sum(len(each.urls) if isinstance(each, Links) else 1 for each in found)


def inherit(request: Request, fields: dict[str, Any]) -> dict[str, Any]:
    """`fields` of a new request that the answer to `request` led to: a step deeper, and in the same session."""
    fields.setdefault("depth", request.depth + 1)
    if request.session:
        fields.setdefault("session", request.session)
    return fields


def unasked(url: str) -> Request:
    """The request of a response that was made by hand, whose `url` may be any text."""
    try:
        return Request(url)
    except SpiderError:
        request = Request("about:blank")
        force_setattr(request, "url", url)
        return request


def method_name(callback: Callable[..., Any]) -> str:
    """The name under which a bound method is kept with a request.

    Raises `SpiderError` for anything that could not be found again by its name: a lambda, a nested or plain
    function, a partial.
    """
    owner = callback.__self__ if isinstance(callback, MethodType) else None
    name = getattr(callback, "__name__", "")
    if name.startswith("__") and owner is not None:
        private = (f"_{kind.__name__.lstrip('_')}{name}" for kind in type(owner).__mro__)
        name = next((each for each in private if getattr(owner, each, None) == callback), name)
    if owner is None or getattr(owner, name, None) != callback:
        raise SpiderError(
            f"the callback {callback!r} is not a method of the spider: pass self.method or 'method', "
            "and pass other values in cb_kwargs"
        )
    return str(name)
