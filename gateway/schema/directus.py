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
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Unpack, dataclass_transform

import strawberry
from typing_extensions import Format, get_annotations

from gateway.schema.access.requirements import directives_of
from gateway.schema.bindings import Bound, bound
from gateway.schema.caching import cache_directives
from gateway.schema.definitions import paragraph
from gateway.schema.items.bindings import (
    AssetField,
    CollectionOptions,
    ItemById,
    ItemField,
    ItemGrouping,
    ItemLink,
    ItemListing,
    ItemWriteField,
    LocalRowField,
    MatchedItem,
)

if TYPE_CHECKING:
    from gateway.schema.access.requirements import Access
    from gateway.schema.caching import Cache

T = TypeVar("T")

_FILES = "directus_files"
"""Directus's own collection of files."""


def directus_field(
    field: str | None = None,
    *,
    readonly: bool = False,
    init: Literal[False] = False,
    **options: Any,
) -> Any:
    """A value under another name than the attribute's, or one with a description or rules.

    `readonly` where it is not for writing: no input of a write has it.
    """
    return bound(ItemField(field, readonly), options)


def directus_one(
    field: str, *, nested: bool = False, init: Literal[False] = False, **options: Any
) -> Any:
    """To-one (m2o), as in `author: "Author | None"`; `field` is its name in Directus.

    `nested`, here and below: inputs of writes take related items themselves too, new or changed.
    """
    return bound(ItemLink(field, many=False, nested=nested), options)


def directus_many(
    field: str,
    *,
    through: str | None = None,
    nested: bool = False,
    init: Literal[False] = False,
    **options: Any,
) -> Any:
    """To-many (o2m), as in `comments: "list[Comment] | None"`.

    `through` is the field of a junction that leads on (m2m).
    """
    return bound(ItemLink(field, many=True, through=through, nested=nested), options)


def directus_any(
    field: str,
    *,
    through: str = "item",
    nested: bool = False,
    init: Literal[False] = False,
    **options: Any,
) -> Any:
    """Many to any (m2a), as in `blocks: "list[Heading | Image] | None"`.

    `through` is the field of the junction that leads on; its field `collection` says where.
    """
    return bound(ItemLink(field, many=True, through=through, any=True, nested=nested), options)


def directus_local(field: str, *, init: Literal[False] = False, **options: Any) -> Any:
    """A row of the domain whose key the item's `field` holds: `trend: "Trend | None"`."""
    return bound(LocalRowField(field), options)


def directus_asset(field: str = "id", *, init: Literal[False] = False, **options: Any) -> Any:
    """The address of the file whose id the item's `field` holds: `url: str | None`."""
    return bound(AssetField(field), options)


def directus_item(
    collection: str, *, match: str = "id", key: str = "", sort: str = "", **options: Any
) -> Any:
    """An entity's item, as in `article: "Article | None"`.

    `match` is the field of the collection that holds the row's key, or its column `key`. Where
    several items match, the first counts: by `sort` (a field of Directus, `-` before it for
    descending), else by the item's key.
    """
    return bound(MatchedItem(collection, match, key, sort), options)


def directus_by_id(**options: Any) -> Any:
    """One item by its key, as in `article: Article | None`; a singleton takes no key."""
    return bound(ItemById(), options)


def directus_items(**options: Any) -> Any:
    """A list of items, as in `articles: Items[Article] | None`."""
    return bound(ItemListing(), options)


def directus_groups(**options: Any) -> Any:
    """What a list amounts to, as in `article_groups: ItemGroups[Article] | None`."""
    return bound(ItemGrouping(), options)


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
        for attribute in get_annotations(cls, format=Format.STRING):
            if vars(cls).get(attribute, dataclasses.MISSING) is dataclasses.MISSING:
                setattr(cls, attribute, Bound(ItemField()))
        made = strawberry.type(
            cls,
            name=name,
            description=description or paragraph(cls.__doc__),
            directives=[*directives, *directives_of(access, cls), *cache_directives(cache)],
        )
        made.__plait_collection__ = CollectionOptions(  # type: ignore[attr-defined]  # read by build()
            collection, key, key_type, source, singleton, files=collection == _FILES
        )
        return made

    return decorate


def directus_create(**options: Any) -> Any:
    """One new item, as in `create_article: Article | None`."""
    return bound(ItemWriteField("create"), options)


def directus_create_many(**options: Any) -> Any:
    """New items, all or none, as in `create_articles: list[Article] | None`."""
    return bound(ItemWriteField("create", many=True), options)


def directus_update(**options: Any) -> Any:
    """Changes to the item with a key; null where there is none."""
    return bound(ItemWriteField("update"), options)


def directus_update_many(**options: Any) -> Any:
    """The same changes to the items with these keys; those that are there are given back."""
    return bound(ItemWriteField("update", many=True), options)


def directus_delete(**options: Any) -> Any:
    """Deletes the item with a key and gives it as it was; null where there is none."""
    return bound(ItemWriteField("delete"), options)


def directus_delete_many(**options: Any) -> Any:
    """Deletes the items with these keys and gives them as they were."""
    return bound(ItemWriteField("delete", many=True), options)


def directus_upload(**options: Any) -> Any:
    """A new file, of a class bound to `directus_files`: `upload: File | None`."""
    return bound(ItemWriteField("upload"), options)
