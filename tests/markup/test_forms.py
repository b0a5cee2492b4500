"""Forms: what a page's form sends, as the HTML standard has it, and what a spider makes of it."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from scraper.http.form import Form, FormError
from scraper.http.form_request import FormRequest
from scraper.http.request import Request
from scraper.http.response import Response
from scraper.markup.forms.entry_list import NO_FILE, File
from scraper.spider import Spider
from tests.flow.crawls import crawl
from tests.flow.site import Asked, Servers

URL = "http://shop.example/account/login?next=1"


def page(body: str | bytes, **fields: Any) -> Response:
    """A page at `URL`."""
    return Response(URL, body=body, **fields)


def form(controls: str, attributes: str = "method=post") -> Form:
    """The form of a page that has these controls."""
    return page(f"<form {attributes}>{controls}</form>").form()


def fields(controls: str) -> list[tuple[str, Any]]:
    """What a form with these controls sends."""
    return form(controls).fields


def sent(request: Request) -> list[tuple[str, str]]:
    """The pairs of an urlencoded body."""
    return parse_qsl(request.body.decode(), keep_blank_values=True)


# What a form sends.


@pytest.mark.parametrize(
    ("control", "expected"),
    [
        ("<input name=a value=x>", ["x"]),
        ("<input name=a>", [""]),
        ("<input name=a value='x\ny' type=password>", ["xy"]),
        ("<input name=a value='x\ny' type=hidden>", ["x\ny"]),
        ("<input name=a type=url value=' http://x\n '>", ["http://x"]),
        ("<input name=a type=email multiple value=' a@b , c@d'>", ["a@b,c@d"]),
        ("<input name=a type=number value=1e3>", ["1e3"]),
        ("<input name=a type=number value=1,5>", [""]),
        ("<input name=a type=range>", ["50"]),
        ("<input name=a type=range min=0 max=5>", ["3"]),
        ("<input name=a type=range min=10 max=5>", ["10"]),
        ("<input name=a type=range value=7.4 step=2>", ["8"]),
        ("<input name=a type=range value=99e99999 step=1e-300>", ["50"]),
        ("<input name=a type=color value=#ABCDEF>", ["#abcdef"]),
        ("<input name=a type=color value=red>", ["#000000"]),
        ("<input name=a type=date value=2026-02-28>", ["2026-02-28"]),
        ("<input name=a type=date value=2026-02-30>", [""]),
        ("<input name=a type=month value=2026-13>", [""]),
        ("<input name=a type=week value=2026-W07>", ["2026-W07"]),
        ("<input name=a type=time value=23:59:59>", ["23:59:59"]),
        ("<input name=a type=datetime-local value='2026-02-28 10:00'>", ["2026-02-28T10:00"]),
        ("<input name=a type=datetime-local value=x>", [""]),
        ("<input name=a type=unknown value=x>", ["x"]),
        ("<input name=a type=checkbox value=x>", []),
        ("<input name=a type=checkbox checked>", ["on"]),
        ("<input name=a type=checkbox value=x checked><input name=a type=checkbox value=y checked>", ["x", "y"]),
        ("<input name=a type=radio value=x checked><input name=a type=radio value=y checked>", ["y"]),
        ("<input name=a type=radio value=x checked><input name=a type=radio value=y checked disabled>", []),
        ("<input name=a type=radio value=x>", []),
        ("<textarea name=a>\n x\r\ny </textarea>", [" x\ny "]),
        ("<select name=a><option>x <b>y</b>\n z</select>", ["x y z"]),
        ("<select name=a><option>x<option value='' selected>y</select>", [""]),
        ("<select name=a><option selected>x<option selected>y</select>", ["y"]),
        ("<select name=a><option disabled>x<option>y</select>", ["y"]),
        ("<select name=a><optgroup disabled><option>x</optgroup><option>y</select>", ["y"]),
        ("<select name=a><option selected disabled>x<option>y</select>", []),
        ("<select name=a size=2><option>x</select>", []),
        ("<select name=a multiple><option>x</select>", []),
        ("<select name=a multiple><option selected>x<option>y<option selected>z</select>", ["x", "z"]),
        ("<select name=a></select>", []),
        ("<input name=a type=file value=/etc/passwd>", [NO_FILE]),
        ("<input name=a type=submit value=x><button name=a value=y></button>", []),
        ("<input name=a type=reset value=x><button name=a type=button value=y></button>", []),
        ("<object name=a></object><output name=a>x</output>", []),
        ("<input name='' value=x><input value=y>", []),
        ("<input name=a value=x disabled>", []),
        ("<fieldset disabled><div><input name=a></div></fieldset>", []),
        ("<fieldset disabled><legend><input name=a value=x></legend><legend><input name=a></legend></fieldset>", ["x"]),
        ("<fieldset disabled><fieldset><legend><input name=a></legend></fieldset></fieldset>", []),
        ("<datalist><input name=a value=x><select name=a><option>y</select></datalist>", []),
        ("<template><input name=a value=x></template>", []),
        ("<input name=a readonly value=x>", ["x"]),
    ],
)
def test_controls_send_what_the_standard_says(control: str, expected: list[Any]) -> None:
    """Each kind of control gives what it gives in a browser where nobody touched it (HTML, 4.10.22.4)."""
    assert fields(control) == [("a", value) for value in expected]


def test_the_order_is_that_of_the_page() -> None:
    """Pairs come in the page's order, and names may come again."""
    controls = "<input name=b value=1><select name=a><option>2</select><textarea name=b>3</textarea>"
    assert fields(controls) == [("b", "1"), ("a", "2"), ("b", "3")]


