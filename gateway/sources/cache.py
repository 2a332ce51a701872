"""What the cache needs of a shared store; `gateway.sources.redis.cache` is one.

Every method is one round trip, bounded in time by the store itself, and raises `SourceError` for
whatever goes wrong. Tags that no version is stored for have none (None): entries that carry them
are not valid, so a store may lose anything at any time.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager


EVERYTHING = "*"
"""The tag that every entry has."""
BY_NAME = "!"
"""Goes with tags that somebody names, not a change of rows: live queries that show one look again.

Those with `*` and `?` are patterns then.
"""


class Sought(NamedTuple):
    """One entry to look for, and its tags by their places among those of the call, from 1.

    `newer_than`: milliseconds of the wall clock; an entry that is not newer does not count.
    `guards`: further tags whose versions a fill of it needs.
    """

    key: bytes
    tags: tuple[int, ...]
    newer_than: int
    guards: tuple[int, ...] = ()


class Lock(IntEnum):
    """Who fills what is not there."""

    NOT_NEEDED = 0
    """There is an entry that counts, as far as the store can see."""
    OURS = 1
    OTHERS = 2
    NONE = 3
    """The store takes no writes: whoever asks may fill, and cannot keep."""


class Looked(NamedTuple):
    """What was there: an entry under the tags' current versions, else None."""

    data: bytes | None
    lock: Lock


class Stored(NamedTuple):
    """One entry to store: its bytes, how long to keep them, and the token of the lock on its key.

    `tags`: the places among the versions of the call of those it is kept under, `found` those of
    tags that were found in it among those of the call.
    """

    key: bytes
    data: bytes | None
    """None only gives up the lock."""
    milliseconds: int
    token: bytes
    tags: tuple[int, ...]
    found: tuple[int, ...] = ()


class Mark(NamedTuple):
    """A place in the row of all invalidations: of which life of the store, and the how-manieth."""

    epoch: str
    number: int


class Bumped(NamedTuple):
    """An invalidation as the store recorded it: its place, and who held a lease at that moment."""

    mark: Mark
    holders: Mapping[str, str]
    """By node the number of its last renewal."""


class Notice(NamedTuple):
    """An invalidation as every listener hears it."""

    mark: Mark
    node: str
    tags: tuple[str, ...]


class Acknowledged(NamedTuple):
    """What another node says to ours: it has heard everything up to that mark."""

    node: str
    mark: Mark


class SharedStore(Protocol):
    """Entries, the versions of tags, locks, and the leases of in-process levels.

    A store that has lost its last invalidations, as a snapshot or a replica that lagged has, begins
    another life without its entries, once it is asked by somebody who has heard of them.
    """

    async def open(self) -> None:
        """Connect; raises `ConfigurationError` for refused credentials."""

    async def close(self) -> None:
        """Release everything; idempotent, bounded in time."""

    async def look(  # noqa: PLR0913 - what is looked for, and for how long it is ours
        self,
        tags: Sequence[str],
        wanted: Sequence[Sought],
        token: bytes,
        *,
        now_ms: int,
        tag_ms: int,
        lock_ms: int,
    ) -> tuple[list[bytes | None], list[Looked]]:
        """Entries that count, and for the others all that a fill needs to begin, in one moment.

        The tags' versions come first. An entry counts while its tags, those found in it among
        them, have their current versions, by its times at `now_ms` of the wall clock. For one that
        does not the lock is taken, unless somebody has it; then its tags and guards have versions,
        made where there are none, and are kept for at least `tag_ms` more.
        """

    async def store(
        self,
        versions: Sequence[tuple[str, bytes]],
        found: Sequence[str],
        entries: Sequence[Stored],
        *,
        version: bytes,
        tag_ms: int,
    ) -> list[bool]:
        """Keep entries whose tags all have these versions still; gives up their locks.

        With each the versions that the tags found in it have at that moment: `version` where there
        is none, and for at least `tag_ms` more. Which of them were kept. Places count from 1.
        """

    async def bump(self, tags: Sequence[str], node: str) -> Bumped:
        """Invalidate: the tags have new versions, every listener gets notice, who holds leases."""

    async def renew(self, node: str, renewal: str) -> Mark:
        """Record that this node holds a lease from now on; the last invalidation there was."""

    async def expel(self, holders: Mapping[str, str]) -> None:
        """Forget nodes whose last renewal is still this one."""

    async def acknowledge(self, marks: Mapping[str, Mark], node: str) -> None:
        """Tell each of the nodes that `node` has heard everything up to a mark."""

    def listen(
        self, node: str
    ) -> AbstractAsyncContextManager[AsyncIterator[Notice | Acknowledged]]:
        """What is said from now on, in order and without gaps; raises when that cannot be kept."""

    async def tags_like(self, pattern: str, most: int) -> list[str]:
        """Tags in use that match a pattern with `*` and `?`; at most so many."""

    async def acquire(self, name: str, owner: str, seconds: float) -> bool:
        """Take a lock unless somebody has it."""

    async def extend(self, name: str, owner: str, seconds: float) -> bool:
        """Keep a lock for longer; False where it is not ours any more."""

    async def release(self, name: str, owner: str) -> bool:
        """Give a lock up; False where it is not ours any more."""
