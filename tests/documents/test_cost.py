"""What operations cost, and that nothing runs that costs too much."""

from __future__ import annotations

import gc
import weakref

import pytest
import strawberry
from graphql import parse
from hypothesis import given
from hypothesis import strategies as st

from gateway.documents.cost import Costs
from gateway.documents.limits import DocumentLimits
from gateway.documents.refusal import InvalidDocument
from gateway.documents.store import DocumentStore
from gateway.errors import Code, ConfigurationError, InputError, RequestError
from gateway.planning.variables import VariableCoercer
from gateway.schema.cost import Cost, ListSize


@strawberry.interface
class Being:
    name: str


@strawberry.type(directives=[Cost(weight="3")])
class Giant(Being):
    size: int

    @strawberry.field
    def friends(self, first: int | None = None) -> list[Dwarf]:
        raise NotImplementedError


@strawberry.type
class Dwarf(Being):
    @strawberry.field
    def tools(self) -> list[str]:
        raise NotImplementedError

    @strawberry.field(directives=[Cost(weight="100")])
    def dream(self) -> str:
        raise NotImplementedError


@strawberry.type
class Edge:
    node: Giant


@strawberry.type
class GiantConnection:
    edges: list[Edge]
    nodes: list[Giant]
    total: int


@strawberry.type
class Query:
    @strawberry.field
    def giant(self) -> Giant:
        raise NotImplementedError

    @strawberry.field
    def giants(self, first: int | None = None, last: int | None = None) -> GiantConnection:
        raise NotImplementedError

    @strawberry.field
    def found(self, limit: int = 7) -> list[Giant]:
        raise NotImplementedError

    @strawberry.field
    def by_ids(self, ids: list[strawberry.ID]) -> list[Giant]:
        raise NotImplementedError

    @strawberry.field
    def beings(self) -> list[Being]:
        raise NotImplementedError

    @strawberry.field(directives=[ListSize(assumed_size=1_000)])
    def sand(self) -> list[Dwarf]:
        raise NotImplementedError

    @strawberry.field(
        directives=[ListSize(slicing_arguments=["count"], sized_fields=["nodes"]), Cost(weight="2")]
    )
    def counted(self, count: int | None = None) -> GiantConnection:
        raise NotImplementedError


@strawberry.type
class Mutation:
    @strawberry.mutation
    def tell(self) -> str:
        raise NotImplementedError


SCHEMA = strawberry.Schema(Query, Mutation, types=[Giant, Dwarf])._schema
STORE = DocumentStore(
    SCHEMA, DocumentLimits(max_tokens=20_000, max_chars=500_000, max_fields=20_000)
)


def cost(text, limit=10**9, **variables):
    costs = Costs(SCHEMA, limit=limit, list_size=10, page=100)
    operation = STORE.load(text).operation(None)
    return (costs.priced(operation) or _always(costs, operation)).cost(variables)


def _always(costs, operation):
    from gateway.documents.cost import Priced  # noqa: PLC0415

    return Priced(costs, operation)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{ __typename }", 0),
        ("{ giant { name } }", 3),
        ("{ giant { name name size } g2: giant { name } }", 6),
        ("{ giant { name } giant { size } ...F } fragment F on Query { giant { size } }", 3),
        ("{ giants(first: 4) { total } }", 1),
        ("{ giants(first: 4) { nodes { name } } }", 1 + 4 * 3),
        ("{ giants(first: 4) { edges { node { name } } nodes { name } } }", 1 + 4 * (1 + 3) + 4 * 3),
        ("{ giants { nodes { name } } }", 1 + 100 * 3),
        ("{ giants(first: 4, last: 9) { nodes { name } } }", 1 + 9 * 3),
        ("{ giants(first: 4) { nodes { friends(first: 5) { name } } } }", 1 + 4 * (3 + 5)),
        ("{ giants(first: 4) { nodes { friends { name } } } }", 1 + 4 * (3 + 10)),
        ("{ giants(first: 0) { nodes { friends { name } } } }", 1),
        ("{ found { name } }", 7 * 3),
        ("{ found(limit: 2) { name } }", 2 * 3),
        ('{ byIds(ids: ["1", "2"]) { name } }', 2 * 3),
        ("{ sand { name } }", 1_000),
        ("{ sand { dream tools } }", 1_000 * 101),
        ("{ counted(count: 2) { nodes { name } edges { node { name } } } }", 2 + 1 + 2 * 3 + 10 * 4),
        ("{ beings { name } }", 10 * 3),
        ("{ beings { ... on Dwarf { dream } } }", 10 * 101),
        ("{ beings { ... on Dwarf { dream } ... on Giant { friends(first: 200) { name } } } }", 10 * 203),
        ("{ giant { name } found @skip(if: true) { name } }", 3),
        ("{ giant { name } ... @include(if: false) { found { name } } }", 3),
        ("mutation { tell }", 10),
    ],
)  # fmt: skip
def test_what_an_operation_costs(text, expected):
    """Every rule of the module's docstring, worked out by hand."""
    assert cost(text) == expected


