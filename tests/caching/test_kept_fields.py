"""Plain resolvers that declare `cache=`: what they gave is served again, and to whom."""

from __future__ import annotations

import asyncio

import pytest
from caching import library
from caching.conftest import until
from caching.test_cached_api import another, told
from graphql import GraphQLError

from gateway.errors import Code, PlaitError, SourceUnavailable
from gateway.execution.cache.fields import Unfinished
from gateway.viewer import Viewer

FIGURES = '{ figures(of: ["a", "bb"]) { of number } }'


@pytest.fixture
async def stand(engines, fresh_database, prefix, stack):
    """One gateway over the library, whose resolvers have not run yet."""
    library.CALLS.clear()
    library.BROKEN.clear()
    return await another(stack, engines.urls.redis, await fresh_database(), prefix)


async def test_a_resolver_runs_once(stand):
    """The second time its finished JSON is spliced; the answer is the same to the letter."""
    first = await stand.answer(FIGURES)
    second = await stand.answer(FIGURES)
    assert second.body == first.body
    assert b'{"of":"bb","number":2}' in first.body
    assert library.CALLS == [("figures", ("a", "bb"))]
    assert await told(stand, FIGURES) == {"Query.figures": {"memory": 1}}


async def test_on_another_replica(stand, engines, prefix, stack):
    """Redis has it: the resolver does not run there."""
    await stand.data(FIGURES)
    there = await another(stack, engines.urls.redis, stand.url, prefix, script="select 1")
    await until_shared(there)
    assert library.CALLS.count(("figures", ("a", "bb"))) == 1


async def until_shared(stand):
    for _ in range(500):
        library.CALLS[1:] = []
        states = await told(stand, FIGURES)
        if states["Query.figures"].keys() & {"shared", "memory"} and len(library.CALLS) == 1:
            return
        await asyncio.sleep(0.005)
    raise AssertionError("never served")


async def test_what_is_asked_for_is_part_of_the_key(stand):
    """Other arguments, another selection, another alias below, other variables, conditions."""
    documents = [
        ('{ figures(of: ["a"]) { of } }', None),
        ('{ figures(of: ["b"]) { of } }', None),
        ('{ figures(of: ["a"]) { number } }', None),
        ('{ figures(of: ["a"]) { name: of } }', None),
        ("query ($of: [String!]!) { figures(of: $of) { of } }", {"of": ["a"]}),
        ('query ($n: Boolean!) { figures(of: ["a"]) { of @skip(if: $n) number } }', {"n": True}),
        ('query ($n: Boolean!) { figures(of: ["a"]) { of @skip(if: $n) number } }', {"n": False}),
        ('{ figures(of: ["a"]) { ...f } } fragment f on Figure { of }', None),
        ('{ figures(of: ["a"]) { ...f } } fragment f on Figure { number }', None),
    ]
    for _ in range(2):
        answers = [await stand.data(document, given) for document, given in documents]
        expected = [
            {"of": "a"}, {"of": "b"}, {"number": 1}, {"name": "a"}, {"of": "a"},
            {"number": 1}, {"of": "a", "number": 1}, {"of": "a"}, {"number": 1},
        ]  # fmt: skip
        assert [one["figures"] for one in answers] == [[one] for one in expected]
    # Of these, the first and the fifth are the same question.
    assert len(library.CALLS) == 8
    assert await stand.data('{ x: figures(of: ["a"]) { of } }') == {"x": [{"of": "a"}]}
    assert len(library.CALLS) == 8


async def test_a_resolver_of_a_row(stand):
    """The columns that it needs are part of the key: another title is another answer."""
    document = '{ books(first: 3) { nodes { shout(mark: "?") } } }'
    nodes = [{"shout": f"BOOK {number}?"} for number in (1, 2, 3)]
    for _ in range(2):
        assert await stand.data(document) == {"books": {"nodes": nodes}}
    assert len(library.CALLS) == 3
    await stand.data('mutation { setBook(id: 1, set: {title: "new"}) { id } }')
    nodes[0] = {"shout": "NEW?"}
    assert await stand.data(document) == {"books": {"nodes": nodes}}
    assert library.CALLS[3:] == [("shout", "new", "?")]
    await stand.data('mutation { setBook(id: 1, set: {title: "x"}) { shout } }')
    assert library.CALLS[-1] == ("shout", "x", "!")


