"""The level in the process: bounded, least recently used first out, never behind its moments."""

from __future__ import annotations

import gc

from hypothesis import given
from hypothesis import strategies as st

from gateway.caching.entry import Entry
from gateway.caching.memory import Memory
from gateway.caching.policy import Policy

NAME = (1, b"", None)


def entry(value, fresh=60.0):
    return Entry(value, 0.0, fresh, 0.0, 0.0, 0.0, {})


def memory(most=1 << 20):
    return Memory(most, lambda: 0.0, early=0.0)


def put(level, key, *tags, value=b"1", since=None):
    moment = level.moment if since is None else since
    return level.put(key, entry(value), age=0.0, since=moment, cells=level.cells(tags))


def test_the_least_recently_used_goes_first():
    """What was read stays longer than what was put in later and never read."""
    level = memory(10_000)
    for name in (b"a", b"b", b"c"):
        put(level, name, value=b"x" * 800)
    assert level.find(b"a") is not None
    for number in range(6):
        put(level, b"n%d" % number, value=b"x" * 800)
    assert level.find(b"a") is not None
    assert level.find(b"b") is None
    assert level.size <= 10_000


def test_one_value_cannot_fill_it():
    """A value of more than an eighth of the whole is not kept."""
    level = memory(10_000)
    put(level, b"a", value=b"x" * 2_000)
    assert len(level) == 0


def test_nothing_is_kept_where_the_bound_is_nothing():
    """0 bytes: off."""
    level = memory(0)
    put(level, b"a")
    assert level.find(b"a") is None


def test_tags_that_nobody_uses_are_forgotten():
    """Their cells go with the last answer that has them."""
    level = memory(10_000)
    for number in range(1_000):
        put(level, b"k", f"Row:{number}")
    gc.collect()
    assert len(level.tags()) == 1


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("put"), st.sampled_from("abc"), st.integers(0, 5)),
            st.tuples(st.just("invalidate"), st.sampled_from("abc"), st.just(0)),
            st.tuples(st.just("forget"), st.just(""), st.just(0)),
        ),
        max_size=30,
    )
)
def test_only_what_is_younger_than_every_invalidation_is_found(steps):
    """Against a model: an answer begun at a moment is good until its tag is invalidated later."""
    level = memory()
    cells = level.cells("abc")  # as in-flight answers hold them
    model: dict[str, int] = {}
    last = dict.fromkeys("abc", 0)
    for step, name, back in steps:
        if step == "put":
            since = max(0, level.moment - back)
            put(level, name.encode(), name, since=since)
            if since >= last[name]:
                model[name] = since
        elif step == "invalidate":
            level.invalidate([name])
            last[name] = level.moment
            model.pop(name, None)
        else:
            level.forget_all()
            last = dict.fromkeys("abc", level.moment)
            model.clear()
        found = {name for name in "abc" if level.find(name.encode()) is not None}
        assert found == set(model)
    assert len(cells) == 3


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("put"), st.sampled_from("abc")),
            st.tuples(st.just("invalidate"), st.sampled_from("abcd")),
            st.tuples(st.just("join"), st.sampled_from("abc")),
            st.tuples(st.just("forget"), st.just("")),
        ),
        max_size=40,
    )
)
def test_a_finished_answer_is_as_good_as_its_parts(steps):
    """Against a model: it is found while every slot it was made of is, and none was replaced."""
    level = memory()
    cells = level.cells("abcd")
    model: dict[str, int] = {}
    whole: dict[str, int] | None = None
    for number, (step, name) in enumerate(steps):
        if step == "put":
            put(level, name.encode(), name)
            model[name] = number
        elif step == "invalidate":
            level.invalidate([name])
            model.pop(name, None)
        elif step == "forget":
            level.forget_all()
            model.clear()
        else:
            used = [each for each in "abc" if each in model and each >= name]
            if used:
                level.join(NAME, b"all", Policy(60.0), [level.find(each.encode()) for each in used])
                whole = {each: model[each] for each in used}
        if whole is not None and any(model.get(each) != one for each, one in whole.items()):
            whole = None
        found = level.find(NAME)
        assert (found is not None) == (whole is not None)
    assert len(cells) == 4


def test_what_was_invalidated_on_the_way_is_not_joined():
    """An answer is made of slots that were found one after the other; between, one may be gone."""
    level = memory()
    first = put(level, b"a", "a")
    level.invalidate(["a"])
    second = put(level, b"b", "b")
    level.join(NAME, b"both", Policy(60.0), [first, second])
    assert level.find(NAME) is None
    third = put(level, b"a", "a")
    put(level, b"a", "a")
    level.join(NAME, b"both", Policy(60.0), [third, second])
    assert level.find(NAME) is None


def test_a_finished_answer_counts_against_the_bound():
    """With its variables; what is least recently used goes for it."""
    level = memory(10_000)
    slot = put(level, b"a", value=b"x" * 100)
    before = level.size
    level.join((1, b"v" * 300, None), b"y" * 300, Policy(60.0), [slot])
    assert level.size > before + 600
    level.join((2, b"v" * 1_000, None), b"y" * 1_000, Policy(60.0), [slot])
    assert level.find((2, b"v" * 1_000, None)) is None
    for number in range(20):
        level.join((number, b"", None), b"y" * 500, Policy(60.0), [slot])
    assert level.size <= 10_000
    assert level.find(b"a") is None
    assert level.find((19, b"", None)) is not None
