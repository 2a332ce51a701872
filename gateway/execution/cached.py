"""Between the waves and the cache: what key, tags and policy a fetch has, and its source as last.

An answer is kept as the source gave it, holes and all; what fills them is another fetch. Its key
holds the source's native request, every bind value (those the row rules take of the viewer among
them) and the row's key; a private answer's holds the whole viewer too. What has no such key is read
from the source, every time.
"""

from __future__ import annotations

from types import NoneType
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from gateway.caching.cache import Want
from gateway.caching.dependencies import Read
from gateway.caching.key import (
    UncacheableError,
    canonical,
    entry_key,
    entry_keys,
    plan_identity,
)
from gateway.caching.tags import of_collections, of_list
from gateway.errors import PlaitError
from gateway.execution.invalidation import Written
from gateway.execution.marks import unmarked
from gateway.execution.ranked_reads import tables_of
from gateway.planning.narrowing import ranking_identity
from gateway.planning.steps import ITEM_READS, Verb
from gateway.schema.rules import SUBJECT

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from gateway.caching.cache import Cache
    from gateway.caching.dependencies import Dependencies
    from gateway.caching.filling import Loaded
    from gateway.caching.memory import Slot
    from gateway.caching.outcome import Answer
    from gateway.execution.groups import Groups
    from gateway.execution.ranked_reads import RankedReads
    from gateway.planning.steps import Fetch
    from gateway.schema.catalog import Catalog
    from gateway.sources.contract import Key, Prepared, Value


_MOST_KEYS = 1_024
"""Keys remembered of one fetch."""
_EXACT = frozenset({NoneType, bool, int, str})
"""Types of which values that Python thinks equal are written equally."""


class _Known(NamedTuple):
    """What is the same for every request of a fetch: its plan's identity and what it depends on.

    `prepared`: what is asked of the source for answers that are kept. `keys`: of answers for all,
    by arguments.
    """

    plan: bytes
    read: Read
    prepared: Prepared
    keys: dict[Hashable, bytes]

    def want(self, name: bytes, key: Key = ()) -> Want:
        """The want of an answer, by its name in the cache; `key` is that of its row."""
        return Want(name, self.read.of_key(key), self.read.guards)

    def loaded(self, values: Sequence[Value]) -> Sequence[Value | Loaded]:
        """Values of the source as they are kept."""
        if not self.read.types:
            return values
        return [unmarked(value, self.read.types) for value in values]

    def key(self, arguments: tuple[Any, ...]) -> bytes:
        """The key of the answer for all under these arguments. Raises UncacheableError."""
        kinds = tuple(map(type, arguments))
        if not _EXACT.issuperset(kinds):
            return entry_key(self.plan, arguments)
        key = self.keys.get((arguments, kinds))
        if key is None:
            if len(self.keys) >= _MOST_KEYS:
                self.keys.clear()
            key = self.keys[arguments, kinds] = entry_key(self.plan, arguments)
        return key


