"""An operation that stays open: planned for whoever asks, and answered again and again."""

from __future__ import annotations

from dataclasses import replace
from inspect import isawaitable
from typing import TYPE_CHECKING, TypeAlias

import orjson

from gateway.errors import PlaitError
from gateway.execution.exchange import Answer, error_entry
from gateway.execution.planned import PLANNED
from gateway.schema.access.rules import VIEWER_SPEC

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from typing import Any

    from gateway.documents.store import Operation
    from gateway.execution.engine import Engine
    from gateway.execution.planned import PlannedRequest
    from gateway.execution.waves import Waves
    from gateway.viewer import Viewer

    Live: TypeAlias = Callable[[], Viewer | Awaitable[Viewer]]
    """Who asks, at this moment. Raises RequestError, at once or when awaited."""


class OpenOperation:
    """A subscription or a live query of one client; `renew` plans it before anything else.

    `deadline` gives the moment by which what happens now must be answered, in the event loop's
    clock.
    """

    planned: PlannedRequest

    def __init__(
        self,
        engine: Engine,
        operation: Operation,
        given: Mapping[str, Any],
        live: Live,
        deadline: Callable[[], float],
    ) -> None:
        self.engine = engine
        self.deadline = deadline
        self._operation = operation
        self._given = given
        self._live = live
        self._viewer: Viewer | None = None

    async def renew(self) -> None:
        """Plan it for whoever asks now, where that is somebody else than before.

        A query's plan tells what its answers show, so far as it can. Raises PlaitError, also where
        they may not have the root field of a subscription.
        """
        viewer = await now(self._live)
        if viewer == self._viewer:
            return
        planned = await self.engine.planned(
            self._operation,
            self._given,
            viewer,
            self.deadline(),
            marked=self._operation.kind == "query",
        )
        if self._operation.kind == "subscription":
            self._permit(planned)
        self.planned, self._viewer = planned, viewer

    def _permit(self, planned: PlannedRequest) -> None:
        catalog, everything = self.engine.api.catalog, replace(planned.reader, refused=frozenset())
        root = self._operation.plans[PLANNED].root
        for field in everything.root(root, self._operation.node.selection_set):
            if field.info is not None:
                catalog.authority.require(field.info.access, planned.viewer, field.name)
        for one in planned.plan.roots:
            if one.fetch is not None and one.fetch.guard is not None:
                one.fetch.guard(planned.values[VIEWER_SPEC])

    async def answered(self, waves: Waves) -> Answer:
        """The whole answer; what resolvers have of the cache is as new as what was heard."""
        cached = self.engine.cached
        if cached is not None and not self.planned.outline.whole:
            await cached.outside.settled()
        try:
            body, codes = await self.engine.executed(self.planned, waves)
        except PlaitError as error:
            body = orjson.dumps({"data": None, "errors": [error_entry(error)]})
            return Answer(body, codes=(error.code.value,))
        return Answer(body, codes=codes)


async def now(live: Live) -> Viewer:
    """Who asks. Raises RequestError where they are nobody any more."""
    viewer = live()
    return await viewer if isawaitable(viewer) else viewer
