"""Values at the ends of their types, and beyond what GraphQL has names for."""

# ruff: noqa: S608 - the SQL is made of this file's own constants

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from writes.stand import code_of

from gateway.sources.postgres.reads.scalars import write

if TYPE_CHECKING:
    from writes.stand import Stand

FOUND = "query ($where: SampleWhere) { samples(where: $where) { nodes { id day moment local } } }"
LAST = {
    "day": "9999-12-31",
    "moment": "9999-12-31T23:59:59.999999+00:00",
    "local": "9999-12-31T23:59:59.999999",
}
FIRST = {"day": "0001-01-01", "moment": "0001-01-01T00:00:00Z", "local": "0001-01-01T00:00:00"}
ODD = ("infinity", "-infinity", "10000-01-01", "0044-03-15 BC", "5000000-06-01")


@pytest.mark.parametrize("end", [LAST, FIRST])
@pytest.mark.parametrize("name", ["day", "moment", "local"])
async def test_the_ends_of_time_are_no_infinity(
    stand: Stand, end: dict[str, str], name: str
) -> None:
    """Python's first and last days are found, written and shown as what they are."""
    for value in ("infinity", "-infinity"):
        await stand.connection.execute(f"INSERT INTO samples ({name}) VALUES ('{value}')")
    made = await stand.data(
        f"mutation ($new: SampleInsert!) {{ insertSample(input: $new) {{ id {name} }} }}",
        {"new": {name: end[name]}},
    )
    assert made["insertSample"]["id"] == 3
    assert await stand.value(f"SELECT isfinite({name}) FROM samples WHERE id = 3")
    found = await stand.data(FOUND, {"where": {name: {"eq": end[name]}}})
    (row,) = found["samples"]["nodes"]
    assert row["id"] == 3
    assert row[name] == made["insertSample"][name]
    assert row[name].startswith(end[name][:10])


@pytest.mark.parametrize("value", ODD)
async def test_a_time_without_a_name_is_null_where_it_may_be(stand: Stand, value: str) -> None:
    """The rest of the answer is whole, its order and its pages as well."""
    await stand.connection.execute(
        "INSERT INTO samples (day, moment, local, moments) VALUES"
        f" ('{value}', '{value}', '{value}', '{{2026-01-01, {value}}}'), ('2026-01-01', NULL, NULL, NULL)"
        if "5000000" not in value
        else f"INSERT INTO samples (day) VALUES ('{value}'), ('2026-01-01')"
    )
    data = await stand.data(
        "{ samples(orderBy: [{day: ASC}]) { totalCount edges { cursor"
        " node { id day moment local moments } } } }"
    )
    shown = {edge["node"]["id"]: edge["node"] for edge in data["samples"]["edges"]}
    assert shown[1] == {"id": 1, "day": None, "moment": None, "local": None, "moments": None}
    assert shown[2]["day"] == "2026-01-01"
    for column in ("day",) if "5000000" in value else ("day", "moment", "local"):
        await check_pages(stand, column)


@pytest.mark.parametrize(
    ("column", "value"), [("hour", "24:00"), ("span", "infinity"), ("span", "-infinity")]
)
async def test_an_hour_or_a_span_without_a_name_ends_a_page(
    stand: Stand, column: str, value: str
) -> None:
    """The next one goes on behind it."""
    common = {"hour": "12:00", "span": "14 months"}[column]
    await stand.connection.execute(
        f"INSERT INTO samples ({column}) VALUES ('{value}'), ('{common}'), (NULL), ('{value}')"
    )
    await check_pages(stand, column)


SHOWN = [
    ("exact", "NaN"),
    ("exact", "Infinity"),
    ("exact", "-Infinity"),
    ("exact", f"1{'0' * 3_000}.5"),
    ("exact", f"0.{'0' * 3_000}5"),
    ("hour", "24:00:00"),
]


