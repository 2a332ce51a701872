"""Text becomes a document once; the next request of the same text gets the same one."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import weakref
from threading import get_ident
from typing import TYPE_CHECKING

import pytest
import strawberry
from graphql import GraphQLSchema, Node, Token, build_schema
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.documents.limits import DocumentLimits
from gateway.documents.refusal import InvalidDocument
from gateway.documents.store import DocumentStore
from gateway.errors import Code, RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA = build_schema("""
    directive @defer(if: Boolean! = true, label: String) on FRAGMENT_SPREAD | INLINE_FRAGMENT
    type Query { book(id: ID!): Book title: String }
    type Book { title: String author: String }
    type Mutation { rename: Book }
    type Subscription { renamed: Book }
""")


@strawberry.input(one_of=True)
class Near:
    text: strawberry.Maybe[str]
    number: strawberry.Maybe[int]


@strawberry.type
class OneOfQuery:
    @strawberry.field
    def search(self, near: Near, label: strawberry.Maybe[str]) -> int:
        return len([near, label])


SHARED_FRAGMENT = (
    "fragment f on OneOfQuery { search(near: {text: $t}) }"
    " query a($t: String!) { ...f } query b($t: String!) { ...f }"
)

ONE_OF = strawberry.Schema(OneOfQuery)._schema


def findings(
    schema: GraphQLSchema, text: str, *, suggestions: bool = False
) -> tuple[RequestError, ...]:
    with pytest.raises(InvalidDocument) as caught:
        DocumentStore(schema, suggestions=suggestions).load(text)
    return caught.value.errors


def test_the_same_text_gives_the_same_document() -> None:
    """A hit is identity: parsed, validated and planned state is shared."""
    store = DocumentStore(SCHEMA)
    text = "{ title }"
    document = store.load(text)
    assert store.load("{ " + "title }") is document
    assert store.load("{title}") is not document


def test_plans_live_with_the_operation() -> None:
    """The planner's slot is empty at first and is found again on the next hit."""
    store = DocumentStore(SCHEMA)
    operation = store.load("{ title }").operation(None)
    assert operation.plans == {}
    operation.plans["conditions"] = "plan"
    assert store.load("{ title }").operation(None).plans == {"conditions": "plan"}


def test_the_least_recently_used_is_forgotten() -> None:
    """Beyond its capacity the store forgets what was not asked for longest."""
    store = DocumentStore(SCHEMA, capacity=2)
    first, second = store.load("{a:title}"), store.load("{b:title}")
    assert store.load("{a:title}") is first
    store.load("{c:title}")
    assert len(store) == 2
    assert store.load("{a:title}") is first
    assert store.load("{b:title}") is not second


@given(st.lists(st.integers(min_value=1, max_value=60), max_size=30))
@settings(deadline=None, max_examples=25)
def test_memory_stays_under_its_bound(repeats: list[int]) -> None:
    """Whatever is loaded, the kept documents weigh what the store says, and never too much."""
    store = DocumentStore(SCHEMA, max_bytes=40_000)
    for repeat in repeats:
        store.load("{book(id:1){" + "title " * repeat + "}}")
        assert store.weight <= 40_000
        assert store.weight == sum(each.weight for each in store._documents.values())


def test_a_document_heavier_than_the_store_still_runs() -> None:
    """It is answered and simply not kept."""
    store = DocumentStore(SCHEMA, max_bytes=100)
    assert store.load("{ title }").operation(None).kind == "query"
    assert len(store) == 0
    assert store.weight == 0


@pytest.mark.parametrize("kind", ["query", "mutation", "subscription"])
def test_an_operation_knows_its_kind_fragments_and_variables(kind: str) -> None:
    """What the planner needs is at hand without searching the tree."""
    field = {"query": "book(id:$id)", "mutation": "rename", "subscription": "renamed"}[kind]
    variables = "($id: ID!)" if kind == "query" else ""
    text = f"{kind} named{variables} {{ {field} {{ ...f }} }} fragment f on Book {{ title }}"
    operation = DocumentStore(SCHEMA).load(text).operation("named")
    assert operation.kind == kind
    assert operation.node.name is not None
    assert operation.node.name.value == "named"
    assert set(operation.fragments) == {"f"}
    assert len(operation.variable_definitions) == (kind == "query")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("query a{title} query b{title}", None),
        ("query a{title} query b{title}", "c"),
        ("{title}", "c"),
        ("query a{title}", ""),
    ],
)
def test_an_operation_that_cannot_be_told_is_refused(text: str, name: str | None) -> None:
    """Several without a name, or a name that is not there: never the first one by chance."""
    with pytest.raises(RequestError) as caught:
        DocumentStore(SCHEMA).load(text).operation(name)
    assert caught.value.code is Code.OPERATION_RESOLUTION_FAILURE


