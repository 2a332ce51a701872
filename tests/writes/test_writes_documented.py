"""The page on writes says what the bundled schema understands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from graphql import build_schema, parse, validate

from gateway.execution.mutations import ATTEMPTS
from gateway.schema.writes.written import MAX_DEPTH, MAX_ROWS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "writes.md").read_text("utf-8")
EXAMPLES = re.findall(r"```graphql\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_is_valid(number: int) -> None:
    """Every operation of the page fits the schema in the repository."""
    schema = build_schema((ROOT / "schema.graphql").read_text("utf-8"), assume_valid_sdl=True)
    assert validate(schema, parse(EXAMPLES[number])) == []


def test_bounds_are_those_of_the_code() -> None:
    """Numbers of the page are not made up."""
    assert len(EXAMPLES) > 3
    assert f"{MAX_ROWS:,} rows" in PAGE
    assert f"{MAX_DEPTH} levels" in PAGE
    assert ATTEMPTS == 4
    assert "four times in all" in PAGE