class CachedReads:
    """The cache as the waves use it; one for the process.

    `schema`: a hash of the printed schema and of where its sources are. `groups`: the queues of
    the sources as they must be asked, so that an answer is never older than the tags' versions it
    is kept with. `describe` gives a prepared request in its source's own words.
    """

    def __init__(  # noqa: PLR0913 - one collaborator each
        self,
        cache: Cache,
        catalog: Catalog,
        dependencies: Dependencies,
        groups: Mapping[str, Groups],
        describe: Callable[[Prepared], Mapping[str, Any]],
        *,
        schema: bytes,
    ) -> None:
        self.cache = cache
        self._catalog = catalog
        self._dependencies = dependencies
        self.groups = groups
        self._describe = describe
        self.schema = schema

    def request(
        self, viewer: tuple[Any, ...], *, refresh: bool = False, tells: bool = False
    ) -> CacheRequest:
        """The cache for one request; see `CacheRequest`."""
        return CacheRequest(self, viewer, refresh=refresh, told=[] if tells else None)

    def written(self) -> Written:
        """What notes the changes of one operation, and invalidates them."""
        return Written(self.cache, self._catalog, self._dependencies)

    def known(self, fetch: Fetch) -> _Known:
        """What is the same for every request; found out at the first."""
        caching = fetch.caching
        if caching is None:
            raise TypeError("a fetch without a policy is not cached")
        known: _Known | None = caching.known
        if known is None:
            known = caching.known = self._find_out(fetch, caching.policy.tags, caching.marked)
        return known

    def _find_out(self, fetch: Fetch, declared: tuple[str, ...], marked: Prepared | None) -> _Known:
        prepared: Any = fetch.prepared
        info, ranked = fetch.field.info, fetch.ranked
        native = orjson.dumps(
            [
                fetch.verb.value,
                info.type_name if info else "",
                dict(self._describe(prepared)),
                getattr(prepared, "identity", None),
                None if ranked is None else ranking_identity(ranked, self._describe),
            ],
            option=orjson.OPT_NON_STR_KEYS,
            default=lambda value: canonical(value).hex(),
        )
        entity = self._catalog.entities.get(fetch.entity or "")
        read = Read(())
        if fetch.verb in {Verb.ROWS, Verb.PAGE}:
            by_key = entity if fetch.verb is Verb.ROWS else None
            prepared = marked or prepared
            read = self._dependencies.of_read(
                prepared.tables, by_key, prepared.marks, prepared.exact
            )
        elif fetch.verb in ITEM_READS:
            read = Read(tuple(tag for name in prepared.types for tag in (name, of_list(name))))
        elif info is not None and info.type_name in self._catalog.entities:
            read = Read((info.type_name, of_list(info.type_name)))
        found = of_collections(prepared.collections)
        if ranked is not None:
            found += of_collections(ranked.rankings.hits.collections)
            found += self._dependencies.of_read(tables_of(ranked)).tags
        plan = plan_identity(self.schema, prepared.source, native)
        tags = tuple(dict.fromkeys((*read.tags, *found, *declared)))
        return _Known(plan, read._replace(tags=tags), prepared, {})


class CacheRequest:
    """One request as the cache sees it: who asks, and what to tell of its answers.

    `viewer`: the viewer's values. `refresh`: what is there already does not count. `told`: where
    answers came from, where somebody wants to know. `age`: of the oldest answer, in seconds.
    """

    __slots__ = ("_owner", "age", "parts", "refresh", "told", "viewer")

    def __init__(
        self,
        owner: CachedReads,
        viewer: tuple[Any, ...],
        *,
        refresh: bool,
        told: list[Any] | None,
    ) -> None:
        self._owner = owner
        self.viewer = viewer
        self.refresh = refresh
        self.told = told
        self.age = 0.0
        self.parts: list[Slot] | None = None if refresh or told is not None else []
        """What all answers so far were in memory; None once one came from elsewhere."""

    @property
    def cache(self) -> Cache:
        """What is asked."""
        return self._owner.cache

    @property
    def schema(self) -> bytes:
        """A hash of the schema, for keys."""
        return self._owner.schema

    @property
    def groups(self) -> Mapping[str, Groups]:
        """The queues of the sources where misses are read."""
        return self._owner.groups

    def reads(self, fetch: Fetch, ranked: RankedReads | None = None) -> FetchReads:
        """The reads of one fetch, called as the queues of a source are.

        `ranked`: where misses are read of a search that rows take part in.
        """
        return FetchReads(self._owner, fetch, self, ranked or self.groups[fetch.prepared.source])

    def at_hand(
        self, fetch: Fetch, arguments: tuple[Any, ...]
    ) -> tuple[bytes | None, float] | None:
        """The value of a fetch without keys, if it is fresh and in this process.

        The short way: most reads of a busy page end here.
        """
        caching = fetch.caching
        if caching is None or self.refresh or self.told is not None:
            return None
        known = self._owner.known(fetch)
        try:
            if caching.policy.private:
                if self.viewer[SUBJECT] is None:
                    return None
                key = entry_key(known.plan, arguments, None, self.viewer)
            else:
                key = known.key(arguments)
        except UncacheableError:
            return None
        found = self._owner.cache.at_hand(key)
        if found is None:
            return None
        slot, age = found
        self.age = max(self.age, age)
        if self.parts is not None:
            self.parts.append(slot)
        return slot.value, age

    def note(self, place: str, key: str, answers: Sequence[Answer]) -> None:
        """Note where the answers for a field came from, and how old they are.

        `place` is the field, `key` its name in the response.
        """
        age = max([answer.age for answer in answers], default=0.0)
        self.age = max(self.age, age)
        if self.told is None:
            return
        counts: dict[str, int] = {}
        for answer in answers:
            counts[answer.state.value] = counts.get(answer.state.value, 0) + 1
        self.told.append({"field": place, "key": key, **counts, "age": round(age, 3)})


