"""Requests that travel together: one execution for all, each gets its own values or errors."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from scripted import Execution, ScriptedSource, settle

from gateway.errors import Code, SourceUnavailable
from gateway.execution.groups import Groups
from gateway.execution.together import MAX_KEYS, Bundle, Wanted, bundles
from gateway.sources.contract import Prepared, Together

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from gateway.sources.contract import Key


@dataclass(frozen=True, slots=True, eq=False)
class Ranking(Prepared):
    """A request that travels with others over the same `shelf`."""

    shelf: str | None = "a"

    def together(self, arguments: tuple[Any, ...]) -> Hashable:
        """The shelf."""
        del arguments
        return self.shelf


ONE = Ranking("scripted", by_key=False)
TWO = Ranking("scripted", by_key=False)
KEYED = Ranking("scripted", by_key=True)
ELSEWHERE = Ranking("scripted", by_key=False, shelf="b")
ALONE = Ranking("scripted", by_key=False, shelf=None)


@pytest.fixture
def source() -> ScriptedSource:
    return ScriptedSource()


@pytest.fixture
def groups(source: ScriptedSource) -> dict[str, Groups]:
    return {"scripted": Groups(source)}


def wanted(
    owner: Hashable, prepared: Prepared, *arguments: Any, keys: Sequence[Key] = ()
) -> Wanted:
    return Wanted(owner, prepared, keys, arguments)


def bundled(
    groups: dict[str, Groups], *parts: Wanted, seconds: float = 60.0
) -> dict[Hashable, Bundle]:
    until = asyncio.get_running_loop().time() + seconds
    return bundles(groups, parts, (), until)


def finish(execution: Execution, answers: list[Any]) -> None:
    """The source answers with these values, part by part."""
    values: list[Any] = answers
    execution.ended.set_result(values)


async def asked(made: dict[Hashable, Bundle]) -> dict[Hashable, asyncio.Task[Any]]:
    """Everybody waits for their own values."""
    tasks = {owner: asyncio.ensure_future(bundle.values(owner)) for owner, bundle in made.items()}
    await settle()
    return tasks


async def test_one_execution_for_all(source: ScriptedSource, groups: dict[str, Groups]) -> None:
    """The source is given every part with its keys and arguments; each owner gets its part."""
    made = bundled(groups, wanted("x", ONE, 1), wanted("y", KEYED, 2, keys=[(7,), (8,)]))
    tasks = await asked(made)
    (execution,) = source.executions
    assert execution.prepared == Together("scripted", False, (ONE, KEYED))  # noqa: FBT003 - by_key
    assert execution.batch.arguments == (((), (1,)), (((7,), (8,)), (2,)))
    finish(execution, [[[b"x"], [b"7", b"8"]]])
    assert await tasks["x"] == [b"x"]
    assert await tasks["y"] == [b"7", b"8"]


async def test_only_what_has_something_in_common(groups: dict[str, Groups]) -> None:
    """Requests over different things, alone, or with too many keys, go their own way."""
    many = [(number,) for number in range(MAX_KEYS + 1)]
    made = bundled(
        groups,
        wanted("x", ONE),
        wanted("y", TWO),
        wanted("else", ELSEWHERE),
        wanted("alone", ALONE),
        wanted("also alone", ALONE),
        wanted("many", KEYED, keys=many),
    )
    assert set(made) == {"x", "y"}
    assert made["x"] is made["y"]
    assert not bundled(groups, wanted("x", ONE), wanted("else", ELSEWHERE))


async def test_a_failure_of_the_whole_is_in_every_place(
    source: ScriptedSource, groups: dict[str, Groups]
) -> None:
    """Typed errors stay what they are, others are masked; nobody is left waiting."""
    for error, code in (
        (SourceUnavailable("away"), Code.SOURCE_UNAVAILABLE),
        (ValueError("secret"), Code.INTERNAL_SERVER_ERROR),
    ):
        parts = wanted("x", ONE), wanted("y", KEYED, keys=[(1,), (2,)])
        tasks = await asked(bundled(groups, *parts))
        source.executions[-1].fail(error)
        values = [*await tasks["x"], *await tasks["y"]]
        assert [value.code for value in values] == [code] * 3
        assert not any("secret" in value.message for value in values)


async def test_the_last_one_to_leave_ends_the_execution(
    source: ScriptedSource, groups: dict[str, Groups]
) -> None:
    """One waiter that is cancelled takes nothing from the others; a closed bundle is cancelled."""
    made = bundled(groups, wanted("x", ONE), wanted("y", TWO))
    tasks = await asked(made)
    tasks["x"].cancel()
    await settle()
    (execution,) = source.executions
    assert not execution.cancelled
    made["y"].close()
    await settle()
    assert execution.cancelled
    assert tasks["y"].cancelled()


async def test_equal_bundles_share_an_execution(
    source: ScriptedSource, groups: dict[str, Groups]
) -> None:
    """Operations that wait for the same bundle are answered by one execution, as equal reads are."""
    parts = wanted("x", ONE, 1), wanted("y", TWO, 2)
    tasks = [await asked(bundled(groups, *parts)) for _ in range(5)]
    assert len(source.executions) == 2  # those under way; the others wait and gather
    for execution in list(source.under_way):
        finish(execution, [[[b"x"], [b"y"]]])
    await settle()
    (last,) = source.under_way
    finish(last, [[[b"later"], [b"y"]]])
    assert [await each["x"] for each in tasks] == [[b"x"]] * 2 + [[b"later"]] * 3
    other = await asked(bundled(groups, wanted("x", ONE, 1), wanted("y", TWO, 3)))
    assert source.executions[-1].batch.arguments == (((), (1,)), ((), (3,)))
    finish(source.executions[-1], [[[b"x"], [b"z"]]])
    assert await other["y"] == [b"z"]
