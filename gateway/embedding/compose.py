"""The embedder that the settings describe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.embedding.batching import BatchingEmbedder, Bounds
from gateway.embedding.cache import VectorCache
from gateway.embedding.local import LocalEmbedder

if TYPE_CHECKING:
    from gateway.embedding.cache import SharedStore
    from gateway.embedding.contract import Embedder
    from gateway.embedding.http import HttpEmbedder
    from gateway.settings import Embedding

_LOCAL_CALLS, _LOCAL_TEXTS = 4, 256
"""The local model finds the next call when it has done one; a call costs as much as ten texts."""


def embedder_of(embedding: Embedding, shared: SharedStore | None) -> Embedder:
    """The configured model behind its cache and its queue; `shared` is the cache's second level."""
    model: Embedder = LocalEmbedder() if embedding.kind == "local" else _service(embedding)
    cache = VectorCache(
        model.model,
        model.dimensions,
        max_bytes=embedding.cache_bytes,
        seconds=embedding.cache_seconds,
        shared=shared,
    )
    local = embedding.kind == "local"
    bounds = Bounds(
        texts=_LOCAL_TEXTS if local else embedding.batch_size,
        chars=embedding.batch_chars,
        calls=_LOCAL_CALLS if local else embedding.concurrency,
        spare=1 if local else 0,
        budget_texts=embedding.max_texts,
        budget_chars=embedding.max_chars,
    )
    return BatchingEmbedder(model, cache, bounds)


def _service(embedding: Embedding) -> HttpEmbedder:
    # The HTTP client is for those who have a service.
    from gateway.embedding.http import HttpEmbedder  # noqa: PLC0415

    return HttpEmbedder(embedding)
