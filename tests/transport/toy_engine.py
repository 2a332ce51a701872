"""A small engine for transport's tests: real execution by graphql-core over a toy schema."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson
from graphql import GraphQLError, GraphQLSchema, build_schema, execute
from graphql.execution.values import get_variable_values

from gateway.documents.store import DocumentStore
from gateway.errors import Code, InputError, RequestError
from gateway.execution.exchange import Answer, GraphQLRequest

if TYPE_CHECKING:
    from gateway.viewer import Viewer

SDL = """
    type Query {
      echo(text: String): String
      broken: String
      required: String!
      crash: String
      "Waits until the engine's gate opens, or for ever."
      slow: String
    }
    type Mutation { count: Int }
"""

SECRET = "postgres://root:hunter2@db"  # planted: must never come out


class ToyEngine:
    """Answers as the gateway's engine does; counts what ran, so that nothing runs unseen."""

    def __init__(self) -> None:
        self.store = DocumentStore(_schema(self))
        self.requests: list[GraphQLRequest] = []
        self.executions = 0
        self.mutations = 0
        self.waiting = 0
        self.cancelled = 0
        self.gate = asyncio.Event()
        self._changed = asyncio.Condition()

    async def waits_for(self, fields: int) -> None:
        """Return once that many slow fields have begun to wait."""
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(lambda: self.waiting >= fields)

    async def wait_at_gate(self) -> str:
        """What the slow field does."""
        async with self._changed:
            self.waiting += 1
            self._changed.notify_all()
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return "done"

    async def answer(
        self, request: GraphQLRequest, viewer: Viewer, *, allow_mutations: bool, deadline: float
    ) -> Answer:
        self.requests.append(request)
        operation = self.store.load(request.document).operation(request.operation_name)
        if operation.kind == "mutation" and not allow_mutations:
            raise RequestError("Mutations need POST.", code=Code.METHOD_NOT_ALLOWED)
        if "crash" in request.document:
            raise RuntimeError(SECRET)
        schema = self.store._validator._schema
        coerced = get_variable_values(
            schema, operation.variable_definitions, request.variables or {}
        )
        if isinstance(coerced, list):
            raise InputError(coerced[0].message)
        self.executions += 1
        result = execute(
            schema,
            operation.document.node,
            context_value=(viewer, deadline),
            variable_values=request.variables,
            operation_name=request.operation_name,
        )
        if asyncio.iscoroutine(result) or isinstance(result, asyncio.Future):
            result = await result
        return Answer(orjson.dumps(result.formatted))  # type: ignore[union-attr]  # awaited above


def _schema(engine: ToyEngine) -> GraphQLSchema:
    schema = build_schema(SDL)

    def broken(_source: Any, _info: Any) -> str:
        raise GraphQLError("broken", extensions={"code": Code.SOURCE_ERROR.value})

    def count(_source: Any, _info: Any) -> int:
        engine.mutations += 1
        return engine.mutations

    query, mutation = schema.query_type, schema.mutation_type
    assert query is not None
    assert mutation is not None
    query.fields["echo"].resolve = lambda _source, _info, text=None: text
    query.fields["slow"].resolve = lambda _source, _info: engine.wait_at_gate()
    query.fields["broken"].resolve = broken
    query.fields["required"].resolve = broken
    mutation.fields["count"].resolve = count
    return schema
