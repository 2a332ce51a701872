"""Whatever is done to a source, it answers as a dictionary with lives would."""

import asyncio

import pytest
from context.kinds import KINDS, bench
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.context.keys import Pattern, check_key
from gateway.context.record import HEAD_BYTES, head, read, write
from gateway.context.values import Codec
from gateway.errors import InputError

NAMES = st.sampled_from(["a", "b", "a/b", "a:1", "ключ", "x%2Fy"])
JSONS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=5), inner, max_size=3
        )
    ),
    max_leaves=8,
)
LIVES = st.sampled_from([None, 0, 500, 1_000, 2_000])
STEPS = st.one_of(
    st.tuples(st.just("save"), NAMES, JSONS, LIVES),
    st.tuples(st.just("batch"), st.dictionaries(NAMES, JSONS), LIVES),
    st.tuples(st.just("delete"), NAMES),
    st.tuples(st.just("prune")),
    st.tuples(st.just("time"), st.sampled_from([100, 600, 1_500])),
)


class Model:
    """What a source must be."""

    def __init__(self):
        self.now = 0
        self.values = {}

    def put(self, key, data, ttl):
        self.values[key] = (data, self.now + ttl if ttl else None)

    def live(self):
        return {
            key: data
            for key, (data, ends) in self.values.items()
            if ends is None or ends > self.now
        }


@pytest.mark.parametrize("kind", KINDS)
def test_a_source_is_a_dictionary_with_lives(kind, url_of):
    """After each step of any sequence, all reads agree with the model."""
    url = url_of(kind)

    @settings(
        max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(st.lists(STEPS, min_size=1, max_size=12))
    def check(steps):
        asyncio.run(_agree(kind, url, steps))

    check()


async def _agree(kind, url, steps):
    model = Model()
    async with bench(kind, url) as (made, source):
        for step in steps:
            match step:
                case ("save", key, data, ttl):
                    await source.save(key, data, ttl)
                    model.put(key, data, ttl)
                case ("batch", entries, ttl):
                    await source.save_batch(entries, ttl)
                    for key, data in entries.items():
                        model.put(key, data, ttl)
                case ("delete", key):
                    assert await source.delete(key) is (key in model.live())
                    model.values.pop(key, None)
                case ("prune",):
                    await source.prune()
                case ("time", seconds):
                    await made.pass_time(seconds)
                    model.now += seconds
            live = model.live()
            assert await source.keys() == sorted(live)
            assert await source.size() == len(live)
            assert repr(await source.load_batch(live)) == repr(live)


@given(st.text(max_size=300))
def test_a_key_is_accepted_or_refused_and_never_changed(text):
    """What is accepted has no way out: no traversal, no control, no space, no wildcard."""
    try:
        key = check_key(text)
    except InputError:
        return
    assert key == text
    assert len(key.encode()) <= 240
    assert not set(key) & set("*?[]{}\\ \x00\n")
    assert not {"", ".", ".."} & set(key.split("/"))


@given(st.text("ab*?", min_size=1, max_size=12), st.text("ab", min_size=1, max_size=12))
def test_a_pattern_matches_as_its_definition_says(pattern, key):
    """`*` is any characters and `?` one, by the textbook's recursion."""

    def like(left, right):
        if not left:
            return not right
        if left[0] == "*":
            return like(left[1:], right) or (bool(right) and like(left, right[1:]))
        return bool(right) and left[0] in {"?", right[0]} and like(left[1:], right[1:])

    try:
        made = Pattern.of(pattern)
    except InputError:
        assert pattern.count("*") > 8
        return
    assert made.matches(key) is like(pattern, key)
    assert not made.matches(key) or key.startswith(made.literal)


@given(JSONS, st.sampled_from([0, 1, 50]))
def test_a_value_comes_back_whatever_its_form(data, compress_above):
    """Deflated or not, and through a record, it is the same value."""
    codec = Codec(most=1 << 20, compress_above=compress_above)
    stored = asyncio.run(codec.encode(data))
    record = write("k/ü", stored, 1_000.0)
    assert head(record[:HEAD_BYTES]).key == "k/ü"
    assert read(record, "k/ü", 1_000.0) is None
    assert repr(asyncio.run(codec.decode(read(record, "k/ü", 999.999)))) == repr(data)
