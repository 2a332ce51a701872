"""Collecting fields: merged in order of first appearance, conditions settled, fragments applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from graphql import FragmentDefinitionNode, OperationDefinitionNode, parse
from toy.domain import domain

from gateway.schema.build import build
from gateway.schema.selection import Field, Reader, condition_variables

if TYPE_CHECKING:
    from collections.abc import Mapping

CATALOG = build(domain).catalog


def read(
    text: str, conditions: Mapping[str, bool] | None = None
) -> tuple[Reader, tuple[Field, ...]]:
    """A reader for the document's only operation, and its root fields."""
    definitions = parse(text).definitions
    fragments = {
        each.name.value: each for each in definitions if isinstance(each, FragmentDefinitionNode)
    }
    (operation,) = (each for each in definitions if isinstance(each, OperationDefinitionNode))
    reader = Reader(CATALOG, fragments, conditions or {})
    return reader, reader.root("Query", operation.selection_set)


def below(text: str, conditions: Mapping[str, bool] | None = None) -> list[str]:
    """The response keys under the first root field, of an animal."""
    reader, (root, *_) = read(text, conditions)
    return [field.key for field in reader.below(root, "Animal")]


def test_fields_keep_the_order_of_their_first_appearance() -> None:
    """Wherever a field is repeated, it stays where it first stood."""
    text = "{ star { id ...F name } } fragment F on Animal { mood id ... { name weight } }"
    assert below(text) == ["id", "mood", "name", "weight"]


def test_equal_fields_merge_and_their_selections_too() -> None:
    """Two occurrences of one response key are one position with both selections."""
    reader, (root,) = read("{ star { mother { id } } star { mother { name } born } }")
    assert len(root.nodes) == 2
    mother, born = reader.below(root, "Animal")
    assert [field.key for field in reader.below(mother, "Animal")] == ["id", "name"]
    assert born.key == "born"


def test_aliases_are_positions_of_their_own() -> None:
    """One field under two response keys is asked twice."""
    _, roots = read("{ a: star { id } b: star { id } }")
    assert [(field.key, field.name) for field in roots] == [("a", "star"), ("b", "star")]


@pytest.mark.parametrize(
    ("directives", "keys"),
    [
        ("@include(if: true)", ["id", "name"]),
        ("@include(if: false)", ["id"]),
        ("@skip(if: true)", ["id"]),
        ("@skip(if: false)", ["id", "name"]),
        ("@include(if: $yes) @skip(if: $no)", ["id", "name"]),
        ("@include(if: $yes) @skip(if: $yes)", ["id"]),
        ("@include(if: $no) @skip(if: $no)", ["id"]),
    ],
)
@pytest.mark.parametrize(
    "shape", ["name {}", "... {} {{ name }}", "... on Animal {} {{ name }}", "...F {}"]
)
def test_conditions_hold_on_fields_and_fragments(
    directives: str, keys: list[str], shape: str
) -> None:
    """`@skip` and `@include` decide wherever they may stand, by literal or by variable."""
    text = (
        "query($yes: Boolean!, $no: Boolean!) { star { id "
        + shape.format(directives)
        + " x: born @include(if: $no) @skip(if: $yes) } } fragment F on Animal { name }"
    )
    assert below(text, {"yes": True, "no": False}) == keys


def test_a_condition_of_one_occurrence_does_not_remove_the_others() -> None:
    """A field is left out only where all its occurrences are."""
    assert below("{ star { name @skip(if: true) name } }") == ["name"]


def test_fragments_apply_by_type() -> None:
    """A condition on an interface holds for its types, one on another type does not."""
    text = """{ node(nodeId: "x") { ... on Node { nodeId } ... on Keeper { name } ...A } }
              fragment A on Animal { mood }"""
    reader, (root,) = read(text)
    assert [field.key for field in reader.below(root, "Animal")] == ["nodeId", "mood"]
    assert [field.key for field in reader.below(root, "Keeper")] == ["nodeId", "name"]


def test_a_fragment_is_visited_once_per_selection() -> None:
    """Spreading a fragment again adds nothing, however often it stands there."""
    reader, (root,) = read("{ star { ...F ...F ...F } } fragment F on Animal { name }")
    (name,) = reader.below(root, "Animal")
    assert len(name.nodes) == 1


def test_condition_variables_are_found_everywhere() -> None:
    """Also in fragments, nested ones, and only those of `@skip` and `@include`."""
    text = """query($a: Boolean!, $b: Boolean!, $c: Boolean!, $d: Int, $e: Boolean!) {
        star @include(if: $b) { ...F ...F children(first: $d) { ... @skip(if: $a) { totalCount } } } }
        fragment F on Animal { mother { ...G @include(if: $c) } }
        fragment G on Animal { name @skip(if: $a) id @include(if: $e) }"""
    definitions = parse(text).definitions
    fragments = {
        each.name.value: each for each in definitions if isinstance(each, FragmentDefinitionNode)
    }
    operation = definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    assert condition_variables(operation.selection_set, fragments) == ("a", "b", "c", "e")