@pytest.mark.parametrize(("column", "value"), SHOWN, ids=lambda given: given[:12])
async def test_what_was_shown_can_be_asked_for_and_written(
    stand: Stand, column: str, value: str
) -> None:
    """As a condition, by every sort of write, in a list, to a resolver, and at the end of a page."""
    common = {"exact": "1.5", "hour": "12:00"}[column]
    await stand.connection.execute(
        f"INSERT INTO samples ({column}) VALUES ('{value}'), ('{common}'), (NULL)"
    )
    data = await stand.data(f"{{ sample(id: 1) {{ shown: {column} {column}Again }} }}")
    shown = data["sample"]["shown"]
    assert (shown, data["sample"][f"{column}Again"]) == (value, value)
    query = "query ($where: SampleWhere) { samples(where: $where) { nodes { id } } }"
    for where, ids in (
        ({"eq": shown}, [1]),
        ({"ne": shown}, [2]),
        ({"in": [shown, common]}, [1, 2]),
        ({"notIn": [shown]}, [2]),
        ({"gte": shown, "lte": shown}, [1]),
    ):
        data = await stand.data(query, {"where": {column: where}})
        assert [row["id"] for row in data["samples"]["nodes"]] == ids, where
    document = f'{{ samples(where: {{{column}: {{eq: "{shown}"}}}}) {{ nodes {{ id }} }} }}'
    assert (await stand.data(document))["samples"]["nodes"] == [{"id": 1}]
    for change in (
        f"insertSample(input: {{{column}: $value}}) {{ {column} }}",
        f"updateSample(id: 2, set: {{{column}: $value}}) {{ {column} }}",
        f"updateEachSample(updates: [{{id: 3, set: {{{column}: $value}}}}]) {{ {column} }}",
    ):
        kind = {"exact": "Decimal", "hour": "Time"}[column]
        found = await stand.data(f"mutation ($value: {kind}) {{ at: {change} }}", {"value": shown})
        assert found["at"] in ({column: value}, [{column: value}])
    stored = await stand.rows(f"SELECT DISTINCT {column}::text FROM samples")
    assert stored == [(value,)]
    await stand.connection.execute(f"UPDATE samples SET {column} = '{common}' WHERE id = 2")
    await check_pages(stand, column)


async def test_numbers_beside_numbers_in_lists(stand: Stand) -> None:
    """They are written, shown and found there, too."""
    given = ["NaN", "1.5", "-Infinity"]
    new = "mutation ($new: SampleInsert!) { insertSample(input: $new) { exacts } }"
    assert await stand.data(new, {"new": {"exacts": given}}) == {"insertSample": {"exacts": given}}
    query = "query ($where: SampleWhere) { samples(where: $where) { nodes { exacts } } }"
    for where in ({"contains": ["NaN"]}, {"eq": given}, {"overlaps": ["2", "-Infinity"]}):
        data = await stand.data(query, {"where": {"exacts": where}})
        assert data["samples"]["nodes"] == [{"exacts": given}]


async def test_a_column_that_cannot_hold_it(stand: Stand) -> None:
    """A scale leaves no room for infinity, as the database says; NaN has no digits."""
    new = "mutation ($new: SampleInsert!) { insertSample(input: $new) { money } }"
    assert code_of(await stand.error(new, {"new": {"money": "Infinity"}})) == "SOURCE_DATA"
    assert await stand.data(new, {"new": {"money": "NaN"}}) == {"insertSample": {"money": "NaN"}}
    error = await stand.error(new, {"new": {"exact": "sNaN"}})
    assert code_of(error) == "BAD_USER_INPUT"
    assert '"NaN", "Infinity"' in error["message"]


async def check_pages(stand: Stand, column: str) -> None:
    """Pages of one row, in both directions, are the rows of the whole list."""
    rows = await stand.connection.fetch(f"SELECT id FROM samples ORDER BY {column}, id")
    for size, cursor, end, more, whole in (
        ("first", "after", "endCursor", "hasNextPage", rows),
        ("last", "before", "startCursor", "hasPreviousPage", rows[::-1]),
    ):
        found, at, goes_on = [], None, True
        while goes_on:
            data = await stand.data(
                f"query ($at: String) {{ samples(orderBy: [{{{column}: ASC}}], {size}: 1,"
                f" {cursor}: $at) {{ nodes {{ id }} pageInfo {{ {end} {more} }} }} }}",
                {"at": at},
            )
            page = data["samples"]
            found += [node["id"] for node in page["nodes"]]
            at, goes_on = page["pageInfo"][end], page["pageInfo"][more]
        assert found == [row["id"] for row in whole]