def test_variables_decide():
    """Sizes and conditions are those of each request; what was read before is remembered rightly."""
    text = """query($n: Int, $ids: [ID!]!, $more: Boolean! = false) {
        giants(first: $n) { nodes { name } }
        byIds(ids: $ids) @include(if: $more) { friends(first: $n) { name } } }"""
    costs = Costs(SCHEMA, limit=10**9, list_size=10, page=100)
    priced = costs.priced(STORE.load(text).operation(None))

    def of(**variables):
        return priced.cost({"ids": [], "more": False, **variables})

    for _ in range(2):
        assert of(n=4) == 13
        assert of(n=5, ids=["1"]) == 16
        assert of(n=4, ids=["1", "2"], more=True) == 13 + 2 * (3 + 4)
        assert of(n=4, ids=["3"], more=True) == 13 + 3 + 4
        assert of() == 301
        assert of(n=None) == 301


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans()), max_size=40))
def test_remembered_costs_are_the_costs(requests):
    """Whatever was asked before."""
    text = """query($n: Int, $m: Int, $deep: Boolean!) {
        giants(first: $n) { nodes { name friends(first: $m) @include(if: $deep) { name } } } }"""
    costs = Costs(SCHEMA, limit=10**9, list_size=10, page=100)
    operation = STORE.load(text).operation(None)
    priced = costs.priced(operation)
    for n, deep in requests:
        given_ = {"n": n, "m": n // 2, "deep": deep}
        assert priced.cost(given_) == costs.priced(operation).cost(given_)


def test_what_an_operation_costs_does_not_keep_it():
    """The operation keeps it; both go with their document, and wait for no collection."""
    text = "query($n: Int) {{ a{}: giants(first: $n) {{ nodes {{ name }} }} }}"
    costs = Costs(SCHEMA, limit=10**9, list_size=10, page=100)
    store = DocumentStore(SCHEMA)
    operations = [store.load(text.format(number)).operation(None) for number in range(20)]
    for operation in operations:
        operation.plans["priced"] = costs.priced(operation)
        assert operation.plans["priced"] is not None
    nodes = [weakref.ref(operation.node) for operation in operations]
    gc.collect()  # what their checks left in cycles
    gc.disable()
    try:
        del store, operations, operation
        assert not any(node() for node in nodes)
    finally:
        gc.enable()


def test_what_costs_too_much_is_refused():
    """By a code of its own, with both numbers, at every request; what costs as much as allowed is not."""
    costs = Costs(SCHEMA, limit=13, list_size=10, page=100)
    assert (
        costs.priced(STORE.load("{ giants(first: 4) { nodes { name } } }").operation(None)) is None
    )
    priced = costs.priced(STORE.load("{ giants(first: 5) { nodes { name } } }").operation(None))
    for _ in range(2):
        with pytest.raises(RequestError, match=r"costs 16; at most 13 ") as caught:
            priced.require(VariableCoercer(SCHEMA, ()).coerce({}))
        assert caught.value.code is Code.COST_LIMIT_EXCEEDED
        assert caught.value.details == {"cost": 16, "limit": 13}


def test_a_slicing_argument_may_be_required():
    """As the specification has it: a declared one, unless the declaration says otherwise."""
    with pytest.raises(InputError, match="`counted` needs `count`"):
        cost("{ counted { total } }")


def test_a_wrong_weight_is_the_domain_s_fault():
    """It names what was given."""

    @strawberry.type(name="Query")
    class Wrong:
        @strawberry.field(directives=[Cost(weight="much")])
        def one(self) -> int:
            raise NotImplementedError

    schema = strawberry.Schema(Wrong)._schema
    costs = Costs(schema, limit=1, list_size=1, page=1)
    with pytest.raises(ConfigurationError, match="'much'"):
        costs.priced(DocumentStore(schema).load("{ one }").operation(None))


def test_pricing_is_bounded():
    """An interface's fields are looked at for each set of types, level by level: that multiplies."""
    inner = "name"
    for _ in range(6):
        inner = "... on Giant { a: name } ... on Dwarf { b: name } " * 5 + inner
    text = "{ " + " ".join(f"x{n}: beings {{ {inner} }}" for n in range(400)) + " }"
    parse(text, no_location=True)
    with pytest.raises(InvalidDocument, match="too involved"):
        Costs(SCHEMA, limit=1, list_size=10, page=100).priced(_unchecked(text))


def _unchecked(text):
    from gateway.documents.store import Document  # noqa: PLC0415

    return Document(text, parse(text), 1).operation(None)
