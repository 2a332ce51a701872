"""A Directus by its address: reads of its collections, in as few requests as can be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.errors import Code, PlaitError, SourceError, SourceRefused
from gateway.schema.items.asks import ItemWrite
from gateway.sources.contract import Batch, Budget, Health, Together
from gateway.sources.directus.answers import (
    groups_value,
    list_value,
    looked_up,
    single_value,
)
from gateway.sources.directus.filters import Filters, sort_of
from gateway.sources.directus.payloads import Payload
from gateway.sources.directus.prepared import (
    PreparedGroups,
    PreparedItems,
    PreparedLookup,
    PreparedSingle,
    prepare,
)
from gateway.sources.directus.selecting import listed
from gateway.sources.directus.sending import parameters, reading
from gateway.sources.directus.values import key_of
from gateway.sources.directus.writes import PreparedWrite, Writing, prepare_write
from gateway.sources.http import Outgoing, unlocated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.schema.items.asks import ItemAsk
    from gateway.schema.items.catalog import Collection
    from gateway.sources.contract import Key, Value
    from gateway.sources.directus.prepared import PreparedRead
    from gateway.sources.directus.sending import Sending

_PROBE = Outgoing("GET", "/server/info", repeatable=True)


class DirectusSource:
    """One Directus. `concurrency` bounds the requests under way at once.

    `sending` None: no setting says where it is, and what is asked of it fails. `public_url` is what
    the addresses of files begin with. A look-up by a field that is no key asks for at most
    `max_items` items.
    """

    def __init__(  # noqa: PLR0913 - one parameter per setting
        self,
        name: str,
        sending: Sending | None,
        *,
        public_url: str = "",
        concurrency: int = 64,
        max_items: int = 1_000,
        required: bool = True,
    ) -> None:
        self.name = name
        self._required = required
        self.concurrency = concurrency
        self._sending = sending
        self.place = {} if sending is None else sending.place
        self._assets = f"{public_url.rstrip('/')}/assets/"
        self._max_items = max_items
        self._viewer_slots = () if sending is None else sending.viewer_slots

    def prepare(self, ask: ItemAsk | ItemWrite) -> PreparedRead | PreparedWrite:
        """Compile a read or a write. Pure."""
        if isinstance(ask, ItemWrite):
            return prepare_write(ask, self._prepared(ask.shown))
        read: PreparedRead = self._prepared(ask)
        return read

    def narrowing(
        self, collection: Collection, given: Mapping[str, Any], path: tuple[str, ...]
    ) -> tuple[bytes | None, tuple[str, ...]]:
        """The `filter` as JSON, and the `sort`. Pure. Raises InputError."""
        where = given.get("filter")
        found = Filters().json(collection, where, path) if where else None
        return found, sort_of(collection, given.get("sort"), path)

    def written(
        self, collection: Collection, given: Mapping[str, Any], where: str
    ) -> Mapping[str, Any]:
        """What an input says of an item, as JSON. Pure. Raises InputError."""
        return Payload().item(collection, given, where)

    def _prepared(self, ask: ItemAsk) -> Any:
        """A read, of whatever kind."""
        return prepare(self.name, ask, self._assets, self._viewer_slots)

    async def open(self) -> None:
        """Make the connections' pool."""
        if self._sending is not None:
            await self._sending.open()

    async def close(self) -> None:
        """Close the connections; idempotent."""
        if self._sending is not None:
            await self._sending.close()

    async def check(self, budget: Budget) -> Health:
        """Ask for what it tells of itself, with the credentials of the settings."""
        if self._sending is None:
            return Health(ready=False, detail=unlocated(self.name).message, required=False)
        try:
            await self._sending.ask(_PROBE, budget.deadline)
        except PlaitError as error:
            return Health(ready=False, detail=error.message, required=self._required)
        return Health(ready=True, detail="answers", required=self._required)

    async def execute(
        self, prepared: PreparedRead | Together, batch: Batch, budget: Budget
    ) -> Sequence[Value]:
        """One request; look-ups that travel together give one list of their values."""
        if isinstance(prepared, Together):
            return [await self._together(prepared, batch, budget.deadline)]  # type: ignore[list-item]  # as the contract has it
        if isinstance(prepared, PreparedLookup):
            return await self._look_up(prepared, batch, budget.deadline)
        if isinstance(prepared, PreparedItems):
            values, *rest = batch.arguments
            query, passed = prepared.selection.query(rest)
            query |= listed(values)
            if prepared.counts:
                query["meta"] = list(prepared.counts)
            if not prepared.selection.reads:
                query["limit"] = 0
            data, meta = await self._read(prepared.path, query, passed, budget.deadline)
            return [list_value(prepared, data, meta)]
        if isinstance(prepared, PreparedSingle):
            query, passed = prepared.selection.query(batch.arguments)
            data, _ = await self._read(prepared.path, query, passed, budget.deadline)
            return [single_value(prepared, data)]
        groups, *passed = batch.arguments
        query = {"aggregate": prepared.aggregate, **listed(groups.values)}
        if groups.by:
            query["groupBy"] = query["sort"] = list(groups.by)
        data, _ = await self._read(prepared.path, query, passed, budget.deadline)
        return [groups_value(prepared, data)]

    async def write(
        self, prepared: PreparedWrite, arguments: Sequence[Any], budget: Budget
    ) -> list[Value]:
        """The items of a write, which is sent once. Raises SourceError."""
        if self._sending is None:
            raise unlocated(self.name)
        values, *rest = arguments
        deadline = budget.deadline
        return await Writing(
            self._sending, self._look_up, prepared, values, tuple(rest), deadline
        ).done()

    async def _look_up(
        self, prepared: PreparedLookup, batch: Batch, deadline: float
    ) -> list[Value]:
        query, passed = prepared.selection.query(batch.arguments)
        data = await self._found(prepared, query, batch.keys, passed, deadline)
        return looked_up(prepared, data, batch.keys, self._max_items)

    async def _together(
        self, prepared: Together, batch: Batch, deadline: float
    ) -> list[list[Value]]:
        """Look-ups in one place: the items of all, with the fields of all.

        Where that is refused each is asked for by itself, as the fault may be one's alone.
        """
        parts: list[Any] = list(prepared.parts)
        keys = list(dict.fromkeys(key for own, _ in batch.arguments for key in own))
        fields = [name for part in parts for name in part.selection.level.fields()]
        query: dict[str, Any] = {"fields": list(dict.fromkeys(fields))}
        passed = batch.arguments[0][1]
        try:
            data = await self._found(parts[0], query, keys, passed, deadline)
        except SourceRefused as error:
            if error.code not in {Code.FORBIDDEN, Code.BAD_USER_INPUT}:
                raise
            return [
                await self._alone(part, Batch(*given), deadline)
                for part, given in zip(parts, batch.arguments, strict=True)
            ]
        return [
            looked_up(part, data, own, self._max_items)
            for part, (own, _) in zip(parts, batch.arguments, strict=True)
        ]

    async def _alone(self, part: PreparedLookup, batch: Batch, deadline: float) -> list[Value]:
        """One of several look-ups, its error in all its places."""
        try:
            return await self._look_up(part, batch, deadline)
        except SourceError as error:
            return [error] * len(batch.keys)

    async def _found(
        self,
        prepared: PreparedLookup,
        query: dict[str, Any],
        keys: Sequence[Key],
        passed: Sequence[Any],
        deadline: float,
    ) -> bytes:
        """The items whose `match` is one of the keys, as JSON."""
        found = [key_of(prepared.key_type, key) for (key,) in keys]
        asked = [key for key in found if key is not None]
        if not asked:
            return b"[]"
        query["filter"] = {prepared.match: {"_in": asked}}
        query["limit"] = len(asked) if prepared.unique else self._max_items
        if not prepared.unique:
            query["sort"] = [prepared.sort]
        data, _ = await self._read(prepared.path, query, passed, deadline)
        return data

    def describe(self, prepared: PreparedRead | PreparedWrite) -> Mapping[str, Any]:
        """The request as far as it is known beforehand, for `explain` and the golden plans."""
        if isinstance(prepared, PreparedWrite):
            return {"write": prepared.verb, **self.describe(prepared.shown)}
        query: dict[str, Any]
        if isinstance(prepared, PreparedGroups):
            query = {"aggregate": prepared.aggregate}
        else:
            query = prepared.selection.outline()
        if isinstance(prepared, PreparedLookup):
            query["filter"] = {prepared.match: {"_in": ["…"]}}
        if isinstance(prepared, PreparedItems) and prepared.counts:
            query["meta"] = list(prepared.counts)
        return {"path": prepared.path, **parameters(query)}

    async def _read(
        self, path: str, query: dict[str, Any], passed: Sequence[Any], deadline: float
    ) -> tuple[bytes, bytes]:
        """The `data` and `meta` of an answer; the latter is empty where it has none."""
        sending = self._sending
        if sending is None:
            raise unlocated(self.name)
        pairs = passed[0] if passed else ()
        found = await sending.ask(reading(path, query), deadline, passed=pairs)
        return bytes(found.data), bytes(found.meta)
