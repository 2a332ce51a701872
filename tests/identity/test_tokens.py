"""Tokens: what is good passes, and of a whole corpus of bad ones none does."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from identity.minting import (
    AUDIENCE,
    ISSUER,
    NOW,
    claims,
    jwk,
    mint,
    pem,
    private_key,
    raw,
)

from gateway.errors import Code, CredentialsError
from gateway.identity.algorithms import ASYMMETRIC
from gateway.identity.claims import ClaimNames
from gateway.identity.keysets import FixedKeys, SigningKey, read_keys
from gateway.identity.tokens import REMEMBER_SECONDS, REMEMBERED, Issuer, Tokens
from gateway.viewer import Viewer

ANN = Viewer("ann", frozenset({"editor", "admin"}), frozenset({"read", "write"}), "red")
SECRET = b"s" * 32


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def tokens(clock: Clock | None = None, *, algorithm: str = "RS256", **options: Any) -> Tokens:
    """What trusts the issuer's key for one algorithm, and a second issuer by a secret."""
    key = SigningKey(private_key(algorithm).public_key())
    first = {"audiences": (AUDIENCE,), "algorithms": frozenset({algorithm}), **options}
    return Tokens(
        [
            Issuer(ISSUER, keys=FixedKeys([key]), **first),
            Issuer(
                "https://other.example",
                (AUDIENCE,),
                frozenset({"HS256"}),
                FixedKeys([SigningKey(SECRET)]),
                prefix="other:",
            ),
        ],
        clock=clock or Clock(),
    )


@pytest.mark.parametrize("algorithm", sorted(ASYMMETRIC))
def test_a_good_token_says_who_its_bearer_is(algorithm: str) -> None:
    """By every algorithm that is allowed."""
    assert tokens(algorithm=algorithm).viewer(mint(algorithm=algorithm)) == ANN


def test_a_secret_serves_its_own_issuer() -> None:
    """Whose subjects carry its prefix, so that nobody is taken for another's Ann."""
    said = claims(iss="https://other.example", roles=None, scope=None, tenant=None)
    assert tokens().viewer(mint(said, algorithm="HS256", key=SECRET)) == Viewer("other:ann")


def _with_header(**headers: Any) -> bytes:
    return mint(headers=headers)


def _tampered(said: dict[str, Any]) -> bytes:
    """A good token's signature under other claims."""
    head, _, signature = mint().split(b".")
    payload = base64.urlsafe_b64encode(json.dumps(said).encode()).rstrip(b"=")
    return b".".join([head, payload, signature])


def _cut(token: bytes, count: int) -> bytes:
    return token[:-count]


