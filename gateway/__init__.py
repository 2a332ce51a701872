"""Plait: one GraphQL API braided from many sources.

What a resolvers package imports, and a program that runs a gateway; everything else is the engine's
own business. Names are loaded when they are first used, so that `import gateway` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gateway.app import Application as Application
    from gateway.app import create_app as create_app
    from gateway.caching.administration import CacheMutations as CacheMutations
    from gateway.caching.function import cached as cached
    from gateway.caching.function import cached_embedding as cached_embedding
    from gateway.context.queries import DatasourceQueries as DatasourceQueries
    from gateway.errors import Code as Code
    from gateway.errors import InputError as InputError
    from gateway.errors import PlaitError as PlaitError
    from gateway.execution.context import RequestContext as RequestContext
    from gateway.execution.context import reference as reference
    from gateway.schema.access.rules import Rule as Rule
    from gateway.schema.access.rules import ViewerColumns as ViewerColumns
    from gateway.schema.bindings import belongs_to as belongs_to
    from gateway.schema.bindings import by_key as by_key
    from gateway.schema.bindings import column as column
    from gateway.schema.bindings import field as field
    from gateway.schema.bindings import has_many as has_many
    from gateway.schema.bindings import has_one as has_one
    from gateway.schema.bindings import listing as listing
    from gateway.schema.bindings import many_through as many_through
    from gateway.schema.bindings import nearest as nearest
    from gateway.schema.bindings import search as search
    from gateway.schema.caching import Cache as Cache
    from gateway.schema.columns.scalars import BigInt as BigInt
    from gateway.schema.columns.scalars import Bytes as Bytes
    from gateway.schema.columns.scalars import Duration as Duration
    from gateway.schema.cost import Cost as Cost
    from gateway.schema.cost import ListSize as ListSize
    from gateway.schema.directus import directus_any as directus_any
    from gateway.schema.directus import directus_asset as directus_asset
    from gateway.schema.directus import directus_by_id as directus_by_id
    from gateway.schema.directus import directus_collection as directus_collection
    from gateway.schema.directus import directus_create as directus_create
    from gateway.schema.directus import directus_create_many as directus_create_many
    from gateway.schema.directus import directus_delete as directus_delete
    from gateway.schema.directus import directus_delete_many as directus_delete_many
    from gateway.schema.directus import directus_field as directus_field
    from gateway.schema.directus import directus_groups as directus_groups
    from gateway.schema.directus import directus_item as directus_item
    from gateway.schema.directus import directus_items as directus_items
    from gateway.schema.directus import directus_local as directus_local
    from gateway.schema.directus import directus_many as directus_many
    from gateway.schema.directus import directus_one as directus_one
    from gateway.schema.directus import directus_update as directus_update
    from gateway.schema.directus import directus_update_many as directus_update_many
    from gateway.schema.directus import directus_upload as directus_upload
    from gateway.schema.domain import Domain as Domain
    from gateway.schema.entity import entity as entity
    from gateway.schema.federation import external as external
    from gateway.schema.items.bindings import ItemGroups as ItemGroups
    from gateway.schema.items.bindings import Items as Items
    from gateway.schema.lists.connection import Connection as Connection
    from gateway.schema.lists.connection import Facets as Facets
    from gateway.schema.lists.connection import HitGroups as HitGroups
    from gateway.schema.lists.connection import Hits as Hits
    from gateway.schema.named.binding import Row as Row
    from gateway.schema.named.binding import Rows as Rows
    from gateway.schema.named.binding import named_sql as named_sql
    from gateway.schema.roots import mutations as mutations
    from gateway.schema.roots import queries as queries
    from gateway.schema.roots import subscriptions as subscriptions
    from gateway.schema.state.fields import StateMutations as StateMutations
    from gateway.schema.state.fields import StateQueries as StateQueries
    from gateway.schema.state.fields import state_counter as state_counter
    from gateway.schema.state.fields import state_hash as state_hash
    from gateway.schema.state.fields import state_list as state_list
    from gateway.schema.state.fields import state_members as state_members
    from gateway.schema.state.fields import state_text as state_text
    from gateway.schema.state.fields import state_value as state_value
    from gateway.schema.subscriptions import Change as Change
    from gateway.schema.subscriptions import StateSubscriptions as StateSubscriptions
    from gateway.schema.subscriptions import changes as changes
    from gateway.schema.uploads import Upload as Upload
    from gateway.schema.upstreams.remote import Join as Join
    from gateway.schema.upstreams.remote import Remote as Remote
    from gateway.schema.upstreams.remote import Upstream as Upstream
    from gateway.schema.upstreams.remote import remote as remote
    from gateway.schema.vectors.bindings import facets as facets
    from gateway.schema.vectors.bindings import recommend as recommend
    from gateway.schema.vectors.bindings import search_batch as search_batch
    from gateway.schema.vectors.bindings import search_groups as search_groups
    from gateway.schema.vectors.bindings import vector_queries as vector_queries
    from gateway.schema.vectors.collections import VectorCollection as VectorCollection
    from gateway.schema.vectors.inputs import GeoPoint as GeoPoint
    from gateway.schema.vectors.sync import VectorSync as VectorSync
    from gateway.schema.vectors.write_types import CollectionWrite as CollectionWrite
    from gateway.schema.vectors.write_types import VectorCollectionInfo as VectorCollectionInfo
    from gateway.schema.vectors.write_types import VectorWrite as VectorWrite
    from gateway.schema.vectors.writes import create_collection as create_collection
    from gateway.schema.vectors.writes import create_payload_index as create_payload_index
    from gateway.schema.vectors.writes import delete_collection as delete_collection
    from gateway.schema.vectors.writes import delete_payload as delete_payload
    from gateway.schema.vectors.writes import delete_payload_index as delete_payload_index
    from gateway.schema.vectors.writes import delete_points as delete_points
    from gateway.schema.vectors.writes import overwrite_payload as overwrite_payload
    from gateway.schema.vectors.writes import set_payload as set_payload
    from gateway.schema.vectors.writes import upsert_points as upsert_points
    from gateway.schema.vectors.writes import vector_collection as vector_collection
    from gateway.schema.vectors.writes import vector_collections as vector_collections
    from gateway.schema.writes.mutations import delete as delete
    from gateway.schema.writes.mutations import delete_many as delete_many
    from gateway.schema.writes.mutations import insert as insert
    from gateway.schema.writes.mutations import insert_many as insert_many
    from gateway.schema.writes.mutations import update as update
    from gateway.schema.writes.mutations import update_each as update_each
    from gateway.schema.writes.mutations import update_many as update_many
    from gateway.schema.writes.mutations import upsert as upsert
    from gateway.schema.writes.mutations import upsert_many as upsert_many
    from gateway.viewer import Viewer as Viewer
    from gateway.workflows.context import StepContext as StepContext
    from gateway.workflows.declaring import Workflow as Workflow
    from gateway.workflows.entities import WorkflowMutations as WorkflowMutations
    from gateway.workflows.entities import WorkflowRun as WorkflowRun

_HOMES = {
    "gateway.app": "Application create_app",
    "gateway.caching.administration": "CacheMutations",
    "gateway.caching.function": "cached cached_embedding",
    "gateway.context.queries": "DatasourceQueries",
    "gateway.errors": "Code InputError PlaitError",
    "gateway.execution.context": "RequestContext reference",
    "gateway.schema.bindings": (
        "belongs_to by_key column field has_many has_one listing many_through nearest search"
    ),
    "gateway.schema.caching": "Cache",
    "gateway.schema.lists.connection": "Connection Facets HitGroups Hits",
    "gateway.schema.cost": "Cost ListSize",
    "gateway.schema.directus": (
        "directus_any directus_asset directus_by_id directus_collection directus_create "
        "directus_create_many directus_delete directus_delete_many directus_field directus_groups "
        "directus_item directus_items directus_local directus_many directus_one directus_update "
        "directus_update_many directus_upload"
    ),
    "gateway.schema.domain": "Domain",
    "gateway.schema.entity": "entity",
    "gateway.schema.federation": "external",
    "gateway.schema.items.bindings": "ItemGroups Items",
    "gateway.schema.writes.mutations": (
        "delete delete_many insert insert_many update update_each update_many upsert upsert_many"
    ),
    "gateway.schema.named.binding": "Row Rows named_sql",
    "gateway.schema.upstreams.remote": "Join Remote Upstream remote",
    "gateway.schema.roots": "mutations queries subscriptions",
    "gateway.schema.access.rules": "Rule ViewerColumns",
    "gateway.schema.columns.scalars": "BigInt Bytes Duration",
    "gateway.schema.state.fields": (
        "StateMutations StateQueries state_counter state_hash state_list state_members state_text "
        "state_value"
    ),
    "gateway.schema.vectors.write_types": "CollectionWrite VectorCollectionInfo VectorWrite",
    "gateway.schema.vectors.writes": (
        "create_collection create_payload_index delete_collection delete_payload "
        "delete_payload_index delete_points overwrite_payload set_payload upsert_points "
        "vector_collection vector_collections"
    ),
    "gateway.schema.uploads": "Upload",
    "gateway.schema.subscriptions": "Change StateSubscriptions changes",
    "gateway.schema.vectors.bindings": "facets recommend search_batch search_groups vector_queries",
    "gateway.schema.vectors.collections": "VectorCollection",
    "gateway.schema.vectors.sync": "VectorSync",
    "gateway.schema.vectors.inputs": "GeoPoint",
    "gateway.viewer": "Viewer",
    "gateway.workflows.context": "StepContext",
    "gateway.workflows.declaring": "Workflow",
    "gateway.workflows.entities": "WorkflowMutations WorkflowRun",
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = list(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'gateway' has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value
