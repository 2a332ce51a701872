"""Bindings of classes and fields to collections of items, whatever source has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from gateway.schema.bindings import Binding

T = TypeVar("T")


class Items(Generic[T]):
    """The annotation of a list of items: `Items[Article]` becomes `ArticleItems` in the schema.

    It has `nodes`, and `totalCount` and `filterCount`, which are counted only when asked for.
    """


class ItemGroups(Generic[T]):
    """The annotation of what a list amounts to, in groups: `[ArticleGroup!]` in the schema."""


@dataclass(frozen=True, slots=True)
class ItemField(Binding):
    """A value of an item; `field` None means the one of the attribute's own name.

    `readonly`: the source sets it, and no write takes it.
    """

    field: str | None = None
    readonly: bool = False


@dataclass(frozen=True, slots=True)
class ItemLink(Binding):
    """A field that leads to other items; `through` is the junction's field that leads on.

    `any`: what it leads to may be of several collections. `nested`: writes may make and change
    what it leads to.
    """

    field: str
    many: bool
    through: str | None = None
    any: bool = False
    nested: bool = False


@dataclass(frozen=True, slots=True)
class LocalRowField(Binding):
    """A field that holds the key of an entity of the domain."""

    field: str


@dataclass(frozen=True, slots=True)
class AssetField(Binding):
    """A field that holds the id of a file, shown as the file's address."""

    field: str


@dataclass(frozen=True, slots=True)
class MatchedItem(Binding):
    """An entity field: the item whose field `match` holds the row's key, or column `key`.

    Where several do, `sort` says which comes first.
    """

    collection: str
    match: str
    key: str
    sort: str


class ItemById(Binding):
    """A root field: one item by its key, or the only item of a singleton."""


class ItemListing(Binding):
    """A root field: a list of items."""


class ItemGrouping(Binding):
    """A root field: what a list amounts to, in groups."""


@dataclass(frozen=True, slots=True)
class ItemWriteField(Binding):
    """A root field that writes; `many` says that it takes and gives several items."""

    verb: Literal["create", "update", "delete", "upload"]
    many: bool = False


ITEM_ROOTS = (ItemById, ItemListing, ItemGrouping)
ITEM_FIELDS = (ItemField, ItemLink, LocalRowField, AssetField)
ITEM_BINDINGS = (*ITEM_FIELDS, *ITEM_ROOTS, MatchedItem, ItemWriteField)


@dataclass(frozen=True, slots=True)
class CollectionOptions:
    """What the decorator of a class was given; kept there as `__plait_collection__`.

    `files`: its items are files, and may be uploaded.
    """

    collection: str
    key: str
    key_type: type
    source: str
    singleton: bool
    files: bool = False
