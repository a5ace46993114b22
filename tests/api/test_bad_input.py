"""Whatever is sent: a problem that names place and remedy, and nothing is half-written."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from alga_workflows_core.api.app import MAX_BODY_BYTES
from alga_workflows_core.definition.document import MAX_DOCUMENT_BYTES
from alga_workflows_core.infra.web.keyset import encode
from alga_workflows_core.runs.launch import MAX_PAYLOAD_BYTES
from tests.api.service import Service, check_problem, published, ran, returning, saved

NOBODY = "00000000-0000-4000-8000-000000000000"
JSON = {"content-type": "application/json"}
GREETING = returning(
    "greeting",
    {"$expr": "payload.name"},
    payloadSchema={
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": "string"},
            "a/b": {"type": "array", "items": {"type": "integer"}},
        },
    },
)


@pytest_asyncio.fixture(scope="module", autouse=True)
async def prepared(service: Service) -> AsyncGenerator[None]:
    """Definitions in every state that there is."""
    await published(service.api, GREETING)
    for identity, state in (("sleeping", "PAUSED"), ("gone", "ARCHIVED")):
        await published(service.api, returning(identity))
        await service.execute(
            "UPDATE workflow_definitions SET state = :state WHERE id = :id",
            state=state,
            id=identity,
        )
    await saved(service.api, returning("unpublished"))
    await saved(service.api, returning("mistaken", {"$expr": "payload."}))
    await saved(service.api, returning("emptied"))
    await service.execute(
        "UPDATE workflow_definitions SET draft = NULL, draft_hash = NULL WHERE id = 'emptied'"
    )
    await ran(service.api, "greeting", {"name": "Ada"})
    yield


@dataclass(frozen=True, kw_only=True)
class Case:
    """A request, and the problem that it gets."""

    method: str
    url: str
    status: int
    code: str
    path: str | None = None
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict[str, str])
    detail: str = ""
    remedy: str | None = None

    @property
    def content(self) -> bytes | None:
        if self.body is None or isinstance(self.body, bytes):
            return self.body
        return json.dumps(self.body).encode()


def put(body: Any, status: int, code: str, path: str | None = None, **members: Any) -> Case:
    """Saving a draft of `greeting`."""
    return Case(
        method="PUT",
        url="/definitions/greeting/draft",
        body=body,
        status=status,
        code=code,
        path=path,
        headers=members.pop("headers", JSON),
        **members,
    )


def start(body: Any, status: int, code: str, path: str | None = None, **members: Any) -> Case:
    """Starting a run, of `greeting` unless `of` says otherwise."""
    return Case(
        method="POST",
        url=f"/definitions/{members.pop('of', 'greeting')}/runs",
        body=body,
        status=status,
        code=code,
        path=path,
        headers=members.pop("headers", JSON),
        **members,
    )


def post(url: str, status: int, code: str, path: str | None = None, **members: Any) -> Case:
    return Case(method="POST", url=url, status=status, code=code, path=path, **members)


def get(url: str, status: int, code: str, path: str | None = None, **members: Any) -> Case:
    return Case(method="GET", url=url, status=status, code=code, path=path, **members)


DOCUMENT = json.dumps(GREETING).encode()

UNREADABLE = [
    (b'{"id": ', 400, "JSON_SYNTAX", None, "line 1, column 8"),
    (b"", 400, "JSON_SYNTAX", None, "line 1, column 1"),
    (b"id: greeting\nname: YAML", 400, "JSON_SYNTAX", None, "line 1, column 1"),
    (DOCUMENT[:-1] + b', "name": "B"}', 400, "JSON_DUPLICATE_KEY", "/name", '"name" occurs twice'),
    (b'{"a/b": {"x": [NaN]}}', 400, "JSON_NUMBER", "/a~1b/x/0", "NaN"),
    (b'{"n": -Infinity}', 400, "JSON_NUMBER", "/n", "-Infinity"),
    (b'{"n": 9007199254740993}', 400, "JSON_NUMBER", "/n", "9007199254740993"),
    (b'{"n": 1e999}', 400, "JSON_NUMBER", "/n", "1e999"),
    (b"[" * 101 + b"]" * 101, 400, "JSON_DEPTH", None, "100 levels"),
    (b"\xef\xbb\xbf" + DOCUMENT, 400, "JSON_TEXT", None, "byte order mark"),
    (DOCUMENT.decode().encode("utf-16"), 400, "JSON_TEXT", None, "not UTF-8"),
    (b'{"name": "\\ud83d"}', 400, "JSON_TEXT", None, "half a surrogate pair"),
]

CASES = [
    *(put(body, status, code, path, detail=says) for body, status, code, path, says in UNREADABLE),
    *(
        start(body, status, code, path, detail=says)
        for body, status, code, path, says in UNREADABLE
        if body
    ),
    *(
        Case(
            method="POST",
            url="/validate",
            body=body,
            headers=JSON,
            status=status,
            code=code,
            path=path,
            detail=says,
        )
        for body, status, code, path, says in UNREADABLE
    ),
    # Media types.
    put(DOCUMENT, 415, "MEDIA_TYPE", "Content-Type", headers={"content-type": "text/yaml"}),
    put(
        DOCUMENT,
        415,
        "MEDIA_TYPE",
        "Content-Type",
        headers={"content-type": "application/x-www-form-urlencoded"},
        remedy="Content-Type: application/json",
    ),
    start({}, 415, "MEDIA_TYPE", "Content-Type", headers={"content-type": "multipart/form-data"}),
    post(
        "/definitions/greeting/publish",
        415,
        "MEDIA_TYPE",
        "Content-Type",
        body={},
        headers={"content-type": "text/plain"},
    ),
    # Documents that cannot be stored.
    put([GREETING], 422, "DOCUMENT_NOT_OBJECT", detail="has to be an object"),
    put(b"null", 422, "DOCUMENT_NOT_OBJECT"),
    put(
        {**GREETING, "payloadSchema": {"maximum": 1e17}},
        422,
        "DOCUMENT_NOT_JSON",
        "/payloadSchema/maximum",
        remedy="2^53",
    ),
    put(
        {**GREETING, "description": "x" * MAX_DOCUMENT_BYTES},
        413,
        "DOCUMENT_TOO_LARGE",
        detail="524288 is the limit",
        remedy="Move large literals",
    ),
    put(b'"' + b"x" * MAX_BODY_BYTES + b'"', 413, "SIZE_LIMIT", detail=str(MAX_BODY_BYTES)),
    put({**GREETING, "id": "other"}, 422, "ID_MISMATCH", "/id", detail="'other'", remedy="equal"),
    put({**GREETING, "id": 5}, 422, "ID_MISMATCH", "/id"),
    put({**GREETING, "id": "x" * 5000}, 422, "ID_MISMATCH", "/id"),
    put({"name": "A"}, 422, "ID_MISMATCH", "/id", detail="has no id"),
    # Addresses that name nothing that could be.
    *(
        Case(
            method="PUT",
            url=f"/definitions/{identity}/draft",
            body={**GREETING, "id": identity},
            headers=JSON,
            status=422,
            code="PARAMETER_INVALID",
            path="definition_id",
            detail="has to be 1 to 128 lower-case letters",
        )
        for identity in ("Bad", "a%20b", "greeting%0A", "a%00", "%C3%A4", "-a", "x" * 129, "%FF")
    ),
    get("/definitions/Bad", 422, "PARAMETER_INVALID", "definition_id"),
    get("/definitions/greeting/versions/0", 422, "PARAMETER_INVALID", "number"),
    get("/definitions/greeting/versions/latest", 422, "PARAMETER_INVALID", "number"),
    get(f"/definitions/greeting/versions/{2**31}", 422, "PARAMETER_INVALID", "number"),
    get("/runs/4711", 422, "PARAMETER_INVALID", "run_id", detail="UUID"),
    get("/runs/4711/steps", 422, "PARAMETER_INVALID", "run_id"),
    # Things that are not there.
    get("/definitions/nobody", 404, "NOT_FOUND", detail="'nobody'", remedy="/api/v1/definitions"),
    get("/definitions/nobody/versions", 404, "NOT_FOUND"),
    get("/definitions/nobody/versions/1", 404, "NOT_FOUND"),
    get("/definitions/greeting/versions/99", 404, "NOT_FOUND", detail="no version 99"),
    get("/definitions/unpublished/versions/1", 404, "NOT_FOUND", remedy="/versions"),
    get(f"/runs/{NOBODY}", 404, "NOT_FOUND", detail=NOBODY, remedy="/api/v1/runs"),
    get(f"/runs/{NOBODY}/steps", 404, "NOT_FOUND"),
    post("/definitions/nobody/publish", 404, "NOT_FOUND"),
    start({}, 404, "NOT_FOUND", of="nobody"),
    start({"payload": {"name": "A"}, "version": 99}, 404, "NOT_FOUND", detail="no version 99"),
    get("/nowhere", 404, "NOT_FOUND", detail="/api/v1/nowhere", remedy="openapi.json"),
    get("/definitions/", 404, "NOT_FOUND"),
    get("/definitions/greeting/draft", 405, "METHOD_NOT_ALLOWED", remedy="Allow"),
    Case(method="DELETE", url="/definitions/greeting", status=405, code="METHOD_NOT_ALLOWED"),
    Case(method="PATCH", url="/runs", status=405, code="METHOD_NOT_ALLOWED"),
    Case(method="BREW", url="/runs", status=405, code="METHOD_NOT_ALLOWED"),
    # Publishing.
    post("/definitions/emptied/publish", 409, "NO_DRAFT", remedy="/definitions/emptied/draft"),
    post("/definitions/sleeping/publish", 409, "DEFINITION_NOT_ACTIVE", detail="PAUSED"),
    post("/definitions/gone/publish", 409, "DEFINITION_NOT_ACTIVE", detail="ARCHIVED"),
    post("/definitions/mistaken/publish", 422, "DEFINITION_INVALID", remedy="findings"),
    *(
        post("/definitions/unpublished/publish", 422, "BODY_INVALID", path, body=body, headers=JSON)
        for body, path in [
            (b'{"note": 5}', "/note"),
            (b'{"note": "' + b"x" * 2001 + b'"}', "/note"),
            (b'{"note": "nul\\u0000"}', "/note"),
            (b'{"notes": "x"}', "/notes"),
            (b"[]", None),
            (b"5", None),
        ]
    ),
    # Starting runs.
    start({"payload": {}}, 422, "PAYLOAD_INVALID", "/payload", detail="'name' is a required"),
    start({"payload": {"name": 5}}, 422, "PAYLOAD_INVALID", "/payload/name", remedy="Schema"),
    start({"payload": {"name": "A", "a/b": [1, "x"]}}, 422, "PAYLOAD_INVALID", "/payload/a~1b/1"),
    start(b"", 422, "PAYLOAD_INVALID", "/payload"),
    start({"payload": None}, 422, "PAYLOAD_INVALID", "/payload"),
    start(
        {"payload": {"name": "x" * MAX_PAYLOAD_BYTES}},
        413,
        "SIZE_LIMIT",
        "/payload",
        detail=str(MAX_PAYLOAD_BYTES),
        remedy="elsewhere",
    ),
    start({"payload": {"name": [1e17]}}, 400, "JSON_NUMBER", "/payload/name/0", remedy="2^53"),
    start(
        {"payloads": {}},
        422,
        "BODY_INVALID",
        "/payloads",
        detail="no field 'payloads'",
        remedy="Did you mean 'payload'? Its fields are payload, version, wait.",
    ),
    start({"a/b~": 1}, 422, "BODY_INVALID", "/a~1b~0", remedy="Its fields are"),
    start({"version": "1"}, 422, "BODY_INVALID", "/version", detail="whole number"),
    start({"version": True}, 422, "BODY_INVALID", "/version"),
    start({"version": 0}, 422, "BODY_INVALID", "/version", detail="1 or more"),
    start({"version": 2**31}, 422, "BODY_INVALID", "/version"),
    start({"wait": 61}, 422, "BODY_INVALID", "/wait", detail="60 or less"),
    start({"wait": -1}, 422, "BODY_INVALID", "/wait"),
    start({"wait": "5"}, 422, "BODY_INVALID", "/wait"),
    start([], 422, "BODY_INVALID", detail="an object"),
    start({}, 409, "DEFINITION_NOT_ACTIVE", of="unpublished", remedy="Publish it first."),
    start({}, 409, "DEFINITION_NOT_ACTIVE", of="sleeping", detail="PAUSED", remedy="Activate it."),
    start({"version": 1}, 409, "DEFINITION_NOT_ACTIVE", of="sleeping", detail="PAUSED"),
    start({"version": 1}, 409, "DEFINITION_NOT_ACTIVE", of="gone", detail="ARCHIVED"),
    *(
        start(
            {"payload": {"name": "A"}},
            422,
            "PARAMETER_INVALID",
            "Idempotency-Key",
            headers={**JSON, "Idempotency-Key": key},
            detail=says,
        )
        for key, says in [("", "empty"), ("k" * 201, "200 characters")]
    ),
    # Pages and filters.
    *(
        get(f"{url}?limit={limit}", 422, "PARAMETER_INVALID", "limit")
        for url in ("/definitions", "/definitions/greeting/versions", "/runs")
        for limit in ("0", "501", "-1", "many", "1.5", "9" * 400)
    ),
    *(
        get(f"{url}?after={cursor}", 422, "CURSOR_INVALID", "after", remedy="`next`")
        for url in ("/definitions", "/definitions/greeting/versions", "/runs")
        for cursor in (
            *("", "%00", "!", "AAA", "x" * 5000, encode("\x00"), encode("a", "b", "c")),
            *(
                encode("1" * 200),
                encode("-1"),
                encode("٣"),
                encode("NO"),
                encode("2030-01-01", "x"),
            ),
            *(encode("2030-01-01T00:00:00", NOBODY), encode(""), encode("", "")),
        )
    ),
    get("/runs?status=DONE", 422, "PARAMETER_INVALID", "status", detail="'RUNNING'"),
    get("/runs?definition=a%00", 422, "PARAMETER_INVALID", "definition"),
]


@pytest.mark.parametrize(
    "case", CASES, ids=lambda case: f"{case.method} {case.url[:40]} {case.code} {case.path or ''}"
)
async def test_bad_input_gets_a_problem_and_changes_nothing(case: Case, service: Service) -> None:
    """Status, code, place and remedy; and not a byte of any row is different afterwards."""
    before = await service.content()
    answer = await service.api.request(
        case.method, case.url, content=case.content, headers=case.headers
    )
    problem = check_problem(answer, case.status, case.code, path=case.path)
    assert case.detail in problem["detail"]
    assert case.remedy is None or case.remedy in problem["remedy"]
    assert len(answer.content) < 10_000
    assert await service.content() == before


@pytest.mark.parametrize("key", range(1, 4))
async def test_cursors_of_steps_are_checked_too(key: int, service: Service) -> None:
    """Two numbers that the database can hold, or a problem."""
    run = (await service.api.get("/runs?definition=greeting")).json()["items"][0]["runId"]
    cursor = {1: encode("1"), 2: encode("1", "9" * 19), 3: encode("1", "-1")}[key]
    answer = await service.api.get(f"/runs/{run}/steps", params={"after": cursor})
    check_problem(answer, 422, "CURSOR_INVALID", path="after")
    answer = await service.api.get(f"/runs/{run}/steps", params={"limit": 501})
    check_problem(answer, 422, "PARAMETER_INVALID", path="limit")


async def test_a_body_over_the_limit_without_a_length_is_refused(service: Service) -> None:
    """Also when it comes in chunks whose sum nobody announced."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(MAX_BODY_BYTES // 65536 + 1):
            yield b" " * 65536

    before = await service.content()
    for method, url in (
        ("PUT", "/definitions/greeting/draft"),
        ("POST", "/definitions/greeting/runs"),
        ("POST", "/definitions/unpublished/publish"),
        ("POST", "/validate"),
    ):
        answer = await service.api.request(method, url, content=chunks(), headers=JSON)
        check_problem(answer, 413, "SIZE_LIMIT")
    assert await service.content() == before


