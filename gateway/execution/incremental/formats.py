"""The two ways in which parts of an answer are written, and what they are parts of.

`20220824` is what Apollo Client's `Defer20220824Handler`, Relay and urql read: a part says by path
and label what it is, and holds its fragment whole.
https://github.com/apollographql/specs/blob/main/incremental/v0.1/incremental-v0.1.md

`v0.2` is the present draft, as graphql-js 17 writes it and Apollo Client's `GraphQL17Alpha9Handler`
reads it: what is to come is announced by an id, nothing is sent twice, and each end is told.
https://github.com/graphql/graphql-wg/blob/main/rfcs/DeferStream.md
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

from gateway.documents.incremental.shares import KEY
from gateway.execution.incremental.places import at, gone
from gateway.execution.objects import encoded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.documents.incremental.shares import Keys, Owner
    from gateway.execution.incremental.places import Error, Place


class Form(StrEnum):
    """How the parts of an answer are written."""

    LEGACY = "20220824"
    CURRENT = "v0.2"


class Pending:
    """A deferred fragment or a streamed list, at one place of the answer.

    `value` is the object or list itself; `open` counts what is still to come of it; `members` are
    what came, by places below it. A stream that `failed` has an entry that could not be had. What
    is `lost` stands within a fragment that failed.
    """

    __slots__ = (
        "errors",
        "failed",
        "identity",
        "lost",
        "members",
        "open",
        "owner",
        "place",
        "value",
    )

    def __init__(self, identity: int, owner: Owner, place: Place, value: Any) -> None:
        self.identity = str(identity)
        self.owner = owner
        self.place = place
        self.value = value
        self.open = 0
        self.failed = self.lost = False
        self.errors: list[Error] = []
        self.members: Added = []


Added: TypeAlias = "list[tuple[Place, dict[str, Any]]]"
"""The members that are new to an object, by places below it."""


def add(value: dict[str, Any], row: Mapping[str, Any], below: Place = ()) -> Added:
    """Add a row's members to the object, which stands `below` it; what was there stays."""
    new: dict[str, Any] = {}
    added: Added = []
    for key, part in row.items():
        if key == KEY:
            value[key] = part
        elif key not in value:
            value[key] = new[key] = part
        elif isinstance(part, dict) and isinstance(value[key], dict):
            added += add(value[key], part, (*below, key))
    return [*added, (below, new)] if new else added


class LegacyWriter:
    """Writes parts as of `20220824`, each as JSON."""

    def __init__(self) -> None:
        self.incremental: list[dict[str, Any]] = []

    def opened(self, pending: Pending) -> None:
        """Something will come."""

    def added(self, pending: Pending, place: Place, added: Added, errors: Sequence[Error]) -> None:
        """Something of a fragment came, below the object at `place`."""
        pending.errors += errors
        pending.members += _inside(pending, place, added)

    def entries(self, pending: Pending, first: int, values: list[Any]) -> None:
        """The next entries of a list came; `first` is the number of the first."""
        part: dict[str, Any] = {"items": encoded(values), "path": [*pending.place, first]}
        self._append(pending, part)

    def closed(self, pending: Pending) -> None:
        """Nothing more comes of it."""
        if pending.lost:
            return
        if pending.owner.count is None:
            shown = None if pending.failed else selected(pending.value, pending.owner.keys)
            for inside, members in () if pending.failed else pending.members:
                at(shown, inside).update(members)
            self._append(pending, {"data": encoded(shown), "path": list(pending.place)})
        elif pending.failed:
            path = [*pending.place, len(pending.value)]
            self._append(pending, {"items": None, "path": path})

    def _append(self, pending: Pending, part: dict[str, Any]) -> None:
        if pending.owner.label is not None:
            part["label"] = pending.owner.label
        if pending.errors:
            part["errors"] = pending.errors
            pending.errors = []
        self.incremental.append(part)

    def message(self, body: Mapping[str, Any], *, more: bool) -> bytes:
        """All that came since the last message, with the members of `body`."""
        told: dict[str, Any] = {**body}
        if self.incremental:
            told["incremental"], self.incremental = self.incremental, []
        return orjson.dumps({**told, "hasNext": more})


class CurrentWriter(LegacyWriter):
    """Writes parts as of `v0.2`."""

    def __init__(self) -> None:
        super().__init__()
        self.pending: list[dict[str, Any]] = []
        self.completed: list[dict[str, Any]] = []

    def opened(self, pending: Pending) -> None:
        """Announce it by its id."""
        told = {"id": pending.identity, "path": list(pending.place)}
        if pending.owner.label is not None:
            told["label"] = pending.owner.label
        self.pending.append(told)

    def added(self, pending: Pending, place: Place, added: Added, errors: Sequence[Error]) -> None:
        """What is new, at each place below the fragment's: at once, as others may share it."""
        left = list(errors)
        for inside, members in _inside(pending, place, added):
            part: dict[str, Any] = {"id": pending.identity, "data": encoded(members)}
            if inside:
                part["subPath"] = list(inside)
            if left:
                part["errors"], left = left, []
            self.incremental.append(part)
        pending.errors += left

    def entries(self, pending: Pending, first: int, values: list[Any]) -> None:  # noqa: ARG002 - of the older form
        """The next entries, which need no number."""
        part: dict[str, Any] = {"id": pending.identity, "items": encoded(values)}
        if pending.errors:
            part["errors"], pending.errors = pending.errors, []
        self.incremental.append(part)

    def closed(self, pending: Pending) -> None:
        """Tell its end, and why it failed where it did."""
        told: dict[str, Any] = {"id": pending.identity}
        if pending.errors or pending.failed:
            told["errors"] = pending.errors or [gone(pending.place)]
        self.completed.append(told)

    def message(self, body: Mapping[str, Any], *, more: bool) -> bytes:
        """All that came since the last message, with the members of `body`."""
        told: dict[str, Any] = {**body}
        if self.pending:
            told["pending"], self.pending = self.pending, []
        if self.incremental:
            told["incremental"], self.incremental = self.incremental, []
        if self.completed:
            told["completed"], self.completed = self.completed, []
        return orjson.dumps({**told, "hasNext": more})


WRITERS: Mapping[Form, type[LegacyWriter]] = {
    Form.LEGACY: LegacyWriter,
    Form.CURRENT: CurrentWriter,
}


def _inside(pending: Pending, place: Place, added: Added) -> Added:
    start = len(pending.place)
    return [((*place, *below)[start:], members) for below, members in added]


def selected(value: Any, keys: Keys | None) -> Any:
    """A value as a fragment asked for it, without what others asked for beside."""
    if keys is None or value is None:
        return value
    if isinstance(value, list):
        return [selected(one, keys) for one in value]
    return {key: selected(value[key], below) for key, below in keys.items() if key in value}