@pytest.mark.parametrize(
    ("column", "kept", "beyond"),
    [
        ("short", "abc", "abcd"),
        ("money", "1.10", "1.104"),
        ("tiny", 32_767, 32_768),
        ("id", 1, (1 << 31) - 1),
    ],
)
async def test_no_row_has_what_its_column_cannot_hold(
    stand: Stand, column: str, kept: object, beyond: object
) -> None:
    """A value that is longer, finer or larger is not cut to one that fits."""
    await stand.data(
        "mutation ($new: SampleInsert!) { insertSample(input: $new) { id } }",
        {"new": {column: kept}},
    )
    for where, count in (
        ({"eq": beyond}, 0),
        ({"in": [beyond]}, 0),
        ({"notIn": [beyond]}, 1),
        ({"lt": beyond}, 1),
        ({"gte": beyond}, 0),
        ({"in": [kept, beyond]}, 1),
    ):
        data = await stand.data(
            "query ($where: SampleWhere) { samples(where: $where) { totalCount } }",
            {"where": {column: where}},
        )
        assert data == {"samples": {"totalCount": count}}, where


async def test_lists_of_lists_are_unfit_and_leave_others_alone(stand: Stand) -> None:
    """An array column may hold some in any row, whatever was declared."""
    await stand.connection.execute(
        "INSERT INTO samples (words, numbers, bigs, sizes, spans) VALUES"
        " ('{{a,b},{c,d}}', '{{1},{2}}', '{{1},{2}}', '{{s},{l}}', '{{1 day},{1 mon}}'),"
        " ('{a}', '[5:6]={1,2}', '{1}', '{s}', '{1 mon}')"
    )
    data = await stand.data(
        "{ samples(orderBy: [{id: ASC}]) { nodes { words numbers bigs sizes spans } } }"
    )
    names = ("words", "numbers", "bigs", "sizes", "spans")
    assert data["samples"]["nodes"] == [
        dict.fromkeys(names),
        {
            "words": ["a"],
            "numbers": [1, 2],
            "bigs": ["1"],
            "sizes": ["SMALL"],
            "spans": ["P1M"],
        },
    ]


async def test_nulls_within_lists(stand: Stand) -> None:
    """They are kept and shown where the annotation has them; elsewhere they make a list unfit."""
    given = {
        "gaps": ["a", None, ""],
        "bigGaps": [None, "9007199254740993"],
        "sizeGaps": ["LARGE", None],
        "spanGaps": [None, "P1D"],
    }
    shown = " ".join(given)
    new = f"mutation ($new: SampleInsert!) {{ insertSample(input: $new) {{ {shown} }} }}"
    assert await stand.data(new, {"new": given}) == {"insertSample": given}
    joined = (
        "mutation { updateSample(id: 1, append: {gaps: [null]}, prepend: {sizeGaps: [null, SMALL]})"
        " { gaps sizeGaps } }"
    )
    grown = {"gaps": [*given["gaps"], None], "sizeGaps": [None, "SMALL", *given["sizeGaps"]]}
    assert await stand.data(joined) == {"updateSample": grown}
    await stand.connection.execute(
        "INSERT INTO samples (gaps, words, sizes, numbers) VALUES"
        " ('{{a},{b}}', '{a,NULL}', '{s,NULL}', '{NULL}'), ('{}', '{a}', '{s}', '{}')"
    )
    data = await stand.data(
        "{ samples(where: {id: {ne: 2}}) { nodes { gaps sizeGaps bigGaps counted words } } }"
    )
    first = {**grown, "bigGaps": given["bigGaps"], "counted": [2, 1, 2], "words": None}
    last = {"gaps": [], "sizeGaps": None, "bigGaps": None, "counted": [0, 0, 0], "words": ["a"]}
    assert data["samples"]["nodes"] == [first, last]
    data = await stand.data("{ sample(id: 2) { words sizes numbers bigGaps } }")
    assert data == {"sample": {"words": None, "sizes": None, "numbers": None, "bigGaps": None}}
    error = await stand.error("{ sample(id: 2) { gaps } }")
    assert code_of(error) == "SOURCE_DATA"


