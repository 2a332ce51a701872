"""Qdrant's engine as a process of its own, speaking Qdrant's own gRPC and REST.

`python -m gateway.embedded.qdrant --data DIR --port PORT [--rest-port PORT]` serves the collections
kept in DIR over `qdrant-edge-py`, one shard per collection. A stock `AsyncQdrantClient` drives it
over either protocol, so that a real Qdrant server is a change of URL.

It needs a process of its own because the engine is synchronous, lets no other Python run during a
call, and a shard has exactly one owner. Every write is in the engine's log before it is
acknowledged, whatever `wait` and `ordering` say; a kill loses none of them.

Searches look at every vector until they are told otherwise: unlike a real server the engine builds
no HNSW graph by itself. `update_collection` with `hnsw_config`, `optimizers_config` (which may be
empty) or a vector's own parameters builds what these say, beside reads and writes; the status of
the collection is yellow until it is done. As on a real server, `indexing_threshold` and
`full_scan_threshold` are in KB of vectors: below them nothing is built, or the graph is not used.

Answered UNIMPLEMENTED (501), by name: snapshots, shards and replicas, quantization, strict mode,
search matrices, new vector names, inference, and the calls that Qdrant replaced by `Query`.
"""
