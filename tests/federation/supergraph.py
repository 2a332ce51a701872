"""Two domains over the zoo's tables, each a subgraph, and Apollo's gateway over them and a third."""

from __future__ import annotations

import asyncio
import datetime as dt  # noqa: TC003 - Strawberry reads annotations at run time
import json
import os
import shutil
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import strawberry
from strawberry import ID
from strawberry.federation.schema_directives import (
    External,
    Inaccessible,
    InterfaceObject,
    Override,
    Provides,
    Shareable,
    Tag,
)
from toy import tables
from upstream.people import serving

from gateway import (
    Connection,
    Domain,
    belongs_to,
    by_key,
    column,
    entity,
    external,
    field,
    has_many,
    listing,
    many_through,
    queries,
)
from gateway.transport.http import GraphQLOverHTTP
from gateway.viewer import ANONYMOUS, Viewer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from toy.running import Zoo

APOLLO = Path(__file__).parent / "apollo"
INSTALLED = Path(__file__).parents[2] / ".plait" / "apollo"
UNREACHABLE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ENETUNREACH", "ENOTCACHED")
SECONDS = 110.0
"""How long an installation may take."""


@strawberry.federation.type
class Organ:
    name: str = strawberry.federation.field(external=True)


@strawberry.federation.type
class Scan:
    organs: list[Organ] = strawberry.federation.field(external=True)
    taken_by: str | None = strawberry.federation.field(external=True)


def _zoo() -> Domain:
    """The animals, with fields that others require, override, or must not see."""

    @entity(tables.enclosures)
    class Enclosure:
        id: ID
        name: str = column(directives=[Shareable()])
        animals: Connection[Animal] = has_many("enclosure_id")

    @entity(tables.animals)
    class Animal:
        id: ID
        name: str = column(directives=[Shareable()])
        nickname: str | None = column(directives=[Override(override_from="vets")])
        weight: float | None = column(directives=[Tag(name="public")])
        tags: list[str] = column(directives=[Inaccessible()])
        born: dt.date | None = column(authenticated=True)
        seen: dt.datetime | None = column(scopes=[["a", "b"], ["c"]], policies=[["adult"]])
        mood: tables.Mood | None = column(roles=["keeper"])
        enclosure: Enclosure | None = belongs_to("enclosure_id")
        weight_on_moon: float | None = external()
        scan: Scan | None = external()

        @field(needs=("name",), requires="scan { organs { name } takenBy }")
        def finding(self) -> str | None:
            scan: Any = self.scan
            return scan and f"{self.name}: {[one.name for one in scan.organs]} by {scan.taken_by}"

        @field(needs=("name",), requires="weightOnMoon")
        def report(self) -> str:
            return f"{self.name} weighs {self.weight_on_moon}"

    @entity(tables.feedings, key=("animal_id", "day"))
    class Feeding:
        animal_id: ID
        day: dt.date
        grams: int | None

    @queries
    class Roots:
        animals: Connection[Animal] | None = listing()
        enclosure: Enclosure | None = by_key()

    return Domain(
        entities=[Enclosure, Animal, Feeding],
        queries=[Roots],
        subgraph=True,
        policies={"adult": lambda viewer: viewer.subject is not None},
    )


def _office() -> Domain:
    """The papers, and what else is known of the same animals."""

    @entity(tables.enclosures)
    class Enclosure:
        id: ID
        name: str = column(directives=[Shareable()])

    @entity(tables.keepers)
    class Keeper:
        id: ID
        name: str

    @entity(tables.animals)
    class Animal:
        id: ID
        name: str = column(directives=[External()])
        keepers: Connection[Keeper] = many_through(tables.animal_keepers)

    @entity(tables.passports, key="code", other_keys=["animal_id"])
    class Passport:
        code: ID
        animal_id: ID | None
        issued: dt.datetime | None
        animal: Animal | None = belongs_to("animal_id", directives=[Provides(fields="name")])

    @entity(tables.remarks)
    class Remark:
        id: ID
        text: str

    @entity(tables.feedings, key=("animal_id", "day"))
    class Feeding:
        animal_id: ID
        day: dt.date
        remarks: Connection[Remark] = has_many("animal_id", "day")

    @entity(tables.specimens, directives=[InterfaceObject()])
    class Thing:
        id: ID
        small: int | None

    @queries
    class Roots:
        keepers: Connection[Keeper] | None = listing()
        animal_of: Animal | None = by_key()
        enclosure_of: Enclosure | None = by_key()

    entities = [Enclosure, Keeper, Animal, Passport, Remark, Feeding, Thing]
    return Domain(entities=entities, queries=[Roots], subgraph=True)


