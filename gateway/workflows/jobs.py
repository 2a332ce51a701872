"""Jobs: work that is written down in PostgreSQL and done by a worker, at least once.

A job is deferred in the transaction that makes it necessary: it is there if and only if that one
commits. From Python by `defer`, from SQL and triggers by the function `plait_defer`. Only workers
load the job engine (`gateway.workflows.worker`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from gateway.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

MAX_ARGUMENTS = 100_000
"""Bytes of the JSON of a job's arguments: they name data, and do not hold them."""


class Connection(Protocol):
    """A connection of asyncpg, perhaps in a transaction."""

    async def fetchval(self, query: str, *arguments: Any) -> Any:
        """The first value of the first row."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a job. `number` counts from 1, and grows with every try, also of another worker.

    `last`: if it fails, nobody tries again.
    """

    job_id: int
    number: int
    last: bool
    arguments: Mapping[str, Any]


class TryAgain(Exception):  # noqa: N818 - a wish, not a failure
    """What a job raises to run again after `delay` seconds, however often it ran.

    The try counts all the same; nothing is logged.
    """

    def __init__(self, delay: float) -> None:
        super().__init__()
        self.delay = delay


@dataclass(frozen=True, slots=True)
class Job:
    """What a name stands for, which has at most 40 bytes and a queue of its own.

    `run` does the work; it may run again after it was done, and raises for another try.
    `attempts`: tries in all. `pause`: seconds before the second, doubled for each later one up to
    `longest`. `every`: a cron expression, with seconds where it has a sixth field; the work is
    then done without being asked for, once for all workers.
    """

    name: str
    run: Callable[[Attempt], Awaitable[None]]
    attempts: int = 5
    pause: float = 1.0
    longest: float = 300.0
    every: str = ""

    def delay(self, number: int) -> float:
        """Seconds to wait after try `number` failed."""
        return float(min(self.pause * 2 ** min(number - 1, 30), self.longest))


async def defer(
    connection: Connection,
    name: str,
    arguments: Mapping[str, Any],
    *,
    lock: str | None = None,
    once: str | None = None,
) -> int:
    """Write a job down on `connection`, in its transaction; the job's id.

    Jobs of one `lock` never run at the same time. While a job with the same `once` waits to begin,
    that one is given back, with these arguments, and no other is made; a job that has begun does
    not count: what is deferred meanwhile is done after it. Raises InputError for arguments that
    JSON cannot write or too large.
    """
    try:
        text = orjson.dumps(dict(arguments))
    except TypeError as error:
        raise InputError(f"The arguments of the job {name} are not JSON.") from error
    if len(text) > MAX_ARGUMENTS:
        raise InputError(f"The arguments of the job {name} have more than {MAX_ARGUMENTS} bytes.")
    made = await connection.fetchval(_DEFER, name, text.decode(), lock, once)
    return int(made)


_DEFER = "SELECT public.plait_defer($1, $2::text::jsonb, lock => $3, once => $4)"
