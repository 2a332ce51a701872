"""Waves: every hole filled, every key asked once, every failure in its own place."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from itertools import count
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from graphql import parse
from hypothesis import given
from hypothesis import strategies as st
from toy.profiles import examples

from gateway.errors import PlaitError, SourceDataError, SourceUnavailable
from gateway.execution import waves as waves_module
from gateway.execution.groups import Groups
from gateway.execution.waves import Waves
from gateway.planning.steps import Fetch, Plan, Root, Verb
from gateway.schema.selection import Field
from gateway.sources.contract import Health, Prepared
from gateway.turns import Turn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gateway.sources.contract import Batch, Budget, Value

ANY = Field("f", "f", None, (parse("{ f }").definitions[0].selection_set.selections[0],))  # type: ignore[attr-defined]  # an operation


class Shelf:
    """A source whose values are computed by the test; remembers what it was asked."""

    name = "shelf"
    concurrency = 8

    def __init__(self) -> None:
        self.gives: dict[Prepared, Callable[[Any], Any]] = {}
        self.asked: list[tuple[Prepared, list[Any], tuple[Any, ...]]] = []

    def prepared(self, gives: Callable[[Any], Any], *, by_key: bool = True) -> Prepared:
        """A request that gives `gives(key)` for a key, or `gives(arguments)`."""
        made = Prepared("shelf", by_key)
        self.gives[made] = gives
        return made

    async def open(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close."""

    async def check(self, budget: Budget) -> Health:
        del budget
        return Health(ready=True, detail="here")

    async def execute(self, prepared: Prepared, batch: Batch, budget: Budget) -> Sequence[Value]:
        del budget
        self.asked.append((prepared, list(batch.keys), batch.arguments))
        gives = self.gives[prepared]
        made = [gives(key) for key in batch.keys] if prepared.by_key else [gives(batch.arguments)]
        return [await each if asyncio.iscoroutine(each) else each for each in made]

    def describe(self, prepared: Prepared) -> Mapping[str, Any]:
        del prepared
        return {}


def fetch(prepared: Prepared, *holes: Fetch, **more: Any) -> Fetch:
    """A fetch whose answer has these holes."""
    return Fetch(Verb.STATE, "shelf", prepared, more.pop("slots", ()), holes, ANY, **more)


def root(one: Fetch) -> Root:
    return Root(ANY, b'"f":', nullable=True, fetch=one)


def hole(slot: int, *key: Any) -> bytes:
    """What a source leaves where another source's value belongs."""
    return b"\t" + orjson.dumps([slot, *key]) + b"\t"


async def run(
    shelf: Shelf, *fetches: Fetch, values: Any = (), seconds: float = 20
) -> tuple[list[Value], Waves]:
    deadline = asyncio.get_running_loop().time() + seconds
    waves = Waves({"shelf": Groups(shelf)}, values, deadline)
    return await waves.run(Plan(tuple(map(root, fetches)))), waves


def page(shelf: Shelf, text: bytes) -> Prepared:
    return shelf.prepared(lambda _: text, by_key=False)


async def test_an_answer_without_holes_is_passed_on() -> None:
    """To the byte."""
    shelf = Shelf()
    text = b'{ "a" : [1.0, "\\t"] }'
    answers, waves = await run(shelf, fetch(page(shelf, text)))
    assert answers == [text]
    assert not waves.failures


async def test_holes_in_lists_in_lists_are_filled_and_asked_once() -> None:
    """Duplicates share one key of one call; the order of keys is that of first appearance."""
    shelf = Shelf()
    double = shelf.prepared(lambda key: str(key[0] * 2).encode())
    text = b"[[%s,%s],[],[[%s,%s],%s]]" % tuple(hole(0, key) for key in (3, 1, 3, 2, 1))
    answers, _ = await run(shelf, fetch(page(shelf, text), fetch(double)))
    assert answers == [b"[[6,2],[],[[6,4],2]]"]
    assert shelf.asked[1:] == [(double, [(3,), (1,), (2,)], ())]


