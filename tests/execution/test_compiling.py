"""A new shape of arguments is compiled beside the event loop, once, within its deadline."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from writes.stand import SETTINGS

from gateway.beside import Beside
from gateway.composition import Gateway
from gateway.execution.exchange import GraphQLRequest
from gateway.settings import load
from gateway.viewer import ANONYMOUS

if TYPE_CHECKING:
    from collections.abc import Iterator

COLUMNS = ("id", "code", "label", "rank", "doubled", "version")
PAGE = """query ($where: ShelfWhere, $order: [ShelfOrderBy!]) {
    shelves(where: $where, orderBy: $order) { totalCount nodes { id code } }
}"""
KNOWN = {"where": {"rank": {"gt": 1}}}
UNREACHABLE = "SOURCE_UNAVAILABLE"
"""What a planned request is answered with here: nobody listens where the database should be."""


class Watched:
    """What a source was asked to compile: in which thread, while how many turns of the loop."""

    def __init__(self, source: Any) -> None:
        self.threads: list[int] = []
        self.turns: list[int] = []
        self.open = threading.Event()
        self.open.set()
        self.loop_turns = 0
        self._prepare = source.prepare
        source.prepare = self

    def __call__(self, *arguments: Any) -> Any:
        began = self.loop_turns
        assert self.open.wait(20)
        made = self._prepare(*arguments)
        self.threads.append(threading.get_ident())
        self.turns.append(self.loop_turns - began)
        return made

    async def turn(self) -> None:
        """Count the turns of the event loop, for ever."""
        while True:
            self.loop_turns += 1
            await asyncio.sleep(0)


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    """The shop's gateway, with nothing behind it."""
    settings = {"POSTGRES_URL": "postgresql://plait@127.0.0.1:1/none"}
    made = Gateway(load(environ={**SETTINGS, "PLAIT_RESOLVERS": "writes.shop", **settings}))
    yield made
    made.engine.beside.close()


async def ask(
    gateway: Gateway, variables: dict[str, Any], document: str = PAGE, seconds: float = 20.0
) -> str:
    """The code of the one error that comes back."""
    deadline = asyncio.get_running_loop().time() + seconds
    request = GraphQLRequest(document, None, variables, None)
    answer = await gateway.engine.answer(
        request, ANONYMOUS, allow_mutations=False, deadline=deadline
    )
    (error,) = orjson.loads(answer.body)["errors"]
    return str(error["extensions"]["code"])


def shape(number: int) -> dict[str, Any]:
    """Variables whose shape is another for each number."""
    chosen = [name for place, name in enumerate(COLUMNS) if number >> place & 1]
    return {"where": {name: {"isNull": False} for name in chosen}, "order": [{"rank": "ASC"}]}


async def test_the_event_loop_turns_while_shapes_are_compiled(gateway: Gateway) -> None:
    """Compiling is another thread's work, and that thread lets the loop turn in the midst of it."""
    watched = Watched(gateway.registry.rows["default"])
    counting = asyncio.create_task(watched.turn())
    for number in range(1, 40):
        assert await ask(gateway, shape(number)) == UNREACHABLE
    counting.cancel()
    assert len(watched.threads) == 39
    assert threading.get_ident() not in watched.threads
    assert sum(watched.turns) > len(watched.turns)


async def test_many_who_bring_the_same_shape_wait_for_one_compilation(gateway: Gateway) -> None:
    """And it is known from then on."""
    watched = Watched(gateway.registry.rows["default"])
    codes = await asyncio.gather(*(ask(gateway, KNOWN) for _ in range(30)))
    assert set(codes) == {UNREACHABLE}
    await ask(gateway, {"where": {"rank": {"gt": 2}}})
    assert len(watched.threads) == 1


async def test_known_shapes_do_not_wait_for_new_ones(gateway: Gateway) -> None:
    """While one compiles for ever, requests of known shapes are answered; it ends at its deadline."""
    watched = Watched(gateway.registry.rows["default"])
    await ask(gateway, KNOWN)
    watched.open.clear()
    held = asyncio.create_task(ask(gateway, shape(3)))
    try:
        for _ in range(5):
            assert await ask(gateway, KNOWN) == UNREACHABLE
        assert await ask(gateway, shape(5), seconds=0.05) == "SOURCE_TIMEOUT"
        assert not held.done()
    finally:
        watched.open.set()
    assert await held == UNREACHABLE


async def test_the_line_is_bounded(gateway: Gateway) -> None:
    """Beyond the bound a new shape is refused at once, and typed."""
    watched = Watched(gateway.registry.rows["default"])
    gateway.engine.beside = Beside(waiting=2)
    watched.open.clear()
    held = [asyncio.create_task(ask(gateway, shape(number))) for number in (1, 2)]
    try:
        while len(gateway.engine.beside) < 2:  # noqa: ASYNC110 - polled
            await asyncio.sleep(0)
        assert await ask(gateway, shape(3)) == "SOURCE_OVERLOADED"
    finally:
        watched.open.set()
    assert set(await asyncio.gather(*held)) == {UNREACHABLE}
    assert await ask(gateway, shape(3)) == UNREACHABLE


async def test_documents_share_what_was_compiled(gateway: Gateway) -> None:
    """Two documents that ask the same have the same statement: it is one group of reads, too."""
    made: list[Any] = []
    source: Any = gateway.registry.rows["default"]
    prepare = source.prepare
    source.prepare = lambda *given: made.append(prepare(*given)) or made[-1]
    for document in (PAGE, PAGE.replace("query (", "query Named(").replace("  ", " ")):
        await ask(gateway, KNOWN, document)
    first, second = made
    assert first is second