@pytest.mark.parametrize(
    ("where", "ids"),
    [
        ({"gaps": {"eq": ["a", None]}}, [1]),
        ({"gaps": {"eq": ["a"]}}, [2]),
        ({"words": {"eq": ["x", None]}}, [2]),
        ({"gaps": {"contains": ["a"]}}, [1, 2]),
        ({"gaps": {"containedBy": ["a", "b"]}}, [2]),
        ({"sizeGaps": {"eq": [None, "LARGE"]}}, [1]),
    ],
    ids=str,
)
async def test_conditions_on_lists_with_nulls(
    where: dict[str, Any], ids: list[int], stand: Stand
) -> None:
    """Equal lists have their nulls in the same places; nothing contains a null, nor is it given."""
    await stand.connection.execute(
        "INSERT INTO samples (gaps, words, size_gaps) VALUES"
        " ('{a,NULL}', '{x}', '{NULL,l}'), ('{a}', '{x,NULL}', '{l}')"
    )
    query = "query ($where: SampleWhere) { samples(where: $where) { nodes { id } } }"
    data = await stand.data(query, {"where": where})
    assert [row["id"] for row in data["samples"]["nodes"]] == ids
    error = await stand.error(query, {"where": {"gaps": {"overlaps": ["a", None]}}})
    assert code_of(error) == "BAD_USER_INPUT"


@pytest.mark.parametrize("value", ODD)
async def test_a_time_without_a_name_fails_where_it_must_not_be_null(
    stand: Stand, value: str
) -> None:
    """The field has a typed error; other rows by their keys are as ever."""
    await stand.connection.execute(
        f"INSERT INTO prices (country, day) VALUES ('odd', '{value}'), ('fine', '2026-01-01')"
    )
    error = await stand.error('{ prices(where: {country: {eq: "odd"}}) { nodes { day } } }')
    assert code_of(error) == "SOURCE_DATA"
    fine = await stand.data('{ price(country: "fine", day: "2026-01-01") { day } }')
    assert fine == {"price": {"day": "2026-01-01"}}


async def test_a_key_at_the_end_of_time(stand: Stand) -> None:
    """It goes through Python on its way from the write to the reading of what was written."""
    made = await stand.data(
        'mutation { insertPrice(input: {country: "x", day: "9999-12-31", cents: 5}) { day cents } }'
    )
    assert made == {"insertPrice": {"day": "9999-12-31", "cents": 5}}
    changed = await stand.data(
        'mutation { updatePrice(country: "x", day: "9999-12-31", set: {cents: 6}) { cents } }'
    )
    assert changed == {"updatePrice": {"cents": 6}}


async def test_a_label_its_enum_lacks(stand: Stand) -> None:
    """One added to the database behind our back is null, and an error where that must not be."""
    await stand.connection.execute("ALTER TYPE size ADD VALUE IF NOT EXISTS 'xxl'")
    await stand.connection.execute(
        "INSERT INTO samples (size, sizes) VALUES ('xxl', '{s,xxl}'), ('l', '{s}')"
    )
    data = await stand.data("{ samples(orderBy: [{id: ASC}]) { nodes { size sizes } } }")
    assert data["samples"]["nodes"] == [
        {"size": None, "sizes": None},
        {"size": "LARGE", "sizes": ["SMALL"]},
    ]
    info = stand.gateway.api.catalog.entities["Sample"].columns["size"]
    column = info.column
    text = sa.select(write(dataclasses.replace(info, nullable=False), column))
    compiled = str(text.where(column.isnot(None)).compile(dialect=dialect()))
    with pytest.raises(asyncpg.DataError):
        await stand.connection.fetch(compiled)


BIG = 123456789012345678901234567890


async def test_integers_of_any_size_in_documents(stand: Stand) -> None:
    """Whether a row is spliced or walked, its JSON keeps every digit, for resolvers as well."""
    await stand.connection.execute(
        f"INSERT INTO samples (doc, note) VALUES ('{{\"n\": {BIG}}}', '[{BIG}, -{BIG}, 0.5]')"
    )
    spliced = await stand.data("{ samples { nodes { doc note } } }")
    walked = await stand.data("{ samples { nodes { doc note doubled } } }")
    (row,) = walked["samples"]["nodes"]
    assert row.pop("doubled") == str(2 * BIG)
    assert walked == spliced
    answer = await stand.answer("{ samples { nodes { doc note doubled } } }")
    assert answer.body.count(str(BIG).encode()) == 3
