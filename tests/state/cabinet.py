"""A gateway over nothing but stored values: two namespaces, and what else the tests open."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import orjson

from gateway import Domain, StateMutations, StateQueries, Viewer
from gateway.documents.store import DocumentStore
from gateway.execution.engine import Engine
from gateway.execution.exchange import GraphQLRequest
from gateway.execution.executor import WalkingExecutor, install_resolvers
from gateway.execution.groups import Groups
from gateway.planning.arguments import PageLimits
from gateway.planning.plan import Planner
from gateway.planning.registry import Registry
from gateway.schema.build import build
from gateway.schema.state import Namespace, Namespaces
from gateway.sources.redis import RedisSource

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

EVERYBODY = frozenset({"*"})
NAMES = ("notes", "texts", "brief", "staff", "closed")
VISITOR = Viewer(subject="eve")
CLERK = Viewer(subject="ann", roles=frozenset({"clerk"}))
SECONDS = 20.0


def opened(prefix: str) -> list[Namespace]:
    """The namespaces, their keys all behind `prefix`; `closed` stays so."""
    return [
        Namespace("notes", f"{prefix}n:", readers=EVERYBODY, writers=EVERYBODY),
        Namespace("texts", f"{prefix}t:", readers=EVERYBODY, writers=EVERYBODY, text=True),
        Namespace(
            "brief",
            f"{prefix}b:",
            readers=EVERYBODY,
            writers=EVERYBODY,
            max_value_bytes=32,
            max_ttl_seconds=60,
        ),
        Namespace(
            "staff",
            f"{prefix}s:",
            readers=frozenset({"clerk", "boss"}),
            writers=frozenset({"boss"}),
        ),
    ]


class Cabinet:
    """A running engine and the source behind it."""

    def __init__(self, engine: Engine, source: RedisSource, prefix: str) -> None:
        self.engine = engine
        self.source = source
        self.prefix = prefix

    async def ask(
        self,
        document: str,
        variables: dict[str, Any] | None = None,
        *,
        viewer: Viewer = VISITOR,
        seconds: float = SECONDS,
    ) -> dict[str, Any]:
        """The body of the answer."""
        deadline = asyncio.get_running_loop().time() + seconds
        answer = await self.engine.answer(
            GraphQLRequest(document, None, variables, None),
            viewer,
            allow_mutations=True,
            deadline=deadline,
        )
        body: dict[str, Any] = orjson.loads(answer.body)
        return body

    async def data(
        self, document: str, variables: dict[str, Any] | None = None, **options: Any
    ) -> dict[str, Any]:
        """The data of an answer that must be without errors."""
        body = await self.ask(document, variables, **options)
        assert "errors" not in body, body["errors"]
        found: dict[str, Any] = body["data"]
        return found

    async def state(self, selection: str, *, namespace: str = "NOTES", **options: Any) -> Any:
        """What a namespace holds."""
        found = await self.data(f"{{ state(namespace: {namespace}) {{ {selection} }} }}", **options)
        return found["state"]

    async def change(self, field: str, **options: Any) -> Any:
        """The value of one write."""
        (value,) = (await self.data(f"mutation {{ {field} }}", **options)).values()
        return value

    async def error(self, document: str, **options: Any) -> dict[str, Any]:
        """The one error of an answer."""
        body = await self.ask(document, **options)
        (error,) = body["errors"]
        return {**error, "data": body.get("data")}


@asynccontextmanager
async def cabinet(
    url: str,
    prefix: str,
    *,
    namespaces: Sequence[Namespace] | None = None,
    domain: Domain | None = None,
    **options: Any,
) -> AsyncIterator[Cabinet]:
    """An engine over the server at `url`; `options` are the source's."""
    api = build(
        domain
        or Domain(
            entities=[],
            queries=[StateQueries],
            mutations=[StateMutations],
            namespaces=NAMES,
        ),
        executor=WalkingExecutor,
    )
    install_resolvers(api)
    source = RedisSource("redis", url, **{"socket_timeout": 5.0, **options})
    opening = opened(prefix) if namespaces is None else namespaces
    registry = Registry({}, {}, {"default": source}, namespaces=Namespaces(opening))
    groups = Groups(source)
    engine = Engine(
        api,
        DocumentStore(api.catalog.schema),
        Planner(api.catalog, registry, PageLimits()),
        {"redis": groups},
        source.describe,
        writers={"redis": source},
    )
    try:
        yield Cabinet(engine, source, prefix)
    finally:
        await groups.close()
        await source.close()
