"""What comes in numbers: keys and documents, tokens, and replicas that are replaced."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import signal
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from bench.servers import PROBE, START_SECONDS, free_port
from bench.soak_stage import FLAT, KEPT, Load, Row, asked, each, post, session

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from bench.soak_stage import Stage

DOCUMENTS, KEYS, TOKENS = 10_000, 30_000, 10_000
AT_ONCE = 16
MB = 8_000_000
"""What the cache and the documents may take: so little that it is soon full."""
SIGTERMS = 50
OUT_SECONDS = 0.2
"""Between the end of its requests and its SIGTERM, as a balancer's: those sent have arrived."""
ROLLING_SECONDS = 150.0
"""After which no more are sent: a busy machine takes long to start a gateway."""
REFUSED = 401
_LEAKS = re.compile(
    r"ResourceWarning|was never awaited|Task was destroyed|Unclosed|never retrieved"
)

_CLOSED = "Application shutdown complete"


async def scale(stage: Stage) -> AsyncIterator[Row]:
    """Documents, then keys of the cache, each of which is new."""
    settings = {
        "PLAIT_CACHE_ENABLED": "true",
        "PLAIT_CACHE_MEMORY_BYTES": str(MB),
        "PLAIT_DOCUMENTS_CACHE_BYTES": str(MB),
    }

    def document(number: int) -> str:
        return asked(f"{{ a{number}: trend(id: {number % 9 + 1}) {{ id title }} }}")

    def key(number: int) -> str:
        text = "query ($n: Float!) { trends(first: 5, where: {score: {gt: $n}}) { nodes { id } } }"
        return asked(text, n=number / 1_000_000)

    async with stage.plait(**settings) as server:
        kinds: tuple[tuple[str, int, Callable[[int], str]], ...] = (
            ("documents", DOCUMENTS, document),
            ("keys of the cache", KEYS, key),
        )
        for what, count, make in kinds:
            half = count // 2
            answers = await each(server.url, map(make, range(half)), AT_ONCE)
            before = server.rss_mb()
            answers += await each(server.url, map(make, range(half, count)), AT_ONCE)
            after = server.rss_mb()
            failed = sum(not answer.whole for answer in answers)
            yield Row(
                "scale",
                f"{count:,} {what}: memory after half, and all",
                f"{before:.0f} → {after:.0f} MB" + (f", {failed} failed" if failed else ""),
                "a plateau",
                after < before * FLAT and not failed,
            )


async def jwt(stage: Stage) -> AsyncIterator[Row]:
    """Tokens that name keys which their issuer never had."""
    peer, issuer = stage.peer, "https://issuer.example"
    body = asked("{ __typename }")
    settings = {
        "PLAIT_JWT_ISSUER": issuer,
        "PLAIT_JWT_AUDIENCE": "*",
        "PLAIT_JWT_JWKS_URL": f"{peer.url}/jwks",
    }
    peer.keys = 0
    async with stage.plait(**settings) as server, session(AT_ONCE) as client:
        begun = time.monotonic()
        claims = {"iss": issuer, "sub": "x", "exp": int(time.time()) + 600}
        answers = []
        for start in range(0, TOKENS, AT_ONCE):
            tokens = [_token(number, claims) for number in range(start, start + AT_ONCE)]
            answers += await asyncio.gather(
                *(
                    post(client, server.url, body, {"authorization": f"Bearer {token}"})
                    for token in tokens
                )
            )
        minutes = (time.monotonic() - begun) / 60
    refused = sum(answer.status == REFUSED for answer in answers)
    yield Row(
        "jwt",
        f"{len(answers):,} unknown `kid`s in {minutes * 60:.0f} s",
        f"{refused:,} refused, keys fetched: {peer.keys}",
        "≤ 1 a minute",
        refused == len(answers) and peer.keys <= 1 + minutes,
    )


def _token(number: int, claims: dict[str, Any]) -> str:
    """A token by a key that nobody has."""
    head = {"alg": "RS256", "typ": "JWT", "kid": f"unknown-{number}"}
    parts = [json.dumps(part).encode() for part in (head, claims)]
    return ".".join(
        base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in [*parts, b"s" * 256]
    )


@dataclass(slots=True)
class _Replica:
    """A gateway whose end is looked at."""

    process: Process
    url: str
    log: Path

    async def ended(self) -> str:
        """Terminate it; what is wrong with how it ended, empty for nothing.

        uvicorn ends by the signal that it was sent, once everything is closed.
        """
        self.process.send_signal(signal.SIGTERM)
        code = await asyncio.wait_for(self.process.wait(), 30)
        text = await asyncio.to_thread(self.log.read_text, "utf-8", "replace")
        leak = _LEAKS.search(text)
        if leak is not None:
            return leak[0]
        clean = _CLOSED in text and code in {0, -signal.SIGTERM}
        return "" if clean else f"exit {code}"


async def shutdown(stage: Stage) -> AsyncIterator[Row]:
    """Two replicas under load, replaced by two new ones; one after the other is terminated."""
    document = "query ($first: Int!) { trends(first: $first) { nodes { id topic { title } } } }"
    load = Load([], [asked(document, first=20 + number) for number in range(80)])
    wrong: list[str] = []
    async with _replicas(stage) as start:
        replicas = [await start() for _ in range(2)]
        load.urls = [one.url for one in replicas]
        async with load.running():
            end = time.monotonic() + ROLLING_SECONDS
            while len(wrong) < SIGTERMS and time.monotonic() < end:
                replicas += await asyncio.gather(start(), start())
                for _ in range(2):
                    gone = replicas.pop(0)
                    load.urls = [one.url for one in replicas]
                    await asyncio.sleep(OUT_SECONDS)
                    wrong.append(await gone.ended())
    lost = [answer for answer in load.answers if not answer.whole]
    leaked = [one for one in wrong if one]
    yield Row(
        "shutdown",
        f"{len(wrong)} SIGTERMs, {len(load.answers):,} requests",
        f"{len(lost)} failed" + (f": {lost[0].status} {lost[0].body[:80]!r}" if lost else ""),
        "0",
        not lost,
    )
    yield Row(
        "shutdown",
        "exits that were not clean, or left tasks or connections",
        str(len(leaked)) + (f": {leaked[0]}" if leaked else ""),
        "0",
        not leaked,
    )


@asynccontextmanager
async def _replicas(stage: Stage) -> AsyncIterator[Any]:
    """A function that starts a replica; those that are left at the end are killed."""
    running: list[Process] = []
    numbers = count(1)

    async def start() -> _Replica:
        port = free_port()
        log = KEPT / f"replica-{next(numbers)}.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "gateway.cli", "serve"),
                stdout=output,
                stderr=output,
                start_new_session=True,
                env=stage.environment(
                    PLAIT_SERVE_PORT=str(port), PYTHONWARNINGS="always::ResourceWarning"
                ),
            )
        running.append(process)
        url = f"http://127.0.0.1:{port}/graphql"
        async with session() as client, asyncio.timeout(START_SECONDS):
            while not (await post(client, url, PROBE)).whole:  # noqa: ASYNC110 - nothing tells when
                await asyncio.sleep(0.05)
        return _Replica(process, url, log)

    try:
        yield start
    finally:
        for process in running:
            if process.returncode is None:
                os.kill(process.pid, signal.SIGKILL)
                await process.wait()
