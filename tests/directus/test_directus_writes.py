"""Writes to a real Directus."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from newsroom import DOMAIN, Article, Newsroom, running
from seed import READER_TOKEN
from writing import WRITING, code, engine, only

from gateway import directus_create, directus_update_many, directus_upload, mutations, queries
from gateway.errors import ConfigurationError, InputError
from gateway.schema.build import build
from gateway.schema.items.asks import MAX_ITEMS
from gateway.sources.directus.credentials import StaticToken
from gateway.sources.directus.source import DirectusSource

if TYPE_CHECKING:
    import httpx
    from conftest import FreshDatabase
    from instance import Directus


async def items(admin: httpx.AsyncClient, path: str, **filters: Any) -> list[dict[str, Any]]:
    """The items of a collection whose fields have these values."""
    asked = {f"filter[{name}][_eq]": value for name, value in filters.items()}
    found: list[dict[str, Any]] = (await admin.get(f"/items/{path}", params=asked)).json()["data"]
    return found


CREATE = "mutation ($input: ArticleCreate!) { createArticle(input: $input) { %s } }"
UPDATE = "mutation ($id: ID!, $set: ArticlePatch!) { updateArticle(id: $id, set: $set) { %s } }"


# Create ------------------------------------------------------------------------------------------


async def test_create(newsroom: Newsroom, admin: httpx.AsyncClient) -> None:
    """A new item of every kind of value and relation, shown as selected, in one request."""
    given = {
        "title": "New",
        "slug": "w-new",
        "status": "OUT",
        "rating": 3,
        "price": "12.50",
        "views": "9007199254740993",
        "publishedOn": "2026-02-03",
        "extra": {"a": [1, None, {"b": "c"}]},
        "featured": True,
        "about": 5001,
        "author": "2",
        "tags": ["3", "1"],
    }
    shown = (
        "title slug status rating price views publishedOn extra featured about "
        "author { name } tags(sort: { name: ASC }) { name } comments { text }"
    )
    found = (await newsroom.data(CREATE % shown, input=given))["createArticle"]
    assert found == {
        **given,
        "author": {"name": "Bob"},
        "tags": [{"name": "ai"}, {"name": "data"}],
        "comments": [],
    }
    assert [method for method, _ in newsroom.requests] == ["POST"]
    (stored,) = await items(admin, "articles", slug="w-new")
    assert stored["status"] == "published"


async def test_create_many(newsroom: Newsroom, admin: httpx.AsyncClient) -> None:
    """In the order given; where one is refused there is none."""
    document = "mutation ($inputs: [ArticleCreate!]!) { createArticles(inputs: $inputs) { title } }"
    several = [{"title": f"W {number}", "about": 5100 + number} for number in (3, 1, 2)]
    found = (await newsroom.data(document, inputs=several))["createArticles"]
    assert found == [{"title": "W 3"}, {"title": "W 1"}, {"title": "W 2"}]

    several = [{"title": "W 4", "about": 5104}, {"title": "W 5", "about": 5101}]
    body = await newsroom.ask(document, inputs=several)
    assert body["data"] == {"createArticles": None}
    assert only(body)["extensions"] == {
        "code": "CONSTRAINT_VIOLATION",
        "directusCode": "RECORD_NOT_UNIQUE",
        "kind": "unique",
        "collection": "articles",
        "field": "trend_id",
    }
    assert await items(admin, "articles", trend_id=5104) == []


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "too long": ({"title": "x" * 200}, "BAD_USER_INPUT", "VALUE_TOO_LONG"),
    "not valid": ({"title": "x", "rating": 9}, "BAD_USER_INPUT", "FAILED_VALIDATION"),
    "no title": ({"slug": "w-untitled"}, "BAD_USER_INPUT", "FAILED_VALIDATION"),
    "no such author": (
        {"title": "x", "author": "999"},
        "CONSTRAINT_VIOLATION",
        "INVALID_FOREIGN_KEY",
    ),
    "taken": ({"title": "x", "slug": "article-1"}, "CONSTRAINT_VIOLATION", "RECORD_NOT_UNIQUE"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_refused_values(newsroom: Newsroom, name: str) -> None:
    """Directus's reasons are errors with codes; no value is repeated."""
    given, expected, theirs = REFUSED[name]
    body = await newsroom.ask(CREATE % "id", input=given)
    assert body["data"] == {"createArticle": None}
    assert (code(body), only(body)["extensions"]["directusCode"]) == (expected, theirs)
    assert "article-1" not in only(body)["message"]


async def test_refused_before_it_is_sent(newsroom: Newsroom) -> None:
    """Nothing to change, nothing to write, too much of it."""
    for document in (
        'mutation { updateArticle(id: "1", set: {}) { id } }',
        "mutation { createArticles(inputs: []) { id } }",
        "mutation { deleteArticles(ids: []) { id } }",
        'mutation { createArticle(input: { title: "x", views: "9223372036854775808" }) { id } }',
    ):
        assert code(await newsroom.ask(document)) == "BAD_USER_INPUT"
    many: dict[str, Any] = {"ids": ["1"] * 1_001}
    document = "mutation ($ids: [ID!]!) { deleteArticles(ids: $ids) { id } }"
    assert code(await newsroom.ask(document, **many)) == "BAD_USER_INPUT"
    assert newsroom.requests == []


