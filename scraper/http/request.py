"""A request: what to ask, and which of the spider's methods the answer is for."""

import base64
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MethodType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode

import msgspec
from msgspec.structs import force_setattr

from scraper import urls
from scraper.errors import SpiderError

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"

_JSON_HEADERS = {"Accept": "application/json, */*;q=0.5", "Content-Type": JSON}

_CONTENTS = frozenset(("json", "form", "data", "formdata", "files", "body_file"))
_CONTENT_TYPES = frozenset((FORM, JSON))

_BY_META = {"cookiejar": "session", "download_timeout": "timeout", "proxy": "proxy"}
"""Fields that Scrapy has in `meta`, and what they are called here."""

Params = Mapping[str, Any] | Iterable[tuple[str, Any]]

if TYPE_CHECKING:
    Callback = str | Callable[..., Any] | None
    Body = bytes | str
else:  # what is kept, and so what msgspec decodes
    Callback = str | None
    Body = bytes


class _Address(msgspec.Struct, frozen=True):
    """The two fields of a request that may be given by position."""

    url: str
    callback: Callback = None


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

    The dicts are the request's own: neither those it was made with nor those of its copies.

    Raises `SpiderError` for a URL that is no text, a callback that is no method of a spider, and two contents at once.
    """

    method: str = ""
    headers: dict[str, str] = {}
    params: Any = None
    body: Body = b""
    json: Any = msgspec.UNSET
    form: Any = None
    cookies: dict[str, str] = {}
    auth: tuple[str, str] | None = None
    priority: int = 0
    meta: dict[str, Any] = {}
    cb_kwargs: dict[str, Any] = {}
    errback: Callback = None
    dont_filter: bool = False
    timeout: float | None = None
    proxy: str | None = None
    session: str = ""
    files: dict[str, str] = {}
    body_file: str = ""
    stream: bool = False
    encoding: str = "utf-8"
    depth: int = 0

    def __post_init__(self) -> None:
        url = self.url
        if not isinstance(url, str):
            raise SpiderError(f"a request needs a URL, not {url!r:.80}")
        if self.params is not None or self.encoding != "utf-8":
            url = self._with_query(url)
        force_setattr(self, "url", urls.canonical(url) or url)
        if self.callback is not None and not isinstance(self.callback, str):
            force_setattr(self, "callback", method_name(self.callback))
        if self.errback is not None and not isinstance(self.errback, str):
            force_setattr(self, "errback", method_name(self.errback))
        if self.files or self.body_file:
            self._name_files()
        elif self.body or self.form is not None or self.json is not msgspec.UNSET:
            self._encode_content()
        if self.auth is not None:
            self._encode_auth()
        force_setattr(self, "method", self.method.upper() or "GET")
        if self.meta != {} or self.cb_kwargs != {} or self.headers != {} or self.cookies != {}:
            self._own_dicts()
        if not isinstance(self.priority, int):
            raise SpiderError(f"{self!r}: a priority is a whole number, not {self.priority!r:.40}")

    def _with_query(self, url: str) -> str:
        """`url` with `params`, its query in the request's encoding."""
        if self.params is not None:
            url = urls.with_params(url, self.params, self.encoding)
            force_setattr(self, "params", None)
        return urls.in_encoding(url, self.encoding)

    def _own_dicts(self) -> None:
        """Copies of the caller's dicts, which it may go on to change; None is taken for an empty one."""
        force_setattr(self, "meta", {**(self.meta or {})})
        force_setattr(self, "cb_kwargs", {**(self.cb_kwargs or {})})
        force_setattr(self, "headers", {**(self.headers or {})})
        force_setattr(self, "cookies", {**(self.cookies or {})})
        if self.meta:
            self._heed_meta()

    def _heed_meta(self) -> None:
        """Take from `meta` what Scrapy says there, unless the field itself says it."""
        for key, name in _BY_META.items():
            value = self.meta.get(key)
            if value is not None and not getattr(self, name):
                force_setattr(self, name, str(value) if name == "session" else value)

    def _encode_content(self) -> None:
        if bool(self.body) + (self.form is not None) + (self.json is not msgspec.UNSET) > 1:
            raise SpiderError(
                f"Request({urls.without_credentials(self.url)!r}): give one of body, json and form, not several"
            )
        if self.form is not None:
            body = urlencode(
                [each for each in _pairs(self.form) if each[1] is not None],
                doseq=True,
                encoding=self.encoding,
                errors="xmlcharrefreplace",
            ).encode()
            self._set_content(body, FORM)
        elif self.json is not msgspec.UNSET:
            self._set_content(msgspec.json.encode(self.json), JSON)
        elif isinstance(self.body, str):
            force_setattr(self, "body", self.body.encode(self.encoding))

    def _name_files(self) -> None:
        """Keep the paths of files as text, and the fields that are sent besides them as pairs."""
        others = bool(self.body) + (self.json is not msgspec.UNSET) + (self.form is not None and not self.files)
        if others + bool(self.files) + bool(self.body_file) > 1:
            raise SpiderError(
                f"Request({urls.without_credentials(self.url)!r}): files go with form alone, and body_file with nothing"
            )
        force_setattr(self, "files", {name: os.fspath(path) for name, path in self.files.items()})
        force_setattr(self, "body_file", os.fspath(self.body_file))
        if self.form is not None:
            form = [(name, each) for name, value in _pairs(self.form) for each in _values(value)]
            force_setattr(self, "form", form)
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

    def _encode_auth(self) -> None:
        assert self.auth is not None
        user, password = self.auth
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        force_setattr(self, "headers", {**self.headers, "Authorization": f"Basic {token}"})
        force_setattr(self, "auth", None)

    def replace(self, **changes: Any) -> Self:
        """This request with some fields changed. New `json` or `form` takes the place of what was its content."""
        if changes.keys() & _CONTENTS:
            changes = {"body": b"", "body_file": "", "files": {}, "form": None} | changes
            headers = changes.get("headers", self.headers)
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
        return self.model.replace(url=url)

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


