"""How an operation with `@defer` and `@stream` is split, and when it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphql import print_ast
from toy.domain import domain

from gateway.documents.incremental import splitting
from gateway.documents.incremental.splitting import split
from gateway.documents.store import DocumentStore
from gateway.schema.build import build

if TYPE_CHECKING:
    import pytest

    from gateway.documents.incremental.shares import Share

API = build(domain)
STORE = DocumentStore(API.catalog.schema)


def shares(document: str, **conditions: bool) -> Share | None:
    operation = STORE.load(document).operation(None)
    if operation.written is None:
        return None
    return split(API.catalog, operation, operation.written, conditions)


def text(share: Share) -> str:
    """The operation on one line."""
    return " ".join(print_ast(share.operation.node).split())


def test_a_document_is_kept_without_the_directives() -> None:
    """Whoever answers it whole never sees them; one that has none is kept as it is."""
    document = "{ animal(id: 1) { ... @defer { id } ...F } } fragment F on Animal { tags @stream }"
    operation = STORE.load(document).operation(None)
    assert operation.written is not None
    kept = print_ast(operation.node) + print_ast(operation.fragments["F"])
    assert "@" not in kept
    plain = STORE.load('{ animal(id: 1) { id } } # "@defer"').operation(None)
    assert plain.written is None


def test_the_first_share_shows_the_keys_of_what_is_left_out() -> None:
    """And the others are about rows by those."""
    share = shares("{ animal(id: 1) { id ... @defer { name mother { id } } } }")
    assert share is not None
    assert text(share) == "{ animal(id: 1) { id __plait_key: nodeId } }"
    (cut,) = share.cuts
    assert (cut.path, cut.entity) == (("animal",), "Animal")
    assert text(cut.share) == (
        "query ($__plait_keys: [_Any!]!) { _entities(representations: $__plait_keys)"
        " { ... on Animal { name mother { id } } } }"
    )


def test_what_is_asked_for_outside_too_is_not_asked_for_twice() -> None:
    """The rest hangs on the rows of the list that is read anyway."""
    share = shares("""{ animal(id: 1) { children { nodes { id } }
        ... @defer { id children { nodes { id name } totalCount } } } }""")
    assert share is not None
    assert text(share) == (
        "{ animal(id: 1) { children { nodes { id __plait_key: nodeId } } __plait_key: nodeId } }"
    )
    assert sorted(text(cut.share).partition("... on ")[2] for cut in share.cuts) == [
        "Animal { children { totalCount } } } }",
        "Animal { id } } }",
        "Animal { name } } }",
    ]
    assert len({owner for cut in share.cuts for owner in cut.owners}) == 1


def test_conditions_decide_what_is_split() -> None:
    """Of `if`, and of `@skip` and `@include` around."""
    document = """query ($if: Boolean!, $in: Boolean!) {
        animal(id: 1) { name @include(if: $in) ... @defer(if: $if) { name mood } } }"""
    assert shares(document, **{"if": False, "in": True}) is None
    both = shares(document, **{"if": True, "in": True})
    alone = shares(document, **{"if": True, "in": False})
    assert both is not None
    assert alone is not None
    assert text(both.cuts[0].share).endswith("{ mood } } }")
    assert text(alone.cuts[0].share).endswith("{ name mood } } }")


def test_it_is_not_split_into_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bounds the operation is answered whole."""
    document = "{ animal(id: 1) { ... @defer { id } ... @defer { name } } }"
    assert shares(document) is not None
    monkeypatch.setattr(splitting, "MAX_CUTS", 1)
    assert shares(document) is None
    monkeypatch.setattr(splitting, "MAX_VISITS", 1)
    assert shares("{ animal(id: 1) { ... @defer { id } } }") is None
