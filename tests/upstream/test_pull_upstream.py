"""`plait pull upstream`: pin a schema, see how it has changed, refuse what tells none."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING

import pytest
from graphql import (
    build_schema,
    lexicographic_sort_schema,
    print_schema,
)
from upstream import people
from upstream.people import People, reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def service() -> AsyncIterator[People]:
    async with people.running() as one:
        yield one


async def plait(folder: Path, *arguments: str) -> tuple[int, str, str]:
    """The exit code of a command, and what it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway.cli",
        *arguments,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_a_schema_is_pinned_and_compared(service: People, tmp_path: Path) -> None:
    """The file holds all types; unchanged is 0, changed is 1 with a diff and the file as it was."""
    pull = ("pull", "upstream", "people", service.url)
    code, out, _ = await plait(tmp_path, *pull)
    assert (code, "+type Person implements Being {" in out) == (1, True)
    code, _, said = await plait(tmp_path, *pull, "--write", "--header", "X-Key: abc")
    assert (code, "wrote" in said) == (0, True)
    assert service.headers[-1]["x-key"] == "abc"
    file = tmp_path / "resolvers" / "upstreams" / "people.graphql"
    pinned = file.read_text(encoding="utf-8")
    assert set(build_schema(pinned).type_map) == set(service.schema.type_map)
    code, _, said = await plait(tmp_path, *pull)
    assert (code, "1 of 1 files are up to date" in said) == (0, True)
    service.schema = build_schema(people.SDL.replace("mood: Mood\n  born", "born"))
    code, out, _ = await plait(tmp_path, *pull)
    assert (code, "-  mood: Mood" in out) == (1, True)
    assert file.read_text(encoding="utf-8") == pinned


TELLING = """
directive @again(by: Int) repeatable on FIELD
scalar Moment @specifiedBy(url: "https://scalars.example/moment")
input By @oneOf { id: ID old: Int @deprecated(reason: "Use `id`.") }
type Query { thing(by: By, old: Int = 1 @deprecated): Moment }
"""
NEWER = ("specifiedByURL", "isOneOf", "isRepeatable")


async def test_all_that_introspection_tells_is_pinned(service: People, tmp_path: Path) -> None:
    """Also what later specifications added to it."""
    service.schema = build_schema(TELLING)

    async def telling(_scope: object, _receive: object, send: object) -> None:
        told = service.run(service.requests[-1])
        for one in told["data"].get("__schema", {"types": ()})["types"]:
            one["isOneOf"] = one["name"] == "By"  # Strawberry tells of its own inputs only
        await reply(send, 200, json.dumps(told))

    service.answer = telling
    done = await plait(tmp_path, "pull", "upstream", "people", service.url, "--write")
    assert done[0] == 0
    file = tmp_path / "resolvers" / "upstreams" / "people.graphql"
    whole = print_schema(lexicographic_sort_schema(service.schema)) + "\n"
    assert file.read_text(encoding="utf-8") == whole


async def test_a_service_of_an_earlier_specification_is_pinned_too(
    service: People, tmp_path: Path
) -> None:
    """It is not asked for what it does not know, which it would refuse as a whole."""

    async def earlier(_scope: object, _receive: object, send: object) -> None:
        request = service.requests[-1]
        unknown = [name for name in NEWER if name in request["query"]]
        told = {"errors": [{"message": f"no {unknown}"}]} if unknown else service.run(request)
        for name in NEWER:
            told = json.loads(json.dumps(told).replace(f'"{name}"', '"kind"'))
        await reply(send, 200, json.dumps(told))

    service.answer = earlier
    code, _, said = await plait(tmp_path, "pull", "upstream", "people", service.url, "--write")
    assert (code, "wrote" in said) == (0, True)


async def test_a_service_that_tells_nothing_is_refused(service: People, tmp_path: Path) -> None:
    """With what may be the cause; and an address must be known."""

    async def silent(_scope: object, _receive: object, send: object) -> None:
        await reply(send, 200, '{"errors": [{"message": "no introspection"}]}')

    service.answer = silent
    code, _, said = await plait(tmp_path, "pull", "upstream", "people", service.url)
    assert code == 1
    assert (
        "is introspection turned on there? It answered status 200: no introspection."
        in " ".join(said.split())
    )
    code, _, said = await plait(tmp_path, "pull", "upstream", "people")
    assert (code, "say where it is" in said) == (2, True)
