"""Named SQL as mutation fields: what it changes, what it gives back, and transactions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from named.named_shop import Shop, Toy, domain_of, execute, open_shop, value

from gateway import Row, Rows
from gateway.errors import ConfigurationError
from gateway.viewer import Viewer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

FILES = {
    "price": "-- mode: fetchval\n-- param id: int8 as ID\n-- returns: float8\n"
    "select price from toys where id = :id",
    "discount": "-- mode: execute\n-- param by: float8\n-- param size: toy_size?\n"
    "update toys set price = price - :by where :size is null or size = :size",
    "enlarge": "-- mode: fetch\n-- read_only: false\n-- param ids: int8[] as ID\n-- returns: Toy\n"
    "update toys set size = 'big' where id = any(:ids) returning id",
    "rename": "-- mode: fetchrow\n-- read_only: false\n-- param id: int8 as ID\n"
    "-- param name: text\n-- returns: Toy\n"
    "update toys set name = :name where id = :id returning id",
    "add_maker": "-- mode: fetchrow\n-- read_only: false\n-- param code: text\n"
    "-- param name: text\n-- returns: Added\n-- column code: text\n-- column total: int4\n"
    "insert into makers values (:code, :name)\n"
    "returning code, (select count(*)::int4 from makers) as total",
    "sell_all": "-- mode: fetch\n-- read_only: false\n-- limit: 2\n-- returns: Sold\n"
    "-- column name: text\ndelete from toys returning name",
    "tidy": "-- mode: execute\n-- transaction: false\nvacuum toys",
    "touch": "-- mode: execute\nselect from toys for update",
}
MUTATIONS = {
    "discount": int | None,
    "enlarge": list[Toy] | None,
    "rename": Toy | None,
    "add_maker": Row | None,
    "sell_all": Rows | None,
    "tidy": int | None,
    "touch": int | None,
}


@pytest.fixture
async def shop(own_shop_url: str, tmp_path: Path) -> AsyncIterator[Shop]:
    """A shop of the test's own."""
    domain = domain_of(tmp_path, FILES, {"price": float | None}, MUTATIONS)
    async with open_shop(own_shop_url, domain) as shop:
        yield shop


async def test_the_database_takes_them(shop: Shop) -> None:
    """Nothing is wrong with any of them, and to find out nothing was run."""
    assert await shop.verify() == []
    assert await shop.data("{ price(id: 1) }") == {"price": 4.5}


async def test_execute_gives_the_affected_count(shop: Shop) -> None:
    """As PostgreSQL counts it; nought for what counts nothing."""
    data = await shop.data(
        "mutation { a: discount(by: 0.5, size: SMALL) b: discount(by: 0) none: tidy touch }"
    )
    assert data == {"a": 4, "b": 6, "none": 0, "touch": 6}
    assert await shop.data("{ price(id: 1) }") == {"price": 4}


async def test_entities_are_read_as_written(shop: Shop) -> None:
    """What comes back is the row after the change, with any selection, rules and resolvers."""
    data = await shop.data(
        'mutation { enlarge(ids: ["1", "5", "999"]) { id size madeBy { name } }'
        ' rename(id: "4", name: "x") { label } gone: rename(id: "999", name: "y") { label } }'
    )
    assert data == {
        "enlarge": [{"id": "1", "size": "BIG", "madeBy": {"name": "Woodwork"}}],
        "rename": {"label": "x, small"},
        "gone": None,
    }
    seen = await shop.data("mutation { enlarge(ids: [5]) { name } }", viewer=Viewer(subject="ann"))
    assert seen == {"enlarge": [{"name": "ann's bear"}]}


async def test_columns_that_a_write_returns(shop: Shop) -> None:
    """A RETURNING gives typed rows; the limit bounds what is shown, not what is done."""
    data = await shop.data(
        'mutation { addMaker(code: "n", name: "N") { c: code total __typename } sellAll { name } }'
    )
    assert data["addMaker"] == {"c": "n", "total": 2, "__typename": "Added"}
    assert len(data["sellAll"]) == 2
    assert (await shop.data("{ price(id: 1) }")) == {"price": None}


async def test_a_violation_names_the_constraint(shop: Shop) -> None:
    """Constraints violated by named SQL are the typed errors of all writes."""
    body = await shop.ask(
        'mutation { addMaker(code: "w", name: "N") { code } discount(by: 100, size: SMALL) }'
    )
    assert body["data"] == {"addMaker": None, "discount": None}
    unique, check = (error["extensions"] for error in body["errors"])
    assert (unique["code"], unique["kind"]) == ("CONSTRAINT_VIOLATION", "unique")
    assert (check["code"], check["kind"]) == ("CONSTRAINT_VIOLATION", "check")


