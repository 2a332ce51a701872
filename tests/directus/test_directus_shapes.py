"""Selections compiled for Directus, and its items in response shape; needs no Directus."""

from __future__ import annotations

import dataclasses
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from graphql import parse
from newsroom import DOMAIN

from gateway.errors import SourceRefused
from gateway.planning.arguments import PageLimits
from gateway.planning.plan import Planner
from gateway.planning.registry import Registry
from gateway.planning.variables import VariableCoercer
from gateway.schema.build import build
from gateway.schema.selection import Reader
from gateway.sources.contract import Pieces
from gateway.sources.directus import answers
from gateway.sources.directus.sending import LONGEST_URL, items_path, reading
from gateway.sources.directus.source import DirectusSource

CATALOG = build(DOMAIN).catalog


SOURCE = DirectusSource("directus", None, public_url="https://cms")


def prepared(document: str) -> Any:
    """The one root field of a query, compiled, and its arguments."""
    (operation,) = parse(document).definitions
    reader = Reader(CATALOG, {}, {}, variables=operation.variable_definitions)
    planner = Planner(CATALOG, Registry({}, {}, {}, items={"default": SOURCE}), PageLimits())
    outline = planner.outline(operation, reader, "Query")
    variables = VariableCoercer(CATALOG.schema, ()).coerce({})
    read = [spec.read(variables) for spec in outline.specs]
    plan = outline.plan(tuple(shape for shape, _ in read))
    fetch = plan.roots[0].fetch
    assert fetch is not None
    return fetch.prepared, fetch.arguments(tuple(values for _, values in read))


def listed(document: str, items: Any, **meta: int) -> Any:
    """What a list's answer becomes."""
    made, _ = prepared(document)
    return answers.list_value(made, orjson.dumps(items), orjson.dumps(meta))


def test_fields_follow_the_selection():
    """Merged over aliases, down relations; `__typename` alone asks for the key."""
    made, (_, *lists) = prepared(
        "{ articles { nodes { a: slug b: slug author { name } x: author { id } cover { __typename }"
        " tags { name } blocks { ... on Quote { source } } } } }"
    )
    assert made.selection.query(lists)[0]["fields"] == [
        "slug",
        "author.name",
        "author.id",
        "cover.id",
        "tags.tags_id.name",
        "blocks.collection",
        "blocks.item:paragraphs.id",
        "blocks.item:quotes.source",
    ]


def test_one_list_twice():
    """The second is asked for under an alias, with arguments of its own."""
    made, (_, *lists) = prepared(
        "{ articles { nodes { comments(limit: 1) { id } more: comments(offset: 2) { text"
        " article { comments(limit: 3) { id } } } } } }"
    )
    assert made.selection.query(lists)[0] == {
        "fields": [
            "comments.id",
            "plait_0_comments.text",
            "plait_0_comments.article.comments.id",
        ],
        "alias": {"plait_0_comments": "comments"},
        "deep": {
            "comments": {"_limit": 1},
            "plait_0_comments": {
                "_limit": 100,
                "_offset": 2,
                "article": {"comments": {"_limit": 3}},
            },
        },
    }


def test_items_as_they_are():
    """Where nothing is renamed or converted, the bytes are spliced unread."""
    made, _ = prepared("{ articles { nodes { title slug author { name } comments { text } } } }")
    data = b'[{"author":{"name":"A"}, "comments":[{"text":null}],"title":"T\\u00e9",\t"slug":null}]'
    value = answers.list_value(made, data, b"")
    assert value == b'{"nodes":' + data.replace(b"\t", b" ") + b"}"


@pytest.mark.parametrize(
    ("asked", "data", "shown"),
    [
        ("a: title", b'[{ "title": "T" }]', b'[{"a":"T"}]'),
        ("title", b'[{ "title": "T", "slug": "t" }]', b'[{"title":"T"}]'),
        ("tags { name }", b'[{ "tags": [{ "tags_id": null }] }]', b'[{"tags":[]}]'),
    ],
)
def test_items_that_must_be_read(asked: str, data: bytes, shown: bytes):
    """What is renamed, more than was asked for, and what stands behind a junction."""
    made, _ = prepared(f"{{ articles {{ nodes {{ {asked} }} }} }}")
    assert answers.list_value(made, data, b"") == b'{"nodes":' + shown + b"}"


