"""Collections of a real Directus read through GraphQL, alone and joined with rows; and pulled."""

from __future__ import annotations

import asyncio
import dataclasses
import importlib
import sys
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import asyncpg
import newsroom
import pytest
from seed import ARTICLES, READER_TOKEN
from typer.testing import CliRunner

from gateway import directus_create, directus_delete, mutations
from gateway.cli import app
from gateway.schema.build import build
from gateway.schema.domain import Domain
from gateway.sources.contract import Budget
from gateway.sources.directus.credentials import CallersToken, StaticToken
from gateway.sources.directus.sending import Sending
from gateway.sources.directus.source import DirectusSource
from gateway.sources.http import HttpService
from gateway.viewer import Viewer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path
    from typing import Any

    from conftest import FreshDatabase
    from instance import Directus
    from newsroom import Newsroom

MINE = "about: {lte: 112}"
"""Articles of the seed, whatever other tests write."""


@pytest.fixture(scope="module")
async def database(module_database: FreshDatabase) -> str:
    """A database with trends 100 to 112."""
    url = await module_database()
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(
            "CREATE TABLE newsroom_trends (id bigint PRIMARY KEY, title text NOT NULL);"
            "INSERT INTO newsroom_trends SELECT n, 'Trend ' || n FROM generate_series(100, 112) n"
        )
    finally:
        await connection.close()
    return url


@pytest.fixture
async def room(directus: Directus, database: str) -> AsyncIterator[Newsroom]:
    """An engine over both, asking Directus as the admin."""
    service = HttpService("directus", directus.url)
    sending = newsroom.Recording(service, StaticToken(directus.token))
    async with newsroom.running(sending, database, public_url=directus.url) as running:
        yield running


def only(requests: list[tuple[str, str]]) -> dict[str, list[str]]:
    """The query of the one request there was."""
    ((_, path),) = requests
    return parse_qs(urlsplit(path).query)


async def test_a_list(room: Newsroom) -> None:
    """One request, with exactly what was selected."""
    data = await room.data(
        f"{{ articles(limit: 2, filter: {{{MINE}}}, sort: [{{id: DESC}}]) {{ nodes {{ id slug price"
        " views publishedOn status extra featured author { name } } } }"
    )
    assert data["articles"]["nodes"][0] == {
        "id": str(ARTICLES),
        "slug": "article-12",
        "price": "12.50",
        "views": str(2**40 + 12),
        "publishedOn": "2026-01-12",
        "status": "DRAFT",
        "extra": {"n": 12, "list": [1, "two", None]},
        "featured": True,
        "author": {"name": "Ann"},
    }
    assert only(room.requests) == {
        "fields": [
            "id,slug,price,views,published_on,status,extra,featured,author.name",
        ],
        "filter": ['{"trend_id":{"_lte":112}}'],
        "sort": ["-id"],
        "limit": ["2"],
    }


async def test_counts_only_when_asked_for(room: Newsroom) -> None:
    """And no items with them, where none are selected."""
    document = f"{{ articles(filter: {{{MINE}, featured: {{eq: true}}}}) {{ filterCount }} }}"
    assert (await room.data(document))["articles"] == {"filterCount": 6}
    query = only(room.requests)
    assert (query["meta"], query["limit"]) == (["filter_count"], ["0"])


async def test_search_pages_and_sorts(room: Newsroom) -> None:
    """By words; by page and by offset; by a related item's field."""
    data = await room.data(
        '{ found: articles(search: "Article 3") { nodes { slug } }'
        f" page: articles(filter: {{{MINE}}}, sort: [{{id: ASC}}], limit: 3, page: 2)"
        " { nodes { id } }"
        f" rest: articles(filter: {{{MINE}}}, sort: [{{author: {{name: DESC}}}}, {{id: ASC}}],"
        " offset: 10) { nodes { id } } }"
    )
    assert data["found"]["nodes"] == [{"slug": "article-3"}]
    assert [one["id"] for one in data["page"]["nodes"]] == ["4", "5", "6"]
    assert [one["id"] for one in data["rest"]["nodes"]] == ["9", "12"]


