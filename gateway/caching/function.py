"""`@cached`: the cache for any async function.

    @cached(max_age=60, tags=("Rate",))
    async def exchange_rate(base: str, quote: str) -> float: …

The answer is kept as JSON, under the function's name and what it was called with. What it depends
on beyond its arguments, the viewer above all, must be among them or in what `key` makes of them.
"""

from __future__ import annotations

import asyncio
import functools
from contextvars import ContextVar
from hashlib import sha256
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import orjson

from gateway.caching.answers import Want
from gateway.caching.key import entry_key, plan_identity
from gateway.caching.policy import declared
from gateway.caching.tags import of_declared
from gateway.schema.caching import Cache as Declaration

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from gateway.caching.cache import Cache

P = ParamSpec("P")
T = TypeVar("T")

CURRENT: ContextVar[Cache | None] = ContextVar("plait_cache", default=None)
"""The cache of the gateway that runs the current request, where it has one."""
CALLED: ContextVar[set[str] | None] = ContextVar("plait_called", default=None)
"""Gathers the tags of the functions that are called, where somebody wants to know."""

DAY_SECONDS = 86_400

CALL_SECONDS = 30.0
"""The longest a call may take that waits for another one's answer."""


def cached(  # noqa: PLR0913 - each is an option
    *,
    max_age: int,
    key: Callable[..., Any] | None = None,
    tags: Sequence[str] | Callable[..., Sequence[str]] = (),
    stale_while_revalidate: int = 0,
    stale_if_error: int = 0,
    name: str | None = None,
    shared: bool = True,
    cache: Cache | None = None,
) -> Callable[[Callable[P, Awaitable[T]]], Callable[P, Awaitable[T]]]:
    """Keep what an async function returns; equal calls under way are one call.

    `key`: takes the call's arguments and gives what tells calls apart, all of them by default:
    numbers, texts, dates, UUIDs, enums, dataclasses and collections of these. `tags`: by which it
    is invalidated, or a function of the arguments that gives them. `name`: instead of the
    function's own. `shared`: also in Redis, for all replicas; else in this process alone. `cache`:
    instead of the running gateway's; without either nothing is kept.

    Every caller gets the value as JSON gives it back: lists for tuples, text for dates. Exceptions
    are never kept. The call raises TypeError where an argument or the value cannot be written.
    """
    times = Declaration(
        max_age=max_age,
        stale_while_revalidate=stale_while_revalidate,
        stale_if_error=stale_if_error,
    )
    policy = declared(times)

    def decorate(function: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        known = name or f"{function.__module__}.{function.__qualname__}"
        plan = plan_identity(b"", "function", known.encode())

        @functools.wraps(function)
        async def call(*args: P.args, **kwargs: P.kwargs) -> T:
            own = cache or CURRENT.get()
            if own is None:
                return await function(*args, **kwargs)
            told = key(*args, **kwargs) if key else (args, sorted(kwargs.items()))
            named = tags(*args, **kwargs) if callable(tags) else tags

            async def load(_places: Sequence[int], deadline: float) -> list[bytes]:
                async with asyncio.timeout_at(deadline):
                    return [orjson.dumps(await function(*args, **kwargs))]

            want = Want(entry_key(plan, (own.deployment, told)), of_declared(named))
            if (called := CALLED.get()) is not None:
                called.update(want.tags)
            deadline = asyncio.get_running_loop().time() + CALL_SECONDS
            (answer,) = await own.fetch([want], policy, load, deadline, local=not shared)
            if isinstance(answer.value, Exception):
                raise answer.value
            if not isinstance(answer.value, bytes):
                raise TypeError(f"{known} gave nothing")
            value: T = orjson.loads(answer.value)
            return value

        return call

    return decorate


def cached_embedding(
    model: str, *, max_age: int = DAY_SECONDS, shared: bool = True, cache: Cache | None = None
) -> Callable[[Callable[[str], Awaitable[list[float]]]], Callable[[str], Awaitable[list[float]]]]:
    """Keep the vectors that an async function makes of texts, by the hash of the text.

    `model` names what makes them: another model's vectors are other entries, and the tag
    `embedding:<model>` invalidates all of one. The rest is as of `cached`.
    """
    name = f"embedding:{model}"
    return cached(
        max_age=max_age,
        key=lambda text: sha256(text.encode("utf-8", "surrogatepass")).digest(),
        tags=(name,),
        name=name,
        shared=shared,
        cache=cache,
    )