class FetchReads:
    """Called as `Groups` is, for a fetch whose answers may be kept."""

    __slots__ = ("_fetch", "_groups", "_owner", "_request")

    def __init__(
        self,
        owner: CachedReads,
        fetch: Fetch,
        request: CacheRequest,
        groups: Groups | RankedReads,
    ) -> None:
        self._owner = owner
        self._fetch = fetch
        self._request = request
        self._groups = groups

    async def single(
        self, prepared: Prepared, arguments: tuple[Any, ...], deadline: float
    ) -> Value:
        """The one value of a plan without keys. Raises as `Groups.single` does."""
        self._request.parts = None
        groups = self._groups
        names = self._names(arguments, None)
        if names is None:
            return await groups.single(prepared, arguments, deadline)
        known = self._owner.known(self._fetch)

        async def load(_places: Sequence[int], until: float) -> Sequence[Value | Loaded]:
            return known.loaded([await groups.single(known.prepared, arguments, until)])

        (value,) = await self._fetched([known.want(names[0])], load, deadline)
        return value

    async def by_key(
        self,
        prepared: Prepared,
        keys: Sequence[Key],
        arguments: tuple[Any, ...],
        deadline: float,
    ) -> list[Value]:
        """One value per key; those that are in no level in one call. Raises as `Groups.by_key`."""
        groups, request = self._groups, self._request
        names = self._names(arguments, keys)
        if names is None:
            request.parts = None
            return await groups.by_key(prepared, keys, arguments, deadline)
        values: list[Value] = []
        missing: Sequence[int] = range(len(keys))
        if not request.refresh and request.told is None:
            slots, missing, age = self._owner.cache.rows_at_hand(names)
            request.age = max(request.age, age)
            values = [None if slot is None else slot.value for slot in slots]
            if not missing:
                if request.parts is not None:
                    request.parts += [slot for slot in slots if slot is not None]
                return values
        request.parts = None
        known = self._owner.known(self._fetch)
        wants = [known.want(names[place], keys[place]) for place in missing]

        async def load(places: Sequence[int], until: float) -> Sequence[Value | Loaded]:
            asked = [keys[missing[place]] for place in places]
            return known.loaded(await groups.by_key(known.prepared, asked, arguments, until))

        found = await self._fetched(wants, load, deadline)
        if len(found) == len(keys):
            return found
        for place, value in zip(missing, found, strict=True):
            values[place] = value
        return values

    def _names(self, arguments: tuple[Any, ...], keys: Sequence[Key] | None) -> list[bytes] | None:
        """The names of the answers in the cache; None where it must not be asked."""
        fetch = self._fetch
        viewer = None
        if fetch.caching is not None and fetch.caching.policy.private:
            viewer = self._request.viewer
            if viewer[SUBJECT] is None:
                return None
        plan = self._owner.known(fetch).plan
        try:
            if keys is None:
                return [entry_key(plan, arguments, None, viewer)]
            return entry_keys(plan, arguments, keys, viewer)
        except UncacheableError:
            return None

    async def _fetched(self, wants: list[Want], load: Any, deadline: float) -> list[Value]:
        fetch, request = self._fetch, self._request
        if fetch.caching is None:
            raise TypeError("a fetch without a policy is not cached")
        answers = await self._owner.cache.fetch(
            wants, fetch.caching.policy, load, deadline, refresh=request.refresh
        )
        info = fetch.field.info
        place = f"{info.parent}.{info.name}" if info else fetch.field.key
        request.note(place, fetch.field.key, answers)
        return [_value(answer.value) for answer in answers]


def _value(value: Value | Exception) -> Value:
    """A value, or an error of ours in its place; anything else is raised."""
    if isinstance(value, Exception) and not isinstance(value, PlaitError):
        raise value
    return value
