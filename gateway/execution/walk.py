"""The planned part of an operation that graphql-core runs.

A planned root field's answer arrives as JSON. Where nothing below it is walked, its bytes go into
the response as they are; else it is decoded and graphql-core walks down to the resolvers,
permissions and extensions, while everything planned beside them is taken over unchanged.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson
from aiodataloader import DataLoader
from graphql import get_named_type, is_leaf_type

from gateway.errors import PlaitError
from gateway.execution import by_hand
from gateway.execution.by_hand import GIVEN
from gateway.execution.objects import ROW, decoded, encoded, native, object_of
from gateway.planning.steps import Plan
from gateway.schema.access.rules import VIEWER_SPEC
from gateway.schema.selection import Field

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphql import GraphQLResolveInfo
    from graphql.pyutils import Path

    from gateway.execution.cache.fields import CachedFields
    from gateway.execution.context import Reference
    from gateway.execution.planned import PlannedRequest
    from gateway.execution.waves import Waves
    from gateway.planning.plan import Planner
    from gateway.planning.representations import Representation
    from gateway.planning.steps import Root
    from gateway.schema.catalog import EntityInfo
    from gateway.sources.contract import Value


class Spliced:
    """A value that is already in response shape; graphql-core must not look inside."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class Walk:
    """The planned part of one operation that graphql-core runs.

    `cached` are its plain fields that may be cached, None where there are none.
    """

    def __init__(self, planner: Planner, planned: PlannedRequest, waves: Waves) -> None:
        self.catalog = planner.catalog
        self.waves = waves
        self.errors: list[dict[str, Any]] = []
        self.cached: CachedFields | None = None
        self._planner = planner
        self._planned = planned
        self._roots = {root.field.key: root for root in planned.plan.roots}
        self._walked = planned.outline.walked
        self._together: asyncio.Task[dict[str, Value]] | None = None
        self._loaders: dict[tuple[int, ...], DataLoader[Any, Any]] = {}

    def resolve(self, source: Any, info: GraphQLResolveInfo[Any]) -> Any:
        """The value of a planned field: from the plan at the root, from its row below."""
        key = info.path.key
        if info.path.prev is None:
            return self._root(self._roots[str(key)], info)
        if type(source) is dict:
            return self._place(source[key], info)
        made = source.__dict__
        if info.field_name in made.get(GIVEN, ()):
            return made[GIVEN][info.field_name]
        return self._place(made[ROW][key], info)

    async def _root(self, root: Root, info: GraphQLResolveInfo[Any]) -> Any:
        value: Value
        if root.write_spec is not None and self.waves.mutations is not None:
            value = await self.waves.mutations.one(root)
        elif root.field.info is not None and root.field.info.walked:
            (value,) = await self.waves.run(Plan((root,)))
        else:
            value = (await self._all())[root.field.key]
        if isinstance(value, PlaitError):
            raise value
        if not isinstance(value, bytes):
            return None
        value, errors = self.waves.failures.locate(value, [root.field.key])
        self.errors += errors
        if not self._is_walked(info):
            return Spliced(orjson.Fragment(value))
        if root.entities is not None and root.key_spec is not None:
            return self._entities(decoded(value), self.waves.values[root.key_spec])
        return self._place(decoded(value), info)

    def _entities(self, rows: list[Any], given: Sequence[Representation]) -> list[Any]:
        """Rows of several types as objects, by what their representations say they are."""
        return [
            None if row is None else object_of(self.catalog.entities[str(one.entity)], row)
            for row, one in zip(rows, given, strict=True)
        ]

    def _all(self) -> asyncio.Task[dict[str, Value]]:
        """All root fields that need no permission first, as one run."""
        if self._together is None:
            self._together = asyncio.ensure_future(self._run_together())
        return self._together

    async def _run_together(self) -> dict[str, Value]:
        roots = tuple(
            root
            for root in self._roots.values()
            if root.asks and not (root.field.info and root.field.info.walked)
        )
        values = await self.waves.run(Plan(roots))
        return {root.field.key: value for root, value in zip(roots, values, strict=True)}

    def _is_walked(self, info: GraphQLResolveInfo[Any]) -> bool:
        return any(id(node) in self._walked for node in info.field_nodes)

    def _place(self, value: Any, info: GraphQLResolveInfo[Any]) -> Any:
        """A decoded value as graphql-core must see it: spliced, or objects to walk into."""
        if value is None:
            return None
        named = get_named_type(info.return_type)
        if is_leaf_type(named):
            return self._leaf(value, info)
        if not self._is_walked(info):
            return Spliced(encoded(value))
        entity = self.catalog.entities.get(named.name)
        if entity is None:
            if named.name not in self.catalog.possible or named.name in self.catalog.structures:
                return value
            entity = self.catalog.entities[self._node_type(info)]
        if isinstance(value, list):
            return [object_of(entity, row) for row in value]
        return object_of(entity, value)

    def _leaf(self, value: Any, info: GraphQLResolveInfo[Any]) -> Any:
        """As it is, but where an extension of the field may look at it as Python has it."""
        entity = self.catalog.entities.get(info.parent_type.name)
        column = entity.columns.get(info.field_name) if entity else None
        if column is None or not self.catalog.fields[info.parent_type.name, info.field_name].walked:
            return Spliced(encoded(value))
        return native(column.kind, value)

    def _node_type(self, info: GraphQLResolveInfo[Any]) -> str:
        """The concrete type of `node(nodeId:)`, which its id says."""
        fetch = self._roots[str(info.path.key)].fetch
        if fetch is None or fetch.entity is None:
            raise TypeError("an abstract field without rows has no type")
        return fetch.entity

    # References ------------------------------------------------------------------------------

    async def fetch(self, reference: Reference, info: GraphQLResolveInfo[Any], path: Path) -> Any:
        """The selected part of the row a plain resolver referred to at `path`, or None.

        Raises PlaitError where no such row can stand there.
        """
        entity = by_hand.referred(self.catalog, reference, info)
        row = await self._row(entity, reference.key, info, path)
        if row is None:
            return None
        return by_hand.made(path, entity, row) if self._is_walked(info) else Spliced(encoded(row))

    async def _row(
        self, entity: EntityInfo, given: Sequence[Any], info: GraphQLResolveInfo[Any], path: Path
    ) -> dict[str, Any] | None:
        """What is asked at `path` of the row with this key, if there is one."""
        key = tuple(
            column.kind.bind(part, column.name)
            for column, part in zip(entity.key, given, strict=True)
        )
        viewer = info.context.viewer
        if entity.name in self.catalog.types:
            self.catalog.authority.require(self.catalog.types[entity.name], viewer, info.field_name)
        value = await self._loader(entity, info).load(key)
        if isinstance(value, PlaitError):
            raise value
        if value is None:
            return None
        value, errors = self.waves.failures.locate(value, path.as_list())
        self.errors += errors
        row: dict[str, Any] = decoded(value)
        return row

    def _field(self, info: GraphQLResolveInfo[Any]) -> Field:
        definition = self.catalog.fields[info.parent_type.name, info.field_name]
        return Field(str(info.path.key), info.field_name, definition, tuple(info.field_nodes))

    def _loader(self, entity: EntityInfo, info: GraphQLResolveInfo[Any]) -> DataLoader[Any, Any]:
        nodes = tuple(id(node) for node in info.field_nodes)
        if nodes not in self._loaders:
            outline = self._planner.outline_entity(self._field(info), entity, self._planned.reader)
            self._walked |= outline.walked
            shapes, values = outline.read(self._planned.variables)
            plan = outline.plan(shapes)
            for demand in plan.demands:
                self.catalog.authority.require(demand.access, info.context.viewer, demand.what)
            viewer = self.waves.values[VIEWER_SPEC]
            waves = self.waves.with_values((*values, viewer))
            fetch = plan.roots[0].fetch

            async def load(keys: list[Any]) -> list[Any]:
                return [] if fetch is None else await waves.rows(fetch, keys)

            self._loaders[nodes] = DataLoader(load, max_batch_size=1000)
        return self._loaders[nodes]

    # Objects made by hand --------------------------------------------------------------------

    async def complete(
        self, value: Any, entity: EntityInfo, info: GraphQLResolveInfo[Any], path: Path
    ) -> Any:
        """An object that a resolver gave, with all that is asked of it; None without its row.

        What it lacks is read by its key. Raises PlaitError for what stands for no row.
        """
        where = f"{info.parent_type}.{info.field_name}"
        held = by_hand.held_by(entity, value)
        if held is None:
            raise by_hand.no_row(entity, value, where)
        asked = self._planned.reader.below(self._field(info), entity.name)
        row: dict[str, Any] | None = {}
        if not by_hand.holds(entity, held, asked):
            row = await self._row(entity, by_hand.key_of(entity, held, where), info, path)
        return None if row is None else by_hand.made(path, entity, row, held)

    async def close(self) -> None:
        """End what was started and nobody waits for any more."""
        if self._together is not None and not self._together.done():
            self._together.cancel()
            await asyncio.wait([self._together])
