"""The types and arguments of fields that are read from vector collections."""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Any

import strawberry
from strawberry.scalars import JSON

from gateway.schema import bindings as b
from gateway.schema.lists.connection import PageInfo
from gateway.schema.members import Member, make_type
from gateway.schema.places import NO_ENTITY, Placed
from gateway.schema.vectors.arguments import PAYLOAD_ARGUMENTS, reading_arguments
from gateway.schema.vectors.hybrid import SIDES, may_be_narrowed
from gateway.schema.vectors.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from strawberry.types.arguments import StrawberryArgument

    from gateway.schema.catalog import EntityInfo
    from gateway.schema.vectors.payload_inputs import VectorInputs


class VectorFields:
    """Settles the vector fields of one schema; `target` finds the entity an annotation names."""

    def __init__(
        self, collections: VectorInputs, target: Callable[[Any], EntityInfo | None]
    ) -> None:
        self._collections = collections
        self._target = target
        self._made: dict[str, type] = {}
        self.hits: dict[str, str] = {}
        """Hit type → its entity."""
        self.made_of: dict[str, str] = {}
        """Every type that shows rows of an entity → the entity."""

    @property
    def structures(self) -> frozenset[str]:
        """The object types that are planned as part of the field that returns them."""
        return frozenset(self._made)

    def settle(
        self, placed: Placed, binding: b.Vectors
    ) -> tuple[Any, EntityInfo | None, list[StrawberryArgument]]:
        """The field's type without `| None`, its entity, and its own arguments.

        Raises ConfigurationError naming the field.
        """
        reading, collection, inner = binding.reading, binding.collection, placed.inner
        if collection is None:
            of = self._collections.of(None, "Vector", placed.where)
            return self._shown(reading, None), None, reading_arguments(reading, of)
        entity = self._target(typing.get_args(inner)[0] if reading is Reading.BATCH else inner)
        if entity is None:
            raise placed.wrong(NO_ENTITY)
        if entity.rule is not None and not reading.is_ranking:
            raise placed.wrong(f"{entity.name} has a row rule, which {reading.value} cannot keep.")
        if len(entity.key) != 1:
            raise placed.wrong(
                f"a point tells its row by one key, but {entity.name} has {len(entity.key)} key "
                "columns."
            )
        of = self._collections.of(collection, entity.name, placed.where)
        self.hits[f"{entity.name}Hit"] = self.made_of[f"{entity.name}Hit"] = entity.name
        return self._shown(reading, entity), entity, reading_arguments(reading, of)

    def _shown(self, reading: Reading, entity: EntityInfo | None) -> Any:
        """The type of a field; without an entity its hits show what the engine has."""
        hit: Any = self._hit(entity)
        group = "VectorHitGroup" if entity is None else f"{entity.name}HitGroup"
        made: Any = list[hit]
        if reading is Reading.BATCH:
            made = list[list[hit]]
        elif reading is Reading.GROUPS:
            made = list[self._group(group, hit)]  # type: ignore[misc]  # made at run time
            if entity is not None:
                self.made_of[group] = entity.name
        elif reading is Reading.FACET:
            made = list[self._facet()]  # type: ignore[misc]  # likewise
        elif reading is Reading.POINTS:
            made = list[self._point() | None]  # type: ignore[misc]  # likewise
        elif reading is Reading.COUNT:
            made = int
        elif reading is Reading.PAGE:
            made = self._connection()
        return made

    def _make(self, name: str, members: Mapping[str, Member], says: str) -> type:
        if name not in self._made:
            self._made[name] = make_type(name, members, says)
        return self._made[name]

    def _hit(self, entity: EntityInfo | None) -> type:
        members = {
            "id": Member(strawberry.ID, "The point's id in its collection."),
            "score": Member(float, "How near the point is; larger is nearer for Cosine and Dot."),
            **_STORED,
        }
        if entity is None:
            return self._make("VectorHit", members, "A point found by its vector.")
        own = entity.name[0].lower() + entity.name[1:]
        says = "The row the point stands for; null when it is gone."
        members[own] = Member(entity.cls | None, says)
        if entity.text is not None and may_be_narrowed(entity):
            members |= {name: Member(*side) for name, side in SIDES.items()}
        return self._make(f"{entity.name}Hit", members, f"A {entity.name} found by its vector.")

    def _group(self, name: str, hit: type) -> type:
        members = {
            "key": Member(JSON, "The value that the hits have in common."),
            "hits": Member(list[hit], "The best hits with this value."),  # type: ignore[valid-type]  # made at run time
        }
        return self._make(name, members, "Hits with the same value of a payload field.")

    def _facet(self) -> type:
        members = {
            "value": Member(JSON, "The value, as it is stored."),
            "count": Member(int, "How many points have it."),
        }
        return self._make("VectorFacet", members, "A value of a payload field, counted.")

    def _point(self) -> type:
        members = {"id": Member(strawberry.ID, "The point's id in its collection."), **_STORED}
        return self._make("VectorPoint", members, "A point of a collection.")

    def _connection(self) -> type:
        point = self._point()
        edge = self._make(
            "VectorPointEdge",
            {
                "cursor": Member(str, "Pass as `after` to go on from here."),
                "node": Member(point, "The point itself."),
            },
            "A point of a page and its place in the order.",
        )
        members = {
            "edges": Member(list[edge], "The points with their cursors."),  # type: ignore[valid-type]  # made at run time
            "nodes": Member(list[point], "The points alone."),  # type: ignore[valid-type]  # likewise
            "pageInfo": Member(PageInfo, "Where this page lies."),
            "totalCount": Member(int, "How many points there are; counted only when asked for."),
        }
        return self._make("VectorPointConnection", members, "A page of points.")


_STORED: Mapping[str, Member] = {
    "payload": Member(JSON | None, "What is stored with the point.", PAYLOAD_ARGUMENTS),
    "vector": Member(
        list[float] | None, "The vector that is searched by; null for a sparse one and for several."
    ),
    "vectors": Member(
        JSON | None, "All vectors of the point by name; the one without a name is called ``."
    ),
}
