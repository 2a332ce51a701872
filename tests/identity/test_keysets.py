"""Published keys: rotated, down, flooded; fetched over real HTTP, by a clock of the test's own."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from identity.minting import AUDIENCE, ISSUER, Publisher, claims, jwk, mint, private_key, publishing

from gateway.errors import CredentialsError
from gateway.identity.fetching import MAX_BYTES, fetch
from gateway.identity.keysets import Ages, PublishedKeys
from gateway.identity.tokens import Issuer, Tokens
from gateway.viewer import Viewer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

AGES = Ages(refresh=300, most=3_600, interval=60, first=5)


class Stand:
    """An issuer that publishes, and what trusts it; both by one clock."""

    def __init__(self, publisher: Publisher, seconds: float = 20.0) -> None:
        self.publisher = publisher
        self.now = 0.0
        self.keys = PublishedKeys(
            "test", partial(fetch, publisher.url, seconds), AGES, lambda: self.now
        )
        issuer = Issuer(ISSUER, (AUDIENCE,), frozenset({"RS256", "ES256"}), self.keys)
        self.tokens = Tokens([issuer], clock=lambda: 1_800_000_000 + self.now)
        self.count = 0

    def token(self, kid: str | None, number: int = 1, algorithm: str = "RS256") -> bytes:
        """A token nobody has seen before."""
        self.count += 1
        said = claims(exp=1_800_090_000, jti=str(self.count))
        headers = {"kid": kid} if kid is not None else {}
        return mint(said, algorithm=algorithm, key=private_key(algorithm, number), headers=headers)

    async def reason(self, token: bytes) -> str | None:
        """Why a token is refused; None where it is not."""
        try:
            found = self.tokens.viewer(token)
            viewer = found if isinstance(found, Viewer) else await found
        except CredentialsError as error:
            return error.reason
        assert viewer.subject == "ann"
        return None


def key(kid: str | None, number: int = 1, algorithm: str = "RS256") -> dict[str, Any]:
    """A published key."""
    return jwk(private_key(algorithm, number), algorithm, kid)


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    """With one key published, called `a`."""
    async with publishing() as publisher:
        publisher.publish(key("a"))
        one = Stand(publisher)
        yield one
        await one.tokens.close()


async def settled(stand: Stand) -> None:
    """Wait until no fetch is under way."""
    async with asyncio.timeout(30):
        while stand.keys._task is not None:
            await asyncio.wait([stand.keys._task])
            await asyncio.sleep(0)


async def test_keys_are_fetched_once(stand: Stand) -> None:
    """At the first token, however many come with it; then tokens need not wait."""
    assert await asyncio.gather(*(stand.reason(stand.token("a")) for _ in range(20))) == [None] * 20
    assert isinstance(stand.tokens.viewer(stand.token("a")), Viewer)
    assert stand.publisher.asked == 1


async def test_a_token_without_key_id_needs_the_only_key(stand: Stand) -> None:
    """Of several that fit none is tried."""
    assert await stand.reason(stand.token(None)) is None
    stand.publisher.publish(key("a"), key("b", 2), key("e", algorithm="ES256"))
    stand.now += 301
    assert await stand.reason(stand.token("a")) is None
    await settled(stand)
    assert await stand.reason(stand.token(None)) == "unknown key"
    assert await stand.reason(stand.token(None, algorithm="ES256")) is None


async def test_keys_are_rotated(stand: Stand) -> None:
    """A new key is found when a token names it; one that is withdrawn serves no more."""
    assert await stand.reason(stand.token("a")) is None
    stand.publisher.publish(key("b", 2))
    stand.now += 61
    assert await stand.reason(stand.token("b", 2)) is None
    assert await stand.reason(stand.token("a")) == "unknown key"
    assert stand.publisher.asked == 2


async def test_a_key_id_of_another_kind_of_key_is_no_key(stand: Stand) -> None:
    """The algorithm must fit the key that the id names."""
    stand.publisher.publish(key("a"), key("e", algorithm="ES256"))
    assert await stand.reason(stand.token("e", algorithm="RS256")) == "unknown key"
    assert await stand.reason(stand.token("a", algorithm="ES256")) == "unknown key"
    assert await stand.reason(stand.token("e", algorithm="ES256")) is None


async def test_ten_thousand_unknown_key_ids_make_one_fetch_an_interval(stand: Stand) -> None:
    """And those who have a good token do not notice."""
    assert await stand.reason(stand.token("a")) is None
    head, payload, signature = stand.token("nobody").split(b".")
    stand.now += 61
    for _ in range(3):
        before = stand.publisher.asked
        forged = [b".".join([head, payload, b"%04d" % n + signature[4:]]) for n in range(3_400)]
        reasons = [await stand.reason(token) for token in forged]
        assert set(reasons) == {"unknown key"}
        assert await stand.reason(stand.token("a")) is None
        assert stand.publisher.asked <= before + 1
        stand.now += 60


async def test_old_keys_serve_while_the_issuer_is_down_but_not_for_ever(stand: Stand) -> None:
    """Then tokens are refused; when the issuer is back, they pass again."""
    assert await stand.reason(stand.token("a")) is None
    stand.publisher.status = "500 Oops"
    for stand.now in (400.0, 1_000.0, 3_600.0):
        assert isinstance(stand.tokens.viewer(stand.token("a")), Viewer)
        await settled(stand)
    stand.now = 3_661.0
    assert await stand.reason(stand.token("a")) == "cannot be checked now"
    stand.publisher.status = "200 OK"
    stand.now += 61
    assert await stand.reason(stand.token("a")) is None


async def test_nothing_passes_before_there_are_keys(stand: Stand) -> None:
    """And one who waits a few seconds more is tried again, not a minute later."""
    stand.publisher.status = "404 Not Found"
    assert await stand.reason(stand.token("a")) == "cannot be checked now"
    stand.publisher.status = "200 OK"
    assert await stand.reason(stand.token("a")) == "cannot be checked now"
    stand.now += 5
    assert await stand.reason(stand.token("a")) is None
    assert stand.publisher.asked == 2


async def test_old_keys_are_fetched_anew_while_they_serve(stand: Stand) -> None:
    """Nobody waits for it."""
    assert await stand.reason(stand.token("a")) is None
    stand.now += 301
    stand.publisher.open.clear()
    assert isinstance(stand.tokens.viewer(stand.token("a")), Viewer)
    stand.publisher.open.set()
    await settled(stand)
    assert stand.publisher.asked == 2


async def test_one_who_leaves_does_not_end_the_fetch_of_others(stand: Stand) -> None:
    """The first waiter is cancelled; the second has its answer."""
    stand.publisher.open.clear()
    first = asyncio.ensure_future(stand.reason(stand.token("a")))
    second = asyncio.ensure_future(stand.reason(stand.token("a")))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    stand.publisher.open.set()
    assert await second is None
    assert stand.publisher.asked == 1


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"keys": 1}',
        b'{"keys": []}',
        b'{"keys": [1]}',
        b" " * (MAX_BYTES + 1),
    ],
    ids=["empty", "HTML", "list", "no keys", "a number", "none", "numbers", "too large"],
)
async def test_what_is_no_key_set_changes_nothing(stand: Stand, document: bytes) -> None:
    """The keys that were there serve on."""
    assert await stand.reason(stand.token("a")) is None
    stand.publisher.document = document
    stand.now += 301
    assert await stand.reason(stand.token("a")) is None
    await settled(stand)
    assert stand.publisher.asked == 2
    assert await stand.reason(stand.token("a")) is None


async def test_a_redirect_is_not_followed(stand: Stand) -> None:
    """Whoever can redirect would choose the keys."""
    stand.publisher.status = "302 Found"
    stand.publisher.headers = f"location: {stand.publisher.url}\r\n"
    assert await stand.reason(stand.token("a")) == "cannot be checked now"
    assert stand.publisher.asked == 1


async def test_a_fetch_is_bounded_in_time() -> None:
    """An issuer that accepts and says nothing is given up."""
    async with publishing() as publisher:
        publisher.open.clear()
        one = Stand(publisher, seconds=0.05)
        assert await one.reason(one.token("a")) == "cannot be checked now"


async def test_an_issuer_nobody_listens_for() -> None:
    """Refused, and nothing else comes out."""
    publisher = Publisher()
    publisher.url = "http://127.0.0.1:1/jwks"
    one = Stand(publisher)
    assert await one.reason(one.token("a")) == "cannot be checked now"
