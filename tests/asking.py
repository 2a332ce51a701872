"""How an engine is put together over given sources, and how tests ask one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson

from gateway.documents.store import DocumentStore
from gateway.execution.engine import Engine
from gateway.execution.exchange import GraphQLRequest
from gateway.execution.executor import WalkingExecutor, install_resolvers
from gateway.execution.groups import Groups
from gateway.planning.arguments import PageLimits
from gateway.planning.plan import Planner
from gateway.schema.build import build
from gateway.viewer import ANONYMOUS, Viewer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway import Domain
    from gateway.execution.exchange import Answer
    from gateway.planning.registry import Registry
    from gateway.schema.build import Api


class Asking:
    """Asks its `engine`; variables come as a mapping, or by their names."""

    engine: Engine
    viewer: Viewer = ANONYMOUS
    """Who asks, where a question does not say it."""
    seconds = 20.0
    """How long it may take, likewise."""

    async def answer(  # noqa: PLR0913 - each says one thing about a request
        self,
        document: str,
        variables: Mapping[str, Any] | None = None,
        *,
        viewer: Viewer | None = None,
        seconds: float | None = None,
        extensions: Mapping[str, Any] | None = None,
        allow_mutations: bool = True,
        **named: Any,
    ) -> Answer:
        """The engine's answer as it is."""
        request = GraphQLRequest(document, None, variables or named, extensions)
        deadline = asyncio.get_running_loop().time() + (seconds or self.seconds)
        return await self.engine.answer(
            request, viewer or self.viewer, allow_mutations=allow_mutations, deadline=deadline
        )

    async def ask(self, document: str, *variables: Any, **options: Any) -> dict[str, Any]:
        """The body of the answer, decoded."""
        answer = await self.answer(document, *variables, **options)
        body: dict[str, Any] = orjson.loads(answer.body)
        return body

    async def data(self, document: str, *variables: Any, **options: Any) -> Any:
        """The data of an answer that must be without errors."""
        body = await self.ask(document, *variables, **options)
        assert "errors" not in body, body["errors"]
        return body["data"]

    async def error(self, document: str, *variables: Any, **options: Any) -> dict[str, Any]:
        """The one error of an answer that must have exactly one."""
        body = await self.ask(document, *variables, **options)
        (error,) = body["errors"]
        found: dict[str, Any] = error
        return found


def built(domain: Domain) -> Api:
    """The domain's schema, its plain resolvers walked as the gateway does."""
    api = build(domain, executor=WalkingExecutor)
    install_resolvers(api)
    return api


def engine_over(
    api: Api, sources: Mapping[str, Any], registry: Registry, pages: PageLimits | None = None
) -> tuple[Engine, dict[str, Groups]]:
    """An engine over sources by their names, each of which may write, and their groups."""
    groups = {name: Groups(source) for name, source in sources.items()}
    engine = Engine(
        api,
        DocumentStore(api.catalog.schema),
        Planner(api.catalog, registry, pages or PageLimits()),
        groups,
        lambda prepared: sources[prepared.source].describe(prepared),
        writers=dict(sources),
    )
    return engine, groups
