"""Operations that stay: planned for whoever asks, and answered again and again."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

from gateway.errors import PlaitError
from gateway.execution.bodies import spliced
from gateway.execution.engine import PLANNED
from gateway.execution.exchange import Answer
from gateway.execution.walk import Walk
from gateway.schema.rules import VIEWER_SPEC, viewer_values

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from gateway.documents.store import Operation
    from gateway.execution.engine import Engine
    from gateway.execution.waves import Waves
    from gateway.planning.outline import Outline
    from gateway.planning.steps import Plan, Root
    from gateway.planning.variables import Variables
    from gateway.schema.selection import Reader
    from gateway.viewer import Viewer

    Live: TypeAlias = Callable[[], Viewer | Awaitable[Viewer]]
    """Who asks, at this moment. Raises RequestError, at once or when awaited."""


@dataclass(frozen=True, slots=True)
class Ready:
    """An operation as it is planned for a viewer."""

    operation: Operation
    given: Mapping[str, Any]
    outline: Outline
    reader: Reader
    plan: Plan
    variables: Variables
    values: tuple[tuple[Any, ...], ...]
    viewer: Viewer

    @property
    def root(self) -> Root | None:
        """The planned root field of a subscription; None where a generator feeds it."""
        return self.plan.roots[0] if self.plan.roots else None


class Standing:
    """Plans and answers operations that stay, by an engine; an answer may take `seconds`."""

    def __init__(self, engine: Engine, seconds: float) -> None:
        self.engine = engine
        self._seconds = seconds

    def deadline(self) -> float:
        """By when what happens now must be answered, in the event loop's clock."""
        return asyncio.get_running_loop().time() + self._seconds

    async def ready(self, operation: Operation, given: Mapping[str, Any], viewer: Viewer) -> Ready:
        """The plan for a viewer; that of a query tells what its answers show, so far as it can.

        Raises PlaitError, also where they may not have the root field of a subscription.
        """
        engine = self.engine
        planned = operation.plans.get(PLANNED) or engine.prepare(operation)
        variables = planned.coercer.coerce(given)
        outline, reader = engine.outline(operation, planned, variables, viewer)
        if operation.kind == "subscription":
            everything = replace(reader, refused=frozenset())
            for field in everything.root(planned.root, operation.node.selection_set):
                if field.info is not None:
                    engine.api.catalog.authority.require(field.info.access, viewer, field.name)
        elif outline.whole:
            outline = outline.marked
        shapes, read = outline.read(variables)
        plan = outline.known(shapes) or await engine.plan(outline, shapes, self.deadline())
        engine.require(plan.demands, viewer)
        values = (*read, viewer_values(viewer))
        if operation.kind == "subscription":
            for root in plan.roots:
                if root.fetch is not None and root.fetch.guard is not None:
                    root.fetch.guard(values[VIEWER_SPEC])
        return Ready(operation, given, outline, reader, plan, variables, values, viewer)

    async def renewed(self, ready: Ready, live: Live) -> Ready:
        """The same for whoever asks now."""
        viewer = await now(live)
        if viewer == ready.viewer:
            return ready
        return await self.ready(ready.operation, ready.given, viewer)

    async def answered(self, ready: Ready, waves: Waves) -> Answer:
        """The whole answer."""
        try:
            if not ready.outline.whole:
                return await self.walked(ready, waves)
            body, codes = spliced(ready.plan, await waves.run(ready.plan), waves)
        except PlaitError as error:
            entry = {"message": error.message, "extensions": error.extensions}
            body = orjson.dumps({"data": None, "errors": [entry]})
            return Answer(body, codes=(error.code.value,))
        return Answer(body, codes=codes)

    async def walked(self, ready: Ready, waves: Waves, event: Any = None) -> Answer:
        """The answer of graphql-core, with what is planned spliced in."""
        walk = self.walk(ready, waves)
        body, codes = await self.engine.walked(
            walk, ready.operation, ready.given, ready.viewer, event
        )
        return Answer(body, codes=codes)

    def walk(self, ready: Ready, waves: Waves) -> Walk:
        """What graphql-core finds of the plan."""
        return Walk(
            planner=self.engine.planner,
            reader=ready.reader,
            outline=ready.outline,
            plan=ready.plan,
            waves=waves,
            variables=ready.variables,
        )


async def now(live: Live) -> Viewer:
    """Who asks. Raises RequestError where they are nobody any more."""
    viewer = live()
    return await viewer if isawaitable(viewer) else viewer