def test_items_that_are_no_json():
    """A text of no UTF-8 is refused as the rest is."""
    made, _ = prepared("{ articles { nodes { title } } }")
    with pytest.raises(SourceRefused, match="something else than JSON"):
        answers.list_value(made, b'[{"title":"\xff"}]', b"")


def test_members_come_in_the_order_of_the_selection():
    """Directus writes values before related items."""
    item = {"title": "T", "author": {"name": "A"}}
    made = listed("{ articles { nodes { author { name } title } } }", [item])
    assert made == b'{"nodes":[{"author":{"name":"A"},"title":"T"}]}'


def test_items_with_more_than_was_asked_for_are_read():
    """What was not selected never leaves."""
    made = listed("{ articles { nodes { slug title } } }", [{"title": "T", "slug": "s", "body": 1}])
    assert orjson.loads(made) == {"nodes": [{"slug": "s", "title": "T"}]}


def test_values_become_what_their_types_say():
    """However Directus writes them."""
    item = {
        "id": 7,
        "price": 1.5,
        "views": 2**40,
        "created": "2026-01-02T03:04:05.600Z",
        "published_on": "2026-01-02",
        "status": "published",
        "rating": "4",
        "extra": {"a": [1]},
        "trend_id": None,
        "cover": "8a",
    }
    made = listed(
        "{ articles { k: nodes { id price views created publishedOn status rating extra about"
        " coverUrl t: __typename } totalCount filterCount __typename } }",
        [item],
        total_count=12,
        filter_count="3",
    )
    assert orjson.loads(made) == {
        "k": [
            {
                "id": "7",
                "price": "1.5",
                "views": str(2**40),
                "created": "2026-01-02T03:04:05.6+00:00",
                "publishedOn": "2026-01-02",
                "status": "OUT",
                "rating": 4,
                "extra": {"a": [1]},
                "about": None,
                "coverUrl": "https://cms/assets/8a",
                "t": "Article",
            }
        ],
        "totalCount": 12,
        "filterCount": 3,
        "__typename": "ArticleItems",
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("rating", "x"),
        ("rating", 2**31),
        ("rating", True),
        ("price", "1e"),
        ("views", 1.5),
        ("created", "yesterday"),
        ("publishedOn", 3),
        ("status", "unheard of"),
        ("featured", "true"),
        ("slug", 1),
        ("coverUrl", []),
        ("author { name }", 3),
        ("author { name }", {}),
        ("comments { id }", {}),
        ("comments { id }", [3]),
        ("tags { id }", [3]),
    ],
)
def test_a_value_of_another_shape_is_an_error_in_its_place(field, value):
    """Its neighbours are as they are."""
    name = {"publishedOn": "published_on", "coverUrl": "cover"}.get(field, field.split()[0])
    made = listed(f"{{ articles {{ nodes {{ title {field} }} }} }}", [{"title": "T", name: value}])
    assert isinstance(made, Pieces)
    (error,) = [piece for piece in made if isinstance(piece, SourceRefused)]
    whole = b"".join(piece if isinstance(piece, bytes) else b"null" for piece in made)
    (item,) = orjson.loads(whole)["nodes"]
    assert item["title"] == "T"
    assert "`" in error.message
    assert str(value) not in error.message


def test_a_field_that_is_not_there_is_an_error_in_its_place():
    """Not null, which would be a lie."""
    made = listed("{ articles { nodes { title slug } } }", [{"title": "T"}])
    assert isinstance(made, Pieces)


@pytest.mark.parametrize("title", [None, 3])
def test_what_may_not_be_null_fails_what_is_around_it(title):
    """A list of articles has no gaps."""
    with pytest.raises(SourceRefused, match="title"):
        listed("{ articles { nodes { id title } } }", [{"id": 1, "title": title}])


@pytest.mark.parametrize("data", [b"{}", b"null", b"3", b"[3]", b"[", b'"x"'])
def test_something_else_than_a_list(data):
    """Is refused as a whole."""
    made, _ = prepared("{ articles { nodes { id } } }")
    with pytest.raises(SourceRefused):
        answers.list_value(made, data, b"")


