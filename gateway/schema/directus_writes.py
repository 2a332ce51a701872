"""Bindings of root mutation fields that write to Directus, and what the planner asks of a write.

    @mutations
    class ArticleWrites:
        create_article: Article | None = directus_create()
        create_articles: list[Article] | None = directus_create_many()
        update_article: Article | None = directus_update()
        update_articles: list[Article] | None = directus_update_many()
        delete_article: Article | None = directus_delete()
        delete_articles: list[Article] | None = directus_delete_many()
        upload_file: File | None = directus_upload()

Every write gives items, of which any selection may be asked; what is deleted is given as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from gateway.schema.bindings import Binding, bound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.schema.directus_asks import ItemLookup
    from gateway.schema.directus_catalog import Collection
    from gateway.schema.uploads import Upload

FILES = "directus_files"
"""Directus's own collection of files."""
MAX_ITEMS = 1_000
"""Items that one field may write."""


@dataclass(frozen=True, slots=True)
class DirectusWrite(Binding):
    """A root field that writes; `many` says that it takes and gives several items."""

    verb: Literal["create", "update", "delete", "upload"]
    many: bool = False


@dataclass(frozen=True, slots=True)
class ItemWrite:
    """What is asked of Directus: a write, its arguments read by `spec`, and its items shown."""

    verb: Literal["create", "update", "delete", "upload"]
    shown: ItemLookup
    spec: int

    @property
    def collection(self) -> Collection:
        """Where the items are."""
        return self.shown.collection


@dataclass(frozen=True, slots=True)
class WriteValues:
    """The arguments of a write, by Directus's names.

    `items`: new ones, as JSON objects; of an update the one object of changes; of an upload what is
    said of the file. `keys` are those of the items to change or delete.
    """

    items: tuple[Mapping[str, Any], ...] = ()
    keys: tuple[Any, ...] = ()
    file: Upload | None = None


def directus_create(
    *,
    init: Literal[False] = False,  # noqa: ARG001 - read by type checkers
    **options: Any,
) -> Any:
    """One new item, as in `create_article: Article | None`."""
    return bound(DirectusWrite("create"), options)


def directus_create_many(
    *,
    init: Literal[False] = False,  # noqa: ARG001 - read by type checkers
    **options: Any,
) -> Any:
    """New items, all or none, as in `create_articles: list[Article] | None`."""
    return bound(DirectusWrite("create", many=True), options)


def directus_update(
    *,
    init: Literal[False] = False,  # noqa: ARG001 - read by type checkers
    **options: Any,
) -> Any:
    """Changes to the item with a key; null where there is none."""
    return bound(DirectusWrite("update"), options)


def directus_update_many(
    *,
    init: Literal[False] = False,  # noqa: ARG001 - read by type checkers
    **options: Any,
) -> Any:
    """The same changes to the items with these keys; those that are there are given back."""
    return bound(DirectusWrite("update", many=True), options)


def directus_delete(
    *,
    init: Literal[False] = False,  # noqa: ARG001 - read by type checkers
    **options: Any,
) -> Any:
    """Deletes the item with a key and gives it as it was; null where there is none."""
    return bound(DirectusWrite("delete"), options)


def directus_delete_many(
    *,
    init: Literal[False] = False,  # noqa: ARG001 - read by type checkers
    **options: Any,
) -> Any:
    """Deletes the items with these keys and gives them as they were."""
    return bound(DirectusWrite("delete", many=True), options)


def directus_upload(
    *,
    init: Literal[False] = False,  # noqa: ARG001 - read by type checkers
    **options: Any,
) -> Any:
    """A new file, of a class bound to `directus_files`: `upload: File | None`."""
    return bound(DirectusWrite("upload"), options)