async def test_tags_invalidate(stand):
    """A tag that the field declares, and the tag of everything."""
    for tag in ("Figure", "*"):
        await stand.data(FIGURES)
        before = len(library.CALLS)
        await stand.gateway.cache.cache.invalidate([tag])
        await stand.data(FIGURES)
        assert len(library.CALLS) == before + 1


@pytest.mark.parametrize("document", ["{ stock }", "{ counted }"])
async def test_a_types_name_is_any_change_of_its_rows(stand, document):
    """Of a field and of a cached function: one row by its key is a change of the type as well."""
    for write in (
        'mutation { setBook(id: 1, set: {title: "new"}) { id } }',
        "mutation { dropBook(id: 2) { id } }",
        'mutation { addBook(input: {title: "more"}) { id } }',
    ):
        before = await stand.data(document)
        assert await stand.data(document) == before
        await stand.data(write)
        assert await stand.data(document) != before
    before = await stand.data(document)
    await stand.data('mutation { setAuthor(id: 1, set: {name: "new"}) { id } }')
    assert await stand.data(document) == before


async def test_functions_of_another_deployment(stand, engines, prefix, stack, fresh_database):
    """Two gateways that share a Redis and the code, but no database, keep what is their own."""
    here = await stand.data("{ counted }")
    script = library.SCRIPT
    there = await another(stack, engines.urls.redis, await fresh_database(), prefix, script=script)
    assert await there.data("{ counted }") != here
    assert await stand.data("{ counted }") == here


async def test_a_refusal_is_not_hidden_by_what_is_stale(stand):
    """Of a resolver that failed it tells the code: that of the request's fault comes first."""
    library.BROKEN.append(PlaitError("Not any more.", code=Code.FORBIDDEN))
    error = await stand.error("{ fragile }")
    assert error["extensions"]["code"] == "FORBIDDEN"
    nobody, late = PlaitError("no", code=Code.UNAUTHENTICATED), SourceUnavailable("away")
    errors = [GraphQLError("late", original_error=late), GraphQLError("bug")]
    assert Unfinished(None, errors, 1).code is Code.SOURCE_UNAVAILABLE
    errors.append(GraphQLError("no", original_error=GraphQLError("no", original_error=nobody)))
    assert Unfinished(None, errors, 1).code is Code.UNAUTHENTICATED
    assert Unfinished(None, errors[1:2], 1).code is None


async def test_concurrent_misses_run_it_once(stand):
    """A hundred requests at once; the first of them leaves, and harms nobody."""
    library.GATE.append(asyncio.Event())
    try:
        leader = asyncio.ensure_future(stand.data(FIGURES))
        await until(lambda: library.CALLS)
        others = [asyncio.ensure_future(stand.data(FIGURES)) for _ in range(100)]
        await asyncio.sleep(0)
        leader.cancel()
    finally:
        library.GATE.pop().set()
    answers = await asyncio.gather(*others)
    assert answers == [{"figures": [{"of": "a", "number": 1}, {"of": "bb", "number": 2}]}] * 100
    assert len(library.CALLS) == 1


async def test_a_partial_value_is_not_kept(stand):
    """A field below fails: everybody who waited gets the rest, and the error at his own place."""
    document = '{ FIELD: figures(of: ["", "a"]) { number inverse } }'
    library.GATE.append(asyncio.Event())
    asked = [asyncio.ensure_future(stand.ask(document.replace("FIELD", key))) for key in "ab"]
    await until(lambda: library.CALLS)
    await asyncio.sleep(0.05)
    library.GATE.pop().set()
    for key, body in zip("ab", await asyncio.gather(*asked), strict=True):
        assert body["data"] == {
            key: [{"number": 0, "inverse": None}, {"number": 1, "inverse": 1.0}]
        }
        (error,) = body["errors"]
        assert error["path"] == [key, 0, "inverse"]
        assert error["message"] == "Internal error."
    calls = len(library.CALLS)
    await stand.ask(document.replace("FIELD", "c"))
    assert len(library.CALLS) == calls + 1


