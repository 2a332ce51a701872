"""Redis, or any server that speaks its protocol, as a source."""

from gateway.sources.redis.bound import Kind
from gateway.sources.redis.source import RedisPrepared, RedisSource

__all__ = ["Kind", "RedisPrepared", "RedisSource"]
