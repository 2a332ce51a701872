"""Every type a header may name, as a parameter, a column and a value; defaults."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from named.named_shop import Size, domain_of, open_shop
from strawberry import ID
from strawberry.scalars import JSON

from gateway import BigInt, Bytes, Duration, Row

if TYPE_CHECKING:
    from pathlib import Path

KINDS: list[tuple[str, Any, Any]] = [
    ("bool", bool, True),
    ("int4", int, -7),
    ("int8", BigInt, "9007199254740993"),
    ("int8 as ID", ID, "9007199254740993"),
    ("float8", float, 0.1),
    ("numeric", Decimal, "1.50"),
    ("text", str, "it's"),
    ("text as ID", ID, "x:1"),
    ("uuid", UUID, "11111111-1111-4111-8111-111111111111"),
    ("uuid as ID", ID, "11111111-1111-4111-8111-111111111111"),
    ("date", dt.date, "2025-03-01"),
    ("time", dt.time, "12:30:15.25"),
    ("timestamp", dt.datetime, "2025-03-01T12:30:15.25"),
    ("timestamptz", dt.datetime, "2025-03-01T12:30:15.25+00:00"),
    ("interval", Duration, "P1DT2H"),
    ("bytea", Bytes, "AP8="),
    ("jsonb", JSON, {"a": [1, None, "'"]}),
    ("json", JSON, {"a": [1, None, "'"]}),
    ("toy_size", Size, "BIG"),
    ("text[]", list[str], ["a", "it's", ""]),
    ("text?[]", list[str | None], ["a", None, ""]),
    ("toy_size?[]", list[Size | None], [None, "BIG"]),
    ("int8?[] as ID", list[ID | None], ["9007199254740993", None]),
    ("int4[]", list[int], [1, -2]),
    ("int8[] as ID", list[ID], ["1", "9007199254740993"]),
    ("toy_size[]", list[Size], ["BIG", "SMALL"]),
    ("timestamptz[]", list[dt.datetime], ["2025-03-01T12:30:15.25+00:00"]),
]


async def test_every_type_there_and_back(shop_url: str, tmp_path: Path) -> None:
    """Each type is taken as an argument and written as JSON, alone and as a column; null, too."""
    files: dict[str, str] = {}
    queries: dict[str, Any] = {}
    for number, (type_, annotation, _) in enumerate(KINDS):
        files[f"v{number}"] = (
            f"-- mode: fetchval\n-- param x: {type_}?\n-- returns: {type_}\nselect :x"
        )
        files[f"c{number}"] = (
            f"-- mode: fetchrow\n-- param x: {type_}?\n-- returns: C{number}\n"
            f"-- column x: {type_}?\nselect :x as x"
        )
        queries |= {f"v{number}": annotation | None, f"c{number}": Row | None}
    async with open_shop(shop_url, domain_of(tmp_path, files, queries)) as shop:
        assert await shop.verify() == []
        arguments = shop.api.catalog.schema.query_type.fields
        for number, (type_, _, value) in enumerate(KINDS):
            graphql = arguments[f"v{number}"].args["x"].type
            document = f"query ($x: {graphql}) {{ v{number}(x: $x) c{number}(x: $x) {{ x }} }}"
            data = await shop.data(document, {"x": value})
            assert data == {f"v{number}": value, f"c{number}": {"x": value}}, type_
            nothing = await shop.data(document, {"x": None})
            assert nothing == {f"v{number}": None, f"c{number}": {"x": None}}, type_


async def test_defaults(shop_url: str, tmp_path: Path) -> None:
    """A literal is the schema's default; an expression is computed by the database."""
    literals = {
        "a": ("int4", "-3", int, -3),
        "b": ("float8", "0.5", float, 0.5),
        "c": ("text", "'it''s'", str, "it's"),
        "d": ("bool", "true", bool, True),
        "e": ("toy_size", "'big'", Size, "BIG"),
        "f": ("date", "'2025-01-01'", dt.date, "2025-01-01"),
        "g": ("text", "upper('a') || (array['b'])[1]", str, "Ab"),
        "h": ("int4", "null", int, None),
        "i": ("text", "E'\\'' -- a quote", str, "'"),
    }
    files = {
        name: f"-- mode: fetchval\n-- param x: {type_} = {default}\n-- returns: {type_}\nselect :x"
        for name, (type_, default, _, _) in literals.items()
    }
    queries = {name: annotation | None for name, (_, _, annotation, _) in literals.items()}
    async with open_shop(shop_url, domain_of(tmp_path, files, queries)) as shop:
        assert await shop.verify() == []
        data = await shop.data("{ a b c d e f g h i }")
        assert data == {name: value for name, (_, _, _, value) in literals.items()}
        fields = shop.api.catalog.schema.query_type.fields
        assert str(fields["a"].args["x"].type) == "Int!"
        assert str(fields["e"].args["x"].type) == "Size"
        assert "'2025-01-01'" in fields["f"].args["x"].description
