"""Collections in the catalog: which type shows which, and what its fields are in its source."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as member
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.schema.items.kinds import ItemKind


@dataclass(frozen=True, slots=True, eq=False)
class ItemColumn:
    """A field that holds a value: its GraphQL name, and `field`, its name in the source.

    `described` is what the class says of it.
    """

    name: str
    field: str
    kind: ItemKind
    nullable: bool
    readonly: bool = False
    described: str | None = None

    @property
    def says(self) -> str:
        """What it holds, in a line."""
        return self.described or f"The item's `{self.name}`."


@dataclass(frozen=True, slots=True, eq=False)
class ItemRelation:
    """A field that leads to other items.

    `targets` are GraphQL types: one, or those of a union (`any` is then true: many to any).
    `through` is the field of the junction that leads on, where there is a junction. `nested`:
    writes may make and change the related items too. `known` are the schema's collections, by type.
    """

    name: str
    field: str
    targets: tuple[str, ...]
    many: bool
    nullable: bool
    through: str | None = None
    any: bool = False
    nested: bool = False
    known: Mapping[str, Collection] = member(default_factory=dict, repr=False)

    @property
    def to(self) -> tuple[Collection, ...]:
        """The collections of its targets."""
        return tuple(self.known[name] for name in self.targets)

    @property
    def choices(self) -> dict[str, Collection]:
        """The same by the members of an input that says which of them an item is of."""
        return {f"{one.name[0].lower()}{one.name[1:]}": one for one in self.to}


@dataclass(frozen=True, slots=True, eq=False)
class Collection:
    """A GraphQL type (`name`) bound to a collection of a source of items.

    All mappings are by GraphQL name. `locals` are fields that lead to an entity of the domain: the
    field that holds its key there, and the entity's GraphQL type. `singleton`: it has one
    item, without a list around it.
    """

    name: str
    collection: str
    source: str
    cls: type
    key: ItemColumn
    key_type: type
    columns: Mapping[str, ItemColumn]
    relations: Mapping[str, ItemRelation]
    locals: Mapping[str, tuple[str, str]]
    assets: Mapping[str, str]
    """Fields that are the address of a file, by the field that holds its id."""
    singleton: bool = False
    files: bool = False
