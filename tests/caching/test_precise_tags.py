"""Which rows an answer holds: what changes one of them ends it, and no other change does.

`PLAIT_CACHE_EXAMPLES=1000` makes the generated check long.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack

import pytest
from caching import shelves
from caching.conftest import until
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from writes.stand import standing

from gateway.sources.cache import EVERYTHING
from gateway.viewer import Viewer

ADMIN = Viewer(subject="root", roles=frozenset({"admin"}))
EXAMPLES = int(os.environ.get("PLAIT_CACHE_EXAMPLES", "25"))
SHOWN = {"plait": {"cache": True}}


async def replica(stack, redis, url, prefix, script, **more):
    """A gateway over the shelves."""
    addresses = {"POSTGRES_URL": url, "REDIS_URL": redis}
    options = {"PLAIT_CACHE_PREFIX": prefix, "PLAIT_CACHE_TIMEOUT_SECONDS": "5", **more}
    made = await stack.enter_async_context(
        standing("caching.shelves", script, addresses, **options)
    )
    if not more:
        cache = made.gateway.cache.cache
        await until(lambda: cache.leased)
    return made


@pytest.fixture(scope="module")
async def stands(engines, module_database):
    """Two replicas with a cache, and a gateway that keeps nothing."""
    url, redis, prefix = await module_database(), engines.urls.redis, "precise-tags"
    async with AsyncExitStack() as stack:
        yield [
            await replica(stack, redis, url, prefix, shelves.SCRIPT),
            await replica(stack, redis, url, prefix, "select 1"),
            await replica(stack, redis, url, prefix, "select 1", PLAIT_CACHE_ENABLED="false"),
        ]


async def begin(stands):
    """All rows as at first, and nothing kept of them."""
    await stands[0].connection.execute(shelves.FILL)
    await stands[0].gateway.cache.cache.invalidate([EVERYTHING])


async def states(stand, document):
    """Where the answer came from."""
    body = await stand.ask(document, extensions=SHOWN)
    assert "errors" not in body
    (line,) = body["extensions"]["cache"]
    return {name for name in line if name not in {"field", "key", "age"}}


async def stored(stand, document):
    """Ask, and wait until the answer is in Redis, so that another replica finds it."""
    await stand.ask(document)
    shared = stand.gateway.cache.cache._shared
    await until(lambda: shared._keeper is None)


WORK = "{ work(id: 2) { title author { name teacher { name } } place { room } } }"
WORKS = "{ works(first: 2) { nodes { title author { name } } } }"
EDGES = "{ loans(first: 2) { edges { cursor node { reader copy { state work { title } } } } } }"
LOAN = "{ loan(id: 1) { reader copy { state work { title author { name } } } } }"

CHANGES = {
    "the related row": (WORK, 'setPerson(id: 2, set: {name: "new"}) { id }', True),
    "another row of its type": (WORK, 'setPerson(id: 3, set: {name: "new"}) { id }', False),
    "another row of the own type": (WORK, 'setWork(id: 3, set: {title: "new"}) { id }', False),
    "a row of the own type that refers": (WORK, 'setPerson(id: 1, set: {name: "n"}) { id }', True),
    "a related row that is hidden": (
        WORK,
        """invalidate(rows: [{type: "Shelf", key: ["c,\\"~0\\":7"]}])""",
        True,
    ),
    "another text key": (WORK, 'setShelf(code: "a", set: {room: "new"}) { code }', False),
    "a related row that comes": (
        "{ work(id: 3) { place { room } } }",
        'addShelf(input: {code: "nowhere", room: "open"}) { code }',
        True,
    ),
    "a related row that goes": (WORK, "dropPerson(id: 1) { id }", True),
    "a row in a list's row": (WORKS, 'setPerson(id: 2, set: {name: "new"}) { id }', True),
    "a row of no row in the list": (WORKS, 'setPerson(id: 4, set: {name: "new"}) { id }', False),
    "a row of the list": (WORKS, 'setWork(id: 1, set: {title: "new"}) { id }', True),
    "a row by a key of two parts": (
        LOAN,
        'setCopy(workId: 2, shelf: "b:\\"]}", set: {state: "bad"}) { state }',
        True,
    ),
    "another one with the same part": (
        LOAN,
        'setCopy(workId: 2, shelf: "a", set: {state: "bad"}) { state }',
        False,
    ),
    "three rows deep": (LOAN, 'setPerson(id: 2, set: {name: "new"}) { id }', True),
    "three rows deep, another": (LOAN, 'setPerson(id: 3, set: {name: "new"}) { id }', False),
    "below edges": (EDGES, 'setWork(id: 2, set: {title: "new"}) { id }', True),
    "below edges, another": (EDGES, 'setWork(id: 3, set: {title: "new"}) { id }', False),
    "the other side's key": (
        "{ person(id: 1) { name desk { label } } }",
        'setDesk(id: 5, set: {personId: null, label: "new"}) { id }',
        True,
    ),
    "a condition on the type": (
        '{ works(where: {author: {name: {eq: "x"}}}) { nodes { author { name } } } }',
        'setPerson(id: 5, set: {name: "x"}) { id }',
        True,
    ),
    "an order by the type": (
        "{ works(orderBy: [{author: {name: ASC}}], first: 1) { nodes { author { name } } } }",
        'setPerson(id: 4, set: {name: "aaa"}) { id }',
        True,
    ),
    "a row that the list does not show": (WORKS, 'setWork(id: 5, set: {title: "n"}) { id }', False),
    "a row that leaves the order": (
        "{ works(first: 2, orderBy: [{title: ASC}]) { nodes { id } } }",
        'setWork(id: 7, set: {title: "aaa"}) { id }',
        True,
    ),
    "a column that is no order": (
        "{ works(first: 2, orderBy: [{title: ASC}]) { nodes { id } } }",
        "setWork(id: 7, set: {authorId: 3}) { id }",
        False,
    ),
    "a row that meets the condition": (
        '{ works(where: {title: {eq: "new"}}) { totalCount nodes { id } } }',
        'setWork(id: 7, set: {title: "new"}) { id }',
        True,
    ),
    "a row that was like another": (
        "{ works(distinctOn: [SHELF]) { nodes { id } } }",
        'setWork(id: 7, set: {shelf: "new"}) { id }',
        True,
    ),
    "a count of different rows": (
        "{ works(distinctOn: [SHELF]) { totalCount } }",
        'setWork(id: 7, set: {shelf: "new"}) { id }',
        True,
    ),
    "a row like another in another column": (
        "{ works(distinctOn: [SHELF]) { totalCount nodes { title } } }",
        'setWork(id: 7, set: {title: "new"}) { id }',
        False,
    ),
    "a count of rows like another": (
        '{ works(where: {title: {eq: "new"}}) { totalCount } }',
        "setWork(id: 7, set: {authorId: 3}) { id }",
        False,
    ),
    "a row that comes": (WORKS, 'addWork(input: {title: "new"}) { id }', True),
    "a row that goes": (WORKS, "dropWork(id: 7) { id }", True),
    "a row that changes nothing": (WORKS, 'setPerson(id: 2, set: {name: "person 2"}) { id }', True),
    "a list of another row": (
        "{ person(id: 2) { name works { nodes { title } } } }",
        'setWork(id: 3, set: {title: "new"}) { id }',
        False,
    ),
    "a column that a trigger changes": (
        "{ people(first: 1, orderBy: [{changes: DESC}]) { nodes { id } } }",
        'setPerson(id: 4, set: {name: "new"}) { id }',
        True,
    ),
    "a column that is counted": (
        "{ people(first: 1, orderBy: [{changes: DESC}]) { nodes { id } } }",
        "setPerson(id: 4, inc: {changes: 5}) { id }",
        True,
    ),
    "a counted column that is no order": (
        "{ people(first: 1, orderBy: [{name: ASC}]) { nodes { name } } }",
        "setPerson(id: 4, inc: {changes: 5}) { id }",
        False,
    ),
    "an aggregate": (
        "{ works { aggregate { max { title } } } }",
        'setWork(id: 7, set: {title: "zzz"}) { id }',
        True,
    ),
    "by the tag of lists": (WORKS, 'invalidate(tags: ["Work[]"])', True),
    "a list of the row": (
        "{ person(id: 2) { name works { nodes { title } } } }",
        "setWork(id: 8, set: {authorId: 2}) { id }",
        True,
    ),
    "by tag": (WORK, 'invalidate(tags: ["Person:2"])', True),
    "by another tag": (WORK, 'invalidate(tags: ["Person:3"])', False),
    "by row": (WORK, 'invalidate(rows: [{type: "Person", key: ["1"]}])', True),
    "by pattern": (WORK, 'invalidate(pattern: "Person:*")', True),
    "by type": (WORK, 'invalidate(tags: ["Person"])', True),
}


@pytest.mark.parametrize("case", CHANGES)
async def test_only_what_it_holds_ends_an_answer(stands, case):
    """In memory and in Redis: an answer goes with a row that it shows, and stays with others."""
    here, there, plain = stands
    document, mutation, ends = CHANGES[case]
    await begin(stands)
    await stored(here, document)
    assert await states(there, document) == {"shared"}
    assert await states(here, document) == {"memory"}
    await here.data(f"mutation {{ {mutation} }}", viewer=ADMIN)
    found = [await states(stand, document) for stand in (here, there)]
    assert found == [{"miss"}, {"shared"}] if ends else found == [{"memory"}, {"memory"}]
    wanted = await plain.data(document)
    assert [await stand.data(document) for stand in (here, there)] == [wanted] * 2


async def test_an_update_that_waited_for_another_tells_what_it_changed(stands):
    """It changes the row that the other one left, and what that one changed is not its own doing."""
    here, there, _ = stands
    await begin(stands)
    document = "{ works(first: 2, orderBy: [{title: ASC}]) { nodes { id } } }"
    await stored(here, document)
    async with here.connection.transaction():
        await here.connection.execute("update works set title = 'zzz' where id = 7")
        change = "mutation { setWork(id: 7, set: {authorId: 3}) { title author { id } } }"
        writing = asyncio.ensure_future(here.data(change))
        await there.blocked()
    assert await writing == {"setWork": {"title": "zzz", "author": {"id": 3}}}
    assert await states(here, document) == {"memory"}


numbers = st.integers(1, 5)
codes = st.sampled_from(["a", 'b:"]}', "nowhere", 'c,"~0":7'])
names = st.sampled_from(["x", "y", 'z,"~0":1'])
nothing = st.none()

READS = [
    "query R($n: Int!) { person(id: $n) { name teacher { name teacher { name } } desk { label } } }",
    "query R($n: Int!) { person(id: $n) { works { nodes { title place { room } } } } }",
    "query R($n: ID!) { work(id: $n) { title author { name teacher { name } } place { room } } }",
    "query R($n: ID!) { work(id: $n) { author { works { totalCount nodes { title } } } } }",
    "query R($n: Int!) { loan(id: $n) { reader copy { state work { title author { name } } } } }",
    "query R($n: Int!) { works(first: $n) { nodes { title place { code } author { name } } } }",
    """query R($n: Int!) { works(first: $n, orderBy: [{title: ASC}]) {
      edges { cursor node { title author { name desk { label person { name } } } } } } }""",
    "query R($n: Int!) { works(where: {author: {id: {eq: $n}}}) { nodes { author { name } } } }",
    "query R($n: Int!) { loans(first: $n) { nodes { reader copy { state work { title } } } } }",
    """query R($n: Int!) { people(first: $n, orderBy: [{teacher: {name: ASC}}]) {
      totalCount nodes { name teacher { name works { nodes { title author { name } } } } } } }""",
    'query R($n: Int!) { works(first: $n, where: {title: {gt: "x"}}) { totalCount nodes { id } } }',
    "query R($n: Int!) { people(first: $n, orderBy: [{changes: DESC}]) { nodes { name } } }",
    """query R($n: Int!) { works(first: $n, orderBy: [{shelf: DESC}, {title: ASC}]) {
      pageInfo { endCursor hasNextPage } aggregate { count max { title } } } }""",
    'query R($n: Int!) { copies(first: $n, where: {state: {ne: "x"}}) { nodes { state } } }',
    "query R($n: Int!) { shelves(first: $n) { nodes { code works { nodes { title } } } } }",
    """query R($n: Int!) { works(first: $n, distinctOn: [SHELF], orderBy: [{title: DESC}]) {
      totalCount nodes { title author { name works(distinctOn: [SHELF]) { totalCount } } } } }""",
    "query R($n: Int!) { copies(last: $n, distinctOn: [STATE]) { nodes { shelf } } }",
]
reads = st.tuples(st.sampled_from(READS), numbers)

WRITES = {
    "setPerson(id: $n, set: {name: $s}) { id }": (numbers, names),
    "setPerson(id: $n, set: {teacherId: $m}) { id }": (numbers, numbers | nothing),
    "addPerson(input: {name: $s, teacherId: $m}) { id }": (names, numbers | nothing),
    "dropPerson(id: $n) { id }": (numbers,),
    "setDesk(id: $n, set: {label: $s}) { id }": (numbers, names),
    "setDesk(id: $n, set: {personId: $m}) { id }": (numbers, nothing),
    "setShelf(code: $c, set: {room: $s}) { code }": (codes, names),
    "addShelf(input: {code: $c, room: $s}) { code }": (codes, names),
    "dropShelf(code: $c) { code }": (codes,),
    "setWork(id: $i, set: {title: $s}) { id }": (numbers, names),
    "setWork(id: $i, set: {authorId: $m, shelf: $e}) { id }": (numbers, numbers | nothing, codes),
    "setWorks(where: {author: {name: {eq: $s}}}, set: {title: $t}) { id }": (names, names),
    "addWork(input: {title: $s, authorId: $m, shelf: $e}) { id }": (names, numbers, codes),
    "dropWork(id: $i) { id }": (numbers,),
    "setCopy(workId: $i, shelf: $c, set: {state: $s}) { state }": (numbers, codes, names),
    "dropCopy(workId: $i, shelf: $c) { state }": (numbers, codes),
    "setLoan(id: $n, set: {workId: $j, shelf: $d}) { id }": (numbers, numbers | nothing, codes),
}
KINDS = {"n": "Int!", "m": "ID", "i": "ID!", "j": "ID", "d": "ID", "e": "String", "c": "String!"}


def _write(text):
    """A mutation with values for its variables, in the order in which it names them."""
    used = list(dict.fromkeys(part[0] for part in text.split("$")[1:]))
    declared = ", ".join(f"${name}: {KINDS.get(name, 'String!')}" for name in used)
    document = f"mutation W({declared}) {{ {text} }}"
    values = WRITES[text]
    return st.tuples(
        st.just(document), st.tuples(*values).map(lambda v: dict(zip(used, v, strict=True)))
    )


writes = st.sampled_from(sorted(WRITES)).flatmap(_write)


@pytest.mark.timeout(60 + 4 * EXAMPLES)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    asked=st.lists(reads, min_size=3, max_size=6),
    steps=st.lists(st.tuples(writes, st.booleans()), min_size=1, max_size=6),
)
async def test_no_read_after_a_write_shows_what_was_there_before(stands, asked, steps):
    """Whatever is read and written, on either replica, while reads are under way: the truth."""
    *replicas, plain = stands
    await begin(stands)
    asked = [(document, {"n": number}) for document, number in asked]

    async def everywhere():
        return await asyncio.gather(
            *(stand.ask(document, given) for stand in replicas for document, given in asked)
        )

    await everywhere()
    for (document, values), first in steps:
        under_way = asyncio.ensure_future(everywhere())
        await asyncio.sleep(0)
        written = await replicas[first].ask(document, values)
        assert "data" in written  # whether the rows let it or not
        truth = [{"data": await plain.data(*one)} for one in asked]
        assert await everywhere() == truth * 2
        await under_way
        assert await everywhere() == truth * 2
