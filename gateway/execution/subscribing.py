"""Subscriptions: an operation that is answered anew for each event, for as long as it is wanted.

    listen → event → who asks, now? → visible? → waves → splice → the next answer

Nothing is queued here. The next event is taken when the last answer was accepted, so a subscriber
that is slow waits at its own bounded queue in the event source, and holds up nobody else.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

from gateway.errors import Code, InputError, PlaitError, RequestError
from gateway.execution.bodies import spliced
from gateway.execution.context import RequestContext
from gateway.execution.engine import PLANNED
from gateway.execution.exchange import Answer
from gateway.execution.executor import source_events
from gateway.execution.failures import ours
from gateway.execution.incremental import Incremental
from gateway.execution.increments import Form
from gateway.execution.walk import Walk
from gateway.execution.waves import Waves
from gateway.planning.arguments import located
from gateway.planning.explanation import explanation
from gateway.schema.rules import VIEWER_SPEC, viewer_values

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterator,
        Awaitable,
        Callable,
        Mapping,
        Sequence,
    )

    from gateway.documents.store import Operation
    from gateway.execution.engine import Engine
    from gateway.execution.exchange import GraphQLRequest
    from gateway.execution.subscribing_events import EventSources, Happening
    from gateway.planning.outline import Outline
    from gateway.planning.steps import Plan, Root
    from gateway.planning.variables import Variables
    from gateway.schema.selection import Reader
    from gateway.sources.contract import Value
    from gateway.viewer import Viewer

    Live: TypeAlias = Callable[[], Viewer | Awaitable[Viewer]]
    """Who asks, at this moment. Raises RequestError, at once or when awaited."""

_FULL = "There are too many subscriptions at the moment; try again later."


@dataclass(frozen=True, slots=True)
class Ready:
    """A subscription as it is planned for a viewer."""

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
        """The planned root field; None where a generator feeds it."""
        return self.plan.roots[0] if self.plan.roots else None


class Subscriptions:
    """Answers operations event for event, by an engine.

    `events` are the sources of events, `seconds` what answering one may take, `most` how many
    subscriptions there are at once, `parts` how many answers in parts.
    """

    def __init__(
        self,
        engine: Engine,
        events: EventSources,
        *,
        seconds: float = 2.0,
        most: int = 10_000,
        parts: int = 1_000,
    ) -> None:
        self._engine = engine
        self.incremental = Incremental(engine, most=parts)
        """What answers in parts, here and over HTTP."""
        self._events = events
        self._seconds = seconds
        self._most = most
        self._open = 0
        self._events_answered = 0

    async def stream(
        self, request: GraphQLRequest, live: Live, *, allow_mutations: bool = True
    ) -> AsyncGenerator[Answer, None]:
        """The answers to an operation: one to a query or a mutation, else one for each event.

        A query or mutation may have several parts. Each event is answered as to whom `live` says
        is asking then. Of a refusal `executed` is false, or it is raised as PlaitError, as is what
        ends a stream later.
        """
        try:
            engine = self._engine
            document = await engine.load(request, self.deadline())
            operation = document.operation(request.operation_name)
            if operation.kind != "subscription":
                viewer = await now(live)
                if operation.written is not None:
                    parts = self.incremental.answers(
                        request,
                        viewer,
                        allow_mutations=allow_mutations,
                        deadline=self.deadline(),
                        form=Form.LEGACY,
                    )
                    async with aclosing(parts):
                        async for part in parts:
                            yield part
                    return
                yield await engine.answer(
                    request, viewer, allow_mutations=allow_mutations, deadline=self.deadline()
                )
                return
            async with self._counted(), aclosing(self._follow(operation, request, live)) as answers:
                async for answer in answers:
                    self._events_answered += 1
                    yield answer
        except PlaitError:
            raise
        except Exception as error:  # noqa: BLE001 - nothing of a library's may leave unmasked
            raise ours(error) from None

    def figures(self) -> dict[str, float]:
        """Gauge: subscriptions; counter: events answered; and those of answers in parts."""
        own = {"subscriptions": self._open, "events": self._events_answered}
        return {**own, **self.incremental.figures()}

    @asynccontextmanager
    async def _counted(self) -> AsyncIterator[None]:
        if self._open >= self._most:
            raise RequestError(_FULL, code=Code.SUBSCRIPTION_LIMIT_EXCEEDED)
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1

    def deadline(self) -> float:
        """By when an event that happens now must be answered, in the event loop's clock."""
        return asyncio.get_running_loop().time() + self._seconds

    async def _follow(
        self, operation: Operation, request: GraphQLRequest, live: Live
    ) -> AsyncGenerator[Answer, None]:
        ready = await self._ready(operation, request.variables or {}, await now(live))
        if request.extensions and self._engine.wishes(request.extensions, "explain"):
            plan = {"plan": explanation(ready.plan, self._engine.describe)}
            yield Answer(orjson.dumps({"data": None, "extensions": plan}))
            return
        follow = self._generated(ready, live) if ready.root is None else self._heard(ready, live)
        async with aclosing(follow) as answers:
            async for answer in answers:
                yield answer

    async def _ready(self, operation: Operation, given: Mapping[str, Any], viewer: Viewer) -> Ready:
        """The plan for a viewer. Raises PlaitError where they may not have its root field."""
        engine = self._engine
        planned = operation.plans.get(PLANNED) or engine.prepare(operation)
        variables = planned.coercer.coerce(given)
        outline, reader = engine.outline(operation, planned, variables, viewer)
        everything = replace(reader, refused=frozenset())
        for field in everything.root(planned.root, operation.node.selection_set):
            if field.info is not None:
                engine.api.catalog.authority.require(field.info.access, viewer, field.name)
        try:
            read = [spec.read(variables) for spec in outline.specs]
        except InputError as error:
            raise located(error, outline.specs, variables) from None
        shapes = tuple([shape for shape, _ in read])
        plan = await engine.compiling.plan(outline, shapes, self.deadline())
        engine.require(plan.demands, viewer)
        values = (*[values for _, values in read], viewer_values(viewer))
        for root in plan.roots:
            if root.fetch is not None and root.fetch.guard is not None:
                root.fetch.guard(values[VIEWER_SPEC])
        return Ready(operation, given, outline, reader, plan, variables, values, viewer)

    async def _renewed(self, ready: Ready, live: Live) -> Ready:
        """The same for whoever asks now."""
        viewer = await now(live)
        if viewer == ready.viewer:
            return ready
        return await self._ready(ready.operation, ready.given, viewer)

    # Events of sources ---------------------------------------------------------------------------

    async def _heard(self, ready: Ready, live: Live) -> AsyncGenerator[Answer, None]:
        root = ready.root
        if root is None or root.fetch is None:
            raise TypeError("a planned subscription has a source of events")
        arguments = root.fetch.arguments(ready.values)
        async with aclosing(
            self._events.listen(root.fetch, arguments, self.deadline())
        ) as happenings:
            async for together in happenings:
                ready = await self._renewed(ready, live)
                visible = await self._visible(ready, together)
                answers = (self._answered(ready, one.value) for one in visible)
                for body in await asyncio.gather(*answers):
                    yield Answer(body)

    async def _visible(self, ready: Ready, together: Sequence[Happening]) -> Sequence[Happening]:
        """Those of which this viewer may know, and wants to; an error where none can tell."""
        keys = list(dict.fromkeys(one.key for one in together if one.key is not None))
        if not keys or ready.root is None or ready.root.fetch is None:
            return together
        probe = ready.root.fetch.holes[0]
        try:
            found = await self._waves(ready, None).rows(probe, keys)
        except PlaitError as error:
            found = [error] * len(keys)
        told = dict(zip(keys, found, strict=True))
        visible: list[Happening] = []
        for one in together:
            seen = b"" if one.key is None else told[one.key]
            if isinstance(seen, PlaitError):
                visible.append(replace(one, value=seen))
            elif seen is not None:
                visible.append(one)
        return visible

    async def _answered(self, ready: Ready, value: Value) -> bytes:
        """The whole answer to one event."""
        waves = self._waves(ready, value)
        try:
            if not ready.outline.whole:
                return await self._walked(ready, waves)
            body, _ = spliced(ready.plan, await waves.run(ready.plan), waves)
        except PlaitError as error:
            return orjson.dumps({"data": None, "errors": [_entry(error)]})
        return body

    def _waves(self, ready: Ready, value: Value) -> EventWaves:
        """Reading for an event: where what was committed before it is seen, and never a cache."""
        waves = EventWaves(self._engine.fresh, ready.values, (), self.deadline())
        waves.tactics, waves.event = self._engine.tactics, value
        return waves

    # Events of generators ------------------------------------------------------------------------

    async def _generated(self, ready: Ready, live: Live) -> AsyncGenerator[Answer, None]:
        walk = self._walk(ready, self._waves(ready, None))
        context = StreamContext(ready.viewer, self, walk)
        context.datasources, context.workflows = self._engine.datasources, self._engine.workflows
        stream = await source_events(self._engine.api, ready.operation, ready.given, context)
        if isinstance(stream, list):
            yield _refused(stream)
            return
        iterator: Any = aiter(stream)
        try:
            async for event in iterator:
                ready = await self._renewed(ready, live)
                yield Answer(await self._walked(ready, self._waves(ready, None), event))
        finally:
            if hasattr(iterator, "aclose"):
                await iterator.aclose()

    async def _walked(self, ready: Ready, waves: EventWaves, event: Any = None) -> bytes:
        """One event through graphql-core, with what is planned spliced in."""
        walk = self._walk(ready, waves)
        body, _ = await self._engine.walked(walk, ready.operation, ready.given, ready.viewer, event)
        return body

    def _walk(self, ready: Ready, waves: EventWaves) -> Walk:
        return Walk(
            planner=self._engine.planner,
            reader=ready.reader,
            outline=ready.outline,
            plan=ready.plan,
            waves=waves,
            variables=ready.variables,
        )


class EventWaves(Waves):
    """The waves behind one event, which is the root's value."""

    __slots__ = ("event",)

    event: Value

    async def _root(self, root: Root) -> Value:
        return self.event if root.fetch is None else self.whole(self.event, root.fetch)


class StreamContext(RequestContext):
    """The context of a generator, which lives long: its deadline is always some time ahead."""

    def __init__(self, viewer: Viewer, subscriptions: Subscriptions, walk: Walk) -> None:
        self._subscriptions = subscriptions
        self.viewer = viewer
        self.walk = walk

    @property
    def deadline(self) -> float:  # type: ignore[override]  # it moves
        """By when what is asked now must be answered."""
        return self._subscriptions.deadline()


async def now(live: Live) -> Viewer:
    """Who asks. Raises RequestError where they are nobody any more."""
    viewer = live()
    return await viewer if isawaitable(viewer) else viewer


def _entry(error: PlaitError) -> dict[str, Any]:
    return {"message": error.message, "extensions": error.extensions}


def _refused(errors: list[dict[str, Any]]) -> Answer:
    code = errors[0].get("extensions", {}).get("code") if errors else None
    body = orjson.dumps({"errors": errors})
    return Answer(body, executed=False, code=Code(code) if code in set(Code) else None)
