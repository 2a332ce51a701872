"""Bindings to collections of Directus: classes that show one, and the fields that read them.

    @directus_collection("articles")
    class Article:
        id: ID
        title: str | None
        author: "Author | None" = directus_one("author")
        comments: "list[Comment] | None" = directus_many("comments")
        tags: "list[Tag] | None" = directus_many("tags", through="tags_id")
        trend: "Trend | None" = directus_local("trend_id")

    @queries
    class ArticleQueries:
        article: Article | None = directus_by_id()
        articles: Items[Article] | None = directus_items()
        article_groups: ItemGroups[Article] | None = directus_groups()

An entity of SQL has `article: "Article | None" = directus_item("articles", match="trend_id")`. The
domain lists such classes as its `collections`; `plait pull directus` writes them.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, Unpack, dataclass_transform

import strawberry

from gateway.schema.access import directives_of
from gateway.schema.bindings import Binding, Bound, bound
from gateway.schema.caching import cache_directives

if TYPE_CHECKING:
    from gateway.schema.access import Access
    from gateway.schema.caching import Cache

T = TypeVar("T")


class Items(Generic[T]):
    """The annotation of a list of items: `Items[Article]` becomes `ArticleItems` in the schema.

    It has `nodes`, and `totalCount` and `filterCount`, which are counted only when asked for.
    """


class ItemGroups(Generic[T]):
    """The annotation of what a list amounts to, in groups: `[ArticleGroup!]` in the schema."""


@dataclass(frozen=True, slots=True)
class DirectusField(Binding):
    """A value of an item; `field` None means the one of the attribute's own name.

    `readonly`: Directus sets it, and no write takes it.
    """

    field: str | None = None
    readonly: bool = False


@dataclass(frozen=True, slots=True)
class DirectusRelation(Binding):
    """A field that leads to other items; `through` is the junction's field that leads on.

    `any`: what it leads to may be of several collections.
    """

    field: str
    many: bool
    through: str | None = None
    any: bool = False


@dataclass(frozen=True, slots=True)
class DirectusLocal(Binding):
    """A field that holds the key of an entity of the domain."""

    field: str


@dataclass(frozen=True, slots=True)
class DirectusAsset(Binding):
    """A field that holds the id of a file, shown as the file's address."""

    field: str


@dataclass(frozen=True, slots=True)
class DirectusMatch(Binding):
    """An entity field: the item whose field `match` holds the row's key, or column `key`.

    Where several do, `sort` says which comes first.
    """

    collection: str
    match: str
    key: str
    sort: str


@dataclass(frozen=True, slots=True)
class DirectusById(Binding):
    """A root field: one item by its key, or the only item of a singleton."""


@dataclass(frozen=True, slots=True)
class DirectusItems(Binding):
    """A root field: a list of items."""


@dataclass(frozen=True, slots=True)
class DirectusGroups(Binding):
    """A root field: what a list amounts to, in groups."""


DIRECTUS_ROOTS = (DirectusById, DirectusItems, DirectusGroups)
DIRECTUS_FIELDS = (DirectusField, DirectusRelation, DirectusLocal, DirectusAsset)


@dataclass(frozen=True, slots=True)
class CollectionOptions:
    """What `@directus_collection` was given; kept on the class as `__plait_collection__`."""

    collection: str
    key: str
    key_type: type
    source: str
    singleton: bool


def directus_field(
    field: str | None = None,
    *,
    readonly: bool = False,
    init: Literal[False] = False,  # noqa: ARG001 - read by type checkers
    **options: Any,
) -> Any:
    """A value under another name than the attribute's, or one with a description or rules.

    `readonly` where it is not for writing: no input of a write has it.
    """
    return bound(DirectusField(field, readonly), options)


def directus_one(
    field: str,
    *,
    init: Literal[False] = False,  # noqa: ARG001 - read by type checkers
    **options: Any,
) -> Any:
    """To-one (m2o), as in `author: "Author | None"`; `field` is its name in Directus."""
    return bound(DirectusRelation(field, many=False), options)


