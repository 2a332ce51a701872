"""What every source must do, whatever its vendor: tests to be inherited.

    from sources.contract import SourceContract, Subject   # `tests` is on the path

    class TestRedisSource(SourceContract):
        @pytest.fixture
        async def subject(self, …) -> AsyncIterator[Subject]: …

A subject brings an engine of its own, for these tests freeze, kill and restart it.
"""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from gateway.errors import (
    ConfigurationError,
    SourceError,
    SourceTimeout,
    SourceUnavailable,
)
from gateway.sources.contract import Batch, Budget

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.embedded import Engines
    from gateway.sources.contract import Key, Prepared, Source, Value

SHORT, LONG = 0.3, 10.0
"""Seconds a test gives a source that cannot answer, and one that can."""
HUNG = 8.0
"""Seconds after which a call that should have come back counts as hung."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A source under test, open, and the engine behind it.

    `present`: at least three keys and the JSON each must give. `missing`: a key of the right type
    that is not there, and `missing_value` what is given for it. `intruder`: the same source, not
    open, with credentials the engine refuses, of which `secret` is a part.
    """

    source: Source
    prepared: Prepared
    present: Mapping[Key, bytes]
    missing: Key
    missing_value: Value
    engines: Engines
    engine: str
    intruder: Source
    secret: str

    async def ask(self, *keys: Key, seconds: float = LONG) -> list[Value]:
        """Execute for `keys` with `seconds` left; a call that hangs fails the test."""
        deadline = asyncio.get_running_loop().time() + seconds
        async with asyncio.timeout(seconds + HUNG):
            return list(
                await self.source.execute(self.prepared, Batch(keys=keys), Budget(deadline))
            )

    async def recovers(self) -> None:
        """The source answers again, by itself, within its next few calls."""
        expected = list(self.present.values())
        for _ in range(50):
            try:
                answer = await self.ask(*self.present)
            except SourceError:
                await asyncio.sleep(0.05)
            else:
                assert answer == expected
                return
        pytest.fail("the source did not recover")

    async def health(self, source: Source | None = None, seconds: float = SHORT) -> Any:
        """What the readiness check says."""
        deadline = asyncio.get_running_loop().time() + seconds
        async with asyncio.timeout(seconds + HUNG):
            return await (source or self.source).check(Budget(deadline))


class SourceContract:
    """Inherit, name the class `Test…`, and provide the fixture `subject`."""

    async def test_values_stand_in_the_order_of_their_keys(self, subject: Subject) -> None:
        """Whatever order the keys come in, each value is that of its key."""
        for seed in range(5):
            keys = list(subject.present)
            random.Random(seed).shuffle(keys)  # noqa: S311 - repeatable, not secret
            assert await subject.ask(*keys) == [subject.present[key] for key in keys]

    async def test_a_missing_key_leaves_a_gap_in_its_place(self, subject: Subject) -> None:
        """A key that is not there moves no other value."""
        first, second, *_ = subject.present
        assert await subject.ask(first, subject.missing, second) == [
            subject.present[first],
            subject.missing_value,
            subject.present[second],
        ]

    async def test_only_missing_keys(self, subject: Subject) -> None:
        """Nothing found is an answer, not an error."""
        assert await subject.ask(subject.missing) == [subject.missing_value]

    async def test_a_key_given_twice_is_answered_twice(self, subject: Subject) -> None:
        """As many values as keys, also when keys repeat."""
        first, second, *_ = subject.present
        assert await subject.ask(first, second, first) == [
            subject.present[first],
            subject.present[second],
            subject.present[first],
        ]

    async def test_no_keys_give_no_values(self, subject: Subject) -> None:
        """An empty batch is answered without harm."""
        assert await subject.ask() == []

    async def test_a_deadline_that_has_passed(self, subject: Subject) -> None:
        """Without time left the source raises a timeout instead of working."""
        with pytest.raises(SourceTimeout):
            await subject.ask(*subject.present, seconds=-1.0)

    async def test_a_silent_engine_is_a_timeout(self, subject: Subject) -> None:
        """A frozen engine costs the deadline, not more; when it goes on, so does the source."""
        await subject.ask(*subject.present)
        process = subject.engines.processes[subject.engine]
        process.freeze()
        try:
            with pytest.raises(SourceTimeout):
                await subject.ask(*subject.present, seconds=SHORT)
            assert not (await subject.health()).ready
        finally:
            process.thaw()
        await subject.recovers()

    async def test_close_comes_back_from_a_silent_engine(self, subject: Subject) -> None:
        """Closing is bounded in time, and may be done twice."""
        await subject.ask(*subject.present)
        process = subject.engines.processes[subject.engine]
        process.freeze()
        try:
            async with asyncio.timeout(HUNG):
                await subject.source.close()
                await subject.source.close()
        finally:
            process.thaw()

    async def test_cancelled_callers_leave_nothing_behind(self, subject: Subject) -> None:
        """More cancelled calls than there are connections, at every stage, and it still serves."""
        await subject.ask(*subject.present)
        for steps in range(4 * subject.source.concurrency):
            task = asyncio.create_task(subject.ask(*subject.present))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await subject.recovers()

    async def test_callers_cancelled_while_the_engine_is_silent(self, subject: Subject) -> None:
        """A cancelled call comes back at once even if the engine never answers."""
        await subject.ask(*subject.present)
        process = subject.engines.processes[subject.engine]
        process.freeze()
        try:
            for _ in range(2 * subject.source.concurrency):
                task = asyncio.create_task(subject.ask(*subject.present))
                await asyncio.sleep(0.01)
                task.cancel()
                async with asyncio.timeout(HUNG):
                    await asyncio.gather(task, return_exceptions=True)
        finally:
            process.thaw()
        await subject.recovers()

    async def test_as_many_at_once_as_it_allows(self, subject: Subject) -> None:
        """`concurrency` executions at once do not get in each other's way."""
        expected = list(subject.present.values())
        answers = await asyncio.gather(
            *(subject.ask(*subject.present) for _ in range(subject.source.concurrency))
        )
        assert answers == [expected] * subject.source.concurrency

    async def test_a_killed_engine_and_its_restart(self, subject: Subject) -> None:
        """Down is a typed error; up again, on the same port, the source heals by itself."""
        await subject.ask(*subject.present)
        subject.engines.processes[subject.engine].kill()
        try:
            for _ in range(subject.source.concurrency + 1):
                with pytest.raises((SourceUnavailable, SourceTimeout)):
                    await subject.ask(*subject.present, seconds=SHORT)
            assert not (await subject.health()).ready
        finally:
            subject.engines.restart(subject.engine)
        await subject.recovers()
        assert (await subject.health(seconds=LONG)).ready

    async def test_bad_credentials(self, subject: Subject) -> None:
        """Start-up says that the credentials are refused, and never what they were."""
        with pytest.raises((ConfigurationError, SourceUnavailable)) as raised:
            await subject.intruder.open()
        health = await subject.health(subject.intruder, seconds=LONG)
        await subject.intruder.close()
        assert not health.ready
        assert subject.secret not in str(raised.value)
        assert subject.secret not in health.detail

    async def test_a_healthy_engine_is_ready(self, subject: Subject) -> None:
        """The check says so."""
        assert (await subject.health(seconds=LONG)).ready

    async def test_the_description_is_data(self, subject: Subject) -> None:
        """`explain` and golden plans get the same JSON each time."""
        described = json.dumps(dict(subject.source.describe(subject.prepared)))
        assert described == json.dumps(dict(subject.source.describe(subject.prepared)))
        assert described != "{}"
