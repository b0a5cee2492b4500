"""A request that submits a form: by data that the spider names, or by a form that a page has."""

from collections.abc import Mapping
from typing import Any, Self

from msgspec.structs import force_setattr

from scraper import urls
from scraper.http.request import Request
from scraper.http.response import Response


class FormRequest(Request, frozen=True, kw_only=True, omit_defaults=True):
    """A request that sends `formdata` as a submitted HTML form: by POST, or as the URL's query where method is GET."""

    formdata: Any = None

    def __post_init__(self) -> None:
        if self.formdata is not None:
            is_query = str(self.method).upper() == "GET"
            if is_query and self.formdata and isinstance(self.url, str):
                force_setattr(self, "url", urls.without_query(self.url))
            force_setattr(self, "params" if is_query else "form", self.formdata)
            force_setattr(self, "formdata", None)
        super().__post_init__()

    @classmethod
    def from_response(  # noqa: PLR0913, PLR0917 -- Scrapy's arguments
        cls,
        response: Response,
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
        request = form.submit(formdata, fields.pop("callback", None), click=click, kind=cls, **fields)
        assert isinstance(request, cls)
        return request