def test_controls_may_stand_elsewhere() -> None:
    """A control belongs to the form its `form` attribute names, wherever it is, and to none if there is none so."""
    body = """
        <input name=a form=f><p id=g></p><form id=f><input name=b><input name=c form=other><input name=d form=g></form>
        <form id=other><input name=e form=f></form><form id=g></form><input name=lost>
    """
    assert [name for name, _ in page(body).form(id="f").fields] == ["a", "b", "e"]
    assert [name for name, _ in page(body).form(id="other").fields] == ["c"]
    assert page(body).form(id="g").fields == []


def test_a_form_in_a_table_has_the_tables_controls() -> None:
    """A form that opens right inside a table has what follows there, up to the next form."""
    body = """
        <table><form name=one><tr><td><input name=a></td></tr></form>
        <tr><form name=two><td><input name=b></td></form></tr></table><input name=c>
    """
    assert page(body).form(name="one").fields == [("a", "")]
    assert page(body).form(name="two").fields == [("b", "")]


def test_the_direction_of_a_text_is_told() -> None:
    """A control with `dirname` tells which way its text runs."""
    controls = (
        "<input name=a dirname=d><p dir=rtl><input name=b dirname=e></p><input name=c dirname=f dir=auto value=א>"
    )
    assert [pair for pair in fields(controls) if pair[0] in "def"] == [("d", "ltr"), ("e", "rtl"), ("f", "rtl")]


# How it is sent.


def test_a_post_has_a_body() -> None:
    """A POST goes to the action, joined to the page's base, with its pairs urlencoded (WHATWG URL, 5.2)."""
    controls = "<input name='a b' value='ä*~ &amp;+'><textarea name=t>1\n2</textarea>"
    request = (
        page(f"<base href=/in/><form method=POST action='?x=1'>{controls}")
        .form()
        .submit(callback="parse_home", priority=3)
    )
    assert (request.method, request.url) == ("POST", "http://shop.example/in/?x=1")
    assert request.body == b"a+b=%C3%A4*%7E+%26%2B&t=1%0D%0A2"
    assert request.headers == {"Content-Type": "application/x-www-form-urlencoded"}
    assert (request.callback, request.priority) == ("parse_home", 3)


def test_a_get_replaces_the_query() -> None:
    """A GET has its pairs in place of its action's query; an unknown method is GET, an empty action the page itself."""
    assert form("<input name=q value=x>", "action=/s?old=1#top").submit().url == "http://shop.example/s?q=x#top"
    request = form("<input name=q value=x>", "method=put action=''").submit()
    assert (request.method, request.url, request.body) == ("GET", "http://shop.example/account/login?q=x", b"")