async def test_filters(room: Newsroom) -> None:
    """As many articles as the seed says fit."""
    data = await room.data(
        f"""{{
          author: articles(filter: {{{MINE}, author: {{name: {{eq: "Bob"}}}}}}) {{ filterCount }}
          either: articles(filter: {{{MINE}, or: [{{id: {{in: ["1", "2"]}}}}, {{rating: {{eq: 5}}}}]}})
            {{ filterCount }}
          texts: articles(filter: {{{MINE}, slug: {{iendsWith: "E-11"}}}}) {{ filterCount }}
          dates: articles(filter: {{{MINE}, publishedOn: {{gt: "2026-01-10"}}}}) {{ filterCount }}
          prices: articles(filter: {{{MINE}, price: {{lt: "3.50"}}}}) {{ filterCount }}
          enums: articles(filter: {{{MINE}, status: {{ne: DRAFT}}}}) {{ filterCount }}
          covers: articles(filter: {{{MINE}, cover: {{id: {{isNull: false}}}}}}) {{ filterCount }}
          none: articles(filter: {{{MINE}, id: {{in: []}}}}) {{ filterCount }}
          some: articles(filter: {{{MINE}, tags: {{some: {{name: {{eq: "ai"}}}}}}}}) {{ filterCount }}
          same: articles(filter: {{{MINE}, tags: {{some: {{name: {{eq: "ai"}}, id: {{gt: "1"}}}}}}}})
            {{ filterCount }}
          both: articles(filter: {{{MINE}, and: [{{tags: {{some: {{name: {{eq: "ai"}}}}}}}},
            {{tags: {{some: {{name: {{eq: "web"}}}}}}}}]}}) {{ filterCount }}
          neither: articles(filter: {{{MINE}, tags: {{none: {{or: [{{name: {{eq: "ai"}}}},
            {{name: {{eq: "web"}}}}]}}}}}}) {{ filterCount }}
          far: authors(filter: {{articles: {{some: {{comments: {{some: {{text:
            {{eq: "Comment 3 on 3"}}}}}}}}}}}}) {{ filterCount }}
        }}"""
    )
    assert {name: one["filterCount"] for name, one in data.items()} == {
        "author": 4,
        "either": 4,
        "texts": 1,
        "dates": 2,
        "prices": 2,
        "enums": 9,
        "covers": 1,
        "none": 0,
        "some": 3,
        "same": 0,
        "both": 1,
        "neither": 7,
        "far": 1,
    }


async def test_relations_with_arguments_of_their_own(room: Newsroom) -> None:
    """In one request, over lists in lists, one list twice."""
    data = await room.data(
        """{ author(id: 3) { name articles(sort: [{id: DESC}], limit: 2, filter: {about: {lte: 112}})
             { slug tags(sort: [{name: DESC}], filter: {name: {ne: "web"}}) { name }
               last: comments(sort: [{id: DESC}], limit: 1) { text article { slug } }
               comments(filter: {text: {startsWith: "Comment 1"}}) { text } } } }"""
    )
    assert data["author"] == {
        "name": "Cem",
        "articles": [
            {
                "slug": "article-11",
                "tags": [{"name": "news"}, {"name": "ai"}],
                "last": [{"text": "Comment 3 on 11", "article": {"slug": "article-11"}}],
                "comments": [{"text": "Comment 1 on 11"}],
            },
            {"slug": "article-8", "tags": [{"name": "ai"}], "last": [], "comments": []},
        ],
    }
    assert len(room.requests) == 1


async def test_items_of_several_collections(room: Newsroom) -> None:
    """A union, with a selection for each type."""
    data = await room.data(
        """{ article(id: 2) { blocks { __typename ... on Paragraph { text }
             ... on Quote { said: text source } } } }"""
    )
    assert data["article"]["blocks"] == [
        {"__typename": "Paragraph", "text": "Paragraph of 2"},
        {"__typename": "Quote", "said": "Quote of 2", "source": "S"},
    ]