async def test_an_error_is_not_kept(stand):
    """The field is null with its error, and asked again; an old answer may stand in for it."""
    library.BROKEN.append(SourceUnavailable("away"))
    error = await stand.error("{ fragile }")
    assert (error["path"], error["extensions"]["code"]) == (["fragile"], "SOURCE_UNAVAILABLE")
    library.BROKEN.clear()
    assert await stand.data("{ fragile }") == {"fragile": 1}
    assert await stand.data("{ fragile }") == {"fragile": 1}
    assert library.CALLS == ["fragile", "fragile"]


async def test_private_is_each_viewers_own(stand):
    """A hundred viewers, twice: each gets just his own; an anonymous one is never kept."""
    shared = stand.gateway.cache.cache._filling._shared
    for _ in range(2):
        answers = await asyncio.gather(
            *(stand.data("{ mine }", viewer=Viewer(subject=f"u{n}")) for n in range(100))
        )
        assert [one["mine"] for one in answers] == [f"u{n}" for n in range(100)]
        # Without a lease, which may lapse at any time, Redis answers: once it has all of them.
        await until(lambda: shared._keeper is None)
    assert len(library.CALLS) == 100
    for _ in range(2):
        assert await stand.data("{ mine }") == {"mine": "nobody"}
    assert len(library.CALLS) == 102


async def test_what_is_guarded_below_is_refused(stand):
    """A field that asks for a role is no part of what others get."""
    document = '{ figures(of: ["a"]) { secret } }'
    admin = Viewer(subject="root", roles=frozenset({"admin"}))
    for _ in range(2):
        data = await stand.data(document, viewer=admin)
        assert data == {"figures": [{"secret": "s3cret"}]}
        error = await stand.error(document, viewer=Viewer(subject="u1"))
        assert error["extensions"]["code"] == "FORBIDDEN"
    assert len(library.CALLS) >= 2


async def test_the_shortest_part_counts(stand):
    """What stands in a value ends it earlier."""
    memory = stand.gateway.cache.cache.memory
    await stand.data('{ figures(of: ["a"]) { double } }')
    assert max(slot.entry.fresh_for for slot in memory._slots.values()) <= 5
    await stand.data('{ figures(of: ["a"]) { number } }')
    assert max(slot.entry.fresh_for for slot in memory._slots.values()) >= 30


async def test_rows_are_kept_by_their_keys(stand):
    """The choice is kept; the rows are as they are now, with whatever is asked of them."""
    document = "{ picks { id title } }"
    expected = {"picks": [{"id": 2, "title": "book 2"}, {"id": 1, "title": "book 1"}]}
    for _ in range(2):
        assert await stand.data(document) == expected
    assert await stand.data("{ picks { author { name } } }")
    assert library.CALLS == ["picks"]
    await stand.data('mutation { setBook(id: 2, set: {title: "new"}) { id } }')
    expected["picks"][0]["title"] = "new"
    assert await stand.data(document) == expected
    assert library.CALLS == ["picks"]
    await stand.data("mutation { dropBook(id: 1) { id } }")
    body = await stand.ask(document)
    assert "book 1" not in str(body)


async def test_only_references_to_rows_can_be_kept(stand):
    """An object made by hand may say more than its key; the error tells what would be right."""
    (error,) = (await stand.ask("{ made { id } }"))["errors"]
    assert error["path"] == ["made"]
    assert "names rows by `reference(…)`, not by an object of Book." in error["message"]


async def test_the_undeclared_runs_every_time(stand):
    """Nothing is cached that is not declared."""
    for _ in range(2):
        await stand.data("{ now }")
    assert library.CALLS == ["now", "now"]
