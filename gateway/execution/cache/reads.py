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

from gateway.caching.answers import Want
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
from gateway.execution.cache.invalidation import Written
from gateway.execution.cache.marks import unmarked
from gateway.execution.cache.outside import OutsideChanges
from gateway.execution.vector_search.reads import tables_of
from gateway.planning.narrowing import ranking_identity
from gateway.planning.steps import ITEM_READS, Verb
from gateway.schema.access.rules import SUBJECT

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from gateway.caching.answers import Answer, Loaded
    from gateway.caching.cache import Cache
    from gateway.caching.dependencies import Dependencies
    from gateway.caching.filling import Load
    from gateway.caching.memory import Slot
    from gateway.caching.policy import Policy
    from gateway.execution.groups import Groups
    from gateway.execution.vector_search.reads import RankedReads
    from gateway.planning.cacheability import Caching
    from gateway.planning.steps import Fetch
    from gateway.schema.catalog import Catalog
    from gateway.sources.contract import Key, Prepared, Value


_MOST_KEYS = 1_024
"""Keys remembered of one fetch."""
_EXACT = frozenset({NoneType, bool, int, str})
"""Types of which values that Python thinks equal are written equally."""


class _Known(NamedTuple):
    """What is the same for every request of a fetch: its plan's identity and what it depends on.

    `place` is its field. `prepared`: what is asked of the source for answers that are kept. `keys`:
    of answers for all, by arguments.
    """

    policy: Policy
    place: str
    plan: bytes
    read: Read
    prepared: Prepared
    keys: dict[Hashable, bytes]

    def want(self, key: bytes, row: Key = ()) -> Want:
        """The want of an answer with a key in the cache; `row` is that of its row."""
        return Want(key, self.read.of_key(row), self.read.guards)

    def loaded(self, values: Sequence[Value]) -> Sequence[Value | Loaded]:
        """Values of the source as they are kept."""
        if not self.read.types:
            return values
        return [unmarked(value, self.read.types) for value in values]

    def key(self, arguments: tuple[Any, ...], viewer: tuple[Any, ...]) -> bytes | None:
        """The key of the only answer; None where the cache must not be asked."""
        try:
            if self.policy.private:
                return entry_key(self.plan, arguments, None, _somebody(viewer))
            kinds = tuple(map(type, arguments))
            if not _EXACT.issuperset(kinds):
                return entry_key(self.plan, arguments)
            key = self.keys.get((arguments, kinds))
            if key is None:
                if len(self.keys) >= _MOST_KEYS:
                    self.keys.clear()
                key = self.keys[arguments, kinds] = entry_key(self.plan, arguments)
        except UncacheableError:
            return None
        return key

    def keys_of(
        self, rows: Sequence[Key], arguments: tuple[Any, ...], viewer: tuple[Any, ...]
    ) -> list[bytes] | None:
        """The keys of answers that are rows; None where the cache must not be asked."""
        try:
            who = _somebody(viewer) if self.policy.private else None
            return entry_keys(self.plan, arguments, rows, who)
        except UncacheableError:
            return None


def _somebody(viewer: tuple[Any, ...]) -> tuple[Any, ...]:
    """The viewer of a private answer. Raises UncacheableError for nobody in particular."""
    if viewer[SUBJECT] is None:
        raise UncacheableError("nobody has private answers")
    return viewer


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
        self.outside = OutsideChanges(cache, dependencies)
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
        if caching.known is None:
            caching.known = self._find_out(fetch, caching)
        known: _Known = caching.known
        return known

    def _find_out(self, fetch: Fetch, caching: Caching) -> _Known:
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
            prepared = caching.marked or prepared
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
        tags = tuple(dict.fromkeys((*read.tags, *found, *caching.policy.tags)))
        place = f"{info.parent}.{info.name}" if info else fetch.field.key
        return _Known(caching.policy, place, plan, read._replace(tags=tags), prepared, {})