PUBLIC = pem(private_key("RS256"))
BAD: dict[str, bytes] = {
    "nothing": b"",
    "no dots": b"token",
    "one dot": b"a.b",
    "four parts": mint() + b".x",
    "not base64": b"!!!.???.***",
    "not UTF-8": b"\xff\xfe.\xff.\xff",
    "an API key": b"plait_0123456789abcdef0123456789abcdef",
    "header no object": raw(b"[]", claims()),
    "header a number": raw(b"1", claims()),
    "payload no object": raw({"alg": "RS256"}, b'"x"'),
    "payload deep": raw({"alg": "RS256"}, b"[" * 3000),
    "alg none": raw({"alg": "none"}, claims()),
    "alg None": raw({"alg": "None"}, claims()),
    "alg nOnE": raw({"alg": "nOnE"}, claims()),
    "alg missing": raw({"typ": "JWT"}, claims()),
    "alg a list": raw({"alg": ["RS256"]}, claims()),
    "alg null": raw({"alg": None}, claims()),
    "alg unknown": raw({"alg": "XX999"}, claims()),
    "HS256 by the public key": raw({"alg": "HS256"}, claims(), PUBLIC),
    "HS256 by the public key, trimmed": raw({"alg": "HS256"}, claims(), PUBLIC.strip()),
    "HS256 by the other's secret": raw({"alg": "HS256"}, claims(), SECRET),
    "HS256 by nothing": raw({"alg": "HS256"}, claims()),
    "RS256 for the one with the secret": mint(claims(iss="https://other.example")),
    "another algorithm of the same key": mint(algorithm="RS512", key=private_key("RS256")),
    "PS256 where RS256 is allowed": mint(algorithm="PS256", key=private_key("RS256")),
    "another key": mint(key=private_key("RS256", 2)),
    "another kind of key": mint(algorithm="ES256"),
    "no signature": mint().rpartition(b".")[0] + b".",
    "half a signature": _cut(mint(), 100),
    "other claims": _tampered(claims(sub="eve")),
    "another header": b".".join(
        [raw({"alg": "RS256", "kid": "x"}, {}).split(b".")[0], *mint().split(b".")[1:]]
    ),
    "crit": raw({"alg": "RS256", "crit": ["exp"], "exp": 1}, claims()),
    "crit, signed": _with_header(crit=["urn:x"], **{"urn:x": 1}),
    "jku": _with_header(jku="https://evil.example/jwks"),
    "x5u": _with_header(x5u="https://evil.example/cert"),
    "jwk": _with_header(jwk=jwk(private_key("RS256", 2), "RS256")),
    "kid no text": raw({"alg": "RS256", "kid": 7}, claims()),
    "wrong issuer": mint(claims(iss="https://evil.example")),
    "issuer with a slash": mint(claims(iss=ISSUER + "/")),
    "issuer a list": raw({"alg": "RS256"}, claims(iss=[ISSUER])),
    "no issuer": mint(claims(iss=None)),
    "wrong audience": mint(claims(aud="somebody else")),
    "audience in other letters": mint(claims(aud="Plait")),
    "audience a number": mint(claims(aud=7)),
    "no audience": mint(claims(aud=None)),
    "empty audience": mint(claims(aud=[])),
    "no exp": mint(claims(exp=None)),
    "exp null": mint({**claims(), "exp": None}),
    "exp passed": mint(claims(exp=int(NOW) - 31)),
    "exp at the edge": mint(claims(exp=int(NOW) - 30)),
    "exp a text": mint({**claims(), "exp": "1900000000"}),
    "exp true": mint({**claims(), "exp": True}),
    "exp endless": mint({**claims(), "exp": float("inf")}),
    "exp no number": mint({**claims(), "exp": float("nan")}),
    "exp beyond all floats": mint({**claims(), "exp": 10**400}),
    "nbf beyond all floats": mint({**claims(), "nbf": -(10**400)}),
    "nbf far ahead": mint(claims(nbf=int(NOW) + 86_400)),
    "nbf just ahead": mint(claims(nbf=int(NOW) + 31)),
    "nbf a text": mint({**claims(), "nbf": "0"}),
    "iat far ahead": mint(claims(iat=int(NOW) + 86_400)),
    "no subject": mint(claims(sub=None)),
    "empty subject": mint(claims(sub="")),
    "subject a number": mint({**claims(), "sub": 7}),
    "subject with NUL": mint(claims(sub="a\x00b")),
    "subject endless": mint(claims(sub="a" * 257)),
    "roles a number": mint(claims(roles=7)),
    "roles an object": mint(claims(roles={"admin": True})),
    "roles of numbers": mint(claims(roles=[1])),
    "too many roles": mint(claims(roles=["r"] * 1_001)),
    "too long": mint(claims(pad="x" * 9_000)),
}


async def _viewer(one: Tokens, token: bytes) -> Viewer:
    found = one.viewer(token)
    return found if isinstance(found, Viewer) else await found


@pytest.mark.parametrize("name", BAD)
async def test_no_bad_token_is_accepted(name: str) -> None:
    """Each is refused as all others are; the answer says no more than that."""
    with pytest.raises(CredentialsError) as caught:
        await _viewer(tokens(), BAD[name])
    error = caught.value
    assert error.code is Code.UNAUTHENTICATED
    assert error.extensions == {"code": "UNAUTHENTICATED"}
    told = {"The credentials are not valid."}
    if error.reason == "expired":
        told = {"The token has expired; get a new one."}
    assert error.message in told
    assert error.__cause__ is None


