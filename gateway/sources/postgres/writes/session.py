"""One open transaction: what is written in it, and the reading of what was written."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Any

import asyncpg

from gateway.errors import Code, SourceRefused, SourceTimeout
from gateway.schema.columns.scalars import write_moment
from gateway.schema.writes.written import MAX_ROWS
from gateway.sources.postgres.named.calls import run_call
from gateway.sources.postgres.writes.statements import fill_in
from gateway.sources.postgres.writes.updates import turns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.schema.catalog import EntityInfo
    from gateway.schema.writes.written import NewRow, Write
    from gateway.sources.contract import Key, Value
    from gateway.sources.postgres.named.calls import Call
    from gateway.sources.postgres.reads.statements import Statement
    from gateway.sources.postgres.writes.statements import Compiled, Writes

_TOLD = 100
"""Keys that an error names."""


def seconds_left(deadline: float) -> float:
    """Until the deadline. Raises `SourceTimeout` where it has passed."""
    left = deadline - asyncio.get_running_loop().time()
    if left <= 0:
        raise SourceTimeout("The request's deadline has passed.")
    return left


class Session:
    """One open transaction."""

    def __init__(self, connection: Any, writes: Writes, deadline: float) -> None:
        self._connection = connection
        self._writes = writes
        self._deadline = deadline
        self.changed: frozenset[str] | None = None
        """The columns to which the last `apply` gave other values; None where it made rows."""

    async def apply(self, write: Write, viewer: tuple[Any, ...]) -> list[Key]:
        """Insert or update; the keys of the rows, in the order given, or the key's order.

        Of an insert that leaves rows alone which are there, those that it wrote.

        Raises `SourceRefused`: VERSION_CONFLICT, or FORBIDDEN where a row would leave what the
        entity's rule allows the viewer.
        """
        self.changed = None
        if write.each is not None:
            return await self._update_each(write.each, viewer)
        if write.rows is not None:
            keys = await self._insert(write, write.rows, viewer)
        elif write.key is not None:
            keys = await self._update(self._writes.update(write, viewer))
            if not keys:
                await self._explain_nothing(write, viewer)
        else:
            keys = await self._update_many(write, viewer)
        await self._check_rule(write.entity, keys, viewer)
        return keys

    async def lock(self, write: Write, viewer: tuple[Any, ...]) -> list[Key]:
        """The keys of the rows a write aims at, in their order, locked until the transaction ends.

        Raises `SourceRefused` where they are more than one write may touch.
        """
        keys = await self._keys(self._writes.lock(write, viewer))
        if len(keys) > MAX_ROWS:
            raise SourceRefused(
                f"This would touch more than {MAX_ROWS} rows; narrow `where`.",
                code=Code.BAD_USER_INPUT,
            )
        return keys

    async def delete(self, write: Write, keys: Sequence[Key]) -> None:
        """Delete rows by key."""
        if keys:
            await self._fetch(self._writes.delete(write.entity, keys))

    async def rows(
        self, statement: Statement, keys: Sequence[Key], arguments: Sequence[Any]
    ) -> list[Value]:
        """Rows by key as this transaction sees them, in the keys' order."""
        if not keys:
            return []
        columns = tuple(zip(*keys, strict=True))
        found = await self._connection.fetch(
            statement.text, *columns, *arguments, timeout=seconds_left(self._deadline)
        )
        return [None if row[0] is None else row[0].encode() for row in found]

    async def _update_many(self, write: Write, viewer: tuple[Any, ...]) -> list[Key]:
        """Locked first, in the keys' order: thus bounded, and two of them wait, but never for ever.

        A new value may be part of the key; then the rows come in the order of the new keys.
        """
        locked = await self.lock(write, viewer)
        if not locked:
            return []
        changed = set(await self._update(self._writes.update(write, viewer, locked)))
        known = [key for key in locked if key in changed]
        return known if len(known) == len(changed) else sorted(changed)

    async def _update_each(self, writes: Sequence[Write], viewer: tuple[Any, ...]) -> list[Key]:
        """Locked first, too; the rows come in the order given, without those not there.

        The versions that they are to have are those before the first of them is changed.
        """
        locked = await self._lock_each(writes, viewer) if writes else []
        keys: dict[int, Key] = {}
        changed: set[str] = set()
        for part in turns(writes, locked):
            places, named = zip(*part, strict=True)
            compiled = self._writes.update_each([writes[place] for place in places], named)
            made = {}
            for *key, names, number in await self._fetch(compiled):
                made[places[number - 1]] = tuple(key)
                changed.update(names)
            await self._check_rule(writes[0].entity, [*made.values()], viewer)
            keys |= made
        self.changed = frozenset(changed)
        return [keys[place] for place in sorted(keys)]

    async def _lock_each(
        self, writes: Sequence[Write], viewer: tuple[Any, ...]
    ) -> list[tuple[int, Key]]:
        """Of each update whose row is there its place, and the key, in the order of the keys."""
        width = len(writes[0].entity.key)
        found: list[tuple[int, Key]] = []
        stale: dict[Key, None] = {}
        for place, *row in await self._fetch(self._writes.lock_each(writes, viewer)):
            key = tuple(row[:width])
            found.append((place - 1, key))
            version = writes[place - 1].version
            if version is not None and version[1] not in {None, row[width]}:
                stale[key] = None
        if stale:
            raise _stale(writes[0].entity, [*stale])
        return found

    async def _update(self, compiled: Compiled) -> list[Key]:
        found = await self._keys(compiled)
        self.changed = frozenset(name for row in found for name in row[-1])
        return [row[:-1] for row in found]

    async def call(self, call: Call, arguments: Sequence[Any]) -> Value:
        """Run a named statement: its result as JSON, or null."""
        return await run_call(self._connection, call, arguments, self._deadline)

    async def _insert(
        self, write: Write, rows: Sequence[NewRow], viewer: tuple[Any, ...]
    ) -> list[Key]:
        """Rows between their parents and children: a statement for each set of columns."""
        keys: dict[int, Key] = {}
        for above, relation, below in self._writes.parents(rows):
            made = await self._insert(above, above.rows or (), viewer)
            await self._check_rule(above.entity, made, viewer)
            fill_in(below, relation.pairs, above.entity, made)
        for places, compiled in self._writes.inserts(write, rows, viewer):
            try:
                made = await self._keys(compiled)
            except asyncpg.CardinalityViolationError:
                raise _twice() from None
            if len(made) != len(places) and not write.ignore:
                await self._check_met(write, [rows[place] for place in places], viewer)
            keys.update(zip(places, made, strict=False))
        if write.conflict and len(set(keys.values())) < len(keys):
            raise _twice()
        for nested in self._writes.children(write.entity, rows, keys):
            child_keys = await self._insert(nested.write, nested.write.rows or (), viewer)
            await self._check_rule(nested.write.entity, child_keys, viewer)
            if nested.links is not None:
                await self._fetch(nested.links(child_keys))
        return [keys[place] for place in range(len(rows)) if place in keys]

    async def _check_met(
        self, write: Write, rows: Sequence[NewRow], viewer: tuple[Any, ...]
    ) -> None:
        """Refuse an upsert that left rows out for another reason than its `where`."""
        if write.conflict and write.entity.rule is not None:
            (row,) = await self._fetch(self._writes.hidden(write, rows, viewer))
            if row[0]:
                raise _forbidden(write.entity)
        if write.where is None:
            raise SourceRefused("The database left out some of these rows.")

    async def _check_rule(
        self, entity: EntityInfo, keys: Sequence[Key], viewer: tuple[Any, ...]
    ) -> None:
        """Refuse rows that the write took out of what the viewer may see."""
        if entity.rule is None or not keys:
            return
        (row,) = await self._fetch(self._writes.outside(entity, keys, viewer))
        if row[0]:
            raise _forbidden(entity)

    async def _explain_nothing(self, write: Write, viewer: tuple[Any, ...]) -> None:
        """Whether an update found no row because another version of it is there."""
        expected = None if write.version is None else write.version[1]
        if expected is not None and (keys := await self.lock(write, viewer)):
            raise _stale(write.entity, keys)

    async def _keys(self, compiled: Compiled) -> list[Key]:
        return [tuple(row) for row in await self._fetch(compiled)]

    async def _fetch(self, compiled: Compiled) -> list[Any]:
        found: list[Any] = await self._connection.fetch(
            compiled.text, *compiled.arguments, timeout=seconds_left(self._deadline)
        )
        return found


def _twice() -> SourceRefused:
    return SourceRefused(
        "Two of the rows are the same by the key of this upsert; give each once.",
        code=Code.BAD_USER_INPUT,
    )


def _stale(entity: EntityInfo, keys: Sequence[Key]) -> SourceRefused:
    """What an optimistic lock says; of many rows it tells the keys of some."""
    names = [info.name for info in entity.key]
    told = [dict(zip(names, map(_text, key), strict=True)) for key in keys[:_TOLD]]
    one = "The row has another version by now; read it again."
    many = f"{len(keys)} of the rows have another version by now; read them again."
    return SourceRefused(
        one if len(keys) == 1 else many, code=Code.VERSION_CONFLICT, extensions={"keys": told}
    )


def _text(part: Any) -> str:
    return write_moment(part) if isinstance(part, datetime) else str(part)


def _forbidden(entity: EntityInfo) -> SourceRefused:
    return SourceRefused(f"The row rule of {entity.name} does not allow this.", code=Code.FORBIDDEN)
