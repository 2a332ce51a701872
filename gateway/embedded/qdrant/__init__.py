"""Qdrant's engine as a process of its own, speaking Qdrant's own gRPC.

`python -m gateway.embedded.qdrant --data DIR --port PORT` serves the collections kept in DIR over
`qdrant-edge-py`, one shard per collection. A stock `AsyncQdrantClient(prefer_grpc=True)` drives
it, so that a real Qdrant server is a change of URL.

It needs a process of its own because the engine is synchronous and a shard has exactly one owner.
Every write is in the engine's log before it is acknowledged; a kill loses none of them.
"""
