"""A gateway asked without HTTP: the same rules, limits and errors, as whoever Python says."""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from graphql import SourceLocation
from serving.library import library

from gateway import Application, Viewer, create_app
from gateway.errors import ConfigurationError
from gateway.settings import load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from conftest import FreshDatabase
    from graphql import ExecutionResult

pytestmark = pytest.mark.usefixtures("anyio_backend")  # plain tests need the async fixtures, too

ANN = Viewer("ann", roles=frozenset({"editor"}), claims=(("team", 7),))
TITLES = "{ books { nodes { title } } }"
ADD = (
    "mutation ($title: String!, $day: Date) "
    "{ addBook(input: {title: $title, day: $day}) { title day } }"
)


@pytest.fixture(scope="module")
async def tables(module_database: FreshDatabase) -> dict[str, Any]:
    """The settings of this module's gateways."""
    return await library(module_database)


@pytest.fixture(scope="module")
async def api(tables: dict[str, Any]) -> AsyncIterator[Application]:
    """An open gateway."""
    async with create_app(tables) as opened:
        yield opened


def codes(result: ExecutionResult) -> list[str]:
    """Of a result's errors."""
    return [(error.extensions or {})["code"] for error in result.errors or ()]


async def test_a_query_answers_data_alone(api: Application) -> None:
    """No errors and no extensions are None, as in graphql-core."""
    result = await api.execute('{ books(where: {title: {eq: "Emma"}}) { nodes { title } } }')
    assert result.formatted == {"data": {"books": {"nodes": [{"title": "Emma"}]}}}
    assert (result.errors, result.extensions) == (None, None)


async def test_the_viewer_is_whom_python_names(api: Application) -> None:
    """Resolvers see subject, roles and claims; without a viewer it is nobody in particular."""
    named, nobody = await api.execute("{ me }", viewer=ANN), await api.execute("{ me }")
    assert named.data == {"me": "ann ['editor'] {'team': 7}"}
    assert nobody.data == {"me": "None [] {}"}


async def test_access_rules_hold(api: Application) -> None:
    """A field of editors is refused to others at its path, in its place, and given to editors."""
    query = '{ books(where: {title: {eq: "Emma"}}) { nodes { day } } }'
    refused, given = await api.execute(query), await api.execute(query, viewer=ANN)
    assert refused.data == {"books": {"nodes": [{"day": None}]}}
    (error,) = refused.errors or ()
    assert error.path == ["books", "nodes", 0, "day"]
    assert error.locations == [SourceLocation(1, 49)]
    assert codes(refused) == ["UNAUTHENTICATED"]
    assert given.data == {"books": {"nodes": [{"day": "1815-12-23"}]}}


async def test_writes_take_values_of_python(api: Application) -> None:
    """A date among the variables goes as its text; who has not signed in writes nothing."""
    variables = {"title": "Persuasion", "day": dt.date(1817, 12, 20)}
    refused = await api.execute(ADD, variables)
    added = await api.execute(ADD, variables, viewer=ANN)
    assert (refused.data, codes(refused)) == (None, ["UNAUTHENTICATED"])
    assert added.data == {"addBook": {"title": "Persuasion", "day": "1817-12-20"}}


async def test_an_operation_is_picked_by_its_name(api: Application) -> None:
    """Of several in a document."""
    both = "query A { me } query B { __typename }"
    picked = await api.execute(both, operation_name="B")
    assert picked.data == {"__typename": "Query"}
    assert codes(await api.execute(both)) == ["OPERATION_RESOLUTION_FAILURE"]


async def test_exceptions_are_masked(api: Application) -> None:
    """What a resolver raises is told by an id alone, here too."""
    result = await api.execute("{ broken }")
    assert codes(result) == ["INTERNAL_SERVER_ERROR"]
    assert "secret" not in str(result.formatted)


DEEP: list[Any] = []
for _ in range(70):
    DEEP = [DEEP]
