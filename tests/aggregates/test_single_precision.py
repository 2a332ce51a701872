"""Columns of single precision: what a client read, it can ask for and page by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aggregates.shelf import visible

if TYPE_CHECKING:
    from toy.running import Zoo


async def test_numbers_of_single_precision_equal_themselves(library: Zoo) -> None:
    """0.1 is found by 0.1, and by being one of several."""
    data = await library.data(
        "{ one: books(where: {grade: {eq: 0.1}}) { totalCount }"
        " two: books(where: {grade: {in: [0.1, 7]}}) { totalCount } }"
    )
    grades = [row["grade"] for row in visible(None)]
    assert data["one"]["totalCount"] == grades.count(0.1)
    assert data["two"]["totalCount"] == grades.count(0.1) + grades.count(7.0)


async def test_pages_by_numbers_of_single_precision(library: Zoo) -> None:
    """Each row once: a cursor finds its place again."""
    document = (
        "query ($after: String) { books(orderBy: [{grade: ASC}], first: 50, after: $after) {"
        " nodes { id } pageInfo { hasNextPage endCursor } } }"
    )
    seen: list[str] = []
    after, more = None, True
    while more and len(seen) <= len(visible(None)):
        page = (await library.data(document, {"after": after}))["books"]
        seen += [row["id"] for row in page["nodes"]]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    assert sorted(seen, key=int) == [str(row["id"]) for row in visible(None)]
