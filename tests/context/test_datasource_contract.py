"""What every key-value source must show, on the real engine of each kind."""

import asyncio
import math

import pytest

from gateway.context.datasource import MAX_BATCH
from gateway.context.keys import MAX_KEY_BYTES
from gateway.errors import InputError, SourceDataError, SourceTimeout

VALUES = [
    None,
    True,
    0,
    -1.5,
    2**53,
    -(2**63),
    "",
    "x\x00\n\u2028ключ🎈",
    [],
    {},
    {"a": [1, {"b": None}], "": "empty key", "ü": 1},
    ["long text " * 2_000],
]


async def test_what_is_saved_is_loaded(source):
    """Every JSON value comes back as it was, also a large one that is deflated."""
    for place, value in enumerate(VALUES):
        await source.save(f"v-{place}", value)
    for place, value in enumerate(VALUES):
        assert await source.load(f"v-{place}") == value
        assert await source.exists(f"v-{place}")


async def test_what_is_not_there_is_absent(source):
    """A key that was never saved is None, does not exist, and cannot be deleted."""
    assert await source.load("never") is None
    assert not await source.exists("never")
    assert not await source.delete("never")
    assert await source.load_batch(["never", "ever"]) == {}
    assert await source.keys() == []
    assert await source.size() == 0


async def test_saving_again_replaces_value_and_life(benched):
    """The last save counts, with its own time to live."""
    made, source = benched
    await source.save("k", 1, ttl=100)
    await source.save("k", {"now": 2})
    await made.pass_time(200)
    assert await source.load("k") == {"now": 2}
    await source.save("k", 3, ttl=100)
    await made.pass_time(200)
    assert await source.load("k") is None


async def test_deleted_is_gone(source):
    """`delete` says whether there was a value; a second one finds none."""
    await source.save("k", 1)
    assert await source.delete("k")
    assert not await source.delete("k")
    assert await source.load("k") is None
    assert await source.size() == 0


async def test_the_expired_is_absent_everywhere(benched):
    """At its end a value is gone from every answer at once; before it, it is in all of them."""
    made, source = benched
    await source.save_batch({"short": 1, "other": 2}, ttl=100)
    await source.save("long", 3, ttl=1_000)
    await source.save("ever", 4, ttl=0)
    await made.pass_time(90)
    assert await source.keys() == ["ever", "long", "other", "short"]
    assert await source.size() == 4
    await made.pass_time(20)
    assert await source.load_batch(["short", "long", "ever"]) == {"long": 3, "ever": 4}
    assert not await source.exists("short")
    assert await source.keys() == ["ever", "long"]
    assert await source.size() == 2
    assert not await source.delete("other")


async def test_the_settings_give_a_default_life(benched):
    """`ttl` of the settings holds where a call names none; 0 is for ever."""
    made, _ = benched
    source = made.made(ttl=100.0)
    await source.connect()
    try:
        await source.save("k", 1)
        await source.save("ever", 1, ttl=0)
        await made.pass_time(200)
        assert await source.keys() == ["ever"]
    finally:
        await source.disconnect()


async def test_pruning_removes_what_expired_and_nothing_else(benched):
    """Afterwards everything that lives is as it was."""
    made, source = benched
    await source.save_batch({f"old-{n}": n for n in range(30)}, ttl=100)
    await source.save_batch({f"new-{n}": n for n in range(5)}, ttl=100_000)
    await made.pass_time(5_000)
    gone = await source.prune()
    assert gone == (30 if made.kind in {"postgresql", "s3", "filesystem"} else 0)
    assert await source.prune() == 0
    assert await source.load_batch([f"new-{n}" for n in range(5)]) == {
        f"new-{n}": n for n in range(5)
    }


async def test_a_batch_of_a_thousand(source):
    """A thousand entries go and come in one call; one more is refused before anything is sent."""
    entries = {f"run-{n}/step:{n % 7}": {"n": n} for n in range(MAX_BATCH)}
    await source.save_batch(entries)
    assert await source.load_batch([*reversed(entries), "none"][:MAX_BATCH]) == entries
    assert await source.size() == MAX_BATCH
    with pytest.raises(InputError, match="at most 1000"):
        await source.save_batch({**entries, "more": 1})
    with pytest.raises(InputError, match="at most 1000"):
        await source.load_batch([*entries, "more"])


