"""Where the events of a subscription come from, and what each is in response shape.

Every event is JSON as the root field's value, with holes (`gateway.sources.contract`) where rows
belong; so answering it needs nothing that answering a query does not have.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from gateway.errors import InputError, PlaitError, SourceUnavailable
from gateway.planning.subscribing import PreparedEvents
from gateway.schema import asks
from gateway.schema.subscriptions import ChangeEvents, ChangeOperation, MessageEvents
from gateway.sources.changes import Change, Operation, told_as
from gateway.sources.contract import HOLE, Budget, Pieces

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from gateway.planning.registry import StateSource, UpstreamSource
    from gateway.planning.steps import Fetch
    from gateway.schema.catalog import ColumnInfo
    from gateway.sources.changes import Changes, Event
    from gateway.sources.contract import Key, Prepared, Value

_KNOWN_SECONDS = 10.0
"""How long it is remembered which tables are watched."""
TOGETHER = 100
"""Rows that one statement changed and that are told of in one go."""


@dataclass(frozen=True, slots=True)
class Happening:
    """One event: the root field's value, and the key of the row that must be visible for it."""

    value: Value
    key: Key | None = None


class EventSources:
    """All that can be listened to, by the name that prepared requests carry.

    `heard`: the cache hears of a change there before anybody answers it.
    """

    def __init__(
        self,
        changes: Mapping[str, Changes | None],
        channels: Mapping[str, StateSource],
        upstreams: Mapping[str, UpstreamSource],
        heard: Callable[[Event], None] = lambda _: None,
    ) -> None:
        self.heard = heard
        self._changes = changes
        self._channels = channels
        self._upstreams = upstreams
        self._watched: dict[str, tuple[frozenset[str], float]] = {}

    def feed(self, source: str) -> Changes | None:
        """The changes of a source of rows; None where they are not heard."""
        return self._changes.get(source)

    async def unwatched(
        self, source: str, tables: AbstractSet[str], deadline: float
    ) -> AbstractSet[str]:
        """Those of these tables whose changes nobody tells. Raises SourceError."""
        feed = self._changes.get(source)
        if feed is None:
            return tables
        known, asked = self._watched.get(source, (frozenset[str](), -_KNOWN_SECONDS))
        moment = asyncio.get_running_loop().time()
        if moment - asked > _KNOWN_SECONDS or not tables <= known:
            known = await feed.watched(Budget(deadline))
            self._watched[source] = (known, moment)
        return tables - known

    async def listen(
        self, fetch: Fetch, arguments: tuple[Any, ...], deadline: float
    ) -> AsyncGenerator[Sequence[Happening], None]:
        """What happens from now on, in order; several events that one statement made at once.

        `deadline`: by when listening must have begun. Raises SourceError.
        """
        prepared: Prepared = fetch.prepared
        if not isinstance(prepared, PreparedEvents):
            source = self._upstreams[prepared.source]
            async with aclosing(source.events(prepared, arguments)) as values:
                async for value in values:
                    yield (Happening(value),)
        elif isinstance(prepared.ask, ChangeEvents):
            async with aclosing(
                self._changed(prepared.source, prepared.ask, arguments, deadline)
            ) as found:
                async for happenings in found:
                    yield happenings
        elif prepared.guard is not None:
            (pattern,) = arguments
            channels = self._channels[prepared.source]
            namespace = prepared.guard.namespace
            async with channels.messages(namespace, pattern, deadline) as messages:
                async for message in messages:
                    yield (Happening(_told(prepared.ask, message)),)

    async def _changed(
        self, source: str, ask: ChangeEvents, only: Key, deadline: float
    ) -> AsyncGenerator[Sequence[Happening], None]:
        feed = self._changes.get(source)
        if feed is None:
            raise SourceUnavailable(f"{source} has no change feed, so its changes are not heard.")
        table = {told_as(ask.entity.table.fullname)}
        if feed.live and await self.unwatched(source, table, deadline):
            raise SourceUnavailable(f"Changes of {ask.entity.name} are not told: watch its table.")
        with feed.subscribe(table) as events:
            async for event in events:
                self.heard(event)
                happenings = [*_of_event(ask, event, only)]
                for start in range(0, len(happenings), TOGETHER):
                    yield happenings[start : start + TOGETHER]
        raise SourceUnavailable(f"The change feed of {source} was closed.")