def test_a_form_is_sent_in_the_encoding_of_its_page() -> None:
    """Forms are sent in their page's encoding, or the first of accept-charset; what that lacks is a reference."""
    body = '<meta charset="windows-1252"><form {}><input name=a value="é&#1095;"><input type=hidden name=_charset_>'
    request = page(body.format("").encode("cp1252")).form().submit()
    assert request.url.partition("?")[2] == "a=%E9%26%231095%3B&_charset_=windows-1252"
    accepting = page(body.format("accept-charset='nonsense koi8-r utf-8'").encode("cp1252")).form().submit()
    assert accepting.url.partition("?")[2] == "a=%26%23233%3B%DE&_charset_=KOI8-R"
    wide = page("<form><input type=hidden name=_charset_ value=x>".encode("utf-16")).form()
    assert wide.fields == [("_charset_", "UTF-8")]


def test_plain_text_is_sent_as_lines() -> None:
    """A text/plain form has a line for each pair."""
    request = form("<input name=a value=x><input name=b value=y>", "method=post enctype=TEXT/plain").submit()
    assert (request.body, request.headers) == (b"a=x\r\nb=y\r\n", {"Content-Type": "text/plain"})


async def test_files_arrive(tmp_path: Path) -> None:
    """A server reads the files and fields of a multipart form as they were given."""
    found: dict[str, Any] = {}

    async def take(request: web.Request) -> web.Response:
        for name, value in (await request.post()).items():
            found[name] = (
                (value.filename, value.content_type, value.file.read()) if isinstance(value, web.FileField) else value
            )
        return web.Response()

    (tmp_path / "notes.txt").write_bytes(b"from disk")
    request = form(
        "<input name='a&#34;ä' value='1\n2' type=hidden><input type=file name=f><input type=file name=g>"
    ).submit({"f": File(b"\x00\r\n--", "ü.png", "image/png"), "g": tmp_path / "notes.txt"})
    application = web.Application()
    application.router.add_post("/", take)
    async with TestClient(TestServer(application)) as client:
        await client.post("/", data=request.body, headers=request.headers)
    assert found == {
        "a%22ä": "1\r\n2",
        "f": ("ü.png", "image/png", b"\x00\r\n--"),
        "g": ("notes.txt", "text/plain", b"from disk"),
    }


def test_the_same_form_is_the_same_request() -> None:
    """A multipart body has the same boundary each time, and another for another content."""
    once, again, other = (
        form("<input name=a>", "method=post enctype=multipart/form-data").submit({"a": value}) for value in "xxy"
    )
    assert (once.body, once.headers) == (again.body, again.headers)
    assert once.headers != other.headers


def test_a_file_is_never_one_the_page_names() -> None:
    """The value of a file control is not looked at, and a text is not taken for a path (CVE-2023-34457)."""
    request = form("<input type=file name=f value=/etc/passwd>", "method=post enctype=multipart/form-data").submit()
    assert b"passwd" not in request.body
    assert b'filename=""' in request.body
    with pytest.raises(FormError, match="sends a file as 'f': give a File or a Path, not '/etc/passwd'"):
        form("<input type=file name=f>").set("f", "/etc/passwd")


def test_a_get_has_no_room_for_files() -> None:
    """A file that would be sent by GET is an error."""
    with pytest.raises(FormError, match="sent by GET, which has no room for the file 'f'"):
        form("<input type=file name=f>", "").submit({"f": File(b"x")})


# Filling it in.


def test_fields_are_filled_in() -> None:
    """A value takes the place of a field's; lists give several; None leaves it out; new names come last."""
    filled = form("<input name=a value=1><input name=b value=2><input name=c value=3><input name=b value=4>")
    filled.update({"b": ["x", 7], "c": None, "new": 1.5})
    filled.set("a", "y")
    assert filled.fields == [("a", "y"), ("b", "x"), ("b", "7"), ("new", "1.5")]
    assert sent(filled.submit([("a", "p"), ("a", "q")]))[:2] == [("a", "p"), ("a", "q")]


