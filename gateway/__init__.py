"""Plait: one GraphQL API braided from many sources.

What a resolvers package imports; everything else is the engine's own business. Names are loaded
when they are first used, so that `import gateway` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gateway.caching.administration import CacheMutations
    from gateway.caching.function import cached, cached_embedding
    from gateway.context.queries import DatasourceQueries
    from gateway.errors import Code, InputError, PlaitError
    from gateway.execution.context import RequestContext, reference
    from gateway.schema.bindings import (
        belongs_to,
        by_key,
        column,
        field,
        has_many,
        has_one,
        listing,
        many_through,
        nearest,
        search,
        state_counter,
    )
    from gateway.schema.build import Domain
    from gateway.schema.caching import Cache
    from gateway.schema.connection import Connection, Facets, HitGroups, Hits
    from gateway.schema.cost import Cost, ListSize
    from gateway.schema.directus import (
        directus_any,
        directus_asset,
        directus_by_id,
        directus_collection,
        directus_create,
        directus_create_many,
        directus_delete,
        directus_delete_many,
        directus_field,
        directus_groups,
        directus_item,
        directus_items,
        directus_local,
        directus_many,
        directus_one,
        directus_update,
        directus_update_many,
        directus_upload,
    )
    from gateway.schema.entity import entity
    from gateway.schema.federation import external
    from gateway.schema.items.bindings import ItemGroups, Items
    from gateway.schema.mutations import (
        delete,
        delete_many,
        insert,
        insert_many,
        update,
        update_many,
        upsert,
        upsert_many,
    )
    from gateway.schema.named.binding import Row, Rows, named_sql
    from gateway.schema.remote import Join, Remote, Upstream, remote
    from gateway.schema.roots import mutations, queries, subscriptions
    from gateway.schema.rules import Rule, ViewerColumns
    from gateway.schema.scalars import BigInt, Bytes, Duration
    from gateway.schema.state_fields import (
        StateMutations,
        StateQueries,
        state_hash,
        state_list,
        state_members,
        state_text,
        state_value,
    )
    from gateway.schema.subscriptions import Change, StateSubscriptions, changes
    from gateway.schema.uploads import Upload
    from gateway.schema.vector_bindings import (
        facets,
        recommend,
        search_batch,
        search_groups,
        vector_queries,
    )
    from gateway.schema.vector_collections import VectorCollection
    from gateway.schema.vector_sync import VectorSync
    from gateway.schema.vector_write_types import (
        CollectionWrite,
        VectorCollectionInfo,
        VectorWrite,
    )
    from gateway.schema.vector_writes import (
        create_collection,
        create_payload_index,
        delete_collection,
        delete_payload,
        delete_payload_index,
        delete_points,
        overwrite_payload,
        set_payload,
        upsert_points,
        vector_collection,
        vector_collections,
    )
    from gateway.schema.vectors import GeoPoint
    from gateway.viewer import Viewer
    from gateway.workflows.context import StepContext
    from gateway.workflows.declaring import Workflow
    from gateway.workflows.entities import WorkflowMutations, WorkflowRun

_HOMES = {
    "gateway.caching.administration": ("CacheMutations",),
    "gateway.caching.function": ("cached", "cached_embedding"),
    "gateway.context.queries": ("DatasourceQueries",),
    "gateway.errors": ("Code", "InputError", "PlaitError"),
    "gateway.execution.context": ("RequestContext", "reference"),
    "gateway.schema.bindings": (
        "belongs_to",
        "by_key",
        "column",
        "field",
        "has_many",
        "has_one",
        "listing",
        "many_through",
        "nearest",
        "search",
        "state_counter",
    ),
    "gateway.schema.build": ("Domain",),
    "gateway.schema.caching": ("Cache",),
    "gateway.schema.connection": ("Connection", "Facets", "HitGroups", "Hits"),
    "gateway.schema.cost": ("Cost", "ListSize"),
    "gateway.schema.directus": (
        "directus_any",
        "directus_asset",
        "directus_by_id",
        "directus_collection",
        "directus_create",
        "directus_create_many",
        "directus_delete",
        "directus_delete_many",
        "directus_field",
        "directus_groups",
        "directus_item",
        "directus_items",
        "directus_local",
        "directus_many",
        "directus_one",
        "directus_update",
        "directus_update_many",
        "directus_upload",
    ),
    "gateway.schema.entity": ("entity",),
    "gateway.schema.federation": ("external",),
    "gateway.schema.items.bindings": ("ItemGroups", "Items"),
    "gateway.schema.mutations": (
        "delete",
        "delete_many",
        "insert",
        "insert_many",
        "update",
        "update_many",
        "upsert",
        "upsert_many",
    ),
    "gateway.schema.named.binding": ("Row", "Rows", "named_sql"),
    "gateway.schema.remote": ("Join", "Remote", "Upstream", "remote"),
    "gateway.schema.roots": ("mutations", "queries", "subscriptions"),
    "gateway.schema.rules": ("Rule", "ViewerColumns"),
    "gateway.schema.scalars": ("BigInt", "Bytes", "Duration"),
    "gateway.schema.state_fields": (
        "StateMutations",
        "StateQueries",
        "state_hash",
        "state_list",
        "state_members",
        "state_text",
        "state_value",
    ),
    "gateway.schema.vector_write_types": (
        "CollectionWrite",
        "VectorCollectionInfo",
        "VectorWrite",
    ),
    "gateway.schema.vector_writes": (
        "create_collection",
        "create_payload_index",
        "delete_collection",
        "delete_payload",
        "delete_payload_index",
        "delete_points",
        "overwrite_payload",
        "set_payload",
        "upsert_points",
        "vector_collection",
        "vector_collections",
    ),
    "gateway.schema.uploads": ("Upload",),
    "gateway.schema.subscriptions": ("Change", "StateSubscriptions", "changes"),
    "gateway.schema.vector_bindings": (
        "facets",
        "recommend",
        "search_batch",
        "search_groups",
        "vector_queries",
    ),
    "gateway.schema.vector_collections": ("VectorCollection",),
    "gateway.schema.vector_sync": ("VectorSync",),
    "gateway.schema.vectors": ("GeoPoint",),
    "gateway.viewer": ("Viewer",),
    "gateway.workflows.context": ("StepContext",),
    "gateway.workflows.declaring": ("Workflow",),
    "gateway.workflows.entities": ("WorkflowMutations", "WorkflowRun"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "BigInt",
    "Bytes",
    "Cache",
    "CacheMutations",
    "Change",
    "Code",
    "CollectionWrite",
    "Connection",
    "Cost",
    "DatasourceQueries",
    "Domain",
    "Duration",
    "Facets",
    "GeoPoint",
    "HitGroups",
    "Hits",
    "InputError",
    "ItemGroups",
    "Items",
    "Join",
    "ListSize",
    "PlaitError",
    "Remote",
    "RequestContext",
    "Row",
    "Rows",
    "Rule",
    "StateMutations",
    "StateQueries",
    "StateSubscriptions",
    "StepContext",
    "Upload",
    "Upstream",
    "VectorCollection",
    "VectorCollectionInfo",
    "VectorSync",
    "VectorWrite",
    "Viewer",
    "ViewerColumns",
    "Workflow",
    "WorkflowMutations",
    "WorkflowRun",
    "belongs_to",
    "by_key",
    "cached",
    "cached_embedding",
    "changes",
    "column",
    "create_collection",
    "create_payload_index",
    "delete",
    "delete_collection",
    "delete_many",
    "delete_payload",
    "delete_payload_index",
    "delete_points",
    "directus_any",
    "directus_asset",
    "directus_by_id",
    "directus_collection",
    "directus_create",
    "directus_create_many",
    "directus_delete",
    "directus_delete_many",
    "directus_field",
    "directus_groups",
    "directus_item",
    "directus_items",
    "directus_local",
    "directus_many",
    "directus_one",
    "directus_update",
    "directus_update_many",
    "directus_upload",
    "entity",
    "external",
    "facets",
    "field",
    "has_many",
    "has_one",
    "insert",
    "insert_many",
    "listing",
    "many_through",
    "mutations",
    "named_sql",
    "nearest",
    "overwrite_payload",
    "queries",
    "recommend",
    "reference",
    "remote",
    "search",
    "search_batch",
    "search_groups",
    "set_payload",
    "state_counter",
    "state_hash",
    "state_list",
    "state_members",
    "state_text",
    "state_value",
    "subscriptions",
    "update",
    "update_many",
    "upsert",
    "upsert_many",
    "upsert_points",
    "vector_collection",
    "vector_collections",
    "vector_queries",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'gateway' has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value
