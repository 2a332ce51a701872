"""The bundled domain over HTTP: who asks with which credentials gets what, and how refusals look."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import httpx
import pytest
from identity.minting import AUDIENCE, ISSUER, jwk, mint, private_key, publishing
from operations.stage import lifespan

from gateway.app import create_app
from gateway.settings import load
from gateway.sources.postgres.migrate import upgrade

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import FreshDatabase

MIGRATIONS = Path(__file__).parents[2] / "migrations"
KEYS = {name: f"key-of-{name}-long-enough" for name in ("ada", "ed", "vi", "ex")}
ROLES = {"ada": "admin", "ed": "editor", "vi": "viewer", "ex": "admin"}
ME = "{ users { nodes { email role } } }"
WRITE = "mutation { deleteItem(id: 1) { id } }"


@pytest.fixture(scope="module")
async def client(module_database: FreshDatabase) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the gateway; four users with a key each, one of them no longer active."""
    url = await module_database()
    await upgrade(url, MIGRATIONS)
    connection = await asyncpg.connect(url, timeout=10)
    for name, key in KEYS.items():
        await connection.execute(
            "insert into users (email, role, password_hash, api_key_hashes, active)"
            " values ($1, $2, '$argon2id$x', array[$3], $4)",
            f"{name}@example.org",
            ROLES[name],
            hashlib.sha256(key.encode()).hexdigest(),
            name != "ex",
        )
    await connection.close()
    async with publishing() as publisher:
        publisher.publish(jwk(private_key("RS256"), "RS256", "k"))
        settings = {
            "POSTGRES_URL": url,
            "REDIS_URL": "redis://127.0.0.1:1",
            "PLAIT_SERVE_DEADLINE_SECONDS": "60",
            "PLAIT_JWT_ISSUER": ISSUER,
            "PLAIT_JWT_AUDIENCE": AUDIENCE,
            "PLAIT_JWT_JWKS_URL": publisher.url,
        }
        app = create_app(load(environ=settings))
        transport = httpx.ASGITransport(app)
        async with (
            lifespan(app),
            httpx.AsyncClient(transport=transport, base_url="http://plait") as one,
        ):
            yield one


async def post(client: httpx.AsyncClient, query: str, **headers: str) -> httpx.Response:
    """The response to a query with these headers."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    named["accept"] = "application/graphql-response+json"
    return await client.post("/graphql", json={"query": query}, headers=named)


def bearer(**said: Any) -> str:
    """A token of the issuer."""
    told = {"iss": ISSUER, "aud": AUDIENCE, "sub": "jo", "exp": time.time() + 600, **said}
    return "Bearer " + mint(told, headers={"kid": "k"}).decode()


async def test_everybody_sees_the_users_they_may_see(client: httpx.AsyncClient) -> None:
    """Administrators all, others themselves, strangers none."""

    async def seen(**headers: str) -> list[str]:
        body = (await post(client, ME, **headers)).json()
        assert "errors" not in body
        return [node["email"].partition("@")[0] for node in body["data"]["users"]["nodes"]]

    assert await seen() == []
    assert sorted(await seen(x_api_key=KEYS["ada"])) == ["ada", "ed", "ex", "vi"]
    assert await seen(x_api_key=KEYS["ed"]) == ["ed"]
    assert await seen(x_api_key=KEYS["vi"]) == ["vi"]
    assert await seen(authorization=bearer()) == []
    assert len(await seen(authorization=bearer(roles=["admin"]))) == 4


async def test_editors_write(client: httpx.AsyncClient) -> None:
    """By key or token; others are told to sign in, or that they may not."""

    async def told(**headers: str) -> tuple[int, Any]:
        response = await post(client, WRITE, **headers)
        errors = response.json().get("errors")
        return response.status_code, errors and errors[0]["extensions"]["code"]

    assert await told() == (401, "UNAUTHENTICATED")
    assert await told(x_api_key=KEYS["vi"]) == (200, "FORBIDDEN")
    assert await told(authorization=bearer(roles=["viewer"])) == (200, "FORBIDDEN")
    assert await told(x_api_key=KEYS["ed"]) == (200, None)
    assert await told(authorization=bearer(roles=["editor"])) == (200, None)
    assert await told(x_api_key=KEYS["ada"]) == (200, None)


@pytest.mark.parametrize(
    "headers",
    [
        {"x_api_key": "nobody-has-this-key-at-all"},
        {"x_api_key": KEYS["ex"]},
        {"authorization": "Bearer x.y.z"},
        {
            "authorization": "Bearer "
            + mint(key=private_key("RS256", 2), headers={"kid": "k"}).decode()
        },
        {"authorization": "Basic YTpi"},
    ],
    ids=["unknown key", "not active", "no token", "another's signature", "another scheme"],
)
@pytest.mark.parametrize("query", ["{ __typename }", "not GraphQL"])
async def test_wrong_credentials_are_refused_before_anything(
    client: httpx.AsyncClient, headers: dict[str, str], query: str
) -> None:
    """Nobody becomes anonymous by a mistake; whatever is asked is not looked at."""
    response = await post(client, query, **headers)
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert response.json() == {
        "errors": [
            {
                "message": "The credentials are not valid.",
                "extensions": {"code": "UNAUTHENTICATED"},
            }
        ]
    }


EXPIRED = bearer(exp=1)
PLAIN = 'Bearer realm="graphql"'
TWO = "Send one credential: a bearer token or an API key, once."
INVALID = f'{PLAIN}, error="invalid_token", error_description='


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({}, PLAIN),
        ({"x_api_key": "nobody-has-this-key-at-all"}, PLAIN),
        ({"authorization": "Bearer x.y.z"}, f'{INVALID}"The credentials are not valid."'),
        ({"authorization": EXPIRED}, f'{INVALID}"The token has expired; get a new one."'),
        (
            {"authorization": "Bearer x", "x_api_key": "y"},
            f'{PLAIN}, error="invalid_request", error_description="{TWO}"',
        ),
    ],
    ids=["none", "a wrong key", "no token", "expired", "two"],
)
async def test_a_refusal_says_what_would_do(
    client: httpx.AsyncClient, headers: dict[str, str], said: str
) -> None:
    """By RFC 6750: no error for who sent no token, and nothing a forger could learn from."""
    response = await post(client, WRITE, **headers)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == said


async def test_a_batch_has_one_caller(client: httpx.AsyncClient) -> None:
    """Every operation of it runs as that one."""
    batch = [{"query": ME}, {"query": WRITE}, {"query": ME}]
    response = await client.post("/graphql", json=batch, headers={"x-api-key": KEYS["vi"]})
    first, second, third = response.json()
    assert first == third
    assert len(first["data"]["users"]["nodes"]) == 1
    assert second["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_a_flood_of_made_up_keys_is_told_to_wait(client: httpx.AsyncClient) -> None:
    """A good key that was used before goes on; whoever is nobody may ask as nobody."""
    assert (await post(client, ME, x_api_key=KEYS["ada"])).status_code == 200
    answers = [await post(client, ME, x_api_key=f"{number:040}") for number in range(80)]
    assert {answer.status_code for answer in answers[:50]} == {401}
    # One more a second is let through, so it need not be the very last.
    last = next(one for one in reversed(answers) if one.status_code == 429)
    assert 0 < int(last.headers["retry-after"]) <= 60
    (error,) = last.json()["errors"]
    assert error["extensions"]["code"] == "RATE_LIMITED"
    assert "www-authenticate" not in last.headers
    assert (await post(client, ME, x_api_key=KEYS["ada"])).status_code == 200
    assert (await post(client, ME)).status_code == 200
