"""The messages of `plait_changed()` as changes."""

from __future__ import annotations

import msgspec

from gateway.sources.changes import Change, KeyValue, Operation


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
    return Change(
        table=table_name(*message.table, schema),
        operation=message.operation,
        columns=message.columns,
        keys=message.keys,
        transaction=message.transaction,
        session=session,
        number=message.number,
    )


def table_name(within: str, name: str, schema: str) -> str:
    """A table's name as `Change.table` has it."""
    return name if within == schema else f"{within}.{name}"