def test_clocks_may_differ_by_the_leeway() -> None:
    """Both ways, and by no more."""
    late = mint(claims(exp=int(NOW) - 29))
    early = mint(claims(nbf=int(NOW) + 30, iat=int(NOW) + 30))
    assert tokens().viewer(late) == tokens().viewer(early) == ANN
    with pytest.raises(CredentialsError):
        tokens(leeway=0.0).viewer(late)
    with pytest.raises(CredentialsError):
        tokens(leeway=0.0).viewer(early)


def test_a_remembered_token_ends_when_it_expires() -> None:
    """And is looked at again after a while, whatever its `exp`."""
    clock = Clock()
    one = tokens(clock)
    token = mint(claims(exp=int(NOW) + 10))
    assert one.viewer(token) is one.viewer(token)
    clock.now += 39
    assert one.viewer(token) == ANN
    clock.now += 1
    with pytest.raises(CredentialsError) as caught:
        one.viewer(token)
    assert caught.value.reason == "expired"
    again = mint(claims(exp=int(NOW) + 86_400))
    first = one.viewer(again)
    clock.now += REMEMBER_SECONDS
    assert one.viewer(again) == first
    assert one.viewer(again) is not first


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest is forgotten first; nothing of a refused token is kept."""
    monkeypatch.setattr("gateway.identity.tokens.REMEMBERED", 3)
    one = tokens()
    for number in range(10):
        one.viewer(mint(claims(jti=str(number))))
        with pytest.raises(CredentialsError):
            one.viewer(mint(claims(jti=str(number), aud="x")))
    assert len(one._verified) == 3
    assert REMEMBERED == 10_000


def test_claims_may_lie_deep_and_be_named_like_addresses() -> None:
    """A JSON pointer finds them; what is kept is there for rules, what is not is gone."""
    names = ClaimNames(
        subject="/user/id",
        roles="/realm_access/roles",
        scopes="/https:~1~1example.com~1scp",
        tenant="",
        kept=("age", "plan", "/user/vip", "absent", "list"),
    )
    said = claims(
        sub=None,
        user={"id": "u1", "vip": True},
        realm_access={"roles": ["a", "b"]},
        **{"https://example.com/scp": "x y"},
        age=40,
        plan="gold",
        list=[1],
    )
    viewer = tokens(names=names).viewer(mint(said))
    assert viewer == Viewer(
        "u1",
        frozenset({"a", "b"}),
        frozenset({"x", "y"}),
        None,
        (("/user/vip", True), ("age", 40), ("plan", "gold")),
    )
    assert isinstance(viewer, Viewer)
    assert (viewer.claim("age"), viewer.claim("absent")) == (40, None)
    assert hash(viewer) == hash(tokens(names=names).viewer(mint(said)))


@pytest.mark.parametrize("age", [2**63, -(2**63) - 1, 10**30, float("inf")])
def test_a_number_that_no_rule_could_read_is_no_claim(age: float) -> None:
    """Rules read claims as JSON, which would fail each of the viewer's requests."""
    names = ClaimNames(kept=("age",))
    with pytest.raises(CredentialsError):
        tokens(names=names).viewer(mint(claims(age=age)))
    assert tokens(names=names).viewer(mint(claims(age=2**63 - 1)))


def test_any_audience_must_be_asked_for() -> None:
    """Then tokens with any, or none, pass."""
    one = tokens(audiences=None)
    assert one.viewer(mint(claims(aud=None))) == one.viewer(mint(claims(aud="x"))) == ANN


def test_published_keys_are_taken_with_care() -> None:
    """No secrets, no private keys, none for encryption, none too small; the rest stays usable."""
    good = jwk(private_key("RS256"), "RS256", "good", use="sig", alg="RS256")
    private = {**good, "kid": "private", "d": "AQAB"}
    published = [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "secret"},
        private,
        {**good, "kid": "enc", "use": "enc"},
        {**good, "kid": "ops", "key_ops": ["encrypt"]},
        {**good, "kid": 7},
        {"kty": "RSA", "n": "!!", "e": "AQAB", "kid": "broken"},
        {"kty": "XX", "kid": "strange"},
        {},
        good,
    ]
    (found,) = read_keys(json.dumps({"keys": published}).encode())
    assert found.kid == "good"
    assert found.serves("RS256")
    assert not any(found.serves(one) for one in ASYMMETRIC - {"RS256"})