@pytest.mark.parametrize("text", ["", " ", "{", "{ title", "query", "{ title } }", "\ufeff{", "💥"])
def test_malformed_text_is_a_parse_error_with_a_place(text: str) -> None:
    """One finding, its code, and where it is."""
    (error,) = findings(SCHEMA, text)
    assert error.code is Code.GRAPHQL_PARSE_FAILED
    assert error.locations


def test_all_validation_errors_are_reported_with_their_places() -> None:
    """Not only the first; each with line and column."""
    errors = findings(SCHEMA, "{\n  nope\n  book { title }\n  book(id: 1) { also }\n}")
    assert {error.code for error in errors} == {Code.GRAPHQL_VALIDATION_FAILED}
    assert {error.locations for error in errors} >= {((2, 3),), ((3, 3),), ((4, 17),)}


def test_a_null_is_told_of_as_null() -> None:
    """By GraphQL's own name for it."""
    with pytest.raises(RequestError) as raised:
        DocumentStore(SCHEMA).load("{ book(id: null) { title } }")
    assert raised.value.message == "Expected value of non-null type 'ID!' not to be null."


def test_validation_stops_at_its_limit_of_errors() -> None:
    """A flood of wrong fields gives a handful of errors and says that it stopped."""
    store = DocumentStore(SCHEMA, DocumentLimits(max_errors=3))
    with pytest.raises(InvalidDocument) as caught:
        store.load("{book(id:1){" + "".join(f"nope{i} " for i in range(50)) + "}}")
    assert len(caught.value.errors) == 4
    assert {error.code for error in caught.value.errors} == {Code.GRAPHQL_VALIDATION_FAILED}


def test_suggestions_are_for_development_only() -> None:
    """A misspelt field is answered with the right name only where that is switched on."""
    (quiet,) = findings(SCHEMA, "{ titel }")
    (helpful,) = findings(SCHEMA, "{ titel }", suggestions=True)
    assert "title" not in quiet.message
    assert "title" in helpful.message


def test_fields_of_nodes_are_found_there() -> None:
    """Whoever asks a connection for a field of its nodes is told the way, in development only."""
    sdl = "type Query { all: Books } type Books { nodes: [Book!] } type Book { title: String }"
    schema = build_schema(sdl)
    (helpful,) = findings(schema, "{ all { title } }", suggestions=True)
    assert helpful.message.endswith("on type 'Books'. Did you mean 'nodes { title }'?")
    for text, suggestions in (("{ all { title } }", False), ("{ all { zzzzzz } }", True)):
        (plain,) = findings(schema, text, suggestions=suggestions)
        assert plain.message.endswith("on type 'Books'.")


def test_refused_documents_are_not_kept() -> None:
    """Refusals must not push accepted documents out."""
    store = DocumentStore(SCHEMA)
    with pytest.raises(InvalidDocument):
        store.load("{ nope }")
    assert len(store) == 0


@pytest.mark.parametrize(
    "text",
    [
        "{ search(near: {text: null}) }",
        '{ search(near: {text: "a", number: 1}) }',
        "{ search(near: {}) }",
        "query($t: String) { search(near: {text: $t}) }",
        "query($t: String) { ...f } fragment f on OneOfQuery { search(near: {text: $t}) }",
        "fragment f on OneOfQuery { search(near: {text: $t}) } query($t: String) { ...f }",
        '{ search(near: {text: "a"}, label: null) }',
    ],
)
def test_one_of_and_maybe_inputs_are_validated(text: str) -> None:
    """Strawberry's own input kinds are checked before anything runs, fragments included."""
    assert {error.code for error in findings(ONE_OF, text)} == {Code.GRAPHQL_VALIDATION_FAILED}


@pytest.mark.parametrize(
    "text",
    [
        '{ search(near: {text: "a"}) }',
        'query($t: String!) { search(near: {text: $t}, label: "x") }',
        SHARED_FRAGMENT,
    ],
)
def test_right_one_of_inputs_pass(text: str) -> None:
    """Also through a fragment that several operations share."""
    assert DocumentStore(ONE_OF).load(text).text == text


