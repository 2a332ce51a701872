"""A small model on this machine: WordLlama, 256 dimensions, no network.

It embeds more than ten thousand short texts a second, in a process of its own that is started at
the first use. Its weights come with the package.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from gateway.embedding.contract import check_all
from gateway.embedding.local_process import ModelProcess
from gateway.embedding.vectors import split
from gateway.errors import PlaitError, SourceTimeout, SourceUnavailable

if TYPE_CHECKING:
    from array import array
    from collections.abc import Sequence

_LOG = logging.getLogger(__name__)
_CHUNK = 256


class LocalEmbedder:
    """WordLlama's `l2_supercat` behind the `Embedder` contract."""

    model = "wordllama-l2_supercat-256"
    dimensions = 256
    max_chars = 8_192

    def __init__(self) -> None:
        self._process: ModelProcess | None = None
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The model's process; None where there is none."""
        return None if self._process is None or self._process.ended else self._process.pid

    def check(self, texts: Sequence[str], names: Sequence[str] = ()) -> None:
        """See `Embedder.check`."""
        check_all(texts, self.max_chars, names)

    async def embed(self, texts: Sequence[str], deadline: float) -> list[array[float]]:
        """One vector of length 1 per text, in their order; see `Embedder.embed`.

        Raises `ConfigurationError` where the package is not installed, `SourceUnavailable` when
        the model's process ends meanwhile: the next call starts it again.
        """
        self.check(texts)
        vectors: list[array[float]] = []
        try:
            async with asyncio.timeout_at(deadline):
                for start in range(0, len(texts), _CHUNK):
                    answer = await self._running().ask(texts[start : start + _CHUNK])
                    vectors += split(answer, self.dimensions)
        except TimeoutError:
            if self._process is not None:
                self._process.end_if_silent()
            raise SourceTimeout(
                f"embedding {len(texts)} texts took longer than the request may last"
            ) from None
        return vectors

    async def warm(self) -> None:
        """Start the model's process, and have it load the model; see `Embedder.warm`."""
        try:
            await self._running().ask([""])
        except PlaitError as error:
            _LOG.warning("searches by text are refused: %s", error.message)

    def close(self) -> None:
        """End the model's process; idempotent."""
        self._closed = True
        if self._process is not None:
            self._process.end()

    async def aclose(self) -> None:
        """As `close`."""
        self.close()

    def _running(self) -> ModelProcess:
        """The model's process, started where there is none."""
        if self._closed:
            raise SourceUnavailable("the gateway is shutting down")
        if self._process is None or not self._process.serves():
            if self._process is not None:
                self._process.end()
            self._process = ModelProcess()
        return self._process
