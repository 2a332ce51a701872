"""What may be written: which columns and children inputs have, and what start-up refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from strawberry import ID
from writes import ledger, shop

from gateway import (
    Connection,
    Domain,
    by_key,
    column,
    entity,
    has_many,
    insert,
    mutations,
    queries,
    update,
    upsert,
)
from gateway.errors import ConfigurationError, InputError
from gateway.schema.build import build
from gateway.schema.writes.insertable import insertable, required, writable
from gateway.schema.writes.written import MAX_DEPTH, MAX_ROWS, Rows, read_changes

if TYPE_CHECKING:
    from graphql import GraphQLInputObjectType

    from gateway.schema.build import Api
    from gateway.schema.catalog import EntityInfo


@pytest.fixture(scope="module")
def api() -> Api:
    """The shop's schema and catalog."""
    return build(shop.domain)


def fields(api: Api, name: str) -> dict[str, str]:
    """An input type's fields and their types."""
    found: GraphQLInputObjectType = api.catalog.schema.type_map[name]  # type: ignore[assignment]  # an input
    return {member: str(field.type) for member, field in found.fields.items()}


def test_inputs_of_an_insert(api: Api) -> None:
    """Required is what has no default; computed columns are missing; children are optional."""
    assert fields(api, "ShelfInsert") == {
        "id": "ID",
        "code": "String",
        "label": "String",
        "rank": "Int",
        "version": "Int",
        "boxes": "[BoxInsert!]",
        "plate": "PlateInsert",
        "tags": "[TagInsert!]",
    }
    assert fields(api, "TagInsert")["word"] == "String!"
    assert fields(api, "PriceInsert")["country"] == "ID!"


def test_inputs_of_an_update(api: Api) -> None:
    """Everything is optional, and there are no children."""
    assert fields(api, "BoxPatch") == {
        "id": "ID",
        "place": "Int",
        "name": "String",
        "shelfId": "ID",
    }


def test_foreign_keys_can_be_written(api: Api) -> None:
    """A relation that is shown brings its columns, optional as a parent may give them."""
    assert fields(api, "BoxInsert")["shelfId"] == "ID"
    assert {"country", "day"} <= set(fields(api, "OfferInsert"))


def test_rows_to_refer_to(api: Api) -> None:
    """Where a field of their own inserts them; not those that a Python permission guards."""
    assert fields(api, "BoxInsert")["shelf"] == "ShelfInsert"
    assert fields(api, "OfferInsert")["price"] == "PriceInsert"
    assert api.catalog.inserts["Shelf"] == "insertShelf"
    assert "Rating" not in api.catalog.inserts
    lonely = build(domain_of(insert(permission_classes=[shop.ClerksOnly])))
    assert lonely.catalog.inserts == {}


def test_what_needs_a_permission_is_not_written(api: Api) -> None:
    """Neither by its own name nor by that of a field that guards the same column."""
    assert "guarded" not in fields(api, "SampleInsert")
    assert "label" in fields(api, "SampleInsert")
    assert "guarded" not in fields(api, "SamplePatch")


class Alone:
    """Tables of a test's own."""

    metadata = sa.MetaData()
    plain = sa.Table(
        "plain",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("other", sa.Text),
        sa.Column("pair", sa.Text),
        sa.Column("half", sa.Text, nullable=False),
        sa.UniqueConstraint("other", "pair"),
    )
    children = sa.Table(
        "children",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("plain_id", sa.Integer, sa.ForeignKey("plain.id")),
        sa.Column("secret", sa.Integer, nullable=False),
    )
    sa.Index("partial", plain.c.half, unique=True, postgresql_where=plain.c.id > 5)
    sa.Index("of_an_expression", sa.func.lower(plain.c.half), unique=True)
    sa.Index("whole", plain.c.pair, unique=True)


@entity(Alone.children)
class Child:
    """Has a column nobody may read without permission."""

    id: int
    secret: int = column(permission_classes=[shop.ClerksOnly])


@entity(Alone.plain)
class Plain:
    """An entity of a test's own."""

    id: int
    other: str | None
    pair: str | None
    half: str
    children: Connection[Child] = has_many("plain_id")
    guarded: Connection[Child] = has_many("plain_id", permission_classes=[shop.ClerksOnly])


@queries
class PlainQueries:
    """Reading it."""

    plain: Plain | None = by_key()


def domain_of(field: Any) -> Domain:
    """A domain with one mutation."""
    made = type("Writing", (), {"__annotations__": {"write": Plain | None}, "write": field})
    made.__module__ = __name__
    return Domain(entities=[Plain, Child], queries=[PlainQueries], mutations=[mutations(made)])


@pytest.mark.parametrize("columns", [("id",), ("other", "pair"), ("pair", "other"), ("pair",)])
def test_upserts_by_a_unique_key(columns: tuple[str, ...]) -> None:
    """A primary key, a unique constraint in any order, or a unique index will do."""
    build(domain_of(upsert(*columns)))


