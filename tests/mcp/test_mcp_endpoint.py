"""Agents over HTTP: what the SDK's own client gets, and what is refused before anything runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from agent_shop import EDITOR, JSON, OPERATIONS, agent, environment, fill, listening, message
from mcp import MCPError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import FreshDatabase

MODES = ("legacy", "2026-07-28")
CLOSED = {"Secrets", "Parts"}
OPEN = {"NoteById", "Notes", "Slow", "Asleep", "Stubborn", "Crash", "Beside"}
PAGES = "https://app.example"


@pytest.fixture(scope="module")
async def database(module_database: FreshDatabase) -> str:
    """The shop's."""
    url = await module_database()
    await fill(url)
    return url


@pytest.fixture(scope="module")
def shop(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A shop as it is by default, that pages of one site may ask."""
    own = {"PLAIT_SERVE_ORIGINS": PAGES, "PLAIT_MCP_MAX_BYTES": "2048"}
    with listening(
        environment(database, tmp_path_factory.mktemp("shop"), OPERATIONS, **own)
    ) as url:
        yield url


@pytest.fixture(scope="module")
def workshop(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A shop where agents may write and look around; at another path."""
    own = {
        "PLAIT_MCP_MUTATIONS": "true",
        "PLAIT_MCP_EXPLORE": "true",
        "PLAIT_MCP_PATH": "/tools/v1",
    }
    folder = tmp_path_factory.mktemp("workshop")
    with listening(environment(database, folder, OPERATIONS, **own)) as url:
        yield f"{url}/tools/v1"


async def called(
    url: str, tool: str, given: Any = None, *, path: str = "/mcp", **headers: str
) -> Any:
    """The result of a call."""
    async with agent(url, path=path, **headers) as client:
        return await client.call_tool(tool, given)


def code(result: Any) -> str:
    """The code of a result that is an error, whose text is the same response."""
    assert result.is_error
    assert json.loads(result.content[0].text) == result.structured_content
    return str(result.structured_content["errors"][0]["extensions"]["code"])


def asking(tool: str, **given: Any) -> dict[str, Any]:
    """The message that calls a tool."""
    return message("tools/call", name=tool, arguments=given)


def told(result: Any) -> str:
    """The first error's message."""
    return str(result.structured_content["errors"][0]["message"])


async def sent(url: str, body: Any, method: str = "POST", **headers: str) -> httpx.Response:
    """The response to a message that no client of the SDK would send."""
    named = JSON | {name.replace("_", "-"): value for name, value in headers.items()}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with httpx.AsyncClient(timeout=60) as client:
        return await client.request(method, url, content=content, headers=named)


# What there is ------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
async def test_operations_are_tools_in_every_revision_of_the_protocol(shop: str, mode: str) -> None:
    """With a handshake or without; a call's result is the GraphQL response, twice."""
    async with agent(shop, mode) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        result = await client.call_tool("NoteById", {"id": "3"})
    assert tools.keys() == OPEN
    assert all(tool.annotations.read_only_hint for tool in tools.values())
    assert not result.is_error
    assert result.structured_content == {"data": {"note": {"title": "a note with the number 3"}}}
    assert json.loads(result.content[0].text) == result.structured_content


async def test_a_tool_says_what_its_operation_does(shop: str) -> None:
    """Its description, else the comments above it, else its root fields' words."""
    async with agent(shop) as client:
        told = {tool.name: tool.description for tool in (await client.list_tools()).tools}
    assert told["NoteById"] == "One note."
    assert told["Notes"] == "Some notes, by number."
    assert told["Slow"] == "Takes its time."


async def test_viewers_are_shown_what_they_may_use(shop: str) -> None:
    """A tool of which no field is open is hidden from whom they are closed to, and refuses them."""
    async with agent(shop, x_api_key=EDITOR) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == {*OPEN, *CLOSED}
        secret = await client.call_tool("Secrets")
    assert secret.structured_content["data"]["secretNotes"]["nodes"]
    refused = await called(shop, "Secrets")
    assert refused.structured_content["data"] == {"secretNotes": None}
    assert refused.structured_content["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_what_fails_in_part_is_no_error_of_the_tool(shop: str) -> None:
    """The data that there are arrive beside the errors."""
    result = await called(shop, "Beside")
    assert not result.is_error
    assert result.structured_content["data"]["note"]
    assert result.structured_content["errors"]


async def test_defaults_are_the_operation_s_own(shop: str) -> None:
    """A variable that is left out has its default; null is a value."""
    answer = (await called(shop, "Notes")).structured_content
    assert len(answer["data"]["notes"]["nodes"]) == 2


async def test_mutations_are_tools_where_they_may_be(workshop: str) -> None:
    """For those who may write; they are told to be destructive."""
    async with agent(workshop, path="", x_api_key=EDITOR) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        written = await client.call_tool("AddNote", {"title": "by an agent"})
    hints = tools["AddNote"].annotations
    assert (hints.read_only_hint, hints.destructive_hint) == (False, True)
    assert written.structured_content["data"] == {"addNote": {"title": "by an agent"}}
    async with agent(workshop, path="") as nobody:
        shown = {tool.name for tool in (await nobody.list_tools()).tools}
        refused = await nobody.call_tool("AddNote", {"title": "by nobody"})
    assert "AddNote" not in shown
    assert code(refused) == "UNAUTHENTICATED"


# Calls that go wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Take", "Countdown", "AddNote", "Broken", "run_query", "x" * 500])
async def test_what_is_no_tool_is_refused(shop: str, name: str) -> None:
    """Files, subscriptions, mutations that are off, what does not fit, and what never was."""
    async with agent(shop) as client:
        with pytest.raises(MCPError) as refused:
            await client.call_tool(name, {})
    assert refused.value.code == -32602
    assert "There is no tool" in refused.value.message
    assert len(refused.value.message) < 200


@pytest.mark.parametrize(
    ("tool", "given", "names"),
    [
        ("NoteById", {}, "`$id`"),
        ("NoteById", {"id": None}, "`$id`"),
        ("NoteById", {"id": {"a": 1}}, "`$id`"),
        ("Notes", {"first": "two"}, "`$first`"),
        ("Notes", {"first": 1 << 40}, "`$first`"),
        ("Notes", {"first": 1, "last": 1}, "`last` is no argument of Notes, which takes `first`."),
        ("Crash", {"a": 1}, "which takes none"),
        ("Notes", {"first": json.loads("[" * 70 + "]" * 70)}, "nests deeper"),
    ],
)
async def test_wrong_arguments_are_named(shop: str, tool: str, given: Any, names: str) -> None:
    """The tool's result says which and why, so that the agent can try again."""
    result = await called(shop, tool, given)
    assert code(result) in {"BAD_USER_INPUT", "BAD_REQUEST"}
    assert names.strip("`$") in told(result)


async def test_an_answer_that_is_too_large_says_how_to_ask_for_less(shop: str) -> None:
    """Instead of the answer; the next one that fits is given."""
    async with agent(shop) as client:
        large = await client.call_tool("Notes", {"first": 100})
        small = await client.call_tool("Notes", {"first": 10})
    assert code(large) == "PAYLOAD_TOO_LARGE"
    assert "2048" in told(large)
    assert "a smaller `first`" in told(large)
    assert not small.is_error


async def test_the_deadline_holds(database: str, tmp_path: Path) -> None:
    """A call has as long as any request, whatever it does."""
    own = {"PLAIT_SERVE_DEADLINE_SECONDS": "0.2"}
    with listening(environment(database, tmp_path, OPERATIONS, **own)) as url:
        assert code(await called(url, "Slow", {"seconds": 60})) == "SOURCE_TIMEOUT"
        assert code(await called(url, "Stubborn")) == "SOURCE_TIMEOUT"
        late = await sent(f"{url}/mcp", asking("Stubborn", times=2))
        assert await refusal(late) == (504, "SOURCE_TIMEOUT")


@pytest.mark.parametrize("identity", [7, "8", 'a"\u2028"isError":true', -(1 << 63), 10**30, ""])
async def test_an_answer_is_given_to_its_request(shop: str, identity: Any) -> None:
    """By the id that it had, whatever that is; the second is put together from the first."""
    for _ in range(2):
        for tool, failed in (("NoteById", False), ("Crash", True)):
            given = {"id": "3"} if tool == "NoteById" else {}
            asked = asking(tool, **given) | {"id": identity}
            answer = (await sent(f"{shop}/mcp", asked)).json()
            assert answer["id"] == identity
            assert answer["result"]["isError"] is failed
            (text,) = answer["result"]["content"]
            assert json.loads(text["text"]) == answer["result"]["structuredContent"]


@pytest.mark.parametrize("version", ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"])
async def test_a_result_is_what_its_revision_has(shop: str, version: str) -> None:
    """As the SDK writes it; a later call is answered as the first."""
    asked = asking("NoteById", id="3")
    first, later = [
        (await sent(f"{shop}/mcp", asked, mcp_protocol_version=version)).json() for _ in range(2)
    ]
    assert first == later
    assert json.loads(later["result"]["content"][0]["text"])["data"]["note"]


@pytest.mark.parametrize(
    ("changed", "headers", "status"),
    [
        ({"jsonrpc": "1.0"}, {}, 400),
        ({"params": {"name": "NoteById", "arguments": [1]}}, {}, 200),
        ({"params": {"name": "NoteById", "_meta": 7}}, {}, 200),
        ({"params": {"name": ["NoteById"]}}, {}, 200),
        ({}, {"mcp_protocol_version": "1999-01-01"}, 400),
        ({}, {"mcp_protocol_version": "2026-07-28"}, 400),
        ({}, {"accept": "text/event-stream"}, 406),
    ],
)
async def test_a_call_that_breaks_the_protocol_is_told_by_the_sdk(
    shop: str, changed: dict[str, Any], headers: dict[str, str], status: int
) -> None:
    """Also once the same call was answered where it kept to it."""
    asked = asking("NoteById", id="3")
    assert (await sent(f"{shop}/mcp", asked)).json()["result"]
    response = await sent(f"{shop}/mcp", asked | changed, **headers)
    assert response.status_code == status
    assert response.json()["error"]["code"] < -32000


async def test_a_header_that_is_sent_twice_is_refused(shop: str) -> None:
    """Two readers could take it for two revisions."""
    twice = [*JSON.items(), *[("mcp-protocol-version", "2026-07-28")] * 2]
    async with httpx.AsyncClient(timeout=60) as client:
        asked = json.dumps(asking("NoteById", id="3"))
        response = await client.post(f"{shop}/mcp", content=asked, headers=twice)
    assert response.status_code == 400
    assert "more than once" in response.json()["error"]["message"]


async def test_what_a_resolver_raises_is_masked(shop: str) -> None:
    """As in any answer."""
    result = await called(shop, "Crash")
    assert code(result) == "INTERNAL_SERVER_ERROR"
    assert "hunter2" not in result.content[0].text


# Looking around -----------------------------------------------------------------------------------


async def test_agents_may_look_around_where_they_are_let(workshop: str) -> None:
    """They find fields by words, the best first, and run queries of their own."""
    async with agent(workshop, path="") as client:
        found = (await client.call_tool("search_schema", {"words": "the note"})).structured_content
        ran = await client.call_tool(
            "run_query",
            {"query": "query ($id: ID!) { note(id: $id) { id } }", "variables": {"id": "1"}},
        )
        wrong = await client.call_tool("run_query", {"query": "{ nothing }"})
    assert found["found"][0].startswith("Query.note(id: ID!): Note # The note with this id.")
    assert len(found["found"]) <= 30
    assert not any(line.startswith("Subscription") for line in found["found"])
    assert ran.structured_content == {"data": {"note": {"id": "1"}}}
    assert code(wrong) == "GRAPHQL_VALIDATION_FAILED"


@pytest.mark.parametrize(
    ("tool", "given"),
    [
        ("search_schema", {}),
        ("search_schema", {"words": ""}),
        ("search_schema", {"words": "w" * 201}),
        ("run_query", {}),
        ("run_query", {"query": 1}),
        ("run_query", {"query": "{ __typename }", "variables": [1]}),
        ("run_query", {"query": "{ __typename }", "extensions": {"explain": True}}),
    ],
)
async def test_wrong_arguments_of_our_own_tools_are_told(
    workshop: str, tool: str, given: Any
) -> None:
    """As those of any other."""
    result = await called(workshop, tool, given, path="")
    assert code(result) == "BAD_USER_INPUT"


async def test_a_written_answer_that_is_too_large_was_written(
    database: str, tmp_path: Path
) -> None:
    """The agent is told so, lest it writes again; and with trusted documents alone none explores."""
    own = {
        "PLAIT_MCP_MUTATIONS": "true",
        "PLAIT_MCP_EXPLORE": "true",
        "PLAIT_DOCUMENTS_REQUIRE": "true",
        "PLAIT_MCP_MAX_BYTES": "1024",
    }
    with listening(environment(database, tmp_path, OPERATIONS, **own)) as url:
        async with agent(url, x_api_key=EDITOR) as client:
            shown = {tool.name for tool in (await client.list_tools()).tools}
            result = await client.call_tool("AddNote", {"title": "a" * 2000})
    assert not shown & {"run_query", "search_schema"}
    assert "was run" in told(result)


async def test_queries_of_their_own_write_nothing_unless_they_may(
    database: str, tmp_path: Path
) -> None:
    """And without introspection the schema is not searched."""
    own = {"PLAIT_MCP_EXPLORE": "true", "PLAIT_SERVE_INTROSPECTION": "false"}
    with listening(environment(database, tmp_path, {}, **own)) as url:
        async with agent(url, x_api_key=EDITOR) as client:
            shown = {tool.name for tool in (await client.list_tools()).tools}
            write = 'mutation { addNote(input: {title: "x"}) { id } }'
            refused = await client.call_tool("run_query", {"query": write})
    assert shown == {"run_query"}
    assert code(refused) == "METHOD_NOT_ALLOWED"
    assert told(refused) == "`run_query` runs queries only."


# What the protocol does not see -------------------------------------------------------------------

LIST = message("tools/list")


async def refusal(response: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal in the protocol's form."""
    answer = response.json()
    assert (answer["jsonrpc"], answer["id"], answer["error"]["code"]) == ("2.0", None, -32600)
    return response.status_code, answer["error"]["data"]["code"]


async def test_bad_credentials_are_401(shop: str) -> None:
    """With the way in, for every message; the SDK's client is told the reason."""
    response = await sent(f"{shop}/mcp", LIST, x_api_key="wrong")
    assert await refusal(response) == (401, "UNAUTHENTICATED")
    assert response.headers["www-authenticate"].startswith("Bearer")
    with pytest.raises((MCPError, ExceptionGroup)):
        await called(shop, "Notes", x_api_key="wrong")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "{url}", PAGES + ":8443"])
async def test_pages_of_other_origins_are_refused(shop: str, origin: str) -> None:
    """Even where the origin is the address that was asked: a name may have been bound to it anew."""
    response = await sent(f"{shop}/mcp", LIST, origin=origin.format(url=shop))
    assert await refusal(response) == (403, "CSRF_REFUSED")


async def test_pages_that_may_ask_are_answered(shop: str) -> None:
    """Browsers are granted the protocol's headers."""
    answered = await sent(f"{shop}/mcp", LIST, origin=PAGES.upper().replace("HTTPS", "https"))
    assert answered.status_code == 200
    preflight = await sent(
        f"{shop}/mcp",
        b"",
        "OPTIONS",
        origin=PAGES,
        access_control_request_method="POST",
        access_control_request_headers="content-type,mcp-protocol-version,x-api-key",
    )
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == PAGES


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
async def test_there_are_no_streams_and_nothing_to_end(shop: str, method: str) -> None:
    """Nothing but POST is answered."""
    response = await sent(f"{shop}/mcp", b"", method, accept="text/event-stream")
    assert await refusal(response) == (405, "METHOD_NOT_ALLOWED")
    assert response.headers["allow"] == "POST"


async def test_a_session_is_a_name_and_nothing_more(shop: str) -> None:
    """Each handshake gets another; one that was never given is as good, and so is none."""
    hello = message(
        "initialize",
        protocolVersion="2025-06-18",
        capabilities={},
        clientInfo={"name": "test", "version": "1"},
    )
    begun = [await sent(f"{shop}/mcp", hello) for _ in range(2)]
    assert begun[0].json()["result"]["serverInfo"]["name"] == "plait"
    names = {answer.headers["mcp-session-id"] for answer in begun}
    assert len(names) == 2
    for headers in ({"mcp_session_id": names.pop()}, {"mcp_session_id": "mine"}, {}):
        answer = await sent(f"{shop}/mcp", LIST, **headers)
        assert answer.json()["result"]["tools"]
        assert "mcp-session-id" not in answer.headers


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        (b"{", {}, (400, "BAD_REQUEST")),
        (b'{"a": NaN}', {}, (400, "BAD_REQUEST")),
        (b'{"a": "\\ud800"}', {}, (400, "BAD_REQUEST")),
        (b'{"a": "\xff"}', {}, (400, "BAD_REQUEST")),
        (b"[" * 1_000 + b"]" * 1_000, {}, (400, "BAD_REQUEST")),
        (b"[" + b"[]," * 65_536 + b"[]]", {}, (400, "BAD_REQUEST")),
        (LIST, {"content_type": "text/plain"}, (415, "UNSUPPORTED_MEDIA_TYPE")),
    ],
)
async def test_what_is_no_message_is_refused(
    shop: str, body: Any, headers: dict[str, str], expected: tuple[int, str]
) -> None:
    """Before anybody is asked who sends it."""
    assert await refusal(await sent(f"{shop}/mcp", body, **headers)) == expected