BAD: dict[str, tuple[str, Mapping[str, Any], str]] = {
    "no GraphQL": ("{ books( }", {}, "GRAPHQL_PARSE_FAILED"),
    "an unknown field": ("{ prices }", {}, "GRAPHQL_VALIDATION_FAILED"),
    "a document beyond its length": ("#" * 200_000, {}, "DOCUMENT_LIMIT_EXCEEDED"),
    "a body beyond its size": (TITLES, {"a": "x" * 2_000_000}, "PAYLOAD_TOO_LARGE"),
    "variables that nest too deep": (TITLES, {"a": DEEP}, "BAD_REQUEST"),
    "a value that JSON has not": (TITLES, {"a": object()}, "BAD_USER_INPUT"),
    "a number that is none": (TITLES, {"a": float("nan")}, "BAD_USER_INPUT"),
    "a value of another type": (ADD, {"title": uuid.UUID}, "BAD_USER_INPUT"),
    "half a character": ("{ me } # \ud800", {}, "BAD_REQUEST"),
    "no text": (7, {}, "BAD_REQUEST"),  # type: ignore[dict-item]  # what is tested
    "nothing": ("", {}, "GRAPHQL_PARSE_FAILED"),
}


@pytest.mark.parametrize("what", BAD)
async def test_bad_requests_are_told_as_over_http(api: Application, what: str) -> None:
    """An error with a code in the result, no data, and no exception."""
    query, variables, code = BAD[what]
    result = await api.execute(query, variables, viewer=ANN)
    assert (result.data, codes(result)) == (None, [code]), result.errors


async def test_what_does_not_end_is_cancelled(tables: dict[str, Any]) -> None:
    """A resolver that does not heed the deadline gets no more time than over HTTP."""
    hasty = {**tables, "serve": {"deadline_seconds": 0.1}}
    async with asyncio.timeout(30), create_app(hasty) as api:
        result = await api.execute("{ slow }")
    assert codes(result) == ["SOURCE_TIMEOUT"]


async def test_nobody_may_ask_where_nobody_may(tables: dict[str, Any]) -> None:
    """`identity.anonymous` counts for callers in this process who name no viewer."""
    async with create_app({**tables, "identity": {"anonymous": "none"}}) as api:
        assert codes(await api.execute("{ me }")) == ["UNAUTHENTICATED"]
        assert (await api.execute("{ me }", viewer=ANN)).errors is None


async def test_plans_without_sources(tables: dict[str, Any]) -> None:
    """`explain` tells waves, requests and cost of a gateway that is not open; it checks the same."""
    api = create_app({**tables, "postgres": {"default": {"url": "postgresql://u@127.0.0.1:1/d"}}})
    plan = api.explain(
        "query ($n: Int!) { books(first: $n) { nodes { author { name } } } }", {"n": 2}
    )
    ((fetch,),) = plan["waves"]
    assert (fetch["source"], plan["cost"] > 0) == ("postgres", True)
    assert "authors" in fetch["request"]["sql"]
    with pytest.raises(Exception, match="prices"):
        api.explain("{ prices }")


async def test_the_plan_of_a_request(api: Application) -> None:
    """Extensions are those of a POST: the plan for this viewer, and nothing runs."""
    result = await api.execute(TITLES, extensions={"plait": {"explain": True}})
    assert result.data is None
    assert result.extensions is not None
    assert len(result.extensions["plan"]["waves"]) == 1


async def test_a_result_for_each_event(api: Application) -> None:
    """A subscription's, and the one of a query; a refusal is the only one."""
    ticks = "subscription ($to: Int!) { ticks(to: $to) }"
    told = [result.data async for result in api.subscribe(ticks, {"to": 3}, viewer=ANN)]
    assert told == [{"ticks": 0}, {"ticks": 1}, {"ticks": 2}]
    assert [result.data async for result in api.subscribe("{ me }")] == [{"me": "None [] {}"}]
    (refused,) = [result async for result in api.subscribe(ticks, {"to": DEEP})]
    assert codes(refused) == ["BAD_REQUEST"]
    (refused,) = [result async for result in api.subscribe(ticks, {"to": "x"})]
    assert codes(refused) == ["BAD_USER_INPUT"]


VIEWERS = {
    "a name": "ann",
    "a set of roles": Viewer("ann", roles={"editor"}),  # type: ignore[arg-type]  # what is tested
    "claims by name": Viewer("ann", claims={"team": 7}),  # type: ignore[arg-type]  # likewise
}


