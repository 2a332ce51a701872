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
from gateway.caching.key import (
    UncacheableError,
    canonical,
    entry_key,
    entry_keys,
    plan_identity,
)
from gateway.caching.tags import of_list, of_row
from gateway.errors import PlaitError
from gateway.execution.invalidation import Written
from gateway.planning.steps import ITEM_READS, Verb
from gateway.schema.rules import SUBJECT

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from gateway.caching.cache import Cache
    from gateway.caching.dependencies import Dependencies
    from gateway.caching.outcome import Answer
    from gateway.execution.groups import Groups
    from gateway.planning.steps import Fetch
    from gateway.schema.catalog import Catalog
    from gateway.sources.contract import Key, Prepared, Value


_MOST_KEYS = 1_024
"""Keys remembered of one fetch."""
_EXACT = frozenset({NoneType, bool, int, str})
"""Types of which values that Python thinks equal are written equally."""


class _Known(NamedTuple):
    """What is the same for every request of a fetch: its plan's identity and its tags.

    `row`: the type whose row's own tag comes to them. `keys`: of answers for all, by arguments.
    """

    plan: bytes
    tags: tuple[str, ...]
    row: str | None
    keys: dict[Hashable, bytes]

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
        self._groups = groups
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
            known = caching.known = self._find_out(fetch, caching.policy.tags)
        return known

    def groups_of(self, fetch: Fetch) -> Groups:
        """Where misses are read."""
        return self._groups[fetch.prepared.source]

    def _find_out(self, fetch: Fetch, declared: tuple[str, ...]) -> _Known:
        prepared: Any = fetch.prepared
        info = fetch.field.info
        native = orjson.dumps(
            [
                fetch.verb.value,
                info.type_name if info else "",
                dict(self._describe(prepared)),
                getattr(prepared, "identity", None),
            ],
            option=orjson.OPT_NON_STR_KEYS,
            default=lambda value: canonical(value).hex(),
        )
        entity = self._catalog.entities.get(fetch.entity or "")
        tags: tuple[str, ...] = ()
        row = None
        if fetch.verb in {Verb.ROWS, Verb.PAGE}:
            by_key = entity if fetch.verb is Verb.ROWS else None
            tags, row = self._dependencies.of_read(prepared.tables, by_key)
        elif fetch.verb in ITEM_READS:
            tags = tuple(tag for name in prepared.types for tag in (name, of_list(name)))
        elif info is not None and info.type_name in self._catalog.entities:
            tags = (info.type_name, of_list(info.type_name))
        plan = plan_identity(self.schema, prepared.source, native)
        return _Known(plan, tuple(dict.fromkeys((*tags, *declared))), row, {})


class CacheRequest:
    """One request as the cache sees it: who asks, and what to tell of its answers.

    `viewer`: the viewer's values. `refresh`: what is there already does not count. `told`: where
    answers came from, where somebody wants to know. `age`: of the oldest answer, in seconds.
    """

    __slots__ = ("_owner", "age", "refresh", "told", "viewer")

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

    @property
    def cache(self) -> Cache:
        """What is asked."""
        return self._owner.cache

    @property
    def schema(self) -> bytes:
        """A hash of the schema, for keys."""
        return self._owner.schema

    def reads(self, fetch: Fetch) -> FetchReads:
        """The reads of one fetch, called as the queues of a source are."""
        return FetchReads(self._owner, fetch, self)

    def at_hand(
        self, fetch: Fetch, arguments: tuple[Any, ...]
    ) -> tuple[bytes | None, float] | None:
        """The value of a fetch without keys, if it is everybody's, fresh and in this process.

        The short way: most reads of a busy page end here.
        """
        caching = fetch.caching
        if caching is None or caching.policy.private or self.refresh or self.told is not None:
            return None
        try:
            key = self._owner.known(fetch).key(arguments)
        except UncacheableError:
            return None
        found = self._owner.cache.at_hand(key)
        if found is not None and found[1] > self.age:
            self.age = found[1]
        return found

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

    __slots__ = ("_fetch", "_owner", "_request")

    def __init__(self, owner: CachedReads, fetch: Fetch, request: CacheRequest) -> None:
        self._owner = owner
        self._fetch = fetch
        self._request = request

    async def single(
        self, prepared: Prepared, arguments: tuple[Any, ...], scope: Hashable, deadline: float
    ) -> Value:
        """The one value of a plan without keys. Raises as `Groups.single` does."""
        groups = self._owner.groups_of(self._fetch)
        names = self._names(arguments, None)
        if names is None:
            return await groups.single(prepared, arguments, scope, deadline)
        wants = [Want(names[0], self._owner.known(self._fetch).tags)]

        async def load(_places: Sequence[int], until: float) -> list[Value]:
            return [await groups.single(prepared, arguments, scope, until)]

        (value,) = await self._fetched(wants, load, deadline)
        return value

    async def by_key(
        self,
        prepared: Prepared,
        keys: Sequence[Key],
        arguments: tuple[Any, ...],
        scope: Hashable,
        deadline: float,
    ) -> list[Value]:
        """One value per key; those that are in no level in one call. Raises as `Groups.by_key`."""
        groups, request = self._owner.groups_of(self._fetch), self._request
        names = self._names(arguments, keys)
        if names is None:
            return await groups.by_key(prepared, keys, arguments, scope, deadline)
        values: list[Value] = []
        missing: Sequence[int] = range(len(keys))
        if not request.refresh and request.told is None:
            at_hand, missing, age = self._owner.cache.rows_at_hand(names)
            request.age = max(request.age, age)
            values += at_hand
        if not missing:
            return values
        known = self._owner.known(self._fetch)
        wants = [Want(names[place], _tags(known, keys[place])) for place in missing]

        async def load(places: Sequence[int], until: float) -> list[Value]:
            asked = [keys[missing[place]] for place in places]
            return await groups.by_key(prepared, asked, arguments, scope, until)

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


def _tags(known: _Known, key: Key) -> tuple[str, ...]:
    own = of_row(known.row, key) if known.row is not None else None
    if own is not None:
        return (*known.tags, own)
    if known.row is None:
        return known.tags
    return (*known.tags, of_list(known.row))


def _value(value: Value | Exception) -> Value:
    """A value, or an error of ours in its place; anything else is raised."""
    if isinstance(value, Exception) and not isinstance(value, PlaitError):
        raise value
    return value
