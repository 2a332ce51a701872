"""Parts of texts as conditions, held against Python's own `str`, whatever the texts are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy.profiles import examples
from toy.running import Zoo, running
from toy.texts import part

from gateway.schema.lists.patterns import PARTS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import FreshDatabase

TEXTS = [
    "",
    "%",
    "_",
    "\\",
    "\\%",
    "%_\\",
    "100 % of it",
    "100 x of it",
    "snake_case",
    "snakeXcase",
    "C:\\temp\\",
    "C:\\temp\\x_1",
    "Straße in Köln",
    "ÉTÉ été",
    "中文 😀 {0} {}",
    'it\'s "said"; DROP TABLE remarks; --',
    "$1 :text \\1 \\g<0>",
    "two\nlines\tand\r\n",
    "naïve e\u0301",
]
WORDS = st.text(st.sampled_from("%_\\aAxX 1ßéÉ中😀'\"{}$:;\n\te\u0301"), max_size=3)
PIECES = st.builds(
    lambda text, start, size: text[start : start + size],
    st.sampled_from(TEXTS),
    st.integers(0, 12),
    st.integers(0, 12),
)


@pytest.fixture(scope="module")
async def zoo(module_database: FreshDatabase, redis_url: str) -> AsyncIterator[Zoo]:
    """With remarks of nothing but trouble, all on one feeding, and a document for each."""
    async with running(module_database, redis_url) as one:
        (animal, day) = await one.connection.fetchrow("SELECT animal_id, day FROM feedings LIMIT 1")
        await one.connection.execute("DELETE FROM remarks")
        rows = [(number, animal, day, text) for number, text in enumerate(TEXTS)]
        await one.connection.executemany("INSERT INTO remarks VALUES ($1, $2, $3, $4)", rows)
        yield one


async def found(zoo: Zoo, condition: dict[str, Any]) -> list[str]:
    """The texts that a condition finds."""
    data = await zoo.data(
        "query ($where: RemarkWhere) { remarks(where: $where, first: 50) { nodes { text } } }",
        {"where": {"text": condition}},
    )
    return [node["text"] for node in data["remarks"]["nodes"]]


@given(st.sampled_from(sorted(PARTS)), WORDS | PIECES)
@examples(200)
async def test_a_part_is_found_as_python_finds_it(zoo: Zoo, operator: str, text: str) -> None:
    """Signs that mean something to LIKE stand for themselves; the empty text is in every one."""
    expected = [one for one in TEXTS if part(operator, one, text)]
    assert await found(zoo, {operator: text}) == expected


async def test_parts_hold_through_relations_and_negated(zoo: Zoo) -> None:
    """Wherever a condition may stand."""
    data = await zoo.data(
        """query ($has: RemarkListWhere, $none: RemarkWhere) {
             feedings(where: {remarks: $has}) { totalCount nodes { remarks(where: $none, first: 50) { totalCount } } }
           }""",
        {
            "has": {
                "some": {"text": {"startsWith": "100 %"}},
                "none": {"text": {"endsWith": "%%"}},
            },
            "none": {"not": {"text": {"icontains": "E_C"}}},
        },
    )
    assert data["feedings"]["totalCount"] == 1
    (feeding,) = data["feedings"]["nodes"]
    assert feeding["remarks"]["totalCount"] == len(TEXTS) - 1


async def test_a_part_is_a_pattern_to_the_database(zoo: Zoo) -> None:
    """One statement serves `contains` and `like`, so that indexes for patterns serve both."""
    zoo.postgres.ran.clear()
    assert await found(zoo, {"contains": "_"}) == [one for one in TEXTS if "_" in one]
    assert await found(zoo, {"like": r"%\_%"}) == [one for one in TEXTS if "_" in one]
    first, second = zoo.postgres.ran
    assert first == second
    assert "LIKE $1" in first


@pytest.mark.parametrize("operator", sorted(PARTS))
@pytest.mark.parametrize(
    ("text", "says"),
    [("a\x00", "NUL"), ("\ud800", "surrogates"), ("x" * 1_000_001, "at most"), (None, "null")],
)
async def test_what_is_no_text_is_refused(zoo: Zoo, operator: str, text: Any, says: str) -> None:
    """By an error that names the condition, before the database is asked."""
    zoo.postgres.ran.clear()
    body = await zoo.ask(
        "query ($where: RemarkWhere) { remarks(where: $where) { totalCount } }",
        {"where": {"text": {operator: text}}},
    )
    (error,) = body["errors"]
    assert f"`where.text.{operator}` must" in error["message"]
    assert says in error["message"]
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "argument": f"where.text.{operator}"}
    assert zoo.postgres.ran == []


async def test_a_pattern_that_ends_within_an_escape_is_refused(zoo: Zoo) -> None:
    """Of columns and within documents alike; a part may end in a backslash."""
    for list_, argument in (
        (r'remarks(where: {text: {like: "a\\"}})', "where.text.like"),
        (r'specimens(where: {doc: {path: [{at: "a", ilike: "a\\"}]}})', "where.doc.path.ilike"),
    ):
        body = await zoo.ask(f"{{ {list_} {{ totalCount }} }}")
        assert body["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "argument": argument}
    assert await found(zoo, {"endsWith": "\\"}) == [one for one in TEXTS if one.endswith("\\")]
