"""A toy shop, and domains made of `.sql` files written for one test."""

from __future__ import annotations

import asyncio
import itertools
import sys
import types
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import asyncpg
import sqlalchemy as sa
from asking import Asking, built, engine_over
from strawberry import ID  # noqa: TC002 - Strawberry reads annotations at run time

from gateway import Connection, Domain, belongs_to, entity, field, has_many, named_sql
from gateway import mutations as mutations_of
from gateway import queries as queries_of
from gateway.planning.registry import Registry
from gateway.sources.contract import Budget
from gateway.sources.postgres.source import PostgresSource

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

SECONDS = 30.0
_numbers = itertools.count(1)


class Size(StrEnum):
    """How big a toy is."""

    SMALL = "small"
    BIG = "big"


metadata = sa.MetaData()
size = sa.Enum(Size, name="toy_size", values_callable=lambda enum: [one.value for one in enum])
makers = sa.Table(
    "makers",
    metadata,
    sa.Column("code", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
)
toys = sa.Table(
    "toys",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("maker", sa.Text, sa.ForeignKey("makers.code")),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("price", sa.Double),
    sa.Column("size", size, nullable=False),
    sa.Column("owner", sa.Text),
)
shelves = sa.Table(
    "shelves",
    metadata,
    sa.Column("aisle", sa.Integer, primary_key=True),
    sa.Column("board", sa.Text, primary_key=True),
    sa.Column("note", sa.Text),
)

TABLES = """
create type toy_size as enum ('small', 'big');
create table makers (code text primary key, name text not null);
create table toys (
    id bigint primary key, maker text references makers, name text not null, price float8,
    size toy_size not null, owner text, check (price >= 0)
);
create table shelves (aisle int, board text, note text, primary key (aisle, board));
insert into makers values ('w', 'Woodwork'), ('t', 'Tin & Sons');
insert into toys values
    (1, 'w', 'duck', 4.5, 'small', null), (2, 'w', 'train', 30, 'big', null),
    (3, 't', 'robot', null, 'big', null), (4, 't', E'it''s "new"', 1, 'small', null),
    (5, null, 'ann''s bear', 9, 'small', 'ann'), (6, 't', 'bob''s car', 9, 'small', 'bob');
insert into shelves values (1, 'a', 'front'), (1, 'b', null), (2, 'a', 'back');
"""


@entity(makers, key="code")
class Maker:
    """Who makes toys."""

    code: ID
    name: str
    toys: Connection[Toy] = has_many("maker")


@entity(toys, rule=lambda row, viewer: sa.or_(row.owner.is_(None), row.owner == viewer.subject))
class Toy:
    """A toy; what somebody owns nobody else sees."""

    id: ID
    name: str
    price: float | None
    size: Size
    made_by: Maker | None = belongs_to("maker")

    @field(needs=("name", "size"))
    def label(self) -> str:
        return f"{self.name}, {self.size.value}"


@entity(shelves, key=("aisle", "board"))
class Shelf:
    """A place for toys."""

    aisle: int
    board: str
    note: str | None


@entity(makers, key="code")
class Odd:
    """An entity with a field that it cannot have."""

    code: ID
    total: int | None = named_sql("q.sql")


def domain_of(
    folder: Path,
    files: Mapping[str, str],
    queries: Mapping[str, Any],
    mutations: Mapping[str, Any] | None = None,
    **options: Any,
) -> Domain:
    """A domain whose module lies in `folder`: a field `x` is `sql/x.sql`, annotated as given."""
    (folder / "sql").mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / "sql" / f"{name}.sql").write_text(text, "utf-8")
    module = types.ModuleType(f"shop_{next(_numbers)}.api")
    module.__file__ = str(folder / "api.py")
    sys.modules[module.__name__] = module

    def root(name: str, fields: Mapping[str, Any]) -> type:
        body = {field: named_sql(f"{field}.sql", **options) for field in fields}
        annotations = dict(fields)
        return type(
            name, (), {**body, "__annotations__": annotations, "__module__": module.__name__}
        )

    return Domain(
        entities=[Maker, Toy, Shelf],
        queries=[queries_of(root("Queries", queries))],
        mutations=[mutations_of(root("Mutations", mutations))] if mutations else [],
    )


class Shop(Asking):
    """A running engine over the shop's database."""

    seconds = SECONDS

    def __init__(self, url: str, domain: Domain) -> None:
        self.api = built(domain)
        self.source = PostgresSource("postgres", url, self.api.catalog, concurrency=3)
        registry = Registry({"default": self.source}, {}, {})
        self.engine, self.groups = engine_over(self.api, {"postgres": self.source}, registry)

    async def verify(self) -> list[str]:
        """What start-up would complain of."""
        deadline = asyncio.get_running_loop().time() + SECONDS
        return await self.source.verify("default", Budget(deadline))

    def plan(self, document: str) -> list[dict[str, Any]]:
        """What the first wave of a document asks of the database."""
        wave: list[dict[str, Any]] = self.engine.explain(document)["waves"][0]
        return wave

    async def close(self) -> None:
        """Let go of the database."""
        await self.groups["postgres"].close()
        await self.source.close()


async def execute(url: str, script: str) -> None:
    """Run statements of a test's own."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(script, timeout=SECONDS)
    finally:
        await connection.close()


async def value(url: str, query: str) -> Any:
    """One value, read past the gateway."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query, timeout=SECONDS)
    finally:
        await connection.close()


@asynccontextmanager
async def open_shop(url: str, domain: Domain) -> AsyncIterator[Shop]:
    """A shop that is closed at the end."""
    shop = Shop(url, domain)
    try:
        yield shop
    finally:
        await shop.close()