async def test_items_of_several_collections_with_plain_resolvers_below(room: Newsroom) -> None:
    """graphql-core walks into them, and finds of which type each is."""
    data = await room.data(
        """{ article(id: 2) { blocks { ... on Paragraph { text trend { shout } }
             ... on Quote { text __typename } } author { name } } }"""
    )
    assert data["article"] == {
        "blocks": [
            {"text": "Paragraph of 2", "trend": None},
            {"text": "Quote of 2", "__typename": "Quote"},
        ],
        "author": {"name": "Cem"},
    }


async def test_files(room: Newsroom, directus: Directus) -> None:
    """Directus's own collection, with addresses that lead to the files."""
    data = await room.data("{ article(id: 1) { coverUrl cover { id title url } } }")
    cover = data["article"]["cover"]
    assert cover["title"] == "A cover"
    assert cover["url"] == data["article"]["coverUrl"] == f"{directus.url}/assets/{cover['id']}"
    listed = await room.data(
        f'{{ files(filter: {{id: {{eq: "{cover["id"]}"}}}}) {{ nodes {{ url }} }} }}'
    )
    assert listed["files"]["nodes"] == [{"url": cover["url"]}]


async def test_siblings_by_id_are_one_request(room: Newsroom) -> None:
    """Whatever is selected of each; who is not there is null, and so is what can be no key."""
    data = await room.data(
        """{ a: article(id: 1) { title } b: article(id: "2") { id author { name } }
             c: article(id: 4711) { id } d: article(id: "no key") { id } }"""
    )
    assert data == {
        "a": {"title": "Article 1"},
        "b": {"id": "2", "author": {"name": "Cem"}},
        "c": None,
        "d": None,
    }
    query = only(room.requests)
    assert query["fields"] == ["title,id,author.name"]
    assert query["filter"] == ['{"id":{"_in":[1,2,4711]}}']


async def test_groups(room: Newsroom) -> None:
    """Figures of all, or of those with something in common."""
    data = await room.data(
        f"""{{ articleGroups(groupBy: [STATUS], filter: {{{MINE}}}) {{ key {{ status }} count
                 sum {{ rating price }} avg {{ rating }} min {{ price }} max {{ views }}
                 countDistinct {{ slug }} }}
               all: articleGroups(filter: {{{MINE}}}) {{ count }} }}"""
    )
    draft, out = data["articleGroups"]
    assert draft["key"] == {"status": "DRAFT"}
    assert out == {
        "key": {"status": "OUT"},
        "count": 9,
        "sum": {"rating": "24", "price": "58.50"},
        "avg": {"rating": pytest.approx(24 / 9)},
        "min": {"price": "1.50"},
        "max": {"views": str(2**40 + 11)},
        "countDistinct": {"slug": 9},
    }
    assert data["all"] == [{"count": 12}]


async def test_numbers_of_different_values(room: Newsroom) -> None:
    """Each that the schema offers is there; Directus counts no dates."""
    shown = await room.data('{ __type(name: "ArticleCountDistinct") { fields { name } } }')
    names = {field["name"] for field in shown["__type"]["fields"]}
    assert names >= {"slug", "price", "featured", "status"}
    assert not names & {"publishedOn", "created"}
    data = await room.data(
        f"{{ articleGroups(filter: {{{MINE}}}) {{ countDistinct {{ {' '.join(names)} }} }} }}"
    )
    (group,) = data["articleGroups"]
    assert group["countDistinct"]["slug"] == 12


async def test_rows_with_items(room: Newsroom) -> None:
    """For a page of rows one request, and back to rows in one statement."""
    data = await room.data(
        "{ trends { nodes { title article { slug author { name } trend { title shout } } } } }"
    )
    nodes = data["trends"]["nodes"]
    assert nodes[0] == {"title": "Trend 100", "article": None}
    assert nodes[1]["article"] == {
        "slug": "article-1",
        "author": {"name": "Bob"},
        "trend": {"title": "Trend 101", "shout": "TREND 101"},
    }
    query = only(room.requests)
    assert query["filter"] == ['{"trend_id":{"_in":[100,101,102,103,104]}}']
    assert query["fields"] == ["slug,author.name,trend_id"]


