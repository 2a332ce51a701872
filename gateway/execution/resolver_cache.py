"""The resolver cache of a gateway: its reads, what invalidates it, its warm-up and its health."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec

from gateway.caching.dependencies import Dependencies
from gateway.caching.feed import FeedInvalidation
from gateway.caching.tags import of_collections
from gateway.execution.cached import CachedReads
from gateway.execution.exchange import GraphQLRequest
from gateway.sources.contract import Health
from gateway.viewer import ANONYMOUS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from gateway.caching.cache import Cache
    from gateway.caching.warmup import WarmUp
    from gateway.execution.engine import Engine
    from gateway.execution.groups import Groups
    from gateway.schema.build import Api
    from gateway.sources.changes import Changes
    from gateway.sources.contract import Prepared

_LOG = logging.getLogger(__name__)


class ResolverCache:
    """A cache and all that hangs on it. `feeds`: changed rows of the databases behind `groups`.

    `addresses`: what tells these sources from others of the same names.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - one collaborator each
        self,
        cache: Cache,
        api: Api,
        groups: Mapping[str, Groups],
        describe: Callable[[Prepared], Mapping[str, Any]],
        feeds: Iterable[Changes],
        addresses: bytes = b"",
    ) -> None:
        self.cache = cache
        self.warm_up: WarmUp | None = None
        self._feeds = list(feeds)
        dependencies = Dependencies(api.catalog.entities)
        self._feed = FeedInvalidation(cache, dependencies, self._feeds)
        printed = api.schema.as_str().encode()
        self.reads = CachedReads(
            cache,
            api.catalog,
            dependencies,
            groups,
            describe,
            schema=blake2b(printed + addresses, digest_size=16).digest(),
        )

    async def open(self) -> None:
        """Connect, follow the feeds, warm up. Raises ConfigurationError."""
        await self.cache.open()
        self._feed.start()
        if self.warm_up is not None:
            self.warm_up.start()

    async def close(self) -> None:
        """End everything; idempotent."""
        if self.warm_up is not None:
            await self.warm_up.close()
        await self._feed.close()
        await self.cache.close()

    async def points_changed(self, collection: str) -> None:
        """Invalidate whatever was found in a collection of points."""
        await self.cache.invalidate(of_collections((collection, "")))

    def health(self) -> Health:
        """Whether the shared level is used; the gateway serves without it as well."""
        detail = "answers" if self.cache.ready else "not reachable; reads go to the sources"
        return Health(
            ready=self.cache.ready, detail=detail, figures=self.cache.figures(), required=False
        )


async def refresh(engine: Engine, documents: Sequence[str], seconds: float) -> int:
    """Read documents as an anonymous viewer, replacing what is cached of them; how many worked."""
    worked = 0
    for document in documents:
        deadline = asyncio.get_running_loop().time() + seconds
        answer = await engine.answer(
            GraphQLRequest(document),
            ANONYMOUS,
            allow_mutations=False,
            deadline=deadline,
            refresh=True,
        )
        failed = True
        with suppress(msgspec.DecodeError):
            failed = not answer.executed or bool(_Errors.decode(answer.body).errors)
        if failed:
            _LOG.warning("cache: a query of the warm-up failed")
        worked += not failed
    return worked


class _Outcome(msgspec.Struct):
    errors: msgspec.Raw = msgspec.Raw(b"")


_Errors = msgspec.json.Decoder(_Outcome)
