"""Mistakes in named SQL come to light when the gateway starts, with file, line and column."""

from __future__ import annotations

import logging
import re
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from named.named_shop import TABLES, Odd, Shelf, Shop, Toy, domain_of, execute, open_shop

from gateway import Row, Rows
from gateway.composition import Gateway
from gateway.errors import ConfigurationError
from gateway.settings import load

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import FreshDatabase

ROWS = "-- mode: fetch\n-- returns: R\n-- column a: int4\n"


def one(sql: str) -> str:
    """A file that gives one number."""
    return "-- mode: fetchval\n-- returns: int4\n" + sql


def rows(sql: str) -> str:
    """A file that gives rows of one number."""
    return ROWS + sql


def some_toys(sql: str) -> str:
    """A file that gives toys."""
    return "-- mode: fetch\n-- returns: Toy\n" + sql


@pytest.mark.parametrize(
    ("text", "annotation", "complaint"),
    [
        (
            one("select price\nfrom toyz"),
            int,
            'q.sql:4:6: relation "toyz" does not exist (42P01)',
        ),
        (one("select prise from toys"), int, 'q.sql:3:8: column "prise" does not exist (42703)'),
        (one("select 1 form toys"), int, 'q.sql:3:15: syntax error at or near "toys" (42601)'),
        (one("select f(1)"), int, "q.sql:3:8: function f(integer) does not exist (42883)"),
        (one("select 1::int8"), int, "q.sql: column int8 is int8, but int4 is declared"),
        (one("select 1, 2"), int, "q.sql: fetchval needs a statement of one column"),
        (one("select from toys"), int, "this one has 0"),
        (
            "-- mode: fetchval\n-- param x: int4\n-- returns: int4\nselect 1 where 'a'::bytea = :x",
            int,
            "q.sql:4:27: operator does not exist: bytea = integer (42883)",
        ),
        (
            "-- mode: fetchval\n-- param x: int4\n-- returns: int4\nselect :x + :x + y",
            int,
            'q.sql:4:18: column "y" does not exist (42703)',
        ),
        (
            "-- mode: fetchval\n-- param x: int4 = nothing()\n-- returns: int4\nselect 1 + :x",
            int,
            "q.sql:4:12: function nothing() does not exist (42883)",
        ),
        (
            "-- mode: fetchval\n-- param é: int4\n".replace("é", "e")
            + "-- returns: int4\nselect 'ü日🌞', :e, nix",
            int,
            'q.sql:4:19: column "nix" does not exist (42703)',
        ),
        (
            rows("select 1 as b, 2 as c"),
            Rows,
            "q.sql: the statement gives no column a; it has b, c.",
        ),
        (rows("select 1 as a, 2 as a"), Rows, "q.sql: the statement gives 2 columns a."),
        (rows("select 'x' as a"), Rows, "q.sql: column a is text, but int4 is declared"),
        (rows("select array[1] as a"), Rows, "q.sql: column a is int4[], but int4 is declared"),
        (rows("delete from toys returning 1 as a"), Rows, "syntax error"),
        (
            rows("with d as (delete from toys returning 1 as a) select a from d"),
            Rows,
            "must be at the top level (0A000)",
        ),
        (some_toys("select name from toys"), list[Toy], "q.sql: the statement gives no column id"),
        (
            some_toys("select name as id from toys"),
            list[Toy],
            "operator does not exist: bigint = text",
        ),
    ],
)
async def test_what_the_database_does_not_take(
    shop_url: str, tmp_path: Path, text: str, annotation: Any, complaint: str
) -> None:
    """One line for the mistake: file, line and column in the file, and what PostgreSQL says."""
    async with open_shop(
        shop_url, domain_of(tmp_path, {"q": text}, {"q": annotation | None})
    ) as shop:
        (line,) = await shop.verify()
    assert re.search(rf"^shop_\d+/sql/.*{re.escape(complaint)}", line), line
    assert str(tmp_path) not in line


async def test_types_as_good_as_the_declared(shop_url: str, tmp_path: Path) -> None:
    """Narrower numbers and other texts need no cast."""
    columns = {"a": "int4", "b": "float8", "c": "text", "d": "text", "e": "text[]"}
    declared = "".join(f"-- column {name}: {type_}\n" for name, type_ in columns.items())
    text = (
        f"-- mode: fetchrow\n-- returns: R\n{declared}"
        "select 1::int2 as a, 1::float4 as b, 'c'::varchar as c, 'd'::name as d,\n"
        "array['e']::varchar[] as e"
    )
    domain = domain_of(tmp_path, {"q": text}, {"q": Row | None})
    async with open_shop(shop_url, domain) as shop:
        assert await shop.verify() == []
        assert await shop.data("{ q { a b c d e } }") == {
            "q": {"a": 1, "b": 1, "c": "c", "d": "d", "e": ["e"]}
        }