async def test_items_with_rows_over_lists_in_lists(room: Newsroom) -> None:
    """Each row once; a key that no row has is null."""
    data = await room.data(
        "{ authors(sort: [{id: ASC}]) { nodes { articles(sort: [{id: ASC}], limit: 2)"
        " { trend { id article { slug } } } } } }"
    )
    first = data["authors"]["nodes"][0]["articles"]
    assert first == [
        {"trend": {"id": "103", "article": {"slug": "article-3"}}},
        {"trend": {"id": "106", "article": {"slug": "article-6"}}},
    ]
    assert len(room.requests) == 2


async def test_long_filters(room: Newsroom) -> None:
    """Travel by SEARCH, and find the same."""
    data = await room.data(
        f"query ($keys: [ID!]) {{ articles(filter: {{id: {{in: $keys}}, {MINE}}}) {{ filterCount"
        ' nodes { comments(filter: {text: {contains: "on 1"}}) { id } tags(limit: 1) { name } } } }',
        keys=[str(number) for number in range(1, 1_500)],
    )
    assert data["articles"]["filterCount"] == ARTICLES
    assert [method for method, _ in room.requests] == ["SEARCH"]


async def test_values_of_another_type(room: Newsroom) -> None:
    """An error in their places; everything else is there."""
    body = await room.ask(
        "{ trends(first: 2) { nodes { draft { slug title } } } drafts(limit: 1)"
        " { nodes { id slug rating } } }"
    )
    assert body["data"]["trends"]["nodes"][1] == {"draft": {"slug": "article-1", "title": None}}
    assert body["data"]["drafts"]["nodes"] == [{"id": "1", "slug": "article-1", "rating": None}]
    assert [error["path"] for error in body["errors"]] == [
        ["trends", "nodes", 1, "draft", "title"],
        ["drafts", "nodes", 0, "rating"],
    ]
    assert {error["extensions"]["code"] for error in body["errors"]} == {"SOURCE_ERROR"}


async def test_what_the_token_may_not_read(directus: Directus) -> None:
    """Is a typed error of its field; other fields are intact; items it may not see are not there."""
    service = HttpService("directus", directus.url)
    sending = newsroom.Recording(service, StaticToken(READER_TOKEN))
    async with newsroom.running(sending) as room:
        body = await room.ask(
            "{ a: article(id: 1) { slug } hidden: article(id: 4) { slug } b: article(id: 2) { body }"
            " articles(limit: 1) { nodes { body } } }"
        )
    seen = {"a": {"slug": "article-1"}, "hidden": None, "b": None, "articles": None}
    assert body["data"] == seen
    found = [(error["path"], error["extensions"]["code"]) for error in body["errors"]]
    assert found == [(["b"], "FORBIDDEN"), (["articles"], "FORBIDDEN")]


async def test_callers_never_share(directus: Directus) -> None:
    """With their own tokens, the same query of two at once is two requests."""
    service = HttpService("directus", directus.url)
    sending = newsroom.Recording(service, CallersToken())
    async with newsroom.running(sending) as room:
        document = f"{{ articles(filter: {{{MINE}}}) {{ filterCount }} article(id: 4) {{ slug }} }}"
        admin, reader = await asyncio.gather(
            *(
                room.ask(document, viewer=Viewer(headers=(("authorization", f"Bearer {token}"),)))
                for token in (directus.token, READER_TOKEN)
            )
        )
        assert admin["data"] == {"articles": {"filterCount": 12}, "article": {"slug": "article-4"}}
        assert reader["data"] == {"articles": {"filterCount": 9}, "article": None}


@mutations
class Writes:
    """What makes kept answers stale."""

    create_author: newsroom.Author | None = directus_create()
    delete_author: newsroom.Author | None = directus_delete()