async def test_rows_below_what_was_written(
    directus: Directus, admin: httpx.AsyncClient, fresh_database: FreshDatabase
) -> None:
    """A new item shows the row that it is about, and a deleted one still does."""
    del admin
    database = await fresh_database()
    connection = await asyncpg.connect(database)
    try:
        await connection.execute(
            "CREATE TABLE newsroom_trends (id bigint PRIMARY KEY, title text NOT NULL);"
            "INSERT INTO newsroom_trends VALUES (5801, 'A trend')"
        )
    finally:
        await connection.close()
    async with engine(directus.url, StaticToken(directus.token), database) as newsroom:
        given = [{"title": "W", "about": 5801}, {"title": "W", "about": 5802}]
        document = (
            "mutation ($inputs: [ArticleCreate!]!) "
            "{ createArticles(inputs: $inputs) { id trend { title } } }"
        )
        found = (await newsroom.data(document, inputs=given))["createArticles"]
        assert [one["trend"] for one in found] == [{"title": "A trend"}, None]
        document = "mutation ($id: ID!) { deleteArticle(id: $id) { trend { title } } }"
        gone = await newsroom.data(document, id=found[0]["id"])
        assert gone == {"deleteArticle": {"trend": {"title": "A trend"}}}


# Update and delete -------------------------------------------------------------------------------


async def created(newsroom: Newsroom, about: int, **more: Any) -> str:
    """The id of a new article."""
    given = {"title": f"W {about}", "about": about, **more}
    return str((await newsroom.data(CREATE % "id", input=given))["createArticle"]["id"])


async def test_update(newsroom: Newsroom, admin: httpx.AsyncClient) -> None:
    """What is given changes, null included; what is left out stays; lists are replaced."""
    own = await created(newsroom, 5201, slug="w-5201", body="b", tags=["1", "2"])
    changes = {"slug": None, "title": "Changed", "tags": ["4"]}
    shown = "title slug body tags { name }"
    found = (await newsroom.data(UPDATE % shown, id=own, set=changes))["updateArticle"]
    assert found == {"title": "Changed", "slug": None, "body": "b", "tags": [{"name": "news"}]}
    (stored,) = await items(admin, "articles", id=own)
    assert stored["title"] == "Changed"


async def test_a_missing_item_is_null(newsroom: Newsroom, directus: Directus) -> None:
    """Neither an update nor a delete of what is not there is an error, whoever asks."""
    async with engine(directus.url) as editors:
        for one in (newsroom, editors):
            for key in ("99999", "x", "$NOW"):
                body = await one.ask(UPDATE % "id", id=key, set={"rating": 1})
                assert body == {"data": {"updateArticle": None}}
                document = "mutation ($id: ID!) { deleteComment(id: $id) { id } }"
                assert await one.ask(document, id=key) == {"data": {"deleteComment": None}}
            assert {method for method, _ in one.requests} == {"GET"}


async def test_update_many(newsroom: Newsroom, admin: httpx.AsyncClient) -> None:
    """Those that are there are changed and given, in the order asked; the others are no error."""
    keys = [await created(newsroom, 5300 + number) for number in range(3)]
    document = (
        "mutation ($ids: [ID!]!) { updateArticles(ids: $ids, set: { rating: 4 }) { id rating } }"
    )
    asked = [keys[2], "99999", keys[0], keys[2]]
    found = (await newsroom.data(document, ids=asked))["updateArticles"]
    assert sorted(one["id"] for one in found) == sorted([keys[2], keys[0]])
    assert {one["rating"] for one in found} == {4}
    (stored,) = await items(admin, "articles", id=keys[1])
    assert stored["rating"] is None


async def test_delete(newsroom: Newsroom, admin: httpx.AsyncClient) -> None:
    """What is deleted is given as it was, with whatever was selected."""
    one, two, three = [await created(newsroom, 5400 + n, author="1") for n in range(3)]
    document = "mutation ($id: ID!) { deleteArticle(id: $id) { title author { name } } }"
    found = (await newsroom.data(document, id=one))["deleteArticle"]
    assert found == {"title": "W 5400", "author": {"name": "Ann"}}
    document = "mutation ($ids: [ID!]!) { deleteArticles(ids: $ids) { title } }"
    found = (await newsroom.data(document, ids=[three, "99999", two]))["deleteArticles"]
    assert [each["title"] for each in found] == ["W 5402", "W 5401"]
    for about in (5400, 5401, 5402):
        assert await items(admin, "articles", trend_id=about) == []