async def test_answers_that_come_together_are_completed_in_turns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many replies one turn of the loop brings, it fills the holes of a few."""
    loop, turn, seconds = asyncio.get_running_loop(), 0, count()
    monkeypatch.setattr(waves_module, "fair", Turn(3, lambda: next(seconds)).fair)

    def tick() -> None:
        nonlocal turn
        turn += 1
        loop.call_soon(tick)

    shelf, turns = Shelf(), Counter[int]()
    same = shelf.prepared(lambda key: str(key[0]).encode())
    made = [fetch(page(shelf, hole(0, number)), fetch(same)) for number in range(24)]

    async def one(number: int) -> None:
        answers, _ = await run(shelf, made[number])
        assert answers == [str(number).encode()]
        turns[turn] += 1

    loop.call_soon(tick)
    await asyncio.gather(*map(one, range(24)))
    assert max(turns.values()) <= 3


async def test_holes_of_several_slots_go_to_their_own_calls() -> None:
    """One call per prepared request, whatever the order in which their holes stand."""
    shelf = Shelf()
    plus = shelf.prepared(lambda key: f'"+{key[0]}"'.encode())
    pair = shelf.prepared(lambda key: json.dumps(list(key)).encode())
    text = b"[%s,%s,%s,%s]" % (hole(1, "a", 1), hole(0, 7), hole(1, "b", None), hole(0, 8))
    answers, _ = await run(shelf, fetch(page(shelf, text), fetch(plus), fetch(pair)))
    assert answers == [b'[["a", 1],"+7",["b", null],"+8"]']
    assert sorted(len(keys) for _, keys, _ in shelf.asked[1:]) == [2, 2]


async def test_two_slots_that_ask_the_same_share_a_call() -> None:
    """Two fields of one row with the same prepared request and arguments."""
    shelf = Shelf()
    same = shelf.prepared(lambda key: str(key[0]).encode())
    text = b"[%s,%s,%s]" % (hole(0, 1), hole(1, 1), hole(1, 2))
    answers, _ = await run(shelf, fetch(page(shelf, text), fetch(same), fetch(same)))
    assert answers == [b"[1,1,2]"]
    ((_, keys, _),) = shelf.asked[1:]
    assert sorted(set(keys)) == [(1,), (2,)]


async def test_holes_of_several_roots_share_a_wave() -> None:
    """Two root fields whose holes ask one request: one call for both."""
    shelf = Shelf()
    same = shelf.prepared(lambda key: str(key[0]).encode())
    one = fetch(page(shelf, b"[%s]" % hole(0, 1)), fetch(same))
    two = fetch(page(shelf, b"[%s,%s]" % (hole(0, 1), hole(0, 2))), fetch(same))
    answers, _ = await run(shelf, one, two)
    assert answers == [b"[1]", b"[1,2]"]
    assert len([asked for asked in shelf.asked if asked[0] is same]) == 1


async def test_equal_requests_with_other_arguments_are_calls_of_their_own() -> None:
    """Also where Python finds the arguments equal: `1`, `true` and `1.0` are not the same."""
    shelf = Shelf()
    same = shelf.prepared(lambda key: str(key[0]).encode())
    holes = [fetch(same, slots=((0, place),)) for place in range(3)]
    text = b"[%s,%s,%s]" % tuple(hole(slot, slot) for slot in range(3))
    answers, _ = await run(shelf, fetch(page(shelf, text), *holes), values=((1, True, 1.0),))
    assert answers == [b"[0,1,2]"]
    given = [arguments for prepared, _, arguments in shelf.asked if prepared is same]
    assert sorted(map(repr, given)) == ["(1,)", "(1.0,)", "(True,)"]


async def test_a_slow_root_does_not_hold_up_the_holes_of_others() -> None:
    """Quick roots wait a part of the time left, to share a wave; then they go on alone."""
    shelf = Shelf()
    let_go = asyncio.Event()

    def filling(key: Any) -> bytes:
        let_go.set()
        return str(key[0]).encode()

    async def slowly() -> bytes:
        await let_go.wait()
        return b'"slow"'

    late = shelf.prepared(lambda _: slowly(), by_key=False)
    quick = fetch(page(shelf, b"[%s]" % hole(0, 1)), fetch(shelf.prepared(filling)))
    answers, _ = await run(shelf, quick, fetch(late), seconds=2)
    assert answers == [b"[1]", b'"slow"']


async def test_a_filled_hole_may_have_holes() -> None:
    """Wave after wave, until nothing is open."""
    shelf = Shelf()
    leaf = shelf.prepared(lambda key: str(key[0]).encode())
    middle = shelf.prepared(
        lambda key: b'{"k":%s,"l":[%s]}' % (hole(0, key[0]), hole(0, key[0] + 1))
    )
    top = page(shelf, b"[%s,%s]" % (hole(0, 1), hole(0, 2)))
    answers, _ = await run(shelf, fetch(top, fetch(middle, fetch(leaf))))
    assert answers == [b'[{"k":1,"l":[2]},{"k":2,"l":[3]}]']
    assert [len(keys) for _, keys, _ in shelf.asked] == [0, 2, 3]


async def test_what_is_missing_is_null() -> None:
    """A key nobody has."""
    shelf = Shelf()
    none = shelf.prepared(lambda _: None)
    answers, waves = await run(shelf, fetch(page(shelf, b"[%s]" % hole(0, 1)), fetch(none)))
    assert answers == [b"[null]"]
    assert not waves.failures


async def test_a_key_that_fails_fails_alone() -> None:
    """Each of its occurrences is null and has an error with its path; the others have values."""
    shelf = Shelf()

    def gives(key: Any) -> Value:
        return SourceDataError("no") if key[0] == 2 else b"0"

    text = b'{"a":[%s,{"b":%s}],"c":%s}' % (hole(0, 2), hole(0, 1), hole(0, 2))
    one = fetch(page(shelf, text), fetch(shelf.prepared(gives)))
    (answer,), waves = await run(shelf, one)
    assert isinstance(answer, bytes)
    located, errors = waves.failures.locate(answer, ["f"])
    assert located == b'{"a":[null,{"b":0}],"c":null}'
    assert [error["path"] for error in errors] == [["f", "a", 0], ["f", "c"]]
    assert {error["extensions"]["code"] for error in errors} == {"SOURCE_DATA"}


@pytest.mark.parametrize("error", [SourceUnavailable("away"), RuntimeError("secret")])
async def test_a_call_that_fails_fails_its_own_fields(error: Exception) -> None:
    """A whole source away: its holes are null, those of others filled; nothing foreign leaves."""
    shelf = Shelf()

    def raising(_: Any) -> bytes:
        raise error

    bad, good = shelf.prepared(raising), shelf.prepared(lambda _: b"1")
    text = b"[%s,%s,%s]" % (hole(0, 1), hole(1, 1), hole(0, 2))
    (answer,), waves = await run(shelf, fetch(page(shelf, text), fetch(bad), fetch(good)))
    assert isinstance(answer, bytes)
    located, errors = waves.failures.locate(answer, ["f"])
    assert located == b"[null,1,null]"
    assert len(errors) == 2
    assert "secret" not in str(errors)


async def test_a_root_that_fails_fails_alone() -> None:
    """Its value is the error; the other root is answered."""
    shelf = Shelf()

    def raising(_: Any) -> bytes:
        raise SourceUnavailable("away")

    bad = shelf.prepared(raising, by_key=False)
    (one, two), _ = await run(shelf, fetch(bad), fetch(page(shelf, b"2")))
    assert isinstance(one, SourceUnavailable)
    assert two == b"2"


async def test_keys_are_made_what_the_source_takes() -> None:
    """A hole carries JSON; where the key is another type, it is converted, each part by its own."""
    shelf = Shelf()

    def number(value: Any, name: str) -> int:
        del name
        if value == "bad":
            raise PlaitError("no number")
        return int(value)

    seen = shelf.prepared(lambda key: str(key[0] + 1).encode())
    made = fetch(seen, convert=(number,))
    answers, _ = await run(shelf, fetch(page(shelf, b"[%s]" % hole(0, "41")), made))
    assert answers == [b"[42]"]
    (answer,), waves = await run(shelf, fetch(page(shelf, b"[%s]" % hole(0, "bad")), made))
    assert isinstance(answer, bytes)
    assert waves.failures.locate(answer, [])[0] == b"[null]"


_LEAVES = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5)
_HOLES = st.tuples(st.just("hole"), st.integers(0, 1), st.integers(0, 3) | st.text(max_size=2))
_TREES = st.recursive(
    _LEAVES | _HOLES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.lists(_TREES, min_size=1, max_size=3))
@examples(150)
async def test_any_answer_is_filled_as_a_tree_would_be(trees: list[Any]) -> None:
    """Cutting and joining bytes gives what walking the values gives, tabs in texts included."""
    shelf = Shelf()
    slots = [shelf.prepared(lambda key: orjson.dumps(["x", *key])), shelf.prepared(lambda _: None)]
    fetches = [fetch(page(shelf, _text(tree)), *map(fetch, slots)) for tree in trees]
    answers, _ = await run(shelf, *fetches)
    for answer, tree in zip(answers, trees, strict=True):
        assert isinstance(answer, bytes)
        assert orjson.loads(answer) == _filled(tree)
    asked = [
        (prepared, key) for prepared, keys, _ in shelf.asked if prepared in slots for key in keys
    ]
    assert len(asked) == len(set(asked))


def _text(tree: Any) -> bytes:
    if isinstance(tree, tuple):
        return hole(tree[1], tree[2])
    if isinstance(tree, list):
        return b"[" + b",".join(map(_text, tree)) + b"]"
    if isinstance(tree, dict):
        parts = (orjson.dumps(name) + b":" + _text(part) for name, part in tree.items())
        return b"{" + b",".join(parts) + b"}"
    return orjson.dumps(tree)


def _filled(tree: Any) -> Any:
    if isinstance(tree, tuple):
        return ["x", tree[2]] if tree[1] == 0 else None
    if isinstance(tree, list):
        return [_filled(part) for part in tree]
    return {name: _filled(part) for name, part in tree.items()} if isinstance(tree, dict) else tree
