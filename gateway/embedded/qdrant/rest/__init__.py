"""Qdrant's REST in front of the procedures that gRPC calls.

A body is read by qdrant_client's own models and turned into the message that gRPC would have
brought; the answer goes the other way. Nothing is implemented twice.
"""