async def test_all_mistakes_at_once(shop_url: str, tmp_path: Path) -> None:
    """Every statement is checked, whatever is wrong with the others."""
    files = {name: one(f"select {name}") for name in ("a", "b")} | {"c": one("select 1")}
    domain = domain_of(tmp_path, files, dict.fromkeys(files, int | None))
    async with open_shop(shop_url, domain) as shop:
        lines = await shop.verify()
    assert [line.partition(":")[0].rpartition("/")[2] for line in lines] == ["a.sql", "b.sql"]


async def test_mutations_are_not_run(own_shop_url: str, tmp_path: Path) -> None:
    """To check a statement is to prepare it: nothing is deleted, and mistakes are found."""
    files = {"a": "-- mode: execute\ndelete from toys", "b": "-- mode: execute\ndelete from toyz"}
    domain = domain_of(tmp_path, files, {}, dict.fromkeys(files, int | None))
    async with open_shop(own_shop_url, domain) as shop:
        (line,) = await shop.verify()
        assert 'b.sql:2:13: relation "toyz" does not exist' in line
        assert await shop.data("mutation { a }") == {"a": 6}


async def test_a_gateway_with_a_mistake_does_not_start(
    shop_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Start-up fails with a configuration error that says all this."""
    domain = domain_of(tmp_path, {"q": one("select prise from toys")}, {"q": int | None})
    monkeypatch.setattr("gateway.composition.load_domain", lambda _: domain)
    gateway = Gateway(load(environ={"POSTGRES_URL": shop_url, "REDIS_URL": "redis://127.0.0.1:1"}))
    try:
        with pytest.raises(ConfigurationError, match=r'q.sql:3:8: column "prise" does not exist'):
            await gateway.open()
    finally:
        await gateway.close()


async def test_a_database_that_comes_later(
    fresh_database: FreshDatabase, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What start-up could not check is checked at its first use; the operator is told why."""
    files = {
        "good": one("select count(*)::int4 from toys"),
        "bad": one("select prise from toys"),
        "late": "-- mode: execute\ndelete from toyz",
    }
    domain = domain_of(
        tmp_path, files, {"good": int | None, "bad": int | None}, {"late": int | None}
    )
    url = await fresh_database()
    async with open_shop(url, domain) as shop:
        await execute(url, TABLES)
        with caplog.at_level(logging.ERROR, "gateway.sources.postgres.named"):
            body = await shop.ask("{ good bad again: bad }")
            late = await shop.ask("mutation { late }")
    assert body["data"] == {"good": 6, "bad": None, "again": None}
    assert late["data"] == {"late": None}
    for error in [*body["errors"], *late["errors"]]:
        assert error["extensions"]["code"] == "CONFIGURATION"
        assert error["message"] == "The SQL of this field does not fit the database."
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert 'bad.sql:3:8: column "prise" does not exist' in said[0]
    assert 'late.sql:2:13: relation "toyz" does not exist' in said[1]


async def test_a_database_that_is_down(tmp_path: Path) -> None:
    """Nothing is wrong with a statement because nobody is there to take it."""
    domain = domain_of(tmp_path, {"q": one("select 1")}, {"q": int | None})
    async with open_shop("postgresql://nobody@127.0.0.1:1/none", domain) as shop:
        body = await shop.ask("{ q }")
    assert body["data"] == {"q": None}
    assert body["errors"][0]["extensions"]["code"] == "SOURCE_UNAVAILABLE"


@pytest.mark.parametrize(
    ("text", "annotation", "complaint"),
    [
        (one("select :x"), int | None, r"q.sql:3: parameter :x is not declared"),
        (one("select $1"), int | None, r"q.sql:3: parameter \$1 is not declared"),
        (one("select $" + "9" * 5000), int | None, "is not declared"),
        ("-- mode: execute\n-- param x: int4\nselect 1", None, "q.sql:2: .* x is never used"),
        (
            (
                "-- mode: fetchval\n-- param x: int4\n-- param y: int4\n-- returns: int4\n\n"
                "select :x\n + $2"
            ),
            int | None,
            "q.sql:7: use parameters by name or by number",
        ),
        ("-- mode: fetchval\n-- returns: money\nselect 1", int | None, "`money` is not known here"),
        ("-- mode: fetchval\n-- returns: date as ID\nselect 1", int | None, "date cannot be an ID"),
        (one("select 1"), str | None, "gives `int | None`"),
        (one("select 1"), int, "annotate it `… | None`"),
        (rows("select 1 as a"), Row | None, "gives `Rows | None`"),
        (rows("select 1 as a"), list[Toy] | None, "gives `Rows | None`"),
        (some_toys("select 1 as id"), Toy | None, r"gives `list\[.*Toy\] | None`"),
        (some_toys("select 1 as id"), list[Shelf] | None, r"gives `list\[.*Toy\] | None`"),
        (
            "-- mode: fetch\n-- returns: Ghost\nselect 1",
            Rows | None,
            "`returns: Ghost` is no entity",
        ),
        (ROWS.replace(" R", " r") + "select 1 as a", Rows | None, "a name like a type"),
        (
            "-- mode: fetchval\n-- param m: text = viewer.mother\n-- returns: int4\nselect :m",
            int | None,
            "of the viewer there are",
        ),
        (
            "-- mode: fetchval\n-- param m: int4 = viewer.subject\n-- returns: int4\nselect :m",
            int | None,
            "viewer.subject is text",
        ),
        (
            "-- mode: fetchval\n-- param m: int4 = 3000000000\n-- returns: int4\nselect :m",
            int | None,
            "the default does not fit",
        ),
        (
            (
                "-- mode: fetchval\n-- param a_1: int4\n-- param a1: int4\n-- returns: int4\n"
                "select :a_1 + :a1"
            ),
            int | None,
            "the same name in GraphQL",
        ),
    ],
    ids=str,
)
def test_what_a_domain_is_refused_for(
    tmp_path: Path, text: str, annotation: Any, complaint: str
) -> None:
    """Files that do not fit their field are refused when the schema is built, by file and line."""
    roots = [{}, {"q": int | None}] if annotation is None else [{"q": annotation}, {}]
    domain = domain_of(tmp_path, {"q": text}, *roots)
    with pytest.raises(ConfigurationError, match=complaint):
        Shop("postgresql://127.0.0.1:1/none", domain)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """The field and the file are named."""
    domain = domain_of(tmp_path, {}, {"q": int | None})
    with pytest.raises(ConfigurationError, match=r"Queries.q: there is no file shop_\d+/sql/q.sql"):
        Shop("postgresql://127.0.0.1:1/none", domain)


def test_entities_of_another_source(tmp_path: Path) -> None:
    """The rows of an entity are read where its table is, so the statement must run there."""
    files = {"q": some_toys("select 1::int8 as id")}
    domain = domain_of(tmp_path, files, {"q": list[Toy] | None}, source="archive")
    with pytest.raises(ConfigurationError, match=r"Queries.q: Toy is not in source 'archive'"):
        Shop("postgresql://127.0.0.1:1/none", domain)


def test_files_that_share_a_type(tmp_path: Path) -> None:
    """Two files may give the same type when they declare the same columns, else not."""
    files = {"a": rows("select 1 as a"), "b": rows("select 2 as a")}
    fields = dict.fromkeys(files, Rows | None)
    shop = Shop("postgresql://127.0.0.1:1/none", domain_of(tmp_path, files, fields))
    assert str(shop.api.catalog.schema.query_type.fields["b"].type) == "[R!]"
    files["b"] = ROWS.replace("int4", "text") + "select 'b' as a"
    with pytest.raises(ConfigurationError, match="another file declares R"):
        Shop("postgresql://127.0.0.1:1/none", domain_of(tmp_path, files, fields))


def test_entities_bear_none(tmp_path: Path) -> None:
    """Named SQL is for root fields: a field of an entity would be asked once for every row."""
    domain = domain_of(tmp_path, {"q": one("select 1")}, {"q": int | None})
    domain = replace(domain, entities=[*domain.entities, Odd])
    with pytest.raises(ConfigurationError, match=r"named_sql\(\) has no meaning on an entity"):
        Shop("postgresql://127.0.0.1:1/none", domain)


def test_a_file_of_a_package_is_named_with_its_folder(tmp_path: Path) -> None:
    """Where root fields stand in the domain's `__init__.py` the path is the file's own."""
    domain = domain_of(tmp_path, {}, {"q": int | None})
    module = sys.modules[domain.queries[0].__module__]
    module.__path__ = [str(tmp_path)]
    with pytest.raises(ConfigurationError, match=r"there is no file shop_\d+/api/sql/q.sql"):
        Shop("postgresql://127.0.0.1:1/none", domain)