@pytest.mark.parametrize("body", [b"{}", b"[]", b"1", b'{"jsonrpc": "2.0", "id": 1, "method": 1}'])
async def test_what_is_no_json_rpc_is_told_by_the_protocol(shop: str, body: bytes) -> None:
    """The SDK's own words."""
    response = await sent(f"{shop}/mcp", body)
    assert response.status_code == 400
    assert response.json()["error"]["code"] in {-32600, -32602, -32700}


async def test_a_method_that_is_not_there_is_told(shop: str) -> None:
    """Neither resources nor prompts, nor streams of notifications."""
    for method in ("resources/list", "prompts/list", "subscriptions/listen"):
        response = await sent(f"{shop}/mcp", message(method))
        assert response.json()["error"]["code"] in {-32601, -32602}, response.text


async def test_notifications_are_accepted_and_forgotten(shop: str) -> None:
    """202, without a body."""
    body = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    response = await sent(f"{shop}/mcp", body)
    assert (response.status_code, response.content) == (202, b"")


async def test_it_is_off_by_default(database: str, tmp_path: Path) -> None:
    """There is nothing at its path."""
    settings = environment(database, tmp_path, OPERATIONS)
    with listening({**settings, "PLAIT_MCP_ENABLED": ""}) as url:
        assert (await sent(f"{url}/mcp", LIST)).status_code == 404
