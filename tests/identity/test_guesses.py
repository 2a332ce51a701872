"""API keys that nobody knows: how many are asked about, and who is not held up by them."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from gateway.errors import Code, CredentialsError
from gateway.identity.apikeys import ApiKeys, hash_of
from gateway.identity.clients import Clients
from gateway.identity.compose import identity_of
from gateway.identity.guesses import AT_ONCE, REMEMBERED, Guesses
from gateway.identity.identify import Identity
from gateway.settings import load

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.viewer import Viewer

MOST = 20
GOOD, LATE = b"good" * 8, b"late" * 8


class Desk:
    """API keys in a table that counts questions, and a clock to turn."""

    def __init__(self, header: str = "") -> None:
        self.now = 0.0
        self.asked: Counter[str] = Counter()
        self.most_at_once = self.at_once = 0
        self.down = False
        clock = lambda: self.now  # noqa: E731 - the same one for both
        self.guesses = Guesses(MOST, Clients(header), clock=clock)
        self.keys = ApiKeys({}, self.owner, guesses=self.guesses, clock=clock)
        self.identity = Identity(None, self.keys)

    async def owner(self, digest: str) -> Mapping[str, Any] | None:
        self.asked[digest] += 1
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        if self.down:
            raise ConnectionError
        return {"subject": "ann"} if digest in {hash_of(GOOD), hash_of(LATE)} else None

    async def tries(self, key: bytes, address: str = "203.0.113.5", **headers: str) -> Viewer:
        lines = [(name.encode(), value.encode()) for name, value in headers.items()]
        scope = {"client": (address, 40_000), "headers": lines}
        found: Any = self.identity([(b"x-api-key", key)], scope)
        return await found if asyncio.iscoroutine(found) else found

    async def flood(self, count: int, start: int = 0, **options: Any) -> Counter[str]:
        """So many made-up keys at once; how they were refused."""
        made_up = (b"%032d" % number for number in range(start, start + count))
        told = await asyncio.gather(
            *(self.tries(key, **options) for key in made_up), return_exceptions=True
        )
        assert all(isinstance(one, CredentialsError) for one in told)
        return Counter(one.reason for one in told if isinstance(one, CredentialsError))


async def test_a_flood_of_made_up_keys_is_asked_about_a_little() -> None:
    """As many as are allowed, and those under way then; the rest learn when to try again."""
    desk = Desk()
    told = await desk.flood(1_000)
    assert MOST <= desk.asked.total() < MOST + AT_ONCE
    assert desk.most_at_once <= AT_ONCE
    assert set(told) == {"unknown API key", "too many unknown API keys"}
    assert desk.identity.figures() == told
    with pytest.raises(CredentialsError) as caught:
        await desk.tries(LATE)
    assert caught.value.code is Code.RATE_LIMITED
    assert 0 < caught.value.details["retryAfter"] <= 60 * AT_ONCE / MOST
    desk.now += caught.value.details["retryAfter"]
    assert (await desk.tries(LATE)).subject == "ann"


async def test_they_wear_off_evenly() -> None:
    """A minute later there is room for as many again, and half a minute later for half."""
    desk = Desk()
    await desk.flood(MOST)
    before = desk.asked.total()
    desk.now += 30
    await desk.flood(MOST * 2, start=10_000)
    assert MOST / 2 <= desk.asked.total() - before < MOST / 2 + AT_ONCE


async def test_a_key_known_as_good_is_never_held_up() -> None:
    """Not even where its owner must be asked for anew, and not by its own use."""
    desk = Desk()
    for _ in range(MOST * 2):
        desk.now += 31
        assert (await desk.tries(GOOD)).subject == "ann"
    await desk.flood(100)
    for _ in range(3):
        assert (await desk.tries(GOOD)).subject == "ann"
        desk.now += 0.1
    desk.now += 30
    await desk.flood(100, start=10_000)
    assert (await desk.tries(GOOD)).subject == "ann"
    assert desk.asked[hash_of(GOOD)] == MOST * 2 + 1


async def test_a_source_that_is_away_is_no_wrong_guess() -> None:
    """Who has a good key gets in when it is back."""
    desk = Desk()
    desk.down = True
    assert await desk.flood(MOST * 3) == {"cannot be checked now": MOST * 3}
    desk.down = False
    assert (await desk.tries(LATE)).subject == "ann"


async def test_each_address_guesses_for_itself() -> None:
    """Also behind a proxy, by the address that the proxy puts last."""
    desk = Desk()
    await desk.flood(100)
    assert (await desk.tries(LATE, "203.0.113.6")).subject == "ann"
    behind = Desk("X-Forwarded-For")
    forged = {"x-forwarded-for": "203.0.113.6, 203.0.113.5"}
    await behind.flood(100, **forged)
    with pytest.raises(CredentialsError, match="Too many"):
        await behind.tries(LATE, **forged)
    assert (await behind.tries(LATE, **{"x-forwarded-for": "203.0.113.6"})).subject == "ann"


async def test_what_is_remembered_is_bounded() -> None:
    """Addresses, and made-up keys, of which none takes a good key's place."""
    desk = Desk()
    await desk.tries(GOOD)
    for number in range(REMEMBERED + 2):
        address = ".".join(str(byte) for byte in (10 << 24 | number).to_bytes(4, "big"))
        await desk.flood(1, start=number, address=address)
    assert len(desk.keys._nobodys) == len(desk.guesses._guessers) == REMEMBERED
    await desk.tries(GOOD)
    assert desk.asked[hash_of(GOOD)] == 1


async def test_without_a_bound_all_are_asked_about() -> None:
    """As settings may have it."""
    settings = load(environ={"PLAIT_IDENTITY_UNKNOWN_KEYS": "0"})
    desk = Desk()
    desk.identity = identity_of(settings, desk.owner)
    await desk.flood(100)
    assert desk.asked.total() == 100
