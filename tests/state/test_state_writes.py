"""What writes do and return; each is made once, in its place."""

from __future__ import annotations

import asyncio

import pytest


async def test_set_and_its_conditions(store, client):
    """Stored or not, what was there before, and how long it lives."""
    write = 'setState(namespace: NOTES, key: "k", value: {value}{rest}) {{ stored previous }}'

    async def change(value, rest=""):
        return await store.change(write.format(value=value, rest=rest))

    assert await change(1, ", only: IF_PRESENT") == {"stored": False, "previous": None}
    assert await change(1, ", only: IF_ABSENT") == {"stored": True, "previous": None}
    assert await change(2, ", only: IF_ABSENT") == {"stored": False, "previous": 1}
    assert await change('{a: ["é"]}', ", only: IF_PRESENT") == {"stored": True, "previous": 1}
    assert await change(3, ", ttlSeconds: 100") == {"stored": True, "previous": {"a": ["é"]}}
    assert 99 <= await client.ttl(f"{store.prefix}n:k") <= 100
    assert await store.change('setState(namespace: NOTES, key: "k", value: 4) { stored }') == {
        "stored": True
    }
    assert await client.get(f"{store.prefix}n:k") == b"4"
    assert await client.ttl(f"{store.prefix}n:k") == -1


async def test_the_other_verbs(store, client):
    """Each returns what its command does, and the store holds what it should."""
    for field, value in [
        (
            'setStates(namespace: NOTES, entries: [{key: "a", value: 1}, {key: "b", value: "x"}], ttlSeconds: 9)',
            2,
        ),
        ('expireState(namespace: NOTES, key: "a", ttlSeconds: 50)', True),
        ('expireState(namespace: NOTES, key: "a")', True),
        ('expireState(namespace: NOTES, key: "a", ttlSeconds: null)', True),
        ('expireState(namespace: NOTES, key: "no", ttlSeconds: 50)', False),
        ('expireState(namespace: NOTES, key: "no")', False),
        ('deleteState(namespace: NOTES, keys: ["a", "no", "a"])', 1),
        ('incrementState(namespace: NOTES, key: "n")', "1"),
        ('incrementState(namespace: NOTES, key: "n", by: "9007199254740993")', "9007199254740994"),
        ('incrementState(namespace: NOTES, key: "n", by: -9007199254740995)', "-1"),
        (
            'setStateFields(namespace: NOTES, key: "h", entries: [{name: "f", value: 1}, {name: "g", value: [2]}])',
            2,
        ),
        ('deleteStateFields(namespace: NOTES, key: "h", names: ["f", "no"])', 1),
        ('pushState(namespace: NOTES, key: "l", values: [1, "b", {c: 3}])', 3),
        ('pushState(namespace: NOTES, key: "l", values: [0], end: LEFT)', 4),
        ('popState(namespace: NOTES, key: "l", count: 2)', [{"c": 3}, "b"]),
        ('popState(namespace: NOTES, key: "l", end: LEFT)', [0]),
        ('popState(namespace: NOTES, key: "no")', None),
        ('addStateMembers(namespace: NOTES, key: "s", members: ["x", "y", "x"])', 2),
        ('removeStateMembers(namespace: NOTES, key: "s", members: ["x", "no"])', 1),
        (
            'setStateScores(namespace: NOTES, key: "z", entries: [{member: "p", score: 1.5}, {member: "q", score: 2}])',
            2,
        ),
        (
            'setStateScores(namespace: NOTES, key: "z", entries: [{member: "p", score: 9}], only: IF_ABSENT)',
            0,
        ),
        ('incrementStateScore(namespace: NOTES, key: "z", member: "p", by: -0.25)', 1.25),
        ('incrementStateScore(namespace: NOTES, key: "z", member: "p")', 2.25),
        ('removeStateScores(namespace: NOTES, key: "z", members: ["q"])', 1),
    ]:
        assert await store.change(field) == value, field
    prefix = f"{store.prefix}n:"
    assert await client.get(f"{prefix}b") == b'"x"'
    assert 0 < await client.ttl(f"{prefix}b") <= 9
    assert await client.hgetall(f"{prefix}h") == {b"g": b"[2]"}
    assert await client.lrange(f"{prefix}l", 0, -1) == [b"1"]
    assert await client.smembers(f"{prefix}s") == {b"y"}
    assert await client.zrange(f"{prefix}z", 0, -1, withscores=True) == [(b"p", 2.25)]