async def test_the_findings_of_a_draft_come_with_the_refusal_to_publish(service: Service) -> None:
    """The problem lists them as `validate` does."""
    problem = (await service.api.post("/definitions/mistaken/publish")).json()
    validated = await service.api.post(
        "/validate", json=returning("mistaken", {"$expr": "payload."})
    )
    assert validated.status_code == 200
    assert problem["findings"] == validated.json()["findings"]
    assert [(finding["code"], finding["path"]) for finding in problem["findings"]] == [
        ("EXPRESSION_SYNTAX", "/steps/0/value/$expr")
    ]


async def test_the_methods_of_an_address_are_listed_with_a_wrong_one(service: Service) -> None:
    """As the remedy says: in the Allow header."""
    answer = await service.api.delete("/definitions/greeting")
    assert answer.headers["allow"] == "GET"


async def test_an_unknown_address_outside_the_api_gets_a_problem_too(service: Service) -> None:
    """Whatever the web framework would answer by itself."""
    async with httpx.AsyncClient(base_url=service.url) as client:
        for path in ("/nowhere", "/docs", "/openapi.json", "/api/v2/runs"):
            check_problem(await client.get(path), 404, "NOT_FOUND")
        check_problem(await client.post("/livez"), 405, "METHOD_NOT_ALLOWED")


