"""All that is asked in one turn of the event loop travels in one conversation.

Keys of look-ups share MGETs, everything else follows in the same pipeline. While all connections
are busy, what comes in gathers for the next one. A question joins only what has not been sent.
"""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

import redis.exceptions as vendor

from gateway.errors import SourceError, SourceTimeout, SourceUnavailable
from gateway.sources.redis.faults import our_errors
from gateway.sources.redis.link import look_ups, looked_up

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gateway.sources.breaker import ProbedBreaker
    from gateway.sources.redis.link import Command, Link

TURN_KEYS = 8_000
TURN_COMMANDS = 2_000
"""What one conversation carries at most; more begins another."""

Answers = tuple[list[Any], list[Any]]
"""The values of a question's keys, and the answers to its commands."""

_CLOSED = SourceUnavailable("the source was closed")


class _Question:
    __slots__ = ("commands", "deadline", "future", "keys")

    def __init__(self, keys: Sequence[bytes], commands: Sequence[Command], deadline: float) -> None:
        self.keys = keys
        self.commands = commands
        self.deadline = deadline
        self.future: asyncio.Future[Answers | BaseException] = (
            asyncio.get_running_loop().create_future()
        )


class _Turn:
    __slots__ = ("commands", "keys", "questions", "task")

    def __init__(self) -> None:
        self.questions: dict[_Question, None] = {}
        self.keys = 0
        self.commands = 0
        self.task: asyncio.Task[list[Answers]] | None = None

    def has_room(self, question: _Question) -> bool:
        return not self.questions or (
            self.keys + len(question.keys) <= TURN_KEYS
            and self.commands + len(question.commands) <= TURN_COMMANDS
        )

    def add(self, question: _Question) -> None:
        self.questions[question] = None
        self.keys += len(question.keys)
        self.commands += len(question.commands)


class Turns:
    """The conversations of one source; at most `lanes` at once. `sent` counts them."""

    def __init__(self, name: str, link: Link, breaker: ProbedBreaker, *, lanes: int) -> None:
        self._name = name
        self._link = link
        self._breaker = breaker
        self._free = lanes
        self._waiting: deque[_Turn] = deque()
        self._running: set[asyncio.Task[list[Answers]]] = set()
        self.sent = 0

    async def ask(
        self, keys: Sequence[bytes], commands: Sequence[Command], deadline: float
    ) -> Answers:
        """The values of `keys` and the answers to `commands`, each in order.

        What the server refused is a vendor's ResponseError in its place. Raises `SourceError` for
        a conversation that failed, and at `deadline` (the event loop's clock).
        """
        if self._breaker.open:
            raise SourceUnavailable(f"source {self._name!r} is not reachable")
        question = _Question(keys, commands, deadline)
        turn = self._join(question)
        try:
            async with asyncio.timeout_at(deadline):
                outcome = await question.future
        except TimeoutError:
            raise SourceTimeout(f"source {self._name!r} did not answer in time") from None
        finally:
            self._leave(turn, question)
        if isinstance(outcome, SourceError):
            # A copy each: one exception raised by several gathers all their traces.
            raise type(outcome)(outcome.message, code=outcome.code) from outcome
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    async def close(self) -> None:
        """End all conversations; who waits for one is told."""
        for turn in self._waiting:
            _fail(turn.questions, _CLOSED)
        self._waiting.clear()
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)

    def _join(self, question: _Question) -> _Turn:
        if not self._waiting or not self._waiting[-1].has_room(question):
            self._waiting.append(_Turn())
            if self._free:
                # Everybody who is about to ask in this turn of the loop is still let in.
                asyncio.get_running_loop().call_soon(self._start)
        turn = self._waiting[-1]
        turn.add(question)
        return turn

    def _leave(self, turn: _Turn, question: _Question) -> None:
        turn.questions.pop(question, None)
        if not turn.questions and turn.task is not None:
            turn.task.cancel()

    def _start(self) -> None:
        while self._free and self._waiting:
            turn = self._waiting.popleft()
            if not turn.questions:
                continue
            self._free -= 1
            questions = tuple(turn.questions)
            turn.task = asyncio.create_task(self._run(questions))
            turn.task.add_done_callback(partial(self._ended, questions))
            self._running.add(turn.task)

    async def _run(self, questions: Sequence[_Question]) -> list[Answers]:
        with our_errors(self._name):
            async with asyncio.timeout_at(max(question.deadline for question in questions)):
                return await self._converse(questions)

    def _ended(self, questions: Sequence[_Question], task: asyncio.Task[list[Answers]]) -> None:
        """Hand everybody their part; a task that never began ends here too."""
        self._running.discard(task)
        self._free += 1
        failure = _CLOSED if task.cancelled() else task.exception()
        if failure is not None:
            _fail(questions, failure)
        else:
            for question, answers in zip(questions, task.result(), strict=True):
                if not question.future.done():
                    question.future.set_result(answers)
        self._start()

    async def _converse(self, questions: Sequence[_Question]) -> list[Answers]:
        """Ask all questions at once; their answers in order."""
        keys = [key for question in questions for key in question.keys]
        groups, commands = look_ups(self._link, keys)
        for question in questions:
            commands += question.commands
        self.sent += 1
        try:
            answers = await self._link.exchange(commands)
        except (vendor.ConnectionError, vendor.TimeoutError, OSError):
            self._breaker.suspect()
            raise
        values = looked_up(groups, answers[: len(groups)], len(keys))
        return _shared(questions, values, answers[len(groups) :])


def _fail(questions: Iterable[_Question], failure: BaseException) -> None:
    for question in questions:
        if not question.future.done():
            question.future.set_result(failure)


def _shared(questions: Sequence[_Question], values: list[Any], answers: list[Any]) -> list[Answers]:
    """Each question's own part."""
    shares = []
    key = command = 0
    for question in questions:
        next_key, next_command = key + len(question.keys), command + len(question.commands)
        shares.append((values[key:next_key], answers[command:next_command]))
        key, command = next_key, next_command
    return shares