async def test_in_order(store):
    """The fields of a mutation run one after the other, each seeing what those before it did."""
    fields = " ".join(
        f'm{number}: incrementState(namespace: NOTES, key: "n")' for number in range(20)
    )
    found = await store.data(f"mutation {{ {fields} }}")
    assert list(found.values()) == [str(number) for number in range(1, 21)]


async def test_a_failed_write_does_not_stop_the_others(store):
    """Each field has its own outcome."""
    body = await store.ask(
        'mutation { a: pushState(namespace: NOTES, key: "k", values: [1]) b: incrementState(namespace: NOTES, key: "k") c: pushState(namespace: NOTES, key: "k", values: [2]) }'
    )
    assert body["data"] == {"a": 1, "b": None, "c": 2}
    (error,) = body["errors"]
    assert (error["path"], error["extensions"]["code"]) == (["b"], "SOURCE_DATA")


@pytest.mark.parametrize(
    "field",
    [
        'incrementState(namespace: NOTES, key: "t")',
        'incrementState(namespace: NOTES, key: "n", by: 9223372036854775807)',
        'incrementStateScore(namespace: NOTES, key: "z", member: "i", by: 1)',
    ],
)
async def test_numbers_that_do_not_fit(store, client, field):
    """Not an integer, beyond 64 bits, an infinite score: typed errors."""
    prefix = f"{store.prefix}n:"
    await client.mset({f"{prefix}t": "text", f"{prefix}n": "5"})
    await client.zadd(f"{prefix}z", {"i": float("inf")})
    error = await store.error(f"mutation {{ {field} }}")
    assert error["extensions"]["code"] == "SOURCE_DATA"


async def test_by_beyond_64_bits(store):
    """Refused before Redis is asked."""
    error = await store.error(
        'mutation { incrementState(namespace: NOTES, key: "n", by: 9223372036854775808) }'
    )
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


async def test_a_previous_value_that_is_not_json(store, client):
    """The write is made and says so; what was there is an error in its place."""
    await client.set(f"{store.prefix}n:k", "{")
    body = await store.ask(
        'mutation { setState(namespace: NOTES, key: "k", value: 1) { stored previous } }'
    )
    assert body["data"] == {"setState": {"stored": True, "previous": None}}
    assert body["errors"][0]["path"] == ["setState", "previous"]
    assert await client.get(f"{store.prefix}n:k") == b"1"


async def test_text_takes_text_only(store, client):
    """A namespace of raw text stores a string as it is, and refuses everything else."""
    assert await store.change('setState(namespace: TEXTS, key: "k", value: "é {") { stored }')
    assert await client.get(f"{store.prefix}t:k") == "é {".encode()
    for value in ("1", "{a: 1}", "[]", "true"):
        error = await store.error(
            f'mutation {{ setState(namespace: TEXTS, key: "k", value: {value}) {{ stored }} }}'
        )
        assert error["extensions"]["code"] == "BAD_USER_INPUT"


