"""From settings to the store of documents and what names documents by their hash."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gateway.documents.cost import Costs
from gateway.documents.limits import DocumentLimits
from gateway.documents.persisted import NamedDocuments
from gateway.documents.trusted import read_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from graphql import GraphQLSchema

    from gateway.documents.persisted import Blobs
    from gateway.documents.store import DocumentStore
    from gateway.settings import Settings


def store_of(
    settings: Settings, schema: GraphQLSchema, make: Callable[..., DocumentStore]
) -> DocumentStore:
    """The store of documents, as `make` makes one."""
    limits, documents = settings.limits, settings.documents
    return make(
        schema,
        DocumentLimits(
            max_chars=limits.max_document_chars,
            max_tokens=limits.max_tokens,
            max_depth=limits.max_depth,
            max_fields=limits.max_fields,
            max_aliases=limits.max_aliases,
            max_root_fields=limits.max_root_fields,
            max_directives=limits.max_directives,
        ),
        capacity=documents.cache_size,
        max_bytes=documents.cache_bytes,
        suggestions=settings.serve.suggestions,
        introspection=settings.serve.introspection,
    )


def named_of(
    settings: Settings, store: DocumentStore, blobs: Blobs | None, own: Sequence[str]
) -> NamedDocuments:
    """What finds documents by their names. `own`: those that the gateway itself runs.

    Raises ConfigurationError for a manifest that cannot be read.
    """
    documents = settings.documents
    return NamedDocuments(
        store,
        most_bytes=documents.persisted_bytes,
        blobs=blobs,
        seconds=documents.persisted_seconds,
        trusted=read_manifest(Path(documents.manifest)) if documents.manifest else None,
        own=own,
        required=documents.require,
    )


def costs_of(settings: Settings, schema: GraphQLSchema, page: int) -> Costs | None:
    """What operations cost, `page` being the entries of a page of no stated size.

    None where no bound is set.
    """
    limits = settings.limits
    if not limits.max_cost:
        return None
    return Costs(schema, limit=limits.max_cost, list_size=limits.list_size, page=page)
