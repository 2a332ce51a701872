"""Named SQL as query fields: results in response shape, and values that stay values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from named.named_shop import Shelf, Shop, Toy, domain_of, execute, open_shop, value
from strawberry.permission import BasePermission

from gateway import BigInt, Row, Rows
from gateway.viewer import Viewer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

CHEAP = """\
-- Toys by price.
-- mode: fetch
-- param most: float8 = 10
-- param sizes: toy_size[]?
-- returns: Toy
select id, 'not asked for' as rest from toys
where price <= :most and (:sizes is null or size = any(:sizes)) order by price desc, id
"""
SIZES = """\
-- mode: fetch
-- limit: 2
-- returns: SizeCount -- How many there are.
-- column size: toy_size
-- column how_many: int4
-- column dearest: float8?
-- column makers: text[]
select size, count(*)::int4 as how_many, max(price) as dearest,
       array_agg(distinct maker) filter (where maker is not null) as makers
from toys group by size order by size desc
"""
ECHO = """\
-- mode: fetchval
-- param words: text
-- returns: text
select :words -- with a comment at its end: :words '
"""
FILES = {
    "cheap": CHEAP,
    "sizes": SIZES,
    "echo": ECHO,
    "first": "-- mode: fetchrow\n-- param size: toy_size?\n-- returns: Toy\n"
    "select id from toys where size = :size order by id desc",
    "dearest": "-- mode: fetchrow\n-- param above: int4 = 0\n-- returns: Dearest\n"
    "-- column name: text\n-- column price: float8\n"
    "select name, price from toys where price > :above order by price desc",
    "places": "-- mode: fetch\n-- returns: Shelf\n"
    "select board, aisle from (values (2, 'a'), (9, 'x'), (1, 'b'), (2, 'a')) as v (aisle, board)",
    "hollow": "-- mode: fetch\n-- returns: Hollow\n-- column id: int8 as ID\n"
    "-- column price: float8\nselect id, price from toys order by id",
    "total": "-- mode: fetchval\n-- param a: int4\n-- param b: int4\n-- returns: int4\n"
    "select $2 - $1",
    "mine": "-- mode: fetch\n-- param me: text = viewer.subject\n-- param prefix: text = ''\n"
    "-- param roles: text[] = viewer.roles\n-- returns: Mine\n-- column name: text\n"
    "-- column roles: text[]\nselect name, :roles as roles from toys\n"
    "where owner = :me and name like :prefix || '%' order by id",
    "nobody": "-- mode: fetchval\n-- returns: text\nselect name from toys where false",
}
QUERIES = {
    "cheap": list[Toy] | None,
    "sizes": Rows | None,
    "echo": str | None,
    "first": Toy | None,
    "dearest": Row | None,
    "places": list[Shelf] | None,
    "hollow": Rows | None,
    "total": int | None,
    "mine": Rows | None,
    "nobody": str | None,
}


@pytest.fixture(scope="module")
async def shop(shop_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    """The shop with all the queries above."""
    async with open_shop(
        shop_url, domain_of(tmp_path_factory.mktemp("shop"), FILES, QUERIES)
    ) as shop:
        yield shop


async def test_the_database_takes_them(shop: Shop) -> None:
    """Nothing is wrong with any of them."""
    assert await shop.verify() == []


async def test_entities_with_any_selection(shop: Shop) -> None:
    """Rows of an entity come in the statement's order, with relations, from one statement."""
    document = (
        "{ cheap { kind: __typename id name madeBy { name toys(first: 1) { totalCount } } } }"
    )
    before = shop.groups["postgres"].figures()["sent"]
    data = await shop.data(document)
    assert data["cheap"] == [
        {
            "kind": "Toy",
            "id": "1",
            "name": "duck",
            "madeBy": {"name": "Woodwork", "toys": {"totalCount": 2}},
        },
        {
            "kind": "Toy",
            "id": "4",
            "name": 'it\'s "new"',
            "madeBy": {"name": "Tin & Sons", "toys": {"totalCount": 2}},
        },
    ]
    assert shop.groups["postgres"].figures()["sent"] == before + 1
    (fetch,) = shop.plan(document)
    assert fetch["request"]["file"].endswith("sql/cheap.sql")
    assert fetch["request"]["sql"].count("not asked for") == 1