@pytest.mark.parametrize("what", VIEWERS)
async def test_what_is_no_viewer(api: Application, what: str) -> None:
    """Raises at once, and shows what would be right."""
    with pytest.raises(ConfigurationError, match=r'as in Viewer\("ann", roles=frozenset'):
        await api.execute("{ me }", viewer=VIEWERS[what])  # type: ignore[arg-type]  # likewise


async def test_before_and_after(tables: dict[str, Any]) -> None:
    """Unopened, opened twice, and closed each say what to do; it can be opened anew."""
    api = create_app(tables)
    with pytest.raises(ConfigurationError, match="is not open; write `async with"):
        await api.execute(TITLES)
    async with api:
        with pytest.raises(ConfigurationError, match="open already"):
            await api.__aenter__()
        assert (await api.execute(TITLES)).errors is None
    with pytest.raises(ConfigurationError, match="is closed; to use it again, write"):
        await anext(api.subscribe(TITLES))
    async with api:
        assert (await api.execute(TITLES)).errors is None
    await api.__aexit__(None, None, None)  # once more does no harm


def test_each_event_loop_opens_it_anew(tables: dict[str, Any]) -> None:
    """As many runs as one likes, each with connections of its own."""
    api = create_app(tables)

    async def run() -> ExecutionResult:
        async with api:
            return await api.execute(TITLES)

    first, second = asyncio.run(run()), asyncio.run(run())
    assert (first.errors, first.data) == (None, second.data)


async def test_another_event_loop_is_refused(api: Application) -> None:
    """Asked in a thread's own loop it says where to ask; from there it can be asked in its own."""
    loop = asyncio.get_running_loop()

    def elsewhere() -> Any:
        with pytest.raises(ConfigurationError, match="open in another event loop; ask it there"):
            asyncio.run(api.execute(TITLES))
        return asyncio.run_coroutine_threadsafe(api.execute("{ me }"), loop).result(30).data

    assert await asyncio.to_thread(elsewhere) == {"me": "None [] {}"}


async def test_a_gateway_that_cannot_start(tables: dict[str, Any]) -> None:
    """What is wrong is raised to whoever opens it, and it is as closed as before."""
    url = str(tables["postgres"]["default"]["url"])
    empty = {"url": f"{url.rpartition('/')[0]}/postgres"}
    api = create_app({**tables, "postgres": {"default": empty}})
    with pytest.raises(ConfigurationError, match="books"):
        await api.__aenter__()
    with pytest.raises(ConfigurationError, match="closed"):
        await api.execute(TITLES)


async def test_two_gateways_in_one_process(api: Application, fresh_database: FreshDatabase) -> None:
    """Each answers from its own sources, by its own settings; closing one leaves the other."""
    other = create_app({**await library(fresh_database), "limits": {"max_depth": 2}})
    async with other:
        await api.execute(ADD, {"title": "Only here"}, viewer=ANN)
        here, there = await api.execute(TITLES), await other.execute("{ book(id: 2) { title } }")
        assert "Only here" in str(here.data)
        assert there.data == {"book": None}
        assert codes(await other.execute(TITLES)) == ["DOCUMENT_LIMIT_EXCEEDED"]
    assert (await api.execute(TITLES)).errors is None


def test_settings_in_python_are_all_there_is(
    tables: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the environment nor a file is read beside them; without them both are."""
    monkeypatch.setenv("PLAIT_LIMITS_MAX_DEPTH", "no number")
    create_app(tables)
    with pytest.raises(ConfigurationError, match=r"limits\.max_depth"):
        create_app()
    with pytest.raises(
        ConfigurationError, match=r"limits\.max_dept: no such setting; did you mean"
    ):
        create_app({**tables, "limits": {"max_dept": 2}})
    with pytest.raises(ConfigurationError, match=r"load\(Path\(…\)\) gives; not str"):
        create_app("plait.toml")  # type: ignore[arg-type]  # what is tested
    monkeypatch.delenv("PLAIT_LIMITS_MAX_DEPTH")
    settings = load(environ={"POSTGRES_URL": "postgresql://u@127.0.0.1:1/d"})
    assert create_app(settings).explain("{ __typename }")["waves"] == []
