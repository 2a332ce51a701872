"""The newsroom with every write."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from newsroom import DOMAIN, Article, Comment, File, Newsroom, Recording, Tag, running
from seed import EDITOR_TOKEN

from gateway import (
    directus_create,
    directus_create_many,
    directus_delete,
    directus_delete_many,
    directus_update,
    directus_update_many,
    directus_upload,
    mutations,
)
from gateway.sources.directus.credentials import StaticToken
from gateway.sources.http import HttpService

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gateway.sources.directus.credentials import Credentials


@mutations
class Writes:
    """Every write."""

    create_article: Article | None = directus_create()
    create_articles: list[Article] | None = directus_create_many()
    update_article: Article | None = directus_update()
    update_articles: list[Article] | None = directus_update_many()
    delete_article: Article | None = directus_delete()
    delete_articles: list[Article] | None = directus_delete_many()
    create_tags: list[Tag] | None = directus_create_many()
    delete_tags: list[Tag] | None = directus_delete_many()
    create_comment: Comment | None = directus_create()
    delete_comment: Comment | None = directus_delete()
    upload: File | None = directus_upload()


WRITING = replace(DOMAIN, mutations=[Writes])


@asynccontextmanager
async def engine(
    url: str, credentials: Credentials | None = None, database: str | None = None
) -> AsyncIterator[Newsroom]:
    """An engine that writes to a Directus, beside a database where one is given."""
    service = HttpService("directus", url)
    made = Recording(service, credentials or StaticToken(EDITOR_TOKEN))
    assets = "http://assets.example"
    async with running(made, database, domain=WRITING, public_url=assets) as newsroom:
        yield newsroom


def only(body: dict[str, Any]) -> dict[str, Any]:
    """The only error of an answer."""
    (error,) = body["errors"]
    return dict(error)


def code(body: dict[str, Any]) -> str:
    return str(only(body)["extensions"]["code"])
