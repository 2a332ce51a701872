"""What a subscriber receives: changes, and the news that changes may have been missed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

import msgspec

if TYPE_CHECKING:
    from datetime import datetime


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


KeyValue: TypeAlias = int | bool | str
"""Integers and booleans as they are, everything else as text; dates in ISO 8601, UTC."""


@dataclass(frozen=True, slots=True)
class Change:
    """Rows of one table that one committed statement changed.

    `table`: its name, with the schema before a dot unless that is the feed's own. `keys`: the
    primary keys of the rows, old and new where an update changed them, each with the values of
    `columns`; None means that any row may have changed: the statement touched too many, truncated
    the table, or there is no primary key. A long list of keys comes in several changes.
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


class _Message(msgspec.Struct):
    """What `plait_changed()` sends."""

    table: tuple[str, str]
    operation: Operation
    columns: tuple[str, ...]
    keys: tuple[tuple[KeyValue, ...], ...] | None
    number: int
    transaction: int


_decode = msgspec.json.Decoder(_Message).decode


def read(payload: str, session: int, schema: str) -> Change:
    """The change a message tells of; tables of `schema` go by their bare name.

    Raises `ValueError` when the message is not one of `plait_changed()`.
    """
    message = _decode(payload)
    within, name = message.table
    return Change(
        table=name if within == schema else f"{within}.{name}",
        operation=message.operation,
        columns=message.columns,
        keys=message.keys,
        transaction=message.transaction,
        session=session,
        number=message.number,
    )
