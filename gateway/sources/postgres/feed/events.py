"""The messages of watched tables as changes; by their numbers a missing one is noticed."""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from gateway.sources.changes import Change, KeyValue, Operation, told_as


class _Message(msgspec.Struct):
    """What the function of a watched table sends."""

    table: tuple[str, str]
    operation: Operation
    columns: tuple[str, ...]
    keys: tuple[tuple[KeyValue, ...], ...] | None
    number: int
    transaction: int
    changed: tuple[str, ...] | None = None  # functions from before 0012 do not tell


_decode = msgspec.json.Decoder(_Message).decode


def read(payload: str, session: int, schema: str) -> Change:
    """The change a message tells of; tables of `schema` go by their bare name.

    Raises `ValueError` when the message is not one of these.
    """
    message = _decode(payload)
    return Change(
        table=told_as(".".join(message.table), schema),
        operation=message.operation,
        columns=message.columns,
        keys=message.keys,
        transaction=message.transaction,
        session=session,
        number=message.number,
        changed=message.changed,
    )


class Numbering:
    """The last number heard of each session; the sessions silent for longest are forgotten.

    A session is first heard at any number, and starts again at 1 when it resets its settings or
    its process id passes to a new one.
    """

    def __init__(self, most_sessions: int = 4_096) -> None:
        self._most_sessions = most_sessions
        self._last: OrderedDict[int, int] = OrderedDict()

    def follows(self, session: int, number: int) -> bool:
        """Whether nothing is missing between the session's last number and this one."""
        last = self._last.pop(session, None)
        self._last[session] = number
        if len(self._last) > self._most_sessions:
            self._last.popitem(last=False)
        return last is None or number in (1, last + 1)

    def clear(self) -> None:
        """Forget all: another connection hears from other moments on."""
        self._last.clear()

    def __len__(self) -> int:
        return len(self._last)
