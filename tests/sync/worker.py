"""A worker that is to be killed: fills the notes' collection slowly, in small batches."""

from __future__ import annotations

import asyncio
import sys

from notes import Watched, synced

from gateway.embedding.local import LocalEmbedder
from gateway.sources.qdrant import QdrantSource
from gateway.sync.filling import Filler
from gateway.sync.pipeline import Options


async def main(dsn: str, url: str, port: str, name: str) -> None:
    """Fill the collection; say when the first texts are embedded."""
    said = asyncio.Event()

    async def slowly(_texts: list[str]) -> None:
        if not said.is_set():
            said.set()
            sys.stdout.write("embedding\n")
            sys.stdout.flush()
        await asyncio.sleep(0.2)

    source = QdrantSource("vectors", url, grpc_port=int(port))
    await source.open()
    embedder = Watched(LocalEmbedder(), slowly)
    await Filler(synced(name), dsn, source, embedder, Options(batch=20)).follow()


asyncio.run(main(*sys.argv[1:]))
