"""A small model on this machine: WordLlama, 256 dimensions, no network.

It embeds thousands of texts a second. Its weights come with the package; it is loaded at the first
use, in a thread.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.embedding.contract import check_all
from gateway.errors import ConfigurationError, SourceTimeout

if TYPE_CHECKING:
    from collections.abc import Sequence

_CHUNK = 256
_BATCH = 64
_BATCH_CHARS = 32_768


class LocalEmbedder:
    """WordLlama's `l2_supercat` behind the `Embedder` contract."""

    model = "wordllama-l2_supercat-256"
    dimensions = 256
    max_chars = 8_192

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "embedding")
        self._loaded: Any = None

    def check(self, texts: Sequence[str], names: Sequence[str] = ()) -> None:
        """See `Embedder.check`."""
        check_all(texts, self.max_chars, names)

    async def embed(self, texts: Sequence[str], deadline: float) -> list[list[float]]:
        """One vector of length 1 per text, in their order; see `Embedder.embed`.

        Raises `ConfigurationError` where the package is not installed.
        """
        self.check(texts)
        loop = asyncio.get_running_loop()
        vectors: list[list[float]] = []
        try:
            async with asyncio.timeout_at(deadline):
                for start in range(0, len(texts), _CHUNK):
                    chunk = list(texts[start : start + _CHUNK])
                    vectors += await loop.run_in_executor(self._thread, self._vectors, chunk)
        except TimeoutError:
            raise SourceTimeout(
                f"embedding {len(texts)} texts took longer than the request may last"
            ) from None
        return vectors

    def close(self) -> None:
        """Let go of the thread and the model; idempotent."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._loaded = None

    async def aclose(self) -> None:
        """As `close`."""
        self.close()

    def _vectors(self, texts: list[str]) -> list[list[float]]:
        if self._loaded is None:
            self._loaded = _load()
        import numpy as np  # noqa: PLC0415 - comes with the model, loaded when it is

        # A batch is padded to its longest text: the longer, the fewer at a time.
        batch = max(1, min(_BATCH, _BATCH_CHARS // max(len(text) or 1 for text in texts)))
        rows = self._loaded.embed(texts, norm=False, batch_size=batch)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        unit: list[list[float]] = (rows / np.where(lengths == 0, 1, lengths)).tolist()
        return unit


def _load() -> Any:
    try:
        # An optional package of 19 MB without type hints, loaded at first use.
        import wordllama  # type: ignore[import-untyped]  # noqa: PLC0415
    except ImportError:
        raise ConfigurationError(
            "the local embedder needs the package wordllama; install plait[demo]"
        ) from None
    folder = Path(wordllama.__file__).parent
    return wordllama.WordLlama.load(cache_dir=folder, disable_download=True)
