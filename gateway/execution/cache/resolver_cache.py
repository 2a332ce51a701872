"""The resolver cache of a gateway: its reads, its warm-up, its health, and changes from outside.

What a database's own feed says has changed, by whomever, is invalidated here.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec

from gateway.caching.dependencies import Dependencies
from gateway.caching.tags import of_collections
from gateway.execution.cache.reads import CachedReads
from gateway.execution.exchange import GraphQLRequest
from gateway.sources.cache import EVERYTHING
from gateway.sources.contract import Health
from gateway.turns import fair
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

_PAUSE = 1.0
"""Seconds until a feed that could not be followed is followed again."""


class ResolverCache:
    """A cache and all that hangs on it. `feeds`: changed rows of the databases behind `groups`.

    `addresses`: what tells these sources from others of the same names. `declared`: whether the
    schema says of anything that it may be kept; where it does not, no key has its print.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - one collaborator each
        self,
        cache: Cache,
        api: Api,
        groups: Mapping[str, Groups],
        describe: Callable[[Prepared], Mapping[str, Any]],
        feeds: Iterable[Changes],
        addresses: bytes = b"",
        *,
        declared: bool = True,
    ) -> None:
        self.cache = cache
        self.warm_up: WarmUp | None = None
        self._feeds = list(feeds)
        self._followers: list[asyncio.Task[None]] = []
        printed = api.schema.as_str().encode() if declared else b""
        self.reads = CachedReads(
            cache,
            api.catalog,
            Dependencies(api.catalog.entities),
            groups,
            describe,
            schema=blake2b(printed + addresses, digest_size=16).digest(),
        )
        cache.deployment = blake2b(addresses, digest_size=16).digest()
        cache.at_first = self._follow_all

    async def open(self) -> None:
        """Connect, follow the feeds, warm up. Raises ConfigurationError."""
        await self.cache.open()
        if self.warm_up is not None:
            self.warm_up.start()

    async def close(self) -> None:
        """End everything; idempotent."""
        if self.warm_up is not None:
            await self.warm_up.close()
        for task in self._followers:
            task.cancel()
        if self._followers:
            await asyncio.wait(self._followers)
        self._followers = []
        await self.cache.close()

    def _follow_all(self) -> None:
        self._followers = [asyncio.ensure_future(self._follow(feed)) for feed in self._feeds]

    async def _follow(self, feed: Changes) -> None:
        outside = self.reads.outside
        while True:
            try:
                with feed.subscribe() as events:
                    async for event in events:
                        outside.heard(event)
                        await fair()
            except Exception:  # noqa: BLE001 - what was missed is made up for, and it goes on
                _LOG.warning("cache: a change could not be followed", exc_info=True)
                await self.cache.invalidate((EVERYTHING,))
            else:
                return  # the feed was closed
            await asyncio.sleep(_PAUSE)

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