async def test_faults_of_a_body_are_all_listed(service: Service) -> None:
    """The first is the problem's own; the others are beside it."""
    answer = await service.api.post(
        "/definitions/greeting/runs", json={"wait": 99, "version": "x", "b": 1}
    )
    problem = check_problem(answer, 422, "BODY_INVALID", path="/version")
    assert {fault["path"] for fault in problem["faults"]} == {"/wait", "/version", "/b"}


async def test_a_refused_key_does_not_block_the_next_request(service: Service) -> None:
    """A start that was refused has not used up its Idempotency-Key."""
    headers = {"Idempotency-Key": "corrected"}
    body: dict[str, Any] = {"payload": {"name": 5}, "wait": 30}
    refused = await service.api.post("/definitions/greeting/runs", json=body, headers=headers)
    check_problem(refused, 422, "PAYLOAD_INVALID", path="/payload/name")
    body["payload"]["name"] = "Ada"
    started = await service.api.post("/definitions/greeting/runs", json=body, headers=headers)
    assert (started.status_code, started.json()["result"]) == (201, "Ada")


ODD = "NUL \x00, \u2028, \u202e, 😀, \ufeff, \ufffe, \x7f, quote ' and \" and \\"


async def test_any_text_of_json_goes_through_a_run_unchanged(service: Service) -> None:
    """Also the NUL character, which PostgreSQL's text cannot hold: payload, output, result, log."""
    document = returning("odd-text", {"$expr": "{'a': vars.cut.text, payload.text: [payload]}"})
    document["steps"].insert(
        0,
        {
            "id": "cut",
            "type": "action.call",
            "config": {
                "actionId": "text.truncate",
                "version": 1,
                "inputMapping": {"text": {"$expr": "payload.text"}, "maxLength": 500},
                "saveAs": "vars.cut",
            },
        },
    )
    document["steps"].insert(
        1,
        {
            "id": "log",
            "type": "action.call",
            "config": {
                "actionId": "log.write",
                "version": 1,
                "inputMapping": {
                    "message": {"$expr": "payload.text"},
                    "fields": {"$expr": "payload"},
                },
            },
        },
    )
    await published(service.api, document)
    run = await ran(service.api, "odd-text", {"text": ODD})
    assert run["status"] == "SUCCEEDED", run
    assert run["result"] == {"a": ODD, ODD: [{"text": ODD}]}
    shown = (await service.api.get(f"/runs/{run['runId']}")).json()
    assert shown["payload"] == {"text": ODD}
    steps = (await service.api.get(f"/runs/{run['runId']}/steps")).json()["items"]
    assert steps[0]["output"]["text"] == ODD


