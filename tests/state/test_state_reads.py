"""What is read of a namespace: each field as its command means it, all in one round trip."""

from __future__ import annotations

import json

import pytest

LOOK = """
    get(key: "v") missing: get(key: "no") exists(key: "v") kind(key: "h") none: kind(key: "no")
    many: getMany(keys: ["v", "no", "h", "v"]) counter(key: "c") zero: counter(key: "no")
    hash(key: "h") { name value } some: hash(key: "h", fields: ["b", "no"]) { value }
    hashLength(key: "h") list(key: "l", start: 1, first: 2) end: list(key: "l", start: -1)
    listLength(key: "l") members(key: "s") isMember(key: "s", member: "x") memberCount(key: "s")
    leaderboard(key: "z", first: 2) { rank member score } score(key: "z", member: "p")
    rank(key: "z", member: "p", order: LOWEST_FIRST) leaderboardSize(key: "z") __typename
"""


async def fill(client, prefix):
    """One value of each kind."""
    await client.mset({f"{prefix}n:v": '{"a":[1]}', f"{prefix}n:c": "9007199254740993"})
    await client.hset(f"{prefix}n:h", mapping={"a": "1", "b": '"two"'})
    await client.rpush(f"{prefix}n:l", "1", "2", "3", "4")
    await client.sadd(f"{prefix}n:s", "x")
    await client.zadd(f"{prefix}n:z", {"p": 1.5, "q": 3, "r": 2})


async def test_every_field_means_its_command(store, client):
    """Each kind of value reads as JSON; what is not there is null, or 0 for a counter."""
    await fill(client, store.prefix)
    assert await store.state(LOOK) == {
        "get": {"a": [1]},
        "missing": None,
        "exists": True,
        "kind": "HASH",
        "none": None,
        "many": [{"a": [1]}, None, None, {"a": [1]}],
        "counter": "9007199254740993",
        "zero": "0",
        "hash": [{"name": "a", "value": 1}, {"name": "b", "value": "two"}],
        "some": [{"value": "two"}, {"value": None}],
        "hashLength": 2,
        "list": [2, 3],
        "end": [4],
        "listLength": 4,
        "members": ["x"],
        "isMember": True,
        "memberCount": 1,
        "leaderboard": [
            {"rank": 0, "member": "q", "score": 3},
            {"rank": 1, "member": "r", "score": 2},
        ],
        "score": 1.5,
        "rank": 0,
        "leaderboardSize": 3,
        "__typename": "State",
    }


async def test_one_round_trip_for_all(store, client):
    """Fields of several namespaces, look-ups and commands, travel in one conversation."""
    await fill(client, store.prefix)
    await store.state('get(key: "v")')
    before = store.source._turns.sent
    await store.data(
        f'{{ a: state(namespace: NOTES) {{ {LOOK} }} b: state(namespace: TEXTS) {{ getMany(keys: ["x"]) get(key: "y") }} c: state(namespace: BRIEF) {{ getMany(keys: ["x"]) }} }}'
    )
    assert store.source._turns.sent == before + 1


async def test_look_ups_share_a_command(store, client):
    """The keys of all `getMany` of a moment are one MGET."""
    calls = (await client.info("commandstats")).get("cmdstat_mget", {"calls": 0})["calls"]
    await store.data(
        '{ a: state(namespace: NOTES) { getMany(keys: ["a", "b"]) two: getMany(keys: ["c"]) } b: state(namespace: TEXTS) { getMany(keys: ["x"]) } }'
    )
    assert (await client.info("commandstats"))["cmdstat_mget"]["calls"] == calls + 1


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ('get(key: "h")', "plain value"),
        ('counter(key: "l")', "counter"),
        ('hash(key: "v") { name }', "hash"),
        ('hash(key: "v", fields: ["a"]) { name }', "hash"),
        ('list(key: "h")', "list"),
        ('members(key: "h")', "set"),
        ('leaderboard(key: "h") { member }', "sorted set"),
        ('rank(key: "h", member: "x")', "sorted set"),
    ],
)
async def test_another_kind_is_an_error_of_its_field(store, client, field, expected):
    """The error names namespace and expected kind and not the value; other fields have theirs."""
    await fill(client, store.prefix)
    body = await store.ask(f'{{ state(namespace: NOTES) {{ bad: {field} get(key: "v") }} }}')
    (error,) = body["errors"]
    assert body["data"] == {"state": {"bad": None, "get": {"a": [1]}}}
    assert error["path"] == ["state", "bad"]
    assert error["extensions"]["code"] == "SOURCE_DATA"
    assert f"holds no {expected};" in error["message"]
    assert "NOTES" in error["message"]


