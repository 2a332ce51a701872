"""Start-up compares the entities with the live tables."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from toy.running import Zoo, running

from gateway.sources.contract import Budget

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import FreshDatabase


@pytest.fixture(scope="module")
async def zoo(module_database: FreshDatabase, redis_url: str) -> AsyncIterator[Zoo]:
    async with running(module_database, redis_url) as one:
        yield one


async def found(zoo: Zoo, source: str = "default") -> list[str]:
    """What contradicts the entities."""
    return await zoo.postgres.verify(source, Budget(asyncio.get_running_loop().time() + 20))


async def test_the_zoo_agrees(zoo: Zoo) -> None:
    """Names that need quotes included."""
    assert await found(zoo) == []


CHANGES: dict[str, list[tuple[str, ...]]] = {
    "ALTER TABLE animals ALTER name DROP NOT NULL": [
        ("Animal.name", "animals.name", "| None", "NOT NULL"),
        ("Animal.mustName", "animals.name"),
    ],
    "ALTER TABLE animals ALTER tags DROP NOT NULL": [("Animal.tags", "animals.tags")],
    "ALTER TABLE animals RENAME weight TO mass": [("Animal.weight", "no column weight")],
    'ALTER TABLE "Odd Names" RENAME "it\'s" TO its': [("Oddity.its", "Odd Names", "it's")],
    'ALTER TABLE "Odd Names" RENAME TO odd_names': [("Oddity", "Odd Names", "does not exist")],
    "ALTER TABLE enclosures DROP area": [("Enclosure.area", "no column area")],
}


@pytest.mark.parametrize("change", CHANGES)
async def test_a_contradiction_is_named(zoo: Zoo, change: str) -> None:
    """Type, field, table and column, and what would mend it."""
    await zoo.connection.execute(change)
    try:
        lines = await found(zoo)
    finally:
        await zoo.connection.execute(_BACK[change])
    assert len(lines) == len(CHANGES[change])
    for line, parts in zip(lines, CHANGES[change], strict=True):
        assert all(part in line for part in parts), line


_BACK = dict(
    zip(
        CHANGES,
        [
            "ALTER TABLE animals ALTER name SET NOT NULL",
            "ALTER TABLE animals ALTER tags SET NOT NULL",
            "ALTER TABLE animals RENAME mass TO weight",
            'ALTER TABLE "Odd Names" RENAME its TO "it\'s"',
            'ALTER TABLE odd_names RENAME TO "Odd Names"',
            "ALTER TABLE enclosures ADD area numeric(8,2)",
        ],
        strict=True,
    )
)


async def test_a_view_is_only_looked_at_for_its_columns(zoo: Zoo) -> None:
    """What it returns cannot be known to be never null."""
    await zoo.connection.execute(
        "ALTER TABLE passports RENAME TO papers; CREATE VIEW passports AS SELECT * FROM papers"
    )
    try:
        assert await found(zoo) == []
    finally:
        await zoo.connection.execute("DROP VIEW passports; ALTER TABLE papers RENAME TO passports")


async def test_entities_of_another_source_are_not_looked_at(zoo: Zoo) -> None:
    """They live elsewhere."""
    assert await found(zoo, "elsewhere") == []


async def test_a_label_that_the_code_lacks(zoo: Zoo, caplog: pytest.LogCaptureFixture) -> None:
    """It is told and stops nobody; a list with a row of it says what is wrong with the row."""
    await zoo.connection.execute("ALTER TYPE mood ADD VALUE 'grumpy'")
    assert await found(zoo) == []
    await zoo.connection.execute("UPDATE animals SET mood = 'grumpy'")
    answer = await zoo.ask("{ animals { nodes { mood } } }")
    (error,) = answer["errors"]
    assert "an enum's label that it lacks" in error["message"]
    parts = await zoo.postgres.parts(Budget(asyncio.get_running_loop().time() + 20))
    labels = parts["labels"]
    assert (labels.ready, labels.required) == (False, False)
    assert "animals.mood has grumpy" in labels.detail
    assert labels.detail.split("; ") == caplog.messages
