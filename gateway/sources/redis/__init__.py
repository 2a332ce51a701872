"""Redis, or any server that speaks its protocol, as a source."""

from gateway.importing import without

# redis-py has metrics of its own, and imports OpenTelemetry for them where it is installed: 2.5 MB.
with without("opentelemetry"):
    import redis.asyncio  # noqa: F401 - so that no other module here is the first to import it

from gateway.sources.redis.bound import Kind
from gateway.sources.redis.source import RedisPrepared, RedisSource

__all__ = ["Kind", "RedisPrepared", "RedisSource"]
