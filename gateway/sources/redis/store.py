"""The values of namespaces: `State` read in one conversation, and writes, one at a time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from gateway.errors import PlaitError, SourceTimeout
from gateway.sources.contract import Prepared
from gateway.sources.pieces import array, members
from gateway.sources.redis.faults import accepted
from gateway.sources.redis.link import Command
from gateway.sources.redis.reads import answer_of, command_of, many, shaped, stored_key
from gateway.sources.redis.scanning import Page, Scan
from gateway.sources.redis.writes import WRITES, commands_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.schema.asks import Part
    from gateway.schema.state.namespaces import Guard, Namespace
    from gateway.sources.contract import Value
    from gateway.sources.redis.link import Link
    from gateway.sources.redis.turns import Turns


@dataclass(frozen=True, slots=True, eq=False)
class ReadPrepared(Prepared):
    """What is read of one namespace; `guard` must let the viewer in before it is executed."""

    guard: Guard
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ChangePrepared(Prepared):
    """One write to one namespace; `guard` must let the viewer in before it is made."""

    guard: Guard
    verb: str
    parts: tuple[Part, ...]


class Store:
    """Reads and writes values of namespaces; `source` is the name in errors."""

    def __init__(self, source: str, link: Link, turns: Turns) -> None:
        self._source = source
        self._link = link
        self._turns = turns

    async def read(
        self, prepared: ReadPrepared, arguments: Sequence[tuple[Any, ...]], deadline: float
    ) -> Value:
        """The object: everything in one conversation, but further answers of SCAN.

        A field that failed is an error in its place. Raises `SourceError` where nothing came.
        """
        namespace = prepared.guard.namespace
        values: dict[str, Value] = {}
        asked = _Asked(namespace, values)
        scans = []
        given = iter(arguments)
        for part in prepared.parts:
            if part.spec is None:
                values[part.key] = orjson.dumps(part.text)
            elif part.name == "keys":
                scans.append(self._page(namespace, part, next(given), deadline, values))
            else:
                asked.add(part, next(given))
        if scans:
            failed, *_ = await asyncio.gather(
                self._ask(asked, deadline), *scans, return_exceptions=True
            )
            if isinstance(failed, BaseException):
                raise failed
        else:
            await self._ask(asked, deadline)
        return members((part.key, values[part.key]) for part in prepared.parts)

    async def _ask(self, asked: _Asked, deadline: float) -> None:
        if asked.keys or asked.commands:
            asked.take(*await self._turns.ask(asked.keys, asked.commands, deadline))

    async def _page(
        self,
        namespace: Namespace,
        part: Part,
        arguments: tuple[Any, ...],
        deadline: float,
        values: dict[str, Value],
    ) -> None:
        match, first, after = arguments
        try:
            page = await Scan(self._link, self._turns, namespace, match).page(
                first, after, deadline
            )
        except PlaitError as error:
            values[part.key] = error
        else:
            values[part.key] = _connection(part, page, match)

    async def write(
        self, prepared: ChangePrepared, arguments: tuple[Any, ...], deadline: float
    ) -> Value:
        """Make one write, once. Raises InputError before anything is sent, and SourceError."""
        if asyncio.get_running_loop().time() >= deadline:
            raise SourceTimeout(f"source {self._source!r} was not asked: no time was left")
        if prepared.verb == "delete":
            return await self._delete(prepared.guard.namespace, arguments[0], deadline)
        if prepared.verb == "delete_matching":
            return await self._delete_matching(prepared, arguments, deadline)
        write = WRITES[prepared.verb]
        namespace = prepared.guard.namespace
        commands = commands_of(namespace, prepared.verb, arguments, prepared.parts)
        _, answers = await self._turns.ask((), commands, deadline)
        accepted(answers, namespace.shown, write.expected)
        return write.read(namespace, arguments, prepared.parts, answers)

    def describe(self, prepared: Prepared) -> Mapping[str, Any]:
        """The commands, and which namespace they are confined to."""
        if isinstance(prepared, ChangePrepared):
            commands = [prepared.verb]
        elif isinstance(prepared, ReadPrepared):
            commands = [part.name for part in prepared.parts if part.spec is not None]
        else:
            raise TypeError(f"{self._source} has prepared no such thing")
        return {
            "source": self._source,
            "namespace": prepared.guard.namespace.shown,
            "asks": ", ".join(commands),
        }

    async def _delete(self, namespace: Namespace, keys: Sequence[str], deadline: float) -> Value:
        stored = list(dict.fromkeys(stored_key(namespace, key) for key in keys))
        return b"%d" % await self._unlink(namespace, stored, deadline)

    async def _delete_matching(
        self, prepared: ChangePrepared, arguments: tuple[Any, ...], deadline: float
    ) -> Value:
        match, limit, after = arguments
        scan = Scan(self._link, self._turns, prepared.guard.namespace, match)
        page: Page = await scan.page(limit, after, deadline)
        victims = list(page.keys)[:limit]
        deleted = await self._unlink(prepared.guard.namespace, victims, deadline)
        # What the limit left of this page is found where the page began.
        cursor = page.cursor(match, again=len(page.keys) > limit)
        return shaped(
            prepared.parts,
            {
                "deleted": b"%d" % deleted,
                "more": b"true" if cursor else b"false",
                "endCursor": orjson.dumps(cursor),
            },
        )

    async def _unlink(self, namespace: Namespace, keys: list[bytes], deadline: float) -> int:
        groups = self._link.together(keys) if keys else []
        commands = [Command(("UNLINK", *(keys[place] for place in group))) for group in groups]
        if not commands:
            return 0
        _, answers = await self._turns.ask((), commands, deadline)
        return sum(accepted(answers, namespace.shown, "value"))


class _Asked:
    """The look-ups and commands of one read, and where their answers go."""

    def __init__(self, namespace: Namespace, values: dict[str, Value]) -> None:
        self._namespace = namespace
        self._values = values
        self._lists: list[tuple[Part, int]] = []
        self._single: list[tuple[Part, tuple[Any, ...]]] = []
        self.keys: list[bytes] = []
        self.commands: list[Command] = []

    def add(self, part: Part, arguments: tuple[Any, ...]) -> None:
        """Ask for a field's value."""
        if part.name == "getMany":
            (several,) = arguments
            self._lists.append((part, len(several)))
            self.keys += [stored_key(self._namespace, key) for key in several]
        else:
            self._single.append((part, arguments))
            self.commands.append(command_of(self._namespace, part.name, arguments))

    def take(self, found: Sequence[Any], answers: Sequence[Any]) -> None:
        """Give each field what was answered."""
        for (part, arguments), answer in zip(self._single, answers, strict=True):
            self._values[part.key] = answer_of(self._namespace, part, arguments, answer)
        start = 0
        for part, count in self._lists:
            self._values[part.key] = many(self._namespace, found[start : start + count])
            start += count


def _connection(part: Part, page: Page, match: str) -> Value:
    """A page of keys as `StateKeyConnection`."""
    cursor = page.cursor(match)
    facts: dict[str, Value] = {
        "hasNextPage": b"true" if cursor else b"false",
        "hasPreviousPage": b"false",
        "startCursor": None,
        "endCursor": orjson.dumps(cursor),
    }
    nodes = array([orjson.dumps(name) for name in page.keys.values()])
    values = (
        (one.key, nodes if one.name == "nodes" else shaped(one.parts, facts))
        if one.text is None
        else (one.key, orjson.dumps(one.text))
        for one in part.parts
    )
    return members(values)
