"""Golden operations: what is asked, what is answered, by which plan and with how many requests.

A folder of `operations/` holds `query.graphql`, where it takes some `variables.json`, and what is
expected: `response.json` and `plan.txt`, and `parts.json` where it has `@defer` or `@stream`.
`PLAIT_GOLDEN=write pytest tests/test_operations.py` writes the expected files anew; the change of
the files is then what is to be reviewed.
"""

from __future__ import annotations

import asyncio
import difflib
import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from operations.layout import json_text, plan_text
from operations.stage import HERE, Addresses, Stage, fill, served
from toy.clients import parts_of

from gateway.execution.vector_search.tactics import Tactics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from conftest import FreshDatabase

NAMES = sorted(path.parent.name for path in HERE.glob("*/query.graphql"))
WRITE = os.environ.get("PLAIT_GOLDEN") == "write"


@pytest.fixture(scope="module")
async def stage(
    module_database: FreshDatabase, qdrant_endpoint: str, redis_url: str
) -> AsyncIterator[Stage]:
    """The gateway over the data set, in a database, collections and a Redis number of its own."""
    redis = f"{redis_url.rpartition('/')[0]}/11"
    addresses = Addresses(await module_database(), qdrant_endpoint, redis)
    await fill(addresses)
    async with served(addresses) as running:
        yield running


def operation(name: str) -> tuple[str, dict[str, Any]]:
    """A folder's document and variables."""
    variables = HERE / name / "variables.json"
    return (
        (HERE / name / "query.graphql").read_text("utf-8"),
        json.loads(variables.read_text("utf-8")) if variables.exists() else {},
    )


def expect(path: Path, found: str) -> None:
    """Compare with the file, or write it; fails with the difference."""
    if WRITE:
        path.write_text(found, "utf-8")
    expected = path.read_text("utf-8") if path.exists() else ""
    if expected != found:
        difference = difflib.unified_diff(
            expected.splitlines(),
            found.splitlines(),
            f"{path.name}, expected",
            "found",
            lineterm="",
        )
        pytest.fail(
            f"{path.parent.name} differs; PLAIT_GOLDEN=write takes it over\n"
            + "\n".join(difference),
            pytrace=False,
        )


def fewest(plan: Mapping[str, Any]) -> dict[str, int]:
    """The most requests a plan may make of each source.

    One for each root field, and in later waves one for each different request, whatever the
    number of rows.
    """
    most: dict[str, int] = {}
    for number, wave in enumerate(plan["waves"]):
        for fetch in wave:
            count = len(fetch["paths"]) if number == 0 else 1
            most[fetch["source"]] = most.get(fetch["source"], 0) + count
            branches = fetch.get("branches", {}).values()
            for source in (fetch["source"], *(branch["source"] for branch in branches)):
                # An estimate of the rows and one of their table; a ranking and what it shows.
                most[source] = most.get(source, 0) + (2 * count if branches else 0)
    return most


@pytest.mark.parametrize("name", NAMES)
async def test_operation(name: str, stage: Stage) -> None:
    """Answers as recorded, by the plan recorded, with no request more than the plan needs.

    A query that needs PostgreSQL only is one statement for each root field.
    """
    query, variables = operation(name)
    plan = stage.gateway.engine.explain(query, variables)
    before = stage.sent()
    stage.gateway.engine.tactics = Tactics()  # which remembers no estimate yet
    branches = any("branches" in fetch for wave in plan["waves"] for fetch in wave)
    answer = await stage.ask(query, variables, {"plait": {"trace": True}} if branches else None)
    taken = answer.pop("extensions")["trace"] if branches else ()
    made = {source: count - before[source] for source, count in stage.sent().items()}

    expect(HERE / name / "response.json", json_text(answer) + "\n")
    expect(HERE / name / "plan.txt", plan_text(plan, made, taken))
    if "@defer" in query or "@stream" in query:
        parts = json.dumps(await in_parts(stage, query, variables), ensure_ascii=False, indent=2)
        expect(HERE / name / "parts.json", parts + "\n")
    most = fewest(plan)
    assert set(most) >= {source for source, count in made.items() if count}
    assert all(made[source] <= count for source, count in most.items())
    if set(most) == {"postgres"} and "mutation" not in query:
        assert made["postgres"] == most["postgres"]


async def in_parts(stage: Stage, query: str, variables: Mapping[str, Any]) -> list[Any]:
    """The parts of an answer, as they come."""
    body = {"query": query, "variables": variables}
    accept = {"accept": "multipart/mixed;incrementalSpec=v0.2"}
    return parts_of(await stage.client.post("/graphql", json=body, headers=accept))


async def test_operations_at_once(stage: Stage) -> None:
    """All operations together, several times each, answer what each answers alone."""
    names = [name for name in NAMES for _ in range(3)]
    answers = await asyncio.gather(*(stage.ask(*operation(name)) for name in names))
    for name, answer in zip(names, answers, strict=True):
        recorded = json.loads((HERE / name / "response.json").read_text("utf-8"))
        assert answer == recorded, name


def test_every_folder_is_an_operation() -> None:
    """No folder lacks its query, its response or its plan, and none holds anything else."""
    folders = {path for path in HERE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert {folder.name for folder in folders} == set(NAMES)
    needed = {"query.graphql", "response.json", "plan.txt"}
    for folder in folders:
        found = {path.name for path in folder.iterdir()}
        assert found - {"variables.json", "parts.json"} == needed, folder.name