async def test_permission_is_told_from_absence(
    directus: Directus, admin: httpx.AsyncClient
) -> None:
    """An item that is there and may not be written is FORBIDDEN, and stays as it is."""
    async with engine(directus.url, StaticToken(READER_TOKEN)) as reader:
        body = await reader.ask(UPDATE % "id", id="1", set={"rating": 5})
        assert (body["data"], code(body)) == ({"updateArticle": None}, "FORBIDDEN")
        body = await reader.ask(CREATE % "id", input={"title": "x", "about": 5500})
        assert code(body) == "FORBIDDEN"
    async with engine(directus.url) as editor:
        body = await editor.ask('mutation { deleteArticle(id: "1") { id } }')
        assert code(body) == "FORBIDDEN"
        own = await editor.data('mutation { createComment(input: { text: "of w" }) { id } }')
        document = "mutation ($id: ID!) { deleteComment(id: $id) { text } }"
        gone = await editor.data(document, id=own["createComment"]["id"])
        assert gone == {"deleteComment": {"text": "of w"}}
    (stored,) = await items(admin, "articles", id=1)
    assert stored["rating"] == 1


async def test_what_does_not_fit_into_a_url(newsroom: Newsroom) -> None:
    """A long selection is read after the write, so that nothing depends on a URL's length."""
    own = await created(newsroom, 5600)
    wide = " ".join(
        f'a{number}: comments(filter: {{ text: {{ eq: "{"x" * 90}{number}" }} }}) {{ text }}'
        for number in range(40)
    )
    found = await newsroom.data(UPDATE % f"title {wide}", id=own, set={"title": "Wide"})
    assert found["updateArticle"]["title"] == "Wide"
    assert [method for method, _ in newsroom.requests][-3:] == ["GET", "PATCH", "SEARCH"]
    await newsroom.data("mutation ($id: ID!) { deleteArticle(id: $id) { id } }", id=own)


async def test_fields_run_in_order(newsroom: Newsroom, admin: httpx.AsyncClient) -> None:
    """One after the other, each with its own outcome; no transaction spans them."""
    document = """
    mutation {
      first: createArticle(input: { title: "A", about: 5701 }) { title }
      again: createArticle(input: { title: "B", about: 5701 }) { title }
      third: createTags(inputs: [{ name: "w-tag" }]) { name }
    }
    """
    body = await newsroom.ask(document)
    assert body["data"] == {"first": {"title": "A"}, "again": None, "third": [{"name": "w-tag"}]}
    assert (only(body)["path"], code(body)) == (["again"], "CONSTRAINT_VIOLATION")
    body = await newsroom.ask(document.replace("mutation", "mutation @transaction"))
    assert code(body) == "BAD_USER_INPUT"
    found = await newsroom.data("{ articles(filter: { about: { eq: 5701 } }) { nodes { id } } }")
    assert len(found["articles"]["nodes"]) == 1
    keys = [str(one["id"]) for one in await items(admin, "tags", name="w-tag")]
    document = "mutation ($ids: [ID!]!) { deleteTags(ids: $ids) { name } }"
    assert (await newsroom.data(document, ids=keys))["deleteTags"] == [{"name": "w-tag"}]


async def test_the_plan_shows_the_write() -> None:
    """What is written is told before it is, without a Directus."""
    async with running(None, domain=WRITING) as newsroom:
        plan = newsroom.engine.explain(
            'mutation { updateArticle(id: "1", set: { rating: 2 }) { title author { name } } }'
        )
    ((fetch,),) = plan["waves"]
    assert (fetch["kind"], fetch["paths"]) == ("item write", ["updateArticle"])
    shown = fetch["request"]
    assert (shown["write"], shown["path"]) == ("update", "/items/articles")
    assert shown["fields"] == "title,author.name,id"


# Start-up ----------------------------------------------------------------------------------------


def test_what_inputs_take() -> None:
    """Values and related items by their keys; not what is read only, nor many to any."""
    api = build(WRITING)
    takes = api.schema.as_str().split("input ArticleCreate")[1].split("}")[0]
    assert "author: ID" in takes
    assert "tags: [ID!]" in takes
    assert "created" not in takes
    assert "blocks" not in takes
    article = api.catalog.collections["Article"]
    many = {"tags": [str(one) for one in range(MAX_ITEMS + 1)]}
    with pytest.raises(InputError, match=r"`input.tags` goes beyond"):
        DirectusSource("directus", None).written(article, many, "input")


def test_wrong_bindings() -> None:
    """A field that writes is one of a mutation, annotated with what it gives."""

    def refused(says: str, annotation: Any, made: Any, *, reads: bool = False) -> None:
        decorate: Any = queries if reads else mutations
        root: type = decorate(
            type("Wrong", (), {"__annotations__": {"wrong": annotation}, "wrong": made})
        )
        domain = replace(DOMAIN, queries=[*DOMAIN.queries, root] if reads else DOMAIN.queries)
        domain = domain if reads else replace(domain, mutations=[root])
        with pytest.raises(ConfigurationError, match=says):
            build(domain)

    refused("belongs on a class of @mutations", Article | None, directus_create(), reads=True)
    refused(r"`Collection \| None`", list[Article] | None, directus_create())
    refused(r"`list\[Collection\] \| None`", Article | None, directus_update_many())
    refused("collection of files", Article | None, directus_upload())
    refused(r"`… \| None`", Article, directus_create())
