"""Subscriptions: an operation that is answered anew for each event, for as long as it is wanted.

    listen → event → who asks, now? → visible? → waves → splice → the next answer

Nothing is queued here. The next event is taken when the last answer was accepted, so a subscriber
that is slow waits at its own bounded queue in the event source, and holds up nobody else.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import orjson

from gateway.errors import Code, InputError, PlaitError, RequestError
from gateway.execution.context import RequestContext
from gateway.execution.exchange import Answer
from gateway.execution.executor import source_events
from gateway.execution.failures import ours
from gateway.execution.incremental.delivery import Incremental
from gateway.execution.incremental.formats import Form
from gateway.execution.subscriptions.live import LiveQueries, is_live, liveness_of
from gateway.execution.subscriptions.open_operation import OpenOperation, now
from gateway.execution.walk import Walk
from gateway.execution.waves import Waves
from gateway.planning.explanation import explanation

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Sequence

    from gateway.documents.store import Operation
    from gateway.execution.engine import Engine
    from gateway.execution.exchange import GraphQLRequest
    from gateway.execution.subscriptions.events import EventSources, Happening
    from gateway.execution.subscriptions.live import Liveness
    from gateway.execution.subscriptions.open_operation import Live
    from gateway.planning.steps import Fetch, Root
    from gateway.sources.contract import Value
    from gateway.viewer import Viewer

MAX_KEPT_BYTES = 65_536
"""Of variables and extensions of what stays open, which are kept all that time."""
_TOO_LARGE = (
    f"The variables and extensions of a subscription have at most {MAX_KEPT_BYTES} bytes together."
)
_FULL = "There are too many subscriptions at the moment; try again later."


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
        self._live = LiveQueries(engine, events)
        self._seconds = seconds
        self._most = most
        self._open = 0
        self._events_answered = 0

    def deadline(self) -> float:
        """By when what happens now must be answered, in the event loop's clock."""
        return asyncio.get_running_loop().time() + self._seconds

    async def subscribes(self, request: GraphQLRequest) -> bool:
        """Whether a request asks for many answers; not where it would be refused."""
        try:
            document = await self._engine.load(request, self.deadline())
            operation = document.operation(request.operation_name)
            return operation.kind == "subscription" or is_live(operation)
        except Exception:  # noqa: BLE001 - whoever answers it finds that too, and says so
            return False

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
            liveness = await self._liveness(operation, request) if is_live(operation) else None
            if operation.kind != "subscription" and liveness is None:
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
            follow = self._follow(operation, request, live, liveness)
            async with self._counted(), aclosing(follow) as answers:
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

    async def _follow(
        self,
        operation: Operation,
        request: GraphQLRequest,
        live: Live,
        liveness: Liveness | None,
    ) -> AsyncGenerator[Answer, None]:
        if len(msgspec.json.encode((request.variables, request.extensions))) > MAX_KEPT_BYTES:
            raise InputError(_TOO_LARGE)
        opened = OpenOperation(
            self._engine, operation, request.variables or {}, live, self.deadline
        )
        await opened.renew()
        plan = opened.planned.plan
        if liveness is not None:
            follow = self._live.answers(opened, liveness)
        elif request.extensions and self._engine.wishes(request.extensions, "explain"):
            told = {"plan": explanation(plan, self._engine.describe)}
            yield Answer(orjson.dumps({"data": None, "extensions": told}))
            return
        elif plan.roots and (fetch := plan.roots[0].fetch) is not None:
            follow = self._heard(opened, fetch)
        else:
            follow = self._generated(opened)
        async with aclosing(follow) as answers:
            async for answer in answers:
                yield answer

    async def _liveness(self, operation: Operation, request: GraphQLRequest) -> Liveness | None:
        """How live a query is; its plan is told only once."""
        if request.extensions and self._engine.wishes(request.extensions, "explain"):
            return None
        given = request.variables or {}
        return await liveness_of(self._engine, operation, given, self.deadline())

    # Events of sources ---------------------------------------------------------------------------

    async def _heard(self, opened: OpenOperation, fetch: Fetch) -> AsyncGenerator[Answer, None]:
        arguments = fetch.arguments(opened.planned.values)
        async with aclosing(self._events.listen(fetch, arguments, self.deadline())) as happenings:
            async for together in happenings:
                await opened.renew()
                visible = await self._visible(opened, together)
                answers = (opened.answered(self._waves(opened, one.value)) for one in visible)
                for answer in await asyncio.gather(*answers):
                    yield answer

    async def _visible(
        self, opened: OpenOperation, together: Sequence[Happening]
    ) -> Sequence[Happening]:
        """Those of which this viewer may know, and wants to; an error where none can tell."""
        keys = list(dict.fromkeys(one.key for one in together if one.key is not None))
        fetch = opened.planned.plan.roots[0].fetch
        if not keys or fetch is None:
            return together
        probe = fetch.holes[0]
        try:
            found = await self._waves(opened, None).rows(probe, keys)
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

    def _waves(self, opened: OpenOperation, value: Value) -> EventWaves:
        """Reading for an event: where what was committed before it is seen, and never a cache."""
        waves = EventWaves(self._engine.fresh, opened.planned.values, self.deadline())
        waves.tactics, waves.event = self._engine.tactics, value
        return waves

    # Events of generators ------------------------------------------------------------------------

    async def _generated(self, opened: OpenOperation) -> AsyncGenerator[Answer, None]:
        engine, planned = self._engine, opened.planned
        walk = Walk(engine.planner, planned, self._waves(opened, None))
        context = StreamContext(planned.viewer, self, walk)
        context.datasources, context.workflows = engine.datasources, engine.workflows
        engine.lend_cache()
        stream = await source_events(engine.api, planned, context)
        if isinstance(stream, list):
            yield _refused(stream)
            return
        iterator: Any = aiter(stream)
        try:
            async for event in iterator:
                await opened.renew()
                waves = self._waves(opened, None)
                body, codes = await engine.executed(opened.planned, waves, event=event)
                yield Answer(body, codes=codes)
                engine.lend_cache()  # it may go on in another task
        finally:
            if hasattr(iterator, "aclose"):
                await iterator.aclose()


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


def _refused(errors: list[dict[str, Any]]) -> Answer:
    code = errors[0].get("extensions", {}).get("code") if errors else None
    body = orjson.dumps({"errors": errors})
    return Answer(body, executed=False, code=Code(code) if code in set(Code) else None)