class CacheRequest:
    """One request as the cache sees it: who asks, and what to tell of its answers.

    `owner`: the cache of the process. `viewer`: the viewer's values. `refresh`: what is there
    already does not count. `told`: where answers came from, where somebody wants to know. `age`: of
    the oldest answer, in seconds.
    """

    __slots__ = ("age", "owner", "parts", "refresh", "told", "viewer")

    def __init__(
        self,
        owner: CachedReads,
        viewer: tuple[Any, ...],
        *,
        refresh: bool,
        told: list[Any] | None,
    ) -> None:
        self.owner = owner
        self.viewer = viewer
        self.refresh = refresh
        self.told = told
        self.age = 0.0
        self.parts: list[Slot] | None = None if refresh or told is not None else []
        """What all answers so far were in memory; None once one came from elsewhere."""

    def reads(self, fetch: Fetch, ranked: RankedReads | None = None) -> FetchReads:
        """The reads of one fetch, called as the queues of a source are.

        `ranked`: where misses are read of a search that rows take part in.
        """
        return FetchReads(self, fetch, ranked or self.owner.groups[fetch.prepared.source])

    def at_hand(self, fetch: Fetch, arguments: tuple[Any, ...]) -> Slot | None:
        """The value of a fetch without keys, if it is fresh and in this process.

        The short way: most reads of a busy page end here.
        """
        if self.refresh or self.told is not None:
            return None
        key = self.owner.known(fetch).key(arguments, self.viewer)
        found = None if key is None else self.owner.cache.at_hand(key)
        if found is None:
            return None
        slot, age = found
        self.age = max(self.age, age)
        if self.parts is not None:
            self.parts.append(slot)
        return slot

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

    __slots__ = ("_groups", "_key", "_known", "_request")

    def __init__(self, request: CacheRequest, fetch: Fetch, groups: Groups | RankedReads) -> None:
        self._request = request
        self._known = request.owner.known(fetch)
        self._key = fetch.field.key
        self._groups = groups

    async def single(
        self, prepared: Prepared, arguments: tuple[Any, ...], deadline: float
    ) -> Value:
        """The one value of a plan without keys. Raises as `Groups.single` does."""
        self._request.parts = None
        groups, known = self._groups, self._known
        key = known.key(arguments, self._request.viewer)
        if key is None:
            return await groups.single(prepared, arguments, deadline)

        async def load(_places: Sequence[int], until: float) -> Sequence[Value | Loaded]:
            return known.loaded([await groups.single(known.prepared, arguments, until)])

        (value,) = await self._fetched([known.want(key)], load, deadline)
        return value

    async def by_key(
        self,
        prepared: Prepared,
        keys: Sequence[Key],
        arguments: tuple[Any, ...],
        deadline: float,
    ) -> list[Value]:
        """One value per key; those that are in no level in one call. Raises as `Groups.by_key`."""
        groups, known, request = self._groups, self._known, self._request
        names = known.keys_of(keys, arguments, request.viewer)
        if names is None:
            request.parts = None
            return await groups.by_key(prepared, keys, arguments, deadline)
        values: list[Value] = []
        missing: Sequence[int] = range(len(keys))
        if not request.refresh and request.told is None:
            slots, missing, age = request.owner.cache.rows_at_hand(names)
            request.age = max(request.age, age)
            values = [None if slot is None else slot.value for slot in slots]
            if not missing:
                if request.parts is not None:
                    request.parts += [slot for slot in slots if slot is not None]
                return values
        request.parts = None
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

    async def _fetched(self, wants: list[Want], load: Load, deadline: float) -> list[Value]:
        request, known = self._request, self._known
        answers = await request.owner.cache.fetch(
            wants, known.policy, load, deadline, refresh=request.refresh
        )
        request.note(known.place, self._key, answers)
        return [_value(answer.value) for answer in answers]


def _value(value: Value | Exception) -> Value:
    """A value, or an error of ours in its place; anything else is raised."""
    if isinstance(value, Exception) and not isinstance(value, PlaitError):
        raise value
    return value
