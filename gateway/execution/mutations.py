"""Runs the write fields of a mutation: one after the other, each in a transaction of its own.

With `@transaction` all of them run on one connection and commit together. What a write returns is
read by the planner's statement within the transaction; holes in it are filled after the commit.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any, TypeVar

from graphql import EnumValueNode

from gateway.errors import (
    Code,
    InputError,
    PlaitError,
    RequestError,
    SourceConflict,
    SourceTimeout,
    SourceUnavailable,
)
from gateway.execution.failures import ours
from gateway.planning.steps import Plan, Verb
from gateway.schema.access.rules import VIEWER_SPEC
from gateway.schema.items.bindings import ItemWriteField
from gateway.schema.named.binding import NamedSql
from gateway.schema.state.fields import StateWrite
from gateway.schema.upstreams.remote import RemoteNamespace, RemoteRoot
from gateway.schema.vectors.writes import VectorChange
from gateway.sources.contract import Budget

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from graphql import OperationDefinitionNode

    from gateway.execution.cache.invalidation import Written
    from gateway.execution.planned import PlannedRequest
    from gateway.execution.waves import Waves
    from gateway.planning.steps import Fetch, Root
    from gateway.schema.writes.written import Write
    from gateway.sources.contract import Key, Value

T = TypeVar("T")

ATTEMPTS = 4
"""How often a transaction is tried that conflicts with others."""
_PAUSE = 0.02

DIRECTIVE = "transaction"


def isolation_of(operation: OperationDefinitionNode) -> str | None:
    """The isolation level of the operation's `@transaction`, None where it has none.

    Raises InputError where a variable gives it: a document says itself how safe it is.
    """
    for directive in operation.directives or ():
        if directive.name.value == DIRECTIVE:
            for argument in directive.arguments or ():
                if not isinstance(argument.value, EnumValueNode):
                    raise InputError("`@transaction(isolation:)` takes no variable; write it out.")
                return argument.value.value.lower()
            return "read_committed"
    return None


def allowed_isolation(planned: PlannedRequest) -> str | None:
    """The isolation level of `@transaction`, which only planned fields can take part in.

    It commits together or not at all, so one refused field refuses all of it. Raises RequestError.
    """
    isolation = isolation_of(planned.operation.node)
    if isolation is None or planned.outline.whole:
        return isolation
    if planned.reader.refused:
        says = "`@transaction` has a field that you may not use, so none of it was run."
        raise RequestError(says, code=Code.FORBIDDEN)
    says = "`@transaction` takes only fields that write to a source directly."
    raise RequestError(says, code=Code.BAD_USER_INPUT)


class Mutations:
    """The writes of one operation. `writers` are the sources that write, by name.

    `isolation`: that of its `@transaction`, None where it has none.
    """

    def __init__(
        self, writers: Mapping[str, Any], waves: Waves, isolation: str | None = None
    ) -> None:
        self._writers = writers
        self._waves = waves
        self._isolation = isolation
        self.written: Written | None = None
        """Notes what is written, where something is cached."""

    async def run(self, plan: Plan) -> list[Value]:
        """The value of every root, in order; a root that failed is its error.

        A failed one that must not be null is the last to run: the answer has no data then, and
        nobody would learn what further fields wrote.
        """
        if self._isolation is not None:
            return await self._together(plan.roots, self._isolation)
        values: list[Value] = []
        for root in plan.roots:
            values.append(await self.one(root))
            if isinstance(values[-1], PlaitError) and not root.nullable:
                break
        return values + [None] * (len(plan.roots) - len(values))

    async def one(self, root: Root) -> Value:
        """One write field, in a transaction of its own."""
        if root.fetch is None:
            return root.constant
        fetch = root.fetch
        if self.written is not None:
            self.written.field(fetch)
        try:
            if fetch.verb is Verb.REMOTE_FIELDS:
                (value,) = await self._settled(self._waves.run(Plan((root,))))
                return value
            if fetch.verb in {Verb.VECTOR_ACT, Verb.CHANGE}:
                return await self._settled(self._change(fetch))

            async def attempt() -> list[Value]:
                alone = _commits_alone(root)
                async with self._session(fetch, None if alone else "read_committed") as session:
                    return await self._write(session, root, fetch)

            items = fetch.verb is Verb.ITEM_WRITE
            work = self._items(fetch) if items else self._repeated(attempt)
            return await self._finished(root, fetch, await self._settled(work))
        except Exception as error:  # noqa: BLE001 - this field fails, the others do not
            return ours(error)

    # Sources without transactions: each write once, never tried again.

    async def _change(self, fetch: Fetch) -> Value:
        """The value of a field that changes stored values or vectors, when the viewer may."""
        values = self._waves.values
        if fetch.guard is not None:
            fetch.guard(values[VIEWER_SPEC])
        (given,) = fetch.arguments(values)
        if self.written is not None and fetch.verb is Verb.VECTOR_ACT:
            self.written.points(given.collection)
        return self._waves.whole(await self._asked(fetch, given), fetch)

    async def _items(self, fetch: Fetch) -> list[Value]:
        """The items that a field wrote, holes still open; raises what is wrong with one of them."""
        written = await self._asked(fetch, fetch.arguments(self._waves.values))
        items = [self._waves.whole(value, fetch) for value in written]
        for item in items:
            if isinstance(item, PlaitError):
                raise item
        return items

    async def _asked(self, fetch: Fetch, given: Any) -> Any:
        writer = self._writers[fetch.prepared.source]
        return await writer.write(fetch.prepared, given, Budget(self._waves.deadline))

    # Sources with them.

    async def _together(self, roots: Sequence[Root], isolation: str) -> list[Value]:
        writes = [(root, root.fetch) for root in roots if root.fetch is not None]
        if len({fetch.prepared.source for _, fetch in writes}) > 1:
            raise InputError("`@transaction` needs fields of one source.")
        for root in filter(_commits_alone, roots):
            raise InputError(f"`{root.field.name}` cannot be part of a transaction.")
        done: list[list[Value]] = []
        values: list[Value]

        async def attempt() -> None:
            done.clear()
            async with self._session(writes[0][1], isolation) as session:
                for root, fetch in writes:
                    if self.written is not None:
                        self.written.field(fetch)
                    done.append(await self._write(session, root, fetch))

        try:
            if writes:
                await self._settled(self._repeated(attempt))
        except Exception as error:  # noqa: BLE001 - every field fails, with its own reason
            culprit = min(len(done), len(writes) - 1)  # the last one, where the commit failed
            values = [_rolled_back() for _ in writes]
            values[culprit] = ours(error)
        else:
            together = zip(writes, done, strict=True)
            values = [await self._finished(root, fetch, rows) for (root, fetch), rows in together]
        given = iter(values)
        return [root.constant if root.fetch is None else next(given) for root in roots]

    def _session(self, fetch: Fetch, isolation: str | None) -> Any:
        writer = self._writers[fetch.prepared.source]
        return writer.transaction(self._waves.deadline, isolation)

    async def _write(self, session: Any, root: Root, fetch: Fetch) -> list[Value]:
        """The rows a write gives, holes still open."""
        values = self._waves.values
        if root.write_spec is None:
            raise TypeError(f"{root.field.name} is no write")
        if fetch.verb is Verb.NAMED:
            return [await session.call(fetch.prepared, fetch.arguments(values))]
        (write,) = values[root.write_spec]
        viewer = values[VIEWER_SPEC]
        arguments = fetch.arguments(values)
        if write.rows is not None or write.patch is not None:
            keys = await session.apply(write, viewer)
            self._note(write, keys, session.changed)
            return list(await session.rows(fetch.prepared, keys, arguments))
        keys = await session.lock(write, viewer)
        rows = await session.rows(fetch.prepared, keys, arguments)
        await session.delete(write, keys)
        self._note(write, keys)
        return list(rows)

    def _note(
        self, write: Write, keys: Sequence[Key], changed: frozenset[str] | None = None
    ) -> None:
        if self.written is not None:
            self.written.rows(write, keys, changed)

    async def _settled(self, work: Awaitable[T]) -> T:
        """The outcome of work, after what it may have changed is invalidated everywhere.

        Also where it failed: a connection that is lost at the commit leaves that open.
        """
        outcome: Any = None
        try:
            outcome = found = await work
        except BaseException as error:
            outcome = error
            raise
        else:
            return found
        finally:
            if self.written is not None:
                await self.written.settle(unclear=_is_unclear(outcome))

    async def _finished(self, root: Root, fetch: Fetch, rows: list[Value]) -> Value:
        """A field's value of its rows, the holes filled."""
        filled = await self._waves.filled(fetch, rows)
        if not root.many:
            return filled[0] if filled else None
        return b"[" + b",".join(row for row in filled if isinstance(row, bytes)) + b"]"

    async def _repeated(self, attempt: Callable[[], Awaitable[Any]]) -> Any:
        """Try a transaction again that conflicted with others, a bounded number of times."""
        for number in range(1, ATTEMPTS):
            try:
                return await attempt()
            except SourceConflict:
                await asyncio.sleep(_PAUSE * number * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
        return await attempt()


def _is_unclear(outcome: Any) -> bool:
    """Whether nobody knows if a write will still be done: its answer did not come."""
    if isinstance(outcome, list | tuple):
        return any(map(_is_unclear, outcome))
    return isinstance(outcome, SourceTimeout | SourceUnavailable | asyncio.CancelledError)


def _commits_alone(root: Root) -> bool:
    """Whether a field cannot run in a transaction: some named statements, and what is not SQL."""
    binding = root.field.binding
    if isinstance(binding, (VectorChange, StateWrite, ItemWriteField, RemoteRoot, RemoteNamespace)):
        return True
    return isinstance(binding, NamedSql) and not binding.settled().transaction


def _rolled_back() -> PlaitError:
    return PlaitError(
        "Another field of this transaction failed, so this one was undone.",
        code=Code.TRANSACTION_ROLLED_BACK,
    )
