"""What is invalidated by name is told to who follows that, on every replica; a change is not."""

from __future__ import annotations

import pytest
from caching.conftest import until
from redis.asyncio import Redis

from gateway.sources.cache import BY_NAME, EVERYTHING


def followed(cache):
    """What a follower is told, as it comes."""
    heard = []
    cache.follow(lambda tags: heard.append({*tags} - {BY_NAME}))
    return heard


@pytest.mark.parametrize("alone", [True, False])
async def test_whatever_is_named_is_told(make, alone):
    """Tags with what they imply, and patterns of tags that nothing has; in that order."""
    cache = await make(alone=alone)
    other = cache if alone else await make()
    heard = followed(cache)
    await other.invalidate(["Row:1", "Row[]"])
    await other.told(["Row:2"])
    await other.invalidate_like("Row:3*")
    await other.told([EVERYTHING])
    await until(lambda: len(heard) == 3)
    assert heard == [{"Row:2", "Row[]"}, {"Row:3*", "Row[]", "Row[+]"}, {EVERYTHING}]


async def test_what_may_have_been_missed_is_told_as_everything(make, engines):
    """After a lost connection: where something was invalidated meanwhile, and else nothing."""
    here, there = await make(), await make()
    heard = followed(here)
    async with Redis.from_url(engines.urls.redis) as client:

        async def cut_off(*meanwhile):
            await client.client_kill_filter(_type="pubsub", skipme=False)
            await until(lambda: not here.leased)
            await there.invalidate(meanwhile)
            await until(lambda: here.leased)

        await cut_off()
        assert heard == []
        await cut_off("Row:1")
        assert heard == [{EVERYTHING}]
