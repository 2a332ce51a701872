"""Headers in, a viewer out: tokens, API keys, nobody; and what settings make of it."""

from __future__ import annotations

import hashlib
import logging
import time
from typing import TYPE_CHECKING, Any

import pytest
from identity.minting import AUDIENCE, ISSUER, jwk, mint, pem, private_key, publishing

from gateway.errors import ConfigurationError, CredentialsError
from gateway.identity.apikeys import ApiKeys, hash_of
from gateway.identity.compose import identity_of
from gateway.identity.identify import Identity
from gateway.settings import load
from gateway.viewer import ANONYMOUS, Viewer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

KEY = b"a-key-of-more-than-twenty-letters"
CI = Viewer("ci", frozenset({"editor"}), frozenset({"read"}), "red")
SCOPE: dict[str, Any] = {"client": ("203.0.113.5", 40_000), "headers": []}


class Table:
    """A domain's keys: counts questions, and can be out of reach."""

    def __init__(self, rows: Mapping[str, Mapping[str, Any]]) -> None:
        self.rows = rows
        self.asked = 0
        self.down = False

    async def __call__(self, key_hash: str) -> Mapping[str, Any] | None:
        self.asked += 1
        if self.down:
            raise ConnectionError
        return self.rows.get(key_hash)


async def who(identity: Identity, *headers: tuple[bytes, bytes]) -> Viewer:
    """The viewer, awaited where that is needed."""
    found = identity(headers, SCOPE)
    return found if isinstance(found, Viewer) else await found


async def reason(identity: Identity, *headers: tuple[bytes, bytes]) -> str:
    """Why these headers are refused."""
    with pytest.raises(CredentialsError) as caught:
        await who(identity, *headers)
    return caught.value.reason


def by_keys(**options: Any) -> Identity:
    """API keys only."""
    return Identity(None, ApiKeys({hash_of(KEY): CI}), **options)


def test_without_credentials_one_is_nobody_at_once() -> None:
    """Unless nobody is let in; nothing is awaited."""
    assert by_keys()([(b"host", b"x"), (b"accept", b"*/*")], SCOPE) is ANONYMOUS
    with pytest.raises(CredentialsError) as caught:
        by_keys(anonymous=False)([(b"host", b"x")], SCOPE)
    assert caught.value.reason == "missing"


def test_a_key_of_the_settings_is_known_at_once() -> None:
    """Spaces around it do not matter, anything else does."""
    identity = by_keys()
    assert identity([(b"x-api-key", KEY)], SCOPE) is CI
    assert identity([(b"x-api-key", b" " + KEY + b" ")], SCOPE) is CI
    assert by_keys(key_header=b"x-other")([(b"x-api-key", KEY)], SCOPE) is ANONYMOUS


@pytest.mark.parametrize(
    "key", [b"", b"short", KEY[:-1], KEY.upper(), KEY + b"x", b"x" * 10_000, b"\xff" * 30]
)
async def test_a_wrong_key_is_nobodys(key: bytes) -> None:
    """Not even an anonymous caller's: who sends credentials means to be known."""
    assert await reason(by_keys(), (b"x-api-key", key)) == "unknown API key"


async def test_credentials_are_sent_once() -> None:
    """Twice, or of two kinds, they are refused, whichever would be good."""
    identity = by_keys()
    twice = [(b"x-api-key", KEY), (b"x-api-key", KEY)]
    assert await reason(identity, *twice) == "ambiguous"
    assert identity.figures() == {"ambiguous": 1}