ZOO = _zoo()
OFFICE = _office()


def viewer_of(headers: Sequence[tuple[bytes, bytes]], _scope: Any = None) -> Viewer:
    """Who `x-user` says; a keeper."""
    name = dict(headers).get(b"x-user")
    if name is None:
        return ANONYMOUS
    return Viewer(subject=name.decode(), roles=frozenset({"keeper"}), scopes=frozenset({"c"}))


@asynccontextmanager
async def over_http(zoo: Zoo, forward: frozenset[str] = frozenset()) -> AsyncIterator[str]:
    """The engine behind a real server; its address."""
    endpoint = GraphQLOverHTTP(zoo.engine, identify=viewer_of, forward=forward)
    async with serving(endpoint) as url:
        yield url


async def _install(npm: str, folder: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(APOLLO / name, folder)
    process = await asyncio.create_subprocess_exec(
        *(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"),
        cwd=folder,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, complaint = await asyncio.wait_for(process.communicate(), SECONDS)
    said = complaint.decode()
    if any(code in said for code in UNREACHABLE):
        pytest.skip("the npm registry cannot be reached: Apollo's packages are needed")
    assert process.returncode == 0, said


async def installed() -> Path:
    """The folder with Apollo's packages, which is kept between runs; skips where npm is absent."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed: composing with Apollo's packages needs it")
    locked = sha256((APOLLO / "package-lock.json").read_bytes()).hexdigest()[:16]
    folder = INSTALLED / locked
    if not folder.exists():
        # Made aside, so that neither an end in between nor another run leaves half a folder.
        making = INSTALLED / f"{locked}.{os.getpid()}"
        making.mkdir(parents=True)
        try:
            await _install(npm, making)
            if not folder.exists():
                making.rename(folder)
        finally:
            shutil.rmtree(making, ignore_errors=True)
    for script in APOLLO.glob("*.mjs"):
        shutil.copy(script, folder)
    return folder


class Supergraph:
    """What Apollo made of the subgraphs: `sdl` and an address, or `errors` of the composition."""

    def __init__(self, said: dict[str, Any]) -> None:
        self.errors: list[str] = said.get("errors", [])
        self.sdl: str = said.get("supergraph", "")
        self._url: str = said.get("url", "")
        self.sent: list[dict[str, Any]] = []

    async def ask(self, document: str, user: str | None = None, **variables: Any) -> dict[str, Any]:
        """The gateway's answer; what it sent to the subgraphs is in `sent`."""
        headers = {"x-user": user} if user else {}
        async with httpx.AsyncClient(timeout=30) as client:
            response = await client.post(
                self._url, json={"query": document, "variables": variables}, headers=headers
            )
        body: dict[str, Any] = response.json()
        self.sent = body.pop("extensions", {}).get("sent", [])
        return body

    async def data(self, document: str, user: str | None = None, **variables: Any) -> Any:
        """The data of an answer that must be without errors."""
        body = await self.ask(document, user, **variables)
        assert "errors" not in body, body["errors"]
        return body["data"]

    def to(self, name: str) -> list[dict[str, Any]]:
        """What went to one subgraph."""
        return [one for one in self.sent if one["to"] == name]


@asynccontextmanager
async def composed(folder: Path, *subgraphs: str) -> AsyncIterator[Supergraph]:
    """Apollo's gateway over subgraphs (`name=address`, or `vets`)."""
    process = await asyncio.create_subprocess_exec(
        *("node", "supergraph.mjs", *subgraphs),
        cwd=folder,
        env={"PATH": os.environ["PATH"], "APOLLO_TELEMETRY_DISABLED": "1"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=4_000_000,
    )
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise RuntimeError("the process has no pipes")
    try:
        line = await asyncio.wait_for(process.stdout.readline(), 60)
        if not line:
            raise RuntimeError((await process.stderr.read()).decode())
        yield Supergraph(json.loads(line))
    finally:
        process.stdin.close()
        await asyncio.wait_for(process.communicate(), 30)
