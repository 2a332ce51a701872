"""Two runs never keep a context under one key, though their ids and steps would give it."""

import asyncio

import pytest

from gateway.errors import InputError
from gateway.workflows.crossing import Crossings
from gateway.workflows.declaring import KEY_PATTERN, Workflow


async def _nothing(_):
    pass


def _workflow(name, *steps, targets=("files",), **options):
    made = Workflow(name, datasources=targets, targets=targets, **options)
    for step in steps:
        made.add(step, _nothing)
    return made


BEFORE = "${stepName}-${request.id}"


@pytest.mark.parametrize(
    ("steps", "pattern", "request_id", "found"),
    [
        (("b-c", "c"), KEY_PATTERN, "a", {"a-b"}),
        (("b-c", "c"), KEY_PATTERN, "a-b", {"a", "a-b-b"}),
        (("bc", "c"), KEY_PATTERN, "a-b", set()),
        (("c", "c-b"), BEFORE, "x", {"b-x"}),
        (("c", "c-b"), BEFORE, "b-x", {"x", "b-b-x"}),
        (("b-c", "c"), BEFORE, "b-c-x", set()),
        (("b-c", "c"), "${stepName}/${request.id}", "b-x", set()),
        (("c",), "${request.id}", "x", set()),
    ],
)
def test_the_runs_are_known_that_would_share_a_key(steps, pattern, request_id, found):
    """By whichever pattern; as a rule none."""
    made = _workflow("w", *steps, key=pattern)
    assert Crossings([made]).of(made, request_id) == {(one, "w") for one in found}


def test_ids_within_the_pattern_count_too():
    """An id that stands twice in one pattern and once in the other."""
    once, twice = (
        _workflow(name, "s", key=key)
        for name, key in (("once", "${request.id}"), ("twice", "${request.id}-${request.id}"))
    )
    both = Crossings([once, twice])
    assert both.of(once, "a-a") == {("a", "twice")}
    assert both.of(twice, "a") == {("a-a", "once")}
    assert both.of(once, "a-b") == set()


def test_other_targets_do_not_count():
    """The same key in another datasource is another place; and what is not saved has none."""
    one, other = _workflow("one", "b-c"), _workflow("other", "c", targets=("cache",))
    unsaved = _workflow("unsaved", "c", targets=())
    every = Crossings([one, other, unsaved])
    assert every.of(other, "a-b") == every.of(unsaved, "a-b") == set()


async def test_the_second_run_is_refused(bench):
    """Whichever comes first, also at the same time; other ids, and the same one, are free."""
    workflows = bench.offer(_workflow("w", "b-c"), _workflow("v", "c"))
    await workflows.start("w", "a")
    with pytest.raises(InputError, match="The run 'a' keeps a context under a key that the run"):
        await workflows.start("v", "a-b")
    await workflows.start("v", "x-b")
    with pytest.raises(InputError, match="'x-b' keeps"):
        await workflows.start("w", "x")
    await workflows.start("w", "a")
    await workflows.start("w", "a-b-c")
    ends = await asyncio.gather(
        workflows.start("w", "z"), workflows.start("v", "z-b"), return_exceptions=True
    )
    assert sorted(type(end).__name__ for end in ends) == ["InputError", "str"]
