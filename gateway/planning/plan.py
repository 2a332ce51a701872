"""From a selection to a plan: which source is asked what, in which wave. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.planning.cacheability import CachePolicies
from gateway.planning.outline import Outline, RootOutline
from gateway.planning.roots import Roots
from gateway.planning.walked import Walked
from gateway.schema.selection import TYPENAME, Field, Reader
from gateway.schema.upstreams.remote import RemoteNamespace, RemoteRoot

if TYPE_CHECKING:
    from graphql import OperationDefinitionNode

    from gateway.planning.arguments import PageLimits
    from gateway.planning.registry import Registry
    from gateway.schema.catalog import Catalog, EntityInfo


class Planner:
    """Makes outlines; holds nothing but the catalog, the sources' compilers and the page limits."""

    def __init__(self, catalog: Catalog, sources: Registry, limits: PageLimits) -> None:
        self.catalog = catalog
        self.sources = sources
        self.limits = limits
        self.policies = CachePolicies(catalog)

    def outline(self, operation: OperationDefinitionNode, reader: Reader, root: str) -> Outline:
        """The outline of an operation on the type `root`. Raises InputError for bad literals."""
        making = Roots(self, reader)
        roots: list[RootOutline] = []
        walked = Walked(self.catalog, reader)
        remote: dict[tuple[str, str], list[RootOutline]] = {}
        reads = operation.operation.value == "query"
        whole = self.catalog.short and not reader.cuts_root(root, operation.selection_set)
        fields = reader.root(root, operation.selection_set)
        for field in fields:
            if field.name == TYPENAME:
                roots.append(RootOutline(field, f'"{root}"'.encode(), {}, None))
                continue
            if field.info is None or field.info.plain or field.info.binding is None:
                whole = False
                continue
            binding = field.info.binding
            if isinstance(binding, RemoteRoot | RemoteNamespace):
                roots.append(RootOutline(field, None, {}, None))
                # Writes go one after the other, and what is kept must not hang on what stands
                # beside it: each in a document of its own.
                alone = not reads or self.policies.of_upstream(reader, field).cacheable
                group = binding.source, field.key if alone else ""
                remote.setdefault(group, []).append(roots[-1])
            else:
                roots.append(making.root(field))
            if walked.walks(field):
                whole = False
                roots[-1].believes = roots[-1].of_entities
        for together in remote.values():
            policy = self.policies.of_upstream(reader, together[0].field) if reads else None
            making.remote(operation.operation.value, together, policy)
        plain = () if whole or not self.policies else self.policies.of_walked(reader, fields)
        return Outline(
            tuple(roots),
            tuple(making.specs),
            self.sources,
            frozenset(walked.nodes),
            self.policies,
            whole=whole,
            plain=tuple(plain),
        )

    def outline_entity(self, field: Field, entity: EntityInfo, reader: Reader) -> Outline:
        """The outline of one entity's selection, for a reference a plain resolver returned."""
        making = Roots(self, reader)
        step = making.rows(field, entity)
        walked = Walked(self.catalog, reader)
        walked.walks_below(field)
        root = RootOutline(field, None, {"": step}, None)
        specs, below = tuple(making.specs), frozenset(walked.nodes)
        return Outline((root,), specs, self.sources, below, self.policies, whole=False)