async def test_an_entitys_rule_holds(shop: Shop) -> None:
    """A key whose row the viewer may not see gives no row."""
    seen = await shop.data("{ cheap { name } }", viewer=Viewer(subject="ann"))
    assert [toy["name"] for toy in seen["cheap"]] == ["ann's bear", "duck", 'it\'s "new"']


async def test_plain_resolvers_below(shop: Shop) -> None:
    """Where something is to be walked, the rest is the same."""
    data = await shop.data("{ cheap { label name } first(size: BIG) { label } }")
    assert data == {
        "cheap": [
            {"label": "duck, small", "name": "duck"},
            {"label": 'it\'s "new", small', "name": 'it\'s "new"'},
        ],
        "first": {"label": "robot, big"},
    }


async def test_composite_keys_missing_and_repeated(shop: Shop) -> None:
    """Order and repetition are the statement's; a key without a row is left out."""
    data = await shop.data("{ places { aisle board note } }")
    assert data["places"] == [
        {"aisle": 2, "board": "a", "note": "back"},
        {"aisle": 1, "board": "b", "note": None},
        {"aisle": 2, "board": "a", "note": "back"},
    ]


async def test_columns_in_response_shape(shop: Shop) -> None:
    """Aliases, `__typename`, enum names, lists, and no more rows than the limit."""
    data = await shop.data("{ s: sizes { __typename s: size howMany dearest makers } }")
    assert data["s"] == [
        {"__typename": "SizeCount", "s": "BIG", "howMany": 2, "dearest": 30, "makers": ["t", "w"]},
        {"__typename": "SizeCount", "s": "SMALL", "howMany": 4, "dearest": 9, "makers": ["t", "w"]},
    ]
    (fetch,) = shop.plan("{ sizes { howMany } }")
    assert "LIMIT 2" in fetch["request"]["sql"]
    assert 'AS "dearest"' not in fetch["request"]["sql"]


async def test_one_row_or_none(shop: Shop) -> None:
    """`fetchrow` gives the first row, and null where there is none."""
    data = await shop.data(
        "{ dearest { name price } none: dearest(above: 99) { name } first { id } }"
    )
    assert data == {"dearest": {"name": "train", "price": 30}, "none": None, "first": None}


async def test_one_value(shop: Shop) -> None:
    """`fetchval` gives a scalar, and null where there is no row; numbers follow the header."""
    data = await shop.data('{ total(a: 2, b: 44) nobody echo(words: "x") }')
    assert data == {"total": 42, "nobody": None, "echo": "x"}


async def test_a_null_out_of_place(shop: Shop) -> None:
    """Null in a column declared never null fails the field, but only where it is selected."""
    body = await shop.ask("{ hollow { id price } total(a: 1, b: 2) }")
    assert body["data"] == {"hollow": None, "total": 1}
    (error,) = body["errors"]
    assert error["path"] == ["hollow"]
    assert error["extensions"]["code"] == "SOURCE_ERROR"
    assert "hollow.sql" in error["message"]
    assert len((await shop.data("{ hollow { id } }"))["hollow"]) == 6


async def test_what_the_viewer_fills(shop: Shop) -> None:
    """A parameter of the viewer is no argument; each viewer gets an answer of their own."""
    field = shop.api.catalog.schema.query_type.fields["mine"]
    assert set(field.args) == {"prefix"}
    bob = Viewer(subject="bob", roles=frozenset({"a", "b"}))
    assert await shop.data("{ mine { name roles } }", viewer=bob) == {
        "mine": [{"name": "bob's car", "roles": ["a", "b"]}]
    }
    assert await shop.data('{ mine(prefix: "ann") { name } }', viewer=Viewer(subject="ann")) == {
        "mine": [{"name": "ann's bear"}]
    }
    assert await shop.data("{ mine { name } }") == {"mine": []}


class Never(BasePermission):
    """Holds for nobody."""

    message = "Not for you."

    def has_permission(self, source: Any, info: Any, **kwargs: Any) -> bool:  # noqa: ARG002 - Strawberry's signature
        return False