def _pairs(form: Any) -> Iterable[tuple[str, Any]]:
    pairs: Iterable[tuple[str, Any]] = form.items() if hasattr(form, "items") else form
    return pairs


def _values(value: Any) -> list[str]:
    """What a field of a form is sent with: a list gives each of its values, None nothing."""
    return [str(each) for each in (value if isinstance(value, list | tuple) else [value]) if each is not None]


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
            f"the callback {callback!r} is no method of the spider: pass self.method or 'method', "
            "and hand further values over in cb_kwargs"
        )
    return str(name)


class FormRequest(Request, frozen=True, kw_only=True, omit_defaults=True):
    """A request that sends `formdata` as a submitted HTML form: by POST, or as the URL's query where method is GET."""

    formdata: Any = None

    def __post_init__(self) -> None:
        if self.formdata is not None:
            is_query = self.method.upper() == "GET"
            if is_query and self.formdata and isinstance(self.url, str):
                force_setattr(self, "url", urls.without_query(self.url))
            force_setattr(self, "params" if is_query else "form", self.formdata)
            force_setattr(self, "formdata", None)
        super().__post_init__()

    @classmethod
    def from_response(  # noqa: PLR0913, PLR0917 -- Scrapy's arguments
        cls,
        response: Any,
        formname: str | None = None,
        formid: str | None = None,
        formnumber: int | None = None,
        formdata: Any = None,
        clickdata: Mapping[str, Any] | None = None,
        dont_click: bool = False,
        formxpath: str | None = None,
        formcss: str | None = None,
        **fields: Any,
    ) -> Self:
        """The request that a form of `response` makes, filled in with `formdata`; None in it leaves a field out.

        The form is the first, or the one that one criterion tells. Its first button is clicked unless `clickdata`,
        the attributes of a button or its number as `nr`, tells another, or `dont_click`. See `scraper.http.form.Form`.
        Raises `FormError` for a form or a button that is not there.
        """
        form = response.form(name=formname, id=formid, number=formnumber, css=formcss, xpath=formxpath)
        click = None if dont_click else True if clickdata is None else clickdata
        request: Self = form.submit(formdata, fields.pop("callback", None), click=click, kind=cls, **fields)
        return request


class JsonRequest(Request, frozen=True, kw_only=True, omit_defaults=True):
    """A request that POSTs `data` as JSON, or a `body` that is JSON, and asks for JSON in return."""

    data: Any = msgspec.UNSET

    def __post_init__(self) -> None:
        if self.data is not msgspec.UNSET:
            force_setattr(self, "json", self.data)
            force_setattr(self, "data", msgspec.UNSET)
        headers = self.headers or {}
        given = {name.lower() for name in headers}
        usual = {name: value for name, value in _JSON_HEADERS.items() if name.lower() not in given}
        force_setattr(self, "headers", {**usual, **headers})
        super().__post_init__()