@pytest.mark.parametrize("columns", [("half",), ("other",), ("id", "pair"), ("nothing",)])
def test_upserts_by_what_is_not_unique(columns: tuple[str, ...]) -> None:
    """They are refused at start-up, by name; a partial index is no unique key of the table."""
    with pytest.raises(ConfigurationError, match=r"Writing\.write.*not a unique key"):
        build(domain_of(insert(ignore=columns)))
    with pytest.raises(ConfigurationError, match=r"Writing\.write.*not a unique key"):
        build(domain_of(upsert(*columns)))


@pytest.mark.parametrize("column", ["nothing", "other"])
def test_versions_are_counted_in_an_integer_column(column: str) -> None:
    """What is no column, or holds no integers, is refused at start-up by name."""
    build(domain_of(update(version="id")))
    with pytest.raises(ConfigurationError, match=rf"Writing\.write: version='{column}'"):
        build(domain_of(update(version=column)))


def plain() -> EntityInfo:
    """The entity of this module's own."""
    return build(domain_of(insert())).catalog.entities["Plain"]


def test_a_key_the_database_counts_is_not_required() -> None:
    """A lone integer key counts by itself, unless its column says otherwise."""
    found = build(domain_of(insert())).catalog.entities
    assert not required(writable(found["Plain"])["id"].column)
    assert required(writable(found["Child"])["id"].column)


def test_children_under_a_permission_are_not_inserted() -> None:
    """Who may not see a relation may not fill it either."""
    assert set(insertable(plain(), {}, ()).children) == {"children"}


def test_a_table_between_that_asks_for_more(api: Api) -> None:
    """Its rows cannot be made of two keys alone, so its relation offers no rows to insert."""
    assert set(insertable(api.catalog.entities["Shelf"], {}, ()).children) == {
        "boxes",
        "plate",
        "tags",
    }
    assert "boxes" not in fields(api, "TagInsert")
    assert "ratings" in fields(api, "TagInsert")


def test_bounds_of_rows(api: Api) -> None:
    """Rows and levels are counted over the whole field."""
    shelf = api.catalog.entities["Shelf"]
    rows = Rows(api.catalog)
    rows.count = MAX_ROWS - 1
    rows.read(shelf, {}, "inputs")
    with pytest.raises(InputError, match=str(MAX_ROWS)):
        rows.read(shelf, {}, "inputs")
    with pytest.raises(InputError, match="levels"):
        Rows(api.catalog).read(shelf, {}, "input", depth=MAX_DEPTH + 1)


def test_null_and_absent_in_a_patch(api: Api) -> None:
    """Null is kept, absence is absence, and a column that may not be null says so."""
    shelf = api.catalog.entities["Shelf"]
    given = {"set": {"label": None, "rank": 3}, "inc": {"version": 2}}
    assert read_changes(shelf, given) == (
        {"label": None, "rank": 3, "version": 2},
        {"version": "inc"},
    )
    with pytest.raises(InputError, match=r"set\.rank"):
        read_changes(shelf, {"set": {"rank": None}})
    with pytest.raises(InputError, match="`set` is empty"):
        read_changes(shelf, {"set": {}})


def test_what_columns_may_be_joined_to(api: Api) -> None:
    """Numbers are counted, lists and JSONB joined; keys, references and plain JSON are only set."""
    assert fields(api, "ShelfInc") == {"rank": "Int", "version": "Int"}
    assert fields(api, "BoxInc") == {"place": "Int"}
    assert set(fields(api, "SampleInc")) == {
        "small", "tiny", "big", "ratio", "single", "exact", "money",
    }  # fmt: skip
    lists = {
        "gaps",
        "bigGaps",
        "sizeGaps",
        "spanGaps",
        "words",
        "numbers",
        "bigs",
        "exacts",
        "refs",
        "sizes",
        "ratios",
        "moments",
    }
    assert set(fields(api, "SampleAppend")) == lists | {"spans", "blobs", "doc"}
    assert fields(api, "SampleDeleteAt") == {"doc": "[String!]"}
    assert "TagInc" not in api.catalog.schema.type_map
    update: Any = api.catalog.schema.mutation_type
    assert str(update.fields["updateSealedBox"].args["set"].type) == "SealedBoxPatch!"
    assert str(update.fields["updateShelf"].args["set"].type) == "ShelfPatch"


def test_a_rule_does_not_change_what_may_be_written() -> None:
    """Columns a rule reads are written like any other: the rule judges the row."""
    found = build(ledger.domain).catalog.entities["Note"]
    assert {"owner", "state", "shared", "folderId", "parentId"} <= set(writable(found))
    assert found.key[0].kind.annotation is ID