FOREIGN = [b"", b"{", b"{'a':1}", b'{"a":1}x', b"NaN", b'"\xff"', b'"a\tb"', b"1,2", b"[" * 3000]


@pytest.mark.parametrize("stored", FOREIGN, ids=repr)
async def test_nothing_unchecked_is_spliced(store, client, stored):
    """What is not JSON is an error at its place in lists, hashes and look-ups; the body stays JSON."""
    prefix = store.prefix
    await client.mset({f"{prefix}n:bad": stored, f"{prefix}n:good": "1"})
    await client.hset(f"{prefix}n:h", mapping={"x": stored, "y": "2"})
    await client.rpush(f"{prefix}n:l", "3", stored, "4")
    body = await store.ask(
        '{ state(namespace: NOTES) { get(key: "bad") getMany(keys: ["good", "bad"]) hash(key: "h") { value } list(key: "l") } }'
    )
    assert body["data"]["state"] == {
        "get": None,
        "getMany": [1, None],
        "hash": [{"value": None}, {"value": 2}],
        "list": [3, None, 4],
    }
    assert [error["path"] for error in body["errors"]] == [
        ["state", "get"],
        ["state", "getMany", 1],
        ["state", "hash", 0, "value"],
        ["state", "list", 1],
    ]
    assert {error["extensions"]["code"] for error in body["errors"]} == {"SOURCE_DATA"}


async def test_tabs_between_tokens(store, client):
    """JSON with white space of every sort reads as what it means."""
    await client.set(f"{store.prefix}n:v", b'\t{\n\t"a"\t:\t1 }')
    assert await store.state('get(key: "v") getMany(keys: ["v"])') == {
        "get": {"a": 1},
        "getMany": [{"a": 1}],
    }


async def test_raw_text(store, client):
    """A namespace of text gives strings, whatever they look like."""
    await client.set(f"{store.prefix}t:v", '{"no": json\t"é\n')
    found = await store.state('get(key: "v")', namespace="TEXTS")
    assert found == {"get": '{"no": json\t"é\n'}
    await client.set(f"{store.prefix}t:v", b"\xff")
    error = await store.error('{ state(namespace: TEXTS) { get(key: "v") } }')
    assert error["extensions"]["code"] == "SOURCE_DATA"


async def test_a_value_over_the_limit(store, client):
    """What somebody else stored beyond the namespace's limit does not go out."""
    await client.set(f"{store.prefix}b:v", json.dumps("x" * 40))
    error = await store.error('{ state(namespace: BRIEF) { get(key: "v") } }')
    assert error["message"] == "the stored value is too large"


async def test_scores_that_json_cannot_hold(store, client):
    """An infinite score is an error in its place; tiny and huge ones are numbers."""
    await client.zadd(f"{store.prefix}n:z", {"a": float("inf"), "b": 1e300, "c": 1e-7, "d": -3})
    body = await store.ask('{ state(namespace: NOTES) { leaderboard(key: "z") { member score } } }')
    assert [row["score"] for row in body["data"]["state"]["leaderboard"]] == [None, 1e300, 1e-7, -3]
    assert [error["path"][2] for error in body["errors"]] == [0]


@pytest.mark.parametrize("order", ["HIGHEST_FIRST", "LOWEST_FIRST"])
async def test_leaderboards_by_rank_and_by_score(store, client, order):
    """Offset and bounds pick the same members as sorting would."""
    scores = {f"m{number}": number * 1.5 for number in range(20)}
    await client.zadd(f"{store.prefix}n:z", scores)
    ranked = sorted(scores, key=scores.__getitem__, reverse=order == "HIGHEST_FIRST")
    found = await store.state(
        f'a: leaderboard(key: "z", first: 4, offset: 3, order: {order}) {{ member rank }} b: leaderboard(key: "z", first: 3, offset: 1, order: {order}, minScore: 6, maxScore: 20) {{ member rank }}'
    )
    assert found["a"] == [{"member": ranked[at], "rank": at} for at in range(3, 7)]
    within = [member for member in ranked if 6 <= scores[member] <= 20]
    assert found["b"] == [{"member": member, "rank": None} for member in within[1:4]]


