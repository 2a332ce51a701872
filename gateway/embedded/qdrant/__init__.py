"""Qdrant's engine as a process of its own, speaking Qdrant's own gRPC.

`python -m gateway.embedded.qdrant --data DIR --port PORT` serves the collections kept in DIR over
`qdrant-edge-py`, one shard per collection. The stock `AsyncQdrantClient` drives it with
`prefer_grpc`, so that a real Qdrant server is a change of URL.

It needs a process of its own because the engine is synchronous, lets no other Python run during a
call, and a shard has exactly one owner. Every write is in the engine's log before it is
acknowledged, whatever `wait` and `ordering` say; a kill loses none of them.

It answers what the gateway asks: collections, points, payloads and their indexes, searches,
recommendations, groups, facets, scrolls and counts. Everything else is answered UNIMPLEMENTED, by
name. Searches look at every vector, which is exact; unlike a real server the engine
builds no HNSW graph by itself.
"""