async def test_keys_by_pattern(source):
    """`*` is any characters, `?` one character of any script; all else is itself."""
    names = ["a/b", "a/bc", "a%b", "a_b", "a.b", "ab", "run:1", "run:12", "é", "éé", "$^|()+#"]
    await source.save_batch(dict.fromkeys(names, 0))
    expected = {
        "*": names,
        "a?b": ["a/b", "a%b", "a_b", "a.b"],
        "a_b": ["a_b"],
        "a%b": ["a%b"],
        "a.b": ["a.b"],
        "run:*": ["run:1", "run:12"],
        "*1*": ["run:1", "run:12"],
        "run:?": ["run:1"],
        "?": ["é"],
        "??": ["ab", "éé"],
        "*b**": ["a/b", "a/bc", "a%b", "a_b", "a.b", "ab"],
        "$^|()+#": ["$^|()+#"],
        "none*": [],
        "A*": [],
    }
    for pattern, found in expected.items():
        assert await source.keys(pattern) == sorted(found), pattern
    assert len(await source.keys("*", limit=3)) == 3
    assert set(await source.keys("*", limit=3)) <= set(names)


async def test_keys_that_look_dangerous_are_keys(source):
    """Names that an engine could take for something else stay values of their own."""
    names = [
        *("a", "a/b", "a/b/c", "a%2Fb", "%2e%2e", "..x", "x..", "~", "-rf", "a:b", ":", "::"),
        *("CON", "a'b\"c", "<script>", "$where", "key;drop", "ключ", "日本語", "🎈", "İ", "ß"),
        *("K" * MAX_KEY_BYTES, "é" * (MAX_KEY_BYTES // 2), "k", "K", "1.", ".1", "a&b=c"),
    ]
    entries = {name: place for place, name in enumerate(names)}
    await source.save_batch(entries)
    assert await source.load_batch(names) == entries
    assert await source.keys() == sorted(names)
    for name in names:
        assert await source.delete(name), name
    assert await source.size() == 0


@pytest.mark.parametrize(
    "key",
    [
        *(
            "",
            "..",
            ".",
            "a/../b",
            "../../etc/passwd",
            "/etc/passwd",
            "a//b",
            "a/",
            "a/.",
            "a\x00b",
        ),
        *(
            "a b",
            "a\n",
            "a\\b",
            "a*",
            "a?",
            "[a]",
            "{a}",
            "\ud800",
            "e\u0301",
            "a\u200bb",
            "a\u202eb",
        ),
        *("x" * (MAX_KEY_BYTES + 1), "é" * (MAX_KEY_BYTES // 2 + 1), "x" * 10_240, None, 7, b"k"),
    ],
)
async def test_what_is_no_key_is_refused(benched, key):
    """Every method refuses it by the same rule, before the engine is asked."""
    _, source = benched
    for call in (
        source.load(key),
        source.exists(key),
        source.delete(key),
        source.save(key, 1),
        source.load_batch([key]),
        source.save_batch({"fine": 1, key: 1}),
    ):
        with pytest.raises(InputError, match="A key"):
            await call
    assert not await source.exists("fine")


async def test_what_is_no_pattern_or_bound_is_refused(source):
    """Patterns are as strict as keys, but for `*` and `?`; limits have limits."""
    for pattern in ("", "a b", "[a]", "x" * 241, "*a*b*c*d*e*f*g*h*i*", None):
        with pytest.raises(InputError, match="A pattern"):
            await source.keys(pattern)
    for limit in (0, -1, 10_001):
        with pytest.raises(InputError, match="1 to 10000"):
            await source.keys("*", limit)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(math.nan, id="NaN"),
        pytest.param(math.inf, id="infinity"),
        pytest.param([1, {"a": -math.inf}], id="infinity-within"),
        pytest.param(2**64, id="beyond-64-bits"),
        pytest.param({1: 2}, id="key-no-text"),
        pytest.param({1, 2}, id="set"),
        pytest.param(object(), id="object"),
        pytest.param(b"x", id="bytes"),
        pytest.param("\ud800", id="surrogate"),
        pytest.param({"\udfff": 1}, id="surrogate-key"),
        pytest.param(print, id="function"),
    ],
)
async def test_what_is_no_json_is_refused(source, data):
    """A typed error, and what was there before is still there."""
    await source.save("k", "before")
    with pytest.raises(InputError, match="JSON"):
        await source.save("k", data)
    assert await source.load("k") == "before"


async def test_a_value_has_a_bound(benched):
    """Above `max_value_bytes` of JSON it is refused, whatever it would deflate to."""
    made, _ = benched
    source = made.made(max_value_bytes=10_000)
    await source.connect()
    try:
        await source.save("k", "x" * 9_998)
        with pytest.raises(InputError, match=r"10001 bytes of JSON; the source takes 10000"):
            await source.save("k", "x" * 9_999)
        assert await source.load("k") == "x" * 9_998
    finally:
        await source.disconnect()
    smaller = made.made(max_value_bytes=100)
    await smaller.connect()
    try:
        with pytest.raises(SourceDataError, match=r"100 bytes|larger"):
            await smaller.load("k")
    finally:
        await smaller.disconnect()


@pytest.mark.parametrize("ttl", [-1, math.nan, math.inf, 1e12, 0.0001, "5", True])
async def test_what_is_no_life_is_refused(source, ttl):
    """A time to live is a number of seconds, at least a millisecond, at most ten years."""
    with pytest.raises(InputError, match="ttl"):
        await source.save("k", 1, ttl=ttl)


async def test_two_sources_of_one_engine_share_nothing(benched):
    """Prefixes keep them apart, also where one begins with the other; equal ones share."""
    made, source = benched
    other = made.made(prefix=f"{made.prefix}x:")
    same = made.made(name="another")
    for one in (other, same):
        await one.connect()
    try:
        await source.save("k", "mine")
        await other.save("k", "other")
        assert await source.load("k") == "mine"
        assert await other.load("k") == "other"
        assert await same.load("k") == "mine"
        assert await other.keys() == ["k"]
    finally:
        await other.disconnect()
        await same.disconnect()


async def test_a_hundred_writers_at_once(benched):
    """No value is torn or mixed, none is lost, however they interleave."""
    made, source = benched
    sources = [source, made.made(name="second"), made.made(name="third")]
    for one in sources[1:]:
        await one.connect()

    async def run(number: int) -> None:
        own = sources[number % 3]
        body = {"writer": number, "text": [number] * 2_000}
        await own.save(f"own-{number}", body)
        await own.save("shared", body)
        await own.save_batch({f"batch-{place}": body for place in range(5)})
        assert await own.load(f"own-{number}") == body

    try:
        await asyncio.gather(*map(run, range(100)))
    finally:
        for one in sources[1:]:
            await one.disconnect()
    assert await source.size() == 106
    for key in ("shared", *(f"batch-{place}" for place in range(5))):
        found = await source.load(key)
        assert found["text"] == [found["writer"]] * 2_000


async def test_life_cycle(benched):
    """Connecting and disconnecting may be repeated; `is_connected` tells and never raises."""
    made, _ = benched
    source = made.made()
    await source.connect()
    await source.connect()
    assert await source.is_connected()
    await source.save("k", 1)
    await source.disconnect()
    await source.disconnect()
    again = made.made()
    await again.connect()
    assert await again.load("k") == 1
    await again.disconnect()


async def test_nothing_is_awaited_beyond_the_deadline(source):
    """A call with no time left is a typed error, and the source works on."""
    late = source.within(asyncio.get_running_loop().time() - 1)
    with pytest.raises(SourceTimeout):
        await late.save("k", 1)
    with pytest.raises(SourceTimeout):
        await late.keys()
    await source.save("k", 2)
    assert await source.load("k") == 2


async def test_a_cancelled_call_leaves_the_source_whole(source):
    """Whatever moment a call is cut at, all connections serve on."""
    body = ["x" * 100] * 2_000
    for round_ in range(20):
        tasks = [asyncio.ensure_future(source.save(f"k-{n}", body)) for n in range(8)]
        for _ in range(round_):
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    # Under other keys: a save that was cut may still be on its way to these.
    await asyncio.gather(*(source.save(f"n-{n}", n) for n in range(20)))
    assert await source.load_batch(f"n-{n}" for n in range(20)) == {f"n-{n}": n for n in range(20)}
