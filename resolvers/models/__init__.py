"""The tables of the bundled domain: the definitions that entities bind to.

Migrations create them; a test compares the two. Triggers keep `updated_at`, `version` and
`topics.item_count`; `top_trends_today` is a materialised view.
"""

from resolvers.models.base import (
    CollectionStatus,
    ItemSource,
    PluginStatus,
    RunStatus,
    TrendCategory,
    TrendState,
    UserRole,
    VectorDistance,
    metadata,
    views,
)
from resolvers.models.catalogue import (
    admin_or_self,
    collections,
    embedding_jobs,
    users,
    vector_metadata,
)
from resolvers.models.content import (
    processed_items,
    top_trends_today,
    topic_items,
    topics,
    trends,
)
from resolvers.models.operations import pipeline_runs, plugin_health

__all__ = [
    "CollectionStatus",
    "ItemSource",
    "PluginStatus",
    "RunStatus",
    "TrendCategory",
    "TrendState",
    "UserRole",
    "VectorDistance",
    "admin_or_self",
    "collections",
    "embedding_jobs",
    "metadata",
    "pipeline_runs",
    "plugin_health",
    "processed_items",
    "top_trends_today",
    "topic_items",
    "topics",
    "trends",
    "users",
    "vector_metadata",
    "views",
]