async def test_each_field_commits_by_itself(shop: Shop) -> None:
    """Without `@transaction` a failure leaves what was done before it."""
    body = await shop.ask("mutation { a: discount(by: 1, size: SMALL) b: discount(by: 100) }")
    assert body["data"] == {"a": 4, "b": None}
    assert await shop.data("{ price(id: 1) }") == {"price": 3.5}


@pytest.mark.parametrize("isolation", ["", "(isolation: SERIALIZABLE)"])
async def test_a_transaction_is_all_or_nothing(shop: Shop, isolation: str) -> None:
    """With `@transaction` named SQL commits or rolls back with the other fields."""
    body = await shop.ask(
        f"mutation @transaction{isolation} {{"
        ' a: discount(by: 1) enlarge(ids: ["1"]) { size } b: discount(by: 100) }'
    )
    assert body["data"] == {"a": None, "enlarge": None, "b": None}
    codes = [error["extensions"]["code"] for error in body["errors"]]
    assert codes == ["TRANSACTION_ROLLED_BACK", "TRANSACTION_ROLLED_BACK", "CONSTRAINT_VIOLATION"]
    assert await shop.data("{ price(id: 1) }") == {"price": 4.5}
    data = await shop.data(
        f"mutation @transaction{isolation} {{ discount(by: 1, size: SMALL)"
        ' enlarge(ids: ["1"]) { price size } }'
    )
    assert data == {"discount": 4, "enlarge": [{"price": 3.5, "size": "BIG"}]}


async def test_what_cannot_be_in_a_transaction(shop: Shop) -> None:
    """`transaction: false` runs by itself, and is refused beside `@transaction` before it runs."""
    assert await shop.data("mutation { tidy }") == {"tidy": 0}
    body = await shop.ask("mutation @transaction { discount(by: 1, size: SMALL) tidy }")
    assert "errors" in body
    assert {error["extensions"]["code"] for error in body["errors"]} == {"BAD_USER_INPUT"}
    assert await shop.data("{ price(id: 1) }") == {"price": 4.5}


async def test_beside_plain_resolvers(shop: Shop) -> None:
    """Where graphql-core walks the rows, fields still run one after the other."""
    data = await shop.data(
        'mutation { enlarge(ids: [1]) { label } rename(id: 1, name: "x") { label }'
        " sellAll { name } }"
    )
    assert data["enlarge"] == [{"label": "duck, big"}]
    assert data["rename"] == {"label": "x, big"}
    assert len(data["sellAll"]) == 2


async def test_attacks_are_text(shop: Shop, own_shop_url: str) -> None:
    """A value that would end a string is stored as it is."""
    name = "'); drop table toys; --"
    await shop.data("mutation ($n: String!) { rename(id: 1, name: $n) { id } }", {"n": name})
    assert await value(own_shop_url, "select name from toys where id = 1") == name


async def test_a_conflict_is_tried_again(own_shop_url: str, tmp_path: Path) -> None:
    """A statement that loses against a concurrent transaction is repeated with its transaction."""
    await execute(
        own_shop_url,
        """
        create sequence tries;
        create function clash() returns int language plpgsql as $$
        begin
            if nextval('tries') < 3 then
                raise exception 'clash' using errcode = '40001';
            end if;
            return 1;
        end $$;
        """,
    )
    domain = domain_of(
        tmp_path, {"clash": "-- mode: execute\nselect clash()", **FILES}, {}, {"clash": int | None}
    )
    async with open_shop(own_shop_url, domain) as shop:
        assert await shop.data("mutation { clash }") == {"clash": 1}
    assert await value(own_shop_url, "select last_value from tries") == 3


@pytest.mark.parametrize(
    ("queries", "mutations", "names"),
    [
        ({"discount": int | None}, {}, "field of Query"),
        ({"enlarge": list[Toy] | None}, {}, "field of Query"),
        ({}, {"price": float | None}, "field of Mutation"),
    ],
)
def test_queries_read_and_mutations_write(
    tmp_path: Path, queries: dict[str, object], mutations: dict[str, object], names: str
) -> None:
    """A file that writes is refused as a query, one that reads as a mutation."""
    domain = domain_of(tmp_path, FILES, queries, mutations)
    with pytest.raises(ConfigurationError, match=names):
        Shop("postgresql://127.0.0.1:1/none", domain)
