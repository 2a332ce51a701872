"""Who counts as one client, and what a client is told that asks too often."""

from __future__ import annotations

import pytest
from telemetry.shelf import reserved, served

from gateway.errors import Code, RequestError, SourceUnavailable
from gateway.transport.ratelimit import RateLimit
from gateway.viewer import ANONYMOUS, Viewer

HELLO = {"query": "{ hello }"}


class Names:
    """A rate that lets everybody pass and remembers who that was."""

    def __init__(self):
        self.names = []

    async def take(self, client, count):
        del count
        self.names.append(client)
        return 0


async def names(*askers, **options):
    """The clients that a limit tells apart: for each asker the number of its name."""
    rate = Names()
    limit = RateLimit(rate, **options)
    for viewer, client, headers in askers:
        scope = {"client": client, "headers": headers}
        await limit.require(viewer, scope)
    return [list(dict.fromkeys(rate.names)).index(name) for name in rate.names]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("192.0.2.1", 1), ("192.0.2.1", 2), True),
        (("192.0.2.1", 1), ("192.0.2.2", 1), False),
        (("2001:db8::1", 1), ("2001:db8::ffff:1", 1), True),
        (("2001:db8::1", 1), ("2001:db8:0:1::1", 1), False),
        (("::ffff:192.0.2.1", 1), ("::ffff:192.0.2.2", 1), False),
        (None, None, True),
    ],
)
async def test_an_address_is_a_client(one, other, same):
    """Whatever the port; of IPv6 the network, since all addresses of one are one client's."""
    first, second = await names((ANONYMOUS, one, []), (ANONYMOUS, other, []))
    assert (first == second) is same


async def test_a_subject_is_a_client_wherever_it_is():
    """Its address does not count, and its tenant does."""
    ann, bob = Viewer("ann"), Viewer("bob")
    here, there = ("192.0.2.1", 1), ("192.0.2.2", 1)
    found = await names(
        (ann, here, []),
        (ann, there, []),
        (bob, here, []),
        (Viewer("ann", tenant="t"), here, []),
        (ANONYMOUS, here, []),
        (Viewer("b ann", tenant="a"), here, []),
        (Viewer("ann", tenant="a b"), here, []),
    )
    assert found == [0, 0, 1, 2, 3, 4, 5]


async def test_a_proxy_s_word_counts_and_a_client_s_does_not():
    """The last of the addresses is the proxy's own; without the setting none of them is looked at."""
    proxy = ("10.0.0.1", 1)
    lines = [
        [(b"x-forwarded-for", b"192.0.2.1")],
        [(b"x-forwarded-for", b"203.0.113.9, 192.0.2.1")],
        [(b"x-forwarded-for", b"203.0.113.9"), (b"x-forwarded-for", b"192.0.2.1")],
        [(b"x-forwarded-for", b"192.0.2.2")],
        [(b"x-forwarded-for", b"rubbish" * 1_000)],
    ]
    askers = [(ANONYMOUS, proxy, headers) for headers in lines]
    assert await names(*askers, client_header="X-Forwarded-For") == [0, 0, 0, 1, 2]
    assert await names(*askers) == [0] * 5


class Away:
    """Nobody can count."""

    def __init__(self):
        self.asked = 0

    async def take(self, client, count):
        del client, count
        self.asked += 1
        raise SourceUnavailable("away")


@pytest.mark.parametrize("fail_open", [True, False])
async def test_when_nobody_can_count(fail_open):
    """Requests pass, or are refused; and soon nobody is asked any more."""
    rate = Away()
    limit = RateLimit(rate, fail_open=fail_open)
    for _ in range(20):
        outcome = None
        try:
            await limit.require(ANONYMOUS, {"headers": []})
        except RequestError as error:
            outcome = error.code
        assert outcome is (None if fail_open else Code.SOURCE_UNAVAILABLE)
    assert rate.asked == 5
    assert limit.figures() == {"limited": 0, "uncounted": 20, "breaker_open": 1}


@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json"])
async def test_a_client_that_asks_too_often_is_told_when(fresh_database, redis_url, accept):
    """429 with Retry-After and a code, whatever the media type; a batch counts each operation."""
    settings = {
        "PLAIT_RATE_LIMIT_REQUESTS": "5",
        "PLAIT_RATE_LIMIT_SECONDS": "3000",
        "PLAIT_RATE_LIMIT_TIMEOUT_SECONDS": "10",
        "PLAIT_RATE_LIMIT_CLIENT_HEADER": "X-Real-IP",
    }
    database = await fresh_database()
    headers = {"accept": accept, "x-real-ip": f"198.51.100.{len(accept)}"}
    async with served(database, redis_url, **settings) as client:
        batch = await client.post("/graphql", json=[HELLO] * 4, headers=headers)
        assert batch.status_code == 200
        assert (await client.post("/graphql", json=HELLO, headers=headers)).status_code == 200
        refused = await client.post("/graphql", json=HELLO, headers=headers)
        assert refused.status_code == 429
        (error,) = refused.json()["errors"]
        assert error["extensions"]["code"] == "RATE_LIMITED"
        assert 500 < error["extensions"]["retryAfter"] <= 600
        assert refused.headers["retry-after"] == str(error["extensions"]["retryAfter"])
        async with reserved(database, redis_url, **settings) as other:
            assert (await other.post("/graphql", json=HELLO, headers=headers)).status_code == 429
        others = {**headers, "x-real-ip": f"203.0.113.{len(accept)}"}
        assert (await client.post("/graphql", json=HELLO, headers=others)).status_code == 200
