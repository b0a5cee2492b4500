"""A page's form: its data as a browser would send it, filled in by the spider, and sent as a request."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from selectolax.lexbor import LexborNode

from scraper import urls
from scraper.http.request import Request, inherit
from scraper.markup.forms.control_values import value_of
from scraper.markup.forms.controls import Control, controls_of, forms_of
from scraper.markup.forms.entry_list import Entry, File, Value, entries_of
from scraper.markup.forms.submission import Submission, encoding_name, form_codec, submission_of
from scraper.markup.web_page import WebPage

Given = str | int | float | bool | File | Path | None
FormData = Mapping[str, Given | Sequence[Given]] | Iterable[tuple[str, Given | Sequence[Given]]]
Click = str | int | Mapping[str, Any] | None


class FormError(ValueError):
    """A page has no such form, or the form no such button or field; the text is one line that names the page."""


class Form:
    """A form of a page, as the HTML standard reads it (4.10): what it would send, and where to.

    `set()` and `update()` fill it in; `submit()` makes the request. `fields` is what would be sent without a click.
    """

    def __init__(self, page: WebPage, asked: Request, node: LexborNode) -> None:
        """The form `node` of `page`, which `asked` was the request for."""
        self._page = page
        self._asked = asked
        self._attributes = node.attributes
        self._controls = controls_of(node, page.selector.node)
        self._given: dict[str, list[Value]] = {}
        self._codec = form_codec(self._attributes.get("accept-charset"), page.encoding)

    @property
    def action(self) -> str:
        """The URL that it is sent to."""
        return self._action(self._said("action", None))

    @property
    def method(self) -> str:
        """GET or POST; DIALOG for a form that is not sent."""
        return _method(self._said("method", None))

    @property
    def fields(self) -> list[Entry]:
        """The name and value pairs that would be sent if no button were clicked, in their order."""
        return self._entries(None)

    @property
    def buttons(self) -> list[dict[str, str]]:
        """The attributes of the buttons that send it, in their order."""
        return [{name: value or "" for name, value in button.attributes.items()} for button in self._buttons]

    def set(self, name: str, value: Given | Sequence[Given]) -> None:
        """Fill in the fields `name`: a value takes the place of theirs, a list of values that of all of theirs.

        Numbers are written as texts. True and False tick a checkbox or not; None leaves the name out. What is sent as
        a file is a `File`, or a `Path`, which is read now. A name that the form does not have is sent after the
        others. Raises `FormError` for True where there is no checkbox, and for a text where there is a file.
        """
        several = isinstance(value, Sequence) and not isinstance(value, str | bytes)
        values: Any = value if several else [value]
        self._given[name] = [each for one in values for each in self._values(name, one)]

    def update(self, formdata: FormData) -> None:
        """`set()` each name of a mapping or of pairs; names that come again have several values."""
        pairs = formdata.items() if isinstance(formdata, Mapping) else formdata
        gathered: dict[str, list[Any]] = {}
        for name, value in pairs:
            several = isinstance(value, Sequence) and not isinstance(value, str | bytes)
            gathered.setdefault(name, []).extend(value if several else [value])  # type: ignore[arg-type]
        for name, values in gathered.items():
            self.set(name, values)

    def submit(
        self,
        formdata: FormData | None = None,
        callback: str | Callable[..., Any] | None = None,
        *,
        click: Click = True,
        kind: type[Request] = Request,
        **fields: Any,
    ) -> Request:
        """The request that the form makes when it is sent, filled in with `formdata`.

        `click` chooses the button: True takes the first that is enabled, if there is one, as Enter does; None none; a
        number the button of that place, from 0 on; a text the one of that name, value or label; a mapping the one
        that has those attributes. It adds its name and value, and its formaction, formmethod and formenctype hold.

        `fields` are those of `Request`, of which `url` and `method` take the place of the form's. `kind` is the class
        of the request. Raises `FormError` for a button that is not there or not the only one.
        """
        if formdata is not None:
            self.update(formdata)
        sent = self._submission(self._button(click), fields.pop("url", None), fields.pop("method", None))
        fields = inherit(self._asked, fields)
        if sent.content_type:
            fields["headers"] = {"Content-Type": sent.content_type, **(fields.get("headers") or {})}
        return kind(sent.url, callback, method=sent.method, body=sent.body, **fields)

    def _submission(self, button: Control | None, url: str | None, method: str | None) -> Submission:
        method = (method or _method(self._said("method", button))).upper()
        if method == "DIALOG":
            raise self._error("is closed by its button and sent nowhere (method=dialog): pass a method")
        enctype = (self._said("enctype", button) or "").lower()
        entries = self._entries(button)
        files = [name for name, value in entries if isinstance(value, File) and value.name]
        if method == "GET" and files:
            raise self._error(f"is sent by GET, which has no room for the file {files[0]!r}: pass method='POST'")
        action = self._action(self._said("action", button) if url is None else url)
        return submission_of(action, method, enctype, entries, self._codec)

    def _said(self, name: str, button: Control | None) -> str | None:
        """An attribute of the form, or what the button has in its place (HTML, 4.10.19.6)."""
        over = button.attributes if button is not None else {}
        return over[f"form{name}"] if f"form{name}" in over else self._attributes.get(name)

    def _action(self, action: str | None) -> str:
        """An action as an absolute URL; an empty one is the page itself (HTML, 4.10.22.3)."""
        if not action:
            return self._page.url
        return urls.join(self._page.base_url, urls.in_encoding(action, self._page.encoding)) or action

    # What is sent.

    def _entries(self, button: Control | None) -> list[Entry]:
        """The entry list with what was filled in, each at the place of the first of its name."""
        found: list[Entry] = []
        left = dict(self._given)
        for name, value in entries_of(self._controls, button, encoding_name(self._codec)):
            if name not in self._given:
                found.append((name, value))
            else:
                found += [(name, each) for each in left.pop(name, [])]
        found += [(name, each) for name, values in left.items() for each in values]
        return found

    def _values(self, name: str, value: Any) -> list[Value]:
        """What one value that was given stands for."""
        named = [control for control in self._controls if control.name == name]
        match value:
            case None | False:
                return []
            case True:
                ticked = [value_of(control) for control in named if control.kind == "checkbox"]
                if not ticked:
                    raise self._error(f"has no checkbox {name!r} that True would tick")
                return list(ticked)
            case File():
                return [value]
            case Path():
                return [File.read(value)]
            case str() | int() | float():
                if any(control.kind == "file" for control in named):
                    raise self._error(f"sends a file as {name!r}: give a File or a Path, not {value!r:.40}")
                return [str(value)]
        raise self._error(f"takes texts, numbers and files, not {value!r:.40} for {name!r}")

    # Which button is clicked.

    @property
    def _buttons(self) -> list[Control]:
        return [control for control in self._controls if control.is_button]

    def _button(self, click: Click) -> Control | None:
        if click is None or click is False:
            return None
        if click is True:
            return next((button for button in self._buttons if not button.is_disabled), None)
        found = self._clicked(click)
        if len(found) != 1:
            count = "no button" if not found else f"{len(found)} buttons"
            raise self._error(f"has {count} {click!r}; its buttons are {self._told_buttons()}")
        return found[0]

    def _clicked(self, click: str | int | Mapping[str, Any]) -> list[Control]:
        """The buttons that `click` may mean."""
        buttons = self._buttons
        if isinstance(click, int):
            return buttons[click : click + 1] if click >= 0 else []
        if isinstance(click, Mapping):
            wanted = {name: value for name, value in click.items() if name != "nr"}
            number = click.get("nr")
            fitting = [each for each in buttons if all(_has(each, name, value) for name, value in wanted.items())]
            return fitting if number is None else fitting[number : number + 1]
        for said in (lambda each: each.name, lambda each: each.attribute("value"), _label):
            if found := [button for button in buttons if said(button) == click]:
                return found
        return []

    def _told_buttons(self) -> str:
        return ", ".join(f"{each.name or _label(each)!s:.30}" for each in self._buttons[:8]) or "none"

    def _error(self, text: str) -> FormError:
        return FormError(f"{self!r} {text}")

    def __repr__(self) -> str:
        name = self._attributes.get("id") or self._attributes.get("name")
        return f"the form{f' {name!r}' if name else ''} of {_shown(self._page)}"


def find_form(
    page: WebPage,
    *,
    css: str | None = None,
    xpath: str | None = None,
    name: str | None = None,
    id: str | None = None,  # noqa: A002 -- the attribute's name
    number: int | None = None,
) -> LexborNode:
    """The form of `page` that one criterion tells, or the first: see `Response.form`."""
    criteria = {"css": css, "xpath": xpath, "name": name, "id": id, "number": number}
    given = {key: value for key, value in criteria.items() if value is not None}
    if len(given) > 1:
        raise FormError(
            f"form() of {_shown(page)} takes one of css, xpath, name, id and number, not {', '.join(given)}"
        )
    key, value = next(iter(given.items()), ("number", 0))
    forms = forms_of(page.selector.node)
    if not forms:
        raise FormError(f"{_shown(page)} has no form")
    if css is not None or xpath is not None:
        found = page.css(css) if css is not None else page.xpath(xpath or "")
        node = next((form for each in found if (form := _form_around(each.node)) is not None), None)
    elif isinstance(value, int):
        node = forms[value] if -len(forms) <= value < len(forms) else None
    else:
        node = next((form for form in forms if form.attributes.get(key) == value), None)
    if node is None:
        raise FormError(f"{_shown(page)} has no form whose {key} is {value!r}; it has {_told(forms)}")
    return node


def _has(control: Control, name: str, value: Any) -> bool:
    return name in control.attributes and control.attribute(name) == value


def _form_around(node: LexborNode) -> LexborNode | None:
    """The form that a node is, or is in."""
    around: LexborNode | None = node
    while around is not None and around.tag != "form":
        around = around.parent
    return around


def _told(forms: list[LexborNode]) -> str:
    names = [each.attributes.get("id") or each.attributes.get("name") or "one without a name" for each in forms]
    return ", ".join(names[:8])


def _method(method: str | None) -> str:
    given = (method or "").upper()
    return given if given in {"POST", "DIALOG"} else "GET"


def _label(button: Control) -> str:
    return " ".join(button.node.text().split())


def _shown(page: WebPage) -> str:
    return urls.without_credentials(page.url)