async def test_a_draft_with_odd_names_is_kept_and_can_be_read(service: Service) -> None:
    """A draft may be unfit; lists show its name without what no list can show."""
    for name in ("nul \x00", 5, None, "", "  ", "\n\x1b[31m red", "n" * 500):
        draft = await saved(service.api, {"id": "odd-name", "name": name})
        assert draft["findings"]
        shown = (await service.api.get("/definitions/odd-name")).json()
        assert shown["draft"] == {"id": "odd-name", "name": name}
        assert shown["name"].strip()
        assert shown["name"].isprintable()
        assert len(shown["name"]) <= 200


TEXTS = st.sampled_from(
    ["id", "name", "steps", "payload", "version", "wait", "note", "$expr", "\x00", "\ud800", "fuzz"]
) | st.text(max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=15,
)
BODIES = VALUES.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=40)
DRAFTS = st.dictionaries(TEXTS, VALUES, max_size=5).map(lambda value: {**value, "id": "fuzz"})


@given(
    st.sampled_from(
        [
            ("PUT", "/definitions/fuzz/draft"),
            ("POST", "/definitions/fuzz/publish"),
            ("POST", "/definitions/greeting/runs"),
            ("POST", "/definitions/unpublished/publish"),
            ("POST", "/validate"),
        ]
    ),
    BODIES | DRAFTS.map(lambda value: json.dumps(value).encode()),
)
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example(("PUT", "/definitions/fuzz/draft"), b'{"id": "fuzz", "name": "\\u0000"}')
@example(("POST", "/definitions/fuzz/publish"), b'{"note": "\\u0000"}')
@example(("POST", "/definitions/greeting/runs"), b'{"payload": {"name": "\\u0000"}}')
async def test_no_body_makes_the_service_fail(
    service: Service, request_: tuple[str, str], body: bytes
) -> None:
    """Anything is accepted or gets a problem; 500 is never the answer."""
    answer = await service.api.request(*request_, content=body, headers=JSON)
    if answer.is_success:
        assert answer.headers["content-type"] == "application/json"
    else:
        assert answer.status_code in {400, 404, 409, 413, 422}, answer.text
        check_problem(answer, answer.status_code, answer.json()["code"], path=_path(answer))


@given(
    st.sampled_from(["/definitions", "/runs", "/definitions/greeting/versions"]),
    st.dictionaries(
        st.sampled_from(["after", "limit", "status", "definition", "other"]),
        st.text(max_size=12)
        | st.integers().map(str)
        | st.lists(TEXTS, max_size=2).map(
            lambda parts: encode(*(part.replace("\ud800", "") for part in parts))
        ),
        max_size=3,
    ),
)
@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_no_parameter_makes_the_service_fail(
    service: Service, url: str, parameters: dict[str, str]
) -> None:
    """The same for what stands in the address."""
    answer = await service.api.get(url, params=parameters)
    assert answer.status_code in {200, 422}, answer.text
    if answer.status_code == 422:
        check_problem(answer, 422, answer.json()["code"], path=_path(answer))


def _path(answer: httpx.Response) -> str | None:
    return answer.json().get("path")
