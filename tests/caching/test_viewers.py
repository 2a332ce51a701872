"""A hundred viewers and generated queries: nobody gets another viewer's entry."""

from __future__ import annotations

import asyncio
import random

import pytest
from caching import library
from caching.conftest import until
from writes.stand import standing

from gateway.viewer import ANONYMOUS, Viewer

VIEWERS = [
    *(Viewer(subject=f"u{number}") for number in range(98)),
    Viewer(subject="u98", roles=frozenset({"admin"})),
    ANONYMOUS,
]
SHAPES = ["{}", "... on Note {{ {} }}", "... @include(if: true) {{ {} }}"]


def generated(seed):
    """A document over what hangs on the viewer: its own rows, its own values, guarded fields."""
    chance = random.Random(seed)  # noqa: S311 - a test's choices

    def some(*names):
        picked = chance.sample(names, chance.randint(1, len(names)))
        return " ".join(
            name if chance.random() < 0.7 else f"a{place}: {name}"
            for place, name in enumerate(picked)
        )

    def note():
        return chance.choice(SHAPES).format(some("id", "owner", "text", "nodeId"))

    def notes():
        given = [f"first: {chance.randint(1, 9)}"]
        if chance.random() < 0.5:
            given.append(f"where: {{id: {{gt: {chance.randint(0, 250)}}}}}")
        if chance.random() < 0.3:
            given.append("orderBy: [{text: DESC}]")
        body = chance.choice(["nodes {{ {} }}", "edges {{ node {{ {} }} }}"]).format(note())
        return f"notes({', '.join(given)}) {{ {chance.choice(['', 'totalCount '])}{body} }}"

    parts = [
        notes,
        lambda: f"note(id: {chance.randint(1, 12)}) {{ {note()} }}",
        lambda: "mine",
        lambda: f'figures(of: ["{chance.choice("ab")}"]) {{ {some("of", "number", "secret")} }}',
    ]
    chosen = [chance.choice(parts)() for _ in range(chance.randint(1, 4))]
    return "{ " + " ".join(f"r{place}: {part}" for place, part in enumerate(chosen)) + " }"


@pytest.mark.timeout(180)
async def test_nobody_gets_anothers_entry(engines, fresh_database, prefix, stack):
    """What a viewer gets out of the cache is what the same viewer gets without one."""
    addresses = {"POSTGRES_URL": await fresh_database(), "REDIS_URL": engines.urls.redis}
    patient = {"PLAIT_CACHE_PREFIX": prefix, "PLAIT_CACHE_TIMEOUT_SECONDS": "5"}
    uncached = await stack.enter_async_context(
        standing("caching.library", library.SCRIPT, addresses, PLAIT_CACHE_ENABLED="false")
    )
    cached = await stack.enter_async_context(
        standing("caching.library", "select 1", addresses, **patient)
    )
    await until(lambda: cached.gateway.cache.cache.leased)
    documents = [generated(seed) for seed in range(5)]
    for document in documents:
        expected = await asyncio.gather(*(told(uncached, document, one) for one in VIEWERS))
        order = list(range(len(VIEWERS)))
        random.Random(document).shuffle(order)  # noqa: S311 - a test's choices
        for _ in range(4):  # filled, found twice, served as one
            found = await asyncio.gather(
                *(told(cached, document, VIEWERS[place]) for place in order)
            )
            assert found == [expected[place] for place in order], document
    figures = cached.gateway.cache.cache.figures()
    assert figures["memory"] + figures["shared"] > 300


async def told(stand, document, viewer):
    """The data, and the codes of the errors with their places.

    Where everything is null, any of several errors may be the one that is told.
    """
    body = await stand.ask(document, viewer=viewer)
    if body["data"] is None:
        return None, {one["extensions"]["code"] for one in body["errors"]}
    errors = [(one["extensions"]["code"], one["path"]) for one in body.get("errors", ())]
    return body["data"], sorted(errors, key=str)
