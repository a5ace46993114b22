"""What `http.request` takes and what it answers."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self, TypeAlias
from urllib.parse import quote, urlencode

import httpx
from pydantic import ConfigDict, Field, field_validator, model_validator

from alga_workflows_core.actions.builtin.http_auth import Auth
from alga_workflows_core.actions.builtin.http_bodies import (
    RequestBody,
    Scalar,
    bytes_body,
    form_body,
    json_body,
    pairs,
    text_body,
)
from alga_workflows_core.types.json import Json
from alga_workflows_core.types.model import Model

Method: TypeAlias = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
Status: TypeAlias = Annotated[int, Field(ge=200, le=599)]

_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}")
_HEADER_VALUE = re.compile(r"(?:[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)?")
# They frame the message or choose the connection, which is the client's business.
_FORBIDDEN_HEADERS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "http2-settings",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


def parse_url(url: str | httpx.URL) -> httpx.URL:
    """An absolute http or https URL without user name and fragment; ValueError for all else.

    The message does not repeat the URL, which may hold secrets.
    """
    try:
        parsed = httpx.URL(url).copy_with(fragment=None)
    except (httpx.InvalidURL, UnicodeError):
        raise ValueError("not a valid URL") from None
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise ValueError("expected an absolute URL that starts with http:// or https://")
    if parsed.userinfo:
        raise ValueError("a URL must not hold a user name or password; use an Authorization header")
    if parsed.port is not None and not 0 < parsed.port < 65536:
        raise ValueError("the port of the URL has to be within 1..65535")
    return parsed


class HttpRequestInput(Model):
    """What to send. At most one of `json`, `text`, `form` and `base64` is the body."""

    model_config = ConfigDict(hide_input_in_errors=True)

    method: Annotated[
        Method,
        Field(
            description="GET and HEAD change nothing, PUT and DELETE may be repeated. POST and"
            " PATCH may be if the step has an `idempotencyKey` that the service honours.",
        ),
    ] = "GET"
    url: Annotated[str, Field(max_length=8192, description="http or https, no user name.")]
    headers: Annotated[
        dict[str, str],
        Field(
            default_factory=dict,
            max_length=64,
            description="Printable ASCII; those that frame the message are the client's.",
        ),
    ]
    query: Annotated[
        dict[str, Scalar | list[Scalar] | None],
        Field(
            default_factory=dict,
            description="Appended to the URL's own query; a list repeats its name, null is left"
            " out.",
        ),
    ]
    auth: Annotated[Auth | None, Field(description="Sent as the header Authorization.")] = None
    json_body: Annotated[
        Json, Field(alias="json", description="Sent as application/json; null sends no body.")
    ] = None
    text: Annotated[str | None, Field(description="Sent as text/plain, in UTF-8.")] = None
    form: Annotated[
        dict[str, Scalar | list[Scalar] | None] | None,
        Field(description="Sent as a browser sends a form; lists and null as in `query`."),
    ] = None
    base64: Annotated[
        str | None, Field(description="Bytes in Base64, sent as application/octet-stream.")
    ] = None
    timeout: Annotated[
        float, Field(ge=0.1, le=60, description="Seconds for all, redirects included.")
    ] = 10.0
    max_redirects: Annotated[
        int, Field(ge=0, le=5, description="How many redirects are followed.")
    ] = 0
    expect_status: Annotated[
        list[Status] | None,
        Field(min_length=1, description="What counts as success; by default every 2xx."),
    ] = None

    @field_validator("url")
    @classmethod
    def _is_http(cls, value: str) -> str:
        parse_url(value)
        return value

    @field_validator("headers")
    @classmethod
    def _may_be_sent(cls, value: dict[str, str]) -> dict[str, str]:
        seen: set[str] = set()
        for name, text in value.items():
            if not _HEADER_NAME.fullmatch(name):
                raise ValueError("a header name may hold only letters, digits and !#$%&'*+-.^_`|~")
            lower = name.lower()
            if lower == "idempotency-key":
                raise ValueError("the header Idempotency-Key is the step's `idempotencyKey`")
            if lower in _FORBIDDEN_HEADERS or lower.startswith("proxy-"):
                raise ValueError(f"the header {name} is set by the client and may not be given")
            if lower in seen:
                raise ValueError(f"the header {name} is given twice")
            if len(text) > 8192 or not _HEADER_VALUE.fullmatch(text):
                raise ValueError(
                    f"the value of header {name} has to be printable ASCII of at most 8192"
                    " characters, without line breaks or blanks around it"
                )
            seen.add(lower)
        return value

    @model_validator(mode="after")
    def _can_be_sent(self) -> Self:
        bodies = (self.json_body, self.text, self.form, self.base64)
        if sum(body is not None for body in bodies) > 1:
            raise ValueError("give one of `json`, `text`, `form` and `base64`, not several")
        try:
            self.target()
            body = self.body()
        except (UnicodeError, RecursionError, httpx.InvalidURL):
            raise ValueError(
                "cannot be sent: a URL that is too long, a body that is nested too deeply, or text"
                " with half a surrogate pair"
            ) from None
        if body is not None and self.method in {"GET", "HEAD"}:
            raise ValueError(f"a {self.method} has no body; leave it out")
        headers = {name.lower(): value for name, value in self.headers.items()}
        if body is not None and "content-type" in headers:
            body.check(headers["content-type"])
        if self.auth is not None and "authorization" in headers:
            raise ValueError("give `auth` or the header Authorization, not both")
        return self

    def target(self) -> httpx.URL:
        """The URL with `query` appended to it."""
        url = parse_url(self.url)
        appended = urlencode(pairs(self.query), quote_via=quote).encode("ascii")
        query = b"&".join(part for part in (url.query, appended) if part)
        return url.copy_with(query=query) if query else url

    def body(self) -> RequestBody | None:
        """The body, or None for none."""
        if self.text is not None:
            return text_body(self.text)
        if self.form is not None:
            return form_body(self.form)
        if self.base64 is not None:
            return bytes_body(self.base64)
        return None if self.json_body is None else json_body(self.json_body)


class HttpRequestOutput(Model):
    """The answer."""

    status: Annotated[int, Field(description="The status, as in 200.")]
    headers: Annotated[
        dict[str, str],
        Field(description="With lower-case names, repeated ones joined, without Set-Cookie."),
    ]
    body: Annotated[
        Json,
        Field(
            description="The JSON value where the media type says JSON and it parses, else text;"
            " null for no content."
        ),
    ]
    content_type: Annotated[str | None, Field(description="The media type without parameters.")]
    url: Annotated[
        str,
        Field(description="What answered, without its query, which may hold secrets."),
    ]