def test_boxes_are_ticked() -> None:
    """True ticks a checkbox, False does not; where there is none, True is an error."""
    boxes = form("<input type=checkbox name=a value=x><input type=checkbox name=b checked>")
    boxes.update({"a": True, "b": False})
    assert boxes.fields == [("a", "x")]
    with pytest.raises(FormError, match="has no checkbox 'c' that True would tick"):
        boxes.set("c", True)


@pytest.mark.parametrize("value", [b"x", {"a": 1}, object()])
def test_what_is_no_value_is_refused(value: Any) -> None:
    """A value is a text, a number or a file."""
    with pytest.raises(FormError, match="takes texts, numbers and files"):
        form("<input name=a>").set("a", value)


# Which button is clicked.

BUTTONS = """
    <input name=a><button disabled name=off>Off</button><input type=submit name=act value=save>
    <button name=act value=delete formaction=/delete formmethod=get>Delete  it</button>
    <input type=image name=map><button type=button name=js>Help</button>
"""


@pytest.mark.parametrize(
    ("click", "pairs"),
    [
        (True, [("act", "save")]),
        (None, []),
        (1, [("act", "save")]),
        (0, [("off", "")]),
        ("save", [("act", "save")]),
        ("map", [("map.x", "0"), ("map.y", "0")]),
        ({"nr": 3}, [("map.x", "0"), ("map.y", "0")]),
        ({"name": "act", "value": "save"}, [("act", "save")]),
        ({"disabled": ""}, [("off", "")]),
    ],
)
def test_a_button_is_clicked(click: Any, pairs: list[tuple[str, str]]) -> None:
    """The first enabled button is clicked, or the one that is told; its name and value are sent."""
    assert sent(form(BUTTONS).submit(click=click)) == [("a", ""), *pairs]


def test_a_button_may_lead_elsewhere() -> None:
    """A button's formaction, formmethod and formenctype take the place of the form's."""
    request = form(BUTTONS).submit(click="Delete it")
    assert (request.method, request.url) == ("GET", "http://shop.example/delete?a=&act=delete")
    typed = form("<button formenctype=text/plain name=b value=c>").submit()
    assert typed.body == b"b=c\r\n"


def test_a_form_without_a_button_is_sent() -> None:
    """Where there is no button, none is clicked."""
    assert sent(form("<input name=a>").submit()) == [("a", "")]


@pytest.mark.parametrize(
    ("click", "text"),
    [
        ("none", "has no button 'none'"),
        (9, "has no button 9"),
        ("act", "has 2 buttons 'act'"),
        (-1, "has no button -1"),
    ],
)
def test_a_button_that_is_not_there_is_told(click: Any, text: str) -> None:
    """A button that is not there, or not the only one, is one line that names the page and the buttons."""
    with pytest.raises(FormError) as raised:
        form(BUTTONS).submit(click=click)
    assert text in str(raised.value)
    assert "its buttons are off, act, act, map" in str(raised.value)
    assert URL in str(raised.value)


def test_a_dialog_is_not_sent() -> None:
    """A form of method=dialog is an error, unless the method is given."""
    dialog = form("<input name=a>", "method=dialog")
    with pytest.raises(FormError, match="sent nowhere"):
        dialog.submit()
    assert dialog.submit(method="post", url="/x").url == "http://shop.example/x"


# Which form.

FORMS = "<form id=one><input name=a></form><form name=two><p><input name=b id=q></p></form>"


@pytest.mark.parametrize(
    ("criterion", "name"),
    [
        ({}, "a"),
        ({"number": 1}, "b"),
        ({"number": -2}, "a"),
        ({"id": "one"}, "a"),
        ({"name": "two"}, "b"),
        ({"css": "#q"}, "b"),
        ({"xpath": "//form[2]"}, "b"),
    ],
)
def test_a_form_is_found(criterion: dict[str, Any], name: str) -> None:
    """A form is the first, or the one of a number, an id, a name, or that a selector finds or finds something in."""
    assert page(FORMS).form(**criterion).fields == [(name, "")]


