"""Whether the process lives, and whether each of its sources would answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson
from starlette.responses import Response
from starlette.routing import Route

from gateway.sources.contract import Budget, Health
from gateway.telemetry import log_internal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.requests import Request
    from starlette.routing import BaseRoute

Readiness: TypeAlias = "Callable[[Budget], Awaitable[Mapping[str, Health]]]"
"""Asks every source, by name, for a sign of life within the budget."""

CHECK_SECONDS = 2.0
"""What all sources together get to answer a check."""


def health_routes(readiness: Readiness) -> list[BaseRoute]:
    """`/health/live` (the event loop turns) and `/health/ready` (503 unless all required are)."""
    check = _SharedCheck(readiness)

    async def live(_: Request) -> Response:
        return _json(200, {"live": True})

    async def ready(_: Request) -> Response:
        sources = await check()
        everyone = all(health.ready or not health.required for health in sources.values())
        body = {
            "ready": everyone,
            "sources": {name: _entry(health) for name, health in sources.items()},
        }
        return _json(200 if everyone else 503, body)

    return [
        Route("/health/live", live, methods=["GET"]),
        Route("/health/ready", ready, methods=["GET"]),
    ]


class _SharedCheck:
    """Callers who come while a check is under way share it: asking often costs the sources no more.

    The check is a task of its own, so that a caller who leaves does not take it from the others.
    """

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness
        self._running: asyncio.Task[Mapping[str, Health]] | None = None

    async def __call__(self) -> Mapping[str, Health]:
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._check())
        return await asyncio.shield(self._running)

    async def _check(self) -> Mapping[str, Health]:
        deadline = asyncio.get_running_loop().time() + CHECK_SECONDS
        try:
            async with asyncio.timeout_at(deadline + CHECK_SECONDS / 4):
                return await self._readiness(Budget(deadline=deadline))
        except TimeoutError:
            return {"gateway": Health(ready=False, detail="the checks did not end in time")}
        except Exception as error:  # noqa: BLE001 - a check that cannot be made is a failed one
            return {"gateway": Health(ready=False, detail=f"check failed, {log_internal(error)}")}


def _entry(health: Health) -> dict[str, Any]:
    entry: dict[str, Any] = {"ready": health.ready, "detail": health.detail}
    if not health.required:
        entry["required"] = False
    if health.figures is not None:
        entry["figures"] = dict(health.figures)
    return entry


def _json(status: int, body: Mapping[str, Any]) -> Response:
    return Response(
        orjson.dumps(body),
        status,
        {"cache-control": "no-store"},
        media_type="application/json",
    )
