"""Documents: too large, dear, unknown, and made of rubbish."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import aiohttp

from bench.soak_shapes import mutated_bodies, mutated_documents, worst_cases
from bench.soak_stage import FLAT, Row, asked, each, loop_ms, post, session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from bench.servers import Server
    from bench.soak_stage import Answer, Stage

REFUSED_MS = 10.0
BLOCKED_MS = 50.0
CASES = 1_000
UNKNOWN = 10_000
FUZZED, ROUNDS = 10_000, 3
"""Documents of a round, and as many bodies."""
AT_ONCE = 16
MB = 8_000_000
"""What valid documents may take: so little that it is soon full."""
REPEATED = 10
FORBIDDEN, FAILED = 403, 500

_REFUSED = {
    "100,000 tokens": "{ trend(id: 1) { " + "id " * 100_000 + "} }",
    "10,000 aliases": "{ trend(id: 1) { " + " ".join(f"a{n}: id" for n in range(10_000)) + " } }",
}


async def document(stage: Stage) -> AsyncIterator[Row]:
    """What is refused, with the bound of characters and without; then the worst that is not."""
    for settings in ({}, {"PLAIT_LIMITS_MAX_DOCUMENT_CHARS": "1000000"}):
        async with stage.plait(**settings) as server:
            for name, text in _REFUSED.items():
                spent, answers = await _spent(server, [asked(text)] * REPEATED)
                code = answers[0].json()["errors"][0]["extensions"]["code"]
                by = "characters" if not settings else "tokens"
                yield Row(
                    "document",
                    f"{name}, refused by {by}",
                    f"{max(spent):.1f} ms of the loop",
                    "< 10 ms",
                    max(spent) < REFUSED_MS and code == "DOCUMENT_LIMIT_EXCEEDED",
                )
    async with stage.plait() as server:
        bodies = [asked(text) for text in islice(worst_cases(Random("soak")), CASES)]  # noqa: S311 - repeatable
        spent, answers = await _spent(server, bodies)
        refused = sum(b"LIMIT_EXCEEDED" in answer.body for answer in answers)
        yield Row(
            "document",
            f"{CASES:,} of the dearest documents, {CASES - refused} within limits",
            f"at most {max(spent):.0f} ms of the loop, p99 {sorted(spent)[CASES * 99 // 100]:.0f}",
            "< 50 ms",
            max(spent) < BLOCKED_MS,
        )


async def _spent(server: Server, bodies: Sequence[str]) -> tuple[list[float], list[Answer]]:
    """What each request cost the event loop's thread, one after the other; and the answers."""
    spent, answers = [], []
    async with session(1) as client:
        for body in bodies:
            before = loop_ms(server)
            answers.append(await post(client, server.url, body))
            spent.append(loop_ms(server) - before)
    return spent, answers


async def safelist(stage: Stage) -> AsyncIterator[Row]:
    """Only trusted documents run; what is not one of them is not even parsed."""
    with TemporaryDirectory(prefix="plait-soak-") as folder:
        path = Path(folder) / "manifest.json"
        path.write_text(json.dumps({"probe": "{ __typename }"}), encoding="utf-8")
        async with stage.plait(
            PLAIT_DOCUMENTS_MANIFEST=str(path),
            PLAIT_DOCUMENTS_REQUIRE="true",
            PLAIT_TELEMETRY_METRICS="true",
        ) as server:
            before = await _figure(server, "plait_documents_checked_total")
            bodies = (asked(f"{{ a{number}: __typename }}") for number in range(UNKNOWN))
            answers = await each(server.url, bodies, AT_ONCE)
            parsed = await _figure(server, "plait_documents_checked_total") - before
    refused = sum(answer.status == FORBIDDEN for answer in answers)
    yield Row(
        "safelist",
        f"{UNKNOWN:,} documents that are not in the manifest",
        f"{refused:,} refused, {parsed:.0f} parsed",
        "0 parsed",
        refused == UNKNOWN and parsed == 0,
    )


async def _figure(server: Server, name: str) -> float:
    """One of the gateway's metrics."""
    async with (
        aiohttp.ClientSession() as client,
        client.get(server.url.replace(server.path, "/metrics")) as response,
    ):
        text = await response.text()
    (line,) = [line for line in text.splitlines() if line.startswith(f"{name} ")]
    return float(line.split()[1])


async def fuzz(stage: Stage) -> AsyncIterator[Row]:
    """Documents and bodies with bytes changed, cut, doubled: every answer is one of GraphQL's."""
    answers, grown = [], []
    async with stage.plait(PLAIT_DOCUMENTS_CACHE_BYTES=str(MB)) as server:
        for number in range(ROUNDS):
            answers += await each(server.url, _rubbish(number), AT_ONCE)
            grown.append(server.rss_mb())
    failed = sum(answer.status >= FAILED or not answer.status for answer in answers)
    shapeless = sum(not _shaped(answer) for answer in answers)
    yield Row(
        "fuzz",
        f"{ROUNDS * FUZZED:,} documents and {ROUNDS * FUZZED:,} bodies",
        f"{failed} answers 5xx, {shapeless} not as specified",
        "0, 0",
        not failed and not shapeless,
    )
    yield Row(
        "fuzz",
        "memory after a third of them, after two, after all",
        f"{' → '.join(f'{size:.0f}' for size in grown)} MB",
        "flat",
        max(grown) < grown[0] * FLAT,
    )


def _rubbish(number: int) -> list[str | bytes]:
    """A round of requests, of which hardly any is like one of another round."""
    random = Random(f"soak {number}")  # noqa: S311 - repeatable, not secret
    bodies: list[str | bytes] = [asked(text) for text in islice(mutated_documents(random), FUZZED)]
    bodies += islice(mutated_bodies(random), FUZZED)
    random.shuffle(bodies)
    return bodies


def _shaped(answer: Answer) -> bool:
    """Whether it is a response of GraphQL: an object with data, with errors or with both."""
    try:
        found = answer.json()
    except ValueError:
        return False
    if isinstance(found, list):
        return all(isinstance(one, dict) and one.keys() & {"data", "errors"} for one in found)
    errors = found.get("errors", [{"message": ""}]) if isinstance(found, dict) else []
    return bool(errors) and all(isinstance(one.get("message"), str) for one in errors)