def _of_event(ask: ChangeEvents, event: Event, only: Key) -> Iterator[Happening]:
    """What an event of the feed is to a subscriber; `only`: the key it is about, or nothing."""
    columns = [info.column.name for info in ask.entity.key]
    if (
        not isinstance(event, Change)
        or event.operation is Operation.TRUNCATE
        or event.keys is None
        or not {*columns} <= {*event.columns}
    ):
        yield _happening(ask, ChangeOperation.REFRESH, only or None)
        return
    places = [event.columns.index(name) for name in columns]
    operation = ChangeOperation[event.operation.name]
    if operation is ChangeOperation.DELETE and ask.entity.rule is not None:
        return  # who might have seen it cannot be told any more
    for values in event.keys:
        key = _key(ask.entity.key, [values[place] for place in places])
        if key is not None and (not only or key == only):
            yield _happening(ask, operation, key)


def _key(columns: Sequence[ColumnInfo], values: Sequence[Any]) -> Key | None:
    """The feed's JSON scalars as the columns' values; None for what no row of ours can have."""
    try:
        return tuple(
            info.kind.bind(float(value) if info.kind.name == "Float" else value, info.name)
            for info, value in zip(columns, values, strict=True)
        )
    except (InputError, ValueError):
        return None


def _happening(ask: ChangeEvents, operation: ChangeOperation, key: Key | None) -> Happening:
    gone = operation is ChangeOperation.DELETE or key is None
    members = []
    for part in ask.parts:
        if isinstance(part, asks.Constant):
            value = orjson.dumps(part.text)
        elif isinstance(part, asks.Hole):
            value = b"null" if gone or key is None else _hole(part.slot, key)
        elif part.name == "operation":
            value = orjson.dumps(operation.name)
        else:
            value = b"null" if key is None else _shown(ask, part.name, key)
        members.append(orjson.dumps(part.key) + b":" + value)
    return Happening(_object(members), None if gone or not ask.guarded else key)


def _hole(slot: int, key: Key) -> bytes:
    return HOLE + orjson.dumps([slot, *key], default=str) + HOLE


def _shown(ask: ChangeEvents, name: str, key: Key) -> bytes:
    """A part of the key as its column's kind is written."""
    place, info = next(
        (place, info) for place, info in enumerate(ask.entity.key) if info.name == name
    )
    value, kind = key[place], info.kind
    if kind.labels:
        return orjson.dumps(dict(kind.labels)[value])
    if kind.annotation in {int, float, bool}:
        return orjson.dumps(value)
    return orjson.dumps(value if hasattr(value, "isoformat") else str(value))


def _told(ask: MessageEvents, message: Any) -> Value:
    """A message as the root field's value; its own may have failed in its place."""
    pieces: list[bytes | PlaitError] = []
    for place, part in enumerate(ask.parts):
        pieces.append((b"," if place else b"{") + orjson.dumps(part.key) + b":")
        value: Value
        if isinstance(part, asks.Constant):
            value = orjson.dumps(part.text)
        elif part.name == "channel":
            value = orjson.dumps(message.channel)
        elif part.name == "missed":
            value = orjson.dumps(message.gap)
        else:
            value = message.value
        pieces.append(value if isinstance(value, bytes | PlaitError) else b"null")
    return Pieces([*pieces, b"}"])


def _object(members: Sequence[bytes]) -> bytes:
    return b"{" + b",".join(members) + b"}"
