"""What `http.request` takes and what it answers."""

from __future__ import annotations

import json
import re
from typing import Annotated, Literal, Self, TypeAlias
from urllib.parse import quote, urlencode

import httpx
from pydantic import ConfigDict, Field, field_validator, model_validator

from alga_workflows_core.definition.model import Model
from alga_workflows_core.types.json import Json

Scalar: TypeAlias = str | int | float | bool
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
    """What to send. At most one of `json` and `text` is the body, of a PUT or DELETE only."""

    model_config = ConfigDict(hide_input_in_errors=True)

    method: Literal["GET", "HEAD", "PUT", "DELETE"] = "GET"
    url: Annotated[str, Field(max_length=8192, description="http or https, no user name.")]
    headers: Annotated[dict[str, str], Field(default_factory=dict, max_length=64)]
    query: Annotated[
        dict[str, Scalar | list[Scalar] | None],
        Field(
            default_factory=dict,
            description="Appended to the URL's own query; a list repeats its name, null is left"
            " out.",
        ),
    ]
    json_body: Annotated[
        Json, Field(alias="json", description="Sent as application/json; null sends no body.")
    ] = None
    text: Annotated[str | None, Field(description="Sent as text/plain, in UTF-8.")] = None
    timeout: Annotated[
        float, Field(ge=0.1, le=60, description="Seconds for all, redirects included.")
    ] = 10.0
    max_redirects: Annotated[int, Field(ge=0, le=5)] = 0
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
    def _can_be_encoded(self) -> Self:
        if self.json_body is not None and self.text is not None:
            raise ValueError("give `json` or `text`, not both")
        try:
            self.target()
            content = self.content()
        except (UnicodeError, RecursionError, httpx.InvalidURL):
            raise ValueError(
                "cannot be sent: a URL that is too long, a body that is nested too deeply, or text"
                " with half a surrogate pair"
            ) from None
        if content is not None and self.method in {"GET", "HEAD"}:
            raise ValueError(f"a {self.method} has no body; leave out `json` and `text`")
        return self

    def target(self) -> httpx.URL:
        """The URL with `query` appended to it."""
        url = parse_url(self.url)
        named = {name: value for name, value in self.query.items() if value is not None}
        pairs = [
            (name, _as_text(value))
            for name, values in named.items()
            for value in (values if isinstance(values, list) else [values])
        ]
        appended = urlencode(pairs, quote_via=quote).encode("ascii")
        query = b"&".join(part for part in (url.query, appended) if part)
        return url.copy_with(query=query) if query else url

    def content(self) -> bytes | None:
        """The body's bytes, or None for no body."""
        if self.text is not None:
            return self.text.encode()
        if self.json_body is None:
            return None
        return json.dumps(
            self.json_body, ensure_ascii=False, allow_nan=False, separators=(",", ":")
        ).encode()


class HttpRequestOutput(Model):
    """The answer. `headers` have lower-case names and no Set-Cookie; repeated ones are joined.

    `body` is the JSON value where the media type says JSON and it parses, else text; null for no
    content. `contentType` is the media type without parameters. `url` is the one that answered,
    without its query, which may hold secrets.
    """

    status: int
    headers: dict[str, str]
    body: Json
    content_type: str | None
    url: str


def _as_text(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    # In JSON 2 and 2.0 are one number, and services expect `page=2`.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
