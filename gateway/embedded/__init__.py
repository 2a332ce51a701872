"""Real engines for the demo and the tests: PostgreSQL, Valkey and Qdrant's, from wheels."""

from gateway.embedded.engines import NAMES, Engines, EngineUrls, start
from gateway.embedded.process import EngineProcess

__all__ = ["NAMES", "EngineProcess", "EngineUrls", "Engines", "start"]
