"""Files in requests, as the GraphQL multipart request specification has them."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import strawberry
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_site import client_of, serving, site_of

from gateway import Domain, Upload, field, mutations, queries
from gateway.documents.limits import DocumentLimits
from gateway.documents.store import DocumentStore
from gateway.execution.engine import Engine
from gateway.execution.exchange import Answer
from gateway.execution.executor import WalkingExecutor, install_resolvers
from gateway.planning.arguments import PageLimits
from gateway.planning.plan import Planner
from gateway.planning.registry import Registry
from gateway.schema.build import build
from gateway.transport.limits import HttpLimits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

LIMITS = HttpLimits(
    max_upload_bytes=3_000_000, max_files=4, max_uploads=2, max_body_bytes=10_000, max_batch=3
)
INTENT = {"graphql-require-preflight": "1"}
DIGEST = "mutation ($file: Upload!) { digest(file: $file) }"


@strawberry.input
class Attachment:
    title: str
    files: list[Upload]


class Kept:
    """What resolvers saw, and a gate they wait at where a test closes it."""

    def __init__(self) -> None:
        self.files: list[Upload] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self._waiting = asyncio.Condition()

    async def see(self, file: Upload) -> None:
        async with self._waiting:
            self.files.append(file)
            self._waiting.notify_all()
        await self.gate.wait()

    async def waits_for(self, files: int) -> None:
        async with self._waiting:
            await self._waiting.wait_for(lambda: len(self.files) >= files)


def _domain(kept: Kept) -> Domain:
    @queries
    class Reads:
        @field()
        async def length(self, file: Upload) -> int:
            return len(await file.read())

    @mutations
    class Writes:
        @field()
        async def digest(self, file: Upload) -> str:
            await kept.see(file)
            found = hashlib.sha256()
            async for chunk in file.chunks():
                found.update(chunk)
            return f"{file.filename} {file.content_type} {file.size} {found.hexdigest()}"

        @field()
        async def attach(self, attachment: Attachment) -> list[str]:
            return [
                f"{attachment.title} {file.filename} {(await file.read()).decode()}"
                for file in attachment.files
            ]

    return Domain(entities=[], queries=[Reads], mutations=[Writes])


@pytest.fixture
async def kept() -> Kept:
    return Kept()


@pytest.fixture
def engine(kept: Kept) -> Iterator[Engine]:
    api = build(_domain(kept), executor=WalkingExecutor)
    install_resolvers(api)
    planner = Planner(api.catalog, Registry({}, {}, {}), PageLimits())
    store = DocumentStore(api.catalog.schema, DocumentLimits())
    engine = Engine(api, store, planner, {}, lambda _: {}, writers={})
    yield engine
    engine.beside.close()


@pytest.fixture
async def client(engine: Engine) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(site_of(engine, LIMITS)) as client:  # type: ignore[arg-type]  # any engine
        yield client


def form(operations: Any, places: Any, **files: tuple[str, bytes, str]) -> dict[str, Any]:
    """The arguments of a POST with a form."""
    fields = {"operations": (None, json.dumps(operations)), "map": (None, json.dumps(places))}
    return {"files": {**fields, **files}, "headers": INTENT}


def one(content: bytes = b"hello", name: str = "a.txt") -> dict[str, Any]:
    """A form with one file, for `digest`."""
    operations = {"query": DIGEST, "variables": {"file": None}}
    return form(operations, {"0": ["variables.file"]}, **{"0": (name, content, "text/plain")})


def code(response: httpx.Response) -> str:
    """The code of the first error."""
    return str(response.json()["errors"][0]["extensions"]["code"])


@pytest.mark.parametrize("size", [0, 5, 70_000, 2_500_000])
async def test_a_file_comes_whole(client: httpx.AsyncClient, kept: Kept, size: int) -> None:
    """Name, type, size and content are those sent, in memory or on disk; later it is gone."""
    content = bytes(number * 7 % 251 for number in range(size))
    response = await client.post("/graphql", **one(content, "ä b.txt"))
    digest = hashlib.sha256(content).hexdigest()
    assert response.json() == {"data": {"digest": f"ä b.txt text/plain {size} {digest}"}}
    (file,) = kept.files
    with pytest.raises(ValueError, match="closed file"):
        file._read(0, 1)


async def test_files_in_lists_and_objects(client: httpx.AsyncClient) -> None:
    """A path leads through input objects and lists; one file may stand in several places."""
    document = "mutation ($a: Attachment!) { attach(attachment: $a) }"
    operations = {
        "query": document,
        "variables": {"a": {"title": "t", "files": [None, None, None]}},
    }
    places = {"x": ["variables.a.files.0", "variables.a.files.2"], "y": ["variables.a.files.1"]}
    files = {"x": ("x.txt", b"X", "text/plain"), "y": ("y.txt", b"Y", "text/plain")}
    response = await client.post("/graphql", **form(operations, places, **files))
    assert response.json() == {"data": {"attach": ["t x.txt X", "t y.txt Y", "t x.txt X"]}}


async def test_files_of_a_batch(client: httpx.AsyncClient) -> None:
    """In a batch a path begins with the number of its request."""
    query = {"query": "query ($f: Upload!) { length(file: $f) }", "variables": {"f": None}}
    sent = form(
        [query, query],
        {"a": ["0.variables.f"], "b": ["1.variables.f"]},
        a=("a", b"123", "text/plain"),
        b=("b", b"12345", "text/plain"),
    )
    response = await client.post("/graphql", **sent)
    assert response.json() == [{"data": {"length": 3}}, {"data": {"length": 5}}]


async def test_upload_is_nothing_but_a_file(client: httpx.AsyncClient) -> None:
    """JSON cannot stand for a file, nor can a literal."""
    for value in ("text", 1, {"filename": "x"}):
        response = await client.post(
            "/graphql", json={"query": DIGEST, "variables": {"file": value}}
        )
        assert code(response) == "BAD_USER_INPUT"
    response = await client.post("/graphql", json={"query": 'mutation { digest(file: "x") }'})
    assert code(response) in {"GRAPHQL_VALIDATION_FAILED", "BAD_USER_INPUT"}


async def test_a_form_of_another_site_is_refused(client: httpx.AsyncClient, kept: Kept) -> None:
    """A browser sends forms without asking, so each must carry what only a script may set."""
    sent = one()
    sent["headers"] = {}
    response = await client.post("/graphql", **sent)
    assert (response.status_code, code(response)) == (400, "CSRF_REFUSED")
    assert response.headers["connection"] == "close"
    assert not kept.files


WRONG: dict[str, tuple[Any, Any, list[str], str]] = {
    "no JSON of a request": ({"query": 1}, {}, [], "not a GraphQL request"),
    "map is a list": ({"query": DIGEST}, [], [], "`map` must be"),
    "map of texts": ({"query": DIGEST}, {"0": "variables.file"}, ["0"], "`map` must be"),
    "a file that map lacks": ({"query": DIGEST}, {}, ["0"], "that `map` names"),
    "a file that is lacking": (
        {"query": DIGEST},
        {"0": ["variables.file"]},
        [],
        "that `map` names",
    ),
    "no variables": ({"query": DIGEST}, {"0": ["variables.file"]}, ["0"], "must lead to a null"),
    "too many places": (
        {"query": DIGEST, "variables": {"file": [None] * 9}},
        {"0": [f"variables.file.{number}" for number in range(9)]},
        ["0"],
        "more than 4 places",
    ),
    "too many files": (
        {"query": DIGEST, "variables": {"file": None}},
        {"0": ["variables.file"]},
        ["0", "1", "2", "3", "4"],
        "Too many files",
    ),
}
PATHS = (
    *("", "file", "variables", "variables.", "variables.other", "variables.file.0", "query"),
    *("variables.full", "variables.list.1", "variables.list.-1", "variables.list.x", "0.variables"),
    *("variables.list.00000000000000", "variables.list.\u0660", "variables.file.__class__"),
)
for path in PATHS:
    content = {"query": DIGEST, "variables": {"file": None, "full": 1, "list": [None]}}
    WRONG[f"path {path!r}"] = (content, {"0": [path]}, ["0"], "must lead to a null")


@pytest.mark.parametrize("name", WRONG)
async def test_a_wrong_form_is_refused(client: httpx.AsyncClient, name: str, kept: Kept) -> None:
    """The refusal says what would be right; nothing runs."""
    operations, places, files, says = WRONG[name]
    sent = form(operations, places, **{file: (file, b"x", "text/plain") for file in files})
    response = await client.post("/graphql", **sent)
    assert (response.status_code, code(response)) == (400, "BAD_REQUEST")
    assert says in response.json()["errors"][0]["message"]
    assert not kept.files


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("multipart/form-data", 400),
        ("multipart/form-data; boundary=" + "x" * 300, 400),
        ("multipart/form-data; boundary=x; charset=punycode", 415),
        ("multipart/mixed; boundary=x", 415),
    ],
)
async def test_a_wrong_type_is_refused(
    client: httpx.AsyncClient, content_type: str, status: int
) -> None:
    """A form needs a boundary, and its texts are UTF-8."""
    headers = {**INTENT, "content-type": content_type}
    response = await client.post("/graphql", content=b"--x--\r\n", headers=headers)
    assert response.status_code == status


async def test_a_form_has_a_size(client: httpx.AsyncClient, kept: Kept) -> None:
    """Announced or not, more than the limit is refused; the texts are bounded as a body is."""
    sent = one(b"x" * 3_000_001)
    response = await client.post("/graphql", **sent)
    assert (response.status_code, code(response)) == (413, "PAYLOAD_TOO_LARGE")

    request = client.build_request("POST", "/graphql", **sent)
    headers = {**INTENT, "content-type": request.headers["content-type"]}

    async def pieces() -> AsyncIterator[bytes]:
        async for chunk in request.stream:  # type: ignore[union-attr]  # an asynchronous client's
            yield chunk

    response = await client.post("/graphql", content=pieces(), headers=headers)
    assert (response.status_code, code(response)) == (413, "PAYLOAD_TOO_LARGE")

    long = form({"query": DIGEST + "#" * 10_000}, {})
    response = await client.post("/graphql", **long)
    assert (response.status_code, code(response)) == (400, "BAD_REQUEST")
    assert not kept.files


async def test_forms_wait_for_nobody(client: httpx.AsyncClient, kept: Kept) -> None:
    """Beyond the forms that may be under way at once, the next is refused."""
    kept.gate.clear()
    busy = [asyncio.create_task(client.post("/graphql", **one())) for _ in range(2)]
    async with asyncio.timeout(10):
        await kept.waits_for(2)
    refused = await client.post("/graphql", **one())
    assert (refused.status_code, code(refused)) == (503, "SOURCE_OVERLOADED")
    kept.gate.set()
    for response in await asyncio.gather(*busy):
        assert "errors" not in response.json()
    assert "errors" not in (await client.post("/graphql", **one())).json()


async def test_forms_are_refused_where_nothing_takes_files(engine: Engine) -> None:
    """Without the scalar in the schema the limit is 0, and then a form is no request."""
    async with client_of(site_of(engine)) as client:  # type: ignore[arg-type]  # any engine
        response = await client.post("/graphql", **one())
    assert (response.status_code, code(response)) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_a_form_that_stops_is_given_up(engine: Engine) -> None:
    """A client that sends half a form costs no more than the time for one."""
    limits = HttpLimits(max_upload_bytes=10_000, upload_seconds=0.05)
    async with client_of(site_of(engine, limits)) as client:  # type: ignore[arg-type]  # any engine

        async def half() -> AsyncIterator[bytes]:
            yield b'--x\r\nContent-Disposition: form-data; name="0"; filename="f"\r\n\r\nabc'
            await asyncio.Event().wait()

        headers = {**INTENT, "content-type": "multipart/form-data; boundary=x"}
        response = await client.post("/graphql", content=half(), headers=headers)
    assert (response.status_code, code(response)) == (408, "REQUEST_TIMEOUT")


async def test_clients_that_leave_free_their_places(engine: Engine, kept: Kept) -> None:
    """In the middle of a form or of its answer: the place is free again, the files are gone."""
    app = site_of(engine, LIMITS)  # type: ignore[arg-type]  # any engine
    whole = httpx.Request("POST", "http://plait", **one(b"x" * 2_000_000))
    content = await whole.aread()
    headers = [(name.lower().encode(), value.encode()) for name, value in whole.headers.items()]
    scope = {"type": "http", "method": "POST", "path": "/graphql", "headers": headers}
    kept.gate.clear()

    async def leaves(*messages: dict[str, Any]) -> None:
        coming = iter([*messages, {"type": "http.disconnect"}])

        async def receive() -> Any:
            return next(coming)

        async def send(_: Any) -> None:
            raise AssertionError("nobody is there to be answered")

        await app({**scope, "query_string": b""}, receive, send)

    for _ in range(5):
        await leaves({"type": "http.request", "body": content[:1_500_000], "more_body": True})
        await leaves({"type": "http.request", "body": content})
    assert len(kept.files) == 5
    assert all(file._file.closed for file in kept.files)
    kept.gate.set()
    async with client_of(app) as client:
        assert "errors" not in (await client.post("/graphql", **one())).json()


async def test_over_a_real_server(engine: Engine) -> None:
    """A large file passes the listener."""
    with serving(engine, LIMITS) as server:  # type: ignore[arg-type]  # any engine
        async with httpx.AsyncClient(timeout=20) as client:
            response = await client.post(server.url, **one(b"x" * 2_500_000))
            digest = hashlib.sha256(b"x" * 2_500_000).hexdigest()
            assert response.json()["data"]["digest"].endswith(digest)


class _Silent:
    """An engine that has nothing to say."""

    async def answer(self, *_: Any, **__: Any) -> Answer:
        return Answer(b"{}")


_WHOLE = httpx.Request("POST", "http://plait", **one()).read()
_TYPE = "multipart/form-data; boundary=" + _WHOLE[2 : _WHOLE.index(b"\r\n")].decode()


@settings(max_examples=200, deadline=None)
@given(
    at=st.integers(0, len(_WHOLE)),
    drop=st.integers(0, 40),
    junk=st.binary(max_size=40),
)
async def test_no_bytes_break_it(at: int, drop: int, junk: bytes) -> None:
    """Whatever a form is mutilated to, it is answered as a request or refused with a code."""
    body = _WHOLE[:at] + junk + _WHOLE[at + drop :]
    async with client_of(site_of(_Silent(), LIMITS)) as client:  # type: ignore[arg-type]  # any engine
        response = await client.post(
            "/graphql", content=body, headers={**INTENT, "content-type": _TYPE}
        )
    assert response.status_code in {200, 400}