@pytest.mark.parametrize(
    ("body", "criterion", "text"),
    [
        ("<p>", {}, "has no form"),
        (FORMS, {"number": 2}, "has no form whose number is 2; it has one, two"),
        (FORMS, {"id": "two"}, "has no form whose id is 'two'"),
        (FORMS, {"css": "html"}, "has no form whose css is 'html'"),
        (FORMS, {"name": "two", "number": 0}, "takes one of css, xpath, name, id and number, not name, number"),
    ],
)
def test_a_form_that_is_not_there_is_told(body: str, criterion: dict[str, Any], text: str) -> None:
    """A form that is not there, and two criteria, are one line that names the page."""
    with pytest.raises(FormError) as raised:
        page(body).form(**criterion)
    assert text in str(raised.value)
    assert URL in str(raised.value)
    assert "\n" not in str(raised.value)


# Scrapy's way.


def test_from_response_is_as_in_scrapy() -> None:
    """FormRequest.from_response fills in a form, leaves out what is None, and clicks the button that is told."""
    response = page(f"<form name=f method=post action=/go>{BUTTONS}<input type=hidden name=token value=t></form>")
    request = FormRequest.from_response(response, formdata={"a": "x", "token": None}, callback="done")
    assert isinstance(request, FormRequest)
    assert (request.url, request.callback) == ("http://shop.example/go", "done")
    assert sent(request) == [("a", "x"), ("act", "save")]
    assert sent(FormRequest.from_response(response, "f", dont_click=True)) == [("a", ""), ("token", "t")]
    clicked = FormRequest.from_response(response, formname="f", clickdata={"nr": 3}, meta={"k": 1}, method="POST")
    assert ("map.x", "0") in sent(clicked)
    assert clicked.meta == {"k": 1}
    elsewhere = FormRequest.from_response(response, url="/other", method="GET", formcss="form", dont_click=True)
    assert elsewhere.url == "http://shop.example/other?a=&token=t"


def test_a_form_keeps_the_session_of_its_page() -> None:
    """The request is a step deeper than its page, in the same session."""
    response = page("<form></form>", request=Request(URL, session="anna", depth=2))
    request = response.form().submit()
    assert (request.session, request.depth) == ("anna", 3)


class Visitor(Spider):
    """Logs in, and gives what the site then says."""

    name = "visitor"

    def parse(self, response: Response) -> Any:
        yield response.form(id="login").submit({"user": "anna", "password": "tea & co"}, self.parse_home)

    def parse_home(self, response: Response) -> Any:
        yield {"greeting": response.css("h1::text").get(), "url": response.url}


def _login(asked: Asked) -> web.Response:
    """A login page, which sets a cookie, and wants that, its token and the right words back."""
    if asked.method == "GET":
        body = """<form id=login method=post><input type=hidden name=token value=t1>
            <input name=user><input type=password name=password><button name=go value=1>Log in</button></form>"""
        answer = web.Response(text=body, content_type="text/html")
        answer.set_cookie("visit", "v1")
        return answer
    said = dict(parse_qsl(asked.body.decode()))
    is_right = said == {"token": "t1", "user": "anna", "password": "tea & co", "go": "1"}
    if not is_right or "visit=v1" not in asked.headers.get("Cookie", ""):
        return web.Response(status=403)
    answer = web.Response(status=303, headers={"Location": "/home"})
    answer.set_cookie("user", "anna")
    return answer


def _home(asked: Asked) -> str:
    is_known = "user=anna" in asked.headers.get("Cookie", "")
    return f"<h1>{'Hello Anna' if is_known else 'Who are you?'}</h1>"


async def test_a_spider_logs_in(servers: Servers) -> None:
    """A spider fills in a login form; cookies of the page and of the answer are sent on, and it is in."""
    site = servers.site({"/login": _login, "/home": _home})
    ended = await crawl(Visitor(start_urls=[site.url("/login")]))
    assert ended.items == [{"greeting": "Hello Anna", "url": site.url("/home")}]


async def test_a_page_without_its_form_is_an_error_of_that_page(servers: Servers) -> None:
    """Where the form is missing, the crawl goes on, and the error names the page."""
    site = servers.site({"/login": "<p>closed</p>"})
    ended = await crawl(Visitor(start_urls=[site.url("/login")]))
    assert ended.items == []
    assert ended.statistics.errors == 1
