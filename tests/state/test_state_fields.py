"""Fields of entities that are kept in Redis, and state among plain resolvers."""

from __future__ import annotations

import uuid

import pytest
from state.cabinet import NAMES, cabinet
from strawberry import ID
from strawberry.scalars import JSON
from toy import tables
from toy.running import running

from gateway import (
    Connection,
    Domain,
    StateMutations,
    StateQueries,
    entity,
    field,
    listing,
    mutations,
    queries,
    state_counter,
    state_hash,
    state_list,
    state_members,
    state_text,
    state_value,
)
from gateway.errors import ConfigurationError
from gateway.schema.build import build

MARK = uuid.uuid4().hex


@entity(tables.animals, name="Animal")
class Kept:
    """An animal with everything that Redis knows of it."""

    id: ID
    name: str
    visits: int | None = state_counter(f"{MARK}:visits_{{id}}")
    profile: JSON | None = state_value(f"{MARK}:profile:{{id}}")
    note: str | None = state_text(f"{MARK}:note:{{id}}")
    traits: JSON | None = state_hash(f"{MARK}:traits:{{id}}")
    log: list[JSON | None] | None = state_list(f"{MARK}:log:{{id}}")
    tags: list[str | None] | None = state_members(f"{MARK}:tags:{{id}}")

    @field(needs=("name",))
    def loud(self) -> str:
        return self.name.upper()


@queries
class KeptQueries:
    """Reading them."""

    animals: Connection[Kept] | None = listing()


KEPT = Domain(entities=[Kept], queries=[KeptQueries])
DOCUMENT = "{ animals(first: 3) { nodes { id visits profile note traits log tags %s } } }"


@pytest.fixture
async def zoo(fresh_database, redis_url, client):
    """Three animals, of which the second has everything and the third has what is broken."""
    await client.set(f"{MARK}:visits_2", 7)
    await client.set(f"{MARK}:profile:2", '{"a":\t[1]}')
    await client.set(f"{MARK}:note:2", 'says "é"')
    await client.hset(f"{MARK}:traits:2", mapping={"x": "1", "y": '{"z": null}'})
    await client.delete(f"{MARK}:log:2", f"{MARK}:log:3")
    await client.rpush(f"{MARK}:log:2", "1", '"two"')
    await client.sadd(f"{MARK}:tags:2", "wild")
    await client.set(f"{MARK}:profile:3", "{")
    await client.rpush(f"{MARK}:log:3", "1", "{", "3")
    await client.set(f"{MARK}:traits:3", "no hash")
    async with running(fresh_database, redis_url, KEPT) as made:
        yield made


@pytest.mark.parametrize("walked", ["", "loud"], ids=["spliced", "walked"])
async def test_fields_of_every_kind(zoo, walked):
    """Each row has its own values; what is broken is an error in its place alone."""
    body = await zoo.ask(DOCUMENT % walked)
    rows = body["data"]["animals"]["nodes"]
    for row in rows:
        row.pop("loud", None)
    nothing = dict.fromkeys(("profile", "note", "traits", "log", "tags"))
    assert rows == [
        {"id": "1", "visits": 0, **nothing},
        {
            "id": "2",
            "visits": 7,
            "profile": {"a": [1]},
            "note": 'says "é"',
            "traits": {"x": 1, "y": {"z": None}},
            "log": [1, "two"],
            "tags": ["wild"],
        },
        {"id": "3", "visits": 0, **nothing, "log": [1, None, 3]},
    ]
    at = ["animals", "nodes", 2]
    places = [[*at, "profile"], [*at, "traits"], [*at, "log", 1]]
    assert sorted(map(str, (error["path"] for error in body["errors"]))) == sorted(map(str, places))


async def test_all_fields_of_all_rows_are_one_conversation(zoo):
    """Six fields of as many rows as there are: one MGET and one pipeline, together."""
    source = zoo.engine.groups["redis"]._source
    await zoo.ask(DOCUMENT % "")
    before = source._turns.sent
    await zoo.ask(DOCUMENT % "")
    assert source._turns.sent == before + 1


@pytest.mark.parametrize(
    ("made", "annotation"),
    [
        (state_value("a:{id}"), str | None),
        (state_text("a:{id}"), JSON | None),
        (state_hash("a:{id}"), list[JSON] | None),
        (state_list("a:{id}"), JSON | None),
        (state_members("a:{id}"), list[int] | None),
        (state_value("a:{id}"), JSON),
        (state_value("a:{nothing}"), JSON | None),
    ],
)
def test_a_wrong_annotation_or_pattern(made, annotation):
    """Start-up names the field."""
    body = {"__annotations__": {"id": ID, "wrong": annotation}, "wrong": made}
    cls = entity(tables.animals)(type("Odd", (), {**body, "__module__": __name__}))

    @queries
    class OddQueries:
        motto: str | None = None

    with pytest.raises(ConfigurationError, match=r"Odd\.wrong"):
        build(Domain(entities=[cls], queries=[OddQueries]))


@queries
class PlainQueries:
    """A field that graphql-core must run."""

    @field()
    def motto(self) -> str:
        return "Look, do not touch."


@mutations
class PlainMutations:
    """Likewise."""

    @field()
    def shout(self, text: str) -> str:
        return text.upper()


async def test_state_among_plain_resolvers(redis_url):
    """The same answers and the same errors where graphql-core walks beside them, in order."""
    domain = Domain(
        entities=[],
        queries=[StateQueries, PlainQueries],
        mutations=[StateMutations, PlainMutations],
        namespaces=NAMES,
    )
    async with cabinet(redis_url, f"{uuid.uuid4().hex}:", domain=domain) as store:
        body = await store.ask(
            'mutation { a: incrementState(namespace: NOTES, key: "n") shout(text: "x") b: incrementState(namespace: NOTES, key: "n", by: 4) c: incrementState(namespace: STAFF, key: "n") }'
        )
        assert body["data"] == {"a": "1", "shout": "X", "b": "5", "c": None}
        assert body["errors"][0]["extensions"]["code"] == "FORBIDDEN"
        body = await store.ask(
            '{ motto state(namespace: NOTES) { counter(key: "n") hash(key: "n") { name } keys { nodes } } no: state(namespace: CLOSED) { kind(key: "n") } }'
        )
        assert body["data"]["state"] == {"counter": "5", "hash": None, "keys": {"nodes": ["n"]}}
        assert {tuple(error["path"]) for error in body["errors"]} == {("state", "hash"), ("no",)}
