"""Redis, or any server that speaks its protocol, as a source."""

from gateway.sources.redis.source import Kind, RedisPrepared, RedisSource

__all__ = ["Kind", "RedisPrepared", "RedisSource"]
