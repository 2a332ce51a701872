"""Keys, tokens good and bad, and an issuer that publishes its keys over real HTTP."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from contextlib import asynccontextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
)
from jwt.algorithms import get_default_algorithms

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

ISSUER = "https://issuer.example"
AUDIENCE = "plait"
NOW = 1_800_000_000.0


@cache
def private_key(algorithm: str, number: int = 1) -> Any:
    """A key to sign with by this algorithm; another one for another number."""
    del number
    if algorithm.startswith("ES"):
        curve = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}
        return ec.generate_private_key(curve[algorithm])
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: Any) -> bytes:
    """The public half, as PEM."""
    return bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def jwk(key: Any, algorithm: str, kid: str | None = None, **more: Any) -> dict[str, Any]:
    """The public half, as an issuer publishes it."""
    made = get_default_algorithms()[algorithm].to_jwk(key.public_key(), as_dict=True)
    return {**made, **({"kid": kid} if kid else {}), **more}


def claims(**changes: Any) -> dict[str, Any]:
    """What a good token says; a change to None leaves a claim out."""
    said = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "ann",
        "exp": int(NOW) + 600,
        "iat": int(NOW),
        "roles": ["editor", "admin"],
        "scope": "read write",
        "tenant": "red",
        **changes,
    }
    return {name: value for name, value in said.items() if value is not None}


def mint(
    said: Mapping[str, Any] | None = None,
    *,
    algorithm: str = "RS256",
    key: Any = None,
    headers: Mapping[str, Any] | None = None,
) -> bytes:
    """A signed token."""
    signing = private_key(algorithm) if key is None else key
    return jwt.encode(
        dict(claims() if said is None else said), signing, algorithm, dict(headers or {})
    ).encode()


def raw(
    header: Mapping[str, Any] | bytes, payload: Mapping[str, Any] | bytes, key: bytes = b""
) -> bytes:
    """A token put together by hand; signed by HMAC-SHA256 where there is a key."""
    parts = [_part(header), _part(payload)]
    signature = hmac.new(key, b".".join(parts), hashlib.sha256).digest() if key else b""
    return b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")])


def _part(value: Mapping[str, Any] | bytes) -> bytes:
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=")


class Publisher:
    """An issuer's address: answers with `document`, counts who asks, and can be told to fail."""

    def __init__(self) -> None:
        self.document = b'{"keys": []}'
        self.status = "200 OK"
        self.headers = ""
        self.asked = 0
        self.open = asyncio.Event()
        self.open.set()
        self.url = ""

    def publish(self, *keys: Mapping[str, Any]) -> None:
        """Publish these keys and no others."""
        self.document = json.dumps({"keys": keys}).encode()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            await reader.readuntil(b"\r\n\r\n")
            self.asked += 1
            await self.open.wait()
            head = f"HTTP/1.1 {self.status}\r\n{self.headers}content-length: {len(self.document)}\r\nconnection: close\r\n\r\n"
            writer.write(head.encode() + self.document)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def publishing() -> AsyncIterator[Publisher]:
    """A publisher on a free port of loopback."""
    publisher = Publisher()
    server = await asyncio.start_server(publisher.answer, "127.0.0.1", 0)
    publisher.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/jwks"
    try:
        yield publisher
    finally:
        publisher.open.set()
        server.close()
        await server.wait_closed()