async def test_large_hashes_and_sets_are_refused_whole(store, client):
    """A thousand members come at once; more are an error, as a part would look like all."""
    prefix = store.prefix
    await client.hset(f"{prefix}n:h", mapping={str(number): "1" for number in range(1_000)})
    await client.sadd(f"{prefix}n:s", *range(1_000))
    found = await store.state('hash(key: "h") { name } members(key: "s")')
    assert len(found["hash"]) == len(found["members"]) == 1_000
    await client.sadd(f"{prefix}n:s", *range(1_000, 6_000))
    error = await store.error('{ state(namespace: NOTES) { members(key: "s") } }')
    assert "more than 1000" in error["message"]


async def walk(store, match, first):
    """All pages of a namespace's keys."""
    after, pages = "null", []
    while True:
        found = await store.state(
            f"keys(match: {json.dumps(match)}, first: {first}, after: {after}) {{ nodes pageInfo {{ hasNextPage endCursor }} }}"
        )
        pages.append(found["keys"]["nodes"])
        info = found["keys"]["pageInfo"]
        assert info["hasNextPage"] == (info["endCursor"] is not None)
        if not info["hasNextPage"]:
            return pages
        after = json.dumps(info["endCursor"])


@pytest.mark.parametrize("first", [1, 7, 100, 1000])
async def test_pages_hold_every_key_once(store, client, first):
    """In a database at rest: no key is missing, none comes twice, and pages are about as asked."""
    names = {f"k{number}" for number in range(150)}
    await client.mset({f"{store.prefix}n:{name}": "1" for name in names})
    await client.mset({f"{store.prefix}t:{name}": "1" for name in names})
    pages = await walk(store, "*", first)
    assert sorted(name for page in pages for name in page) == sorted(names)


async def test_a_pattern_picks_keys(store, client):
    """`*` is the only wildcard; everything else, escaped ones too, stands for itself."""
    for key in ("a%2A1", "ab1", "ab2", "a%5B1%5D", "%C3%A91"):
        await client.set(f"{store.prefix}n:{key}", "1")
    for match, expected in {
        "ab*": {"ab1", "ab2"},
        "*1": {"a*1", "ab1", "é1"},
        "a\\*1": {"a*1"},
        "a[1]": {"a[1]"},
        "a?1": set(),
        "é*": {"é1"},
        "": set(),
    }.items():
        pages = await walk(store, match, 10)
        assert {name for page in pages for name in page} == expected, match


@pytest.mark.parametrize(
    "after",
    ["x", "", "WyJhIl0=", "WyJrZXlzICoiLCIiLCJ4Il0=", "WyJrZXlzICoiLCJub2RlIiwiMCJd", "A" * 70_000],
)
async def test_a_foreign_cursor_is_refused(store, after):
    """Only a cursor that this list gave is taken."""
    body = await store.ask(
        "query ($after: String) { state(namespace: NOTES) { keys(after: $after) { nodes } } }",
        {"after": after},
    )
    assert body["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_a_cursor_of_another_pattern(store, client):
    """It would go on in the middle of something else."""
    await client.mset({f"{store.prefix}n:k{number}": "1" for number in range(50)})
    found = await store.state("keys(first: 1) { pageInfo { endCursor } }")
    cursor = found["keys"]["pageInfo"]["endCursor"]
    error = await store.error(
        f'{{ state(namespace: NOTES) {{ keys(match: "k*", after: "{cursor}") {{ nodes }} }} }}'
    )
    assert error["extensions"]["argument"] == "after"


@pytest.mark.parametrize(
    "field",
    [
        "getMany(keys: [])",
        'list(key: "l", first: 0)',
        'list(key: "l", first: 1001)',
        'leaderboard(key: "z", offset: -1) { rank }',
        'leaderboard(key: "z", minScore: 1e999) { rank }',
        "keys(first: 100000) { nodes }",
        'hash(key: "h", fields: []) { name }',
        'get(key: "")',
        f'isMember(key: "s", member: "{"x" * 1_025}")',
    ],
)
async def test_arguments_are_bounded(store, field):
    """Nothing is asked of Redis for an argument beyond its bounds."""
    before = store.source._turns.sent
    error = await store.error(f"{{ state(namespace: NOTES) {{ {field} }} }}")
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert store.source._turns.sent == before


async def test_conditions_and_fragments(store, client):
    """Selections merge and are left out as GraphQL says."""
    await client.set(f"{store.prefix}n:v", "1")
    found = await store.data(
        'query ($no: Boolean!) { state(namespace: NOTES) { ...F get(key: "v") x: get(key: "v") @skip(if: $no) } } fragment F on State { exists(key: "v") get(key: "v") }',
        {"no": True},
    )
    assert found == {"state": {"exists": True, "get": 1}}