def test_undefined_one_of_variable_is_a_validation_error() -> None:
    """A variable nobody defined is reported, not a crash."""
    errors = findings(ONE_OF, "{ search(near: {text: $nobody}) }")
    assert errors[0].code is Code.GRAPHQL_VALIDATION_FAILED


@given(st.text(alphabet='{}()[]:@!$.#"\\\n ,|&=-0e9abtitle💥', max_size=80))
@settings(deadline=None, max_examples=300)
def test_any_text_is_accepted_or_refused_with_a_code(text: str) -> None:
    """Nothing but `InvalidDocument` ever leaves."""
    try:
        DocumentStore(SCHEMA).load(text)
    except InvalidDocument as error:
        assert error.errors  # noqa: PT017 - the refusal is one of two right outcomes


@pytest.fixture
def collector() -> Iterator[None]:
    """A collector that looks often: what is asserted then takes few documents."""
    gc.collect()
    gc.freeze()
    usual = gc.get_threshold()
    gc.set_threshold(500, 3, 3)
    yield
    gc.set_threshold(*usual)
    gc.unfreeze()


@pytest.mark.usefixtures("collector")
@pytest.mark.parametrize(
    "text", ["{ title }", "{ nope }", "{" + " title" * 30 + "}", "{ title" * 9]
)
def test_what_is_not_kept_is_freed(text: str) -> None:
    """Neither an evicted nor a refused document waits for a full collection."""
    store = DocumentStore(SCHEMA, capacity=1)
    for _ in range(300):
        with contextlib.suppress(InvalidDocument):
            store.load(text + " ")
            store.load(text)
    assert sum(isinstance(each, Node | Token) for each in gc.get_objects()) < 1_500


@pytest.mark.parametrize(
    "text", ["{ title book(id: 1) { title } }", "{ title ... @defer { title } }"]
)
def test_a_kept_document_is_no_work_for_the_collector(text: str) -> None:
    """Its tree is not among what a look goes through, and is freed as soon as it is evicted."""
    gc.collect()
    gc.disable()
    try:
        before = sum(isinstance(each, Node | Token) for each in gc.get_objects())
        store = DocumentStore(SCHEMA, capacity=1)
        node = weakref.ref(store.load(text).operation(None).node)
        gc.collect()
        assert node() is not None
        assert sum(isinstance(each, Node | Token) for each in gc.get_objects()) <= before
        store.load("{ other: title }")
        assert node() is None
    finally:
        gc.enable()


@pytest.mark.usefixtures("collector")
def test_checks_do_not_keep_the_collector_from_older_garbage() -> None:
    """What a request leaves in cycles is found, though it lived through the checks of others."""
    store = DocumentStore(SCHEMA, capacity=1)
    left: list[weakref.ref[_Cycle]] = []
    for number in range(300):
        cycle = _Cycle()
        left.append(weakref.ref(cycle))
        store.load(f"{{ a{number}: book(id: 1) {{ title }} }}")
    assert sum(each() is not None for each in left) < 100


class _Cycle:
    def __init__(self) -> None:
        self.itself = self


async def test_long_documents_are_checked_beside_the_event_loop(monkeypatch):
    """By another thread, once for all who bring them, within the deadline; short ones at once."""
    store, threads = DocumentStore(SCHEMA), []
    check = store._check
    monkeypatch.setattr(store, "_check", lambda text: (threads.append(get_ident()), check(text))[1])
    deadline = asyncio.get_running_loop().time() + 20
    long = "{ book(id: 1) { " + " ".join(f"a{one}: title" for one in range(60)) + " } }"
    found = await asyncio.gather(*(store.find(long, deadline) for _ in range(5)))
    assert {*found} == {store.known(long)}
    assert len(threads) == 1
    assert get_ident() not in threads
    await store.find("{ title }", deadline)
    assert threads[1:] == [get_ident()]
    with pytest.raises(RequestError) as refused:
        await store.find(long + " ", asyncio.get_running_loop().time() - 1)
    assert refused.value.code is Code.SOURCE_TIMEOUT
    with pytest.raises(InvalidDocument):
        await store.find("{ book(id: 1) { " + "nope " * 110 + "} }", deadline)
    store.beside.close()
