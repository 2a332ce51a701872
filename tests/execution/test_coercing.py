"""Many variables are coerced beside the event loop, few of them in it; both to the same values."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from graphql import GraphQLScalarType, OperationDefinitionNode, build_schema, parse

from gateway.beside import Beside
from gateway.errors import Code, InputError, RequestError
from gateway.execution.coercing import are_many, coerced
from gateway.planning.variables import VariableCoercer

if TYPE_CHECKING:
    from collections.abc import Iterator

SDL = """
    scalar Threaded
    input Where { or: [Where!], and: [Where!], id: Int, name: String, by: Threaded }
    type Query { rows(where: Where, ids: [Int!]): Int }
"""
DOCUMENT = "query ($where: Where, $ids: [Int!]) { rows(where: $where, ids: $ids) }"


class Coerced:
    """A coercer of real variables, and the threads in which it read a scalar."""

    def __init__(self) -> None:
        schema = build_schema(SDL)
        scalar = schema.type_map["Threaded"]
        assert isinstance(scalar, GraphQLScalarType)
        self.threads: set[int] = set()
        self.gate = threading.Event()
        self.gate.set()
        scalar.coerce_input_value = self._read  # type: ignore[method-assign]  # how one is made
        operation = parse(DOCUMENT).definitions[0]
        assert isinstance(operation, OperationDefinitionNode)
        self.coercer = VariableCoercer(schema, operation.variable_definitions or ())
        self.beside = Beside()

    def _read(self, value: Any) -> Any:
        self.threads.add(threading.get_ident())
        self.gate.wait(10)
        return value

    async def __call__(self, given: dict[str, Any], seconds: float = 10.0) -> dict[str, Any]:
        deadline = asyncio.get_running_loop().time() + seconds
        return (await coerced(self.coercer, given, self.beside, deadline)).coerced


@pytest.fixture
def variables() -> Iterator[Coerced]:
    """A coercer with a thread of its own."""
    made = Coerced()
    yield made
    made.gate.set()
    made.beside.close()


def tree(rows: int) -> dict[str, Any]:
    """A condition of so many objects."""
    return {"where": {"or": [{"id": row} for row in range(rows)], "by": 1}}


async def test_few_are_coerced_at_once(variables: Coerced) -> None:
    """A hop to a thread would cost more."""
    for given in ({}, tree(3), {"ids": [1, 2]}):
        assert await variables(given) == given
    assert variables.threads == {threading.get_ident()}


async def test_many_are_coerced_beside_the_loop(variables: Coerced) -> None:
    """Which goes on meanwhile: here the thread waits for it."""
    variables.gate.clear()
    work = asyncio.create_task(variables(tree(1_000)))
    while not variables.threads:  # noqa: ASYNC110 - what is polled has no event of asyncio's
        await asyncio.sleep(0.001)
    assert not work.done()
    variables.gate.set()
    assert await work == tree(1_000)
    assert threading.get_ident() not in variables.threads


async def test_what_is_wrong_with_many_is_told_as_of_few(variables: Coerced) -> None:
    """By the same error."""
    for rows in (1, 1_000):
        given = tree(rows)
        given["where"]["or"][-1]["id"] = "x"
        with pytest.raises(InputError, match=r"\$where") as refused:
            await variables(given)
        assert refused.value.code is Code.BAD_USER_INPUT


async def test_the_deadline_holds_for_many(variables: Coerced) -> None:
    """Whatever the thread still does with them."""
    variables.gate.clear()
    with pytest.raises(RequestError) as refused:
        await variables(tree(1_000), seconds=0.01)
    assert refused.value.code is Code.SOURCE_TIMEOUT


@pytest.mark.parametrize(
    ("given", "many"),
    [
        ({"v": [0.5] * 4_096}, False),
        ({"v": list(range(10_000))}, True),
        ({"v": [{}] * 100}, False),
        ({"v": [{}] * 300}, True),
        ({"v": {"in": [{"a": [[]] * 300}]}}, True),
        ({str(n): n for n in range(9_000)}, True),
        ({"v": "x" * 100_000}, False),
    ],
)
def test_vectors_are_few_and_objects_many(given: dict[str, Any], many: bool) -> None:  # noqa: FBT001
    """An object costs graphql-core as much as dozens of numbers."""
    assert are_many(given) is many