def directus_many(
    field: str,
    *,
    through: str | None = None,
    init: Literal[False] = False,  # noqa: ARG001 - read by type checkers
    **options: Any,
) -> Any:
    """To-many (o2m), as in `comments: "list[Comment] | None"`.

    `through` is the field of a junction that leads on (m2m).
    """
    return bound(DirectusRelation(field, many=True, through=through), options)


def directus_any(
    field: str,
    *,
    through: str = "item",
    init: Literal[False] = False,  # noqa: ARG001 - read by type checkers
    **options: Any,
) -> Any:
    """Many to any (m2a), as in `blocks: "list[Heading | Image] | None"`.

    `through` is the field of the junction that leads on; its field `collection` says where.
    """
    return bound(DirectusRelation(field, many=True, through=through, any=True), options)


def directus_local(
    field: str,
    *,
    init: Literal[False] = False,  # noqa: ARG001 - read by type checkers
    **options: Any,
) -> Any:
    """A row of the domain whose key the item's `field` holds: `trend: "Trend | None"`."""
    return bound(DirectusLocal(field), options)


def directus_asset(
    field: str = "id",
    *,
    init: Literal[False] = False,  # noqa: ARG001 - read by type checkers
    **options: Any,
) -> Any:
    """The address of the file whose id the item's `field` holds: `url: str | None`."""
    return bound(DirectusAsset(field), options)


def directus_item(
    collection: str,
    *,
    match: str = "id",
    key: str = "",
    sort: str = "",
    init: Literal[False] = False,  # noqa: ARG001 - read by type checkers
    **options: Any,
) -> Any:
    """An entity's item, as in `article: "Article | None"`.

    `match` is the field of the collection that holds the row's key, or its column `key`. Where
    several items match, the first counts: by `sort` (a field of Directus, `-` before it for
    descending), else by the item's key.
    """
    return bound(DirectusMatch(collection, match, key, sort), options)


def directus_by_id(
    *,
    init: Literal[False] = False,  # noqa: ARG001 - read by type checkers
    **options: Any,
) -> Any:
    """One item by its key, as in `article: Article | None`; a singleton takes no key."""
    return bound(DirectusById(), options)


def directus_items(
    *,
    init: Literal[False] = False,  # noqa: ARG001 - read by type checkers
    **options: Any,
) -> Any:
    """A list of items, as in `articles: Items[Article] | None`."""
    return bound(DirectusItems(), options)


def directus_groups(
    *,
    init: Literal[False] = False,  # noqa: ARG001 - read by type checkers
    **options: Any,
) -> Any:
    """What a list amounts to, as in `article_groups: ItemGroups[Article] | None`."""
    return bound(DirectusGroups(), options)


@dataclass_transform(
    kw_only_default=True,
    field_specifiers=(
        directus_field,
        directus_one,
        directus_many,
        directus_any,
        directus_local,
        directus_asset,
    ),
)
def directus_collection(  # noqa: PLR0913 - each is an option of a collection
    collection: str,
    *,
    key: str = "id",
    key_type: type[int | uuid.UUID | str] = str,
    source: str = "default",
    singleton: bool = False,
    name: str | None = None,
    description: str | None = None,
    directives: tuple[object, ...] = (),
    cache: Cache | None = None,
    **access: Unpack[Access],
) -> Callable[[type[T]], type[T]]:
    """A class bound to a collection of Directus: a bare annotation is a field of the same name.

    `key` is the primary key there, of `key_type`: a key that cannot be one finds nothing, and
    Directus is not asked for it, which would refuse all that is asked with it. `cache` and who may
    use the type are as for `@entity`. The class docstring becomes the GraphQL description.
    """

    def decorate(cls: type[T]) -> type[T]:
        for attribute in vars(cls).get("__annotations__", {}):
            if vars(cls).get(attribute, dataclasses.MISSING) is dataclasses.MISSING:
                setattr(cls, attribute, Bound(DirectusField()))
        says = description or " ".join((cls.__doc__ or "").split()) or None
        made = strawberry.type(
            cls,
            name=name,
            description=says,
            directives=[*directives, *directives_of(access), *cache_directives(cache)],
        )
        made.__plait_collection__ = CollectionOptions(  # type: ignore[attr-defined]  # read by build()
            collection, key, key_type, source, singleton
        )
        return made

    return decorate
