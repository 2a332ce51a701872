"""Notices that a message is missing, by the number each session gives its own."""

from __future__ import annotations

from collections import OrderedDict


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