def test_junctions_are_passed_through():
    """Rows that lead nowhere, or to a collection that no type shows, are left out."""
    made = listed(
        "{ articles { nodes { tags { name } blocks { __typename ... on Quote { said: text } } } } }",
        [
            {
                "tags": [{"tags_id": {"name": "a"}}, {"tags_id": None}],
                "blocks": [
                    {"collection": "quotes", "item": {"text": "q"}},
                    {"collection": "paragraphs", "item": {"id": 4}},
                    {"collection": "videos", "item": 9},
                    {"collection": "quotes", "item": None},
                ],
            }
        ],
    )
    assert orjson.loads(made)["nodes"] == [
        {
            "tags": [{"name": "a"}],
            "blocks": [{"__typename": "Quote", "said": "q"}, {"__typename": "Paragraph"}],
        }
    ]


def test_look_ups_come_in_the_order_of_their_keys():
    """A key without an item is null, a repeated one repeats; of several the first counts."""
    made, _ = prepared('{ article(id: "1") { slug } }')
    data = orjson.dumps([{"id": 2, "slug": "b"}, {"id": 1, "slug": "a"}, {"id": 2, "slug": "c"}])
    found = answers.looked_up(made, data, [("1",), (2,), ("3",), ("1",)], 10)
    assert found == [b'{"slug":"a"}', b'{"slug":"b"}', None, b'{"slug":"a"}']
    assert answers.looked_up(made, data, [("007",), ("02",), ("no",)], 10) == [None, found[1], None]


def test_look_ups_that_may_be_cut_short():
    """As many items as were asked for at most: a key without one may have one; others have theirs."""
    made, _ = prepared("{ article(id: 1) { slug } }")
    several = dataclasses.replace(made, unique=False)
    items = b'[{"id":1,"slug":"a"},{"id":1,"slug":"b"}]'
    assert answers.looked_up(several, items, [(1,), (2,)], 3) == [b'{"slug":"a"}', None]
    found, missing = answers.looked_up(several, items, [(1,), (2,)], 2)
    assert found == b'{"slug":"a"}'
    assert isinstance(missing, SourceRefused)
    assert "`id`" in missing.message


def test_groups_are_coerced():
    """PostgreSQL's counts and sums are text."""
    made, _ = prepared(
        "{ articleGroups(groupBy: [STATUS]) { key { status slug } count sum { rating price }"
        " avg { rating } n: countDistinct { slug __typename } } }"
    )
    assert made.aggregate == {
        "count": ["*"],
        "sum": ["rating", "price"],
        "avg": ["rating"],
        "countDistinct": ["slug"],
    }
    row = {
        "status": "draft",
        "count": "3",
        "sum": {"rating": "6", "price": 2.5},
        "avg": {"rating": "2.0000"},
        "countDistinct": {"slug": "2"},
    }
    assert orjson.loads(answers.groups_value(made, orjson.dumps([row]))) == [
        {
            "key": {"status": "DRAFT", "slug": None},
            "count": 3,
            "sum": {"rating": "6", "price": "2.5"},
            "avg": {"rating": 2.0},
            "n": {"slug": 2, "__typename": "ArticleCountDistinct"},
        }
    ]


def test_reads_travel_by_url_until_that_is_too_long():
    """Then by SEARCH, with the same query as its body."""
    short = reading(
        "/items/a", {"fields": ["id", "b.c"], "filter": {"x": {"_eq": "ü&"}}, "limit": 5}
    )
    assert short.method == "GET"
    assert short.repeatable
    query = parse_qs(urlsplit(short.path).query)
    assert query == {"fields": ["id,b.c"], "filter": ['{"x":{"_eq":"ü&"}}'], "limit": ["5"]}
    keys = list(range(LONGEST_URL))
    long = reading("/items/a", {"fields": ["id"], "filter": {"id": {"_in": keys}}})
    assert (long.method, long.path, long.repeatable) == ("SEARCH", "/items/a", True)
    assert orjson.loads(long.body or b"")["query"]["filter"] == {"id": {"_in": keys}}


def test_places():
    """Directus's own collections have places of their own; no name leads out of its place."""
    assert items_path("articles") == "/items/articles"
    assert items_path("directus_files") == "/files"
    assert items_path("a/../b?c") == "/items/a%2F..%2Fb%3Fc"


def test_what_is_explained():
    """The request as far as it is known without arguments."""
    made, _ = prepared("{ article(id: 1) { slug author { name } } }")
    assert DirectusSource("directus", None).describe(made) == {
        "path": "/items/articles",
        "fields": "slug,author.name,id",
        "filter": '{"id":{"_in":["…"]}}',
    }
