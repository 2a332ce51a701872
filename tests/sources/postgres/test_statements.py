"""One statement for a whole nested selection, and what is in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from toy.running import Zoo, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import FreshDatabase


@pytest.fixture(scope="module")
async def zoo(module_database: FreshDatabase, redis_url: str) -> AsyncIterator[Zoo]:
    async with running(module_database, redis_url) as one:
        yield one


async def statements(
    zoo: Zoo, document: str, variables: dict[str, Any] | None = None
) -> tuple[list[str], Any]:
    """The statements that ran, and the data."""
    before = len(zoo.postgres.ran)
    data = await zoo.data(document, variables)
    return zoo.postgres.ran[before:], data


async def test_a_nested_selection_is_one_statement(zoo: Zoo) -> None:
    """To-one, to-many and many-to-many, three levels deep, filtered and paged on the way."""
    ran, data = await statements(
        zoo,
        """{ animals(where: {id: {in: ["1", "2"]}}) { totalCount nodes { name
             enclosure { name animals(first: 1, orderBy: [{name: DESC}]) { totalCount nodes { name } } }
             children(where: {mood: {eq: WILD}}) { nodes { name mother { name passport { code } } } }
             keepers(last: 1) { edges { node { name animals { nodes { id } } } } } } } }""",
    )
    assert len(ran) == 1
    ada, bo = data["animals"]["nodes"]
    assert ada["enclosure"] == {
        "name": "Savanna",
        "animals": {"totalCount": 6, "nodes": [{"name": "Leo-Leonardo"}]},
    }
    assert ada["children"]["nodes"] == [
        {"name": "Bo", "mother": {"name": "Ada", "passport": {"code": "P/1"}}}
    ]
    assert [edge["node"]["name"] for edge in ada["keepers"]["edges"]] == ["ANNA"]
    assert bo["children"]["nodes"] == [{"name": "Ede", "mother": {"name": "Bo", "passport": None}}]


async def test_only_what_is_asked_for_is_read(zoo: Zoo) -> None:
    """No other column, no count, no row number, no page behind a count alone."""
    ran, _ = await statements(zoo, "{ animal(id: 1) { name } }")
    assert "weight" not in ran[0]
    ran, _ = await statements(zoo, "{ animals { nodes { name } } }")
    assert "count(" not in ran[0]
    assert "row_number" not in ran[0]
    assert "weight" not in ran[0]
    ran, data = await statements(zoo, "{ animals { totalCount } }")
    assert "LIMIT" not in ran[0]
    assert data["animals"]["totalCount"] == 12


async def test_values_are_bound_and_sizes_inlined(zoo: Zoo) -> None:
    """What a client writes as a value never becomes SQL; a literal page size does."""
    evil = "'); DROP TABLE animals; --"
    ran, data = await statements(
        zoo,
        f'{{ animals(first: 3, where: {{name: {{eq: "{evil}"}}, alias: {{like: "{evil}"}}}}) {{ totalCount }} }}',
    )
    assert "DROP" not in ran[0]
    assert data["animals"]["totalCount"] == 0
    ran, _ = await statements(zoo, "{ animals(first: 3) { nodes { id } } }")
    assert "LIMIT 3" in ran[0]


async def test_lists_are_never_null(zoo: Zoo) -> None:
    """Nor is a connection: with nothing in it, it is empty."""
    _, data = await statements(
        zoo,
        """{ animal(id: 4) { tags children { nodes { id } edges { cursor } totalCount __typename
             pageInfo { hasNextPage hasPreviousPage startCursor endCursor __typename } } } }""",
    )
    assert data["animal"]["children"] == {
        "nodes": [],
        "edges": [],
        "totalCount": 0,
        "__typename": "AnimalConnection",
        "pageInfo": {
            "hasNextPage": False,
            "hasPreviousPage": False,
            "startCursor": None,
            "endCursor": None,
            "__typename": "PageInfo",
        },
    }


@pytest.mark.parametrize(
    "fields",
    [
        "totalCount",
        "__typename",
        "totalCount __typename",
        "pageInfo { __typename }",
        "pageInfo { hasPreviousPage }",
    ],
)
async def test_a_connection_without_its_rows_is_one_object(zoo: Zoo, fields: str) -> None:
    """At the root and nested, whether there are rows or none."""
    document = f"""{{ all: animals {{ {fields} }} none: animals(where: {{id: {{eq: "0"}}}}) {{ {fields} }}
                   animals {{ nodes {{ children {{ {fields} }} }} }} }}"""
    data = await zoo.data(document)
    assert set(data["all"]) == set(data["none"])
    assert all(set(node["children"]) == set(data["all"]) for node in data["animals"]["nodes"])


async def test_composite_keys_find_and_relate(zoo: Zoo) -> None:
    """By key, by node id, as a relation and backwards."""
    document = """{ feeding(animalId: "1", day: "2024-02-01") { nodeId grams animal { name }
                    remarks { nodes { id feeding { grams } } } }
                    gone: feeding(animalId: "1", day: "1999-01-01") { grams } }"""
    data = await zoo.data(document)
    assert data["gone"] is None
    assert data["feeding"]["remarks"]["nodes"] == [
        {"id": 1, "feeding": {"grams": 100}},
        {"id": 2, "feeding": {"grams": 100}},
    ]
    again = await zoo.data(
        "query($id: ID!) { node(nodeId: $id) { nodeId ... on Feeding { grams day } } }",
        {"id": data["feeding"]["nodeId"]},
    )
    assert again["node"] == {"nodeId": data["feeding"]["nodeId"], "grams": 100, "day": "2024-02-01"}


async def test_a_key_longer_than_its_column_is_no_rows(zoo: Zoo) -> None:
    """Nor cut to that of a row there is."""
    await zoo.connection.execute("INSERT INTO passports (code) VALUES (repeat('k', 20))")
    try:
        data = await zoo.data(
            f'{{ there: passport(code: "{"k" * 20}") {{ code }}'
            f' gone: passport(code: "{"k" * 21}") {{ code }} }}'
        )
    finally:
        await zoo.connection.execute("DELETE FROM passports WHERE code LIKE 'kkk%'")
    assert data == {"there": {"code": "k" * 20}, "gone": None}


async def test_a_relation_of_a_table_to_itself_has_a_direction(zoo: Zoo) -> None:
    """The first foreign key in the table's own order is this side, the second the other."""
    data = await zoo.data("{ animal(id: 1) { likes { nodes { id } } } }")
    assert [node["id"] for node in data["animal"]["likes"]["nodes"]] == ["2", "3", "12"]


async def test_a_null_foreign_key_relates_to_nothing(zoo: Zoo) -> None:
    """Neither as a row nor in a list, even where the other side is null, too."""
    data = await zoo.data(
        '{ passport(code: "ÿ") { animal { id } } remarks(where: {id: {in: [4, 5]}}) { nodes { feeding { grams } } } }'
    )
    assert data["passport"] == {"animal": None}
    assert data["remarks"]["nodes"] == [{"feeding": None}] * 2


async def test_key_columns_without_case_are_found_in_any(zoo: Zoo) -> None:
    """A citext column compares as PostgreSQL compares it: by value, in lists, by pattern."""
    for where in (
        {"name": {"eq": "ANN"}},
        {"name": {"in": ["ANN", "x"]}},
        {"name": {"like": "AnN"}},
    ):
        document = "query($w: KeeperWhere) { keepers(where: $w) { nodes { name } } }"
        data = await zoo.data(document, {"w": where})
        assert data["keepers"]["nodes"] == [{"name": "ann"}]