def test_reasons_are_logged_ever_more_rarely(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever sets tokens up reads why they are refused; a flood of them is a few lines."""
    identity = Identity(None, None, anonymous=False)
    with caplog.at_level("INFO", "gateway.identity"):
        for _ in range(5):
            with pytest.raises(CredentialsError):
                identity([], SCOPE)
    assert caplog.messages == [
        f"credentials were refused: missing ({count} so far)" for count in (1, 2, 4)
    ]


async def test_the_domain_is_asked_for_other_keys() -> None:
    """Once in a while for each, known or not; keys of the settings need no question."""
    now = [0.0]
    table = Table({hash_of(b"b" * 30): {"subject": "bob", "roles": ["editor"], "tenant": None}})
    keys = ApiKeys({hash_of(KEY): CI}, table, remember=30.0, clock=lambda: now[0])
    identity = Identity(None, keys)
    for _ in range(3):
        assert await who(identity, (b"x-api-key", KEY)) is CI
        bob = await who(identity, (b"x-api-key", b"b" * 30))
        assert bob == Viewer("bob", frozenset({"editor"}))
        assert await reason(identity, (b"x-api-key", b"c" * 30)) == "unknown API key"
    assert table.asked == 2
    now[0] += 30.0
    table.rows = {}
    assert await reason(identity, (b"x-api-key", b"b" * 30)) == "unknown API key"


async def test_a_domain_out_of_reach_lets_nobody_in() -> None:
    """And is asked again with the next request."""
    table = Table({hash_of(b"b" * 30): {"subject": "bob"}})
    identity = Identity(None, ApiKeys({}, table))
    table.down = True
    assert await reason(identity, (b"x-api-key", b"b" * 30)) == "cannot be checked now"
    table.down = False
    assert (await who(identity, (b"x-api-key", b"b" * 30))).subject == "bob"


# Settings ----------------------------------------------------------------------------------------

JWT = {
    "PLAIT_JWT_ISSUER": ISSUER,
    "PLAIT_JWT_AUDIENCE": AUDIENCE,
}


def made(environ: Mapping[str, str]) -> Identity:
    """What these settings make."""
    return identity_of(load(environ=environ), None)


async def test_settings_name_issuers_and_keys(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A published key, a key in a file, a secret, an API key: all at once. Nothing is logged."""
    caplog.set_level(logging.DEBUG, "gateway")
    (tmp_path / "key.pem").write_bytes(pem(private_key("ES256")))
    (tmp_path / "secret").write_bytes(b"s" * 40 + b"\n")
    said = {"aud": "mine", "sub": "ann", "exp": time.time() + 600}
    async with publishing() as publisher:
        publisher.publish(jwk(private_key("RS256"), "RS256", "k"))
        identity = made(
            {
                **JWT,
                "PLAIT_JWT_JWKS_URL": publisher.url,
                "PLAIT_JWT_FILE_ISSUER": "file",
                "PLAIT_JWT_FILE_AUDIENCE": "yours mine",
                "PLAIT_JWT_FILE_KEY_FILE": str(tmp_path / "key.pem"),
                "PLAIT_JWT_FILE_ALGORITHMS": "ES256",
                "PLAIT_JWT_FILE_SUBJECT_PREFIX": "file:",
                "PLAIT_JWT_SECRET_ISSUER": "secret",
                "PLAIT_JWT_SECRET_AUDIENCE": "*",
                "PLAIT_JWT_SECRET_SECRET_FILE": str(tmp_path / "secret"),
                "PLAIT_JWT_SECRET_ALGORITHMS": "HS256",
                "PLAIT_API_KEY_CI_HASH": hashlib.sha256(KEY).hexdigest(),
                "PLAIT_API_KEY_CI_SUBJECT": "ci",
                "PLAIT_API_KEY_CI_ROLES": "editor",
                "PLAIT_API_KEY_CI_SCOPES": "read",
                "PLAIT_API_KEY_CI_TENANT": "red",
            }
        )
        expected = {
            mint({**said, "iss": ISSUER, "aud": AUDIENCE}, headers={"kid": "k"}): "ann",
            mint({**said, "iss": "file"}, algorithm="ES256"): "file:ann",
            mint({**said, "iss": "secret"}, algorithm="HS256", key=b"s" * 40): "ann",
        }
        for token, subject in expected.items():
            for scheme in (b"Bearer ", b"bearer   "):
                viewer = await who(identity, (b"authorization", scheme + token))
                assert viewer.subject == subject
        assert await who(identity, (b"x-api-key", KEY)) == CI
        token = next(iter(expected))
        both = [(b"authorization", b"Bearer " + token), (b"x-api-key", KEY)]
        assert await reason(identity, *both) == "ambiguous"
        for wrong in (b"", b"Bearer", b"Bearer ", b"Basic YTpi", b"Digest x", token):
            assert await reason(identity, (b"authorization", wrong)) == "malformed"
        await reason(identity, (b"authorization", b"Bearer " + token[:-5]))
        await identity.close()
    secrets = [KEY, b"s" * 40, *(part for one in expected for part in one.split(b".")[1:])]
    assert not any(secret.decode() in caplog.text for secret in secrets)


async def test_without_issuers_authorization_is_a_proxys() -> None:
    """It makes nobody somebody."""
    identity = made({"PLAIT_API_KEY_HASH": "a" * 64, "PLAIT_API_KEY_SUBJECT": "x"})
    assert identity([(b"authorization", b"Basic YTpi")], SCOPE) is ANONYMOUS


WRONG = [
    ({"PLAIT_JWT_ISSUER": ISSUER}, "jwt.default.audience"),
    ({"PLAIT_JWT_AUDIENCE": "a"}, "jwt.default.issuer"),
    (JWT, "jwks_url, key_file and secret_file"),
    ({**JWT, "PLAIT_JWT_JWKS_URL": "https://x/", "PLAIT_JWT_KEY_FILE": "k"}, "jwks_url, key_file"),
    (
        {**JWT, "PLAIT_JWT_JWKS_URL": "https://x/", "PLAIT_JWT_ALGORITHMS": "HS256"},
        "HS256 does not go",
    ),
    (
        {**JWT, "PLAIT_JWT_JWKS_URL": "https://x/", "PLAIT_JWT_ALGORITHMS": "RS256 HS256"},
        "HS256 does",
    ),
    (
        {**JWT, "PLAIT_JWT_SECRET_FILE": "s", "PLAIT_JWT_ALGORITHMS": "HS256 RS256"},
        "RS256 does not go",
    ),
    ({**JWT, "PLAIT_JWT_JWKS_URL": "https://x/", "PLAIT_JWT_ALGORITHMS": "none"}, "algorithms"),
    ({**JWT, "PLAIT_JWT_JWKS_URL": "file:///etc/passwd"}, "jwt.default.jwks_url"),
    ({**JWT, "PLAIT_JWT_KEY_FILE": "/nowhere/key"}, "jwt.default.key_file"),
    ({**JWT, "PLAIT_JWT_KEY_FILE": __file__}, "public key as PEM"),
    (
        {**JWT, "PLAIT_JWT_SECRET_FILE": "SHORT", "PLAIT_JWT_ALGORITHMS": "HS256"},
        "jwt.default.secret_file",
    ),
    ({"PLAIT_API_KEY_HASH": "a" * 64}, "api_key.default.subject"),
    ({"PLAIT_API_KEY_SUBJECT": "x"}, "api_key.default.hash"),
    ({"PLAIT_API_KEY_HASH": "secret-itself", "PLAIT_API_KEY_SUBJECT": "x"}, "api_key.default.hash"),
    ({"PLAIT_IDENTITY_ANONYMOUS": "yes"}, "identity.anonymous"),
]


@pytest.mark.parametrize(("environ", "told"), WRONG)
def test_wrong_settings_stop_the_start(environ: dict[str, str], told: str, tmp_path: Path) -> None:
    """By name, never by value."""
    (tmp_path / "short").write_bytes(b"too short")
    given = {
        name: str(tmp_path / "short") if value == "SHORT" else value
        for name, value in environ.items()
    }
    with pytest.raises(ConfigurationError) as caught:
        made(given)
    assert told in caught.value.message
    assert "secret-itself" not in caught.value.message
    assert "too short" not in caught.value.message


def test_two_issuers_of_one_name_are_refused() -> None:
    """Which of them a token means could not be told."""
    twice = {
        f"PLAIT_JWT_{name}{key.removeprefix('PLAIT_JWT_')}": value
        for name in ("", "B_")
        for key, value in {**JWT, "PLAIT_JWT_JWKS_URL": "https://x/"}.items()
    }
    with pytest.raises(ConfigurationError, match="same `issuer`"):
        made(twice)
