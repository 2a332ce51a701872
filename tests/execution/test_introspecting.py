"""Questions about the schema are answered beside the event loop, as graphql-core answers them."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from graphql import experimental_execute_incrementally, get_introspection_query, parse
from toy.running import Zoo, running

from gateway.execution import introspecting
from gateway.execution.executor import WalkingExecutor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import FreshDatabase


@pytest.fixture(scope="module")
async def zoo(module_database: FreshDatabase, redis_url: str) -> AsyncIterator[Zoo]:
    async with running(module_database, redis_url) as one:
        yield one


async def test_the_whole_schema(zoo: Zoo) -> None:
    """As graphql-core tells it, whatever else is asked."""
    query = get_introspection_query(input_value_deprecation=True, schema_description=True)
    given: Any = experimental_execute_incrementally(zoo.engine.api.catalog.schema, parse(query))
    assert await zoo.data(query) == given.data
    answer = await zoo.data(
        '{ motto t: __type(name: "Animal") { name } n: __type(name: "X") { name } }'
    )
    assert list(answer) == ["motto", "t", "n"]
    assert (answer["t"], answer["n"]) == ({"name": "Animal"}, None)


async def test_the_loop_goes_on_and_the_line_is_bounded(
    zoo: Zoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a question takes its time others are answered; one too many is refused."""
    monkeypatch.setattr(introspecting, "WAITING", 2)
    go_on, begun = threading.Event(), asyncio.Event()
    loop, held = asyncio.get_running_loop(), WalkingExecutor.execute_here

    def slow(executor: Any, place: Any) -> Any:
        loop.call_soon_threadsafe(begun.set)
        assert go_on.wait(20)
        return held(executor, place)

    monkeypatch.setattr(WalkingExecutor, "execute_here", slow)
    question = "{ __schema { queryType { name } } }"
    try:
        asked = [asyncio.create_task(zoo.ask(question)) for _ in range(3)]
        await begun.wait()
        assert await zoo.data("{ motto }")
        done, rest = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        (refused,) = [task.result() for task in done]
        assert refused["errors"][0]["extensions"]["code"] == "SOURCE_OVERLOADED"
    finally:
        go_on.set()
    for task in rest:
        assert (await task)["data"] == {"__schema": {"queryType": {"name": "Query"}}}
