"""Settings: `plait.toml` plus the environment, read once, checked whole, never changed.

Each setting is declared here once: its type, bounds, default and one line of meaning, which is
also what `docs/operations.md` prints. The environment wins over the file, and an empty variable
counts as not set. Errors name a setting by both of its names and say what would be right; they
never repeat what was given.
"""

from gateway.configuration import Secret
from gateway.settings.agents import Mcp
from gateway.settings.callers import ApiKey, Identity, Jwt
from gateway.settings.datasources import Datasource
from gateway.settings.operating import RateLimit, Telemetry
from gateway.settings.reading import FILE, FILE_VARIABLE, Settings, all_settings, given, load
from gateway.settings.serving import Cache, Documents, Grouping, Limits, Serve
from gateway.settings.sources import Directus, Embedding, Postgres, Qdrant, Redis, State, Upstream
from gateway.settings.subscriptions import Subscriptions
from gateway.settings.sync import Sync
from gateway.settings.workflows import Jobs, Workflows

__all__ = [
    "FILE",
    "FILE_VARIABLE",
    "ApiKey",
    "Cache",
    "Datasource",
    "Directus",
    "Documents",
    "Embedding",
    "Grouping",
    "Identity",
    "Jobs",
    "Jwt",
    "Limits",
    "Mcp",
    "Postgres",
    "Qdrant",
    "RateLimit",
    "Redis",
    "Secret",
    "Serve",
    "Settings",
    "State",
    "Subscriptions",
    "Sync",
    "Telemetry",
    "Upstream",
    "Workflows",
    "all_settings",
    "given",
    "load",
]
