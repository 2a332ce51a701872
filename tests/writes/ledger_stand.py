"""The ledger behind a gateway, its notes' vectors in Qdrant."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from writes import ledger
from writes.shop_tables import script
from writes.stand import standing

from gateway.sources.qdrant import Distance, QdrantSource
from gateway.sources.qdrant.points import Point
from gateway.viewer import Viewer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from writes.stand import Stand

ANN = Viewer(subject="ann", tenant="red")
BOB = Viewer(subject="bob", tenant="blue")
AUDITOR = Viewer(subject="eve", roles=frozenset({"clerk", "auditor"}))
READER = Viewer(subject="dan", scopes=frozenset({"notes:shared"}))
VECTORS = {1: (1.0, 0.0), 2: (0.9, 0.1), 3: (0.8, 0.2), 4: (0.7, 0.3), 5: (0.6, 0.4), 6: (0.5, 0.5)}


@asynccontextmanager
async def ledger_standing(
    postgres: str, qdrant: str, rows: str = ledger.ROWS
) -> AsyncIterator[Stand]:
    """A gateway over a ledger with these rows; the vectors are those of the notes 1 to 6."""
    addresses = {
        "POSTGRES_URL": postgres,
        "QDRANT_URL": qdrant,
        "QDRANT_GRPC_PORT": qdrant.rpartition(":")[2],
        "QDRANT_TIMEOUT_SECONDS": "60",
    }
    source = QdrantSource("qdrant", qdrant, grpc_port=int(addresses["QDRANT_GRPC_PORT"]))
    await source.open()
    try:
        await source.administration.delete_collection("ledger_notes")
        await source.administration.ensure_collection("ledger_notes", 2, Distance.DOT)
        points = [Point(key, vector, {}) for key, vector in VECTORS.items()]
        await source.bulk.store("ledger_notes", points)
    finally:
        await source.close()
    async with standing("writes.ledger", script(ledger.metadata, rows), addresses) as stand:
        yield stand
