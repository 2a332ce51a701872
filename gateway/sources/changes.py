"""What a feed of changes tells, and how it is heard: for caches, subscriptions and syncs.

with changes.subscribe({"trends"}) as events:
    async for event in events:
        match event:
            case Change(): …   # the rows of `event.keys`, or any row
            case Lost(): …     # everything of `event.tables` must be read anew
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from types import TracebackType
    from typing import Self

    from gateway.sources.contract import Budget


class Operation(StrEnum):
    """What a statement did to the rows."""

    INSERT = "INSERT"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    TRUNCATE = "TRUNCATE"


class Loss(StrEnum):
    """Why changes may have been missed."""

    CONNECTED = "connected"
    """The feed listens from now on; what was committed before went unheard."""
    GAP = "gap"
    """A message of a session that is heard did not arrive."""
    UNREADABLE = "unreadable"
    """A message on the channel is none of ours, or of another version."""
    OVERFLOW = "overflow"
    """This subscriber did not keep up."""


def told_as(table: str, own: str = "public") -> str:
    """What changes call a table: its name, with the schema before a dot unless it is `own`."""
    return table.removeprefix(f"{own}.")


KeyValue: TypeAlias = int | bool | str
"""Integers and booleans as they are, everything else as text; dates in ISO 8601, UTC."""


@dataclass(frozen=True, slots=True)
class Change:
    """Rows of one table that one committed statement changed.

    `table`: its name as `told_as` has it, by the schema that is the feed's own. `keys`: the
    primary keys of the rows, old and new where an update changed them, each with the values of
    `columns`; None means that any row may have changed: the statement touched too many, truncated
    the table, or there is no primary key. A long list of keys comes in several changes. `changed`:
    the columns that an update gave another value in some row; None means any column.
    `transaction`: PostgreSQL's 64-bit id; changes of one transaction come without others between.
    `session` and `number`: the server process that wrote, and its count of messages.
    """

    table: str
    operation: Operation
    columns: tuple[str, ...]
    keys: tuple[tuple[KeyValue, ...], ...] | None
    transaction: int
    session: int
    number: int
    changed: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Lost:
    """Changes may have been missed: treat every row of `tables` as changed, now.

    `tables`: all the subscriber asked for, None if that is every table. `since`: nothing is
    missing from before; for people and figures, it is the gateway's clock.
    """

    tables: frozenset[str] | None
    since: datetime
    reason: Loss


Event: TypeAlias = Change | Lost


class Events(Protocol):
    """One subscriber's events: iterate over them, and leave by `close()` or `with`."""

    def close(self) -> None:
        """Leave: no further events come; idempotent."""

    def __aiter__(self) -> Self: ...

    async def __anext__(self) -> Event: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Changes(Protocol):
    """The committed changes of one database, for any number of subscribers."""

    @property
    def live(self) -> bool:
        """Whether they are heard at this moment."""

    async def watched(self, budget: Budget) -> frozenset[str]:
        """The tables whose changes are told, by the names events have. Raises SourceError."""

    def subscribe(self, tables: Iterable[str] | None = None) -> Events:
        """The events of `tables`, None for all, from this moment on.

        Where changes are not heard, the next event is the `Lost` of the moment they are again.
        Raises `SourceUnavailable` after the feed was closed.
        """
