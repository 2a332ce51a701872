"""50 hits with their rows are one engine call and one SQL statement."""

import asyncpg
from operations.stage import Addresses, served

from bench import data, vectors_data
from bench.database import ROOT
from bench.vectors import LIMIT, WORKLOADS
from bench.vectors_stage import check_hits
from gateway.sources.postgres.migrate import upgrade
from gateway.sources.qdrant import QdrantSource

STORED = 80


async def test_fifty_joined_hits_are_one_call_and_one_statement(
    fresh_database, qdrant_endpoint, redis_url
):
    """However many hits there are: counted where requests leave for their sources."""
    addresses = Addresses(await fresh_database(), qdrant_endpoint, redis_url)
    await upgrade(addresses.postgres, ROOT / "migrations")
    connection = await asyncpg.connect(addresses.postgres)
    for table, rows in (("topics", data.rows("topics")), ("trends", vectors_data.trends(STORED))):
        await connection.copy_records_to_table(table, records=rows, columns=data.COLUMNS[table])
    await connection.close()
    port = int(qdrant_endpoint.rpartition(":")[2])
    source = QdrantSource("qdrant", qdrant_endpoint, grpc_port=port)
    await source.open()
    store = source.administration
    await store.delete_collection(vectors_data.COLLECTION)
    await store.ensure_collection(
        vectors_data.COLLECTION, vectors_data.SIZE, payload_indexes=vectors_data.INDEXES
    )
    points = list(vectors_data.points(1, STORED))
    await source.bulk.store(vectors_data.COLLECTION, points)
    await source.close()
    unfiltered = next(one for one in WORKLOADS if not one.filtered)
    async with served(addresses) as stage:
        before = stage.sent()
        answer = await stage.ask(
            unfiltered.document, {"vector": unfiltered.searches()[0]["vector"]}
        )
        made = {name: count - before[name] for name, count in stage.sent().items()}
    hits = answer["data"]["searchTrends"]
    assert len(hits) == LIMIT
    check_hits(answer, [int(hit["id"]) for hit in hits])
    assert {name: count for name, count in made.items() if count} == {"qdrant": 1, "postgres": 1}