async def test_kept_answers(directus: Directus) -> None:
    """Of types that are declared, by what was selected; stale when written; errors are not kept."""
    service = HttpService("directus", directus.url)
    sending = newsroom.Recording(service, StaticToken(directus.token))
    domain = dataclasses.replace(newsroom.DOMAIN, mutations=[Writes])
    listed = "{ authors(sort: [{id: ASC}]) { nodes { name } } }"
    async with newsroom.running(sending, domain=domain, cached=True) as room:
        first = await room.data(listed)
        assert await room.data(listed) == first
        other = await room.data(listed.replace("name }", "n: name }"))
        assert other["authors"]["nodes"][0] == {"n": "Ann"}
        assert len(room.requests) == 2
        for _ in range(2):
            await room.data("{ author(id: 1) { name } }")
        assert len(room.requests) == 1
        for _ in range(2):
            await room.data("{ authors { nodes { articles(limit: 1) { slug } } } }")
        assert len(room.requests) == 2, "articles are not declared"
        made = await room.data('mutation { createAuthor(input: {name: "Dan"}) { id } }')
        names = [one["name"] for one in (await room.data(listed))["authors"]["nodes"]]
        key = made["createAuthor"]["id"]
        await room.data(f"mutation {{ deleteAuthor(id: {key}) {{ id }} }}")
        assert names == ["Ann", "Bob", "Cem", "Dan"]
        assert await room.data(listed) == first


async def test_signs_of_life(directus: Directus) -> None:
    """A wrong token is told apart from a right one; none is waited for."""
    loop = asyncio.get_running_loop()
    for token, ready in ((directus.token, True), ("no-such-token", False)):
        source = DirectusSource(
            "directus", Sending(HttpService("directus", directus.url), StaticToken(token))
        )
        await source.open()
        try:
            health = await source.check(Budget(loop.time() + 10))
        finally:
            await source.close()
        assert health.ready is ready
        assert token not in health.detail


async def test_without_settings() -> None:
    """Fields of Directus answer an error that names the setting; it is missed, not required."""
    async with newsroom.running(None) as room:
        body = await room.ask("{ articles { nodes { id } } __typename }")
        assert body["data"] == {"articles": None, "__typename": "Query"}
        (error,) = body["errors"]
        assert error["extensions"]["code"] == "SOURCE_UNAVAILABLE"
        assert "directus.default.url" in error["message"]
    health = await DirectusSource("directus", None).check(Budget(0))
    assert (health.ready, health.required) == (False, False)


async def test_the_plan_shows_the_requests(room: Newsroom) -> None:
    """In their waves."""
    plan = room.engine.explain("{ trends { nodes { article { slug trend { title } } } } }")
    sources = [[fetch["source"] for fetch in wave] for wave in plan["waves"]]
    assert sources == [["postgres"], ["directus"], ["postgres"]]
    assert plan["waves"][1][0]["request"] == {
        "path": "/items/articles",
        "fields": "slug,trend_id",
        "filter": '{"trend_id":{"_in":["…"]}}',
    }


def test_pull(directus: Directus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Classes that make a schema; what a person changed is left alone; a second pull is quiet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIRECTUS_URL", directus.url)
    monkeypatch.setenv("DIRECTUS_TOKEN", directus.token)
    folder = tmp_path / "pulled_newsroom"

    def pull(*options: str) -> Any:
        return CliRunner().invoke(app, ["pull", "directus", "--into", str(folder), *options])

    assert pull().exit_code == 1
    assert not folder.exists()
    assert pull("--write").exit_code == 0, "differences are written"
    assert pull("--check").exit_code == 0, "and gone then"
    text = (folder / "articles.py").read_text()
    assert '    tags: "list[Tag] | None" = directus_many("tags", through="tags_id")' in text
    assert '    blocks: "list[Paragraph | Quote] | None" = directus_any("blocks", ' in text
    assert '    author: "Author | None" = directus_one("author")' in text
    assert not (folder / "articles_tags.py").exists(), "junctions are passed through"

    monkeypatch.syspath_prepend(tmp_path)
    pulled = importlib.import_module("pulled_newsroom")
    try:
        schema = build(
            Domain(entities=[], queries=pulled.QUERIES, collections=pulled.COLLECTIONS)
        ).schema.as_str()
    finally:
        for name in [name for name in sys.modules if name.startswith("pulled_newsroom")]:
            del sys.modules[name]
    assert "blocks(" in schema
    assert "union ParagraphQuote = Paragraph | Quote" in schema

    (folder / "articles.py").write_text(text.replace("rating: int", "stars: int"))
    assert pull("--check").exit_code == 0, "nothing new for a file a person changed"
    assert "stars: int" in (folder / "articles.py").read_text()