async def test_limits_of_a_namespace(store, client):
    """No value over its bytes; no life over its seconds; and everything written has a life."""
    for field in (
        f'setState(namespace: BRIEF, key: "k", value: "{"x" * 31}") {{ stored }}',
        f'setStates(namespace: BRIEF, entries: [{{key: "a", value: 1}}, {{key: "k", value: "{"x" * 31}"}}])',
        f'pushState(namespace: BRIEF, key: "k", values: ["{"x" * 31}"])',
        f'setStateFields(namespace: BRIEF, key: "k", entries: [{{name: "f", value: "{"x" * 31}"}}])',
        'setState(namespace: BRIEF, key: "k", value: 1, ttlSeconds: 61) { stored }',
        'expireState(namespace: BRIEF, key: "k", ttlSeconds: 61)',
        'expireState(namespace: BRIEF, key: "k")',
    ):
        error = await store.error(f"mutation {{ {field} }}")
        assert error["extensions"]["code"] == "BAD_USER_INPUT", field
        assert not await client.keys(f"{store.prefix}b:*")
    for key, field in {
        "v": 'setState(namespace: BRIEF, key: "v", value: 1) { stored }',
        "w": 'setStates(namespace: BRIEF, entries: [{key: "w", value: 1}])',
        "n": 'incrementState(namespace: BRIEF, key: "n")',
        "h": 'setStateFields(namespace: BRIEF, key: "h", entries: [{name: "f", value: 1}])',
        "l": 'pushState(namespace: BRIEF, key: "l", values: [1])',
        "s": 'addStateMembers(namespace: BRIEF, key: "s", members: ["x"])',
        "z": 'setStateScores(namespace: BRIEF, key: "z", entries: [{member: "x", score: 1}])',
        "y": 'incrementStateScore(namespace: BRIEF, key: "y", member: "x")',
    }.items():
        await store.change(field)
        assert 58 <= await client.ttl(f"{store.prefix}b:{key}") <= 60, field
    await client.expire(f"{store.prefix}b:n", 20)
    await store.change('incrementState(namespace: BRIEF, key: "n")')
    assert await client.ttl(f"{store.prefix}b:n") <= 20


async def test_values_that_json_cannot_hold(store):
    """Too deep, too large a number, half a character: refused, and nothing stored."""
    deep = {}
    for _ in range(400):
        deep = {"d": deep}
    for value in (deep, 1 << 64, "\ud800"):
        body = await store.ask(
            'mutation ($v: JSON!) { setState(namespace: NOTES, key: "k", value: $v) { stored } }',
            {"v": value},
        )
        assert body["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert await store.state('exists(key: "k")') == {"exists": False}


async def test_deleting_by_pattern_ends_at_its_limit(store, client):
    """At most so many at once; going on deletes all of them and nothing else."""
    prefix = f"{store.prefix}n:"
    await client.mset({f"{prefix}old_{number}": "1" for number in range(250)})
    await client.mset({f"{prefix}new_1": "1", f"{store.prefix}t:old_1": "1"})
    after, deleted = "null", []
    while True:
        found = await store.change(
            f'deleteStateMatching(namespace: NOTES, match: "old_*", limit: 40, after: {after}) {{ deleted more endCursor }}'
        )
        assert found["deleted"] <= 40
        assert found["more"] == (found["endCursor"] is not None)
        deleted.append(found["deleted"])
        if not found["more"]:
            break
        after = f'"{found["endCursor"]}"'
    assert sum(deleted) == 250
    assert sorted(await client.keys(f"{store.prefix}*")) == sorted(
        [f"{prefix}new_1".encode(), f"{store.prefix}t:old_1".encode()]
    )


async def test_counting_at_once(store):
    """Many writers of one counter: no count is lost, no answer given twice."""
    counts = await asyncio.gather(
        *(store.change('incrementState(namespace: NOTES, key: "n")') for _ in range(200))
    )
    assert sorted(map(int, counts)) == list(range(1, 201))


async def test_no_part_of_a_transaction(store):
    """There is none over Redis, so `@transaction` is refused and nothing is written."""
    error = await store.error(
        'mutation @transaction { incrementState(namespace: NOTES, key: "n") }'
    )
    assert "cannot be part of a transaction" in error["message"]
    assert await store.state('exists(key: "n")') == {"exists": False}