async def test_permissions_hold(shop_url: str, tmp_path: Path) -> None:
    """A permission class on the field keeps its statement from being run."""
    domain = domain_of(
        tmp_path,
        {"sizes": SIZES, "echo": ECHO},
        {"sizes": Rows | None, "echo": str | None},
        permission_classes=[Never],
    )
    async with open_shop(shop_url, domain) as shop:
        body = await shop.ask('{ sizes { size } echo(words: "x") }')
        assert body["data"] == {"sizes": None, "echo": None}
        assert [error["message"] for error in body["errors"]] == ["Not for you."] * 2
        assert shop.groups["postgres"].figures()["sent"] == 0


async def test_nothing_writes_in_a_query(own_shop_url: str, tmp_path: Path) -> None:
    """A function that writes is refused by the server, as queries are read-only."""
    await execute(own_shop_url, "create sequence counter")
    domain = domain_of(
        tmp_path,
        {"sly": "-- mode: fetchval\n-- returns: int8\nselect nextval('counter')"},
        {"sly": BigInt | None},
    )
    async with open_shop(own_shop_url, domain) as shop:
        assert await shop.verify() == []
        body = await shop.ask("{ sly }")
    assert body["data"] == {"sly": None}
    assert body["errors"][0]["extensions"] == {"code": "SOURCE_ERROR", "sqlstate": "25006"}
    assert await value(own_shop_url, "select is_called from counter") is False


ATTACKS = [
    "' or 1=1 --",
    "'; drop table toys; --",
    "\\'; drop table toys; --",
    "$$; drop table toys; $$",
    "*/ drop table toys /*",
    ":words",
    "$1",
    "%s %(a)s {0} {{}}",
    "\\x00",
    "\u2019 \uff07",
    "\t\n\r",
    "~named",
    "!",
]


@pytest.mark.parametrize("words", ATTACKS)
async def test_attacks_are_text(shop: Shop, words: str) -> None:
    """What would end a string, were it spliced, comes back as it is."""
    assert await shop.data("query ($w: String!) { echo(words: $w) }", {"w": words}) == {
        "echo": words
    }


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\x00"), max_size=50)
    | st.text("'\"\\$:;-/*%{}()\t\n E", max_size=30)
)
async def test_values_arrive_as_values(shop: Shop, words: str) -> None:
    """Any text is the value of its parameter and nothing else."""
    assert await shop.data("query ($w: String!) { echo(words: $w) }", {"w": words}) == {
        "echo": words
    }


@pytest.mark.parametrize(
    ("document", "variables", "names"),
    [
        ("{ total(a: 1) }", None, "b"),
        ("{ total(a: 1, b: null) }", None, "Int!"),
        ("{ total(a: 1, b: 3000000000) }", None, "3000000000"),
        ('{ cheap(most: "x") { id } }', None, "Float"),
        ("{ cheap(most: null) { id } }", None, "Float!"),
        ("{ cheap(sizes: [HUGE]) { id } }", None, "HUGE"),
        ('{ mine(me: "ann") { name } }', None, "me"),
        ("query ($w: String!) { echo(words: $w) }", {"w": "a\x00b"}, "NUL"),
        ("query ($s: [ToySize!]) { cheap(sizes: $s) { id } }", {"s": ["BIG"] * 10_001}, "10000"),
    ],
)
async def test_bad_arguments(
    shop: Shop, document: str, variables: dict[str, Any] | None, names: str
) -> None:
    """Refused before the database is asked, with a message that names the culprit."""
    before = shop.groups["postgres"].figures()["sent"]
    document = document.replace("ToySize", "Size")
    body = await shop.ask(document, variables)
    assert body["errors"][0]["extensions"]["code"] in {
        "BAD_USER_INPUT",
        "GRAPHQL_VALIDATION_FAILED",
    }
    assert names in body["errors"][0]["message"]
    assert shop.groups["postgres"].figures()["sent"] == before


async def test_the_deadline_holds(shop_url: str, tmp_path: Path) -> None:
    """A statement that takes too long is given up with a typed error."""
    domain = domain_of(
        tmp_path,
        {"slow": "-- mode: fetchval\n-- returns: bool\nselect pg_sleep(60) is null"},
        {"slow": bool | None},
    )
    async with open_shop(shop_url, domain) as shop:
        body = await shop.ask("{ slow }", seconds=0.5)
    assert body["data"] == {"slow": None}
    assert body["errors"][0]["extensions"]["code"] == "SOURCE_TIMEOUT"
