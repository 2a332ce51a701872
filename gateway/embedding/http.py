"""An OpenAI-compatible embeddings endpoint over HTTP.

The client is httpx2: a call nobody waits for any more is cancelled, and with httpx 0.28 that can
lose its place in the pool for ever (docs/decisions/embedding-client.md).
"""

from __future__ import annotations

import asyncio
from array import array
from typing import TYPE_CHECKING

import httpx2

from gateway.embedding.contract import check_all
from gateway.embedding.openai import most_bytes, read_answer, request_body
from gateway.embedding.retrying import Passing, Retrying, retry_after
from gateway.errors import (
    Code,
    SourceDataError,
    SourceOverloaded,
    SourceRefused,
    SourceTimeout,
    SourceUnavailable,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.embedding.openai import Form
    from gateway.settings import Embedding

_LARGE = 65_536
_CLOSE_SECONDS = 2.0
_OK = 200
_TOO_MANY = 429
_SERVER = 500
_PASSING = {408, 425, 429, 500, 502, 503, 504, 529}
_DATA = {400, 413, 422}
_KEY = {401, 403}


class HttpEmbedder:
    """An `Embedder` behind HTTP: each `embed` is one request, tried again where that may help."""

    def __init__(self, embedding: Embedding, retrying: Retrying | None = None) -> None:
        self.model = embedding.model
        self.dimensions = embedding.dimensions
        self.max_chars = embedding.max_text_chars
        self._embedding = embedding
        self._url = f"{embedding.base_url.reveal().rstrip('/')}/embeddings"
        self._retrying = retrying or Retrying(embedding.attempts)
        self._form: Form = "base64"
        self._answered = False
        self._places = asyncio.Semaphore(embedding.concurrency)
        headers = {"content-type": "application/json", "accept-encoding": "identity"}
        if embedding.api_key:
            headers["authorization"] = f"Bearer {embedding.api_key.reveal()}"
        self._client = httpx2.AsyncClient(
            headers=headers,
            timeout=httpx2.Timeout(embedding.timeout_seconds),
            limits=httpx2.Limits(
                max_connections=embedding.concurrency,
                max_keepalive_connections=embedding.concurrency,
            ),
            follow_redirects=False,
        )

    def check(self, texts: Sequence[str], names: Sequence[str] = ()) -> None:
        """See `Embedder.check`."""
        check_all(texts, self.max_chars, names)

    async def embed(self, texts: Sequence[str], deadline: float) -> list[array[float]]:
        """One vector of length 1 per text, in their order; see `Embedder.embed`.

        Raises `SourceDataError` where the service takes not these texts, and other `SourceError`s
        where it fails otherwise. Blank texts are not sent, as most services refuse them.
        """
        self.check(texts)
        told = [text for text in texts if text.strip()]
        found = iter(await self._vectors(told, deadline) if told else [])
        nothing = [0.0] * self.dimensions
        return [next(found) if text.strip() else array("f", nothing) for text in texts]

    async def warm(self) -> None:
        """See `Embedder.warm`: a service is always ready."""

    async def aclose(self) -> None:
        """Close the connections; idempotent."""
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._client.aclose()
        except TimeoutError:
            return

    async def _vectors(self, texts: list[str], deadline: float) -> list[array[float]]:
        try:
            answer = await self._answer(texts, self._form, deadline)
        except SourceDataError:
            if self._answered or self._form == "float":
                raise
            # It may be the form that the service does not take.
            answer = await self._answer(texts, "float", deadline)
            self._form = "float"
        self._answered = True
        if len(answer) < _LARGE:
            return read_answer(answer, len(texts), self.dimensions)
        return await asyncio.to_thread(read_answer, answer, len(texts), self.dimensions)

    async def _answer(self, texts: list[str], form: Form, deadline: float) -> bytes:
        shortened = self.dimensions if self._embedding.shorten else None
        body = request_body(texts, self.model, shortened, form)
        limit = most_bytes(len(texts), self.dimensions)
        return await self._retrying.call(lambda: self._attempt(body, limit, deadline), deadline)

    async def _attempt(self, body: bytes, limit: int, deadline: float) -> bytes:
        """The body of the answer to one request. Raises `Passing` or a `SourceError`."""
        own = asyncio.get_running_loop().time() + self._embedding.timeout_seconds
        try:
            async with asyncio.timeout_at(min(own, deadline)), self._places:
                return await self._exchange(body, limit)
        except (TimeoutError, httpx2.TimeoutException):
            raise Passing(SourceTimeout("the embedding service did not answer in time")) from None
        except (httpx2.TransportError, OSError):
            raise Passing(SourceUnavailable("the embedding service cannot be reached")) from None
        except httpx2.HTTPError:
            raise SourceRefused("the embedding service's answer cannot be read") from None

    async def _exchange(self, body: bytes, limit: int) -> bytes:
        async with self._client.stream("POST", self._url, content=body) as response:
            _check_status(response)
            if response.headers.get("content-encoding", "identity") != "identity":
                raise SourceRefused("the embedding service compresses its answers unasked")
            parts, size = [], 0
            async for part in response.aiter_raw():
                size += len(part)
                if size > limit:
                    raise SourceRefused(f"the embedding service's answer exceeds {limit} bytes")
                parts.append(part)
        return b"".join(parts)


def _check_status(response: httpx2.Response) -> None:
    """Raise what a status other than 200 means; its body is not looked at, nor told to anybody."""
    status = response.status_code
    if status == _OK:
        return
    if status in _PASSING:
        busy = SourceOverloaded if status == _TOO_MANY else SourceUnavailable
        error = busy(f"the embedding service answers {status}")
        raise Passing(error, retry_after(response.headers.get("retry-after")))
    if status in _DATA:
        raise SourceDataError(f"the embedding service does not take this text ({status})")
    if status in _KEY:
        raise SourceRefused(
            "the embedding service does not accept the API key; see embedding.api_key",
            code=Code.CONFIGURATION,
        )
    broken = SourceUnavailable if status > _SERVER else SourceRefused
    raise broken(f"the embedding service answers {status}; see embedding.base_url and .model")
