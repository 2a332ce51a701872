"""Gets an issuer's published keys over HTTP: bounded in time and size, no redirects followed."""

from __future__ import annotations

import asyncio

import httpx2

MAX_BYTES = 256 << 10
_OK = 200


async def fetch(url: str, seconds: float) -> bytes:
    """The document at `url`.

    Raises TimeoutError after `seconds`, ValueError for another status than 200 or a document beyond
    MAX_BYTES, or an error of the HTTP client. Each fetch has a client of its own: there is one in
    minutes, and nothing of it outlives it.
    """
    async with asyncio.timeout(seconds), httpx2.AsyncClient(timeout=seconds) as client:
        headers = {"accept": "application/jwk-set+json, application/json"}
        async with client.stream("GET", url, headers=headers) as response:
            if response.status_code != _OK:
                raise ValueError("the answer's status is not 200")
            document = b""
            async for part in response.aiter_bytes():
                document += part
                if len(document) > MAX_BYTES:
                    raise ValueError("the document is too large")
            return document
