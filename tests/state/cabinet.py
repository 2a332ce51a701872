"""A gateway over nothing but stored values: two namespaces, and what else the tests open."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from asking import Asking, built, engine_over

from gateway import Domain, StateMutations, StateQueries, Viewer
from gateway.planning.registry import Registry
from gateway.schema.state.namespaces import Namespace, Namespaces
from gateway.sources.redis import RedisSource

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from gateway.execution.engine import Engine

EVERYBODY = frozenset({"*"})
NAMES = ("notes", "texts", "brief", "staff", "closed")
VISITOR = Viewer(subject="eve")
CLERK = Viewer(subject="ann", roles=frozenset({"clerk"}))


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


class Cabinet(Asking):
    """A running engine and the source behind it."""

    viewer = VISITOR

    def __init__(self, engine: Engine, source: RedisSource, prefix: str) -> None:
        self.engine = engine
        self.source = source
        self.prefix = prefix

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
    whole = Domain(
        entities=[], queries=[StateQueries], mutations=[StateMutations], namespaces=NAMES
    )
    api = built(domain or whole)
    source = RedisSource("redis", url, **{"socket_timeout": 5.0, **options})
    opening = opened(prefix) if namespaces is None else namespaces
    registry = Registry({}, {}, {"default": source}, namespaces=Namespaces(opening))
    engine, groups = engine_over(api, {"redis": source}, registry)
    try:
        yield Cabinet(engine, source, prefix)
    finally:
        await groups["redis"].close()
        await source.close()
